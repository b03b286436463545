import type { DumpId } from '../toc/types.ts'

/** What waits for something that others use. */
interface Waiting {
  /** Those that only use it. */
  readonly users: number[]
  /** Those that lock it: one at a time. */
  readonly lockers: number[]
  /** The next of `lockers`. */
  next: number
}

/** What an {@link EntryLocks} is told of entries. */
export interface LockInput {
  /** All that an entry uses: what it depends on. */
  usedBy(place: number): readonly DumpId[]
  /** What of that it locks; undefined for nothing. */
  lockedBy(place: number): ReadonlySet<DumpId> | undefined
}

/**
 * What running entries use and lock, and who waits for it. What is given up wakes all that only use it, and one of those
 * that lock it: of many that lock the same one can run, and the others would be looked at for nothing.
 */
export class EntryLocks {
  readonly #input: LockInput
  /** How many running entries use it; −1: one has locked it. */
  readonly #held = new Map<DumpId, number>()
  readonly #waiting = new Map<DumpId, Waiting>()
  /** What an entry was woken for that locks it. */
  readonly #wokenFor = new Map<number, DumpId>()

  constructor(input: LockInput) {
    this.#input = input
  }

  /** What an entry must wait for (has_lock_conflicts, pg_backup_archiver.c, both ways). */
  obstacleOf(place: number): DumpId | undefined {
    const locks = this.#input.lockedBy(place)
    return this.#input.usedBy(place).find((id) => {
      const held = this.#held.get(id) ?? 0
      return held < 0 || (held > 0 && locks?.has(id) === true)
    })
  }

  /** An entry without an obstacle runs. */
  take(place: number): void {
    this.#wokenFor.delete(place)
    const locks = this.#input.lockedBy(place)
    for (const id of new Set(this.#input.usedBy(place))) {
      this.#held.set(id, locks?.has(id) === true ? -1 : (this.#held.get(id) ?? 0) + 1)
    }
  }

  /** An entry waits for its obstacle: gives who may be looked at instead. */
  wait(place: number, obstacle: DumpId): readonly number[] {
    let waiting = this.#waiting.get(obstacle)
    if (waiting === undefined) {
      waiting = { users: [], lockers: [], next: 0 }
      this.#waiting.set(obstacle, waiting)
    }
    const isLocker = this.#input.lockedBy(place)?.has(obstacle) === true
    const list = isLocker ? waiting.lockers : waiting.users
    list.push(place)
    const wokenFor = this.#wokenFor.get(place)
    this.#wokenFor.delete(place)
    return wokenFor === undefined || wokenFor === obstacle ? [] : this.#wake(wokenFor)
  }

  /** A running entry is done: gives who waited for what it used. */
  release(place: number): readonly number[] {
    const woken: number[] = []
    for (const id of new Set(this.#input.usedBy(place))) {
      const held = this.#held.get(id) ?? 0
      if (held > 1) this.#held.set(id, held - 1)
      else this.#held.delete(id)
      for (const waiting of this.#wake(id)) woken.push(waiting)
    }
    return woken
  }

  #wake(id: DumpId): readonly number[] {
    const waiting = this.#waiting.get(id)
    const held = this.#held.get(id) ?? 0
    if (waiting === undefined || held < 0) return []
    const woken = waiting.users.splice(0)
    const locker = held === 0 ? waiting.lockers[waiting.next] : undefined
    if (locker !== undefined) {
      waiting.next++
      this.#wokenFor.set(locker, id)
      woken.push(locker)
    }
    if (waiting.next === waiting.lockers.length) this.#waiting.delete(id)
    return woken
  }
}
