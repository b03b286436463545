import { anyOf, checkOptions } from '../check-options.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import type { AuditData, CatalogSequence } from './types.ts'

/** Options of {@link postRestoreSql}. */
export interface PostRestoreOptions {
  /** What the rows say: with it the script compares how many there are. */
  readonly data?: AuditData
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/**
 * A script to run after the restore: it refreshes what came without its rows, sets sequences that are behind their
 * column, validates constraints, analyzes each table, and shows tables that have another number of rows than the archive
 * (nothing is shown where all is well).
 *
 * @example
 * process.stdout.write(postRestoreSql(archive, { data: await auditData(archive) })) // psql -f - DATABASE
 */
export function postRestoreSql(view: ArchiveView, options: PostRestoreOptions = {}): string {
  checkOptions('postRestoreSql', options, {
    data: anyOf('what auditData() gives', (value) => typeof value === 'object' && value !== null),
  })
  const catalog = new Catalog(view)
  catalog.read()
  const script = new Script()
  const hasRows = catalog.ofType('TABLE DATA').length > 0
  if (hasRows) {
    const filled = new Set(catalog.ofType('MATERIALIZED VIEW DATA').map((entry) => catalog.label(entry)))
    const empty = catalog.ofType('MATERIALIZED VIEW').map((entry) => catalog.label(entry))
    script.section(
      'Materialized views that came without their rows',
      empty.filter((name) => !filled.has(name)).map((name) => `REFRESH MATERIALIZED VIEW ${name};`),
    )
  }
  script.section(
    'Sequences that are behind the column that they serve',
    catalog.sequences.flatMap((sequence) => setSequence(sequence, catalog) ?? []),
  )
  script.section(
    'Constraints that were never checked: each fails where rows break it',
    catalog.tables.flatMap(({ schema, name, constraints }) =>
      constraints
        .filter((one) => one.notValid && !one.notEnforced && one.name !== undefined)
        .map(
          (one) => `ALTER TABLE ${catalog.quote(schema, name)} VALIDATE CONSTRAINT ${catalog.quote(one.name ?? '')};`,
        ),
    ),
  )
  // of a partitioned table, too: nothing else does it
  script.section(
    'Statistics for the planner',
    catalog.tables
      .filter(({ foreign }) => !foreign)
      .map(({ schema, name }) => `ANALYZE ${catalog.quote(schema, name)};`),
  )
  script.section('Tables that have another number of rows than the archive', countRows(catalog, options.data))
  return script.text
}

class Script {
  text =
    "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n"

  section(title: string, statements: readonly string[]): void {
    if (statements.length > 0) this.text += `\n-- ${title}\n${statements.join('\n')}\n`
  }
}

function setSequence({ schema, name, ownedBy, increment }: CatalogSequence, catalog: Catalog): string | undefined {
  if (ownedBy === undefined) return undefined
  const sequence = catalog.quote(schema, name)
  const table = catalog.quote(ownedBy.schema, ownedBy.name)
  const [most, beyond] = increment > 0n ? ['max', '>'] : ['min', '<']
  const reached = `SELECT pg_catalog.${most}(${catalog.quote(ownedBy.column)}) AS reached FROM ${table}`
  return (
    `SELECT pg_catalog.setval(${literal(sequence)}, r.reached) FROM (${reached}) r, ${sequence} s ` +
    `WHERE r.reached ${beyond} s.last_value OR (r.reached = s.last_value AND NOT s.is_called);`
  )
}

function countRows(catalog: Catalog, data: AuditData | undefined): string[] {
  if (data === undefined) return []
  return catalog.tables.flatMap(({ schema, name, data: entry }) => {
    const rows = entry === undefined ? undefined : data.rowCount(entry)
    if (rows === undefined) return []
    const table = catalog.quote(schema, name)
    const shown = literal(table)
    return `SELECT ${shown} AS "table", pg_catalog.count(*) AS rows, ${rows} AS expected FROM ONLY ${table} HAVING pg_catalog.count(*) <> ${rows};`
  })
}
