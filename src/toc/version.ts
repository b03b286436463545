import { ArchiveError } from '../errors.ts'
import type { ArchiveVersion } from './types.ts'

/** What an archive version has; the only place where versions are compared. */
export interface Features {
  /** 1.0 has no revision byte in the header, and no sign byte in an Int. */
  readonly revAndSign: boolean
  /** The header says how data is compressed: not at all before 1.2, a level byte, a level Int (1.4), an algorithm byte (1.15). */
  readonly compression: 'implied-gzip' | 'level-byte' | 'level-int' | 'algorithm-byte'
  /** Entries have copyStmt; blocks begin with a type byte; BLOBS blocks exist. */
  readonly copyStmtAndBlockType: boolean
  /** The header has creation date and database name. */
  readonly createDate: boolean
  readonly dependencies: boolean
  readonly namespace: boolean
  /** The header has offSize; entries have an Offset instead of two Ints. */
  readonly offsets: boolean
  /** dumpId is an id of its own (before: dependencies are OIDs), and there is a table OID. */
  readonly tableoid: boolean
  readonly withOids: boolean
  /** Entries have a tablespace; the header names server and pg_dump version. */
  readonly tablespaceAndVersions: boolean
  /** Entries carry their section. */
  readonly section: boolean
  /** One BLOB entry for each large object; before, objects are created from the BLOBS data. */
  readonly blobEntries: boolean
  readonly tableam: boolean
  /** relkind, BLOB METADATA, several BLOBS entries, `blobs_<dumpId>.toc`. */
  readonly relkindAndBlobGroups: boolean
}

/** First minor (of major 1) that has each feature (pg_backup_archiver.h: K_VERS_1_x). */
const since = {
  revAndSign: 1,
  levelByte: 2,
  copyStmtAndBlockType: 3,
  levelInt: 4,
  createDate: 4,
  dependencies: 5,
  namespace: 6,
  offsets: 7,
  tableoid: 8,
  withOids: 9,
  tablespaceAndVersions: 10,
  section: 11,
  blobEntries: 12,
  tableam: 14,
  algorithmByte: 15,
  relkindAndBlobGroups: 16,
} as const

/** The newest archive version that is known. */
export const newestVersion: ArchiveVersion = Object.freeze({ major: 1, minor: 16, rev: 0 })

/** The features of an archive version; see spec/versions.md. */
export function featuresOf(version: ArchiveVersion): Features {
  const has = (minor: number): boolean => version.minor >= minor
  return {
    revAndSign: has(since.revAndSign),
    compression: has(since.algorithmByte)
      ? 'algorithm-byte'
      : has(since.levelInt)
        ? 'level-int'
        : has(since.levelByte)
          ? 'level-byte'
          : 'implied-gzip',
    copyStmtAndBlockType: has(since.copyStmtAndBlockType),
    createDate: has(since.createDate),
    dependencies: has(since.dependencies),
    namespace: has(since.namespace),
    offsets: has(since.offsets),
    tableoid: has(since.tableoid),
    withOids: has(since.withOids),
    tablespaceAndVersions: has(since.tablespaceAndVersions),
    section: has(since.section),
    blobEntries: has(since.blobEntries),
    tableam: has(since.tableam),
    relkindAndBlobGroups: has(since.relkindAndBlobGroups),
  }
}

/**
 * @throws ArchiveError VERSION_TOO_NEW for anything newer than {@link newestVersion} (its revisions are accepted, as
 *   pg_restore does), BAD_HEADER for a version before 1.0
 */
export function checkVersion(version: ArchiveVersion, offset: number): void {
  const { major, minor, rev } = version
  const details = {
    pgRestore: `unsupported version (${signedByte(major)}.${signedByte(minor)}) in file header`,
    version,
  }
  if (major < 1) {
    throw new ArchiveError(
      'BAD_HEADER',
      `Cannot read the header: archive version is ${major}.${minor}, must be 1.0 or newer`,
      {
        offset,
        details,
      },
    )
  }
  if (major === newestVersion.major && minor <= newestVersion.minor) return
  throw new ArchiveError(
    'VERSION_TOO_NEW',
    `Cannot read the header: archive version is ${major}.${minor}-${rev}, the newest known is ${newestVersion.major}.${newestVersion.minor} (PostgreSQL 17 and 18)`,
    {
      offset,
      details,
      hint: 'The archive was written by a pg_dump newer than PostgreSQL 18: use a pgdmp release that knows it, or the pg_restore of that PostgreSQL',
    },
  )
}

/** The version bytes are C `char`s: from 128 on they show as negative numbers. */
function signedByte(value: number): number {
  return value > 127 ? value - 256 : value
}
