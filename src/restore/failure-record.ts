import type { TocEntry } from '../toc/types.ts'
import { FailureGroups, type RestoreFailure } from './failures.ts'
import type { RestoreResult } from './options.ts'

/** Failures that are kept whole. */
const KEPT_FAILURES = 10_000

/** Of the statement of a failure that is kept. */
const KEPT_STATEMENT = 1000

/** What failed so far: all by cause, the first ones each. */
export class FailureRecord {
  readonly #failures: RestoreFailure[] = []
  readonly #groups = new FailureGroups()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(failure: RestoreFailure): void {
    this.#count++
    const { statement } = failure
    if (this.#failures.length < KEPT_FAILURES) {
      this.#failures.push({ ...failure, statement: statement === undefined ? undefined : beginning(statement) })
    }
    this.#groups.add(failure)
  }

  /** Puts those that are kept in order of their entries, which several sessions restored at the same time. */
  sort(placeOf: (entry: TocEntry | undefined) => number): void {
    this.#failures.sort((a, b) => placeOf(a.entry) - placeOf(b.entry))
  }

  summary(): Pick<RestoreResult, 'failed' | 'failures' | 'groups'> {
    return { failed: this.#count, failures: this.#failures, groups: this.#groups.list() }
  }
}

/** The first characters, by way of bytes: a slice of a string would keep all of it. */
function beginning(text: string): string {
  const bytes = new Uint8Array(3 * KEPT_STATEMENT)
  const { written } = new TextEncoder().encodeInto(text.slice(0, KEPT_STATEMENT), bytes)
  return new TextDecoder().decode(bytes.subarray(0, written))
}
