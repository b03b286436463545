import { copyOf } from '../bytes/byte-string.ts'
import { countsIn, sample, Templates, type ReadSample } from './plain-templates.ts'
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
const MOST_BYTES = 256

const columnLine = /^([a-z_][a-z0-9_]*) ([^]+)$/

/** The columns of plain CREATE TABLE statements, each read from its line; those alike are one object. */
export class PlainColumns {
  readonly #isName: (name: string) => boolean
  readonly #kinds: Templates<Kind>
  readonly #known = new Map<string, CatalogColumn>()
  readonly #columns: CatalogColumn[] = []
  readonly #names = new Map<string, string>()

  constructor(read: ReadSample, isName: (name: string) => boolean) {
    this.#isName = isName
    // the second column is there only where the first one ends at its comma
    const defn = (kind: string): string =>
      `CREATE TABLE ${sample.schema}.${sample.name} (\n    ${sample.part} ${kind},\n    ${sample.other} integer\n);\n`
    this.#kinds = new Templates(
      read,
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
  read(body: string): CatalogColumn[] | undefined {
    const columns = this.#columns
    columns.length = 0
    for (let at = 0; at <= body.length;) {
      const comma = body.indexOf(',\n    ', at)
      const end = comma === -1 ? body.length : comma
      const column = this.#column(body.slice(at, end))
      if (column === undefined) return undefined
      columns.push(column)
      at = comma === -1 ? body.length + 1 : comma + 6
    }
    // a list that has grown has room for more than it will have
    return columns.slice()
  }

  #column(line: string): CatalogColumn | undefined {
    const known = this.#known.get(line)
    if (known !== undefined) return known
    const [, written = '', kind = ''] = columnLine.exec(line) ?? []
    const plain = withoutStrings(kind)
    if (plain === undefined || !this.#isName(written)) return undefined
    const found = this.#kinds.get(plain)
    if (found === undefined) return undefined
    const name = this.#name(written)
    if (plain === kind) {
      const column = { name, ...found }
      if (this.#known.size < MOST_COLUMNS && line.length <= MOST_BYTES) this.#known.set(copyOf(line), column)
      return column
    }
    const { type, notNull, default: value, identity, generated } = found
    // of other shapes it is not known where the strings belong
    const tail = notNull ? ' NOT NULL' : ''
    if (value === undefined || plain !== `${type} DEFAULT ${value}${tail}` || type.includes("'")) return undefined
    const text = copyOf(kind.slice(type.length + ' DEFAULT '.length, kind.length - tail.length))
    return { name, type, notNull, default: text, identity, generated }
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
