import { promiseHooks } from 'node:v8'
import { afterAll, beforeAll, expect } from 'vitest'
import { Random } from '../fuzz/random.ts'
import { cutting, type Cut, type CuttingProxy, type Direction } from './cutting-proxy.ts'
import { watchCalls, type Watch } from './system-calls.ts'

/*
 * Work in which one thing goes wrong, at each place in turn, a run for each: a call to the file system fails, a
 * connection is cut before a message or in the middle of one, the signal comes when something that was waited for goes
 * on. PGDMP_FAULTS=all tries every place (of messages at most 1000, of bytes 400), PGDMP_FAULTS=50 so many of each kind;
 * else few are tried, others on each run.
 */

const { PGDMP_FAULTS: wish = '' } = process.env
export const everywhere = wish !== ''
const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
export const random = new Random(seed)
console.log(`PGDMP_SEED=${seed}`)

/** All of them, or so many others on each run. */
export function some<T>(all: readonly T[], few: number): readonly T[] {
  if (everywhere) return all
  const begin = random.below(all.length)
  return [...all.slice(begin), ...all.slice(0, begin)].slice(0, few)
}

/** Numbers from 1 to `count`, spread evenly. */
function places(count: number, few: number, most: number): readonly number[] {
  const step = Math.max(1, count / (everywhere ? Math.min(most, Number(wish) || Infinity) : few))
  const found: number[] = []
  for (let at = 1 + random.below(Math.ceil(step)); at <= count; at += step) found.push(Math.floor(at))
  return found
}

/** Where something goes wrong, from 1; absent: nowhere. */
interface FaultPlace {
  readonly call?: number
  readonly stop?: number
  readonly question?: number
  readonly cut?: Cut
}

/** What goes wrong in one run. */
export class Fault {
  readonly signal: AbortSignal
  /** What the work is to fail with; undefined for a lost connection, and where nothing goes wrong. */
  readonly error: Error | undefined
  readonly cut: Cut | undefined
  readonly #call: number
  readonly #await: number
  readonly #question: number
  readonly #control = new AbortController()
  #watch: Watch | undefined
  #proxy: CuttingProxy | undefined
  #awaits = 0
  #questions = 0
  readonly #hearsLast = random.below(2) === 0

  constructor({ call = 0, stop = 0, question = 0, cut }: FaultPlace = {}) {
    this.signal = this.#control.signal
    this.#call = call
    this.#await = stop
    this.#question = question
    this.cut = cut
    if (call > 0) this.error = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    else if (question > 0) this.error = new Error('gone')
    else if (stop > 0) this.error = new Error('enough')
  }

  /** Calls to the file system so far. */
  get calls(): readonly string[] {
    return this.#watch?.calls ?? []
  }

  /** How often something that was waited for went on. */
  get awaits(): number {
    return this.#awaits
  }

  /** How often a database was asked so far, where the work tells. */
  get questions(): number {
    return this.#questions
  }

  /** Asks a database that may be gone: from one question on it is, which it may have heard or not. */
  async asking<T>(ask: () => Promise<T>): Promise<T> {
    const number = ++this.#questions
    const isGone = this.#question > 0 && number >= this.#question
    if (!isGone) return await ask()
    if (number === this.#question && this.#hearsLast) await ask()
    throw this.error
  }

  /** What went through the proxy. */
  get traffic(): Pick<CuttingProxy, 'messages' | 'bytes'> {
    return this.#proxy ?? { messages: { up: 0, down: 0 }, bytes: { up: 0, down: 0 } }
  }

  toString(): string {
    if (this.#call > 0) return `call ${this.#call} fails, ${this.calls[this.#call - 1]}`
    if (this.#await > 0) return `stopped at ${this.#await}`
    if (this.#question > 0) return `gone at question ${this.#question}${this.#hearsLast ? ', which it hears' : ''}`
    return this.cut === undefined ? 'nothing goes wrong' : `cut: ${JSON.stringify(this.cut)}`
  }

  /** Does the work, with a proxy before a server where one is named, and sees to it that nothing stays open. */
  async during<T>(
    place: { readonly host: string; readonly port: number } | undefined,
    work: (port: number) => Promise<T>,
  ): Promise<{ readonly value?: T; readonly error?: unknown }> {
    const before = resources()
    this.#proxy = place === undefined ? undefined : await cutting(place, this.cut)
    this.#watch = watchCalls(({ number }) => (number === this.#call && this.error ? { fail: this.error } : undefined))
    const stop = promiseHooks.onBefore(() => {
      if (++this.#awaits === this.#await) this.#control.abort(this.error)
    })
    try {
      return { value: await work(this.#proxy?.port ?? 0) }
    } catch (error) {
      return { error }
    } finally {
      stop()
      this.#watch.restore()
      await this.#proxy?.close()
      await nothingMore(before, `${this}`)
    }
  }

  /** Whether an error is the one that this must lead to. */
  explains(error: unknown): boolean {
    if (this.#question > 0) return error instanceof Error && error.cause === this.error
    if (this.error !== undefined) return error === this.error
    // what node-postgres says while it connects, and what comes of it later
    return this.cut !== undefined && error instanceof Error && /connection|ECONNRESET|EPIPE/i.test(error.message)
  }
}

/** How many places of each kind are tried in a short run; absent: none at all. */
export interface Few {
  readonly calls?: number
  readonly cuts?: number
  readonly stops?: number
  readonly questions?: number
}

/**
 * Runs `round` once without a fault, and then with one after the other.
 * @param round does the work, and checks all that must be so whatever went wrong. @returns whether the work failed
 */
export async function sweep(round: (fault: Fault) => Promise<boolean>, few: Few): Promise<void> {
  const good = new Fault()
  expect(await round(good)).toBe(false)
  const faults: Fault[] = []
  if (few.calls !== undefined) {
    for (const call of places(good.calls.length, few.calls, Infinity)) faults.push(new Fault({ call }))
  }
  if (few.stops !== undefined)
    for (const stop of places(good.awaits, few.stops, Infinity)) faults.push(new Fault({ stop }))
  if (few.questions !== undefined) {
    for (const question of places(good.questions, few.questions, Infinity)) faults.push(new Fault({ question }))
  }
  if (few.cuts !== undefined) {
    const { messages, bytes } = good.traffic
    const which = () => random.pick(['one', 'all'] as const)
    for (const direction of ['up', 'down'] as const satisfies readonly Direction[]) {
      for (const message of places(messages[direction], few.cuts, 1000)) {
        faults.push(new Fault({ cut: { direction, message, which: which() } }))
      }
      for (const byte of places(bytes[direction], few.cuts, 400)) {
        faults.push(new Fault({ cut: { direction, byte, which: which() } }))
      }
    }
  }
  let failures = 0
  for (const fault of faults) if (await round(fault)) failures++
  expect(failures).toBeGreaterThan(faults.length / 3)
}

/** Watches for promises that nobody handles; gives those since the last call. */
export function unhandled(): () => readonly unknown[] {
  const rejections: unknown[] = []
  const note = (reason: unknown): void => void rejections.push(reason)
  beforeAll(() => void process.on('unhandledRejection', note))
  afterAll(() => void process.off('unhandledRejection', note))
  return () => rejections.splice(0)
}

/** What keeps a process alive, by kind: sockets, pipes, programs, timers, calls. */
function resources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/** Waits until nothing is open that was not open before; what the work has let go may take a moment. */
async function nothingMore(before: ReadonlyMap<string, number>, label: string): Promise<void> {
  for (const until = Date.now() + 3000; ;) {
    const more = [...resources()].filter(([name, count]) => count > (before.get(name) ?? 0))
    if (more.length === 0) return
    if (Date.now() > until) return expect(more, `${label}: open`).toEqual([])
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Waits until a list is empty, which it must be soon. */
export async function untilEmpty(list: () => Promise<readonly unknown[]>, label: string): Promise<void> {
  for (const until = Date.now() + 5000; ;) {
    const found = await list()
    if (found.length === 0) return
    if (Date.now() > until) return expect(found, label).toEqual([])
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
