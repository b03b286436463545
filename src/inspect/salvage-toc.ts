import type { Container } from '../codec/codec.ts'
import { isArchiveError } from '../errors.ts'
import { readToc } from '../format/read-toc.ts'
import { collect } from '../io/collect.ts'
import { pullOver } from '../io/pull.ts'
import { bytesSource, type RandomAccess } from '../io/source.ts'
import type { ArchiveHeader, TocEntry } from '../toc/types.ts'
import { findStored, payloadOfFile, type FoundFile, type FoundFiles } from './salvage-files.ts'
import { TolerantSource, type Break } from './salvage-payload.ts'
import { findHead, type FoundHead } from './salvage-toc-head.ts'
import { isPlausible, TocScan, type ScannedToc, type TocPiece, type TocSearch } from './salvage-toc-scan.ts'

/** Header and table of contents, as far as they are there. */
export interface FoundToc {
  readonly header: ArchiveHeader
  readonly entries: readonly TocEntry[]
  /** Offset after it: data may begin here. */
  readonly end: number
  /** Offset of the copy behind the data, where something was taken from it: data end here. */
  readonly copy: number | undefined
  /** The file or member that it lies in. */
  readonly file?: FoundFile
  /** Number of entries that the archive says it has; undefined when that is not known. */
  readonly expected: number | undefined
  /** What is wrong with it. */
  readonly breaks: readonly Break[]
}

/**
 * Reads header and TOC; where they are damaged or cut, what of them is left: entries before the damage, those that are
 * found again behind it, and those that the copy behind the data has.
 */
export async function findToc(search: TocSearch): Promise<FoundToc | undefined> {
  const { source, format, limits, signal } = search
  const pull = pullOver(source, { signal })
  let empty: FoundToc | undefined
  try {
    const { header, toc } = await readToc(pull, { format, limits, onWarning: () => undefined })
    const end = pull.position
    const scan = new TocScan(search, header)
    // a count that is too small leaves entries behind
    if (!(await scan.looksLikeEntry(end)) && toc.every(isPlausible) && !hasDuplicates(toc)) {
      const whole = { header, entries: toc, end, copy: undefined, expected: toc.length, breaks: [] }
      // a count of 0 is rather damage
      if (toc.length > 0) return whole
      empty = whole
    }
  } catch (error) {
    if (!isArchiveError(error)) throw error
  } finally {
    await pull.close()
  }
  const head = await findHead(search)
  if (head === undefined) return empty
  const scanned = await new TocScan(search, head.header).run(head.first, head.expected)
  const found = piecedTogether(head, scanned, source.size)
  return found.entries.length === 0 ? (empty ?? found) : found
}

/** Bytes of a compressed toc.dat. */
const mostTocBytes = 1024 ** 3

/** Finds the TOC of a directory or a tar archive, be it in a member that has lost its name. */
export async function tocOfFiles(
  files: FoundFiles,
  { format, limits, signal }: Omit<TocSearch, 'source'>,
): Promise<FoundToc | undefined> {
  const most = Math.min(limits.tocBytes, mostTocBytes)
  const named = findStored(files, 'toc.dat')
  const candidates = [
    ...(named === undefined ? [] : [named]),
    ...files.nameless.filter(({ size }) => size < most).map((file) => ({ file, container: 'none' as const })),
  ]
  let best: FoundToc | undefined
  for (const { file, container } of candidates) {
    const found = await tocOfFile(file, container, most, { format, limits, signal })
    if (found !== undefined && found.entries.length > (best?.entries.length ?? -1)) best = { ...found, file }
    if (file === named?.file && (found?.entries.length ?? 0) > 0) break
  }
  return best
}

/** Looks for a TOC in one file: what is not compressed is read where it lies, however much that is. */
async function tocOfFile(
  file: FoundFile,
  container: Container,
  most: number,
  { format, limits, signal }: Omit<TocSearch, 'source'>,
): Promise<FoundToc | undefined> {
  // zeros at its end may be its own
  const size = file.most ?? file.size
  if (container !== 'none') {
    const payload = payloadOfFile({ ...file, size }, container, signal)
    const bytes = await collect(new TolerantSource(payload, limits, signal), 'read the table of contents', most, signal)
    return await findToc({ source: bytesSource(bytes), format, limits, signal })
  }
  const { source, start, close } = await file.open()
  try {
    return await findToc({ source: partOf(source, start, size), format, limits, signal })
  } finally {
    await close()
  }
}

function partOf(source: RandomAccess, start: number, size: number): RandomAccess {
  return {
    size,
    read: async (offset, length) => await source.read(start + offset, Math.max(0, Math.min(length, size - offset))),
  }
}

function hasDuplicates(toc: readonly TocEntry[]): boolean {
  return new Set(toc.map(({ dumpId }) => dumpId)).size !== toc.length
}

/** One table of the pieces of both copies, and what is wrong with it. */
function piecedTogether(head: FoundHead, { first, second, ending }: ScannedToc, size: number): FoundToc {
  const { header, isWhole, expected } = head
  const breaks: Break[] = []
  if (!isWhole) breaks.push({ kind: 'damaged', offset: 0, reason: 'the header is damaged' })
  let end = head.first
  for (const piece of first) {
    if (piece.start > end) breaks.push(damagedUpTo(end, piece.start))
    end = piece.end
  }
  const own = first.flatMap(({ entries }) => entries)
  const entries = withCopy(own, second)
  const restored = entries.length - own.length
  const copy = restored === 0 ? undefined : second[0]?.start
  if (copy !== undefined) breaks.push(fromCopy(end, restored, copy))
  const missing = expected === undefined ? undefined : expected - entries.length
  // where damage is known, that is what entries are missing of
  const isCut = ending !== undefined && first.length < 2 && second.length === 0
  if (missing === undefined) {
    if (isCut && ending === 'within') breaks.push(cutWithin(size, missing, expected))
  } else if (missing > 0) breaks.push(isCut ? cutWithin(size, missing, expected) : damage(end, missing))
  return { header, entries, end, copy: second[0]?.start, expected, breaks }
}

/** Entries with those that only the copy has, in its order, and the offsets of the data that only the copy knows. */
function withCopy(own: readonly TocEntry[], second: readonly TocPiece[]): readonly TocEntry[] {
  if (second.length === 0) return own
  const copied = second.flatMap(({ entries }) => entries)
  const byId = new Map(copied.map((entry) => [entry.dumpId, entry]))
  const known = new Set(own.map(({ dumpId }) => dumpId))
  const behind = new Map<number | undefined, TocEntry[]>()
  let after: TocEntry[] = []
  behind.set(undefined, after)
  for (const entry of copied) {
    if (known.has(entry.dumpId)) behind.set(entry.dumpId, (after = []))
    else after.push(entry)
  }
  const offsetOf = (entry: TocEntry): TocEntry =>
    entry.data.state === 'not-set' ? (byId.get(entry.dumpId) ?? entry) : entry
  return [
    ...(behind.get(undefined) ?? []),
    ...own.flatMap((entry) => [offsetOf(entry), ...(behind.get(entry.dumpId) ?? [])]),
  ]
}

function damagedUpTo(offset: number, end: number): Break {
  return { kind: 'damaged', offset, reason: `the table of contents is damaged up to offset ${end}` }
}

function fromCopy(offset: number, count: number, copy: number): Break {
  const reason = `${count} entries of the table of contents are damaged: they were taken from its copy at offset ${copy}`
  return { kind: 'damaged', offset, reason }
}

function damage(offset: number, missing: number): Break {
  return { kind: 'damaged', offset, reason: `the table of contents is damaged: ${missing} entries are missing` }
}

function cutWithin(offset: number, missing: number | undefined, expected: number | undefined): Break {
  const what = missing === undefined ? '' : `: ${missing} of ${expected} entries are missing`
  return { kind: 'cut', offset, reason: `the archive ends within its table of contents${what}` }
}
