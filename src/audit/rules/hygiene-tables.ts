import type { AuditRule } from '../types.ts'

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
      'neither rows nor anything of post-data, where pg_dump puts the keys: they may have been left out.',
    fix: 'Add a primary key, or a unique constraint over columns that are not null.',
    links: ['https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-PRIMARY-KEYS'],
    check({ catalog, report }) {
      if (!catalog.entries.some(({ section }) => section === 'data' || section === 'post-data')) return
      for (const table of catalog.tables) {
        // a partition has the key of its parent; a foreign table none of its own
        if (table.foreign || table.partitionOf !== undefined) continue
        if (table.constraints.some(({ kind }) => kind === 'primary key')) continue
        report({ entry: table.entry, message: `${catalog.quote(table.schema, table.name)} has no primary key` })
      }
    },
  },
]
