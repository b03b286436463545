import type { Cursor } from '../bytes/cursor.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { decoderFor } from './encoding.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveVersion, CreateDate, HeaderCompression } from './types.ts'
import { checkVersion, featuresOf, type Features } from './version.ts'

/** The first five bytes of every custom archive and of every toc.dat. */
export const magic = 'PGDMP'

const formatBytes = { custom: 1, directory: 3, tar: 3 } as const

/**
 * Reads the header (ReadHead, pg_backup_archiver.c) and sets the cursor's layout to what it says.
 * @throws ArchiveError NOT_AN_ARCHIVE, VERSION_TOO_NEW, BAD_HEADER; NeedMoreBytes when the window is too short
 */
export function readHead(cursor: Cursor, format: ArchiveFormat, limits: Limits, onWarning: OnWarning): ArchiveHeader {
  const start = cursor.offset
  readMagic(cursor)
  const version = readVersion(cursor)
  checkVersion(version, start + magic.length)
  const features = featuresOf(version)
  const warnings = readSizes(cursor, features)
  const formatByte = readFormat(cursor, format)
  const compression = readCompression(cursor, features)
  const createDate = features.createDate ? readCreateDate(cursor) : null
  const dbname = features.createDate ? readOwnStr(cursor, limits) : null
  const remoteVersion = features.tablespaceAndVersions ? readOwnStr(cursor, limits) : null
  const dumpVersion = features.tablespaceAndVersions ? readOwnStr(cursor, limits) : null
  // the window may have been too short up to here, and the header is then read again: warn once, at the end
  for (const warning of warnings) onWarning(warning)
  const decode = decoderFor('SQL_ASCII')
  const show = (bytes: Uint8Array | null): string | null => (bytes === null ? null : decode(bytes))
  return {
    version,
    intSize: cursor.layout.intSize,
    offSize: cursor.layout.offSize,
    format,
    formatByte,
    compression,
    createDate,
    dbname: show(dbname),
    remoteVersion: show(remoteVersion),
    dumpVersion: show(dumpVersion),
    raw: { dbname, remoteVersion, dumpVersion },
  }
}

function readMagic(cursor: Cursor): void {
  const offset = cursor.offset
  let found = ''
  for (let index = 0; index < magic.length; index++) found += String.fromCharCode(cursor.readByte())
  if (found === magic) return
  throw new ArchiveError(
    'NOT_AN_ARCHIVE',
    `Cannot read the header: it begins ${JSON.stringify(found)}, must be "${magic}"`,
    {
      offset,
      details: { pgRestore: 'did not find magic string in file header' },
    },
  )
}

function readVersion(cursor: Cursor): ArchiveVersion {
  const major = cursor.readByte() // 1 byte  vmaj
  const minor = cursor.readByte() // 1 byte  vmin
  const rev = major > 1 || (major === 1 && minor > 0) ? cursor.readByte() : 0 // 1 byte  vrev, not in 1.0
  return { major, minor, rev }
}

function readSizes(cursor: Cursor, features: Features): Parameters<OnWarning>[0][] {
  const offset = cursor.offset
  const intSize = cursor.readByte() // 1 byte  intSize
  if (intSize > 32) {
    throw new ArchiveError(
      'BAD_HEADER',
      `Cannot read the header: integer size is ${intSize} at offset ${offset}, must be 32 or less`,
      {
        offset,
        details: { pgRestore: `sanity check on integer size (${intSize}) failed` },
      },
    )
  }
  const offSize = features.offsets ? cursor.readByte() : intSize // 1 byte  offSize, from 1.7
  cursor.layout = { intSize, offSize, signByte: features.revAndSign }
  if (intSize <= 4) return []
  return [
    {
      code: 'LARGE_INTEGERS',
      severity: 'warning',
      offset,
      message: 'archive was made on a machine with larger integers, some operations might fail',
    },
  ]
}

function readFormat(cursor: Cursor, format: ArchiveFormat): number {
  const offset = cursor.offset
  const formatByte = cursor.readByte() // 1 byte  format
  const expected = formatBytes[format]
  if (formatByte === expected) return formatByte
  throw new ArchiveError(
    'BAD_HEADER',
    `Cannot read the header: format is ${formatByte} at offset ${offset}, must be ${expected} in a ${format} archive`,
    {
      offset,
      details: { pgRestore: `expected format (${expected}) differs from format found in file (${formatByte})` },
    },
  )
}

const algorithms = ['none', 'gzip', 'lz4', 'zstd'] as const

function readCompression(cursor: Cursor, features: Features): HeaderCompression {
  switch (features.compression) {
    case 'implied-gzip':
      return { algorithm: 'gzip', level: null, stored: null }
    case 'level-byte':
      return fromLevel(cursor.readByte()) // 1 byte  level
    case 'level-int':
      return fromLevel(cursor.readInt()) // Int  level
    case 'algorithm-byte': {
      const stored = cursor.readByte() // 1 byte  algorithm
      return { algorithm: algorithms[stored] ?? 'unknown', level: null, stored }
    }
    default:
      return features.compression satisfies never
  }
}

function fromLevel(level: number): HeaderCompression {
  return { algorithm: level === 0 ? 'none' : 'gzip', level, stored: level }
}

function readCreateDate(cursor: Cursor): CreateDate {
  const second = cursor.readInt() // Int  sec
  const minute = cursor.readInt() // Int  min
  const hour = cursor.readInt() // Int  hour
  const day = cursor.readInt() // Int  mday
  const month = cursor.readInt() + 1 // Int  mon, 0–11
  const year = cursor.readInt() + 1900 // Int  year − 1900
  const isdst = cursor.readInt() // Int  isdst
  return { year, month, day, hour, minute, second, isdst }
}

/** A Str that outlives the window. */
function readOwnStr(cursor: Cursor, limits: Limits): Uint8Array | null {
  return cursor.readStr(limits.stringBytes)?.slice() ?? null
}
