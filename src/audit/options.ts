import type { OptionNames } from '../check-options.ts'
import type { AuditCategory, AuditRule, AuditSeverity, TargetProfile } from './types.ts'

/** What is made of a rule: switched off, on at its own severity, or at another. */
export type RuleSetting = 'off' | 'on' | AuditSeverity

/** A finding that is known and accepted. */
export interface Suppression {
  /** Id of the rule; `*` for any. */
  readonly rule: string
  /** The object as reports name it, with `*` for any run of characters. Default: every object. */
  readonly object?: string
  /** Type of the entry: `TABLE`, `FUNCTION`, … Default: any. */
  readonly type?: string
  /** Why: shown with what is suppressed. */
  readonly reason?: string
}

/** How to audit. */
export interface AuditOptions {
  /** Rules of your own, besides those that pgdmp has. */
  readonly rules?: readonly AuditRule[]
  /** Rules or whole categories by name: a rule's own setting counts before that of its category. */
  readonly settings?: Readonly<Record<string, RuleSetting>>
  readonly suppressions?: readonly Suppression[]
  /**
   * Also take marks in the archive itself, `pgdmp-audit: ignore RULE` in the comment of an object or in the body of a
   * function. Default false: whoever made the archive would say what is not to be found in it.
   */
  readonly inline?: boolean
  /** Fingerprints of findings that are known: an earlier report, or its findings. */
  readonly baseline?: Iterable<string>
  readonly target?: TargetProfile
  /** Bytes that the data of each entry take, by dump id, for the inventory: `(await archive.storedSizes()).dataBytes`. */
  readonly storedBytes?: ReadonlyMap<number, number> | undefined
  readonly signal?: AbortSignal
}

/** All of {@link AuditOptions}. */
export const auditOptionNames: OptionNames<AuditOptions> = {
  rules: true,
  settings: true,
  suppressions: true,
  inline: true,
  baseline: true,
  target: true,
  storedBytes: true,
  signal: true,
}

/** The categories, in the order of reports. */
export const auditCategories: readonly AuditCategory[] = ['security', 'restorability', 'target', 'hygiene']

/** The severities, the worst first. */
export const auditSeverities: readonly AuditSeverity[] = ['error', 'warning', 'notice', 'info']
