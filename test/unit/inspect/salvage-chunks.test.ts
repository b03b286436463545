import { expect, test } from 'vitest'
import { BlockBytes } from '../../../src/inspect/salvage-chunks.ts'
import { bytesSource } from '../../../src/io/source.ts'
import { concat, int } from '../format/build-archive.ts'

test('BlockBytes.walk() makes no map of repairs for each of many chains', async () => {
  const source = bytesSource(concat(int(1), [0x61], int(0), int(2), [0x61, 0x62], int(0)))
  const bytes = new BlockBytes(source, { intSize: 4, signBytes: 1, typeBytes: 1, archiveBytes: source.size }, undefined)
  const [first, second] = [await bytes.walk(0), await bytes.walk(11)]
  expect([first.broken, second.broken, second.end]).toEqual([undefined, undefined, 23])
  expect(second.repairs).toBe(first.repairs)
})
