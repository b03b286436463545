import { columnsOf, IndexesByTable } from '../indexes-by-table.ts'
import { listElements } from '../reading.ts'
import type { AuditCatalog, AuditRule, CatalogTable } from '../types.ts'

/** Rules about how tables are made. */
export const tableRules: readonly AuditRule[] = [
  {
    id: 'table-without-primary-key',
    severity: 'notice',
    category: 'hygiene',
    message: 'A table has no primary key',
    explanation:
      'Without a primary key nothing keeps the same row from coming in twice, no other table can refer to a row, and ' +
      'logical replication cannot tell which row was changed or deleted. Nothing is said of an archive that has ' +
      'neither rows nor anything of post-data, where pg_dump puts the keys: they may have been left out; nor of a table ' +
      'that has a unique constraint or index over columns that are not null, and of one that can have no key: without ' +
      'columns, or partitioned by an expression.',
    fix: 'Add a primary key, or a unique constraint over columns that are not null.',
    links: ['https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS'],
    check({ catalog, report }) {
      if (!catalog.entries.some(({ section }) => section === 'data' || section === 'post-data')) return
      let indexes: IndexesByTable | undefined
      for (const table of catalog.tables) {
        // a partition has the key of its parent; a foreign table none of its own
        if (table.foreign || table.partitionOf !== undefined) continue
        if (table.constraints.some(({ kind }) => kind === 'primary key')) continue
        indexes ??= new IndexesByTable(catalog)
        if (hasUniqueKey(table, indexes) || !mayHaveKey(catalog, table)) continue
        report({ entry: table.entry, message: `${catalog.quote(table.schema, table.name)} has no primary key` })
      }
    },
  },
]

/** Whether rows can be told apart by columns that are not null: REPLICA IDENTITY USING INDEX takes the same. */
function hasUniqueKey({ schema, name, columns }: CatalogTable, indexes: IndexesByTable): boolean {
  const notNull = new Set(columns.flatMap((column) => (column.notNull ? [column.name] : [])))
  if (notNull.size === 0) return false
  return indexes.of(schema, name).some((index) => {
    if (!index.unique || index.where !== undefined || index.constraint?.deferrable === true) return false
    return columnsOf(index).every((column) => column !== undefined && notNull.has(column))
  })
}

function mayHaveKey(catalog: AuditCatalog, table: CatalogTable): boolean {
  if (table.partitioned) return !isByExpression(catalog, table)
  return table.columns.length > 0 || table.inherits.length > 0
}

/** A key of a partitioned table has all columns that it is partitioned by, and takes no expressions. */
function isByExpression(catalog: AuditCatalog, { entry }: CatalogTable): boolean {
  return catalog.statements(entry).some((statement) => {
    for (let at = 1; at < statement.length; at++) {
      if (!statement.has(at, 'partition', 'by') || statement.depth(at) !== 0) continue
      const { elements } = listElements(statement, at + 3)
      return elements.some(([from, to]) => {
        const isCall = statement.mark(from + 1) === '(' && from + 1 < to
        return statement.name(from) === undefined || isCall
      })
    }
    return false
  })
}
