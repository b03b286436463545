import type { Layout } from '../bytes/cursor.ts'
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

/** The oldest archive version that is written: before it, large objects have no entries of their own. */
const oldestWrittenMinor = since.blobEntries

/** The version that an archive of this one is written as, if none is asked for. */
export function writtenVersion(version: ArchiveVersion, method: 'none' | 'gzip' | 'lz4' | 'zstd'): ArchiveVersion {
  const oldest = oldestWritten(method)
  return version.minor < oldest.minor ? oldest : version
}

/** The oldest version that is written with this compression. */
export function oldestWritten(method: 'none' | 'gzip' | 'lz4' | 'zstd'): ArchiveVersion {
  const minor = method === 'lz4' || method === 'zstd' ? since.algorithmByte : oldestWrittenMinor
  return { major: 1, minor, rev: 0 }
}

/** The version of an archive made from nothing: what the oldest supported pg_restore reads. */
export function newArchiveVersion(method: 'none' | 'gzip' | 'lz4' | 'zstd'): ArchiveVersion {
  const oldest = oldestWritten(method)
  return { ...oldest, minor: Math.max(oldest.minor, since.tableam) }
}

/** The newest archive version that pg_restore of a release reads, from 9.6 on (K_VERS_MAX, pg_backup_archiver.h). */
export function newestReadBy(release: number): ArchiveVersion {
  const minor = release >= 17 ? 16 : release >= 16 ? 15 : release >= 12 ? 14 : release >= 10 ? 13 : 12
  return { major: 1, minor, rev: 0 }
}

/** Whether `version` is older than `other`. */
export function isOlder(version: ArchiveVersion, other: ArchiveVersion): boolean {
  return version.major === other.major ? version.minor < other.minor : version.major < other.major
}

/** Whether two versions are the same, revisions included. */
export function isSameVersion(a: ArchiveVersion, b: ArchiveVersion): boolean {
  return a.major === b.major && a.minor === b.minor && a.rev === b.rev
}

/** @throws ArchiveError USAGE for a version that is not written */
export function checkWritableVersion({ major, minor }: ArchiveVersion): void {
  if (major === newestVersion.major && minor >= oldestWrittenMinor && minor <= newestVersion.minor) return
  throw new ArchiveError(
    'USAGE',
    `Cannot write archive version ${major}.${minor}: must be 1.${oldestWrittenMinor} to 1.${newestVersion.minor}`,
  )
}

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

/** What decides how the fields of a TOC entry are laid out, the container's own part aside; see TocRecord.layout. */
export function recordLayout(features: Features, layout: Layout): string {
  const { tableoid, section, copyStmtAndBlockType, namespace, tablespaceAndVersions } = features
  const { tableam, relkindAndBlobGroups, withOids, dependencies } = features
  const fields = [tableoid, section, copyStmtAndBlockType, namespace, tablespaceAndVersions]
  const laterFields = [tableam, relkindAndBlobGroups, withOids, dependencies]
  return `${layout.intSize}${[layout.signByte, ...fields, ...laterFields].map((has) => (has ? '+' : '-')).join('')}`
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
