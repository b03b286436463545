import { encodeByteString } from '../bytes/byte-string.ts'
import { tokenize } from '../sql/lexer.ts'

const lineFeed = 0x0a
const carriageReturn = 0x0d
const tab = 0x09
const backslash = 0x5c
const dot = 0x2e

/** Picks what is whole out of a table's data, bit by bit. */
export interface RowPicker {
  /** Rows that were kept. */
  readonly rows: number
  /** Rows that cannot be right, and were left out. */
  readonly dropped: number
  /** Nothing more is wanted. */
  readonly done: boolean
  /** Offset in the decompressed data of the first row that cannot be right. */
  readonly firstBad: number | undefined
  /** Everything was as pg_dump writes it, its end included; to be asked after {@link RowPicker.end}. */
  readonly intact: boolean
  /** Whole rows of what has come; valid until the next call. */
  push(chunk: Uint8Array): readonly Uint8Array[]
  /** The same at the end of the data: what is left is whole rows or dropped. */
  end(): readonly Uint8Array[]
  /** What ends such data. */
  readonly terminator: Uint8Array
}

/** How rows of COPY text are judged. */
export interface CopyRules {
  /** Number of columns; undefined: that of the first row. */
  readonly columns: number | undefined
  /** Text must be valid UTF-8. */
  readonly utf8: boolean
  /** Go on after a row that cannot be right: of data that are not compressed, where the next row stands for itself. */
  readonly resume: boolean
  readonly maxRowBytes: number
}

type Verdict = 'good' | 'bad' | 'end'

/** Lines of COPY text, up to `\.`. */
export class CopyRows implements RowPicker {
  rows = 0
  dropped = 0
  done = false
  firstBad: number | undefined
  readonly terminator = encodeByteString('\\.\n\n\n')
  readonly #rules: CopyRules
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true })
  #columns: number | undefined
  #ended = false
  #clean = true
  /** The row that has begun, of which `#carried` bytes are there. */
  #carry = new Uint8Array(0)
  #carried = 0
  /** The row is longer than it may be: passed over to its end. */
  #tooLong = false
  #position = 0

  constructor(rules: CopyRules) {
    this.#rules = rules
    this.#columns = rules.columns
  }

  get intact(): boolean {
    return this.#ended && this.#clean && this.dropped === 0
  }

  /** Number of columns, once it is known. */
  get columns(): number | undefined {
    return this.#columns
  }

  push(chunk: Uint8Array): readonly Uint8Array[] {
    const pieces: Uint8Array[] = []
    const base = this.#position
    this.#position += chunk.length
    let start = 0
    if (this.#carried > 0 || this.#tooLong) {
      const end = chunk.indexOf(lineFeed)
      this.#append(end < 0 ? chunk : chunk.subarray(0, end + 1))
      if (end < 0) return pieces
      const row = this.#carry.subarray(0, this.#carried)
      const first = base + end + 1 - this.#carried
      const verdict = this.#tooLong ? 'bad' : this.#judge(row, 0, row.length - 1)
      this.#carried = 0
      this.#tooLong = false
      if (this.#take(verdict, first)) {
        pieces.push(row)
        // its memory is given away
        this.#carry = new Uint8Array(0)
      }
      start = end + 1
    }
    let run = start
    while (!this.done) {
      const end = chunk.indexOf(lineFeed, start)
      if (end < 0) break
      if (this.#take(this.#judge(chunk, start, end), base + start)) {
        start = end + 1
        continue
      }
      if (start > run) pieces.push(chunk.subarray(run, start))
      run = start = end + 1
    }
    if (start > run) pieces.push(chunk.subarray(run, start))
    if (start < chunk.length && !this.done) this.#append(chunk.subarray(start))
    return pieces
  }

  end(): readonly Uint8Array[] {
    // a line without its end is cut, whatever is in it
    if (this.#carried > 0 || this.#tooLong) this.#clean = false
    this.#carried = 0
    return []
  }

  #append(bytes: Uint8Array): void {
    const length = this.#carried + bytes.length
    if (this.#tooLong || length > this.#rules.maxRowBytes) {
      this.#tooLong = true
      this.#carried = 0
      return
    }
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#carry.length))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(bytes, this.#carried)
    this.#carried = length
  }

  /** Whether the row is kept. */
  #take(verdict: Verdict, offset: number): boolean {
    if (this.#ended) {
      // pg_dump writes empty lines after the end
      if (verdict !== 'end') this.#clean = false
      return false
    }
    if (verdict === 'good') {
      this.rows++
      return true
    }
    if (verdict === 'end') {
      this.#ended = true
      return false
    }
    this.dropped++
    this.firstBad ??= offset
    if (!this.#rules.resume) this.done = true
    return false
  }

  /** @param end index of the line feed */
  #judge(bytes: Uint8Array, start: number, end: number): Verdict {
    const length = end - start
    if (this.#ended) return length === 0 || (length === 1 && bytes[start] === carriageReturn) ? 'end' : 'bad'
    if (length === 2 && bytes[start] === backslash && bytes[start + 1] === dot) return 'end'
    let fields = 1
    let high = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === tab) fields++
      else if (byte === 0) return 'bad'
      high |= byte
    }
    if (this.#columns === undefined) this.#columns = fields
    if (this.#columns === 0 ? length > 0 : fields !== this.#columns) return 'bad'
    if (high < 0x80 || !this.#rules.utf8) return 'good'
    try {
      this.#utf8.decode(bytes.subarray(start, end))
      return 'good'
    } catch {
      return 'bad'
    }
  }
}

/** Number of columns that a COPY statement names; undefined where it does not tell. */
export function copyColumns(copyStmt: string): number | undefined {
  const tokens = [...tokenize(copyStmt)].filter(({ kind }) => kind !== 'space' && kind !== 'comment')
  const text = (index: number): string => copyStmt.slice(tokens[index]?.start ?? 0, tokens[index]?.end ?? 0)
  let columns = 0
  let open = -1
  for (let at = 0; at < tokens.length; at++) {
    if (text(at) === '(') {
      open = at
      columns = text(at + 1) === ')' ? 0 : 1
    } else if (open >= 0 && text(at) === ',') {
      columns++
    } else if (open >= 0 && text(at) === ')') {
      const oids = /^with$/i.test(text(at + 1)) && /^oids$/i.test(text(at + 2))
      return columns + (oids ? 1 : 0)
    }
  }
  // COPY public.t  FROM stdin; is a table without columns
  return undefined
}
