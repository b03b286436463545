import { auditCategories, auditSeverities, formatNumber } from '../index.ts'
import type { AppliedRule, AuditFinding, AuditReport, AuditSeverity, Suppression } from '../index.ts'
import { formatBytes, printable, table } from './layout.ts'

/** How a report is to be shown on a terminal. */
export interface TextOptions {
  readonly colour: boolean
  /** Every finding, not only the first of each rule. */
  readonly all: boolean
  readonly inventory: boolean
}

/** Findings of one rule that are shown without `--all`. */
const SHOWN = 10

/** Rows of the lists of an inventory that are shown without `--all`. */
const SHOWN_ROWS = 15

const codes: Readonly<Record<AuditSeverity | 'bold' | 'faint', string>> = {
  error: '31;1',
  warning: '33;1',
  notice: '36;1',
  info: '34;1',
  bold: '1',
  faint: '2',
}

/** One report as text, grouped by category and rule. */
export function* auditText(path: string, report: AuditReport, options: TextOptions): Generator<string> {
  const paint = (how: keyof typeof codes, text: string): string =>
    options.colour ? `\u001b[${codes[how]}m${text}\u001b[0m` : text
  const { archive, findings } = report
  const server = archive.serverVersion === null ? '' : `, PostgreSQL ${archive.serverVersion}`
  const target = report.target === undefined ? '' : `, for ${report.target}`
  const facts = `${formatNumber(archive.entries)} entries${server}${target}`
  yield `${paint('bold', printable(path))}: ${printable(facts)}\n`
  const rules = new Map(report.rules.map((rule) => [rule.id, rule]))
  for (const category of auditCategories) {
    const ofCategory = findings.filter((finding) => finding.category === category)
    if (ofCategory.length === 0) continue
    yield `\n${paint('bold', titles[category])}\n`
    for (const group of groupsOf(ofCategory)) yield* groupText(group, rules, paint, options.all ? Infinity : SHOWN)
  }
  if (options.inventory) yield* inventoryText(report, paint, options.all ? Infinity : SHOWN_ROWS)
  yield `\n${summaryOf(report)}\n`
}

type Paint = (how: keyof typeof codes, text: string) => string

const titles = {
  security: 'Security',
  restorability: 'Restorability',
  target: 'Target',
  hygiene: 'Hygiene',
} as const

/** Findings that belong together: of one rule and severity, in their order. */
function groupsOf(findings: readonly AuditFinding[]): readonly (readonly AuditFinding[])[] {
  const groups = new Map<string, AuditFinding[]>()
  for (const finding of findings) {
    const key = `${finding.severity} ${finding.rule}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [finding])
    else group.push(finding)
  }
  return [...groups.values()]
}

function* groupText(
  findings: readonly AuditFinding[],
  rules: ReadonlyMap<string, AppliedRule>,
  paint: Paint,
  shown: number,
): Generator<string> {
  const [first] = findings
  if (first === undefined) return
  const rule = rules.get(first.rule)
  const count = findings.length === 1 ? '' : ` (${formatNumber(findings.length)})`
  const title = printable(rule?.message ?? first.rule)
  yield `  ${paint(first.severity, first.severity.padEnd(7))}  ${title}${count}  ${paint('faint', printable(first.rule))}\n`
  const fixes = new Set(findings.map(({ fix }) => fix))
  for (const { desc, dumpId, object, message, fix } of findings.slice(0, shown)) {
    // most messages name the object
    const subject = message.includes(object) ? '' : `${printable(object)}: `
    const entry = desc === undefined ? '' : paint('faint', printable(`  ${desc} ${dumpId ?? ''}`))
    yield `    ${subject}${printable(message)}${entry}\n`
    if (fixes.size > 1 && fix !== rule?.fix) yield `      ${paint('faint', `fix: ${printable(fix)}`)}\n`
  }
  if (findings.length > shown) yield `    … and ${formatNumber(findings.length - shown)} more: --all shows them\n`
  const [onlyFix = ''] = fixes.size === 1 ? fixes : [rule?.fix]
  if (onlyFix !== '') yield `    ${paint('faint', `fix: ${printable(onlyFix)}`)}\n`
}

function summaryOf({ counts, suppressed, unusedSuppressions: unused }: AuditReport): string {
  const parts = auditSeverities
    .filter((severity) => counts[severity] > 0)
    .map((severity) => `${formatNumber(counts[severity])} ${nameOf(severity, counts[severity])}`)
  const found = parts.length === 0 ? 'nothing found' : parts.join(', ')
  const known = suppressed.filter(({ by }) => by === 'baseline').length
  const inArchive = suppressed.filter(({ by }) => by === 'archive').length
  const ignored = suppressed.length - known - inArchive
  const rest = [
    known === 0 ? '' : `${formatNumber(known)} known before`,
    ignored === 0 ? '' : `${formatNumber(ignored)} ignored`,
    inArchive === 0 ? '' : `${formatNumber(inArchive)} ignored by the archive itself`,
    unused.length === 0 ? '' : `to be ignored, and not found: ${unused.map(nameOfSuppression).join(', ')}`,
  ].filter((part) => part !== '')
  return rest.length === 0 ? found : `${found}; ${rest.join(', ')}`
}

function nameOfSuppression({ rule, object, type }: Suppression): string {
  return printable([rule, ...(type === undefined ? [] : [type]), ...(object === undefined ? [] : [object])].join(' '))
}

function nameOf(severity: AuditSeverity, count: number): string {
  return severity === 'info' || count === 1 ? severity : `${severity}s`
}

function* inventoryText({ inventory }: AuditReport, paint: Paint, shown: number): Generator<string> {
  const { types, schemas, tables, extensions, languages, roles, privileges } = inventory
  yield `\n${paint('bold', 'Inventory')}\n`
  yield* rows(
    [{ title: 'Objects', align: 'right' }, { title: 'Type' }],
    types.map(({ type, objects }) => [formatNumber(objects), type]),
    shown,
  )
  yield* rows(
    [{ title: 'Objects', align: 'right' }, { title: 'Schema' }],
    schemas.map(({ schema, objects }) => [formatNumber(objects), schema ?? '(in none)']),
    shown,
  )
  yield* rows(
    [{ title: 'Stored', align: 'right' }, { title: 'Rows', align: 'right' }, { title: 'Table' }],
    tables.map(({ schema, name, storedBytes, rows: count }) => [
      storedBytes === null ? '?' : formatBytes(storedBytes),
      count === null ? '' : formatNumber(count),
      schema === null ? name : `${schema}.${name}`,
    ]),
    shown,
  )
  if (extensions.length > 0) yield `  Extensions: ${printable(extensions.map(({ name }) => name).join(', '))}\n\n`
  yield* rows(
    [{ title: 'Functions', align: 'right' }, { title: 'Language' }],
    languages.map(({ language, functions }) => [formatNumber(functions), language]),
    shown,
  )
  yield* rows(
    [{ title: 'Role' }, { title: 'Owns', align: 'right' }, { title: 'May' }],
    roles.map(({ name, owns, may }) => [
      name,
      formatNumber(owns),
      may.map(({ privilege, type, objects }) => `${privilege} on ${formatNumber(objects)} ${type}`).join(', '),
    ]),
    shown,
  )
  yield* rows(
    [{ title: 'Role' }, { title: 'Object' }, { title: 'Privileges' }],
    privileges.map(({ role, type, object, privileges: granted, grantOption }) => [
      role,
      `${type} ${object}`,
      `${granted.join(', ')}${grantOption ? ', and may grant them' : ''}`,
    ]),
    shown,
  )
}

function* rows(
  columns: Parameters<typeof table>[0],
  all: readonly (readonly string[])[],
  shown: number,
): Generator<string> {
  if (all.length === 0) return
  const some = all.slice(0, shown).map((cells) => cells.map(printable))
  for (const line of table(columns, some).trimEnd().split('\n')) yield `  ${line}\n`
  if (all.length > shown) yield `  … and ${formatNumber(all.length - shown)} more: --all shows them\n`
  yield '\n'
}
