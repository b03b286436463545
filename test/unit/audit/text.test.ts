import { expect, test } from 'vitest'
import { formatNumber } from '../../../src/audit/text.ts'

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1234567, '1,234,567'],
])('formatNumber(%d) is %s', (count, text) => {
  expect(formatNumber(count)).toBe(text)
})
