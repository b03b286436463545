import type { LocalType, ZoneRules } from './posix-zone.ts'

/** Locales to ask for a short name: each knows those of its own part of the world. */
const NAMING_LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA'] as const

/** Farthest instant of a `Date`, seconds. */
const MAX_DATE_SECONDS = 8.64e12

/** First year that a `Date` knows from its beginning. */
const FIRST_YEAR = -271_820

/**
 * The rules of an IANA zone, or of the zone of this process, as `Intl` knows them.
 * @throws RangeError for a name that `Intl` does not know
 */
export function intlRules(zone: string | undefined): ZoneRules {
  const offsets = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const offsetAt = (seconds: number): number => parseOffset(zoneName(offsets, seconds))
  // Each costs a millisecond to make, and most often the first one knows the name.
  const formats = new Map<string, Intl.DateTimeFormat>()
  const nameAt = (seconds: number): string | undefined => {
    for (const locale of NAMING_LOCALES) {
      const format = formats.get(locale) ?? new Intl.DateTimeFormat(locale, { timeZone: zone, timeZoneName: 'short' })
      formats.set(locale, format)
      const name = zoneName(format, seconds)
      if (!/^(?:GMT|UTC)[-+\u2212]/.test(name)) return name
    }
    return undefined
  }
  return {
    at(seconds): LocalType {
      const offset = offsetAt(seconds)
      // Intl does not tell daylight time; it is what has more offset than the other half of the year.
      const year = Math.max(FIRST_YEAR, new Date(clampSeconds(seconds) * 1000).getUTCFullYear())
      const january = Date.UTC(year, 0, 1) / 1000
      const standard = Math.min(offsetAt(january), offsetAt(january + 182 * 86_400))
      return { offset, isdst: offset > standard, name: nameAt(seconds) ?? numericName(offset) }
    },
  }
}

function clampSeconds(seconds: number): number {
  return Math.min(Math.max(seconds, -MAX_DATE_SECONDS), MAX_DATE_SECONDS)
}

function zoneName(format: Intl.DateTimeFormat, seconds: number): string {
  const parts = format.formatToParts(clampSeconds(seconds) * 1000)
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? ''
}

/** Seconds of `GMT`, `GMT+05:30` or `GMT-00:01:15`. */
function parseOffset(text: string): number {
  const match = /([-+\u2212])(\d+):(\d+)(?::(\d+))?$/.exec(text)
  if (match === null) return 0
  const seconds = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0)
  return match[1] === '+' ? seconds : -seconds
}

/** `+03` or `+0530`: how the zone database names zones without letters of their own. */
function numericName(offset: number): string {
  const minutes = Math.floor(Math.abs(offset) / 60)
  const digits = String(Math.floor(minutes / 60)).padStart(2, '0')
  const rest = minutes % 60 === 0 ? '' : String(minutes % 60).padStart(2, '0')
  return `${offset < 0 ? '-' : '+'}${digits}${rest}`
}
