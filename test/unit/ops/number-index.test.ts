import { expect, test } from 'vitest'
import { NumberIndex } from '../../../src/ops/number-index.ts'
import { Random } from '../../fuzz/random.ts'

test('NumberIndex gives each number the place at which it came, as a Map would', () => {
  const random = new Random(7)
  const index = new NumberIndex()
  const known = new Map<number, number>()
  const numbers = [0, 2 ** 32 - 1, 2 ** 31, ...Array.from({ length: 3000 }, () => random.below(2000) * 2_000_003)]
  for (const number of numbers) {
    expect(index.has(number)).toBe(known.has(number))
    const place = known.get(number) ?? known.size
    known.set(number, place)
    expect(index.add(number)).toBe(place)
  }
  expect(index.size).toBe(known.size)
  expect([...index.keys()]).toEqual([...known.keys()])
  for (const [number, place] of known) expect(index.placeOf(number)).toBe(place)
  expect(index.placeOf(5)).toBe(-1)
})
