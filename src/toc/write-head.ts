import { Builder } from '../bytes/builder.ts'
import type { Layout } from '../bytes/cursor.ts'
import { encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import { magic } from './header.ts'
import type { ArchiveHeader, CreateDate, HeaderCompression } from './types.ts'
import { featuresOf } from './version.ts'

/** How the primitive values of an archive with this header are laid out. */
export function layoutOf({ version, intSize, offSize }: ArchiveHeader): Layout {
  return { intSize, offSize, signByte: featuresOf(version).revAndSign }
}

/**
 * Writes the header (WriteHead, pg_backup_archiver.c), the mirror of readHead: `formatByte`, `compression.stored` and
 * `raw` are what is written.
 * @throws ArchiveError UNSUPPORTED for compression that the version cannot name
 */
export function writeHead(header: ArchiveHeader): Uint8Array {
  const { version, intSize, offSize, formatByte, createDate, raw } = header
  const features = featuresOf(version)
  const builder = new Builder(layoutOf(header))
  builder.writeBytes(encodeByteString(magic)) // 5 bytes  PGDMP
  builder.writeByte(version.major) // 1 byte  vmaj
  builder.writeByte(version.minor) // 1 byte  vmin
  if (features.revAndSign) builder.writeByte(version.rev) // 1 byte  vrev, not in 1.0
  builder.writeByte(intSize) // 1 byte  intSize
  if (features.offsets) builder.writeByte(offSize) // 1 byte  offSize, from 1.7
  builder.writeByte(formatByte) // 1 byte  format
  writeCompression(builder, header)
  if (features.createDate) {
    writeCreateDate(builder, createDate ?? noDate)
    builder.writeStr(raw.dbname)
  }
  if (features.tablespaceAndVersions) {
    builder.writeStr(raw.remoteVersion)
    builder.writeStr(raw.dumpVersion)
  }
  return builder.bytes()
}

function writeCompression(builder: Builder, { version, compression }: ArchiveHeader): void {
  const { compression: kind } = featuresOf(version)
  switch (kind) {
    case 'implied-gzip':
      return
    case 'level-byte':
      return builder.writeByte(storedCompression(compression, kind)) // 1 byte  level
    case 'level-int':
      return builder.writeInt(storedCompression(compression, kind)) // Int  level
    case 'algorithm-byte':
      return builder.writeByte(storedCompression(compression, kind)) // 1 byte  algorithm
    default:
      return kind satisfies never
  }
}

function storedCompression({ stored, algorithm }: HeaderCompression, kind: string): number {
  if (stored !== null) return stored
  throw new ArchiveError(
    'UNSUPPORTED',
    `Cannot write the header: compression ${algorithm} has no number, the version stores one (${kind})`,
  )
}

function writeCreateDate(builder: Builder, date: CreateDate): void {
  builder.writeInt(date.second) // Int  sec
  builder.writeInt(date.minute) // Int  min
  builder.writeInt(date.hour) // Int  hour
  builder.writeInt(date.day) // Int  mday
  builder.writeInt((date.month - 1) | 0) // Int  mon, 0–11
  builder.writeInt((date.year - 1900) | 0) // Int  year − 1900
  builder.writeInt(date.isdst) // Int  isdst
}

/** The beginning of 1970, for an archive older than the field. */
const noDate: CreateDate = { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0, isdst: 0 }

/** The format byte of an archive (pg_backup.h: ArchiveFormat); a directory's toc.dat says tar. */
export const formatByteOf = { custom: 1, directory: 3, tar: 3 } as const

const algorithmBytes = { none: 0, gzip: 1, lz4: 2, zstd: 3 } as const

/**
 * How a header says that data are compressed so: the algorithm, or before 1.15 the level of gzip.
 * @param level gzip's level where it is stored; −1 is zlib's default
 * @throws ArchiveError UNSUPPORTED for lz4 and zstd before 1.15, and for none before 1.2
 */
export function headerCompression(
  algorithm: keyof typeof algorithmBytes,
  version: ArchiveHeader['version'],
  level: number | null = null,
): HeaderCompression {
  const { compression } = featuresOf(version)
  if (compression === 'algorithm-byte') return { algorithm, level: null, stored: algorithmBytes[algorithm] }
  if (compression === 'implied-gzip' && algorithm === 'gzip') return { algorithm, level: null, stored: null }
  if (compression !== 'implied-gzip' && (algorithm === 'none' || algorithm === 'gzip')) {
    const gzipLevel = level === null || level === 0 ? defaultLevel(compression) : level
    const stored = algorithm === 'none' ? 0 : gzipLevel
    return { algorithm, level: stored, stored }
  }
  throw new ArchiveError(
    'UNSUPPORTED',
    `Cannot write ${algorithm} data: archive version is ${version.major}.${version.minor}, must be 1.15 or newer`,
    { hint: 'Choose compression gzip or none, or a newer archive version' },
  )
}

/** zlib's own default, which a byte without sign cannot say. */
function defaultLevel(kind: 'level-byte' | 'level-int'): number {
  return kind === 'level-int' ? -1 : 6
}
