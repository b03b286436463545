import type { TocEntry } from '../toc/types.ts'
import { columnsOf } from './indexes-by-table.ts'
import { rowFilter, type RowFilter } from './row-filter.ts'
import type { AuditCatalog, CatalogColumn, CatalogConstraint, CatalogIndex, CatalogTable } from './types.ts'

/** A check that is not made. */
export interface LeftOut {
  readonly entry: TocEntry
  readonly what: string
  readonly why: string
}

/** Types whose values have one text each, by what compares with what; of numeric the zeros at the end do not count. */
const comparable: readonly (readonly [RegExp, string])[] = [
  [/^(?:smallint|integer|bigint)$/, 'integer'],
  [/^(?:text|character varying(?:\(\d+\))?)$/, 'text'],
  [/^numeric(?:\(\d+,-?\d+\))?$/, 'numeric'],
  [/^uuid$/, 'uuid'],
  [/^date$/, 'date'],
  [/^boolean$/, 'boolean'],
  [/^bytea$/, 'bytea'],
  [/^oid$/, 'oid'],
  [/^timestamp(?:\(\d\))? with time zone$/, 'timestamptz'],
  [/^timestamp(?:\(\d\))? without time zone$/, 'timestamp'],
]

export function classOf(type: string | undefined): string | undefined {
  return comparable.find(([pattern]) => pattern.test(type ?? ''))?.[1]
}

/** Which keys of tables can be compared by the text of their rows, and what is to be said of the others. */
export class RowKeys {
  readonly leftOut: LeftOut[] = []
  readonly #catalog: AuditCatalog
  /** Of no collation that the archive makes different texts are equal. */
  readonly #comparesText: boolean

  constructor(catalog: AuditCatalog) {
    this.#catalog = catalog
    this.#comparesText = !catalog
      .ofType('COLLATION')
      .some(({ raw }) => /deterministic\s*=\s*false/i.test(raw.byteString('defn') ?? ''))
  }

  /** A key whose rows can be compared, and said what cannot: undefined for no key, and for what columns do not tell. */
  ofConstraint(
    constraint: CatalogConstraint,
    table: CatalogTable,
    names: readonly string[],
    entry: TocEntry,
  ): { readonly constraint: CatalogConstraint; readonly where?: RowFilter } | undefined {
    const { kind, notValid, notEnforced } = constraint
    if (kind === 'check' || kind === 'not null') return undefined
    const what = nameOfKey(constraint, (name) => this.#catalog.quote(name))
    if (kind === 'foreign key') {
      if (!notValid && !notEnforced) this.sayLimits(what, constraint.columns, table, names, entry)
      return { constraint }
    }
    if (kind !== 'exclude') {
      this.sayLimits(what, constraint.columns, table, names, entry)
      if (/\bWITHOUT OVERLAPS\b/.test(constraint.entry.raw.byteString('defn') ?? ''))
        this.leftOut.push({ entry, what, why: 'of its periods only those that are the same are found' })
      return { constraint }
    }
    const equal = equalColumns(constraint)
    const where = equal?.where === undefined ? undefined : this.filterOf(equal.where, table, names)
    const columns = (equal?.columns ?? []).map((name) => this.#catalog.decode(name))
    const isKnown = columns.every((name) => classOf(table.columns.find((one) => one.name === name)?.type) !== undefined)
    if (equal === undefined || (equal.where !== undefined && where === undefined) || !isKnown) {
      const why = equal === undefined ? 'it compares otherwise than for equality' : 'not by the text of its columns'
      this.leftOut.push({ entry, what, why })
      return undefined
    }
    this.sayLimits(what, columns, table, names, entry)
    const flags = { nullsNotDistinct: false, matchFull: false, references: undefined }
    const { name, deferrable, entry: own } = constraint
    const same = { name, kind, columns, notValid, notEnforced, deferrable, entry: own, ...flags }
    return where === undefined ? { constraint: same } : { constraint: same, where }
  }

  /** Says which columns of a key the rows do not have, and of which equal values may look different. */
  sayLimits(
    what: string,
    columns: readonly string[],
    table: CatalogTable,
    names: readonly string[],
    entry: TocEntry,
  ): void {
    for (const name of columns) {
      const column = table.columns.find((one) => one.name === name)
      const shown = this.#catalog.quote(name)
      if (!names.includes(name)) {
        const why = column?.generated === undefined ? 'is not in the rows' : 'is generated, and not in the rows'
        this.leftOut.push({ entry, what, why: `its column ${shown} ${why}` })
        return
      }
      const isText = classOf(column?.type) === 'text' && !this.isExact(column)
      if (column === undefined || !(isLoose(column) || isText)) continue
      const why = `equal values of its column ${shown} that are written in several ways are not found`
      if (!what.startsWith('foreign key')) this.leftOut.push({ entry, what, why })
    }
  }

  /** A unique index as a constraint of the same; undefined, and said, for what the columns alone do not tell. */
  ofIndex(index: CatalogIndex, entry: TocEntry, where: RowFilter | undefined): CatalogConstraint | undefined {
    const columns = columnsOf(index).flatMap((name) => (name === undefined ? [] : [this.#catalog.decode(name)]))
    const why =
      index.where !== undefined && where === undefined
        ? 'it is of some rows only'
        : columns.length < index.keys.length
          ? 'it is of expressions'
          : undefined
    if (why !== undefined) {
      this.leftOut.push({ entry, what: `unique index ${this.#catalog.quote(index.name)}`, why })
      return undefined
    }
    const { name, nullsNotDistinct } = index
    const flags = { notValid: false, notEnforced: false, deferrable: false, nullsNotDistinct, matchFull: false }
    return { name, kind: 'unique', columns, references: undefined, ...flags, entry: index.entry }
  }

  /** Undefined where the text of one column does not say which rows are meant. */
  filterOf(where: string, { columns }: CatalogTable, names: readonly string[]): RowFilter | undefined {
    return rowFilter(this.#catalog.decode(where), (written) => {
      const name = written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written
      const column = columns.find((one) => one.name === name)
      const place = names.indexOf(name)
      // without quotes a key word is no column
      if (column === undefined || place === -1 || (written === name && this.#catalog.quote(name) !== name))
        return undefined
      const type = classOf(column.type)
      return { place, type: type === 'text' && !this.isExact(column) ? undefined : type }
    })
  }

  /** Whether different texts of a column are never equal. */
  isExact(column: CatalogColumn | undefined): boolean {
    return this.#comparesText || /^(?:"?pg_catalog"?\.|$)/.test(column?.collation ?? '')
  }
}

/** What of an exclusion constraint makes it one of equal values; undefined where it is about anything else. */
function equalColumns(constraint: CatalogConstraint): ExcludedRows | undefined {
  const columns: string[] = []
  for (const element of constraint.columns) {
    const [, quoted, plain] = equalElement.exec(element) ?? []
    const name = quoted?.replaceAll('""', '"') ?? plain
    if (name === undefined) return undefined
    columns.push(name)
  }
  const defn = constraint.entry.raw.byteString('defn') ?? ''
  if (!/\sWHERE\s/i.test(defn)) return { columns, where: undefined }
  const where = condition.exec(defn)?.[1]
  return where === undefined || /\sWHERE\s/i.test(where) ? undefined : { columns, where }
}

interface ExcludedRows {
  /** Byte strings. */
  readonly columns: readonly string[]
  readonly where: string | undefined
}

/** `room WITH =`, of the type's own operator class and collation. */
const equalElement = /^(?:"((?:[^"]|"")+)"|([a-z_\u0080-\uffff][\w$\u0080-\uffff]*)) WITH =$/
const condition = / WHERE (\(.*\))(?: DEFERRABLE(?: INITIALLY DEFERRED)?)?;\n$/s

/** Types of which equal values may be written in several ways: `A` and `a`, `-0` and `0`, `1 mon` and `30 days`. */
const loose = /^(?:double precision|real|interval\b.*|jsonb|bpchar|nummultirange|numrange|(?:.*\.)?citext)(?:\[\])*$/

/** Whether equal values of a column may be written in several ways, which a comparison of texts does not find. */
function isLoose({ type }: CatalogColumn): boolean {
  return loose.test(type) || /^numeric(?:\(\d+,-?\d+\))?(?:\[\])+$/.test(type)
}

/** `primary key t_pkey`, for what is said of it. */
function nameOfKey({ kind, name }: CatalogConstraint, quote: (name: string) => string): string {
  const what = kind === 'exclude' ? 'exclusion constraint' : kind === 'unique' ? 'unique constraint' : kind
  return `${what} ${quote(name ?? '')}`
}
