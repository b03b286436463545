import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { civilFromDays, daysFromCivil } from '../../../src/time/posix-zone.ts'

describe('civilFromDays()', () => {
  it('is the inverse of daysFromCivil(), which is that of Date', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000_000, max: 100_000_000 }), (days) => {
        const date = new Date(days * 86_400_000)
        const civil = { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() }
        expect(civilFromDays(days)).toEqual(civil)
        expect(daysFromCivil(civil.year, civil.month, civil.day)).toBe(days)
      }),
    )
  })
})
