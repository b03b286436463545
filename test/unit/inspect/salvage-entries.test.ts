import { expect, test } from 'vitest'
import { DumpIds } from '../../../src/inspect/salvage-entries.ts'

test('DumpIds gives no id twice, and none that somebody will claim', () => {
  const ids = new DumpIds([1], [3, 5])
  expect([ids.take(), ids.take(), ids.claim(3), ids.claim(undefined), ids.claim(5), ids.take()]).toEqual([
    2, 4, 3, 6, 5, 7,
  ])
  expect(ids.claim(3)).toBe(8)
})
