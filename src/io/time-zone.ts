import { fs } from '#io/platform'
import type { TimeZone } from '../toc/types.ts'
import { timeZoneOf } from './local-time.ts'
import { posixZone, type LocalType, type ZoneRules } from './posix-zone.ts'
import { parseTzif } from './tzif.ts'

/** Where zone files lie, unless `TZDIR` says otherwise. */
const ZONE_DIRECTORY = '/usr/share/zoneinfo'
const HOST_ZONE_FILE = '/etc/localtime'

/** Locales to ask for a short name: each knows those of its own part of the world. */
const NAMING_LOCALES = ['en-US', 'en-GB', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA'] as const

/** Farthest instant of a `Date`, seconds. */
const MAX_DATE_SECONDS = 8.64e12

/** How to load a time zone. */
export interface LoadTimeZoneOptions {
  /** Directory of the zone files, as in the environment variable `TZDIR`. Default `/usr/share/zoneinfo`. */
  readonly directory?: string | undefined
}

/**
 * The time zone that glibc makes of `TZ`, with its names and its answers, to print times as pg_restore does.
 *
 * `name` is the value of `TZ`: a zone (`Europe/Berlin`, also `:Europe/Berlin` or a path), or a POSIX string
 * (`CET-1CEST,M3.5.0,M10.5.0/3`); `''` is UTC, undefined the zone of the machine. A name that means nothing gives UTC
 * under the letters it begins with, as with glibc. Where there are no zone files at all (Windows, browsers) `Intl`
 * supplies offsets and short names; names may then differ from glibc's.
 *
 * @example
 * list(archive, { timeZone: await loadTimeZone(process.env.TZ) })
 */
export async function loadTimeZone(name?: string, options: LoadTimeZoneOptions = {}): Promise<TimeZone> {
  return timeZoneOf(await loadRules(name, options.directory || ZONE_DIRECTORY))
}

/** The zone of this process, or the IANA zone `name`, as `Intl` knows it: at once, and on every platform. */
export function intlTimeZone(name?: string): TimeZone {
  return timeZoneOf(intlRules(name))
}

async function loadRules(name: string | undefined, directory: string): Promise<ZoneRules> {
  if (name === undefined || name === HOST_ZONE_FILE) {
    return (await readZone(HOST_ZONE_FILE)) ?? (name === undefined ? intlRules(undefined) : posixZone('UTC0'))
  }
  const zone = name.replace(/^:/, '')
  if (zone === '') return posixZone('UTC0')
  const rules = await readZone(zone.startsWith('/') ? zone : `${directory}/${zone}`)
  if (rules !== undefined) return rules
  // A zone by name where nothing is installed that could know it.
  if (/^[A-Z]\w+\/\w/i.test(zone) && !(await isDirectory(directory))) {
    try {
      return intlRules(zone)
    } catch {
      // Intl does not know it either: RangeError.
    }
  }
  return posixZone(zone)
}

/** Undefined for what cannot be read or is no zone file: glibc then tries the name as a POSIX string. */
async function readZone(path: string): Promise<ZoneRules | undefined> {
  try {
    return parseTzif(await fs.promises.readFile(path))
  } catch {
    return undefined
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await fs.promises.stat(path)).isDirectory()
  } catch {
    return false
  }
}

/** @throws RangeError for a name that Intl does not know */
function intlRules(zone: string | undefined): ZoneRules {
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
      const january = Date.UTC(new Date(clampSeconds(seconds) * 1000).getUTCFullYear(), 0, 1) / 1000
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
