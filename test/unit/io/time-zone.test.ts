import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { timeZoneOf } from '../../../src/io/local-time.ts'
import { civilFromDays, daysFromCivil } from '../../../src/io/posix-zone.ts'
import { intlTimeZone, loadTimeZone } from '../../../src/io/time-zone.ts'
import { parseTzif } from '../../../src/io/tzif.ts'

type Local = [number, number, number, number, number, number, number, string | null]

interface ZoneCases {
  zone: string
  local: Local[]
  instant: [number, string | null][]
}

const fixtures = new URL('../../fixtures/', import.meta.url)
// What glibc answers, see test/fixtures/make-time-zone.py.
const cases: ZoneCases[] = JSON.parse(
  readFileSync(process.env['TIME_ZONE_CASES'] ?? new URL('time-zone.json', fixtures), 'utf8'),
)
const directory = process.env['TIME_ZONE_DIRECTORY'] ?? fileURLToPath(new URL('zoneinfo', fixtures))

function fields([year, month, day, hour, minute, second, isdst]: Local) {
  return { year, month, day, hour, minute, second, isdst }
}

describe('loadTimeZone()', () => {
  it.each(cases)('answers as glibc in zone "$zone"', async ({ zone, local, instant }) => {
    const timeZone = await loadTimeZone(zone, { directory })
    const answers = local.map((time) => [...time.slice(0, 7), timeZone.formatLocal(fields(time))])
    expect(answers.filter((answer, index) => answer[7] !== local[index]?.[7])).toEqual(
      local.filter((time, index) => time[7] !== answers[index]?.[7]),
    )
    expect(instant.map(([seconds]) => [seconds, timeZone.formatInstant(seconds * 1000)])).toEqual(instant)
  })

  const summer = { year: 2024, month: 7, day: 15, hour: 12, minute: 0, second: 0, isdst: 1 }
  const instant = Date.UTC(2024, 6, 15, 12)

  it('takes the empty name for UTC', async () => {
    for (const name of ['', ':']) {
      expect((await loadTimeZone(name)).formatInstant(instant)).toBe('2024-07-15 12:00:00 UTC')
    }
  })

  it('takes a path', async () => {
    const zone = await loadTimeZone(`:${directory}/Europe/Berlin`, { directory: '/none' })
    expect(zone.formatInstant(instant)).toBe('2024-07-15 14:00:00 CEST')
  })

  it('asks Intl where there are no zone files at all', async () => {
    const zone = await loadTimeZone('Europe/Berlin', { directory: '/none' })
    expect(zone.formatLocal(summer)).toBe('2024-07-15 12:00:00 CEST')
    expect((await loadTimeZone('Foo/Bar', { directory: '/none' })).formatInstant(instant)).toBe(
      '2024-07-15 12:00:00 Foo',
    )
  })

  it('without a name is the zone of the machine', async () => {
    const zone = await loadTimeZone()
    expect(zone.formatInstant(instant)).toMatch(/^2024-07-1\d \d\d:\d\d:00 \S+$/)
  })

  it('gives null for what an int or a time_t of −1 cannot say', async () => {
    const zone = await loadTimeZone('UTC')
    const year = 2_147_483_647 + 1900
    expect(zone.formatLocal({ ...summer, year, month: 14 })).toBeNull()
    expect(zone.formatLocal({ ...summer, year: -2_147_483_648 + 1900, month: 0, day: 1, isdst: 0 })).toBeNull()
    const last = { year: 1969, month: 12, day: 31, hour: 23, minute: 59, second: 59, isdst: 0 }
    expect(zone.formatLocal(last)).toBeNull()
    expect(zone.formatLocal({ ...last, second: 58 })).toBe('1969-12-31 23:59:58 UTC')
  })
})

describe('intlTimeZone()', () => {
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
  })

  it('without a name is the zone of the process, and an unknown name is a RangeError', () => {
    expect(intlTimeZone().formatInstant(0)).toMatch(/^19\d\d-\d\d-\d\d \d\d:\d\d:\d\d \S+$/)
    expect(() => intlTimeZone('Foo/Bar')).toThrow(RangeError)
  })
})

describe('parseTzif()', () => {
  const berlin = readFileSync(`${directory}/Europe/Berlin`)

  it('gives undefined for damaged files, and never throws', () => {
    fc.assert(
      fc.property(fc.nat(berlin.length), fc.nat(200), fc.nat(255), (length, at, byte) => {
        const damaged = Uint8Array.from(berlin.subarray(0, length))
        if (at < damaged.length) damaged[at] = byte
        const rules = parseTzif(damaged)
        if (rules !== undefined) timeZoneOf(rules).formatInstant(1_720_000_000_000)
      }),
      { numRuns: 500 },
    )
    expect(parseTzif(new Uint8Array(0))).toBeUndefined()
    expect(parseTzif(berlin.subarray(0, berlin.length / 2))).toBeUndefined()
  })

  it('reads version 1: after the last transition its type stays', () => {
    const first = Uint8Array.from(berlin)
    first[4] = 0
    const rules = parseTzif(first)
    expect(rules?.at(1_720_000_000)).toEqual({ offset: 7200, isdst: true, name: 'CEST' })
    expect(rules?.at(4_120_000_000)).toEqual({ offset: 3600, isdst: false, name: 'CET' })
  })

  it('counts leap seconds', () => {
    const bytes = new Uint8Array(44 + 6 + 4 + 8)
    bytes.set(new TextEncoder().encode('TZif'))
    const view = new DataView(bytes.buffer)
    view.setUint32(28, 1) // leapcnt
    view.setUint32(36, 1) // typecnt
    view.setUint32(40, 4) // charcnt
    bytes.set(new TextEncoder().encode('UTC'), 50)
    view.setInt32(54, 78_796_800)
    view.setInt32(58, 1)
    const rules = parseTzif(bytes)
    if (rules === undefined) throw new Error('must be a zone file')
    const zone = timeZoneOf(rules)
    const instants = [78_796_799, 78_796_800, 78_796_801].map((seconds) => zone.formatInstant(seconds * 1000))
    expect(instants).toEqual(['1972-06-30 23:59:59 UTC', '1972-06-30 23:59:60 UTC', '1972-07-01 00:00:00 UTC'])
  })
})

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
