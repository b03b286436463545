import { expect, test } from 'vitest'
import { ByteWindow } from '../../../src/inspect/salvage-bytes.ts'

const size = 64 * 1024 * 1024

/** Bytes that tell their place, and what was read of them. */
function counted(): { readonly window: ByteWindow; readonly reads: number[] } {
  const reads: number[] = []
  const source = {
    size,
    read: async (offset: number, length: number): Promise<Uint8Array> => {
      reads.push(length)
      return Uint8Array.from({ length }, (_, index) => (offset + index) >> 12)
    },
  }
  return { window: new ByteWindow(source, undefined), reads }
}

test('ByteWindow reads little where it jumps, and much where it goes on', async () => {
  const { window, reads } = counted()
  for (let at = 0; at < size; at += size / 8) expect(await window.load(at, 5)).toBe(true)
  expect(reads).toEqual(Array.from({ length: 8 }, () => 16_384))
  reads.length = 0
  for (let at = 0; at < 4_000_000; at += 1000) {
    expect(await window.load(at, 1000)).toBe(true)
    expect(window.byte(at + 999)).toBe(((at + 999) >> 12) & 0xff)
  }
  expect(reads.length).toBeLessThan(13)
})

test('ByteWindow finds again what it left for a look elsewhere', async () => {
  const { window, reads } = counted()
  for (let round = 0; round < 100; round++) {
    await window.load(100 + round, 16)
    expect(window.byte(100 + round)).toBe(0)
    await window.load(8_000_000 + round, 16)
    expect(window.byte(8_000_000 + round)).toBe((8_000_000 >> 12) & 0xff)
  }
  expect(reads).toEqual([16_384, 16_384])
  expect(await window.load(size - 4, 5)).toBe(false)
})
