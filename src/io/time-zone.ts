import { fs } from '#io/platform'
import { intlRules } from '../time/intl-zone.ts'
import { timeZoneOf } from '../time/local-time.ts'
import { posixZone, type ZoneRules } from '../time/posix-zone.ts'
import { parseTzif } from '../time/tzif.ts'
import type { TimeZone } from '../toc/types.ts'

/** Where zone files lie, unless `TZDIR` says otherwise. */
const ZONE_DIRECTORY = '/usr/share/zoneinfo'
const HOST_ZONE_FILE = '/etc/localtime'

/** How to load a time zone. */
export interface LoadTimeZoneOptions {
  /** Directory of the zone files, as in the environment variable `TZDIR`. Default `/usr/share/zoneinfo`. */
  readonly directory?: string | undefined
}

/**
 * The time zone that glibc makes of `TZ`, with its names and its answers, to print times as pg_restore does.
 *
 * `name` is the value of `TZ`: a zone (`Europe/Berlin`, also `:Europe/Berlin` or a path), or a POSIX string
 * (`CET-1CEST,M3.5.0,M10.5.0/3`); `''` is UTC (glibc calls it `Universal` where
 * the zone files lack that name, as on Debian 13 without tzdata-legacy), undefined the zone of the machine. A name that means nothing gives UTC
 * under the letters it begins with, as with glibc. Where there are no zone files at all (Windows, browsers) `Intl`
 * supplies offsets and short names; names may then differ from glibc's.
 *
 * @example
 * list(archive, { timeZone: await loadTimeZone(process.env.TZ) })
 */
export async function loadTimeZone(name?: string, options: LoadTimeZoneOptions = {}): Promise<TimeZone> {
  return timeZoneOf(await loadRules(name, options.directory || ZONE_DIRECTORY))
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
