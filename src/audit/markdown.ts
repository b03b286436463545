import { formatNumber, harmless } from './text.ts'
import { auditSeverities } from './options.ts'
import type { NamedReport } from './sarif.ts'
import type { AuditReport } from './report.ts'
import type { AuditFinding } from './types.ts'

/** Findings of one rule that are written out; the rest is counted. */
const SHOWN = 50

/**
 * Reports as one Markdown document, for the comment of a pull request or a wiki. Names from archives can neither make
 * markup nor links of themselves.
 *
 * @param options.all every finding, however many a rule has
 */
export function auditMarkdown(
  reports: readonly NamedReport[],
  { all = false }: { readonly all?: boolean } = {},
): string {
  return reports.map((one) => document(one, all ? Infinity : SHOWN)).join('\n')
}

function document(report: NamedReport, shown: number): string {
  return `${[...lines(report, shown)].join('\n').trimEnd()}\n`
}

function* lines({ path, report }: NamedReport, shown: number): Generator<string> {
  const { archive, target } = report
  const facts = [
    `database ${archive.dbname === null ? 'not stored' : code(archive.dbname)}`,
    `${formatNumber(archive.entries)} entries`,
    archive.serverVersion === null ? '' : `dumped from PostgreSQL ${code(archive.serverVersion)}`,
    target === undefined ? '' : `for ${code(target)}`,
  ]
  yield `# Audit of ${code(path)}\n`
  yield `${facts.filter((fact) => fact !== '').join(', ')}.\n`
  yield `${summary(report)}\n`
  for (const [rule, findings] of byRule(report.findings)) yield* section(report, rule, findings, shown)
  if (report.suppressed.length > 0) {
    yield `${formatNumber(report.suppressed.length)} more findings are suppressed or were known before.\n`
  }
  yield* inventory(report)
}

function summary({ counts }: AuditReport): string {
  const parts = auditSeverities.filter((severity) => counts[severity] > 0)
  if (parts.length === 0) return 'Nothing was found.'
  return `| ${parts.join(' | ')} |\n|${parts.map(() => ' ---: |').join('')}\n| ${parts.map((one) => formatNumber(counts[one])).join(' | ')} |`
}

/** Findings by rule, in the order in which they come. */
export function byRule(findings: readonly AuditFinding[]): ReadonlyMap<string, readonly AuditFinding[]> {
  const groups = new Map<string, AuditFinding[]>()
  for (const finding of findings) {
    const group = groups.get(finding.rule)
    if (group === undefined) groups.set(finding.rule, [finding])
    else group.push(finding)
  }
  return groups
}

function* section(
  report: AuditReport,
  id: string,
  findings: readonly AuditFinding[],
  shown: number,
): Generator<string> {
  const rule = report.rules.find((one) => one.id === id)
  const severity = findings[0]?.severity ?? 'info'
  yield `## ${severity}: ${text(rule?.message ?? id)} (${formatNumber(findings.length)})\n`
  yield `${code(id)} ${text(rule?.explanation ?? '')}\n`
  for (const { message, desc, object, fix } of findings.slice(0, shown)) {
    const own = fix === rule?.fix ? '' : ` ${text(fix)}`
    yield `- ${desc === undefined ? '' : `${text(desc)}: `}${message.includes(object) ? '' : `${code(object)}: `}${text(message)}.${own}`
  }
  if (findings.length > shown) yield `- … and ${formatNumber(findings.length - shown)} more`
  if (rule !== undefined) {
    const links = rule.links.map((link) => `<${link}>`).join(', ')
    yield `\n**Fix:** ${text(rule.fix)}${links === '' ? '' : ` See ${links}.`}\n`
  }
}

function* inventory({ inventory: { types, schemas, extensions, languages, roles } }: AuditReport): Generator<string> {
  yield '## Inventory\n'
  const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  yield `${row('Type', 'Objects')}\n${row('---', '---:')}`
  for (const { type, objects } of types) yield row(text(type), formatNumber(objects))
  yield `\n${row('Schema', 'Objects')}\n${row('---', '---:')}`
  for (const { schema, objects } of schemas) yield row(schema === null ? '(none)' : code(schema), formatNumber(objects))
  yield ''
  if (extensions.length > 0) yield `Extensions: ${extensions.map(({ name }) => code(name)).join(', ')}\n`
  if (languages.length > 0) {
    yield `Languages: ${languages.map((one) => `${code(one.language)} (${formatNumber(one.functions)})`).join(', ')}\n`
  }
  if (roles.length > 0) {
    yield `${row('Role', 'Owns', 'May')}\n${row('---', '---:', '---')}`
    for (const { name, owns, may } of roles) {
      const grants = may.map(({ privilege, type, objects }) => text(`${privilege} on ${objects} ${type}`)).join(', ')
      yield row(code(name), formatNumber(owns), grants)
    }
  }
}

/** Text that is nothing but text, in a cell of a table too: every mark that Markdown knows is escaped, and `www.` is no link. */
function text(source: string): string {
  return harmless(source)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll(/[\\`*_[\]#|~@]/g, (mark) => `\\${mark}`)
    .replaceAll(/(?<=https?|ftp|mailto|xmpp):/gi, '&#58;')
    .replaceAll(/\bwww\./gi, (www) => `${www.slice(0, 3)}&#46;`)
}

/** A name as code: with a longer fence than any run of backquotes in it. */
function code(source: string): string {
  const shown = harmless(source).replaceAll('|', '\\|')
  let longest = 0
  for (const [run] of shown.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  const fence = '`'.repeat(longest + 1)
  const space = fence.length > 1 || shown === '' ? ' ' : ''
  return `${fence}${space}${shown}${space}${fence}`
}
