import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { loadTimeZone } from '../../../src/io/time-zone.ts'

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
