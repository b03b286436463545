import type { AuditContext, AuditRule, ConstraintViolation } from '../types.ts'

const times = (count: number): string => (count === 1 ? '1 row' : `${count} rows`)

function reportViolations(
  { catalog, report }: AuditContext,
  violations: readonly ConstraintViolation[],
  say: (constraint: string, table: string) => string,
): void {
  for (const { table, constraint, entry, row, count } of violations) {
    const name = catalog.quote(constraint.name ?? '')
    const on = catalog.quote(table.schema, table.name)
    report({
      entry: constraint.entry,
      object: `${on} ${constraint.name ?? constraint.columns.join(', ')}`,
      message: `${say(name, on)}: ${times(count)}, the first of them row ${row} of ${catalog.label(entry)}`,
    })
  }
}

/** Rules about the rows. */
export const dataRules: readonly AuditRule[] = [
  {
    id: 'data-sequence-behind',
    severity: 'warning',
    category: 'restorability',
    message: 'A sequence is behind the column that it serves',
    explanation:
      'The archive sets the sequence to a value below the highest key in the rows, of a column that owns it or whose default ' +
      'asks it. The next inserts then get keys that are there already, and fail. Of a sequence that begins anew at its end ' +
      '(CYCLE) that may be as it should be. Values that the sequence never gives do not count.',
    fix: 'Set the sequence after the restore: pgdmp audit --post-restore prints the statement.',
    links: ['https://www.postgresql.org/docs/current/functions-sequence.html'],
    needs: 'data',
    check({ catalog, data, report }) {
      for (const { sequence, column, reached } of data?.behind ?? []) {
        const { schema, value, cycle } = sequence
        const name = catalog.quote(schema, sequence.name)
        const at = `${catalog.quote(column.schema, column.name)}.${catalog.quote(column.column)}`
        const where = value?.isCalled === true ? 'stands at' : 'is to begin with'
        const isEnd = reached === (sequence.increment > 0n ? sequence.max : sequence.min)
        report({
          entry: sequence.entry,
          object: name,
          message: `Sequence ${name} ${where} ${value?.last ?? ''}, ${at} has come to ${reached}${isEnd ? ', its last value' : ''}`,
          fix: isEnd
            ? `Look at the row with ${reached}: set to it, the sequence has nothing left to give.`
            : `SELECT pg_catalog.setval('${name.replaceAll("'", "''")}', ${reached}, true);`,
          severity: cycle ? 'info' : undefined,
        })
      }
    },
  },
  {
    id: 'data-foreign-key-violation',
    severity: 'error',
    category: 'restorability',
    message: 'Rows refer to rows that are not there',
    explanation:
      'The foreign key is created after the rows are loaded, and then checked: its statement fails, and the restored ' +
      'database goes without it.',
    fix: 'Clean the rows up before the dump, or add the constraint NOT VALID after the restore.',
    links: ['https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-FK'],
    needs: 'data',
    check(context) {
      reportViolations(context, context.data?.orphans ?? [], (name, on) => `Foreign key ${name} of ${on} fails`)
    },
  },
  {
    id: 'data-unique-violation',
    severity: 'error',
    category: 'restorability',
    message: 'Rows have the same key',
    explanation:
      'The key is created after the rows are loaded, and fails where two of them have the same: with it every foreign key ' +
      'that refers to it. In a running server that comes of a damaged index, or of another version of a collation.',
    fix: 'Clean the rows up before the dump.',
    links: ['https://www.postgresql.org/docs/current/ddl-constraints.html#DDL-CONSTRAINTS-UNIQUE-CONSTRAINTS'],
    needs: 'data',
    check(context) {
      reportViolations(context, context.data?.duplicates ?? [], (name, on) => `Key ${name} of ${on} fails`)
    },
  },
  {
    id: 'data-check-left-out',
    severity: 'info',
    category: 'restorability',
    message: 'A check of the rows was not made',
    explanation: 'Rows are compared by their text and within the memory granted, so not everything can be checked.',
    fix: 'Grant more memory where it is said to be missing.',
    links: ['https://www.postgresql.org/docs/current/ddl-constraints.html'],
    needs: 'data',
    check({ catalog, data, report }) {
      for (const { entry, what, why } of data?.leftOut ?? []) {
        report({
          entry,
          object: `${catalog.label(entry)} ${what}`,
          message: `Not checked: ${what} of ${catalog.label(entry)}: ${why}`,
        })
      }
    },
  },
]
