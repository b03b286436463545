import { intlRules } from '../time/intl-zone.ts'
import { timeZoneOf } from '../time/local-time.ts'
import type { TimeZone } from './types.ts'

/**
 * The zone of this process, or the IANA zone `name`, as `Intl` knows it: at once, and on every platform. Its short names
 * are not always those of the C library.
 *
 * @throws RangeError for a name that `Intl` does not know
 */
export function intlTimeZone(name?: string): TimeZone {
  return timeZoneOf(intlRules(name))
}
