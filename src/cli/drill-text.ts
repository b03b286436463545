import { formatNumber } from '../index.ts'
import type { DrillProblem, DrillReport, DrillTable } from '../index.ts'
import { formatDuration, printable } from './layout.ts'

/** Lines of each kind of problem, without --verbose. */
const SHOWN = 20

const count = (number: number, what: string, many = `${what}s`): string =>
  `${formatNumber(number)} ${number === 1 ? what : many}`

/** A drill's report for people. */
export function drillText(
  archive: string,
  report: DrillReport,
  { isVerbose, isQuiet }: { readonly isVerbose: boolean; readonly isQuiet: boolean },
): string {
  const lines: string[] = []
  const add = (text: string): void => void lines.push(printable(text))
  const { dbname, serverVersion } = report.archive
  if (!isQuiet) {
    const from = dbname === null ? '' : `, of database ${dbname}`
    add(`${archive}${from}${serverVersion === null ? '' : ` on PostgreSQL ${serverVersion}`}`)
    add(`  restored into ${report.place.name}: ${report.place.version.split(' on ')[0] ?? ''}`)
    const { start, restore, proof } = report.seconds
    const [starting, restoring, proving] = [start, restore, proof].map((seconds) => formatDuration(seconds * 1000))
    add(`  start ${starting}, restore ${restoring}, proof ${proving}`)
    for (const text of facts(report)) add(`  ${text}`)
    for (const table of report.tables) if (isVerbose || table.difference !== undefined) addTable(add, table)
    addProblems(add, report, isVerbose)
  }
  add(`${archive}: ${verdict(report)}`)
  return lines.map((line) => `${line}\n`).join('')
}

function facts({
  entries,
  tables,
  rows,
  sequences,
  largeObjects,
  constraints,
  indexes,
  checks,
}: DrillReport): string[] {
  const proven = tables.filter(({ status }) => status === 'proven')
  const asValues = proven.filter(({ compared }) => compared === 'values').length
  const values = asValues === 0 ? '' : ` (${count(asValues, 'table')} compared as values)`
  const held = checks.filter(({ status }) => status === 'proven').length
  return [
    `${count(entries.proven, 'entry', 'entries')} proven, ${formatNumber(entries.failed)} failed, ${formatNumber(entries.unproven)} not proven`,
    `${formatNumber(proven.length)} of ${count(tables.length, 'table')} hold the archive's rows, ${formatNumber(rows)} in all${values}`,
    `${formatNumber(sequences.proven)} of ${count(total(sequences), 'sequence')}, ${formatNumber(largeObjects.proven)} of ${count(total(largeObjects), 'large object')} as in the archive; ${count(constraints, 'constraint')}, ${count(indexes, 'index', 'indexes')} looked at`,
    ...(checks.length === 0 ? [] : [`${formatNumber(held)} of ${count(checks.length, 'check')} hold`]),
  ]
}

const total = ({ proven, failed, unproven }: DrillReport['entries']): number => proven + failed + unproven

function addTable(
  add: (text: string) => void,
  { table, status, compared, archiveRows, databaseRows, difference }: DrillTable,
): void {
  const rows = databaseRows === archiveRows ? '' : ` in the archive, ${formatNumber(databaseRows ?? 0)} in the database`
  add(`  ${status.padEnd(8)}  ${table}: ${formatNumber(archiveRows ?? 0)} rows${rows}, compared: ${compared}`)
  if (difference?.archive !== undefined) add(`            in the archive only:  ${difference.archive}`)
  if (difference?.database !== undefined) add(`            in the database only: ${difference.database}`)
}

function addProblems(add: (text: string) => void, { problems, checks }: DrillReport, isVerbose: boolean): void {
  for (const { name, statement, status, reason } of checks) {
    if (status === 'failed') add(`  failed    check ${name}: ${statement}: ${reason ?? ''}`)
  }
  for (const status of ['failed', 'unproven'] as const) {
    const some = problems.filter((problem) => problem.status === status)
    for (const problem of isVerbose ? some : some.slice(0, SHOWN)) add(`  ${problemLine(problem)}`)
    const more = some.length - SHOWN
    if (!isVerbose && more > 0) add(`            and ${formatNumber(more)} more (--verbose names all)`)
  }
}

function problemLine({ status, object, reason }: DrillProblem): string {
  return `${status.padEnd(8)}  ${object}: ${reason}`
}

function verdict({ verdict: said, problems, checks }: DrillReport): string {
  const failed =
    problems.filter(({ status }) => status === 'failed').length +
    checks.filter(({ status }) => status === 'failed').length
  const unproven = problems.filter(({ status }) => status === 'unproven').length
  switch (said) {
    case 'proven':
      return 'PROVEN'
    case 'incomplete':
      return `nothing failed, ${formatNumber(unproven)} not proven`
    case 'failed':
      return `FAILED: ${formatNumber(failed)}, and ${formatNumber(unproven)} not proven`
    default:
      return said satisfies never
  }
}
