import { ArchiveError, isArchiveError } from '../errors.ts'
import { auditCategories, auditSeverities } from './options.ts'
import type { AuditRule, RuleFinding } from './types.ts'

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isFunction = (value: unknown): boolean => value === undefined || typeof value === 'function'
const among =
  (values: readonly unknown[]) =>
  (value: unknown): boolean =>
    values.includes(value)

/** What each part of a rule must be. */
const parts: readonly (readonly [keyof AuditRule, what: string, fits: (value: unknown) => boolean])[] = [
  ['severity', `one of ${auditSeverities.join(', ')}`, among(auditSeverities)],
  ['category', `one of ${auditCategories.join(', ')}`, among(auditCategories)],
  ['message', 'a text', isText],
  ['explanation', 'a text', isText],
  ['fix', 'a text', isText],
  ['links', 'an array of texts', (value) => Array.isArray(value) && value.every(isText)],
  ['needs', 'data or target', among([undefined, 'data', 'target'])],
  ['optional', 'true or false', among([undefined, true, false])],
  ['definition', 'a function', isFunction],
  ['check', 'a function', isFunction],
]

/**
 * Sees that a rule is one: who writes rules may do it without types.
 * @throws ArchiveError USAGE
 */
export function checkRule(rule: AuditRule): void {
  const { id } = rule
  if (typeof id !== 'string' || !/^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(id)) {
    const hint = 'Write lower-case words joined by hyphens, as in table-without-primary-key'
    throw refused(`${shown(id)} is no id of a rule`, hint, String(id))
  }
  for (const [part, what, fits] of parts) {
    if (!fits(rule[part])) throw refused(`${part} of the rule ${id} is ${shown(rule[part])}, must be ${what}`, like, id)
  }
  if (rule.check === undefined && rule.definition === undefined)
    throw refused(`the rule ${id} has neither check nor definition`, like, id)
}

const like = 'examples/audit-rules.mjs has rules to begin with'

function refused(why: string, hint: string, option: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot audit: ${why}`, { hint, details: { option } })
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing'
  return typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
}

/**
 * Runs a rule that somebody wrote: says which one fails, and takes none that goes on when the report is made.
 * @throws ArchiveError RULE_FAILED, and USAGE for a rule that gives a promise
 */
export function runRule(id: string, run: () => unknown): void {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    if (isArchiveError(error)) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new ArchiveError('RULE_FAILED', `The rule ${id} fails: ${why}`, { cause: error })
  }
  if (typeof result !== 'object' || result === null || !('then' in result)) return
  // nobody waits for it: what it comes to is not to end the program
  void Promise.resolve(result).catch(() => undefined)
  throw refused(
    `the rule ${id} gives a promise, must be done when it returns`,
    'Read what it needs before the audit',
    id,
  )
}

/**
 * Sees that a rule says what can be reported.
 * @throws ArchiveError RULE_FAILED
 */
export function checkFinding(id: string, said: RuleFinding): void {
  const fails = (what: string): ArchiveError => new ArchiveError('RULE_FAILED', `The rule ${id} reports ${what}`)
  if (typeof said !== 'object' || said === null) throw fails(`${shown(said)}, must report an object`)
  const { message, object, fix, severity, position, entry } = said
  if (!isText(message)) throw fails(`the message ${shown(message)}, must be a text`)
  if (object !== undefined && typeof object !== 'string') throw fails(`the object ${shown(object)}, must be a text`)
  if (fix !== undefined && typeof fix !== 'string') throw fails(`the fix ${shown(fix)}, must be a text`)
  if (severity !== undefined && !auditSeverities.includes(severity)) {
    throw fails(`the severity ${shown(severity)}, must be one of ${auditSeverities.join(', ')}`)
  }
  if (position !== undefined && !Number.isSafeInteger(position)) {
    throw fails(`the position ${shown(position)}, must be a number of bytes`)
  }
  if (entry !== undefined && (typeof entry !== 'object' || !('raw' in entry))) throw fails('an entry that is none')
}
