/** What can be wrong with the INSERT statements of a table's data. */
export type InsertDefectCode =
  /** A statement that does not begin with INSERT: a script would run it. */
  | 'SQL_NOT_INSERT'
  /** A backslash outside of quotes: psql would take it for a command. */
  | 'SQL_BACKSLASH'
  /**
   * What pg_dump never writes outside of quotes, such as a block comment, a dollar quote or a quote within a word: what
   * follows may be read in two ways.
   */
  | 'SQL_UNUSUAL'
  /** A NUL. */
  | 'SQL_NUL'
  /** The text ends within a statement. */
  | 'SQL_NOT_ENDED'

/** All defects of one kind in one stream. */
export interface InsertDefect {
  readonly code: InsertDefectCode
  count: number
  /** The first one: statement (from 1) and offset in the stream. */
  readonly statement: number
  readonly offset: number
}

/** How to read INSERT statements. */
export interface InsertScannerOptions {
  /** `standard_conforming_strings`: without it a backslash escapes in every string. */
  readonly stdStrings: boolean
  /** See RowScannerOptions. */
  readonly charLength?: ((first: number, second: number) => number) | undefined
  /** Told where in the stream the schema stands of the table that a statement names, quotes included. */
  readonly onSchema?: ((start: number, end: number) => void) | undefined
}

/** How far the table of a statement has been read: what came last. */
type Target = 'other' | 'insert' | 'into' | 'within-name' | 'name'

type Place = 'code' | 'string' | 'escape-string' | 'escape' | 'name' | 'dash' | 'comment' | 'lead' | 'character'

const QUOTE = 0x27
const DOUBLE_QUOTE = 0x22
const BACKSLASH = 0x5c
const DASH = 0x2d
const LINE_FEED = 0x0a
const RETURN = 0x0d
const SEMICOLON = 0x3b
const DOLLAR = 0x24
const OPEN = 0x28
const CLOSE = 0x29
const DOT = 0x2e

/** What pg_dump writes outside of quotes besides words and space: numbers, lists, qualified names. */
const usual: ReadonlySet<number> = new Set(Array.from('+,.-();\'"', (char) => char.charCodeAt(0)))

const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
/** Letters, digits, `_`, `$`, and what is not ASCII. */
const isWord = (byte: number): boolean =>
  (byte | 0x20) - 0x61 < 26 && (byte | 0x20) >= 0x61
    ? true
    : (byte >= 0x30 && byte <= 0x39) || byte === 0x5f || byte === 0x24 || byte >= 0x80

/** What pg_dump puts before a quote: bit strings, and strings with a backslash. */
function isPrefix(word: string): boolean {
  return /^[be]$/i.test(word)
}

/** Words longer than those looked for are not kept. */
const longestWord = 8

/**
 * Reads the SQL of a table that was dumped with INSERT statements (dumpTableData_insert, pg_dump.c) as it comes, and
 * counts statements and rows; it keeps nothing of them.
 */
export class InsertScanner {
  readonly #options: InsertScannerOptions
  readonly #defects = new Map<InsertDefectCode, InsertDefect>()
  #place: Place = 'code'
  #word = ''
  /** The character before, for E''. */
  #last = 0
  #begun = false
  /** The first word of the current statement. */
  #first: string | undefined
  #values = false
  #depth = 0
  #tuples = 0
  #statements = 0
  #rows = 0
  #passed = 0
  #skip = 0
  #lead = 0
  #target: Target = 'other'
  #nameStart = 0
  #nameEnd = 0

  constructor(options: InsertScannerOptions) {
    this.#options = options
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at++) {
      if (this.#place === 'string') {
        // nothing but its end matters in a plain string
        const end = chunk.indexOf(QUOTE, at)
        const nul = chunk.subarray(at, end < 0 ? chunk.length : end).indexOf(0)
        if (nul >= 0) this.#defect('SQL_NUL', this.#passed + at + nul)
        if (end < 0) break
        at = end
      }
      this.#step(chunk[at] ?? 0, this.#passed + at)
    }
    this.#passed += chunk.length
  }

  /** Where a name begins of which it is not known yet whether it is a schema; undefined where there is none. */
  get openName(): number | undefined {
    return this.#target === 'within-name' || this.#target === 'name' ? this.#nameStart : undefined
  }

  /** The first defect so far. */
  get firstDefect(): InsertDefect | undefined {
    const [first] = this.#defects.values()
    return first
  }

  /** What there was. Nothing may follow. */
  finish(): { readonly statements: number; readonly rows: number; readonly defects: readonly InsertDefect[] } {
    if (this.#begun || (this.#place !== 'code' && this.#place !== 'comment')) {
      this.#defect('SQL_NOT_ENDED', this.#passed)
    }
    return { statements: this.#statements, rows: this.#rows, defects: [...this.#defects.values()] }
  }

  #step(byte: number, offset: number): void {
    if (byte === 0) this.#defect('SQL_NUL', offset)
    switch (this.#place) {
      case 'code':
        return this.#code(byte, offset)
      case 'string':
        if (byte === QUOTE) this.#place = 'code'
        return undefined
      case 'escape-string':
        if (byte === QUOTE) this.#place = 'code'
        else if (byte === BACKSLASH) this.#place = 'escape'
        else if (byte >= 0x80) this.#character(byte)
        return undefined
      case 'escape':
        this.#place = 'escape-string'
        return undefined
      case 'name':
        if (byte === DOUBLE_QUOTE) {
          this.#place = 'code'
          if (this.#target === 'within-name') this.#endName(offset + 1)
        }
        return undefined
      case 'dash':
        this.#place = byte === DASH ? 'comment' : 'code'
        return this.#place === 'code' ? this.#code(byte, offset) : undefined
      case 'comment':
        // a carriage return as well (psqlscan.l)
        if (byte === LINE_FEED || byte === RETURN) this.#place = 'code'
        return undefined
      case 'lead':
        this.#skip = (this.#options.charLength?.(this.#lead, byte) ?? 1) - 2
        this.#place = this.#skip > 0 ? 'character' : 'escape-string'
        return undefined
      case 'character':
        if (--this.#skip === 0) this.#place = 'escape-string'
        return undefined
      default:
        return this.#place satisfies never
    }
  }

  #code(byte: number, offset: number): void {
    const last = this.#last
    this.#last = byte
    if (isWord(byte)) {
      // pg_dump quotes a name with such a character
      if (byte === DOLLAR || byte >= 0x80) this.#defect('SQL_UNUSUAL', offset)
      if (this.#word === '') this.#beginWord(offset)
      if (this.#word.length <= longestWord) this.#word += String.fromCharCode(byte)
      this.#begun = true
      return
    }
    if (byte === QUOTE && this.#word.length > 0 && !isPrefix(this.#word)) this.#defect('SQL_UNUSUAL', offset)
    const isEscape = byte === QUOTE && (last | 0x20) === 0x65 && this.#word.length === 1
    if (this.#word !== '') this.#endWord(offset)
    if (isSpace(byte)) return
    this.#atSymbol(byte, offset)
    if (byte === DASH) {
      this.#place = 'dash'
      return
    }
    if (byte === SEMICOLON && this.#depth === 0) {
      this.#endStatement()
      return
    }
    this.#begun = true
    if (byte === QUOTE) this.#place = isEscape || !this.#options.stdStrings ? 'escape-string' : 'string'
    else if (byte === DOUBLE_QUOTE) this.#place = 'name'
    else if (byte === BACKSLASH) this.#defect('SQL_BACKSLASH', offset)
    else if (!usual.has(byte) && byte !== 0) this.#defect('SQL_UNUSUAL', offset)
    else if (byte === OPEN) {
      if (this.#depth === 0 && this.#values) this.#tuples++
      this.#depth++
    } else if (byte === CLOSE && this.#depth > 0) this.#depth--
    if (this.#first === undefined) {
      this.#first = ''
      this.#defect('SQL_NOT_INSERT', offset)
    }
  }

  #beginWord(offset: number): void {
    if (this.#target === 'into') this.#beginName(offset)
    else if (this.#target === 'name') this.#target = 'other'
  }

  /** Something that is neither a word nor space. */
  #atSymbol(byte: number, offset: number): void {
    if (this.#target === 'other') return
    if (this.#target === 'name' && byte === DOT) this.#options.onSchema?.(this.#nameStart, this.#nameEnd)
    // a quote within a name is written twice
    if (byte === DOUBLE_QUOTE && this.#target === 'name' && this.#nameEnd === offset) this.#target = 'within-name'
    else if (byte === DOUBLE_QUOTE && this.#target === 'into') this.#beginName(offset)
    else this.#target = 'other'
  }

  #beginName(offset: number): void {
    this.#target = 'within-name'
    this.#nameStart = offset
  }

  #endName(offset: number): void {
    this.#target = 'name'
    this.#nameEnd = offset
  }

  #endWord(offset: number): void {
    const word = this.#word.toUpperCase()
    this.#word = ''
    if (this.#target === 'within-name') this.#endName(offset)
    else if (this.#target === 'insert') this.#target = word === 'INTO' ? 'into' : 'other'
    if (this.#first === undefined) {
      this.#first = word
      if (word === 'INSERT') this.#target = 'insert'
      else this.#defect('SQL_NOT_INSERT', offset - word.length)
    } else if (word === 'VALUES' && this.#depth === 0) this.#values = true
  }

  #endStatement(): void {
    if (this.#begun) {
      this.#statements++
      // DEFAULT VALUES
      this.#rows += Math.max(1, this.#tuples)
    }
    this.#begun = false
    this.#values = false
    this.#tuples = 0
    this.#first = undefined
    this.#target = 'other'
  }

  #character(first: number): void {
    const { charLength } = this.#options
    if (charLength === undefined || charLength(first, Number.NaN) < 2) return
    this.#lead = first
    this.#place = 'lead'
  }

  #defect(code: InsertDefectCode, offset: number): void {
    const known = this.#defects.get(code)
    if (known === undefined) this.#defects.set(code, { code, count: 1, statement: this.#statements + 1, offset })
    else known.count++
  }
}
