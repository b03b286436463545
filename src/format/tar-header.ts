import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'

/** Header blocks and the padding of members are in units of this many bytes. */
export const tarBlockBytes = 512

/** What a header block says about the member that follows it. */
export interface TarHeader {
  /** Name as a byte string, `prefix/` of POSIX archives included, as stored. */
  readonly name: string
  /** Bytes of data that follow, without padding. */
  readonly size: number
  /** Type flag as a character; `'0'` also for the NUL of old archives. */
  readonly type: string
  readonly checksum: number
}

/** Bytes of padding after `size` bytes of data. */
export function tarPadding(size: number): number {
  return (tarBlockBytes - (size % tarBlockBytes)) % tarBlockBytes
}

/** Sum of all bytes of a header block, its own field counted as blanks (tarChecksum, src/port/tar.c). */
export function tarChecksum(bytes: Uint8Array, at: number): number {
  let sum = 0x20 * 8
  for (let index = 0; index < 148; index++) sum += bytes[at + index] ?? 0
  for (let index = 156; index < tarBlockBytes; index++) sum += bytes[at + index] ?? 0
  return sum
}

/**
 * A number: octal digits up to the first other byte, leading blanks skipped, or base-256 after a first byte 0x80
 * (read_tar_number, src/port/tar.c, which does not skip blanks). NaN for a negative or unsafe base-256 value.
 */
function readNumber(bytes: Uint8Array, at: number, length: number): number {
  const first = bytes[at] ?? 0
  let value = 0
  if ((first & 0x80) !== 0) {
    if (first !== 0x80) return Number.NaN
    for (let index = 1; index < length; index++) value = value * 256 + (bytes[at + index] ?? 0)
    return Number.isSafeInteger(value) ? value : Number.NaN
  }
  let index = 0
  while (index < length && bytes[at + index] === 0x20) index++
  for (; index < length; index++) {
    const digit = (bytes[at + index] ?? 0) - 0x30
    if (digit < 0 || digit > 7) break
    value = value * 8 + digit
  }
  return value
}

function readString(bytes: Uint8Array, at: number, length: number): string {
  let end = at
  while (end < at + length && bytes[end] !== 0) end++
  return decodeByteString(bytes, at, end)
}

type TarDialect = 'posix' | 'gnu' | 'pg_dump before 9.3' | 'v7'

/** Which of the three magics pg_restore accepts stands at offset 257 (isValidTarHeader); the oldest tars have nothing there. */
function readDialect(bytes: Uint8Array, at: number): TarDialect | undefined {
  const magic = decodeByteString(bytes, at + 257, at + 265)
  if (magic === 'ustar\x0000') return 'posix'
  if (magic === 'ustar  \0') return 'gnu'
  if (magic === 'ustar00\0') return 'pg_dump before 9.3'
  return magic === '\0'.repeat(8) && bytes[at] !== 0 ? 'v7' : undefined
}

/** The kind of tar header with a right checksum that begins `bytes`; undefined where none does (isValidTarHeader). */
export function tarDialect(bytes: Uint8Array): TarDialect | undefined {
  if (bytes.length < tarBlockBytes || readNumber(bytes, 148, 8) !== tarChecksum(bytes, 0)) return undefined
  return readDialect(bytes, 0)
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = start; index < end; index++) if (bytes[index] !== 0) return false
  return true
}

/**
 * Reads the header block at `at` (_tarGetHeader, pg_backup_tar.c); null for a block of zeros, which pg_restore passes
 * over. Like pg_restore it asks for the checksum only, not for a magic.
 *
 * @param offset offset of the block in the file, for errors
 * @throws ArchiveError BAD_TAR
 */
export function readTarHeader(bytes: Uint8Array, at: number, offset: number): TarHeader | null {
  const stored = readNumber(bytes, at + 148, 8)
  const computed = tarChecksum(bytes, at)
  const name = readString(bytes, at, 100)
  if (stored !== computed) {
    if (isZero(bytes, at, at + tarBlockBytes)) return null
    throw new ArchiveError(
      'BAD_TAR',
      `Cannot read tar header at offset ${offset}: its checksum is ${stored}, the block sums up to ${computed}`,
      {
        offset,
        file: name,
        hint: 'The archive is damaged here, or was changed by a transfer in text mode',
        details: {
          pgRestore: `corrupt tar header found in ${name} (expected ${stored}, computed ${computed}) file position ${offset + tarBlockBytes}`,
        },
      },
    )
  }
  const size = readNumber(bytes, at + 124, 12)
  if (Number.isNaN(size)) {
    throw new ArchiveError(
      'BAD_TAR',
      `Cannot read tar header at offset ${offset}: the size of "${name}" is no number`,
      {
        offset,
        file: name,
      },
    )
  }
  const prefix = readDialect(bytes, at) === 'posix' ? readString(bytes, at + 345, 155) : ''
  const flag = bytes[at + 156] ?? 0
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    size,
    type: flag === 0 ? '0' : String.fromCharCode(flag),
    checksum: stored,
  }
}

/** The records of a pax extended header that change how the next member is read. */
export interface PaxRecords {
  readonly path?: string
  readonly size?: number
}

/**
 * Reads pax records, each `LENGTH KEY=VALUE\n` with the length of the whole record; the last of a key counts.
 *
 * @throws ArchiveError BAD_TAR
 */
export function readPaxRecords(bytes: Uint8Array, offset: number): PaxRecords {
  const text = decodeByteString(bytes)
  let path: string | undefined
  let size: number | undefined
  let at = 0
  while (at < text.length && text.charCodeAt(at) !== 0) {
    const blank = text.indexOf(' ', at)
    const length = blank > at && blank - at <= 10 ? Number(text.slice(at, blank)) : Number.NaN
    const end = at + length
    const equals = text.indexOf('=', blank)
    if (!Number.isInteger(length) || end > text.length || equals < 0 || equals >= end || text[end - 1] !== '\n') {
      throw new ArchiveError('BAD_TAR', `Cannot read pax header at offset ${offset}: a record is malformed`, { offset })
    }
    const value = text.slice(equals + 1, end - 1)
    const key = text.slice(blank + 1, equals)
    if (key === 'path') path = value
    if (key === 'size') size = readPaxSize(value, offset)
    at = end
  }
  return { ...(path !== undefined && { path }), ...(size !== undefined && { size }) }
}

function readPaxSize(value: string, offset: number): number {
  const size = /^[0-9]{1,16}$/.test(value) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(size)) return size
  throw new ArchiveError('BAD_TAR', `Cannot read pax header at offset ${offset}: the size is "${value.slice(0, 40)}"`, {
    offset,
  })
}
