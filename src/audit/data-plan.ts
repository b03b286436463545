import { parseCopyStatement } from '../copy/copy-statement.ts'
import type { TocEntry } from '../toc/types.ts'
import type { Catalog } from './catalog.ts'
import { KeySet, type KeyBudget } from './key-set.ts'
import type { CatalogConstraint, CatalogSequence, CatalogTable, QualifiedName } from './types.ts'

/** The keys of one table (with its partitions), over columns in one order. */
export interface KeyTable {
  readonly table: CatalogTable
  readonly columns: readonly string[]
  readonly keys: KeySet
  /** Set where two rows of one key are a violation. */
  unique: CatalogConstraint | undefined
  /** Foreign keys that look for their rows here; by and by those that are still to be checked. */
  users: number
  /** Tables whose rows are still to come. */
  pending: number
  /** Why it does not hold all keys. */
  gap: string | undefined
}

/** A foreign key as one table's rows are checked by it. */
export interface ForeignKey {
  readonly table: CatalogTable
  readonly constraint: CatalogConstraint
  readonly columns: readonly number[]
  readonly parent: KeyTable
}

/** What is to be done with the rows of one entry. */
export interface TablePlan {
  readonly entry: TocEntry
  readonly table: CatalogTable
  readonly keys: readonly { readonly key: KeyTable; readonly columns: readonly number[] }[]
  readonly foreignKeys: readonly ForeignKey[]
  readonly sequences: readonly { readonly sequence: CatalogSequence; readonly column: number }[]
}

/** A check that is not made. */
export interface LeftOut {
  readonly entry: TocEntry
  readonly what: string
  readonly why: string
}

const keyOf = ({ schema, name }: QualifiedName): string => `${schema}\u0000${name}`

/** Types whose values have one text each, by what compares with what. */
const comparable: readonly (readonly [RegExp, string])[] = [
  [/^(?:smallint|integer|bigint)$/, 'integer'],
  [/^(?:text|character varying(?:\(\d+\))?)$/, 'text'],
  [/^uuid$/, 'uuid'],
  [/^date$/, 'date'],
  [/^boolean$/, 'boolean'],
  [/^bytea$/, 'bytea'],
  [/^oid$/, 'oid'],
  [/^timestamp(?:\(\d\))? with time zone$/, 'timestamptz'],
  [/^timestamp(?:\(\d\))? without time zone$/, 'timestamp'],
]

function classOf(type: string | undefined): string | undefined {
  return comparable.find(([pattern]) => pattern.test(type ?? ''))?.[1]
}

/** Says what to do with the rows of each table. */
export class DataPlan {
  readonly leftOut: LeftOut[] = []
  readonly #catalog: Catalog
  readonly #budget: KeyBudget
  readonly #keys = new Map<string, KeyTable>()
  /** Entries with the rows of a table and of its partitions, by the table. */
  readonly #dataOf = new Map<string, number>()
  readonly #comparesText: boolean

  constructor(catalog: Catalog, budget: KeyBudget) {
    this.#catalog = catalog
    this.#budget = budget
    this.#comparesText = !catalog
      .ofType('COLLATION')
      .some(({ raw }) => /deterministic\s*=\s*false/i.test(raw.byteString('defn') ?? ''))
  }

  /** One plan for each entry with rows of a known table, in archive order. */
  tables(): readonly TablePlan[] {
    const known = this.#catalog.tables.flatMap((table) =>
      table.data === undefined ? [] : [{ table, entry: table.data }],
    )
    for (const { table } of known) {
      for (const one of this.#lineage(table)) this.#dataOf.set(keyOf(one), (this.#dataOf.get(keyOf(one)) ?? 0) + 1)
    }
    const places = new Map(this.#catalog.entries.map((entry, place) => [entry, place]))
    const plans = known.flatMap(({ table, entry }) => this.#plan(table, entry) ?? [])
    return plans.sort((a, b) => (places.get(a.entry) ?? 0) - (places.get(b.entry) ?? 0))
  }

  /** The table and those that it is a partition of. */
  #lineage(table: CatalogTable): readonly CatalogTable[] {
    const found: CatalogTable[] = []
    for (let one: CatalogTable | undefined = table; one !== undefined && !found.includes(one);) {
      found.push(one)
      one =
        one.partitionOf === undefined ? undefined : this.#catalog.table(one.partitionOf.schema, one.partitionOf.name)
    }
    return found
  }

  #plan(table: CatalogTable, entry: TocEntry): TablePlan | undefined {
    const statement = parseCopyStatement(entry.raw.byteString('copyStmt') ?? '')
    if (statement?.columns === undefined || statement.withOids) {
      this.leftOut.push({ entry, what: 'the rows', why: 'they are not stored as COPY text with a list of columns' })
      return undefined
    }
    const names = statement.columns.map((name) => this.#catalog.decode(name))
    const place = (columns: readonly string[]): number[] | undefined => {
      const places = columns.map((column) => names.indexOf(column))
      return places.length === 0 || places.includes(-1) ? undefined : places
    }
    const keys = new Map<KeyTable, number[]>()
    const foreignKeys: ForeignKey[] = []
    for (const one of this.#lineage(table)) {
      for (const constraint of one.constraints) {
        const columns = place(constraint.columns)
        if (columns === undefined) continue
        if (constraint.kind === 'primary key' || constraint.kind === 'unique') {
          const key = this.#key(one, constraint.columns)
          key.unique ??= constraint
          keys.set(key, columns)
        } else if (constraint.kind === 'foreign key') {
          const foreignKey = this.#foreignKey(one, constraint, columns, entry)
          if (foreignKey !== undefined) foreignKeys.push(foreignKey)
        }
      }
    }
    // keys that other tables ask for
    for (const one of this.#lineage(table)) {
      for (const wanted of this.#wanted(one)) {
        const columns = place(wanted)
        if (columns !== undefined) keys.set(this.#key(one, wanted), columns)
      }
    }
    const sequences = this.#catalog.sequences.flatMap((sequence) => {
      const { ownedBy, value } = sequence
      if (ownedBy === undefined || value === undefined || !this.#isIn(table, ownedBy)) return []
      const column = names.indexOf(ownedBy.column)
      return column === -1 ? [] : [{ sequence, column }]
    })
    return {
      entry,
      table,
      keys: [...keys].map(([key, columns]) => ({ key, columns })),
      foreignKeys,
      sequences,
    }
  }

  #isIn(table: CatalogTable, owner: QualifiedName): boolean {
    return this.#lineage(table).some(({ schema, name }) => schema === owner.schema && name === owner.name)
  }

  #wantedOf: Map<string, (readonly string[])[]> | undefined

  /** Lists of columns that foreign keys refer to. */
  #wanted(table: CatalogTable): readonly (readonly string[])[] {
    if (this.#wantedOf === undefined) {
      this.#wantedOf = new Map()
      for (const { constraints } of this.#catalog.tables) {
        for (const { references, notValid, notEnforced } of constraints) {
          if (references === undefined || notValid || notEnforced) continue
          const known = this.#wantedOf.get(keyOf(references))
          if (known === undefined) this.#wantedOf.set(keyOf(references), [references.columns])
          else known.push(references.columns)
        }
      }
    }
    return this.#wantedOf.get(keyOf(table)) ?? []
  }

  #key(table: CatalogTable, columns: readonly string[]): KeyTable {
    const id = JSON.stringify([table.schema, table.name, columns])
    let key = this.#keys.get(id)
    if (key === undefined) {
      const pending = this.#dataOf.get(keyOf(table)) ?? 0
      key = { table, columns, keys: new KeySet(this.#budget), unique: undefined, users: 0, pending, gap: undefined }
      this.#keys.set(id, key)
    }
    return key
  }

  #foreignKey(
    table: CatalogTable,
    constraint: CatalogConstraint,
    columns: readonly number[],
    entry: TocEntry,
  ): ForeignKey | undefined {
    const { references, notValid, notEnforced } = constraint
    if (references === undefined || notValid || notEnforced) return undefined
    const parent = this.#catalog.table(references.schema, references.name)
    const why = this.#obstacle(table, constraint, parent)
    if (why !== undefined || parent === undefined) {
      const what = `foreign key ${this.#catalog.quote(constraint.name ?? '')}`
      this.leftOut.push({ entry, what, why: why ?? 'the table that it refers to is not in the archive' })
      return undefined
    }
    const key = this.#key(parent, references.columns)
    key.users++
    return { table, constraint, columns, parent: key }
  }

  /** Why a foreign key cannot be checked by the text of its values. */
  #obstacle(table: CatalogTable, constraint: CatalogConstraint, parent: CatalogTable | undefined): string | undefined {
    if (parent === undefined) return 'the table that it refers to is not in the archive'
    if (/\bPERIOD\b/.test(constraint.entry.raw.byteString('defn') ?? '')) return 'it compares periods'
    if (!this.#hasAllRows(parent)) return 'the archive has not all rows of the table that it refers to'
    const { columns, references } = constraint
    for (const [index, column] of columns.entries()) {
      const own = classOf(table.columns.find(({ name }) => name === column)?.type)
      const other = classOf(parent.columns.find(({ name }) => name === references?.columns[index])?.type)
      if (own === undefined || own !== other) return 'equal values of its types may be written in several ways'
      if (own === 'text' && !this.#comparesText) return 'the archive has collations for which different texts are equal'
    }
    return undefined
  }

  #hasAllRows(table: CatalogTable): boolean {
    if (!table.partitioned) return table.data !== undefined
    const parts = this.#catalog.tables.filter(
      ({ partitionOf }) => partitionOf?.schema === table.schema && partitionOf.name === table.name,
    )
    // with --load-via-partition-root the rows of partitions are in entries of their own, too
    return parts.every((part) => this.#hasAllRows(part))
  }
}
