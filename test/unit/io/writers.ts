import { expect } from 'vitest'
import type { WriteBehind } from '../../../src/io/write-behind.ts'

/** Writes chunks of these lengths, changing each when it has been taken, and compares what has arrived. */
export async function expectAllInOrder(
  lengths: readonly number[],
  open: (put: (bytes: Uint8Array, position: number) => void) => WriteBehind,
): Promise<void> {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const output = new Uint8Array(total)
  const behind = open((bytes, position) => output.set(bytes, position))
  const chunk = new Uint8Array(Math.max(0, ...lengths))
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
  await behind.release()
}

/** Lets the second write fail. */
export async function expectNothingAfterFailure(open: (write: () => void) => WriteBehind): Promise<void> {
  let writes = 0
  const behind = open(() => {
    if (++writes === 2) throw new Error('no space')
  })
  const chunk = new Uint8Array(1024 * 1024)
  await expect(
    (async () => {
      for (let count = 0; count < 10; count++) await behind.write(chunk)
      await behind.drain()
    })(),
  ).rejects.toThrow('no space')
  await expect(behind.write(chunk.subarray(0, 1))).rejects.toThrow('no space')
  await expect(behind.write(chunk)).rejects.toThrow('no space')
  await expect(behind.drain()).rejects.toThrow('no space')
  await behind.stop()
  expect(writes).toBe(2)
}
