import { aBoolean, anyOf, aSignal, type OptionKinds } from '../check-options.ts'
import type { AuditCategory, AuditData, AuditRule, AuditSeverity } from './types.ts'
import type { TargetProfile } from './target.ts'

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
  /** What the rows say: see {@link auditData}. */
  readonly data?: AuditData
  /** Bytes that the data of each entry take, by dump id, for the inventory: `(await archive.storedSizes()).dataBytes`. */
  readonly storedBytes?: ReadonlyMap<number, number> | undefined
  readonly signal?: AbortSignal
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const isIterable = (value: unknown): boolean => isObject(value) && Symbol.iterator in value

/** All of {@link AuditOptions}. */
export const auditOptionKinds: OptionKinds<AuditOptions> = {
  rules: anyOf('an array of rules', (value) => Array.isArray(value) && value.every(isObject)),
  settings: anyOf('an object of settings by the names of rules', isObject),
  suppressions: anyOf('an array of suppressions', (value) => Array.isArray(value) && value.every(isObject)),
  inline: aBoolean,
  baseline: anyOf('fingerprints', isIterable),
  target: anyOf('a profile, as targetProfile() gives it', (value) => isObject(value) && 'facts' in value),
  data: anyOf('what auditData() gives', isObject),
  storedBytes: anyOf('a Map', (value) => value instanceof Map),
  signal: aSignal,
}

/** The categories, in the order of reports. */
export const auditCategories: readonly AuditCategory[] = ['security', 'restorability', 'target', 'hygiene']

/** The severities, the worst first. */
export const auditSeverities: readonly AuditSeverity[] = ['error', 'warning', 'notice', 'info']
