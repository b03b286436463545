const SEMICOLON = 0x3b
const QUOTE = 0x27
const DOUBLE_QUOTE = 0x22
const BACKSLASH = 0x5c
const LINE_FEED = 0x0a

type Place = 'code' | 'string' | 'name'

/**
 * Cuts the SQL of a table that was dumped with INSERT statements into statements, by the rules of pg_restore: quotes
 * are seen, comments and dollar quotes are not, as pg_dump writes none there (ExecuteSimpleCommands, pg_backup_db.c).
 */
export class StatementSplitter {
  readonly #stdStrings: boolean
  #place: Place = 'code'
  #escaped = false
  /** The statement so far, of earlier chunks. */
  #pieces: Uint8Array[] = []

  /** @param stdStrings `standard_conforming_strings`: without it a backslash escapes in a string */
  constructor(stdStrings: boolean) {
    this.#stdStrings = stdStrings
  }

  /** The statements that end in `chunk`, each with its semicolon; they may share its memory. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]
      switch (this.#place) {
        case 'code':
          if (byte === SEMICOLON) {
            yield this.#statement(chunk.subarray(start, at + 1))
            start = at + 1
          } else if (byte === QUOTE) {
            this.#place = 'string'
            this.#escaped = false
          } else if (byte === DOUBLE_QUOTE) {
            this.#place = 'name'
          } else if (byte === LINE_FEED && at === start && this.#pieces.length === 0) {
            // line breaks between statements are dropped
            start = at + 1
          }
          break
        case 'string':
          if (byte === QUOTE && !this.#escaped) this.#place = 'code'
          else if (byte === BACKSLASH && !this.#stdStrings) this.#escaped = !this.#escaped
          else this.#escaped = false
          break
        case 'name':
          if (byte === DOUBLE_QUOTE) this.#place = 'code'
          break
        default:
          this.#place satisfies never
      }
    }
    // chunks are lent
    if (start < chunk.length) this.#pieces.push(chunk.slice(start))
  }

  #statement(last: Uint8Array): Uint8Array {
    if (this.#pieces.length === 0) return last
    const pieces = [...this.#pieces, last]
    this.#pieces = []
    const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0))
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return whole
  }
}
