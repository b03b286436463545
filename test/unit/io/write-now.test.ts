import fc from 'fast-check'
import { expect, test } from 'vitest'
import { useCallingThread } from '../../../src/io/calling-thread.ts'
import { WriteBehind } from '../../../src/io/write-behind.ts'
import { expectAllInOrder, expectNothingAfterFailure } from './writers.ts'

useCallingThread()

const MiB = 1024 * 1024

function never(): Promise<void> {
  throw new Error('the thread pool has written')
}

/** Keeps the thread busy, as a disk does that cannot keep up. */
function stall(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

test('WriteBehind writes on a thread that has nothing else to do, everything in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.integer({ min: 0, max: 3_000_000 }), fc.integer({ min: 0, max: 65_535 })), {
        maxLength: 30,
      }),
      async (lengths) => {
        await expectAllInOrder(lengths, (put) => {
          return new WriteBehind(async (bytes, position) => {
            // only what has been gathered
            expect(bytes.length).toBeGreaterThan(64 * 1024)
            await new Promise((resolve) => setImmediate(resolve))
            put(bytes, position)
          }, put)
        })
      },
    ),
    { numRuns: 15 },
  )
})

test('WriteBehind throws a failed write from that thread on, and writes nothing after it', async () => {
  await expectNothingAfterFailure((write) => new WriteBehind(never, write))
})

test('WriteBehind goes behind where the disk cannot keep up, tries again later, and keeps the order', async () => {
  const written: { at: number; length: number; first: number | undefined; now: boolean }[] = []
  const note = (now: boolean) => (bytes: Uint8Array, at: number) => {
    if (now && at < 8 * MiB) stall(10) // 512 KiB: 50 MiB/s
    written.push({ at, length: bytes.length, first: bytes[0], now })
  }
  const behind = new WriteBehind(async (bytes, at) => {
    await new Promise((resolve) => setImmediate(resolve))
    note(false)(bytes, at)
  }, note(true))
  const chunk = new Uint8Array(5 * MiB)
  const lengths = [...Array.from({ length: 60 }, () => chunk.length), 17, 70_000, chunk.length]
  for (const [index, length] of lengths.entries()) {
    chunk.fill(index)
    await behind.write(chunk.subarray(0, length))
  }
  await behind.drain()
  await behind.release()

  let at = 0
  for (const piece of written) {
    expect(piece.at).toBe(at)
    at += piece.length
    // 5 MiB are whole buffers, so that every piece begins within the chunk that its position says
    expect(piece.first).toBe(
      Math.min(Math.floor(piece.at / chunk.length), 60) +
        (piece.at >= 300 * MiB + 17 ? 1 : 0) +
        (piece.at >= 300 * MiB + 70_017 ? 1 : 0),
    )
  }
  expect(at).toBe(lengths.reduce((sum, length) => sum + length, 0))
  const ways = written.map(({ now, at: position }) => ({ now, mebibytes: position / MiB }))
  expect(ways[0]?.now).toBe(true)
  const late = ways.filter(({ now }) => !now)
  expect(late[0]?.mebibytes).toBeGreaterThanOrEqual(8)
  expect(late[0]?.mebibytes).toBeLessThanOrEqual(10)
  expect(late.at(-1)?.mebibytes).toBeGreaterThan(256)
  expect(ways.some(({ now, mebibytes }) => now && mebibytes > 256)).toBe(true)
})
