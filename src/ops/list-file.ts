import { decodeByteString, encodeByteString, utf8ToByteString } from '../bytes/byte-string.ts'
import type { ListLine, ListSelection } from './selection.ts'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * Reads a list file, such as an edited listing (SortTocFromFile, pg_backup_archiver.c). Only the number at the start of
 * a line counts; text from `;` on and blank lines are ignored. Whether the numbers are good is known to `filter`, which
 * reports lines without a usable one through `onWarning`.
 *
 * @example
 * const selected = filter(archive, { list: parseList(await readFile('edited.list')) })
 */
export function parseList(text: string | Uint8Array): ListSelection {
  const bytes = typeof text === 'string' ? utf8ToByteString(text) : decodeByteString(text)
  const lines: ListLine[] = []
  let line = 0
  for (let start = 0; start < bytes.length; line++) {
    const lineFeed = bytes.indexOf('\n', start)
    const end = lineFeed < 0 ? bytes.length : lineFeed + 1
    const whole = bytes.slice(start, end)
    start = end
    const comment = whole.indexOf(';')
    const entry = comment < 0 ? whole.replace(/\n$/, '') : whole.slice(0, comment)
    if (/^[ \t\r\n]*$/.test(entry)) continue
    lines.push({ line: line + 1, id: leadingInt(entry), text: utf8.decode(encodeByteString(entry)) })
  }
  return { lines }
}

/** The bytes of a line that releases before 14 look at: fgets(3) into 100 bytes. */
const shortLine = 99

/** A line as releases before 14 read it: only its first 99 bytes. Undefined when those are blank. */
export function shortenLine(entry: ListLine): ListLine | undefined {
  const bytes = utf8ToByteString(entry.text)
  if (bytes.length <= shortLine) return entry
  const start = bytes.slice(0, shortLine)
  if (/^[ \t\r\n]*$/.test(start)) return undefined
  return { line: entry.line, id: leadingInt(start), text: utf8.decode(encodeByteString(start)) }
}

const maxLong = 2n ** 63n - 1n

/** strtol(3) in base 10, saturating as a 64-bit long does, then cut to 32 bits by the assignment to an int. */
function leadingInt(text: string): number | null {
  const digits = /^[ \t\n\v\f\r]*([+-]?)(\d+)/.exec(text)
  if (digits === null) return null
  const magnitude = BigInt(digits[2] ?? '0')
  const negative = digits[1] === '-'
  const long = negative
    ? -(magnitude > maxLong + 1n ? maxLong + 1n : magnitude)
    : magnitude > maxLong
      ? maxLong
      : magnitude
  return Number(BigInt.asIntN(32, long))
}
