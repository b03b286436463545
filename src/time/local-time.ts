import type { CreateDate, TimeZone } from '../toc/types.ts'
import { civilFromDays, daysFromCivil, type LocalType, type ZoneRules } from './posix-zone.ts'

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** The calendar repeats after 400 years, weekdays included. */
const CYCLE_YEARS = 400

/** Years are brought into a range where seconds are exact in a double, and far from every transition. */
const EXACT_YEARS = 100_000

/** `tm_year` is an int and counts from 1900. */
const MAX_YEAR = 0x7fff_ffff + 1900
const MIN_YEAR = -0x8000_0000 + 1900

/** As often as glibc looks for an instant that shows the time asked for. */
const MAX_PROBES = 6

/** How glibc looks for a time with the other kind of `isdst`: in steps of a week, up to some 7 years both ways. */
const ISDST_STEP = 601_200
const ISDST_REACH = Math.floor(457_243_209 / 2) + ISDST_STEP

/** A {@link TimeZone} over the rules of a zone, with the answers of mktime(3) and strftime(3) of glibc 2.36. */
export function timeZoneOf(rules: ZoneRules): TimeZone {
  return {
    formatLocal(time) {
      // Whole cycles are taken out and put back.
      const excess = Math.max(0, Math.abs(time.year) - EXACT_YEARS) * Math.sign(time.year)
      const cycles = Math.trunc(excess / CYCLE_YEARS)
      const near = { ...time, year: time.year - cycles * CYCLE_YEARS }
      // A pg_restore that gets −1 takes it for a failure, also where it is a time.
      const valid = (seconds: number | null): number | null =>
        seconds === null || (cycles === 0 && seconds === -1) ? null : seconds
      const seconds = valid(makeTime(rules, near)) ?? valid(makeTime(rules, { ...near, isdst: -1 }))
      return seconds === null ? null : format(rules.at(seconds), seconds, cycles * CYCLE_YEARS)
    },
    formatInstant(epochMilliseconds) {
      const seconds = Math.floor(epochMilliseconds / 1000)
      return format(rules.at(seconds), seconds, 0) ?? ''
    },
  }
}

/** The local clock at an instant, in seconds as if it were UTC. A leap second counts as the 60th. */
function wallClock(type: LocalType, seconds: number): number {
  return seconds + type.offset + (type.leap ?? 0)
}

/** `%Y-%m-%d %H:%M:%S %Z`; null when the year does not fit in an int. */
function format(type: LocalType, seconds: number, addYears: number): string | null {
  const clock = seconds + type.offset
  const days = Math.floor(clock / DAY)
  const second = clock - days * DAY
  const date = civilFromDays(days)
  const year = date.year + addYears
  if (year > MAX_YEAR || year < MIN_YEAR) return null
  const time = [Math.floor(second / HOUR), Math.floor(second / MINUTE) % 60, (second % 60) + (type.leap ?? 0)]
  // strftime adds the 1900 as an int.
  return `${year | 0}-${two(date.month + 1)}-${two(date.day)} ${time.map(two).join(':')} ${type.name}`
}

function two(value: number): string {
  return String(value).padStart(2, '0')
}

/** mktime(3): the instant at which the zone's clock shows `time`, or null. */
function makeTime(rules: ZoneRules, time: CreateDate): number | null {
  // Seconds out of range are added in the end: minutes with a leap second have 61 of them.
  const second = Math.min(Math.max(time.second, 0), 59)
  const month = time.month - 1
  const year = time.year + Math.floor(month / 12)
  const days = daysFromCivil(year, month - Math.floor(month / 12) * 12, 1) + time.day - 1
  const wanted = days * DAY + time.hour * HOUR + time.minute * MINUTE + second

  const found = findTime(rules, wanted, time.isdst)
  if (found === null) return null
  const shown = ((((found + rules.at(found).offset) % MINUTE) + MINUTE) % MINUTE) + (rules.at(found).leap ?? 0)
  if (shown === time.second) return found
  return found + (second === 0 && shown === 60 ? 1 : 0) - second + time.second
}

function findTime(rules: ZoneRules, wanted: number, isdst: number): number | null {
  let seconds = wanted
  // The two guesses before, and whether the last one was daylight time.
  let older = seconds
  let last = seconds
  let lastIsdst = false
  let type = rules.at(seconds)
  for (let probes = MAX_PROBES; ;) {
    const missing = wanted - wallClock(type, seconds)
    if (missing === 0) break
    // Two guesses in turn: the clock skips the wanted time. Either is a result, the one of the other kind than asked
    // for is preferred, so that it comes out as the time as far before or after the gap.
    if (seconds === older && seconds !== last && (isdst < 0 ? lastIsdst <= type.isdst : (isdst !== 0) !== type.isdst)) {
      return seconds
    }
    probes--
    if (probes === 0) return null
    older = last
    last = seconds
    lastIsdst = type.isdst
    seconds += missing
    type = rules.at(seconds)
  }
  if (isdst < 0 || (isdst !== 0) === type.isdst) return seconds
  // Without any such time nearby, daylight time is taken to be one hour (glibc 2.36 and later; 2.31 fails, and
  // pg_restore then shows the stored time unchanged).
  return findOtherKind(rules, wanted, seconds, isdst !== 0) ?? seconds + (isdst === 0 ? HOUR : -HOUR)
}

/** `wanted` by the offset of the nearest time that is, or is not, daylight time as asked. */
function findOtherKind(rules: ZoneRules, wanted: number, around: number, isdst: boolean): number | null {
  for (let distance = ISDST_STEP; distance < ISDST_REACH; distance += ISDST_STEP) {
    for (const probe of [around - distance, around + distance]) {
      const type = rules.at(probe)
      if (type.isdst === isdst) return probe + wanted - wallClock(type, probe)
    }
  }
  return null
}
