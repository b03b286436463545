import { columnRules } from './rules/hygiene-columns.ts'
import { constraintRules } from './rules/hygiene-constraints.ts'
import { tableRules } from './rules/hygiene-tables.ts'
import { dataRules } from './rules/restorability-data.ts'
import { needsRules } from './rules/restorability-needs.ts'
import { wholenessRules } from './rules/restorability-whole.ts'
import { targetRestoreRules } from './rules/target-restore.ts'
import type { AuditRule } from './types.ts'

/** All rules that pgdmp has, in the order of spec/audit-rules.md. */
export const auditRules: readonly AuditRule[] = [
  ...needsRules,
  ...wholenessRules,
  ...dataRules,
  ...targetRestoreRules,
  ...tableRules,
  ...constraintRules,
  ...columnRules,
]
