import { Session } from 'node:inspector'
import type { Profiler } from 'node:inspector'

/**
 * Which blocks of the code under test have run, and about how often, as V8 counts them itself. One look takes half a
 * millisecond, whatever ran in between; so the caller looks after many executions, and after each only when the many
 * showed something new.
 */
export class Coverage {
  readonly #session = new Session()
  /** Of each block the powers of two that its count has been near to, as bits. */
  readonly #seen = new Map<string, number>()
  readonly #url: string

  /** @param url of the script under test, all that counts */
  constructor(url: string) {
    this.#url = url
    this.#session.connect()
    this.#post('Profiler.enable')
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Blocks that have run at all. */
  get blocks(): number {
    return this.#seen.size
  }

  /** Takes what ran since the last look, and says whether any block of it has never run before. */
  sawNewBlock(): boolean {
    let found = false
    this.#visit((key) => {
      if (!this.#seen.has(key)) found = true
    })
    return found
  }

  /** The same, but remembers it, and counts a block that ran about twice as often as ever as new, too. */
  learn(): boolean {
    let found = false
    this.#visit((key, count) => {
      const bit = 1 << Math.min(20, 31 - Math.clz32(count))
      const before = this.#seen.get(key) ?? 0
      if ((before & bit) !== 0) return
      this.#seen.set(key, before | bit)
      found = true
    })
    return found
  }

  /** Forgets what ran since the last look. */
  skip(): void {
    this.#post('Profiler.takePreciseCoverage')
  }

  /** How often the blocks that ran since the last look did so, all together. */
  work(): number {
    let sum = 0
    this.#visit((_key, count) => (sum += count))
    return sum
  }

  #visit(visit: (key: string, count: number) => void): void {
    for (const script of this.#post('Profiler.takePreciseCoverage').result) {
      if (script.url !== this.#url) continue
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) visit(`${startOffset}-${endOffset}`, count)
        }
      }
    }
  }

  #post(method: 'Profiler.takePreciseCoverage'): Profiler.TakePreciseCoverageReturnType
  #post(method: 'Profiler.enable' | 'Profiler.startPreciseCoverage', parameters?: object): undefined
  #post(method: string, parameters?: object): unknown {
    let answer: unknown
    // a session of the same thread answers before `post` returns
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw new Error(`${method} failed`, { cause: error })
      answer = result
    })
    return answer
  }
}
