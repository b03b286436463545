import { decodeByteString } from '../bytes/byte-string.ts'
import type { Container } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import type { ArchiveFormat } from '../toc/types.ts'
import { detectBytes, type Detected } from './detect.ts'

/** Where an input came from, for the message. */
export interface InputOrigin {
  readonly path: string | undefined
  /** What the content was wrapped in. */
  readonly container: Container | undefined
}

/** The two banners that pg_restore knows (_discoverArchiveFormat, pg_backup_archiver.c). */
const banners = ['--\n-- PostgreSQL database dump\n--\n\n', '--\n-- PostgreSQL database cluster dump\n--\n\n']
const longestBanner = Math.max(...banners.map((banner) => banner.length))

/** What no archive begins with. */
type NoArchive = Exclude<Detected, { readonly kind: 'pgdmp' | 'tar' }>

/** Why an input cannot be opened, and what to do instead. */
export function notAnArchive(detected: NoArchive, head: Uint8Array, origin: InputOrigin): ArchiveError {
  const action = `Cannot open ${origin.path === undefined ? 'the input' : `"${origin.path}"`}`
  const details = { pgRestore: pgRestoreText(head) }
  const file = origin.path
  const it = origin.container === undefined ? 'it' : `what is inside of the ${origin.container} file`
  switch (detected.kind) {
    case 'empty':
      return new ArchiveError('NOT_AN_ARCHIVE', `${action}: ${it} is empty`, {
        file,
        details,
        hint: 'The dump failed, or its output went elsewhere',
      })
    case 'sql':
      return new ArchiveError('PLAIN_SQL', `${action}: ${it} is an SQL script, not an archive`, {
        file,
        details,
        hint: restoreScriptHint(origin),
      })
    case 'foreign':
      return new ArchiveError('NOT_AN_ARCHIVE', `${action}: ${it} is ${detected.what}`, {
        file,
        details,
        hint: detected.hint,
      })
    case 'compressed':
      return new ArchiveError(
        'NOT_AN_ARCHIVE',
        `${action}: it is compressed twice, ${detected.container} within ${origin.container}`,
        {
          file,
          details,
          hint: 'Decompress it once and open the result',
        },
      )
    case 'unknown':
      return new ArchiveError(
        'NOT_AN_ARCHIVE',
        `${action}: ${it} begins ${quoted(head)}, which no archive of pg_dump does`,
        {
          file,
          details,
          hint: dataFileHint(origin) ?? 'Archives are made by pg_dump -Fc, -Fd or -Ft',
        },
      )
  }
}

/** A directory where one file is wanted. */
export function notAFile(path: string, format: ArchiveFormat): ArchiveError {
  return new ArchiveError('NOT_AN_ARCHIVE', `Cannot open "${path}" as a ${format} archive: it is a directory`, {
    file: path,
    hint: 'Leave out the format to have it found out',
    details: { pgRestore: 'could not read from input file: Is a directory' },
  })
}

/** A file where a directory is wanted. */
export function notADirectory(path: string | undefined): ArchiveError {
  const what = path === undefined ? 'the input' : `"${path}"`
  return new ArchiveError('NOT_AN_ARCHIVE', `Cannot open ${what} as a directory archive: it is a file`, {
    file: path,
    hint: 'Leave out the format to have it found out',
    details: { pgRestore: `could not open input file "${path ?? ''}/toc.dat": Not a directory` },
  })
}

/** An archive of another format than it is said to be. @param cause what came of reading it so */
export function otherFormat(
  path: string | undefined,
  format: ArchiveFormat,
  found: ArchiveFormat,
  cause: ArchiveError,
): ArchiveError {
  const what = path === undefined ? 'the input' : `"${path}"`
  return new ArchiveError('NOT_AN_ARCHIVE', `Cannot open ${what} as a ${format} archive: it is a ${found} archive`, {
    file: path,
    hint: 'Leave out the format to have it found out',
    ...(cause.details === undefined ? {} : { details: cause.details }),
    cause,
  })
}

function pgRestoreText(head: Uint8Array): string {
  if (head.length < 5) return `input file is too short (read ${head.length}, expected 5)`
  const text = decodeByteString(head)
  if (head.length >= longestBanner && banners.some((banner) => text.startsWith(banner))) {
    return 'input file appears to be a text format dump. Please use psql.'
  }
  if (head.length < detectBytes) return 'input file does not appear to be a valid archive (too short?)'
  return 'input file does not appear to be a valid tar archive'
}

const decompressors: Partial<Record<Container, string>> = { gzip: 'gunzip -c', lz4: 'lz4 -dc', zstd: 'zstd -dc' }

function restoreScriptHint({ path, container }: InputOrigin): string {
  const decompress = container === undefined ? undefined : decompressors[container]
  const file = path === undefined ? 'FILE' : path
  return decompress === undefined
    ? `Run it with psql: psql -f ${file}`
    : `Run it with psql: ${decompress} ${file} | psql`
}

/** Someone opened one of the files of a directory archive. */
function dataFileHint({ path }: InputOrigin): string | undefined {
  if (
    path === undefined ||
    !/(?:^|[\\/])(?:[0-9]+\.dat|blob_[0-9]+\.dat|blobs(?:_[0-9]+)?\.toc)(?:\.gz|\.lz4|\.zst)?$/.test(path)
  ) {
    return undefined
  }
  return 'This is a file of a directory archive: open the directory'
}

/** The first bytes, shown so that people can tell what they have. */
function quoted(head: Uint8Array): string {
  return JSON.stringify(decodeByteString(head, 0, Math.min(head.length, 16)))
}
