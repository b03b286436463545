import { afterEach, describe, expect, it } from 'vitest'
import { intlTimeZone } from '../../../src/toc/local-time.ts'

const zoneBefore = process.env['TZ']
afterEach(() => {
  if (zoneBefore === undefined) delete process.env['TZ']
  else process.env['TZ'] = zoneBefore
})

const format = (zone: string, text: string, isdst: number): string | null => {
  process.env['TZ'] = zone
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = text.split(/[- :]/).map(Number)
  return intlTimeZone().formatLocal({ year, month, day, hour, minute, second, isdst })
}

describe('intlTimeZone()', () => {
  it('formats a stored local time as it is, with the name of the zone', () => {
    expect(format('UTC', '2026-11-22 20:33:06', 0)).toBe('2026-11-22 20:33:06 UTC')
    expect(format('America/New_York', '2026-07-01 01:02:03', 1)).toBe('2026-07-01 01:02:03 EDT')
    expect(format('America/New_York', '2026-07-01 01:02:03', -1)).toBe('2026-07-01 01:02:03 EDT')
  })

  it('normalises fields beyond their range', () => {
    expect(format('UTC', '2026-13-32 25:60:60', 0)).toBe('2027-02-02 02:01:00 UTC')
    expect(format('UTC', '0099-01-01 00:00:00', 0)).toBe('99-01-01 00:00:00 UTC')
  })

  it('takes isdst at its word, as glibc does', () => {
    expect(format('America/New_York', '2026-07-01 12:00:00', 0)).toBe('2026-07-01 13:00:00 EDT')
    expect(format('America/New_York', '2026-01-01 12:00:00', 1)).toBe('2026-01-01 11:00:00 EST')
    expect(format('UTC', '2026-07-01 12:00:00', 1)).toBe('2026-07-01 11:00:00 UTC')
    expect(format('Asia/Tokyo', '2026-07-01 12:00:00', -1)).toMatch('2026-07-01 12:00:00 ')
    expect(format('America/New_York', '2026-11-01 01:30:00', 1)).toBe('2026-11-01 01:30:00 EDT')
    expect(format('America/New_York', '2026-11-01 01:30:00', 0)).toBe('2026-11-01 01:30:00 EST')
  })

  it('gives null for a time that cannot be represented', () => {
    expect(format('UTC', '300000-01-01 00:00:00', 0)).toBeNull()
  })

  it('formats an instant', () => {
    process.env['TZ'] = 'America/New_York'
    expect(intlTimeZone().formatInstant(Date.UTC(2026, 0, 1))).toBe('2025-12-31 19:00:00 EST')
  })
})
