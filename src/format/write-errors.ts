import { ArchiveError } from '../errors.ts'
import type { ArchiveFormat, ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { hints } from './hints.ts'
import { holdsData } from './writer.ts'

/** @throws ArchiveError USAGE for what is no OID of a large object */
export function checkOid(oid: number, dumpId: DumpId): void {
  if (Number.isInteger(oid) && oid > 0 && oid <= 0xffff_ffff) return
  throw new ArchiveError('USAGE', `Cannot write a large object: its OID is ${oid}, must be 1 to 4294967295`, { dumpId })
}

/**
 * Before 1.16 the files of large objects do not tell which entry they belong to.
 * @throws ArchiveError UNSUPPORTED for several BLOBS entries
 */
export function checkOneGroup(toc: readonly TocEntry[], format: ArchiveFormat, version: ArchiveVersion): void {
  if (featuresOf(version).relkindAndBlobGroups) return
  const second = toc.filter((entry) => entry.desc === 'BLOBS' && holdsData(entry))[1]
  if (second === undefined) return
  throw new ArchiveError(
    'UNSUPPORTED',
    `Cannot write TOC entry ${second.dumpId}: it is a second BLOBS entry, a ${format} archive of version ${version.major}.${version.minor} has one at most`,
    { dumpId: second.dumpId, hint: 'Choose archive version 1.16, or the custom format' },
  )
}

/** @throws ArchiveError USAGE when the data of an entry are missing: pg_restore would not find them */
export function checkDataWritten(toc: readonly TocEntry[], written: { has(entry: TocEntry): boolean }): void {
  const missing = toc.find((entry) => holdsData(entry) && !written.has(entry))
  if (missing === undefined) return
  const { dumpId, desc } = missing
  throw new ArchiveError(
    'USAGE',
    `Cannot finish the archive: the data of TOC entry ${dumpId} (${desc}) have not been written`,
    { dumpId },
  )
}

/** @throws ArchiveError MISSING_BLOCK when input that cannot go back has ended before the data of an entry came */
export function checkDataCame(toc: readonly TocEntry[], came: { has(entry: TocEntry): boolean }): void {
  const missing = toc.find((entry) => holdsData(entry) && !came.has(entry))
  if (missing === undefined) return
  const { dumpId, desc } = missing
  throw new ArchiveError(
    'MISSING_BLOCK',
    `Cannot read data of TOC entry ${dumpId} (${desc}): the archive ends without them`,
    { dumpId, hint: hints.incomplete },
  )
}

/** @throws ArchiveError DUPLICATE_DUMP_ID when several entries with data have one id: data are found and named by it */
export function checkDataIds(toc: readonly TocEntry[]): void {
  const withData = new Set<DumpId>()
  for (const entry of toc) {
    const { dumpId } = entry
    if (!holdsData(entry)) continue
    if (!withData.has(dumpId)) withData.add(dumpId)
    else {
      throw new ArchiveError(
        'DUPLICATE_DUMP_ID',
        `Cannot write data of TOC entry ${dumpId}: several entries with data have this id, must be one`,
        { dumpId },
      )
    }
  }
}
