import { auditCategories } from './options.ts'
import type { AuditRule } from './types.ts'

const chapters = {
  security: 'Security',
  restorability: 'Restorability',
  target: 'Target',
  hygiene: 'Hygiene',
} as const

/**
 * Describes rules as a Markdown document, a section for each: spec/audit-rules.md is made of pgdmp's own, and a set of
 * rules of your own can have one, too.
 */
export function auditRulesMarkdown(rules: readonly AuditRule[]): string {
  const parts = [
    '# Rules of the audit',
    'Written by `pgdmp audit --list-rules` from the rules themselves. [audit.md](audit.md) says how they are applied.',
    index(rules),
  ]
  for (const category of auditCategories) {
    const ofCategory = rules.filter((rule) => rule.category === category)
    if (ofCategory.length > 0) parts.push(`## ${chapters[category]}`, ...ofCategory.map(section))
  }
  return `${parts.join('\n\n')}\n`
}

function index(rules: readonly AuditRule[]): string {
  const rows = auditCategories.flatMap((category) =>
    rules
      .filter((rule) => rule.category === category)
      .map(({ id, severity, message }) => `| [${id}](#${id}) | ${category} | ${severity} | ${message} |`),
  )
  return ['| rule | category | severity | finds |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function section({ id, severity, message, explanation, fix, links, needs, optional }: AuditRule): string {
  const facts = [`**${severity}**`]
  if (needs === 'data') facts.push('only with `data`')
  if (needs === 'target') facts.push('only with a target')
  if (optional === true) facts.push('off unless it is switched on')
  const seeAlso = links.length === 0 ? [] : [`See ${links.map((link) => `<${link}>`).join(', ')}`]
  return [`### ${id}`, `${message} (${facts.join(', ')}).`, explanation, `Fix: ${fix}`, ...seeAlso].join('\n\n')
}
