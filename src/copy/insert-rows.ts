import { parseCopyStatement } from './copy-statement.ts'

/** How {@link InsertRows} reads. */
export interface InsertRowsOptions {
  /** `standard_conforming_strings`: without it a backslash escapes in every string. */
  readonly stdStrings: boolean
  /** See RowScannerOptions. */
  readonly charLength?: ((first: number, second: number) => number) | undefined
}

/** Where the rows of INSERT statements go. Names are byte strings, unquoted. */
export interface InsertTarget {
  readonly table: readonly string[]
  /** Those that the statements name; undefined: all of the table, in its order. */
  readonly columns: readonly string[] | undefined
  /** Values in each row. */
  readonly count: number
  /** Of these, from 0 on, the ones that are DEFAULT, which the rows do not have. */
  readonly defaults: readonly number[]
}

type State =
  // between statements; up to VALUES, and a name in that; between rows; behind them
  | 'start'
  | 'head'
  | 'head-name'
  | 'rows'
  | 'end'
  // before, in and behind a value
  | 'value'
  | 'word'
  | 'string'
  | 'quote'
  | 'escape'
  | 'lead'
  | 'character'
  | 'behind'
  // what pg_dump does not write
  | 'odd'

const TAB = 0x09
const LINE_FEED = 0x0a
const SPACE = 0x20
const DOUBLE_QUOTE = 0x22
const QUOTE = 0x27
const OPEN = 0x28
const CLOSE = 0x29
const COMMA = 0x2c
const SEMICOLON = 0x3b
const BACKSLASH = 0x5c

/** Statements of pg_dump's longest names, 1,600 of them, are shorter. */
const longestHead = 1024 * 1024

/** In COPY text by the letter behind a backslash (CopyAttributeOutText, copyto.c). */
const letters: ReadonlyMap<number, number> = new Map(
  ['\bb', '\ff', '\nn', '\rr', '\tt', '\vv', '\\\\'].map((pair) => [pair.charCodeAt(0), pair.charCodeAt(1)]),
)

const isSpace = (byte: number): boolean => byte === SPACE || byte === LINE_FEED || byte === TAB
/** Of NULL, true, false, DEFAULT, and of numbers: letters, digits, signs, the point. */
const isWord = (byte: number): boolean =>
  ((byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a) ||
  (byte >= 0x30 && byte <= 0x39) ||
  byte === 0x2b ||
  byte === 0x2d ||
  byte === 0x2e

/**
 * Reads the rows of a table that was dumped with INSERT statements as it comes, and gives each as COPY text without its
 * line feed: what pg_dump got from the server as text, and wrote as a constant (dumpTableData_insert, pg_dump.c).
 * Anything that pg_dump does not write makes all of it unreadable, rather than being guessed at.
 */
export class InsertRows {
  readonly #options: InsertRowsOptions
  readonly #onRow: (row: Uint8Array) => void
  #state: State = 'start'
  #head = ''
  #firstHead: string | undefined
  #names: Names | undefined
  #target: InsertTarget | undefined
  #escapes = false
  #bits = false
  #lead = 0
  #skip = 0
  #row = new Uint8Array(1024)
  #length = 0
  /** Where the value begins, and the tab before it. */
  #valueStart = 0
  #fieldStart = 0
  /** Values of the row so far, and which of them are DEFAULT. */
  #count = 0
  #defaults: number[] = []
  /** What is between or behind the rows. */
  #between = ''

  /** @param onRow is lent the row */
  constructor(options: InsertRowsOptions, onRow: (row: Uint8Array) => void) {
    this.#options = options
    this.#onRow = onRow
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at++) {
      if (this.#state === 'odd') return
      this.#step(chunk[at] ?? 0)
    }
  }

  /** Nothing may follow. @returns undefined for what cannot be read; `none` where there was no statement */
  finish(): InsertTarget | 'none' | undefined {
    if (this.#state !== 'start') return undefined
    return this.#target ?? 'none'
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'start':
        if (isSpace(byte)) return undefined
        this.#head = String.fromCharCode(byte)
        this.#state = byte === DOUBLE_QUOTE ? 'odd' : 'head'
        return undefined
      case 'head':
        return this.#inHead(byte)
      case 'head-name':
        this.#head += String.fromCharCode(byte)
        if (byte === DOUBLE_QUOTE) this.#state = 'head'
        return undefined
      case 'rows':
        return this.#betweenRows(byte)
      case 'end':
        return this.#behindRows(byte)
      case 'value':
        return this.#beginValue(byte)
      case 'word':
        if (isWord(byte)) return this.#put(byte)
        return this.#endWord(byte)
      case 'string':
        return this.#inString(byte)
      case 'quote':
        if (byte === QUOTE) {
          this.#state = this.#bits ? 'odd' : 'string'
          return this.#put(byte)
        }
        this.#state = 'behind'
        return this.#behindValue(byte)
      case 'escape':
        if (byte !== BACKSLASH && byte !== QUOTE) this.#state = 'odd'
        else {
          this.#state = 'string'
          this.#escaped(byte)
        }
        return undefined
      case 'lead':
        this.#put(this.#lead)
        this.#put(byte)
        this.#skip = (this.#options.charLength?.(this.#lead, byte) ?? 2) - 2
        this.#state = this.#skip > 0 ? 'character' : 'string'
        return undefined
      case 'character':
        this.#put(byte)
        if (--this.#skip === 0) this.#state = 'string'
        return undefined
      case 'behind':
        return this.#behindValue(byte)
      case 'odd':
        return undefined
      default:
        return this.#state satisfies never
    }
  }

  #inHead(byte: number): void {
    const isEnd = byte === OPEN || byte === SEMICOLON || isSpace(byte)
    if (isEnd && this.#head.endsWith(' VALUES')) {
      this.#endHead()
      if (this.#names !== undefined) this.#beginRows(byte)
      return
    }
    if (byte === SEMICOLON || byte === QUOTE || this.#head.length > longestHead) this.#state = 'odd'
    else if (byte === DOUBLE_QUOTE) this.#state = 'head-name'
    this.#head += String.fromCharCode(byte)
  }

  /** All statements of a table begin alike. */
  #endHead(): void {
    if (this.#head === this.#firstHead) return
    this.#names = this.#firstHead === undefined ? namesIn(this.#head) : undefined
    this.#firstHead = this.#head
    if (this.#names === undefined) this.#state = 'odd'
  }

  #beginRows(byte: number): void {
    this.#between = ''
    if (!this.#head.endsWith(' DEFAULT VALUES')) {
      this.#state = 'rows'
      return this.#betweenRows(byte)
    }
    this.#beginRow()
    this.#endRow()
    if (this.#state === 'rows') this.#state = 'end'
    this.#step(byte)
  }

  /** Before a row, or behind one: `, ` or the end. */
  #betweenRows(byte: number): void {
    if (isSpace(byte)) return
    // after a row there is a comma, before the first none
    if (byte === OPEN && this.#between !== ')') this.#beginRow()
    else if (byte === COMMA && this.#between === ')') this.#between = ','
    else if (this.#between === ')') {
      this.#between = ''
      this.#state = 'end'
      this.#behindRows(byte)
    } else this.#state = 'odd'
  }

  #behindRows(byte: number): void {
    if (byte === SEMICOLON) {
      const isRight = this.#between === '' || this.#between.trim() === 'ON CONFLICT DO NOTHING'
      this.#state = isRight ? 'start' : 'odd'
    } else if (this.#between.length > longestHead) this.#state = 'odd'
    else this.#between += String.fromCharCode(byte)
  }

  #beginRow(): void {
    this.#length = 0
    this.#count = 0
    this.#defaults = []
    this.#state = 'value'
  }

  #beginValue(byte: number): void {
    if (isSpace(byte)) return
    this.#fieldStart = this.#length
    if (this.#count > this.#defaults.length) this.#put(TAB)
    this.#count++
    this.#valueStart = this.#length
    this.#bits = false
    this.#escapes = !this.#options.stdStrings
    if (byte === QUOTE) this.#state = 'string'
    else if (isWord(byte)) {
      this.#state = 'word'
      this.#put(byte)
    } else this.#state = 'odd'
  }

  #endWord(byte: number): void {
    const first = this.#row[this.#valueStart] ?? 0
    this.#state = 'behind'
    if (first > 0x40) {
      const word = String.fromCharCode(
        ...this.#row.subarray(this.#valueStart, Math.min(this.#length, this.#valueStart + 8)),
      )
      if (byte === QUOTE && (word === 'E' || word === 'B')) {
        this.#length = this.#valueStart
        this.#escapes = word === 'E'
        this.#bits = word === 'B'
        this.#state = 'string'
        return
      }
      if (!this.#constant(word)) this.#state = 'odd'
    } else if (!this.#isNumber()) this.#state = 'odd'
    if (this.#state === 'behind') this.#behindValue(byte)
  }

  #constant(word: string): boolean {
    this.#length = this.#valueStart
    if (word === 'NULL') {
      this.#put(BACKSLASH)
      this.#put(0x4e)
    } else if (word === 'DEFAULT') {
      this.#length = this.#fieldStart
      this.#defaults.push(this.#count - 1)
    } else if (word === 'true' || word === 'false') this.#put(word.charCodeAt(0))
    else return false
    return true
  }

  /** Digits with what else pg_dump takes for a number. */
  #isNumber(): boolean {
    for (let at = this.#valueStart; at < this.#length; at++) {
      const byte = this.#row[at] ?? 0
      if (byte > 0x40 && (byte | 0x20) !== 0x65) return false
    }
    return true
  }

  #inString(byte: number): void {
    if (byte === QUOTE) this.#state = 'quote'
    else if (this.#bits ? byte !== 0x30 && byte !== 0x31 : byte === 0) this.#state = 'odd'
    else if (byte === BACKSLASH && this.#escapes) this.#state = 'escape'
    else if (byte >= 0x80 && (this.#options.charLength?.(byte, Number.NaN) ?? 1) > 1) {
      this.#lead = byte
      this.#state = 'lead'
    } else this.#escaped(byte)
  }

  #behindValue(byte: number): void {
    if (isSpace(byte)) return
    if (byte === COMMA) this.#state = 'value'
    else if (byte === CLOSE) this.#endRow()
    else this.#state = 'odd'
  }

  #endRow(): void {
    const { count, defaults } = this.#target ?? this.#firstRow()
    if (count !== this.#count || defaults.join() !== this.#defaults.join()) {
      this.#state = 'odd'
      return
    }
    this.#state = 'rows'
    this.#between = this.#count === 0 ? '' : ')'
    this.#onRow(this.#row.subarray(0, this.#length))
  }

  #firstRow(): InsertTarget {
    const { table, columns } = this.#names ?? { table: [], columns: undefined }
    this.#target = { table, columns, count: this.#count, defaults: this.#defaults }
    return this.#target
  }

  /** A byte of a value. */
  #escaped(byte: number): void {
    const letter = byte < 0x0e || byte === BACKSLASH ? letters.get(byte) : undefined
    if (letter !== undefined) this.#put(BACKSLASH)
    this.#put(letter ?? byte)
  }

  #put(byte: number): void {
    if (this.#length === this.#row.length) {
      const larger = new Uint8Array(2 * this.#length)
      larger.set(this.#row)
      this.#row = larger
    }
    this.#row[this.#length++] = byte
  }
}

type Names = Pick<InsertTarget, 'table' | 'columns'>

/** Those in a statement's beginning, up to VALUES. */
function namesIn(head: string): Names | undefined {
  const [, names] = /^INSERT INTO ([^]+?)(?: OVERRIDING SYSTEM VALUE)?(?: DEFAULT)? VALUES$/.exec(head) ?? []
  return names === undefined ? undefined : parseCopyStatement(`COPY ${names} FROM stdin;`)
}
