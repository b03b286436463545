import { getEventListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { untilAborted } from '../../../src/io/abort.ts'

describe('untilAborted()', () => {
  it('listens once for all that waits, and no longer than there is any', async () => {
    const { signal } = new AbortController()
    const ends: (() => void)[] = []
    const all = [1, 2, 3].map((value) =>
      untilAborted(new Promise<number>((resolve) => void ends.push(() => resolve(value))), signal),
    )
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const end of ends) end()
    expect(await Promise.all(all)).toEqual([1, 2, 3])
    await nextTurn()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    await expect(untilAborted(Promise.reject(new Error('bad')), signal)).rejects.toThrow('bad')
    await nextTurn()
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  it('gives up all that waits, and what comes later, with the reason', async () => {
    const control = new AbortController()
    const never = new Promise<never>(() => undefined)
    const early = untilAborted(Promise.resolve(1), control.signal)
    expect(await early).toBe(1)
    const all = [untilAborted(never, control.signal), untilAborted(never, control.signal)]
    control.abort('enough')
    for (const each of all) await expect(each).rejects.toBe('enough')
    await expect(untilAborted(never, control.signal)).rejects.toBe('enough')
    // what is there already is given
    expect(await untilAborted(Promise.resolve(2), control.signal)).toBe(2)
  })
})
