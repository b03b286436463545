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
  /** Columns that the rows have. */
  readonly columns: number
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

/** More keys of a table than that are looked up instead of gone through. */
const FEW_KEYS = 16

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
  /** Of each table the first ones, as a list: most have one or two, and of many tables texts to find them by are much. */
  readonly #keys = new Map<CatalogTable, KeyTable[]>()
  readonly #moreKeys = new Map<string, KeyTable>()
  /** Entries with the rows of a table and of its partitions, by the table. */
  readonly #dataOf = new Map<CatalogTable, number>()
  readonly #comparesText: boolean
  /** Partitions by the table that they belong to. */
  readonly #parts = new Map<string, CatalogTable[]>()
  /** Sequences with a value by the table that owns them. */
  readonly #sequencesOf = new Map<string, OwnedSequence[]>()
  readonly #isWhole = new Map<CatalogTable, boolean>()

  constructor(catalog: Catalog, budget: KeyBudget) {
    this.#catalog = catalog
    this.#budget = budget
    this.#comparesText = !catalog
      .ofType('COLLATION')
      .some(({ raw }) => /deterministic\s*=\s*false/i.test(raw.byteString('defn') ?? ''))
    for (const table of catalog.tables) {
      if (table.partitionOf !== undefined) addTo(this.#parts, keyOf(table.partitionOf), table)
    }
    for (const sequence of catalog.sequences) {
      const { ownedBy, value } = sequence
      if (ownedBy === undefined || value === undefined) continue
      addTo(this.#sequencesOf, keyOf(ownedBy), { sequence, column: ownedBy.column })
    }
  }

  /** One plan for each entry with rows of a known table, in archive order. */
  tables(): readonly TablePlan[] {
    const { tables, entries } = this.#catalog
    for (const table of tables) {
      if (table.data === undefined) continue
      for (const one of this.#lineage(table)) this.#dataOf.set(one, (this.#dataOf.get(one) ?? 0) + 1)
    }
    // of tables with one entry in common, which only archives made by hand have, one after the other
    const byEntry = new Map<TocEntry, TablePlan[]>()
    for (const table of tables) {
      const plan = table.data === undefined ? undefined : this.#plan(table, table.data)
      if (plan === undefined) continue
      const same = byEntry.get(plan.entry)
      if (same === undefined) byEntry.set(plan.entry, [plan])
      else same.push(plan)
    }
    const plans: TablePlan[] = []
    for (const entry of entries) for (const plan of byEntry.get(entry) ?? nothing) plans.push(plan)
    return plans
  }

  /** The table and those that it is a partition of. */
  #lineage(table: CatalogTable): Iterable<CatalogTable> {
    if (table.partitionOf === undefined) return [table]
    const found = new Set<CatalogTable>()
    for (let one: CatalogTable | undefined = table; one !== undefined && !found.has(one);) {
      found.add(one)
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
    const lineage = this.#lineage(table)
    const keys = new Map<KeyTable, number[]>()
    const foreignKeys: ForeignKey[] = []
    for (const one of lineage) {
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
    for (const one of lineage) {
      for (const wanted of this.#wanted(one)) {
        const columns = place(wanted)
        if (columns !== undefined) keys.set(this.#key(one, wanted), columns)
      }
    }
    const sequences: { readonly sequence: CatalogSequence; readonly column: number }[] = []
    for (const one of lineage) {
      for (const { sequence, column } of this.#sequencesOf.get(keyOf(one)) ?? []) {
        const at = names.indexOf(column)
        if (at !== -1) sequences.push({ sequence, column: at })
      }
    }
    return {
      entry,
      table,
      columns: names.length,
      keys: [...keys].map(([key, columns]) => ({ key, columns })),
      foreignKeys,
      sequences,
    }
  }

  #wantedOf: Map<string, Map<string, readonly string[]>> | undefined

  /** Lists of columns that foreign keys refer to, each once: many may refer to the same. */
  #wanted(table: CatalogTable): Iterable<readonly string[]> {
    if (this.#wantedOf === undefined) {
      this.#wantedOf = new Map()
      for (const { constraints } of this.#catalog.tables) {
        for (const { references, notValid, notEnforced } of constraints) {
          if (references === undefined || notValid || notEnforced) continue
          const known = this.#wantedOf.get(keyOf(references)) ?? new Map<string, readonly string[]>()
          this.#wantedOf.set(keyOf(references), known.set(JSON.stringify(references.columns), references.columns))
        }
      }
    }
    return this.#wantedOf.get(keyOf(table))?.values() ?? []
  }

  #key(table: CatalogTable, columns: readonly string[]): KeyTable {
    const keys = this.#keys.get(table)
    const isFull = keys !== undefined && keys.length >= FEW_KEYS
    const id = isFull ? JSON.stringify([table.schema, table.name, columns]) : ''
    const known = keys?.find((one) => isSameList(one.columns, columns)) ?? this.#moreKeys.get(id)
    if (known !== undefined) return known
    const pending = this.#dataOf.get(table) ?? 0
    const keySet = new KeySet(this.#budget)
    const key = { table, columns, keys: keySet, unique: undefined, users: 0, pending, gap: undefined }
    if (isFull) this.#moreKeys.set(id, key)
    else if (keys === undefined) this.#keys.set(table, [key])
    else keys.push(key)
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

  /** Whether the rows of a table, or of all its partitions, are in the archive. */
  #hasAllRows(table: CatalogTable): boolean {
    const known = this.#isWhole.get(table)
    if (known !== undefined) return known
    const whole = this.#partsHaveRows(table)
    this.#isWhole.set(table, whole)
    return whole
  }

  #partsHaveRows(table: CatalogTable): boolean {
    // a list instead of calls: an archive may say that a table is a partition of itself, or chain them without end
    const seen = new Set([table])
    for (const one of seen) {
      // with --load-via-partition-root the rows of partitions are in entries of their own, too
      if (one.partitioned) for (const part of this.#parts.get(keyOf(one)) ?? []) seen.add(part)
      else if (one.data === undefined) return false
    }
    return true
  }
}

const nothing: readonly never[] = []

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at])
}

interface OwnedSequence {
  readonly sequence: CatalogSequence
  readonly column: string
}

function addTo<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const known = lists.get(key)
  if (known === undefined) lists.set(key, [item])
  else known.push(item)
}
