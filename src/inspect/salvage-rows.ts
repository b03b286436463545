import { isWholeUtf8 } from '#codec/platform'
import { encodeByteString } from '../bytes/byte-string.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import { EncodingCheck } from './encoding-check.ts'
import { LongRowJudge, longRowBytes, type LongRowVerdict } from './salvage-long-row.ts'

const lineFeed = 0x0a
const carriageReturn = 0x0d
const tab = 0x09
const backslash = 0x5c
const dot = 0x2e
const letterN = 0x4e

/** What stands behind a backslash in text that PostgreSQL writes (CopyAttributeOutText, copyto.c), besides "N". */
const usualEscapes: ReadonlySet<number> = new Set(encodeByteString(String.raw`\bfnrtv`))

/** Picks what is whole out of a table's data, bit by bit. */
export interface RowPicker {
  /** Rows that were kept. */
  readonly rows: number
  /** Rows that cannot be right, and were left out. */
  readonly dropped: number
  /** Bytes of what was kept. */
  readonly bytes: number
  /** Nothing more is wanted. */
  readonly done: boolean
  /** Offset in the decompressed data of the first row that cannot be right. */
  readonly firstBad: number | undefined
  /** Everything was as pg_dump writes it, its end included; to be asked after {@link RowPicker.end}. */
  readonly intact: boolean
  /** What was kept is valid UTF-8; told where the encoding is not known. */
  readonly isUtf8: boolean
  /** Whole rows of what has come, or, where it is known already that they are good, parts of them; valid until the next call. */
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
  /** The encoding in which text must be valid; undefined: not known. */
  readonly encoding: string | undefined
  /** Go on after a row that cannot be right: of data that are not compressed, where the next row stands for itself. */
  readonly resume: boolean
  readonly maxRowBytes: number
}

type Verdict = 'good' | 'bad' | 'end'

/** Of a row that the first reading did not come to. */
const neverRead: LongRowVerdict = { good: false, fields: undefined }

/**
 * Lines of COPY text, up to `\.`. A row that is too long to be held is judged as it comes, and given when the data are
 * read again.
 */
export class CopyRows implements RowPicker {
  rows = 0
  dropped = 0
  bytes = 0
  done = false
  firstBad: number | undefined
  readonly terminator = encodeByteString('\\.\n\n\n')
  /** What was found of the rows that are too long to be held, for the reading that gives them. */
  readonly longRows: LongRowVerdict[] = []
  readonly #rules: CopyRules
  /** From an earlier reading of the same data. */
  readonly #known: readonly LongRowVerdict[] | undefined
  #nextKnown = 0
  /** For encodings in which a byte within a character may look like a backslash. */
  readonly #charLength: ReturnType<typeof charLengthOf>
  isUtf8 = true
  #columns: number | undefined
  #ended = false
  #clean = true
  /** The row that has begun, of which `#carried` bytes are there. */
  #carry = new Uint8Array(0)
  #carried = 0
  /** The row that has begun is too long to be held; `bytes` of it have come. */
  #long: { readonly start: number; readonly known: LongRowVerdict | undefined; bytes: number } | undefined
  #judgeOfLong: LongRowJudge | undefined
  #position = 0

  /** @param known {@link CopyRows.longRows} of an earlier reading: those that are good are given */
  constructor(rules: CopyRules, known?: readonly LongRowVerdict[]) {
    this.#rules = rules
    this.#known = known
    this.#columns = rules.columns
    const { encoding } = rules
    this.#charLength = encoding !== undefined && mixedEncodings.has(encoding) ? charLengthOf(encoding) : undefined
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
    if (this.#carried > 0 || this.#long !== undefined) {
      const end = chunk.indexOf(lineFeed)
      start = end < 0 ? chunk.length : end + 1
      this.#append(chunk.subarray(0, start), base, pieces)
      if (end < 0) return pieces
      this.#endCarried(base + start, pieces)
    }
    let run = start
    while (!this.done) {
      const end = chunk.indexOf(lineFeed, start)
      if (end < 0) break
      const isLong = end + 1 - start > longRowBytes
      if (!isLong && this.#take(this.#judge(chunk, start, end), base + start, end + 1 - start)) {
        start = end + 1
        continue
      }
      if (start > run) pieces.push(chunk.subarray(run, start))
      if (isLong) {
        // whether a row is long must not depend on how the data come
        this.#append(chunk.subarray(start, end + 1), base + start, pieces)
        this.#endCarried(base + end + 1, pieces)
      }
      run = start = end + 1
    }
    if (start > run) pieces.push(chunk.subarray(run, start))
    if (start < chunk.length && !this.done) this.#append(chunk.subarray(start), base + start, pieces)
    return pieces
  }

  end(): readonly Uint8Array[] {
    // a line without its end is cut, whatever is in it
    if (this.#carried > 0 || this.#long !== undefined) this.#clean = false
    if (this.#long !== undefined) this.longRows.push({ good: false, fields: undefined })
    this.#carried = 0
    this.#long = undefined
    return []
  }

  /** @param at offset of `bytes` in the data */
  #append(bytes: Uint8Array, at: number, pieces: Uint8Array[]): void {
    if (this.#long !== undefined) return this.#continueLong(bytes, pieces)
    const length = this.#carried + bytes.length
    if (length > longRowBytes) {
      const known = this.#known === undefined ? undefined : (this.#known[this.#nextKnown++] ?? neverRead)
      this.#long = { start: at - this.#carried, known, bytes: 0 }
      if (known === undefined) this.#beginJudging()
      const held = this.#carry.subarray(0, this.#carried)
      this.#carry = new Uint8Array(0)
      this.#carried = 0
      if (held.length > 0) this.#continueLong(held, pieces)
      return this.#continueLong(bytes, pieces)
    }
    if (length > this.#carry.length) {
      const larger = new Uint8Array(Math.min(longRowBytes, Math.max(length, 2 * this.#carry.length)))
      larger.set(this.#carry.subarray(0, this.#carried))
      this.#carry = larger
    }
    this.#carry.set(bytes, this.#carried)
    this.#carried = length
  }

  #beginJudging(): void {
    const { encoding, maxRowBytes } = this.#rules
    if (this.#judgeOfLong === undefined) this.#judgeOfLong = new LongRowJudge(encoding, maxRowBytes, this.#columns)
    else this.#judgeOfLong.begin(this.#columns)
  }

  #continueLong(bytes: Uint8Array, pieces: Uint8Array[]): void {
    const long = this.#long
    if (long === undefined) return
    long.bytes += bytes.length
    if (long.known === undefined) this.#judgeOfLong?.push(bytes)
    else if (long.known.good) pieces.push(bytes)
  }

  /** The line feed of the row that had begun has come. @param end offset after it */
  #endCarried(end: number, pieces: Uint8Array[]): void {
    const long = this.#long
    if (long !== undefined) {
      this.#long = undefined
      this.#take(this.#verdictOf(long.known), long.start, long.bytes)
      return
    }
    const row = this.#carry.subarray(0, this.#carried)
    this.#carried = 0
    if (!this.#take(this.#judge(row, 0, row.length - 1), end - row.length, row.length)) return
    pieces.push(row)
    // its memory is given away
    this.#carry = new Uint8Array(0)
  }

  #verdictOf(known: LongRowVerdict | undefined): Verdict {
    // anything but empty lines behind the end would be run as SQL
    const found = this.#ended ? neverRead : (known ?? this.#judgeOfLong?.finish() ?? neverRead)
    if (known === undefined) this.longRows.push({ good: found.good, fields: found.fields })
    if ('isUtf8' in found && this.#rules.encoding === undefined && found.isUtf8 === false) this.isUtf8 = false
    this.#columns ??= found.fields
    return found.good ? 'good' : 'bad'
  }

  /** Whether the row is kept. */
  #take(verdict: Verdict, offset: number, bytes: number): boolean {
    if (this.#ended) {
      // pg_dump writes empty lines after the end
      if (verdict !== 'end') this.#clean = false
      return false
    }
    if (verdict === 'good') {
      this.rows++
      this.bytes += bytes
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
    // anything but empty lines behind the end would be run as SQL
    if (this.#ended) return length === 0 ? 'end' : 'bad'
    if (length === 2 && bytes[start] === backslash && bytes[start + 1] === dot) return 'end'
    if (length > this.#rules.maxRowBytes) return 'bad'
    let fields = 1
    let fieldStart = start
    let high = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at] ?? 0
      high |= byte
      if (byte === tab) {
        fields++
        fieldStart = at + 1
      } else if (byte === backslash) {
        at++
        if (!isUsualEscape(bytes, at, end, fieldStart)) return 'bad'
      } else if (byte === 0 || byte === carriageReturn) return 'bad'
      else if (byte >= 0x80 && this.#charLength !== undefined) {
        at += Math.max(1, this.#charLength(byte, at + 1 < end ? (bytes[at + 1] ?? 0) : Number.NaN)) - 1
      }
    }
    if (!this.#hasColumns(fields, length)) return 'bad'
    return high < 0x80 || this.#isValid(bytes.subarray(start, end)) ? 'good' : 'bad'
  }

  #hasColumns(fields: number, length: number): boolean {
    // an empty line is a row without columns, or one empty column: what follows tells
    if (this.#columns === undefined && length > 0) this.#columns = fields
    return (this.#columns ?? 0) === 0 ? length === 0 : fields === this.#columns
  }

  #isValid(text: Uint8Array): boolean {
    const { encoding } = this.#rules
    const isUtf8 = isWholeUtf8(text)
    if (encoding === undefined && !isUtf8) this.isUtf8 = false
    return encoding === undefined || (encoding === 'UTF8' ? isUtf8 : isValidIn(encoding, text))
  }
}

/** Whether text is valid in an encoding, as the server checks it. */
export function isValidIn(encoding: string, text: Uint8Array): boolean {
  const check = new EncodingCheck(encoding)
  check.push(text)
  return check.finish() === undefined
}

/** @param at index of the byte behind the backslash */
function isUsualEscape(bytes: Uint8Array, at: number, end: number, fieldStart: number): boolean {
  if (at >= end) return false
  const byte = bytes[at] ?? 0
  if (byte !== letterN) return usualEscapes.has(byte)
  // NULL is a whole field
  return at - 1 === fieldStart && (at + 1 === end || bytes[at + 1] === tab)
}
