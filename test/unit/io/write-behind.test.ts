import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WriteBehind } from '../../../src/io/write-behind.ts'

test('WriteBehind writes everything in order, whatever the chunks, and lets them be reused at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 3_000_000 }), { maxLength: 8 }), async (lengths) => {
      const total = lengths.reduce((sum, length) => sum + length, 0)
      const output = new Uint8Array(total)
      const behind = new WriteBehind(async (bytes, position) => {
        await new Promise((resolve) => setImmediate(resolve))
        output.set(bytes, position)
      })
      const chunk = new Uint8Array(3_000_000)
      for (const [index, length] of lengths.entries()) {
        chunk.fill(index + 1)
        await behind.write(chunk.subarray(0, length))
      }
      expect(behind.position).toBe(total)
      await behind.drain()
      let at = 0
      for (const [index, length] of lengths.entries()) {
        expect(output.subarray(at, (at += length)).every((byte) => byte === index + 1)).toBe(true)
      }
    }),
    { numRuns: 25 },
  )
})

test('WriteBehind throws a failed write from the next call on, and writes nothing after it', async () => {
  let writes = 0
  const behind = new WriteBehind(async () => {
    if (++writes === 2) throw new Error('no space')
  })
  const chunk = new Uint8Array(1024 * 1024)
  await expect(
    (async () => {
      for (let count = 0; count < 10; count++) await behind.write(chunk)
      await behind.drain()
    })(),
  ).rejects.toThrow('no space')
  await expect(behind.drain()).rejects.toThrow('no space')
  await behind.stop()
  expect(writes).toBe(2)
})
