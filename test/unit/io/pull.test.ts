import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { pullFrom, pullOver, type Pull } from '../../../src/io/pull.ts'
import { bytesSource, type RandomAccess } from '../../../src/io/source.ts'

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff)
}

function chunked(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[turn % sizes.length] ?? 1)
    chunks.push(bytes.slice(at, at + size))
    at += size
  }
  return chunks
}

/** Gives each chunk in a buffer that is overwritten afterwards, after 0 to 2 turns of the event loop. */
async function* lent(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  for (const [index, chunk] of chunks.entries()) {
    for (let turn = 0; turn < index % 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    const buffer = chunk.slice()
    yield buffer
    buffer.fill(0xee)
  }
}

async function* lentAtOnce(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void, void> {
  yield* chunks
}

async function readAll(pull: Pull, steps: readonly number[] = []): Promise<Uint8Array> {
  const parts: number[] = []
  for (let turn = 0; ; turn++) {
    const want = steps.length === 0 ? undefined : steps[turn % steps.length]
    const got = await pull.fill(want)
    const take = got ? (want ?? pull.available) : pull.available
    expect(pull.position).toBe(parts.length)
    parts.push(...pull.buffer.subarray(pull.start, pull.start + take))
    pull.consume(take)
    if (!got) return Uint8Array.from(parts)
  }
}

describe('pullFrom()', () => {
  it('gives the same bytes for any chunks, window and steps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 8 }).filter((sizes) => sizes.every((size) => size > 0)),
        fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 600 }),
        async (bytes, sizes, steps, windowBytes) => {
          const pull = pullFrom(lent(chunked(bytes, sizes)), { windowBytes })
          expect(await readAll(pull, steps)).toEqual(bytes)
          expect(pull.ended).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('reads synchronous iterables and leaves empty chunks out', async () => {
    const pull = pullFrom([new Uint8Array(0), pattern(3), new Uint8Array(0), pattern(2)])
    expect(await readAll(pull)).toEqual(Uint8Array.of(...pattern(3), ...pattern(2)))
  })

  it('gathers one-byte chunks that are at hand into one fill', async () => {
    const bytes = pattern(50_000)
    const pull = pullFrom(lentAtOnce(Array.from(bytes, (byte) => Uint8Array.of(byte))))
    await pull.fill()
    expect(pull.available).toBe(50_000)
    expect(Buffer.compare(pull.buffer.subarray(pull.start, pull.end), bytes)).toBe(0)
  })

  it('does not wait for more than was asked for', async () => {
    async function* stalling(): AsyncGenerator<Uint8Array, void, void> {
      yield pattern(10)
      await new Promise<never>(() => undefined)
    }
    const pull = pullFrom(stalling())
    expect(await pull.fill(4)).toBe(true)
    expect(pull.available).toBe(10)
    await pull.close()
  })

  it('reports a failure only when the bytes before it are used up', async () => {
    async function* failing(): AsyncGenerator<Uint8Array, void, void> {
      yield pattern(10)
      throw new Error('broken')
    }
    const pull = pullFrom(failing())
    expect(await pull.fill()).toBe(true)
    expect(pull.available).toBe(10)
    await expect(pull.fill()).rejects.toThrow('broken')
    expect(pull.available).toBe(10)
    await pull.close()
  })

  it('starts counting at the position given', async () => {
    const pull = pullFrom([pattern(10)], { position: 100 })
    expect(pull.position).toBe(100)
    await pull.fill()
    pull.consume(4)
    expect(pull.position).toBe(104)
  })

  it('keeps the window small when more is asked for than there is', async () => {
    const pull = pullFrom([pattern(100)])
    expect(await pull.fill(1_000_000_000)).toBe(false)
    expect(pull.available).toBe(100)
    expect(pull.buffer.length).toBeLessThanOrEqual(1024 * 1024)
  })

  it('grows the window for what is asked for and is there', async () => {
    const bytes = pattern(300_000)
    const pull = pullFrom(lent(chunked(bytes, [7000])), { windowBytes: 4096 })
    expect(await pull.fill(250_000)).toBe(true)
    const window = pull.buffer.subarray(pull.start, pull.start + 250_000)
    expect(Buffer.compare(window, bytes.subarray(0, 250_000))).toBe(0)
  })

  it('refuses chunks that are no bytes with USAGE', async () => {
    const text: unknown = ['text']
    const pull = pullFrom(text as Iterable<Uint8Array>) // what a stream with an encoding gives
    await expect(pull.fill()).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('rejects with the reason of the signal, also while it waits', async () => {
    const controller = new AbortController()
    let returned = false
    const stuck: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: async () => {
          returned = true
          return { done: true, value: undefined }
        },
      }),
    }
    const pull = pullFrom(stuck, { signal: controller.signal })
    const filling = pull.fill()
    controller.abort(new Error('enough'))
    await expect(filling).rejects.toThrow('enough')
    await expect(pull.skip(1)).rejects.toThrow('enough')
    await pull.close()
    expect(returned).toBe(true)
  })

  it('does without the chunk before while the next one lasts', async () => {
    const bytes = pattern(1000)
    async function* detaching(): AsyncGenerator<Uint8Array, void, void> {
      for (const chunk of chunked(bytes, [100])) {
        yield chunk
        // as to a thread that gets its buffer back
        structuredClone(chunk.buffer, { transfer: [chunk.buffer] })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const pull = pullFrom(detaching())
    const read: number[] = []
    while (await pull.fill()) {
      read.push(...pull.buffer.subarray(pull.start, pull.end))
      pull.consume(pull.available)
    }
    expect(Uint8Array.from(read)).toEqual(bytes)
  })
})

describe('pullOver()', () => {
  it('gives the bytes of the range for any window and steps, with or without readInto', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2000 }),
        fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 5 }),
        fc.integer({ min: 1, max: 600 }),
        fc.boolean(),
        async (bytes, steps, windowBytes, into) => {
          const whole = bytesSource(bytes)
          const source: RandomAccess = into ? whole : { size: whole.size, read: whole.read }
          expect(await readAll(pullOver(source, { windowBytes }), steps)).toEqual(bytes)
          const pull = pullOver(source, { start: 5, end: 20 })
          await pull.fill(15)
          expect(pull.buffer.slice(pull.start, pull.end)).toEqual(bytes.slice(5, 20))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('reads little first, then whole windows', async () => {
    const lengths: number[] = []
    const bytes = new Uint8Array(4 * 1024 * 1024)
    const source = bytesSource(bytes)
    const pull = pullOver({
      ...source,
      readInto: async (target, offset) => {
        lengths.push(target.length)
        return bytes.subarray(offset, offset + target.length).length
      },
    })
    while (await pull.fill()) pull.consume(pull.available)
    expect(lengths.slice(0, 4)).toEqual([64 * 1024, 256 * 1024, 1024 * 1024, 1024 * 1024])
    expect(lengths.length).toBe(6)
  })

  it('ends early, and does not fail, where a file is shorter than its size', async () => {
    const pull = pullOver({ size: 100, read: async () => new Uint8Array(0) })
    expect(await pull.fill()).toBe(false)
  })
})

describe('Pull', () => {
  it('skip() leads to the same place on streams and on random access', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 50 })), { maxLength: 8 }),
        async (moves) => {
          const bytes = pattern(1000)
          const pulls = [pullOver(bytesSource(bytes), { windowBytes: 64 }), pullFrom(lent(chunked(bytes, [13, 90])))]
          let at = 0
          for (const [gap, length] of moves) {
            const skipped = Math.min(gap, bytes.length - at)
            at += skipped
            for (const pull of pulls) {
              expect(await pull.skip(gap)).toBe(skipped)
              expect(pull.position).toBe(at)
              const there = await pull.fill(length)
              expect(there).toBe(at + length <= bytes.length)
              const count = Math.min(length, pull.available)
              expect(pull.buffer.slice(pull.start, pull.start + count)).toEqual(bytes.slice(at, at + length))
              pull.consume(count)
            }
            at = Math.min(at + length, bytes.length)
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  it('take() gives bytes that later reading leaves alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 0, max: 90 })), { maxLength: 30 }),
        async (steps) => {
          const bytes = pattern(1000)
          for (const pull of [
            pullOver(bytesSource(bytes), { windowBytes: 64 }),
            pullFrom(lentAtOnce(chunked(bytes, [13, 90])), { windowBytes: 64 }),
          ]) {
            const taken: number[][] = []
            const views: Uint8Array[] = []
            let at = 0
            for (const [want, most] of steps) {
              await pull.fill(want)
              const length = Math.min(most, pull.available)
              views.push(pull.take(length))
              taken.push([...bytes.subarray(at, at + length)])
              at += length
              expect(pull.position).toBe(at)
            }
            expect(views.map((view) => Array.from(view))).toEqual(taken)
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('skip() seeks on random access', async () => {
    let bytesRead = 0
    const source = bytesSource(new Uint8Array(10_000_000))
    const pull = pullOver({
      size: source.size,
      read: async (offset, length) => {
        bytesRead += length
        return await source.read(offset, length)
      },
    })
    expect(await pull.skip(9_999_990)).toBe(9_999_990)
    expect(await pull.fill(10)).toBe(true)
    expect(bytesRead).toBe(10)
  })

  it('consume() refuses more than is available', async () => {
    const pull = pullFrom([pattern(3)])
    await pull.fill()
    expect(() => pull.consume(4)).toThrow('Cannot consume 4 bytes: 3 are available')
    expect(() => pull.consume(-1)).toThrow('Cannot consume')
  })

  it('close() returns the iterator once, and later reads fail with CLOSED', async () => {
    let returns = 0
    async function* endless(): AsyncGenerator<Uint8Array, void, void> {
      try {
        for (;;) yield pattern(10)
      } finally {
        returns++
      }
    }
    const pull = pullFrom(endless())
    await pull.fill()
    await pull.close()
    await pull.close()
    expect(returns).toBe(1)
    await expect(pull.fill(1_000_000)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('passes on the failure of any read, whichever it is', async () => {
    const bytes = new Uint8Array(2_000_000)
    for (let failAt = 0; failAt < 5; failAt++) {
      let reads = 0
      const source = bytesSource(bytes)
      const failure = new Error('I/O error')
      const pull = pullOver({
        size: bytes.length,
        read: async (offset, length) => {
          if (reads++ === failAt) throw failure
          return await source.read(offset, length)
        },
      })
      const drain = async (): Promise<number> => {
        while (await pull.fill()) pull.consume(pull.available)
        return pull.position
      }
      // 64 KiB, 256 KiB, 1 MiB and the rest.
      if (failAt < 4) await expect(drain()).rejects.toBe(failure)
      else expect(await drain()).toBe(bytes.length)
    }
  })
})

describe('readAhead()', () => {
  const MiB = 1024 * 1024

  it('gives the same bytes, and leaves those that were taken alone', async () => {
    // leftovers of up to 64 KiB are moved in front of what was read, longer ones need another buffer
    const action = fc.tuple(fc.constantFrom('take', 'consume', 'skip', 'fill'), fc.integer({ min: 0, max: 2_200_000 }))
    const bytes = pattern(5_000_000)
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 12 }), async (actions) => {
        const pull = pullOver(bytesSource(bytes))
        const taken: [number, Uint8Array][] = []
        // past the small reads at the beginning
        for (const length of [64 * 1024, 256 * 1024]) {
          await pull.fill(length)
          pull.consume(length)
        }
        await pull.fill()
        for (const [what, amount] of actions) {
          pull.readAhead()
          const { position } = pull
          const length = Math.min(amount, pull.available)
          if (what === 'take') taken.push([position, pull.take(length)])
          else if (what === 'consume') pull.consume(length)
          else if (what === 'skip') expect(await pull.skip(amount)).toBe(Math.min(amount, bytes.length - position))
          else expect(await pull.fill(amount)).toBe(amount <= bytes.length - position)
          const window = pull.buffer.subarray(pull.start, pull.end)
          expect(Buffer.compare(window, bytes.subarray(pull.position, pull.position + pull.available))).toBe(0)
        }
        do pull.consume(pull.available)
        while (await pull.fill())
        expect(pull.position).toBe(bytes.length)
        for (const [at, part] of taken) expect(Buffer.compare(part, bytes.subarray(at, at + part.length))).toBe(0)
      }),
      { numRuns: 30 },
    )
  })

  /** Reads of a source of 5 MiB as they begin; the one at `failAt` fails. */
  async function opened(failAt = Infinity): Promise<{ pull: Pull; reads: number[] }> {
    const reads: number[] = []
    const source = bytesSource(new Uint8Array(5 * MiB))
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      reads.push(offset)
      if (offset >= failAt) throw new Error('I/O error')
      return await source.read(offset, length)
    }
    const pull = pullOver({ size: source.size, read })
    for (let turn = 0; turn < 2; turn++) {
      await pull.fill()
      pull.readAhead()
      pull.consume(pull.available)
    }
    await pull.fill()
    return { pull, reads }
  }

  it('begins the next read once reads have become large, and one at a time', async () => {
    const { pull, reads } = await opened()
    expect(reads).toEqual([0, 64 * 1024, 320 * 1024])
    pull.readAhead()
    pull.readAhead()
    expect(reads).toEqual([0, 64 * 1024, 320 * 1024, 320 * 1024 + MiB])
    pull.consume(pull.available)
    expect(await pull.fill()).toBe(true)
    expect(pull.position).toBe(320 * 1024 + MiB)
    expect(reads.length).toBe(4)
  })

  it('keeps a failure for whoever needs the bytes', async () => {
    const { pull } = await opened(320 * 1024 + MiB)
    pull.readAhead()
    const { available } = pull
    await new Promise((resolve) => setImmediate(resolve))
    expect(await pull.fill(available)).toBe(true)
    pull.consume(available)
    await expect(pull.fill()).rejects.toThrow('I/O error')
  })

  it('close() waits for the read, whose failure nobody needs', async () => {
    const { pull, reads } = await opened(320 * 1024 + MiB)
    pull.readAhead()
    await pull.close()
    expect(reads.length).toBe(4)
    await expect(pull.fill(5 * MiB)).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
