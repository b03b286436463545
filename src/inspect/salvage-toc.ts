import { Cursor, type Layout } from '../bytes/cursor.ts'
import { encodeByteString } from '../bytes/byte-string.ts'
import { isArchiveError, type OnWarning } from '../errors.ts'
import { readToc } from '../format/read-toc.ts'
import { pullOver } from '../io/pull.ts'
import type { RandomAccess } from '../io/source.ts'
import type { Limits } from '../limits.ts'
import { EntryWalker } from '../toc/entry-walker.ts'
import { StoredEntry } from '../toc/entry.ts'
import { readHead } from '../toc/header.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveVersion, TocEntry } from '../toc/types.ts'
import { featuresOf, newestVersion } from '../toc/version.ts'
import { formatByteOf, headerCompression, layoutOf } from '../toc/write-head.ts'
import type { Break } from './salvage-payload.ts'

/** Header and table of contents, as far as they are there. */
export interface FoundToc {
  readonly header: ArchiveHeader
  /** The header was read as it is. */
  readonly headerWhole: boolean
  readonly entries: readonly TocEntry[]
  /** Offset after the last entry that was found. */
  readonly end: number
  /** Number of entries that the archive says it has; undefined when that is not known. */
  readonly expected: number | undefined
  /** What is wrong with it. */
  readonly breaks: readonly Break[]
}

/** Where to look for a table of contents, and as what. */
export interface TocSearch {
  readonly source: RandomAccess
  readonly format: ArchiveFormat
  readonly limits: Limits
  readonly onWarning: OnWarning
  readonly signal: AbortSignal | undefined
}

/**
 * Reads header and TOC; where they are damaged or cut, what of them is left: entries before the damage, and those that
 * are found again behind it.
 */
export async function findToc(search: TocSearch): Promise<FoundToc | undefined> {
  const { source, format, limits, onWarning, signal } = search
  const pull = pullOver(source, { signal })
  try {
    const { header, toc } = await readToc(pull, { format, limits, onWarning })
    const end = pull.position
    const scan = new TocScan(search, header)
    // a count that is too small leaves entries behind
    if (!(await scan.looksLikeEntry(end)) && toc.every(isPlausible) && !hasDuplicates(toc)) {
      return { header, headerWhole: true, entries: toc, end, expected: toc.length, breaks: [] }
    }
  } catch (error) {
    if (!isArchiveError(error)) throw error
  } finally {
    await pull.close()
  }
  return await findPieces(search)
}

/** Bytes in which a header must be. */
const headBytes = 64 * 1024
/** Bytes in which a first entry is looked for. */
const firstEntryBytes = 64 * 1024 * 1024

interface FoundHead {
  readonly header: ArchiveHeader
  readonly headerWhole: boolean
  /** Offset of the first entry. */
  readonly first: number
  readonly expected: number | undefined
}

async function findPieces(search: TocSearch): Promise<FoundToc | undefined> {
  const found = await findHead(search)
  if (found === undefined) return undefined
  const { header, headerWhole, first, expected } = found
  const scan = new TocScan(search, header)
  await scan.run(first, expected)
  const breaks = [...scan.breaks]
  if (!headerWhole) breaks.unshift({ kind: 'damaged', offset: 0, reason: 'the header is damaged' })
  return { header, headerWhole, entries: scan.entries, end: scan.end, expected, breaks }
}

async function findHead(search: TocSearch): Promise<FoundHead | undefined> {
  const { source, format, limits, signal } = search
  const head = await source.read(0, headBytes)
  signal?.throwIfAborted()
  const candidates = [head, ...minors.map((minor) => withStart(head, format, minor))]
  let cut: FoundHead | undefined
  for (const [index, bytes] of candidates.entries()) {
    const cursor = new Cursor(bytes, { intSize: 4, offSize: 8, signByte: true })
    try {
      const header = readHead(cursor, format, limits, () => undefined)
      const countAt = cursor.offset
      const expected = cursor.readInt()
      const first = cursor.offset
      const whole = index === 0
      const known = { header, headerWhole: whole, first, expected: expected > 0 ? expected : undefined }
      const scan = new TocScan(search, header)
      if (await scan.looksLikeEntry(first)) return known
      // the header may be all that there is
      if (whole && (first >= source.size || expected === 0)) cut ??= known
      if (whole && countAt >= source.size) cut ??= known
    } catch {
      // not this one
    }
  }
  return (await findFirstEntry(search)) ?? cut
}

const minors = [16, 15, 14, 13, 12, 11, 10]

/** The bytes with the beginning of a header of this version. */
function withStart(head: Uint8Array, format: ArchiveFormat, minor: number): Uint8Array {
  // a Buffer's own slice would share the memory of the source
  const bytes = new Uint8Array(head)
  bytes.set(encodeByteString('PGDMP').subarray(0, bytes.length))
  // set() refuses an offset beyond the end even for nothing
  if (bytes.length > 5) bytes.set([1, minor, 0, 4, 8, formatByteOf[format]].slice(0, bytes.length - 5), 5)
  return bytes
}

/** Without any header: entries tell by themselves in which of the three layouts they are. */
async function findFirstEntry(search: TocSearch): Promise<FoundHead | undefined> {
  const { source, format } = search
  const farthest = Math.min(source.size, firstEntryBytes)
  for (const minor of [16, 14, 13]) {
    const header = madeHeader(format, { major: 1, minor, rev: 0 })
    const scan = new TocScan(search, header)
    const first = await scan.nextEntry(0, farthest)
    if (first !== undefined) return { header, headerWhole: false, first, expected: undefined }
  }
  return undefined
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

const descPattern = /^[A-Z][A-Z ]{2,47}$/

function isPlausible(entry: TocEntry): boolean {
  return descPattern.test(entry.raw.byteString('desc') ?? '')
}

function hasDuplicates(toc: readonly TocEntry[]): boolean {
  return new Set(toc.map(({ dumpId }) => dumpId)).size !== toc.length
}

/** Most dependencies of an entry that is found by scanning: each place that may be one costs no more than that. */
const scannedDependencies = 2000
/** Bytes within which an entry that is found by scanning must end. */
const scannedBytes = 4 * 1024 * 1024
const mostBytes = 1024 ** 3

/** Reads entries from wherever they are. */
class TocScan {
  readonly entries: TocEntry[] = []
  readonly breaks: Break[] = []
  end = 0
  readonly #source: RandomAccess
  readonly #signal: AbortSignal | undefined
  readonly #most: number
  readonly #layout: Layout
  readonly #walker: EntryWalker
  readonly #scanner: EntryWalker
  readonly #hasTableoid: boolean
  readonly #seen = new Set<number>()
  #window: Uint8Array = new Uint8Array(0)
  #base = 0

  constructor({ source, format, limits, signal }: TocSearch, header: ArchiveHeader) {
    this.#source = source
    this.#signal = signal
    this.#most = limits.tocEntries
    this.#layout = layoutOf(header)
    const features = featuresOf(header.version)
    this.#hasTableoid = features.tableoid && this.#layout.intSize === 4
    const options = { features, layout: this.#layout, format, limits }
    this.#walker = new EntryWalker(options)
    this.#scanner = new EntryWalker({
      ...options,
      limits: { ...limits, dependencies: Math.min(scannedDependencies, limits.dependencies) },
    })
  }

  /** Reads all entries from `first` on, and behind damage. */
  async run(first: number, expected: number | undefined): Promise<void> {
    let at = first
    this.end = first
    for (;;) {
      this.#signal?.throwIfAborted()
      const next = await this.#entryAt(at)
      if (next !== undefined) {
        at = this.end = next
        continue
      }
      if (expected !== undefined && this.entries.length >= expected) return
      if (this.entries.length > this.#most) break
      if (at >= this.#source.size) break
      const missing = expected === undefined ? Infinity : expected - this.entries.length
      const limit = this.#limitOfScan(at, missing)
      // entries with their data at an offset of the file tell that it goes on behind them
      const isCut = this.#ranOut && limit >= this.#source.size && (await this.#mayBegin(at))
      const resume = await this.nextEntry(at + 1, limit)
      if (resume === undefined) {
        if (expected === undefined) return
        if (isCut) break
        this.breaks.push(this.#damage(at, missing))
        return
      }
      this.breaks.push({
        kind: 'damaged',
        offset: at,
        reason: `the table of contents is damaged up to offset ${resume}`,
      })
      at = resume
    }
    const missing = (expected ?? Infinity) - this.entries.length
    this.breaks.push({
      kind: 'cut',
      offset: this.#source.size,
      reason: Number.isFinite(missing)
        ? `the archive ends within its table of contents: ${missing} of ${expected} entries are missing`
        : 'the archive ends within its table of contents',
    })
  }

  /** The first place from `from` up to `to` where an entry is, and another or a data block behind it. */
  async nextEntry(from: number, to: number): Promise<number | undefined> {
    if (!this.#hasTableoid) return undefined
    for (let at = from; at < to; at++) {
      if (!this.#holds(at, 16) && !(await this.#load(at, Math.min(scannedBytes, this.#source.size - at))))
        return undefined
      if (!this.#looksLikeStart(at)) continue
      if (!this.#holds(at, Math.min(scannedBytes, this.#source.size - at))) {
        await this.#load(at, Math.min(2 * scannedBytes, this.#source.size - at))
      }
      const end = this.#parse(this.#scanner, at)
      if (end === undefined || !isPlausible(this.#entry(this.#scanner, at))) continue
      if (!this.#holds(end, 16)) {
        if (end + 16 > this.#source.size) return at
        continue
      }
      if (this.#looksLikeStart(end) || this.#looksLikeBlock(end)) return at
    }
    return undefined
  }

  /** Whether the bytes at `at` begin an entry. */
  async looksLikeEntry(at: number): Promise<boolean> {
    if (!this.#hasTableoid || at + 16 > this.#source.size) return false
    await this.#load(at, 16)
    return this.#looksLikeStart(at)
  }

  /** Whether the bytes at `at` may be the begin of an entry that the file ends in. */
  async #mayBegin(at: number): Promise<boolean> {
    return !this.#hasTableoid || at + 16 > this.#source.size || (await this.looksLikeEntry(at))
  }

  /** Reads the entry at `at`; gives the offset after it, undefined when there is none that can be believed. */
  async #entryAt(at: number): Promise<number | undefined> {
    this.#ranOut = false
    for (let length = headBytes; ; length *= 4) {
      const wanted = Math.min(length, this.#source.size - at)
      if (wanted <= 0) return undefined
      await this.#load(at, wanted)
      const end = this.#parse(this.#walker, at)
      if (end === undefined) {
        const isAll = this.#base + this.#window.length >= this.#source.size
        this.#ranOut = isAll && !this.#failed
        if (this.#failed || isAll || length > mostBytes) return undefined
        continue
      }
      const entry = this.#entry(this.#walker, at)
      const known = isPlausible(entry)
      if (this.#seen.has(entry.dumpId) || entry.dumpId >= 2 ** 30) return undefined
      if (this.#hasTableoid && !this.#looksLikeStart(at) && !known) return undefined
      if (!known && !(await this.looksLikeEntry(end))) return undefined
      await this.#load(at, Math.min(this.#source.size - at, end - at))
      this.#seen.add(entry.dumpId)
      this.entries.push(this.#keep(at, end))
      return end
    }
  }

  #failed = false
  /** The file ended within the entry that was tried last. */
  #ranOut = false

  /** The offset after the entry at `at`; undefined when it is none, or the window ends within it. */
  #parse(walker: EntryWalker, at: number): number | undefined {
    this.#failed = false
    try {
      const count = walker.walk(this.#window, at - this.#base, this.#base, 1)
      return count === 1 ? this.#base + walker.position : undefined
    } catch (error) {
      if (!isArchiveError(error)) throw error
      this.#failed = true
      return undefined
    }
  }

  /** The entry that was walked over last, over the window's memory. */
  #entry(walker: EntryWalker, at: number): StoredEntry {
    const rows = walker.takeRows(1)
    return new StoredEntry({ bytes: this.#window.subarray(at - this.#base), rows, context: walker.context }, 0)
  }

  #keep(at: number, end: number): StoredEntry {
    this.#parse(this.#walker, at)
    const bytes = this.#window.slice(at - this.#base, end - this.#base)
    return new StoredEntry({ bytes, rows: this.#walker.takeRows(1), context: this.#walker.context }, 0)
  }

  /** Up to where entries may follow: where the first data lie, if any entry tells. */
  #limitOfScan(at: number, missing: number): number {
    if (missing <= 0) return at
    let limit = this.#source.size
    for (const { data } of this.entries) {
      if (data.state === 'set' && data.offset > at) limit = Math.min(limit, data.offset)
    }
    return limit
  }

  #damage(at: number, missing: number): Break {
    return {
      kind: 'damaged',
      offset: at,
      reason: `the table of contents is damaged: ${missing} entries are missing`,
    }
  }

  /** dumpId, hadDumper and tableoid as pg_dump writes them: 15 bytes and a digit. */
  #looksLikeStart(at: number): boolean {
    const bytes = this.#window
    const i = at - this.#base
    if (bytes[i] !== 0 || bytes[i + 5] !== 0 || bytes[i + 10] !== 0) return false
    if ((bytes[i + 6] ?? 2) > 1 || bytes[i + 7] !== 0 || bytes[i + 8] !== 0 || bytes[i + 9] !== 0) return false
    const length = bytes[i + 11] ?? 0
    if (length < 1 || length > 10 || bytes[i + 12] !== 0 || bytes[i + 13] !== 0 || bytes[i + 14] !== 0) return false
    const digit = bytes[i + 15] ?? 0
    const id = (bytes[i + 1] ?? 0) | (bytes[i + 2] ?? 0) | (bytes[i + 3] ?? 0)
    return digit >= 0x30 && digit <= 0x39 && id !== 0 && bytes[i + 4] === 0
  }

  /** The type of a data block, and an id. */
  #looksLikeBlock(at: number): boolean {
    const i = at - this.#base
    const type = this.#window[i] ?? 0
    return (type === 1 || type === 3) && this.#window[i + 1] === 0 && this.#window[i + 5] === 0
  }

  #holds(at: number, length: number): boolean {
    return at >= this.#base && at + length <= this.#base + this.#window.length
  }

  async #load(at: number, length: number): Promise<boolean> {
    if (this.#holds(at, length)) return true
    if (length <= 0 || at + Math.min(length, 16) > this.#source.size) return false
    this.#window = await this.#source.read(at, length)
    this.#base = at
    return this.#window.length >= Math.min(length, 16)
  }
}
