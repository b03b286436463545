import { parseCopyStatement } from '../copy/copy-statement.ts'
import type { TocEntry } from '../toc/types.ts'
import type { Catalog } from './catalog.ts'
import { KeySet, type KeyBudget } from './key-set.ts'
import { ObjectsByName } from './objects-by-name.ts'
import type { RowFilter } from './row-filter.ts'
import { classOf, RowKeys, type LeftOut } from './row-keys.ts'
import { sequenceOfDefault } from './sequence-use.ts'
import type { CatalogConstraint, CatalogIndex, CatalogSequence, CatalogTable, QualifiedName } from './types.ts'

/** The keys of one table (with its partitions), over columns in one order. */
export interface KeyTable {
  readonly table: CatalogTable
  readonly columns: readonly string[]
  /** NULL is a value like any other: UNIQUE NULLS NOT DISTINCT. */
  readonly takesNull: boolean
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
  /** Those of type numeric, whose equal values may have several texts. */
  readonly numeric: readonly number[]
  readonly keys: readonly {
    readonly key: KeyTable
    readonly columns: readonly number[]
    /** The rows that count; undefined for all. */
    readonly where: RowFilter | undefined
  }[]
  readonly foreignKeys: readonly ForeignKey[]
  readonly sequences: readonly ServedColumn[]
}

/** A column whose values a sequence gives. */
export interface ServedColumn {
  readonly sequence: CatalogSequence
  readonly column: QualifiedName & { readonly column: string }
  /** Its place in the rows. */
  readonly place: number
}

/** More keys of a table than that are looked up instead of gone through. */
const FEW_KEYS = 16

const keyOf = ({ schema, name }: QualifiedName): string => `${schema}\u0000${name}`

/** Says what to do with the rows of each table. */
export class DataPlan {
  readonly #catalog: Catalog
  readonly #rowKeys: RowKeys
  readonly #budget: KeyBudget
  /** Of each table the first ones, as a list: most have one or two, and of many tables texts to find them by are much. */
  readonly #keys = new Map<CatalogTable, KeyTable[]>()
  readonly #moreKeys = new Map<string, KeyTable>()
  /** Entries with the rows of a table and of its partitions, by the table. */
  readonly #dataOf = new Map<CatalogTable, number>()
  /** Partitions by the table that they belong to. */
  readonly #parts = new Map<string, CatalogTable[]>()
  /** Sequences with a value by the table that owns them. */
  readonly #sequencesOf = new Map<string, OwnedSequence[]>()
  readonly #isWhole = new Map<CatalogTable, boolean>()
  readonly #uniqueIndexes: ReadonlyMap<CatalogTable, readonly CatalogIndex[]>
  #sequences: ObjectsByName<CatalogSequence> | undefined

  constructor(catalog: Catalog, budget: KeyBudget) {
    this.#catalog = catalog
    this.#budget = budget
    this.#rowKeys = new RowKeys(catalog)
    for (const table of catalog.tables) {
      if (table.partitionOf !== undefined) addTo(this.#parts, keyOf(table.partitionOf), table)
    }
    for (const sequence of catalog.sequences) {
      const { ownedBy, value } = sequence
      if (ownedBy === undefined || value === undefined) continue
      addTo(this.#sequencesOf, keyOf(ownedBy), { sequence, column: ownedBy.column })
    }
    this.#uniqueIndexes = uniqueIndexes(catalog)
  }

  /** The checks that are not made. */
  get leftOut(): LeftOut[] {
    return this.#rowKeys.leftOut
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
    const partial: TablePlan['keys'][number][] = []
    const addPartial = (constraint: CatalogConstraint, columns: number[], where: RowFilter): void => {
      const key = this.#newKey(table, constraint.columns, constraint.nullsNotDistinct)
      key.unique = constraint
      partial.push({ key, columns, where })
    }
    for (const one of lineage) {
      for (const given of one.constraints) {
        const found = this.#rowKeys.ofConstraint(given, table, names, entry)
        if (found === undefined) continue
        const { constraint, where } = found
        const columns = place(constraint.columns)
        if (columns === undefined) continue
        if (where !== undefined) addPartial(constraint, columns, where)
        else if (constraint.kind !== 'foreign key') {
          const key = this.#key(one, constraint.columns, constraint.nullsNotDistinct)
          key.unique ??= constraint
          keys.set(key, columns)
        } else {
          const foreignKey = this.#foreignKey(one, constraint, columns, entry)
          if (foreignKey !== undefined) foreignKeys.push(foreignKey)
        }
      }
    }
    for (const index of this.#uniqueIndexes.get(table) ?? nothing) {
      const where = index.where === undefined ? undefined : this.#rowKeys.filterOf(index.where, table, names)
      const constraint = this.#rowKeys.ofIndex(index, entry, where)
      const columns = place(constraint?.columns ?? [])
      if (constraint === undefined) continue
      this.#rowKeys.sayLimits(
        `unique index ${this.#catalog.quote(index.name)}`,
        constraint.columns,
        table,
        names,
        entry,
      )
      if (columns === undefined) continue
      if (where !== undefined) {
        addPartial(constraint, columns, where)
        continue
      }
      const key = this.#key(table, constraint.columns, constraint.nullsNotDistinct)
      key.unique ??= constraint
      keys.set(key, columns)
    }
    // keys that other tables ask for
    for (const one of lineage) {
      for (const wanted of this.#wanted(one)) {
        const columns = place(wanted)
        if (columns !== undefined) keys.set(this.#key(one, wanted), columns)
      }
    }
    const numeric = table.columns
      .filter(({ type }) => classOf(type) === 'numeric')
      .map(({ name }) => names.indexOf(name))
    return {
      entry,
      table,
      columns: names.length,
      numeric: numeric.length === 0 ? nothing : numeric.filter((at) => at !== -1),
      keys: [...[...keys].map(([key, columns]) => ({ key, columns, where: undefined })), ...partial],
      foreignKeys,
      sequences: this.#served(table, lineage, names),
    }
  }

  /** The columns that own a sequence, and those whose default asks one, whoever owns it. */
  #served(table: CatalogTable, lineage: Iterable<CatalogTable>, names: readonly string[]): readonly ServedColumn[] {
    const found: ServedColumn[] = []
    const add = ({ schema, name }: CatalogTable, sequence: CatalogSequence | undefined, column: string): void => {
      const place = names.indexOf(column)
      if (sequence?.value === undefined || place === -1) return
      if (found.some((one) => one.sequence === sequence && one.place === place)) return
      found.push({ sequence, column: { schema, name, column }, place })
    }
    for (const one of lineage) {
      for (const { sequence, column } of this.#sequencesOf.get(keyOf(one)) ?? nothing) add(one, sequence, column)
    }
    for (const { name, default: value } of table.columns) {
      const asked = value === undefined ? undefined : sequenceOfDefault(this.#catalog, value)
      if (asked === undefined) continue
      const [schema = '', sequence = ''] = asked
      // most are of the column's own, and need not be looked for among all
      const isKnown = (one: ServedColumn): boolean =>
        one.column.column === name && one.sequence.name === sequence && one.sequence.schema === schema
      if (!found.some(isKnown)) add(table, this.#sequence(schema, sequence), name)
    }
    return found.length === 0 ? nothing : found
  }

  #sequence(schema: string, name: string): CatalogSequence | undefined {
    if (this.#sequences === undefined) {
      this.#sequences = new ObjectsByName()
      for (const sequence of this.#catalog.sequences) this.#sequences.set(sequence)
    }
    return this.#sequences.get(schema, name)
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

  #key(table: CatalogTable, columns: readonly string[], takesNull = false): KeyTable {
    const keys = this.#keys.get(table)
    const isFull = keys !== undefined && keys.length >= FEW_KEYS
    const id = isFull ? JSON.stringify([table.schema, table.name, columns, takesNull]) : ''
    const isSame = (one: KeyTable): boolean => one.takesNull === takesNull && isSameList(one.columns, columns)
    const known = keys?.find(isSame) ?? this.#moreKeys.get(id)
    if (known !== undefined) return known
    const key = this.#newKey(table, columns, takesNull)
    if (isFull) this.#moreKeys.set(id, key)
    else if (keys === undefined) this.#keys.set(table, [key])
    else keys.push(key)
    return key
  }

  #newKey(table: CatalogTable, columns: readonly string[], takesNull: boolean): KeyTable {
    const pending = this.#dataOf.get(table) ?? 0
    const keys = new KeySet(this.#budget)
    return { table, columns, takesNull, keys, unique: undefined, users: 0, pending, gap: undefined }
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
      const child = table.columns.find(({ name }) => name === column)
      const referred = parent.columns.find(({ name }) => name === references?.columns[index])
      const own = classOf(child?.type)
      const other = classOf(referred?.type)
      if (own === undefined || own !== other) return 'equal values of its types may be written in several ways'
      if (own === 'text' && !(this.#rowKeys.isExact(child) && this.#rowKeys.isExact(referred)))
        return 'the archive has collations for which different texts are equal'
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

/** By table, those that are no constraint's; of a partitioned table the rows are in the indexes of its partitions. */
function uniqueIndexes(catalog: Catalog): ReadonlyMap<CatalogTable, readonly CatalogIndex[]> {
  const found = new Map<CatalogTable, CatalogIndex[]>()
  for (const index of catalog.indexes) {
    if (!index.unique || index.only || index.constraint !== undefined) continue
    const table = catalog.table(index.schema, index.table)
    if (table === undefined) continue
    const known = found.get(table)
    if (known === undefined) found.set(table, [index])
    else known.push(index)
  }
  return found
}

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
