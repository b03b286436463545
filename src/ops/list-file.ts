import { decodeByteString, encodeByteString, utf8ToByteString } from '../bytes/byte-string.ts'
import { aText, checkArgument } from '../check-options.ts'
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
  checkArgument('read the list', 'text', text, aText)
  const bytes = typeof text === 'string' ? utf8ToByteString(text) : decodeByteString(text)
  const lines = Array.from(idLines(readLines(bytes)))
  return /\0|[^\n]{100}/.test(bytes) ? { lines, shortLines: Array.from(idLines(readShortLines(bytes))) } : { lines }
}

/** A line of a file, from 1, as a byte string without its line feed. */
interface Line {
  readonly line: number
  readonly bytes: string
}

/** The lines with something before the first semicolon. */
function* idLines(lines: Iterable<Line>): Generator<ListLine, void, void> {
  for (const { line, bytes } of lines) {
    const comment = bytes.indexOf(';')
    const entry = comment < 0 ? bytes : bytes.slice(0, comment)
    if (/^[ \t\r\n]*$/.test(entry)) continue
    yield { line, id: leadingInt(entry), text: utf8.decode(encodeByteString(entry)) }
  }
}

/**
 * Lines as since 14 (pg_get_line_buf): C strings, so that what follows a NUL up to the line feed is lost, and the line
 * goes on with the next one.
 */
function* readLines(bytes: string): Generator<Line, void, void> {
  let line = 1
  let begun = ''
  for (let start = 0, number = 1; start < bytes.length; number++) {
    const lineFeed = bytes.indexOf('\n', start)
    const end = lineFeed < 0 ? bytes.length : lineFeed
    const part = bytes.slice(start, end)
    start = end + 1
    const nul = part.indexOf('\0')
    begun += nul < 0 ? part : part.slice(0, nul)
    if (nul >= 0 && start < bytes.length) continue
    yield { line, bytes: begun }
    line = number + 1
    begun = ''
  }
}

/** The bytes of a line that releases before 14 look at: fgets(3) into 100 bytes. */
const shortLine = 99

/**
 * Lines as before 14: their first 99 bytes. A piece that does not end with a line feed, such as one with a NUL, makes
 * the next one its continuation, which is passed over.
 */
function* readShortLines(bytes: string): Generator<Line, void, void> {
  let continued = false
  for (let start = 0, line = 1; start < bytes.length;) {
    const lineFeed = bytes.indexOf('\n', start)
    const end = Math.min(lineFeed < 0 ? bytes.length : lineFeed + 1, start + shortLine)
    const read = bytes.slice(start, end)
    start = end
    const nul = read.indexOf('\0')
    const piece = nul < 0 ? read : read.slice(0, nul)
    const complete = piece.endsWith('\n')
    if (!continued) yield { line, bytes: complete ? piece.slice(0, -1) : piece }
    continued = !complete
    if (read.endsWith('\n')) line++
  }
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
