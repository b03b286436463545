import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { splitStatements, type LexerOptions, type Statement } from '../sql/lexer.ts'
import type { RowPicker } from './salvage-rows.ts'

/** Text is looked through when there is this much of it, and twice as much each time that no statement ends in it. */
const firstLook = 64 * 1024

/** INSERT statements, as pg_dump --inserts writes them. */
export class InsertRows implements RowPicker {
  rows = 0
  dropped = 0
  done = false
  firstBad: number | undefined
  readonly terminator = encodeByteString('\n\n')
  readonly #options: LexerOptions
  readonly #resume: boolean
  readonly #maxBytes: number
  #text = ''
  /** Offset of `#text` in the data. */
  #position = 0
  #look = firstLook
  #clean = true

  constructor(options: LexerOptions, rules: { readonly resume: boolean; readonly maxRowBytes: number }) {
    this.#options = options
    this.#resume = rules.resume
    this.#maxBytes = Math.min(rules.maxRowBytes, 2 ** 29)
  }

  get intact(): boolean {
    return this.#clean && this.dropped === 0
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    this.#text += decodeByteString(chunk)
    if (this.#text.length < this.#look) return []
    const pieces = this.#takeStatements()
    this.#look = Math.max(firstLook, 2 * this.#text.length)
    if (this.#text.length > this.#maxBytes) {
      this.#drop(this.#position)
      this.done = true
    }
    return pieces
  }

  end(): readonly Uint8Array[] {
    const pieces = this.#takeStatements()
    if (!/^\n\n$/.test(this.#text)) this.#clean = false
    this.#text = ''
    return pieces
  }

  #takeStatements(): Uint8Array[] {
    const pieces: Uint8Array[] = []
    while (!this.done && this.#takeRun(pieces)) {
      // after a bad statement quotes may stand differently, so the text is looked at anew
    }
    return pieces
  }

  /** Takes statements up to one that cannot be right; true when there is more to look at behind it. */
  #takeRun(pieces: Uint8Array[]): boolean {
    const text = this.#text
    let from = 0
    for (const statement of splitStatements(text, this.#options)) {
      const { after } = statement
      const isWhole = text.charAt(after - 1) === ';' && after > statement.end && after < text.length
      if (!isWhole) break
      if (!isInsert(text, statement, from)) {
        this.#drop(this.#position + from)
        this.done = !this.#resume
        const next = text.indexOf('\nINSERT INTO ', from)
        this.#cut(next < 0 ? after + 1 : next + 1)
        return true
      }
      this.rows += rowsOf(text, statement)
      pieces.push(encodeByteString(text.slice(from, after + 1)))
      from = after + 1
    }
    this.#cut(from)
    return false
  }

  #cut(from: number): void {
    this.#position += from
    this.#text = this.#text.slice(from)
  }

  #drop(offset: number): void {
    this.dropped++
    this.firstBad ??= offset
  }
}

function isInsert(text: string, { start, after }: Statement, from: number): boolean {
  if (start !== from || !text.startsWith('INSERT INTO ', start)) return false
  return text.charAt(after) === '\n' && !text.slice(start, after).includes('\0')
}

/** Rows of a statement: the lists after VALUES; one for DEFAULT VALUES. */
function rowsOf(text: string, { tokens }: Statement): number {
  let depth = 0
  let rows = 0
  let values = false
  for (const { kind, start, end } of tokens) {
    const char = end === start + 1 ? text.charAt(start) : ''
    if (kind === 'word' && depth === 0 && text.slice(start, end) === 'VALUES') values = true
    if (char === '(') {
      if (depth === 0 && values) rows++
      depth++
    } else if (char === ')') depth--
  }
  return Math.max(1, rows)
}
