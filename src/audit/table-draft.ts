import type { TocEntry } from '../toc/types.ts'
import type { CatalogColumn, CatalogConstraint, CatalogTable, QualifiedName } from './types.ts'

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** A column while it is being read or changed. */
export type ColumnDraft = Mutable<CatalogColumn>

/** A table while the archive is being read. Its columns may be those of other tables too: they are replaced, not changed. */
export interface TableDraft extends Mutable<CatalogTable> {
  columns: CatalogColumn[]
  constraints: CatalogConstraint[]
  inherits: QualifiedName[]
}

/** What most tables have none of: one list for all of them, which nothing is added to. */
const noConstraints: CatalogConstraint[] = []
const noNames: QualifiedName[] = []

/** A list with one more; one that was empty is made anew, no longer than it need be. */
export function withOne<T>(list: T[], item: T): T[] {
  if (list.length === 0) return [item]
  list.push(item)
  return list
}

/** A table of which nothing is known but its columns. */
export function tableOf(
  entry: TocEntry,
  { schema, name }: QualifiedName,
  columns: CatalogColumn[],
  foreign = false,
): TableDraft {
  return {
    entry,
    schema,
    name,
    columns,
    constraints: noConstraints,
    unlogged: false,
    partitionOf: undefined,
    partitioned: false,
    inherits: noNames,
    foreign,
    rowSecurity: false,
    forceRowSecurity: false,
    data: undefined,
  }
}

/** Tables with more columns are looked up by name: there may be many statements about them. */
const MANY_COLUMNS = 32

interface Places {
  readonly byName: Map<string, number>
  /** How many columns it has. */
  count: number
}

const placesOf = new WeakMap<readonly CatalogColumn[], Places>()

/** The place of a column by its name, of two with one name that of the first; −1 when there is none. */
function columnPlace({ columns }: TableDraft, name: string): number {
  if (columns.length <= MANY_COLUMNS) return columns.findIndex((column) => column.name === name)
  let places = placesOf.get(columns)
  if (places === undefined) placesOf.set(columns, (places = { byName: new Map(), count: 0 }))
  const { byName } = places
  for (; places.count < columns.length; places.count++) {
    const known = columns[places.count]?.name ?? ''
    if (!byName.has(known)) byName.set(known, places.count)
  }
  return byName.get(name) ?? -1
}

/** The column of a name. */
export function columnOf(table: TableDraft, name: string): CatalogColumn | undefined {
  return table.columns[columnPlace(table, name)]
}

/** Does something to a column, if the table has it. */
export function changeColumn(table: TableDraft, name: string, change: (column: ColumnDraft) => void): void {
  const place = columnPlace(table, name)
  const column = table.columns[place]
  if (column === undefined) return
  const changed = { ...column }
  change(changed)
  table.columns[place] = changed
}

/** Adds a constraint. */
export function addConstraint(table: TableDraft, constraint: CatalogConstraint): void {
  table.constraints = withOne(table.constraints, constraint)
  setNotNull(table, constraint)
}

/** Marks the columns of a primary key or constraint NOT NULL. */
export function setNotNull(table: TableDraft, { kind, columns }: CatalogConstraint): void {
  if (kind !== 'primary key' && kind !== 'not null') return
  for (const name of columns) {
    const column = columnOf(table, name)
    if (column?.notNull === false) changeColumn(table, name, (draft) => (draft.notNull = true))
  }
}
