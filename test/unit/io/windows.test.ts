import { expect, test } from 'vitest'
import { bytesSource, type RandomAccess } from '../../../src/io/source.ts'
import { Windows } from '../../../src/io/windows.ts'

const bytes = Uint8Array.from({ length: 400_000 }, (_, at) => at % 251)

/** A source that counts what it is asked for. */
function counted(content: Uint8Array): { readonly source: RandomAccess; readonly reads: () => number } {
  const { size, read } = bytesSource(content)
  let reads = 0
  const counting = (offset: number, length: number): Promise<Uint8Array> => {
    reads++
    return read(offset, length)
  }
  return { source: { size, read: counting }, reads: () => reads }
}

test('a window that was given back goes on where the next begins', async () => {
  const { source, reads } = counted(bytes)
  const windows = new Windows(source, undefined)
  const first = windows.open(100)
  await first.fill(10)
  first.consume(10)
  windows.giveBack(first)
  const second = windows.open(120)
  await second.fill(5)
  expect(second.position).toBe(120)
  expect(second.buffer[second.start]).toBe(120)
  expect(reads()).toBe(1)
})

test.each([
  ['behind it', 50],
  ['past what it holds', 300_000],
])('a window is opened anew %s', async (_, start) => {
  const { source, reads } = counted(bytes)
  const windows = new Windows(source, undefined)
  const first = windows.open(100)
  await first.fill(10)
  first.consume(10)
  windows.giveBack(first)
  const second = windows.open(start)
  await second.fill(1)
  expect(second.position).toBe(start)
  expect(second.buffer[second.start]).toBe(start % 251)
  expect(reads()).toBe(2)
})

test('a window that is read from is nobody else’s', async () => {
  const windows = new Windows(bytesSource(bytes), undefined)
  const first = windows.open(0)
  await first.fill(10)
  windows.giveBack(first)
  const second = windows.open(5)
  const third = windows.open(5)
  expect(third).not.toBe(second)
  await Promise.all([second.fill(1), third.fill(1)])
  second.consume(1)
  expect([second.position, third.position]).toEqual([6, 5])
})
