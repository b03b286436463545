import { encodeByteString, utf8ToByteString } from '../bytes/byte-string.ts'
import { createSha256, toHex } from '../codec/sha256.ts'
import type { DumpId } from '../toc/types.ts'
import type { ChosenRule } from './choose-rules.ts'
import type { AuditCategory, AuditFinding, AuditSeverity, RuleFinding } from './types.ts'

/** What a rule said, as a finding that stands on its own. */
export class StandingFinding implements AuditFinding {
  readonly rule: string
  readonly severity: AuditSeverity
  readonly category: AuditCategory
  readonly message: string
  readonly fix: string
  readonly dumpId: DumpId | undefined
  readonly desc: string | undefined
  readonly object: string
  readonly position: number | undefined
  /** An own property of each finding, for copies and JSON; its getter is one for all, or each would have a class of its own. */
  declare readonly fingerprint: string
  #fingerprint: string | undefined
  readonly #count: number

  /** @param count which it is of those with the same rule, type and name of the object, from 1 */
  constructor({ rule, severity }: ChosenRule, said: RuleFinding, object: string, count: number) {
    this.rule = rule.id
    this.severity = severity ?? said.severity ?? rule.severity
    this.category = rule.category
    this.message = said.message
    this.fix = said.fix ?? rule.fix
    this.dumpId = said.entry?.dumpId
    this.desc = said.entry?.desc
    this.object = object
    this.position = said.position
    this.#count = count
    Object.defineProperty(this, 'fingerprint', StandingFinding.#property)
  }

  get #identity(): string {
    const identity = [this.rule, this.desc ?? '', this.object].join('\u0000')
    return this.#count === 1 ? identity : `${identity}\u0000${this.#count}`
  }

  static readonly #property: PropertyDescriptor & ThisType<StandingFinding> = {
    enumerable: true,
    configurable: true,
    // made when somebody looks: a report as text does not, and each takes an object of the native library
    get(): string {
      this.#fingerprint ??= fingerprintOf(this.#identity)
      return this.#fingerprint
    },
  }
}

/** 32 hexadecimal digits. */
function fingerprintOf(identity: string): string {
  const hash = createSha256()
  hash.update(encodeByteString(utf8ToByteString(identity)))
  return toHex(hash.digest().subarray(0, 16))
}
