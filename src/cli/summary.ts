import type { ArchiveVersion, ArchiveView, CreateDate, StoredSizes, TocEntry } from '../index.ts'

/** What the header and the settings of an archive say. */
export function archiveFacts({ header, settings, storedEntryCount }: ArchiveView): Readonly<Record<string, unknown>> {
  const { compression } = header
  return {
    format: header.format,
    archiveVersion: versionText(header.version),
    compression: { algorithm: compression.algorithm, level: compression.level },
    created: header.createDate === null ? null : dateText(header.createDate),
    dbname: header.dbname,
    serverVersion: header.remoteVersion,
    pgDumpVersion: header.dumpVersion,
    encoding: settings.encoding,
    standardConformingStrings: settings.stdStrings,
    intSize: header.intSize,
    offSize: header.offSize,
    storedEntries: storedEntryCount,
  }
}

/** `1.16`, with a revision only where there is one. */
export function versionText({ major, minor, rev }: ArchiveVersion): string {
  return rev === 0 ? `${major}.${minor}` : `${major}.${minor}.${rev}`
}

/** ISO 8601 without a zone: the archive does not store one. */
export function dateText({ year, month, day, hour, minute, second }: CreateDate): string {
  const two = (value: number) => String(value).padStart(2, '0')
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`
}

/** The data of one table, or of the large objects of one entry. */
export interface StoredData {
  readonly dumpId: number
  readonly desc: string
  readonly namespace: string | null
  readonly name: string | null
  /** Bytes in the archive, compressed as they are; null in input that can be read only once, and for missing data. */
  readonly storedBytes: number | null
}

/** What is in an archive and what it needs, counted over its table of contents. */
export interface Contents {
  /** Number of entries by desc, most frequent first. */
  readonly entryTypes: readonly { readonly desc: string; readonly count: number }[]
  /** Largest first, unknown sizes last. */
  readonly data: readonly StoredData[]
  /** Null where the archive keeps them in one block without naming them (before 9.0). */
  readonly largeObjects: number | null
  readonly owners: readonly string[]
  readonly extensions: readonly string[]
  readonly tablespaces: readonly string[]
  /** Table access methods other than heap. */
  readonly accessMethods: readonly string[]
}

/**
 * Counts what is in an archive.
 * @param dataBytes stored sizes by dump id
 */
export function contentsOf(archive: ArchiveView, dataBytes: StoredSizes['dataBytes']): Contents {
  const counts = new Map<string, number>()
  const owners = new Set<string>()
  const extensions = new Set<string>()
  const tablespaces = new Set<string>()
  const accessMethods = new Set<string>()
  const data: StoredData[] = []
  for (const entry of archive.toc) {
    counts.set(entry.desc, (counts.get(entry.desc) ?? 0) + 1)
    addName(owners, entry.owner)
    addName(tablespaces, entry.tablespace)
    if (entry.tableam !== 'heap') addName(accessMethods, entry.tableam)
    if (entry.desc === 'EXTENSION') addName(extensions, entry.tag)
    if (entry.hadDumper) data.push(storedData(entry, dataBytes))
  }
  const types = Array.from(counts, ([desc, count]) => ({ desc, count }))
  return {
    entryTypes: types.sort((a, b) => b.count - a.count || compare(a.desc, b.desc)),
    data: data.sort((a, b) => (b.storedBytes ?? -1) - (a.storedBytes ?? -1) || a.dumpId - b.dumpId),
    largeObjects: countLargeObjects(archive.toc),
    owners: [...owners].sort(compare),
    extensions: [...extensions].sort(compare),
    tablespaces: [...tablespaces].sort(compare),
    accessMethods: [...accessMethods].sort(compare),
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function addName(names: Set<string>, name: string | null | undefined): void {
  if (name !== null && name !== undefined && name !== '') names.add(name)
}

function storedData(entry: TocEntry, dataBytes: StoredSizes['dataBytes']): StoredData {
  return {
    dumpId: entry.dumpId,
    desc: entry.desc,
    namespace: entry.namespace,
    name: entry.tag,
    storedBytes: dataBytes.get(entry.dumpId) ?? null,
  }
}

function countLargeObjects(toc: readonly TocEntry[]): number | null {
  let named = 0
  let unnamed = false
  for (const entry of toc) {
    if (entry.desc === 'BLOB') named++
    // One line for each object.
    else if (entry.desc === 'BLOB METADATA') named += entry.defn?.match(/\d+/g)?.length ?? 0
    else if (entry.desc === 'BLOBS') unnamed = true
  }
  return named === 0 && unnamed ? null : named
}

/** Which release wrote archives of this version first; an older pg_restore refuses them. */
const firstReaders: readonly (readonly [minor: number, release: string])[] = [
  [16, '17'],
  [15, '16'],
  [14, '12'],
  [13, '11 (or 10.3, 9.6.8, 9.5.12, 9.4.17, 9.3.22)'],
  [12, '9.0'],
  [11, '8.4'],
  [8, '8.0'],
  [6, '7.3'],
  [5, '7.2'],
]

/** The oldest release whose pg_restore reads archives of this version. */
export function oldestPgRestore({ minor }: ArchiveVersion): string {
  return firstReaders.find(([from]) => minor >= from)?.[1] ?? '7.1'
}
