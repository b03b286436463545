import { promiseHooks } from 'node:v8'
import { afterAll, beforeAll, expect } from 'vitest'
import { Random } from '../fuzz/random.ts'

/* What goes wrong once, at each place in turn, and what must be so afterwards. */

export const everywhere = process.env['PGDMP_FAULTS'] === 'all'
const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
export const random = new Random(seed)
console.log(`PGDMP_SEED=${seed}`)

/**
 * Numbers from 1 to `count`: all of them, or so many, spread evenly, others on each run.
 * @param most also of all of them: where there are very many
 */
export function places(count: number, few: number, most = Infinity): readonly number[] {
  const step = Math.max(1, count / (everywhere ? most : few))
  const begin = random.below(Math.ceil(step))
  const found: number[] = []
  for (let at = 1 + begin; at <= count; at += step) found.push(Math.floor(at))
  return found
}

/** Calls back each time that something which was waited for goes on, with the number of the time. */
export function watchAwaits(onAwait: (number: number) => void): { readonly count: number; stop(): void } {
  let count = 0
  const stop = promiseHooks.onBefore(() => onAwait(++count))
  return {
    get count() {
      return count
    },
    stop,
  }
}

/** Watches for promises that nobody handles; gives those since the last call. */
export function unhandled(): () => readonly unknown[] {
  const rejections: unknown[] = []
  const note = (reason: unknown): void => void rejections.push(reason)
  beforeAll(() => void process.on('unhandledRejection', note))
  afterAll(() => void process.off('unhandledRejection', note))
  return () => rejections.splice(0)
}

/** What keeps a process alive, by kind; of the pipes there are those of the runner. */
function resources(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = { ProcessWrap: 0, TCPSocketWrap: 0, PipeWrap: 0, Timeout: 0, FSReqCallback: 0 }
  for (const name of process.getActiveResourcesInfo()) if (name in counts) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Gives what must be so later: that nothing is open which was not open now. */
export function openNow(): (label: string) => Promise<void> {
  const before = resources()
  return async (label) => {
    const until = Date.now() + 3000
    for (;;) {
      const after = resources()
      const more = Object.entries(after).filter(([name, count]) => count > (before[name] ?? 0))
      if (more.length === 0) return
      if (Date.now() > until) return expect(Object.fromEntries(more), `${label}: open`).toEqual({})
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
