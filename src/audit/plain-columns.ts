import { copyOf, decodeByteString } from '../bytes/byte-string.ts'
import { ByteTexts } from './byte-texts.ts'
import type { MarkTest } from './marked-rule.ts'
import type { PlainNames } from './plain-names.ts'
import { countsIn, sample, Templates, type Sampling } from './plain-templates.ts'
import type { SpanReader } from './span-reader.ts'
import type { CatalogColumn } from './types.ts'

type Kind = Omit<CatalogColumn, 'name'>

/** A string without a quote in it. */
const plainString = /'[^'\\]*'/g
/** What may change how the text behind it is to be read. */
const unsure = /["\\$]|--|\/\*/

/**
 * The text without what is in its strings; undefined where that is not to be told without reading it: the strings of
 * what is left begin and end where those of the text do.
 */
export function withoutStrings(text: string): string | undefined {
  const emptied = text.includes("'") ? text.replaceAll(plainString, "''") : text
  return unsure.test(emptied) ? undefined : emptied
}

/** More different columns than that are read each time. */
const MOST_COLUMNS = 8192
const MOST_BYTES = 512

const columnLine = /^([a-z_][a-z0-9_]*) ([^]+)$/

const COMMA = 0x2c
const NEWLINE = 0x0a
const BLANK = 0x20
const QUOTE = 0x27
const BACKSLASH = 0x5c
const STAR = 0x2a

/** As {@link unsure}: 2 for what is so by itself, 1 for what is so before the same or a star. */
const unsureByte = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code)
  return /["\\$]/.test(char) ? 2 : /[-/]/.test(char) ? 1 : 0
})

/** A line without what is in its strings. */
interface Line {
  /** As it is where there are no strings. */
  readonly column: CatalogColumn
  readonly hasStrings: boolean
  readonly isMarkedWithStrings: boolean
  /** Bytes before and after the default, which has all of the strings. */
  readonly head: number
  readonly tail: number
}

/** The columns of plain CREATE TABLE statements, each read from its line; those alike are one object. */
export class PlainColumns {
  /** Whether one of the columns read last has strings. */
  hasStrings = false
  /** Whether rules look at one of the columns read last, if there are strings. */
  isMarkedWithStrings = false
  readonly #marks: MarkTest
  readonly #isName: (name: string) => boolean
  readonly #kinds: Templates<Kind>
  readonly #lines = new ByteTexts()
  readonly #known: (Line | undefined)[] = []
  readonly #scratch = new Uint8Array(MOST_BYTES)
  readonly #columns: CatalogColumn[] = []
  readonly #names = new Map<string, string>()

  constructor(sampling: Sampling, names: PlainNames) {
    this.#marks = sampling.marks
    this.#isName = (name) => names.isPlain(name)
    // the second column is there only where the first one ends at its comma
    const defn = (kind: string): string =>
      `CREATE TABLE ${sample.schema}.${sample.name} (\n    ${sample.part} ${kind},\n    ${sample.other} integer\n);\n`
    this.#kinds = new Templates(
      sampling,
      (kind) => [{ desc: 'TABLE', tag: sample.name, defn: defn(kind) }],
      (found) => {
        const [first, second, third] = found.tables[0]?.columns ?? []
        if (countsIn(found) !== 'tables 1' || found.tables[0]?.constraints.length !== 0) return undefined
        if (first?.name !== sample.part || second?.name !== sample.other || third !== undefined) return undefined
        const { name: _, ...kind } = first
        return kind
      },
    )
  }

  /** The columns of the text between the parentheses; undefined where one of the lines is something else. */
  read({ bytes, start, end }: SpanReader): CatalogColumn[] | undefined {
    const columns = this.#columns
    let count = 0
    this.hasStrings = false
    this.isMarkedWithStrings = false
    for (let at = start; at <= end;) {
      const lineEnd = endOfLine(bytes, at, end)
      const column = this.#column(bytes, at, lineEnd)
      if (column === undefined) return undefined
      columns[count++] = column
      at = lineEnd === end ? end + 1 : lineEnd + ',\n    '.length
    }
    // a list that has grown has room for more than it will have
    return columns.slice(0, count)
  }

  #column(bytes: Uint8Array, start: number, end: number): CatalogColumn | undefined {
    const length = this.#withoutStrings(bytes, start, end)
    const line = length === -1 ? undefined : this.#line(length)
    if (line === undefined) return undefined
    if (line.isMarkedWithStrings) this.isMarkedWithStrings = true
    if (!line.hasStrings) return line.column
    this.hasStrings = true
    const text = decodeByteString(bytes, start + line.head, end - line.tail)
    if (this.#marks.isMarkedAnywhere(text)) return undefined
    if (this.#marks.isMarkedWithStrings(text)) this.isMarkedWithStrings = true
    return { ...line.column, default: text }
  }

  /** Takes over a line without what is in its strings; −1 where that is not to be told without reading it. */
  #withoutStrings(bytes: Uint8Array, start: number, end: number): number {
    const scratch = this.#scratch
    let length = 0
    for (let at = start; at < end; at++) {
      const code = bytes[at] ?? 0
      if (length + 2 > MOST_BYTES || (unsureByte[code] ?? 0) > 1) return -1
      // `--` or a comment
      if (unsureByte[code] === 1 && (bytes[at + 1] === code || bytes[at + 1] === STAR)) return -1
      scratch[length++] = code
      if (code !== QUOTE) continue
      while (++at < end && bytes[at] !== QUOTE) if (bytes[at] === BACKSLASH) return -1
      if (at === end) return -1
      scratch[length++] = QUOTE
    }
    return length
  }

  /** What the line says that has been taken over. */
  #line(length: number): Line | undefined {
    const known = this.#lines.find(this.#scratch, 0, length)
    if (known !== -1) return this.#known[known]
    const line = this.#read(decodeByteString(this.#scratch, 0, length))
    if (this.#known.length < MOST_COLUMNS) {
      const number = this.#lines.add(this.#scratch, 0, length)
      if (number !== -1) this.#known[number] = line
    }
    return line
  }

  #read(text: string): Line | undefined {
    if (this.#marks.isMarkedAnywhere(text)) return undefined
    const [, written = '', kind = ''] = columnLine.exec(text) ?? []
    const found = this.#isName(written) ? this.#kinds.findText(kind)?.says : undefined
    if (found === undefined) return undefined
    const column = { name: this.#name(written), ...found }
    const hasStrings = text.includes("'")
    const { type, notNull, default: value } = found
    // of other shapes it is not known where the strings belong
    const tail = notNull ? ' NOT NULL' : ''
    const isKnown = kind === `${type} DEFAULT ${value}${tail}` && !type.includes("'")
    if (hasStrings && (value === undefined || !isKnown)) return undefined
    const head = written.length + 1 + type.length + ' DEFAULT '.length
    return {
      column,
      hasStrings,
      isMarkedWithStrings: this.#marks.isMarkedWithStrings(text),
      head,
      tail: tail.length,
    }
  }

  /** Tables call their columns by few names. */
  #name(name: string): string {
    const known = this.#names.get(name)
    if (known !== undefined || this.#names.size >= MOST_COLUMNS) return known ?? name
    const own = copyOf(name)
    this.#names.set(own, own)
    return own
  }
}

/** Where `,\n    ` is, before the next column; the end where there is none. */
function endOfLine(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if (bytes[at] !== COMMA || bytes[at + 1] !== NEWLINE || at + 6 > end) continue
    if (bytes[at + 2] !== BLANK || bytes[at + 3] !== BLANK || bytes[at + 4] !== BLANK || bytes[at + 5] !== BLANK)
      continue
    return at
  }
  return end
}
