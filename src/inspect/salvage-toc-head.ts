import { Cursor } from '../bytes/cursor.ts'
import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { magic, readHead } from '../toc/header.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveVersion } from '../toc/types.ts'
import { featuresOf, newestVersion, recordLayout } from '../toc/version.ts'
import { formatByteOf, headerCompression, layoutOf } from '../toc/write-head.ts'
import { TocScan, type TocSearch } from './salvage-toc-scan.ts'

/** Bytes in which a header must be. */
const headBytes = 64 * 1024
/** Bytes in which a first entry is looked for. */
const firstEntryBytes = 64 * 1024 * 1024

/** A header, as it was read or as it must have been. */
export interface FoundHead {
  readonly header: ArchiveHeader
  /** It was read as it is. */
  readonly isWhole: boolean
  /** Offset of the first entry. */
  readonly first: number
  /** Entries that it says follow; undefined where that is not known. */
  readonly expected: number | undefined
}

/** Versions in which headers or entries are laid out differently, or were once. */
const minors = [16, 15, 14, 13, 12, 11, 10, 9, 8]

/**
 * Finds the header. Of what it may have been, that counts in whose layout most entries follow; where none follow at
 * once, entries that are found without it tell in which of the layouts they are.
 */
export async function findHead(search: TocSearch): Promise<FoundHead | undefined> {
  const { source, format, signal } = search
  const head = await source.read(0, headBytes)
  signal?.throwIfAborted()
  const own = readAt(search, head, 0, true)
  const candidates = [own]
  const at = Math.max(0, decodeByteString(head).indexOf(`${magic}\u0001`))
  if (at > 0) candidates.push(readAt(search, head, at, false))
  for (const minor of minors) candidates.push(readAt(search, withStart(head, at, format, minor), at, false))
  let best: FoundHead | undefined
  let most = 0
  for (const candidate of candidates) {
    if (candidate === undefined) continue
    const score = await new TocScan(search, candidate.header).score(candidate.first)
    if (score <= most) continue
    best = candidate
    most = score
  }
  // the header may be all that there is
  const isAlone = own !== undefined && (own.first >= source.size || own.expected === undefined)
  return best ?? (await findFirstEntry(search, own)) ?? (isAlone ? own : undefined)
}

function readAt(
  { source, format, limits }: TocSearch,
  head: Uint8Array,
  at: number,
  isWhole: boolean,
): FoundHead | undefined {
  const cursor = new Cursor(head, { intSize: 4, offSize: 8, signByte: true }, 0, at)
  let header: ArchiveHeader
  try {
    header = readHead(cursor, format, limits, () => undefined)
  } catch {
    // not this one
    return undefined
  }
  try {
    const count = cursor.readInt()
    const canBe = count > 0 && count <= limits.tocEntries
    return { header, isWhole, first: cursor.offset, expected: canBe ? count : undefined }
  } catch {
    return { header, isWhole, first: source.size, expected: undefined }
  }
}

/** The bytes with the beginning of a header of this version. */
function withStart(head: Uint8Array, at: number, format: ArchiveFormat, minor: number): Uint8Array {
  // a Buffer's own slice would share the memory of the source
  const bytes = new Uint8Array(head)
  const start = [...encodeByteString(magic), 1, minor, 0, 4, 8, formatByteOf[format]]
  bytes.set(start.slice(0, Math.max(0, bytes.length - at)), at)
  return bytes
}

/** Where entries are, without what comes before them. */
async function findFirstEntry(search: TocSearch, own: FoundHead | undefined): Promise<FoundHead | undefined> {
  const { source, format } = search
  const farthest = Math.min(source.size, firstEntryBytes)
  const layoutIn = ({ version, ...header }: ArchiveHeader): string =>
    recordLayout(featuresOf(version), layoutOf({ version, ...header }))
  const headers = new Map(own === undefined ? [] : [[layoutIn(own.header), own.header]])
  for (const minor of [16, 14, 13, 10, 9, 8]) {
    const made = madeHeader(format, { major: 1, minor, rev: 0 })
    if (!headers.has(layoutIn(made))) headers.set(layoutIn(made), made)
  }
  let best: FoundHead | undefined
  let most = 0
  for (const header of headers.values()) {
    const scan = new TocScan(search, header)
    const first = await scan.nextEntry(header === own?.header ? own.first : 0, farthest)
    const score = first === undefined ? 0 : await scan.score(first)
    if (first === undefined || score <= most) continue
    most = score
    best = header === own?.header ? own : { header, isWhole: false, first, expected: undefined }
  }
  return best
}

/** The header of an archive that has lost its own. */
export function madeHeader(format: ArchiveFormat, version: ArchiveVersion = newestVersion): ArchiveHeader {
  return {
    version,
    intSize: 4,
    offSize: 8,
    format,
    formatByte: formatByteOf[format],
    compression: headerCompression('gzip', version),
    createDate: null,
    dbname: null,
    remoteVersion: null,
    dumpVersion: null,
    raw: { dbname: null, remoteVersion: null, dumpVersion: null },
  }
}
