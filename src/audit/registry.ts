import { columnRules } from './rules/hygiene-columns.ts'
import { constraintRules } from './rules/hygiene-constraints.ts'
import { tableRules } from './rules/hygiene-tables.ts'
import { dataRules } from './rules/restorability-data.ts'
import { needsRules } from './rules/restorability-needs.ts'
import { wholenessRules } from './rules/restorability-whole.ts'
import { targetRestoreRules } from './rules/target-restore.ts'
import { functionRules } from './rules/security-functions.ts'
import { grantRules } from './rules/security-grants.ts'
import { nameRules } from './rules/security-names.ts'
import { rowRules } from './rules/security-rows.ts'
import { secretRules } from './rules/security-secrets.ts'
import { shadowingRules } from './rules/security-shadowing.ts'
import { statementRules } from './rules/security-statements.ts'
import { superuserRules } from './rules/security-superuser.ts'
import type { MarkedRule, Marks } from './marked-rule.ts'
import type { AuditRule } from './types.ts'

const marked: readonly MarkedRule[] = [
  ...statementRules,
  ...nameRules,
  ...functionRules,
  ...superuserRules,
  ...secretRules,
  ...grantRules,
  ...rowRules,
  ...shadowingRules,
  ...needsRules,
  ...wholenessRules,
  ...dataRules,
  ...targetRestoreRules,
  ...tableRules,
  ...constraintRules,
  ...columnRules,
]

/** All rules that pgdmp has, in the order of spec/audit-rules.md. */
export const auditRules: readonly AuditRule[] = marked

/** Which plain definitions a rule has to see; undefined: all, as a rule that somebody made of one of these. */
export function marksOf(rule: AuditRule): Marks | undefined {
  return marked.find((one) => one === rule)?.marks
}
