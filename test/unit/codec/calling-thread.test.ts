import { deflateSync, gzipSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import type * as nativeHandle from '../../../src/codec/native-handle.ts'
import { DecodePool } from '../../../src/codec/pool.ts'
import { defaultLimits } from '../../../src/limits.ts'
import { useCallingThread } from '../../../src/io/calling-thread.ts'
import { TestSource, collect, contents, context } from './streams.ts'

const steps = vi.hoisted(() => ({ here: 0, pool: 0 }))

vi.mock('../../../src/codec/native-handle.ts', async (importOriginal) => {
  const original = await importOriginal<typeof nativeHandle>()
  return {
    ...original,
    openHandle(...args: Parameters<typeof original.openHandle>): ReturnType<typeof original.openHandle> {
      const handle = original.openHandle(...args)
      if (handle === undefined) return undefined
      return {
        ...handle,
        step(...what) {
          steps.here++
          return handle.step(...what)
        },
        stepInThreadPool(...what) {
          steps.pool++
          return handle.stepInThreadPool(...what)
        },
      }
    },
  }
})

const many = Buffer.concat(Array.from({ length: 200 }, () => contents.rows)) // 60 MB
const job = { limits: defaultLimits, context, storedBytes: 16 * 1048576 }

/** Keeps the thread busy. */
function work(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
}

async function read(container: 'zlib' | 'gzip', bytes: Uint8Array, eachTakes: number): Promise<number> {
  steps.here = 0
  steps.pool = 0
  const pool = new DecodePool({ workers: 2 })
  const source = pool.decode({ ...job, container, input: new TestSource(bytes) })
  let at = 0
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
    if (!many.subarray(at, at + chunk.length).equals(chunk)) throw new Error(`something else at ${at}`)
    at += chunk.length
    if (eachTakes > 0) work(eachTakes)
  }
  await pool.close()
  return at
}

test('DecodePool leaves the thread that reads alone until it is said to be free', async () => {
  expect(await read('zlib', deflateSync(many, { level: 1 }), 0)).toBe(many.length)
  expect(steps.pool).toBeGreaterThan(40)
  expect(steps.here).toBeLessThan(3) // the look at the end
})

test('DecodePool decodes on a free thread what a quick reader waits for, in the thread pool what a slow one reads', async () => {
  useCallingThread()
  for (const [container, bytes] of [
    ['zlib', deflateSync(many, { level: 1 })],
    ['gzip', gzipSync(many, { level: 1 })],
  ] as const) {
    expect(await read(container, bytes, 0)).toBe(many.length)
    expect(steps.here).toBeGreaterThan(steps.pool)
    expect(await read(container, bytes, 30)).toBe(many.length)
    expect(steps.pool).toBeGreaterThan(10 * steps.here)
  }
})

test('A stream decoded on a free thread can be given up, and tells of damage after what came before it', async () => {
  useCallingThread()
  const bytes = deflateSync(many, { level: 1 })
  const pool = new DecodePool({ workers: 2 })
  const input = new TestSource(bytes)
  const given = pool.decode({ ...job, container: 'zlib', input })
  for (let count = 0; count < 20; count++) await given.next()
  await given.cancel()
  expect(input.cancelled).toBeGreaterThan(0)
  expect(await given.next()).toBeNull()

  const cut = pool.decode({ ...job, container: 'zlib', input: new TestSource(bytes.subarray(0, bytes.length - 9)) })
  await expect(collect(cut)).rejects.toMatchObject({ code: 'UNEXPECTED_EOF' })
  await pool.close()
})
