import { pullOver, type Pull } from './pull.ts'
import type { RandomAccess } from './source.ts'

/**
 * Windows over parts of one source. One that was given back goes on where the next is wanted, if it has come there: what
 * lies one after the other is read together, however small it is. Bench case "sql of 20,000 small tables".
 */
export class Windows {
  readonly #source: RandomAccess
  readonly #signal: AbortSignal | undefined
  #idle: Pull | undefined

  /** @param source stays open; it belongs to the caller */
  constructor(source: RandomAccess, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
  }

  /** A window that begins at `start` and may go on to the end of the source. */
  open(start: number): Pull {
    const idle = this.peek(start)
    if (idle !== undefined) {
      this.#idle = undefined
      return idle
    }
    return pullOver(this.#source, { start, signal: this.#signal })
  }

  /** The window that was given back, moved to `start` where that lies in it. It stays here. */
  peek(start: number): Pull | undefined {
    const idle = this.#idle
    if (idle === undefined) return undefined
    const distance = start - idle.position
    if (!(distance >= 0 && distance <= idle.available)) return undefined
    idle.consume(distance)
    return idle
  }

  /** Takes back a window that nobody reads from any more, nor has lent bytes of. */
  giveBack(pull: Pull): void {
    this.#idle = pull
  }
}
