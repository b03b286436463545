import { decodeByteString } from '../bytes/byte-string.ts'
import { isTarHeader } from './tar-header.ts'

/** What the first bytes of an input are. */
export type Detected =
  | { readonly kind: 'pgdmp' }
  | { readonly kind: 'tar' }
  | { readonly kind: 'compressed'; readonly container: 'gzip' | 'lz4' | 'zstd' }
  | { readonly kind: 'sql' }
  | { readonly kind: 'foreign'; readonly what: string; readonly hint: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unknown' }

/** Bytes that {@link detect} wants to see when there are as many: one tar header, which is also plenty of SQL. */
export const detectBytes = 512

const unpackHint = 'Unpack it first and open what is inside'

interface Signature {
  readonly at: number
  readonly bytes: string
  readonly what: string
  readonly hint: string
}

/** Files that people mistake for an archive of pg_dump, by their first bytes. */
const foreign: readonly Signature[] = [
  { at: 0, bytes: 'PK\x03\x04', what: 'a ZIP file', hint: unpackHint },
  { at: 0, bytes: 'PK\x05\x06', what: 'an empty ZIP file', hint: unpackHint },
  { at: 0, bytes: '\xfd7zXZ\0', what: 'an xz file', hint: 'Decompress it first: xz -d' },
  { at: 0, bytes: 'BZh', what: 'a bzip2 file', hint: 'Decompress it first: bunzip2' },
  { at: 0, bytes: "7z\xbc\xaf'\x1c", what: 'a 7-Zip file', hint: unpackHint },
  { at: 0, bytes: 'Rar!\x1a\x07', what: 'a RAR file', hint: unpackHint },
  { at: 0, bytes: 'LZIP', what: 'an lzip file', hint: 'Decompress it first: lzip -d' },
  { at: 0, bytes: '\x1f\x9d', what: 'a file of compress(1)', hint: 'Decompress it first: uncompress' },
  { at: 0, bytes: 'Salted__', what: 'a file encrypted with openssl', hint: 'Decrypt it first' },
  { at: 0, bytes: 'age-encryption.org/', what: 'a file encrypted with age', hint: 'Decrypt it first' },
  { at: 0, bytes: '-----BEGIN PGP MESSAGE', what: 'a file encrypted with PGP', hint: 'Decrypt it first' },
  { at: 0, bytes: 'SQLite format 3\0', what: 'an SQLite database', hint: 'Only archives of pg_dump can be read' },
  {
    at: 0,
    bytes: 'PGCOPY\n\xff\r\n\0',
    what: 'a file of COPY … (FORMAT binary)',
    hint: 'Only archives of pg_dump can be read',
  },
  { at: 0, bytes: '-- MySQL dump', what: 'an SQL script for MySQL', hint: 'Only archives of pg_dump can be read' },
  { at: 0, bytes: '-- MariaDB dump', what: 'an SQL script for MariaDB', hint: 'Only archives of pg_dump can be read' },
  {
    at: 0,
    bytes: '<!DOCTYPE',
    what: 'an HTML page',
    hint: 'The download probably gave an error page: look into the file',
  },
  { at: 0, bytes: '<html', what: 'an HTML page', hint: 'The download probably gave an error page: look into the file' },
  { at: 0, bytes: '<?xml', what: 'an XML file', hint: 'The download probably gave an error page: look into the file' },
]

/** First words of SQL scripts and of psql's own commands, after comments and white space. */
const sqlStart =
  /^(?:\\(?:un)?restrict|\\c(?:onnect)?|\\set|\\echo|\\encoding|\\i|ALTER|ANALYZE|BEGIN|CALL|COMMENT|COMMIT|COPY|CREATE|DELETE|DISCARD|DO|DROP|EXPLAIN|GRANT|INSERT|LOCK|REASSIGN|RESET|REVOKE|ROLLBACK|SECURITY|SELECT|SET|START|TABLE|TRUNCATE|UPDATE|VACUUM|VALUES|WITH)\b/i

/**
 * Tells what an input is by its first bytes (_discoverArchiveFormat, pg_backup_archiver.c, and what people open by
 * mistake).
 *
 * @param head the first {@link detectBytes} bytes, fewer only when the input has no more
 */
export function detect(head: Uint8Array): Detected {
  if (head.length === 0) return { kind: 'empty' }
  const text = decodeByteString(head)
  if (text.startsWith('PGDMP')) return { kind: 'pgdmp' }
  if (isTarHeader(head)) return { kind: 'tar' }
  if (text.startsWith('\x1f\x8b')) return { kind: 'compressed', container: 'gzip' }
  if (text.startsWith('\x28\xb5\x2f\xfd')) return { kind: 'compressed', container: 'zstd' }
  if (text.startsWith('\x04\x22\x4d\x18')) return { kind: 'compressed', container: 'lz4' }
  const known = foreign.find(({ at, bytes }) => text.startsWith(bytes, at))
  if (known !== undefined) return { kind: 'foreign', what: known.what, hint: known.hint }
  if (isSql(text)) return { kind: 'sql' }
  return { kind: 'unknown' }
}

/** Whether a byte string begins like an SQL script: a comment, or one of its first words, after any byte order mark. */
function isSql(text: string): boolean {
  if (/^(?:\xff\xfe|\xfe\xff)/.test(text)) return isSql(text.slice(2).replaceAll('\0', ''))
  if (text.includes('\0')) return false
  const start = text.replace(/^\xef\xbb\xbf/, '').trimStart()
  return start.startsWith('--') || start.startsWith('/*') || sqlStart.test(start)
}
