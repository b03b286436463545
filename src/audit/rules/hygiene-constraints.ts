import type { TocEntry } from '../../toc/types.ts'
import type { MarkedRule } from '../marked-rule.ts'
import { columnsOf, IndexesByTable } from '../indexes-by-table.ts'
import { uncheckedDomains } from '../domain-constraints.ts'
import type { AuditCatalog, CatalogConstraint, CatalogIndex, CatalogTable } from '../types.ts'

/** What makes two indexes of a table the same but for their names. */
function shapeOf({ method, keys, include, where }: CatalogIndex): string {
  return [method, keys.length, ...keys, ...include, '', where ?? ''].join('\u0000')
}

/** Whether no two can be the same: so it is with most tables, and seen without an order of them. */
function areDifferent(indexes: readonly CatalogIndex[]): boolean {
  const [first, second] = indexes
  if (indexes.length !== 2 || first === undefined || second === undefined) return false
  return first.method !== second.method || first.keys.length !== second.keys.length || first.keys[0] !== second.keys[0]
}

/** How much else hangs on an index: foreign keys on a primary key, what a constraint promises on its index. */
function weightOf({ constraint, unique, nullsNotDistinct }: CatalogIndex): number {
  if (constraint?.kind === 'primary key') return 5
  const strict = nullsNotDistinct ? 1 : 0
  if (constraint !== undefined) return 3 + strict
  return unique ? 1 + strict : 0
}

/** Whether an index refuses what the other takes. */
function isStricter(index: CatalogIndex, other: CatalogIndex): boolean {
  // a primary key has no nulls
  if (index.nullsNotDistinct && !other.nullsNotDistinct && other.constraint?.kind !== 'primary key') return true
  return index.constraint?.deferrable === false && other.constraint?.deferrable === true
}

const nameIn = (schema: string, name: string): string => `${schema}\u0000${name}`

function namesOf(entries: readonly TocEntry[]): ReadonlySet<string> {
  return new Set(entries.map(({ namespace, tag }) => nameIn(namespace ?? '', tag ?? '')))
}

/** Whether an index finds the rows of a foreign key's column: its condition is one that a value in the column fulfils. */
function serves({ where, keys }: CatalogIndex, columns: readonly string[], catalog: AuditCatalog): boolean {
  // by another collation than the column's, which is not written, values are not looked up
  if (keys.slice(0, columns.length).some((key) => / COLLATE /.test(key))) return false
  if (where === undefined) return true
  return columns.some((column) => where === `(${catalog.quote(column)} IS NOT NULL)`)
}

const constraintsPage = 'https://www.postgresql.org/docs/current/ddl-constraints.html'

function nameOf(catalog: AuditCatalog, table: CatalogTable, { name, kind }: CatalogConstraint): string {
  const on = catalog.quote(table.schema, table.name)
  return name === undefined ? `a ${kind} constraint of ${on}` : `${catalog.quote(name)} of ${on}`
}

/** Rules about constraints and indexes. */
export const constraintRules: readonly MarkedRule[] = [
  {
    id: 'constraint-not-valid',
    severity: 'warning',
    category: 'hygiene',
    message: 'A constraint was never checked against the rows that were there',
    explanation:
      'A constraint that was added NOT VALID holds for new rows only, and the planner does not rely on it. The restore ' +
      'adds it the same way.',
    fix: 'Clean the rows up and validate the constraint.',
    links: ['https://www.postgresql.org/docs/current/sql-altertable.html'],
    check({ catalog, report }) {
      for (const table of catalog.tables) {
        for (const constraint of table.constraints) {
          if (!constraint.notValid || constraint.notEnforced) continue
          const { name, entry } = constraint
          const command = `ALTER TABLE ${catalog.quote(table.schema, table.name)} VALIDATE CONSTRAINT ${catalog.quote(name ?? '')};`
          report({
            entry,
            object: `${catalog.quote(table.schema, table.name)} ${name ?? ''}`,
            message: `Constraint ${nameOf(catalog, table, constraint)} is NOT VALID`,
            ...(name === undefined ? {} : { fix: command }),
          })
        }
      }
      for (const { entry, domain, name } of uncheckedDomains(catalog)) {
        report({
          entry,
          object: `${domain} ${name}`,
          message: `Constraint ${catalog.quote(name)} of the domain ${domain} is NOT VALID`,
          fix: `ALTER DOMAIN ${domain} VALIDATE CONSTRAINT ${catalog.quote(name)};`,
        })
      }
    },
  },
  {
    id: 'constraint-not-enforced',
    severity: 'notice',
    category: 'hygiene',
    message: 'A constraint is not enforced',
    explanation: 'A constraint that is NOT ENFORCED says what is meant, and stops nothing.',
    fix: 'Enforce it where the rows allow it: ALTER TABLE … ALTER CONSTRAINT … ENFORCED.',
    links: ['https://www.postgresql.org/docs/current/sql-createtable.html'],
    check({ catalog, report }) {
      for (const table of catalog.tables) {
        for (const constraint of table.constraints) {
          if (!constraint.notEnforced) continue
          const message = `Constraint ${nameOf(catalog, table, constraint)} is NOT ENFORCED`
          report({
            entry: constraint.entry,
            object: `${catalog.quote(table.schema, table.name)} ${constraint.name ?? ''}`,
            message,
          })
        }
      }
    },
  },
  {
    id: 'index-duplicate',
    severity: 'warning',
    category: 'hygiene',
    message: 'Two indexes of a table are the same',
    explanation: 'Each index is written with every row. A second one of the same columns makes nothing faster.',
    fix: 'Drop the one that no constraint needs.',
    links: ['https://www.postgresql.org/docs/current/sql-dropindex.html'],
    check({ catalog, report }) {
      const attached = namesOf(catalog.ofType('INDEX ATTACH'))
      const isAttached = ({ schema, name }: CatalogIndex): boolean => attached.has(nameIn(schema, name))
      const weight = (index: CatalogIndex): number => weightOf(index) + (isAttached(index) ? 0.5 : 0)
      for (const indexes of new IndexesByTable(catalog).several()) {
        if (areDifferent(indexes)) continue
        const seen = new Map<string, CatalogIndex>()
        // what others may need comes first: what is the same and comes later can go
        const ordered = [...indexes].sort((a, b) => weight(b) - weight(a))
        for (const index of ordered) {
          const shape = shapeOf(index)
          const first = seen.get(shape)
          if (first === undefined) {
            seen.set(shape, index)
            continue
          }
          // the same columns, and another promise
          if (index.unique && (!first.unique || isStricter(index, first))) continue
          // what is attached goes with the index of the table above, of which it is told
          if (isAttached(index)) continue
          const [name, other] = [catalog.quote(index.schema, index.name), catalog.quote(first.schema, first.name)]
          report({
            entry: index.entry,
            object: name,
            message: `Index ${name} is the same as ${other}`,
            ...(index.constraint === undefined ? { fix: `DROP INDEX ${name};` } : {}),
          })
        }
      }
    },
  },
  {
    id: 'foreign-key-without-index',
    severity: 'notice',
    category: 'hygiene',
    message: 'No index begins with the columns of a foreign key',
    explanation:
      'When a row is deleted or its key changed, PostgreSQL looks for the rows that refer to it. Without an index it ' +
      'reads the whole table each time.',
    fix: 'Create an index on the columns, unless the other table never loses rows.',
    links: [`${constraintsPage}#DDL-CONSTRAINTS-FK`],
    check({ catalog, report }) {
      let byTable: IndexesByTable | undefined
      for (const table of catalog.tables) {
        // what a partition is checked by stands at its parent
        if (table.foreign || table.partitionOf !== undefined) continue
        for (const constraint of table.constraints) {
          const { kind, columns, entry, name, notEnforced } = constraint
          // nothing looks for the rows of one that is not enforced
          if (kind !== 'foreign key' || notEnforced || columns.length === 0) continue
          byTable ??= new IndexesByTable(catalog)
          const indexes = byTable.of(table.schema, table.name)
          const covered = indexes.some((index) => {
            const first = new Set(columnsOf(index).slice(0, columns.length))
            return columns.every((column) => first.has(column)) && serves(index, columns, catalog)
          })
          if (covered) continue
          const on = catalog.quote(table.schema, table.name)
          report({
            entry,
            object: `${on} ${name ?? columns.join(', ')}`,
            message: `Foreign key ${nameOf(catalog, table, constraint)} has no index that begins with ${columns.map((column) => catalog.quote(column)).join(', ')}`,
            fix: `CREATE INDEX ON ${on} (${columns.map((column) => catalog.quote(column)).join(', ')});`,
          })
        }
      }
    },
  },
  {
    id: 'trigger-disabled',
    severity: 'warning',
    category: 'hygiene',
    message: 'A trigger or rule is switched off',
    explanation: 'Triggers are switched off for a load and then forgotten. What they were to keep right is not kept.',
    fix: 'Switch it on (ALTER TABLE … ENABLE TRIGGER), or drop it.',
    links: ['https://www.postgresql.org/docs/current/sql-altertable.html'],
    marks: { anywhere: /disable/ },
    definition(entry, statements, { catalog, report }) {
      for (const statement of statements) {
        if (statement.word(0) !== 'alter') continue
        for (let at = 2; at < statement.length; at++) {
          if (
            !statement.has(at, 'disable', 'trigger|rule') &&
            !(statement.has(1, 'event') && statement.word(at) === 'disable')
          ) {
            continue
          }
          report({
            entry,
            message: `${entry.desc} ${catalog.label(entry)} is switched off`,
            position: statement.tokens[at]?.start,
          })
          break
        }
      }
    },
  },
]
