import { decodeByteString } from '../bytes/byte-string.ts'
import { tarDialect } from './tar-header.ts'

/** What the first bytes of an input are. */
export type Detected =
  | { readonly kind: 'pgdmp' }
  /** `old`: of the kind without a magic (v7), which pg_restore does not recognise. */
  | { readonly kind: 'tar'; readonly old: boolean }
  | { readonly kind: 'compressed'; readonly container: 'gzip' | 'lz4' | 'zstd' }
  | { readonly kind: 'sql' }
  | { readonly kind: 'foreign'; readonly what: string; readonly hint: string }
  | { readonly kind: 'empty' }
  | { readonly kind: 'unknown' }

/** Bytes that {@link detect} wants to see when there are as many: one tar header, which is also plenty of SQL. */
export const detectBytes = 512

/** Files that people mistake for an archive of pg_dump, by their first bytes. */
const foreign: readonly (readonly [bytes: string, what: string, hint: string])[] = [
  ['PK\x03\x04', 'a ZIP file', 'Unpack it first and open what is inside'],
  ['PK\x05\x06', 'an empty ZIP file', 'Look for the archive where the file came from'],
  ['\xfd7zXZ\0', 'an xz file', 'Decompress it first: xz -d'],
  ['BZh', 'a bzip2 file', 'Decompress it first: bunzip2'],
  ["7z\xbc\xaf'\x1c", 'a 7-Zip file', 'Unpack it first and open what is inside'],
  ['Rar!\x1a\x07', 'a RAR file', 'Unpack it first and open what is inside'],
  ['LZIP', 'an lzip file', 'Decompress it first: lzip -d'],
  ['\x1f\x9d', 'a file of compress(1)', 'Decompress it first: uncompress'],
  ['Salted__', 'a file encrypted with openssl', 'Decrypt it first'],
  ['age-encryption.org/', 'a file encrypted with age', 'Decrypt it first'],
  ['-----BEGIN PGP MESSAGE', 'a file encrypted with PGP', 'Decrypt it first'],
  ['SQLite format 3\0', 'an SQLite database', 'Only archives of pg_dump can be read'],
  ['PGCOPY\n\xff\r\n\0', 'a file of COPY … (FORMAT binary)', 'Only archives of pg_dump can be read'],
  ['-- MySQL dump', 'an SQL script for MySQL', 'Only archives of pg_dump can be read'],
  ['-- MariaDB dump', 'an SQL script for MariaDB', 'Only archives of pg_dump can be read'],
  ['<!DOCTYPE', 'an HTML page', 'The download probably gave an error page: look into the file'],
  ['<html', 'an HTML page', 'The download probably gave an error page: look into the file'],
  ['<?xml', 'an XML file', 'The download probably gave an error page: look into the file'],
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
  const tar = tarDialect(head)
  if (tar !== undefined) return { kind: 'tar', old: tar === 'v7' }
  if (text.startsWith('\x1f\x8b')) return { kind: 'compressed', container: 'gzip' }
  if (text.startsWith('\x28\xb5\x2f\xfd')) return { kind: 'compressed', container: 'zstd' }
  if (text.startsWith('\x04\x22\x4d\x18')) return { kind: 'compressed', container: 'lz4' }
  for (const [bytes, what, hint] of foreign) if (text.startsWith(bytes)) return { kind: 'foreign', what, hint }
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
