import { afterEach, describe, expect, it } from 'vitest'
import { loadTimeZone } from '../../../src/io/time-zone.ts'
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
    expect(format('Asia/Tokyo', '2026-07-01 12:00:00', -1)).toBe('2026-07-01 12:00:00 +09')
    expect(format('America/New_York', '2026-11-01 01:30:00', 1)).toBe('2026-11-01 01:30:00 EDT')
    expect(format('America/New_York', '2026-11-01 01:30:00', 0)).toBe('2026-11-01 01:30:00 EST')
  })

  it('formats an instant', () => {
    process.env['TZ'] = 'America/New_York'
    expect(intlTimeZone().formatInstant(Date.UTC(2026, 0, 1))).toBe('2025-12-31 19:00:00 EST')
  })

  it.each([
    ['Europe/Berlin', 'CET-1CEST,M3.5.0,M10.5.0/3'],
    ['America/New_York', 'EST5EDT,M3.2.0,M11.1.0'],
    ['Asia/Kolkata', 'IST-5:30'],
    ['UTC', 'UTC0'],
  ])('shows the time of %s', async (name, rule) => {
    const [zone, exact] = [intlTimeZone(name), await loadTimeZone(rule)]
    for (let time = Date.UTC(2007, 3, 1); time < Date.UTC(2030, 0, 1); time += 100 * 86_400_000) {
      expect(zone.formatInstant(time)).toBe(exact.formatInstant(time))
    }
  })

  it('names zones by letters where a locale knows them, by numbers elsewhere', () => {
    const january = Date.UTC(2024, 0, 15)
    const names = ['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC', 'Asia/Kathmandu', 'America/Sao_Paulo']
    expect(names.map((name) => intlTimeZone(name).formatInstant(january).split(' ')[2])).toEqual([
      'CET',
      'EST',
      'IST',
      'UTC',
      '+0545',
      '-03',
    ])
  })

  it('finds daylight time, gaps and far years as any zone', () => {
    const zone = intlTimeZone('Europe/Berlin')
    const time = { year: 2024, month: 3, day: 31, hour: 2, minute: 30, second: 0, isdst: -1 }
    expect(zone.formatLocal(time)).toBe('2024-03-31 03:30:00 CEST')
    expect(zone.formatLocal({ ...time, month: 7, isdst: 0 })).toBe('2024-07-31 03:30:00 CEST')
    expect(zone.formatLocal({ ...time, year: 1_000_000, month: 1 })).toMatch(/^1000000-01-31 02:30:00 /)
    // a Date begins within a year, and months are not taken out as whole cycles
    for (const years of [-271_821, -271_820, 275_760, 275_761]) {
      const month = 3 + 12 * (years - time.year)
      for (const isdst of [-1, 0, 1]) expect(zone.formatLocal({ ...time, month, isdst })).toContain(`${years}-03-31 `)
    }
  })

  it('without a name is the zone of the process, and an unknown name is a RangeError', () => {
    expect(intlTimeZone().formatInstant(0)).toMatch(/^19\d\d-\d\d-\d\d \d\d:\d\d:\d\d \S+$/)
    expect(() => intlTimeZone('Foo/Bar')).toThrow(RangeError)
  })
})
