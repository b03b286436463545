import type { TimeZone } from './types.ts'

/**
 * The zone of this process with the names that Intl gives (`UTC`, `GMT+1`, `EST`), which are not always those of the C
 * library (`CET`). Works wherever JavaScript does.
 */
export function intlTimeZone(): TimeZone {
  return {
    formatLocal(time) {
      const date = new Date(2000, 0, 1)
      // the constructor takes years below 100 for the 1900s
      date.setFullYear(time.year, time.month - 1, time.day)
      date.setHours(time.hour, time.minute, time.second, 0)
      if (Number.isNaN(date.getTime())) return null
      return format(withStoredDst(date, time.isdst))
    },
    formatInstant: (epochMilliseconds) => format(new Date(epochMilliseconds)),
  }
}

/**
 * mktime(3) takes the time as one with or without daylight saving, as isdst says; in a zone that has none, glibc takes
 * daylight saving for an hour.
 */
function withStoredDst(date: Date, isdst: number): Date {
  const january = new Date(date.getFullYear(), 0, 1).getTimezoneOffset()
  const july = new Date(date.getFullYear(), 6, 1).getTimezoneOffset()
  const inDst = date.getTimezoneOffset() < Math.max(january, july)
  if (isdst < 0 || inDst === isdst > 0) return date
  const minutes = Math.abs(january - july) || 60
  return new Date(date.getTime() + (inDst ? minutes : -minutes) * 60_000)
}

function format(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return `${day} ${time} ${zoneName(date)}`
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(date)
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? 'UTC'
}
