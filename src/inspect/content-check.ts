import { createSha256, type Hash } from '../codec/sha256.ts'
import type { Finding } from '../errors.ts'
import { Findings } from './findings.ts'
import { TextCheck, type TextCounts, type TextRules, type TextSubject } from './text-check.ts'

/** What was found out about a stream of data. */
export interface CheckedContent {
  /** SHA-256; null of a stream that was cut. */
  readonly digest: Uint8Array | null
  /** Rows and statements; undefined for what is no table. */
  readonly counts: TextCounts | undefined
  readonly findings: readonly Finding[]
}

/** Digests one stream of data, and checks it where it is a table's. */
export class ContentCheck {
  readonly #hash: Hash = createSha256()
  readonly #text: TextCheck | undefined

  constructor(subject: TextSubject | undefined, rules: TextRules) {
    this.#text = subject === undefined ? undefined : new TextCheck(subject, rules)
  }

  push(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.#text?.push(chunk)
  }

  /** What there was; nothing may follow. @param isWhole the stream came to its end */
  finish(isWhole: boolean): CheckedContent {
    const findings = new Findings()
    const counts = this.#text?.finish(isWhole, findings)
    return { digest: isWhole ? this.#hash.digest() : null, counts, findings: findings.all() }
  }
}
