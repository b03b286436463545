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

function document({ path, report }: NamedReport, shown: number): string {
  const { archive, target } = report
  const lines = [`# Audit of ${code(path)}`, '']
  const facts = [
    `database ${archive.dbname === null ? 'not stored' : code(archive.dbname)}`,
    `${formatNumber(archive.entries)} entries`,
    archive.serverVersion === null ? '' : `dumped from PostgreSQL ${code(archive.serverVersion)}`,
    target === undefined ? '' : `for ${code(target)}`,
  ]
  lines.push(`${facts.filter((fact) => fact !== '').join(', ')}.`, '', summary(report), '')
  for (const [rule, findings] of byRule(report.findings)) lines.push(...section(report, rule, findings, shown))
  if (report.suppressed.length > 0) {
    lines.push(`${formatNumber(report.suppressed.length)} more findings are suppressed or were known before.`, '')
  }
  lines.push(...inventory(report))
  return `${lines.join('\n').trimEnd()}\n`
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

function section(report: AuditReport, id: string, findings: readonly AuditFinding[], shown: number): string[] {
  const rule = report.rules.find((one) => one.id === id)
  const severity = findings[0]?.severity ?? 'info'
  const lines = [`## ${severity}: ${text(rule?.message ?? id)} (${formatNumber(findings.length)})`, '']
  lines.push(`${code(id)} ${text(rule?.explanation ?? '')}`, '')
  for (const { message, desc, object, fix } of findings.slice(0, shown)) {
    const own = fix === rule?.fix ? '' : ` ${text(fix)}`
    lines.push(
      `- ${desc === undefined ? '' : `${text(desc)}: `}${message.includes(object) ? '' : `${code(object)}: `}${text(message)}.${own}`,
    )
  }
  if (findings.length > shown) lines.push(`- … and ${formatNumber(findings.length - shown)} more`)
  if (rule !== undefined) {
    const links = rule.links.map((link) => `<${link}>`).join(', ')
    lines.push('', `**Fix:** ${text(rule.fix)}${links === '' ? '' : ` See ${links}.`}`, '')
  }
  return lines
}

function inventory({ inventory: { types, schemas, extensions, languages, roles } }: AuditReport): string[] {
  const lines = ['## Inventory', '']
  const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  lines.push(row('Type', 'Objects'), row('---', '---:'))
  lines.push(...types.map(({ type, objects }) => row(text(type), formatNumber(objects))), '')
  lines.push(row('Schema', 'Objects'), row('---', '---:'))
  lines.push(
    ...schemas.map(({ schema, objects }) => row(schema === null ? '(none)' : code(schema), formatNumber(objects))),
    '',
  )
  if (extensions.length > 0) lines.push(`Extensions: ${extensions.map(({ name }) => code(name)).join(', ')}`, '')
  if (languages.length > 0) {
    lines.push(
      `Languages: ${languages.map((one) => `${code(one.language)} (${formatNumber(one.functions)})`).join(', ')}`,
      '',
    )
  }
  if (roles.length > 0) {
    lines.push(row('Role', 'Owns', 'May'), row('---', '---:', '---'))
    for (const { name, owns, may } of roles) {
      const grants = may.map(({ privilege, type, objects }) => text(`${privilege} on ${objects} ${type}`)).join(', ')
      lines.push(row(code(name), formatNumber(owns), grants))
    }
    lines.push('')
  }
  return lines
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
  const runs = shown.match(/`+/g) ?? []
  const fence = '`'.repeat(Math.max(0, ...runs.map((run) => run.length)) + 1)
  const space = fence.length > 1 || shown === '' ? ' ' : ''
  return `${fence}${space}${shown}${space}${fence}`
}
