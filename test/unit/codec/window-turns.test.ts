import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Reading, WindowTurns, type WindowHolder } from '../../../src/codec/window-turns.ts'

const MiB = 1048576

class Holder implements WindowHolder {
  running = true
  began = false
  readonly reading = new Reading()
  readonly #turns: WindowTurns

  constructor(turns: WindowTurns) {
    this.#turns = turns
  }

  async take(bytes: number): Promise<void> {
    await this.#turns.take(this, bytes)
    this.began = this.running
  }

  end(): void {
    this.running = false
    this.#turns.release(this)
  }
}

/** Streams that all want a large window; those being read have asked for a chunk. */
function begin(turns: WindowTurns, kinds: readonly ('read' | 'ahead')[]): Holder[] {
  return kinds.map((kind) => {
    const holder = new Holder(turns)
    if (kind === 'read') holder.reading.begin()
    void holder.take(128 * MiB)
    return holder
  })
}

const began = (holders: readonly Holder[]): boolean[] => holders.map((holder) => holder.began)

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

describe('WindowTurns', () => {
  it('take() lets one stream after the other have a window of more than 8 MiB', async () => {
    const turns = new WindowTurns()
    const holders = begin(turns, ['read', 'read', 'read'])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(began(holders)).toEqual([true, false, false])
    expect(turns.bytes).toBe(128 * MiB)
    holders[0]?.end()
    await vi.advanceTimersByTimeAsync(0)
    expect(began(holders)).toEqual([true, true, false])
    expect(vi.getTimerCount()).toBe(1)
    holders[2]?.end()
    holders[1]?.end()
    await vi.advanceTimersByTimeAsync(0)
    expect(began(holders)).toEqual([true, true, false])
    expect([turns.bytes, vi.getTimerCount()]).toEqual([0, 0])
  })

  it('take() does not wait for 8 MiB', async () => {
    const turns = new WindowTurns()
    const holder = new Holder(turns)
    begin(turns, ['read'])
    await holder.take(8 * MiB)
    expect([holder.began, turns.bytes]).toEqual([true, 128 * MiB])
  })

  it('take() waits no longer for a stream that has not been read for a second', async () => {
    const turns = new WindowTurns()
    const holders = begin(turns, ['read', 'read', 'read'])
    await vi.advanceTimersByTimeAsync(500)
    holders[0]?.reading.end()
    await vi.advanceTimersByTimeAsync(900)
    expect(began(holders)).toEqual([true, false, false])
    await vi.advanceTimersByTimeAsync(1100)
    expect(began(holders)).toEqual([true, true, false])
  })

  it('take() of a stream not read yet waits for all others, and keeps none waiting', async () => {
    const turns = new WindowTurns()
    const ahead = begin(turns, ['ahead', 'ahead'])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(began(ahead)).toEqual([true, false])
    const read = begin(turns, ['read'])
    await vi.advanceTimersByTimeAsync(0)
    expect(began(read)).toEqual([true])
  })
})
