/** What a zone says of one instant. */
export interface LocalType {
  /** Seconds to add to UTC, those for leap seconds included. */
  readonly offset: number
  readonly isdst: boolean
  /** Abbreviation, `%Z`. */
  readonly name: string
  /** 1 during a leap second, which is then shown as second 60. */
  readonly leap?: 1
}

/** The local time types of a zone by instant, in seconds since 1970 UTC. */
export interface ZoneRules {
  at(seconds: number): LocalType
}

/** When a rule takes effect: the day within a year, and seconds after its midnight. */
interface Change {
  dayOf(year: number): number
  readonly seconds: number
}

const HOUR = 3600
const DAY = 86_400
const DAYS_PER_400_YEARS = 146_097

/** Days from 1970-01-01 to a day of the proleptic Gregorian calendar; `month` is 0–11 and `day` any integer. */
export function daysFromCivil(year: number, month: number, day: number): number {
  // Years that begin in March: the leap day is the last one.
  const shifted = month < 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 10) % 12) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * DAYS_PER_400_YEARS + dayOfEra - 719_468
}

/** Year, month (0–11) and day of the month of a day counted from 1970-01-01. */
export function civilFromDays(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / DAYS_PER_400_YEARS)
  const dayOfEra = shifted - era * DAYS_PER_400_YEARS
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153)
  const month = (marchMonth + 2) % 12
  return {
    year: era * 400 + yearOfEra + (month < 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
  }
}

/**
 * The rules of a POSIX zone string, `CET-1CEST,M3.5.0,M10.5.0/3` or `<-03>3`, read as glibc reads it: what cannot be
 * understood gives UTC, under the name at the beginning of the string if there is one.
 *
 * Where daylight time has a name but no rule, it follows the present law of the USA in every year (glibc takes the
 * changes until 2037 from the zone file `posixrules` if there is one: other dates before 2007).
 */
export function posixZone(text: string): ZoneRules {
  const scanner = new Scanner(text)
  const name = scanner.name() ?? ''
  const offset = name === '' || !/[-+\d]/.test(scanner.peek()) ? undefined : scanner.offset()
  const standard: LocalType = { offset: offset ?? 0, isdst: false, name }
  if (offset === undefined || scanner.peek() === '') return { at: () => standard }

  const daylightName = scanner.name()
  const daylightOffset = daylightName === undefined ? 0 : (scanner.offset() ?? offset + HOUR)
  const daylight: LocalType = { offset: daylightOffset, isdst: true, name: daylightName ?? '' }
  const readBegin = scanner.change(weekdayChange(3, 2, 0))
  const readEnd = readBegin && scanner.change(weekdayChange(11, 1, 0))
  const begin = readBegin ?? NEW_YEAR
  const end = readEnd ?? NEW_YEAR
  return {
    at(seconds) {
      // glibc applies the changes of 1970 to the time before.
      const year = Math.max(civilFromDays(Math.floor(seconds / DAY)).year, 1970)
      const first = changeTime(begin, year) - standard.offset
      const last = changeTime(end, year) - daylight.offset
      // South of the equator daylight time ends before it begins.
      const isDaylight = first > last ? seconds < last || seconds >= first : seconds >= first && seconds < last
      return isDaylight ? daylight : standard
    },
  }
}

function changeTime(change: Change, year: number): number {
  return (daysFromCivil(year, 0, 1) + change.dayOf(year)) * DAY + change.seconds
}

/** `Mm.w.d`: weekday `d` (0 is Sunday) of week `w` of month `m` (1–12); week 5 is the last one. */
function weekdayChange(month: number, week: number, weekday: number, seconds = 2 * HOUR): Change {
  return {
    seconds,
    dayOf(year) {
      const first = daysFromCivil(year, month - 1, 1)
      // 1970-01-01 was a Thursday.
      const firstWeekday = (((first + 4) % 7) + 7) % 7
      let day = first + ((weekday - firstWeekday + 7) % 7) + (week - 1) * 7
      const next = month === 12 ? daysFromCivil(year + 1, 0, 1) : daysFromCivil(year, month, 1)
      if (day >= next) day -= 7
      return day - daysFromCivil(year, 0, 1)
    },
  }
}

/** `Jn`: day `n` (1–365) of a year whose 29 February is not counted. */
function julianChange(day: number, seconds: number): Change {
  return {
    seconds,
    dayOf: (year) => day - 1 + (day >= 60 && daysFromCivil(year, 2, 1) - daysFromCivil(year, 1, 1) === 29 ? 1 : 0),
  }
}

/** What glibc has in the place of a change that it could not read. */
const NEW_YEAR: Change = { seconds: 0, dayOf: () => 0 }

/** Reads a zone string from left to right. */
class Scanner {
  #rest: string

  constructor(text: string) {
    this.#rest = text
  }

  peek(): string {
    return this.#rest.slice(0, 1)
  }

  /** Three or more letters, or `<` three or more letters, digits and signs `>`. */
  name(): string | undefined {
    const match = this.#take(/^(?:([A-Za-z]{3,})|<([A-Za-z0-9+-]{3,})>)/)
    return match?.[1] ?? match?.[2]
  }

  /** Seconds east of UTC of `[+-]hh[:mm[:ss]]`, which counts to the west. A sign alone is taken too. */
  offset(): number | undefined {
    const sign = this.#take(/^[+-]/)?.[0]
    const time = this.#take(/^(\d+)(?::(\d+)(?::(\d+))?)?/)
    if (time === undefined) return undefined
    const [hours, minutes, seconds] = [time[1], time[2], time[3]].map((digits) => Number(digits ?? 0))
    const west = Math.min(hours ?? 0, 24) * HOUR + Math.min(minutes ?? 0, 59) * 60 + Math.min(seconds ?? 0, 59)
    return sign === '-' ? west : -west
  }

  /** `,date[/time]`; `fallback` at the end of the string. */
  change(fallback: Change): Change | undefined {
    this.#take(/^,/)
    if (this.#rest === '') return fallback
    const date = this.#take(/^(?:M(\d+)\.(\d+)\.(\d+)|(J?)(\d+))(?=[/,]|$)/)
    if (date === undefined) return undefined
    const seconds = this.#timeOfDay()
    if (seconds === undefined) return undefined
    if (date[1] !== undefined) {
      const [month, week, weekday] = [Number(date[1]), Number(date[2]), Number(date[3])]
      const valid = month >= 1 && month <= 12 && week >= 1 && week <= 5 && weekday <= 6
      return valid ? weekdayChange(month, week, weekday, seconds) : undefined
    }
    const day = Number(date[5])
    if (day > 365 || (date[4] === 'J' && day === 0)) return undefined
    return date[4] === 'J' ? julianChange(day, seconds) : { seconds, dayOf: () => day }
  }

  /** `/[-]hh[:mm[:ss]]`, 02:00 when absent; up to 167 hours either way in the zone files. */
  #timeOfDay(): number | undefined {
    if (this.#take(/^\//) === undefined) return 2 * HOUR
    if (this.#rest === '') return undefined
    const sign = this.#take(/^-/) === undefined ? 1 : -1
    const time = this.#take(/^(\d+)(?::(\d+)(?::(\d+))?)?/)
    if (time === undefined) return sign * 2 * HOUR
    return sign * (Number(time[1]) * HOUR + Number(time[2] ?? 0) * 60 + Number(time[3] ?? 0))
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    const match = pattern.exec(this.#rest)
    if (match === null) return undefined
    this.#rest = this.#rest.slice(match[0].length)
    return match
  }
}
