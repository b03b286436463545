import { closest } from '../closest.ts'
import { ArchiveError } from '../errors.ts'
import { checkRule } from './own-rules.ts'
import { auditCategories, auditSeverities, type AuditOptions, type RuleSetting } from './options.ts'
import { auditRules } from './registry.ts'
import type { AuditRule, AuditSeverity } from './types.ts'

/** A rule that is to be applied, with its severity. */
export interface ChosenRule {
  readonly rule: AuditRule
  /** Undefined: its own, or what it says of a finding. */
  readonly severity: AuditSeverity | undefined
  /** One of the caller's. */
  readonly isOwn: boolean
}

/**
 * The rules that options ask for.
 * @throws ArchiveError USAGE for a rule, category or setting that there is not, and for two rules of one id
 */
export function chooseRules(options: AuditOptions): readonly ChosenRule[] {
  const { rules = [], settings = {}, suppressions = [], target, data } = options
  const all = [...auditRules, ...rules]
  const ids = new Set<string>()
  for (const rule of rules) checkRule(rule)
  for (const { id } of all) {
    if (ids.has(id)) throw refused(`there are two rules ${JSON.stringify(id)}`, 'Give each an id of its own', id)
    ids.add(id)
  }
  checkSettings(settings, ids)
  for (const { rule } of suppressions) {
    if (rule === '*' || ids.has(rule)) continue
    const near = closest(rule, [...ids])
    const hint = near === undefined ? 'spec/audit-rules.md has them all' : `Did you mean ${near}?`
    throw refused(`there is no rule ${JSON.stringify(rule)} to ignore`, hint, rule)
  }
  const chosen: ChosenRule[] = []
  for (const rule of all) {
    const setting = settings[rule.id] ?? settings[rule.category] ?? (rule.optional === true ? 'off' : 'on')
    if (setting === 'off' || (rule.needs === 'target' && target === undefined)) continue
    if (rule.needs === 'data' && data === undefined) continue
    chosen.push({ rule, severity: setting === 'on' ? undefined : setting, isOwn: rules.includes(rule) })
  }
  return chosen
}

const values: ReadonlySet<RuleSetting> = new Set(['off', 'on', ...auditSeverities])

function checkSettings(settings: Readonly<Record<string, RuleSetting>>, ids: ReadonlySet<string>): void {
  const names = [...auditCategories, ...ids]
  for (const [name, value] of Object.entries(settings)) {
    if (!names.includes(name)) {
      const near = closest(name, names)
      const hint = near === undefined ? 'spec/audit-rules.md has them all' : `Did you mean ${near}?`
      throw refused(`there is no rule or category ${JSON.stringify(name)}`, hint, name)
    }
    if (!values.has(value)) {
      throw refused(`${name} is set to ${JSON.stringify(value)}`, `Use ${[...values].join(', ')}`, name)
    }
  }
}

function refused(why: string, hint: string, option: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot audit: ${why}`, { hint, details: { option } })
}
