import type { Algorithm } from '../codec/codec.ts'
import { ArchiveError, type Finding } from '../errors.ts'
import { parseTarget } from '../sql/target.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveVersion, TocEntry } from '../toc/types.ts'
import { checkWritableVersion, featuresOf, isOlder, newestReadBy, oldestWritten } from '../toc/version.ts'
import type { ArchiveView } from '../view.ts'

/** How the data of an archive are to be compressed. */
export interface Compression {
  readonly method: Algorithm
  /** As in pg_dump's `-Z METHOD:LEVEL`; default pg_dump's. With a level, data are compressed again in any case. */
  readonly level?: number | undefined
  /** zstd: long-distance matching (`zstd:long`). */
  readonly long?: boolean | undefined
}

/** What an archive is to become. */
export interface ConversionWishes {
  /** Default: as it is. */
  readonly format?: ArchiveFormat | undefined
  /** Default: as it is; tar has none. */
  readonly compression?: Compression | undefined
  /** 1.12 to 1.16. Default: as it is, or the oldest of these that will do. */
  readonly archiveVersion?: ArchiveVersion | undefined
  /** A release of PostgreSQL whose pg_restore is to read it, `'9.6'` to `'18'`: decides about what is not given. */
  readonly targetVersion?: string | undefined
}

/** What an archive becomes. */
export interface ConversionTarget {
  readonly format: ArchiveFormat
  /** Undefined: as it is. */
  readonly compression: Compression | undefined
  readonly archiveVersion: ArchiveVersion
}

/**
 * Settles what was left open, so that wishes agree with each other.
 * @throws ArchiveError USAGE, UNSUPPORTED_COMPRESSION
 */
export function conversionTarget(header: ArchiveHeader, wishes: ConversionWishes): ConversionTarget {
  const format = wishes.format ?? header.format
  const newest = wishes.targetVersion === undefined ? undefined : newestReadBy(parseTarget(wishes.targetVersion))
  const compression = wishes.compression ?? compressionFor(header, format, wishes.archiveVersion ?? newest)
  const method = compression?.method ?? methodOf(header)
  if (format === 'tar' && method !== 'none') {
    throw usage(`${method} in a tar archive: it has no compression`, 'Choose the custom or directory format, or none')
  }
  const archiveVersion = wishes.archiveVersion ?? defaultVersion(header, method, newest)
  checkWritableVersion(archiveVersion)
  const { minor } = archiveVersion
  if (newest !== undefined && isOlder(newest, archiveVersion)) {
    const release = wishes.targetVersion ?? ''
    throw usage(
      `archive version 1.${minor}${wishes.archiveVersion === undefined ? `, which ${method} needs,` : ''} for PostgreSQL ${release}: its pg_restore reads 1.${newest.minor} at most`,
      wishes.archiveVersion === undefined
        ? 'Choose compression gzip or none'
        : 'Leave the archive version to the target',
    )
  }
  if (isOlder(archiveVersion, oldestWritten(method))) {
    throw usage(
      `${method} in archive version 1.${minor}: only 1.${oldestWritten(method).minor} and newer have it`,
      'Choose compression gzip or none, or a newer archive version',
    )
  }
  return { format, compression, archiveVersion }
}

/** What a tar archive cannot have, and what an old release cannot read, gives way. */
function compressionFor(
  header: ArchiveHeader,
  format: ArchiveFormat,
  newest: ArchiveVersion | undefined,
): Compression | undefined {
  const method = methodOf(header)
  if (format === 'tar') return { method: 'none' }
  return newest !== undefined && isOlder(newest, oldestWritten(method)) ? { method: 'gzip' } : undefined
}

function methodOf({ compression }: ArchiveHeader): Algorithm {
  if (compression.algorithm !== 'unknown') return compression.algorithm
  throw new ArchiveError(
    'UNSUPPORTED_COMPRESSION',
    `Cannot convert the archive: its header names compression algorithm ${compression.stored}, which is not known`,
  )
}

function defaultVersion(
  { version }: ArchiveHeader,
  method: Algorithm,
  newest: ArchiveVersion | undefined,
): ArchiveVersion {
  const oldest = oldestWritten(method)
  const wanted = newest !== undefined && isOlder(newest, version) ? newest : version
  return isOlder(wanted, oldest) ? oldest : wanted
}

/**
 * Makes sure that the archive's large objects can be laid out as the target's version and format have them.
 * @throws ArchiveError USAGE
 */
export function checkLargeObjects(view: ArchiveView, { format, archiveVersion }: ConversionTarget): void {
  const { minor } = archiveVersion
  const groups = view.toc.filter(({ desc, hadDumper }) => desc === 'BLOBS' && hadDumper)
  if (!featuresOf(archiveVersion).relkindAndBlobGroups) {
    // there is one list of objects only; a custom archive has none
    if (groups.length <= 1 || format === 'custom') return
    throw usage(
      `${groups.length} groups of large objects in a ${format} archive of version 1.${minor}: only 1.16 and newer have them`,
      'Choose archive version 1.16, or the custom format',
    )
  }
  // pg_restore finds the first member of a group by the tag
  const nameless = format === 'tar' ? groups.find(({ tag }) => !/^[1-9]/.test(tag ?? '')) : undefined
  if (nameless === undefined) return
  throw usage(
    `large objects without groups in a tar archive of version 1.${minor}: there each group has a tag with its first OID`,
    'Choose archive version 1.15, or the custom or directory format',
  )
}

/** What the target's version has no field for. */
export function lossesOf(toc: readonly TocEntry[], header: ArchiveHeader, target: ArchiveVersion): Finding[] {
  const losses: Finding[] = []
  const { tableam, relkindAndBlobGroups } = featuresOf(target)
  if (tableam && (relkindAndBlobGroups || !featuresOf(header.version).relkindAndBlobGroups)) return losses
  for (const entry of toc) {
    const method = entry.tableam
    if (!method || (tableam && entry.relkind !== 'p') || (!tableam && method === 'heap')) continue
    losses.push({
      code: 'ACCESS_METHOD_LOST',
      severity: 'error',
      message: `the table access method ${JSON.stringify(method)} of ${entry.desc} ${JSON.stringify(entry.tag)} is lost: archive version 1.${target.minor} has no field for it`,
      dumpId: entry.dumpId,
    })
  }
  return losses
}

/** What changes in the header without being asked for. */
export function noticesOf({ header }: ArchiveView, { archiveVersion, compression }: ConversionTarget): Finding[] {
  const notices: Finding[] = []
  const { version, intSize } = header
  if (isOlder(version, archiveVersion)) {
    const why = isOlder(version, oldestWritten('none'))
      ? 'older ones are not written'
      : compression === undefined || !isOlder(version, oldestWritten(compression.method))
        ? undefined
        : `${compression.method} needs it`
    if (why !== undefined) {
      const text = `the archive of version 1.${version.minor} becomes one of version 1.${archiveVersion.minor}: ${why}`
      notices.push({ code: 'VERSION_RAISED', severity: 'info', message: text })
    }
  }
  if (intSize !== 4) {
    const text = `integers of ${intSize} bytes become integers of 4 bytes, as every pg_dump writes them`
    notices.push({ code: 'INTEGERS_RESIZED', severity: 'info', message: text })
  }
  return notices
}

function usage(what: string, hint: string): ArchiveError {
  return new ArchiveError('USAGE', `Cannot write ${what}`, { hint })
}
