import { anyOf, checkOptions } from '../check-options.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { parseCopyStatement } from '../copy/copy-statement.ts'
import { uncheckedDomains } from './domain-constraints.ts'
import { scriptText } from './script-text.ts'
import { sequenceOfDefault } from './sequence-use.ts'
import type { AuditData, CatalogColumn, CatalogSequence, CatalogTable } from './types.ts'

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
  script.section('Sequences that are behind the column that they serve', setSequences(catalog))
  script.section('Constraints that were never checked: each fails where rows break it', [
    ...catalog.tables.flatMap(({ schema, name, constraints }) =>
      constraints
        .filter((one) => one.notValid && !one.notEnforced && one.name !== undefined)
        .map(
          (one) => `ALTER TABLE ${catalog.quote(schema, name)} VALIDATE CONSTRAINT ${catalog.quote(one.name ?? '')};`,
        ),
    ),
    ...uncheckedDomains(catalog).map(
      ({ domain, name }) => `ALTER DOMAIN ${domain} VALIDATE CONSTRAINT ${catalog.quote(name)};`,
    ),
  ])
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
    if (statements.length > 0) this.text += `\n-- ${title}\n${statements.map(scriptText).join('\n')}\n`
  }
}

/** Of the columns that own a sequence, and of those whose default asks one. */
function setSequences(catalog: Catalog): string[] {
  const asking = new Map<string, (readonly [table: CatalogTable, column: CatalogColumn])[]>()
  for (const table of catalog.tables) {
    // rows of a partition are those of the table, whose column asks the same
    if (table.partitionOf !== undefined) continue
    for (const column of table.columns) {
      const asked = column.default === undefined ? undefined : sequenceOfDefault(catalog, column.default)
      const key = asked?.join('\u0000')
      if (key === undefined) continue
      const known = asking.get(key)
      if (known === undefined) asking.set(key, [[table, column]])
      else known.push([table, column])
    }
  }
  return catalog.sequences.flatMap((sequence) => {
    const { schema, name, ownedBy } = sequence
    const owner = ownedBy === undefined ? undefined : catalog.table(ownedBy.schema, ownedBy.name)
    const owning = owner?.columns.find((column) => column.name === ownedBy?.column)
    const asked = (asking.get(`${schema}\u0000${name}`) ?? nobody).filter(
      ([table, column]) => table !== owner || column.name !== owning?.name,
    )
    const owned = owner === undefined || owning === undefined ? nobody : [[owner, owning] as const]
    return [...owned, ...asked].flatMap(([table, column]) => setSequence(catalog, sequence, table, column) ?? [])
  })
}

const nobody: readonly never[] = []

/** What goes round is left where it is; and none is set to its end, where it would have nothing left to give. */
function setSequence(
  catalog: Catalog,
  { schema, name, increment, cycle, min, max }: CatalogSequence,
  table: CatalogTable,
  { name: columnName, type }: CatalogColumn,
): string | undefined {
  if (cycle || /^(?:text|character|uuid|name)\b/.test(type)) return undefined
  const sequence = catalog.quote(schema, name)
  const column = catalog.quote(columnName)
  const [most, before, end] = increment > 0n ? ['max', '<', max] : ['min', '>', min]
  // function arguments are not cast to bigint by themselves
  const farthest = `pg_catalog.${most}(${column})`
  const value = /^(?:smallint|integer|bigint)$/.test(type) ? farthest : `pg_catalog.trunc(${farthest})::bigint`
  const from = `${catalog.quote(table.schema, table.name)} WHERE ${column} ${before} ${end}`
  const beyond = increment > 0n ? '>' : '<'
  return (
    `SELECT pg_catalog.setval(${literal(sequence)}, r.reached) FROM (SELECT ${value} AS reached FROM ${from}) r, ${sequence} s ` +
    `WHERE r.reached ${beyond} s.last_value OR (r.reached = s.last_value AND NOT s.is_called);`
  )
}

function countRows(catalog: Catalog, data: AuditData | undefined): string[] {
  if (data === undefined) return []
  const counts = new Map<string, { readonly from: string; rows: number }>()
  for (const { schema, name, data: entry } of catalog.tables) {
    const rows = entry === undefined ? undefined : data.rowCount(entry)
    if (rows === undefined) continue
    const own = catalog.quote(schema, name)
    // rows that go through the root of partitions come to where the new server puts them
    const [into, above] = parseCopyStatement(entry?.raw.byteString('copyStmt') ?? '')?.table.toReversed() ?? []
    const target =
      into === undefined || above === undefined ? own : catalog.quote(catalog.decode(above), catalog.decode(into))
    const known = counts.get(target)
    if (known === undefined) counts.set(target, { from: target === own ? `ONLY ${own}` : target, rows })
    else known.rows += rows
  }
  return [...counts].map(([table, { from, rows }]) => {
    const shown = literal(table)
    return `SELECT ${shown} AS "table", pg_catalog.count(*) AS rows, ${rows} AS expected FROM ${from} HAVING pg_catalog.count(*) <> ${rows};`
  })
}
