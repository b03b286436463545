import type { RowKernel } from '../codec/row-kernel.ts'

/** What can be wrong with COPY text. */
export type CopyDefectCode =
  /** A row has another number of fields than the statement has columns. */
  | 'COPY_FIELD_COUNT'
  /** An escape that PostgreSQL reads but does not write: `\q`, `\x41`, `\N` within a field. */
  | 'COPY_UNUSUAL_ESCAPE'
  /** `\.` that does not stand alone on its line. */
  | 'COPY_MISPLACED_END'
  /** A carriage return as it is, which servers refuse. */
  | 'COPY_CARRIAGE_RETURN'
  /** A NUL, which servers refuse. */
  | 'COPY_NUL'
  /** Something other than empty lines follows the end mark: a script would run it. */
  | 'COPY_AFTER_END'
  /** The end mark is missing. */
  | 'COPY_NO_END'
  /** The last row has no line feed. */
  | 'COPY_PARTIAL_ROW'
  /** A row is longer than the limit. */
  | 'COPY_ROW_BYTES'
  /** A row has more fields than the limit. */
  | 'COPY_ROW_FIELDS'

/** All defects of one kind in one stream. */
export interface CopyDefect {
  readonly code: CopyDefectCode
  /** How often. */
  count: number
  /** The first one: row (from 1), offset in the stream, and what was found there. */
  readonly row: number
  readonly offset: number
  readonly observed: number | undefined
}

/** How to read rows. */
export interface RowScannerOptions {
  /** Fields of each row; undefined: as many as the first row has. */
  readonly fields: number | undefined
  readonly maxRowBytes: number
  readonly maxFields: number
  /**
   * Bytes of a character by its first two, for encodings in which a later byte may look like a backslash: SJIS, BIG5,
   * GBK, UHC, GB18030, JOHAB. The second is NaN when it is not needed.
   */
  readonly charLength?: ((first: number, second: number) => number) | undefined
  /** Does most of the work where it can run. */
  readonly kernel?: RowKernel | undefined
  /** Where input begins in the memory of `kernel`. */
  readonly kernelInputAt?: number
}

const TAB = 0x09
const LINE_FEED = 0x0a
const RETURN = 0x0d
const BACKSLASH = 0x5c
const DOT = 0x2e
const LETTER_N = 0x4e

/** Bytes after a backslash that PostgreSQL writes (CopyAttributeOutText, copyto.c), `\N` and `\.` aside. */
const usualEscapes: ReadonlySet<number> = new Set(Array.from(String.raw`\bfnrtv`, (char) => char.charCodeAt(0)))

/** Where the scanner stands within a row. */
type Place =
  | 'plain'
  /** After a backslash. */
  | 'escape'
  /** After `\N` at the start of a field. */
  | 'null'
  /** After `\.` at the start of a line. */
  | 'end-mark'
  /** After the end mark. */
  | 'ended'
  /** After the first byte of a longer character. */
  | 'lead'
  /** Within one. */
  | 'character'

/** A chunk is handed to the kernel if it has at least so many bytes left: calling it costs as much as some bytes. */
const KERNEL_FROM = 32

/**
 * Reads the text of COPY as it comes (CopyReadLineText and CopyReadAttributesText, copyfromparse.c) and tells how many
 * rows there are and what is wrong with them; it keeps nothing of them.
 * @example
 * const scanner = new RowScanner({ fields: 2, maxRowBytes: 2 ** 32, maxFields: 1664 })
 * scanner.push(bytes)
 * const { rows, defects } = scanner.finish()
 */
export class RowScanner {
  readonly #options: RowScannerOptions
  readonly #kernel: RowKernel | undefined
  readonly #inputAt: number
  readonly #capacity: number
  readonly #defects = new Map<CopyDefectCode, CopyDefect>()
  #fields: number | undefined
  #place: Place = 'plain'
  #rows = 0
  #tabs = 0
  /** Bytes of the stream before the current chunk. */
  #passed = 0
  /** Offset in the stream at which the current row, and field, began. */
  #rowStart = 0
  #fieldStart = true
  #lead = 0
  #skip = 0

  constructor(options: RowScannerOptions) {
    this.#options = options
    this.#fields = options.fields
    this.#inputAt = options.kernelInputAt ?? 0
    // what the kernel does not look at: characters that hold a backslash, rows that must be short
    const fits = options.charLength === undefined && options.maxRowBytes >= 16 * 1024 * 1024
    this.#kernel = fits ? options.kernel : undefined
    this.#capacity = this.#kernel === undefined ? 0 : this.#kernel.memory.length - this.#inputAt - 64
  }

  /** Rows so far that ended in a line feed. */
  get rows(): number {
    return this.#rows
  }

  /** Offset in the stream after the last whole row. */
  get wholeBytes(): number {
    return this.#rowStart
  }

  push(chunk: Uint8Array): void {
    if (this.#kernel === undefined || chunk.length < KERNEL_FROM) {
      this.#steps(chunk, 0, chunk.length)
      this.#passed += chunk.length
      return
    }
    for (let from = 0; from < chunk.length; from += this.#capacity) {
      const part = chunk.subarray(from, from + this.#capacity)
      this.#pushPart(this.#kernel, part)
      this.#passed += part.length
    }
  }

  /** What there was. Nothing may follow. */
  finish(): { readonly rows: number; readonly fields: number | undefined; readonly defects: readonly CopyDefect[] } {
    if (this.#place === 'end-mark') this.#place = 'ended'
    if (this.#place !== 'ended') {
      if (this.#passed > this.#rowStart) this.#defect('COPY_PARTIAL_ROW', this.#rowStart)
      this.#defect('COPY_NO_END', this.#passed)
    }
    return { rows: this.#rows, fields: this.#fields, defects: [...this.#defects.values()] }
  }

  #pushPart(kernel: RowKernel, chunk: Uint8Array): void {
    const base = this.#inputAt
    kernel.memory.set(chunk, base)
    let at = 0
    while (at < chunk.length) {
      const fields = this.#fields
      const ready = this.#place === 'plain' && fields !== undefined && fields > 0 && chunk.length - at >= KERNEL_FROM
      if (ready) {
        // the byte before tells whether a field begins here
        kernel.memory[base + at - 1] = this.#fieldStart ? TAB : 0
        at = this.#runKernel(kernel, chunk, at, fields - 1)
        if (at === chunk.length) return
      }
      // what the kernel stopped at, to the end of that item
      at = this.#steps(chunk, at, ready || this.#place !== 'plain' ? at + 1 : this.#restFrom(chunk, at))
    }
  }

  /** Without the kernel: up to the end of a row, after which it may be known how many fields there are. */
  #restFrom(chunk: Uint8Array, at: number): number {
    if (this.#fields !== undefined) return chunk.length
    const end = chunk.indexOf(LINE_FEED, at)
    return end < 0 ? chunk.length : end + 1
  }

  #runKernel(kernel: RowKernel, chunk: Uint8Array, at: number, expected: number): number {
    const { counts } = kernel
    const base = this.#inputAt
    counts.tabs = this.#tabs
    counts.rows = 0
    counts.rowStart = 0
    const first = this.#rowStart
    const stopped = kernel.run(base + at, base + chunk.length, expected)
    this.#tabs = counts.tabs
    this.#rows += counts.rows
    const reached = stopped - base
    if (counts.rows > 0) {
      this.#rowStart = this.#passed + counts.rowStart - base
      // only the first of them can have begun in an earlier chunk
      const firstEnd = chunk.indexOf(LINE_FEED, at)
      if (first < this.#passed) this.#checkRowBytes(this.#passed + firstEnd - first, first, 1 - counts.rows)
    }
    if (reached > at) {
      const before = chunk[reached - 1]
      // a tab or line feed after a backslash never comes here
      this.#fieldStart = before === TAB || before === LINE_FEED
    }
    return reached
  }

  /** Byte by byte from `from` until `until`, and further to the end of an escape. @returns where it stopped */
  #steps(chunk: Uint8Array, from: number, until: number): number {
    let at = from
    while (at < until || (this.#place !== 'plain' && this.#place !== 'ended' && at < chunk.length)) {
      const byte = chunk[at] ?? 0
      this.#step(byte, this.#passed + at)
      at++
    }
    return at
  }

  #step(byte: number, offset: number): void {
    switch (this.#place) {
      case 'plain':
        return this.#plain(byte, offset)
      case 'escape':
        return this.#escape(byte, offset)
      case 'null':
        this.#place = 'plain'
        if (byte !== TAB && byte !== LINE_FEED) this.#defect('COPY_UNUSUAL_ESCAPE', offset - 2, LETTER_N)
        return this.#plain(byte, offset)
      case 'end-mark':
        if (byte === LINE_FEED) {
          this.#place = 'ended'
          return undefined
        }
        this.#defect('COPY_MISPLACED_END', offset - 2)
        this.#place = 'plain'
        return this.#plain(byte, offset)
      case 'ended':
        if (byte !== LINE_FEED) this.#defect('COPY_AFTER_END', offset, byte)
        return undefined
      case 'lead': {
        const length = this.#options.charLength?.(this.#lead, byte) ?? 1
        this.#skip = length - 2
        this.#place = this.#skip > 0 ? 'character' : 'plain'
        return undefined
      }
      case 'character':
        if (--this.#skip === 0) this.#place = 'plain'
        return undefined
      default:
        return this.#place satisfies never
    }
  }

  #plain(byte: number, offset: number): void {
    if (byte === LINE_FEED) return this.#endRow(offset)
    if (byte === TAB) {
      this.#tabs++
      this.#fieldStart = true
      return undefined
    }
    if (byte === BACKSLASH) {
      this.#place = 'escape'
      return undefined
    }
    this.#fieldStart = false
    if (byte === RETURN) this.#defect('COPY_CARRIAGE_RETURN', offset)
    else if (byte === 0) this.#defect('COPY_NUL', offset)
    else if (byte >= 0x80) this.#character(byte)
    return undefined
  }

  #character(first: number): void {
    const { charLength } = this.#options
    if (charLength === undefined || charLength(first, Number.NaN) < 2) return
    this.#lead = first
    this.#place = 'lead'
  }

  #escape(byte: number, offset: number): void {
    this.#place = 'plain'
    const fieldStart = this.#fieldStart
    this.#fieldStart = false
    if (byte === DOT && offset - 1 === this.#rowStart) this.#place = 'end-mark'
    else if (byte === DOT) this.#defect('COPY_MISPLACED_END', offset - 1)
    else if (byte === LETTER_N && fieldStart) this.#place = 'null'
    else if (byte === 0) this.#defect('COPY_NUL', offset)
    else if (!usualEscapes.has(byte)) {
      this.#defect('COPY_UNUSUAL_ESCAPE', offset - 1, byte)
      if (byte >= 0x80) this.#character(byte)
    }
  }

  #endRow(offset: number): void {
    const isEmpty = offset === this.#rowStart
    // no fields at all is an empty line as one empty field is: what follows must tell
    const fields = isEmpty && (this.#fields ?? 0) === 0 ? 0 : this.#tabs + 1
    this.#fields ??= fields
    if (fields !== this.#fields) this.#defect('COPY_FIELD_COUNT', this.#rowStart, fields)
    if (fields > this.#options.maxFields) this.#defect('COPY_ROW_FIELDS', this.#rowStart, fields)
    this.#checkRowBytes(offset - this.#rowStart, this.#rowStart, 1)
    this.#rows++
    this.#tabs = 0
    this.#rowStart = offset + 1
    this.#fieldStart = true
  }

  /** @param ahead 1 for the row after those counted, 0 for the last counted, … */
  #checkRowBytes(bytes: number, offset: number, ahead: number): void {
    if (bytes > this.#options.maxRowBytes) this.#defect('COPY_ROW_BYTES', offset, bytes, ahead)
  }

  #defect(code: CopyDefectCode, offset: number, observed?: number, ahead = 1): void {
    const known = this.#defects.get(code)
    if (known === undefined) this.#defects.set(code, { code, count: 1, row: this.#rows + ahead, offset, observed })
    else known.count++
  }
}
