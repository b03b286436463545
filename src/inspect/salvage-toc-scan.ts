import type { Layout } from '../bytes/cursor.ts'
import { isArchiveError } from '../errors.ts'
import { tarBlockBytes } from '../format/tar-header.ts'
import type { RandomAccess } from '../io/source.ts'
import type { Limits } from '../limits.ts'
import { EntryWalker } from '../toc/entry-walker.ts'
import { StoredEntry } from '../toc/entry.ts'
import type { ArchiveFormat, ArchiveHeader, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { layoutOf } from '../toc/write-head.ts'

/** Where to look for a table of contents, and as what. */
export interface TocSearch {
  readonly source: RandomAccess
  readonly format: ArchiveFormat
  readonly limits: Limits
  readonly signal: AbortSignal | undefined
}

/** Entries that follow each other. */
export interface TocPiece {
  readonly start: number
  readonly end: number
  readonly entries: readonly TocEntry[]
}

/** What a scan found. */
export interface ScannedToc {
  readonly first: readonly TocPiece[]
  /** The copy behind the data, which `pg_dump > file` writes from 16 on; its offsets are set. */
  readonly second: readonly TocPiece[]
  /** Whether the file ends within an entry, or behind the last one. */
  readonly ending: 'within' | 'behind' | undefined
}

const descPattern = /^[A-Z][A-Z ]{2,47}$/

/** Whether the type of an entry can be one. */
export function isPlausible(entry: TocEntry): boolean {
  return descPattern.test(entry.raw.byteString('desc') ?? '')
}

/** Most dependencies of an entry that is found by scanning: each place that may be one costs no more than that. */
const scannedDependencies = 2000
/** Bytes within which an entry that is found by scanning must end. */
const scannedBytes = 4 * 1024 * 1024
const mostBytes = 1024 ** 3
/** Bytes that are read for an entry at first. */
const firstBytes = 64 * 1024
/** Entries behind each other that say that a layout is the right one. */
const scoredEntries = 64

interface OpenPiece {
  readonly start: number
  end: number
  readonly entries: TocEntry[]
}

/** Reads entries from wherever they are. */
export class TocScan {
  readonly #source: RandomAccess
  readonly #signal: AbortSignal | undefined
  readonly #most: number
  readonly #layout: Layout
  readonly #walker: EntryWalker
  readonly #scanner: EntryWalker
  readonly #hasTableoid: boolean
  /** Bytes at the end of an entry that differ between the copies. */
  readonly #offsetBytes: number
  readonly #first: OpenPiece[] = []
  readonly #second: OpenPiece[] = []
  /** Bytes of the entries of the first copy, but for their offsets. */
  readonly #bytes = new Map<DumpId, Uint8Array>()
  readonly #seen = new Set<DumpId>()
  readonly #seenAgain = new Set<DumpId>()
  /** Of either copy. */
  readonly #known = new Set<DumpId>()
  #failed = false
  /** The file ended within the entry that was tried last. */
  #ranOut = false
  #window: Uint8Array = new Uint8Array(0)
  #base = 0

  constructor({ source, format, limits, signal }: TocSearch, header: ArchiveHeader) {
    this.#source = source
    this.#signal = signal
    this.#most = limits.tocEntries
    this.#layout = layoutOf(header)
    const features = featuresOf(header.version)
    this.#hasTableoid = features.tableoid && this.#layout.intSize === 4
    this.#offsetBytes = format === 'custom' && features.offsets ? 1 + header.offSize : 0
    const options = { features, layout: this.#layout, format, limits }
    this.#walker = new EntryWalker(options)
    this.#scanner = new EntryWalker({
      ...options,
      limits: { ...limits, dependencies: Math.min(scannedDependencies, limits.dependencies) },
    })
  }

  /** Reads all entries from `start` on, and behind damage, until there are as many as are expected. */
  async run(start: number, expected: number | undefined): Promise<ScannedToc> {
    let at = start
    let ending: ScannedToc['ending']
    let piece: OpenPiece | undefined
    for (;;) {
      this.#signal?.throwIfAborted()
      const read = await this.#entryAt(at)
      if (read !== undefined) {
        if (piece === undefined) this.#current.push((piece = { start: at, end: at, entries: [] }))
        if (read.isTwin && this.#second.length === 0) this.#beginSecond(piece)
        this.#take(read, piece)
        at = read.end
        continue
      }
      this.#checkSecond(piece)
      piece = undefined
      const missing = expected === undefined ? Infinity : expected - this.#known.size
      if (missing <= 0 || this.#known.size > this.#most) break
      if (await this.#isEnd(at)) {
        ending = 'behind'
        break
      }
      const limit = this.#limitOfScan(at)
      // entries with their data at an offset of the file tell that it goes on behind them
      const ranOut = this.#ranOut && limit >= this.#source.size && (await this.#mayBegin(at))
      const resume = await this.nextEntry(at + 1, limit)
      if (resume === undefined) {
        if (ranOut) ending = 'within'
        break
      }
      at = resume
    }
    return { first: this.#first, second: this.#second, ending }
  }

  /** How many entries there are behind each other from `start` on. */
  async score(start: number): Promise<number> {
    let at = start
    for (let count = 0; count < scoredEntries; count++) {
      if (!(await this.#load(at, Math.min(firstBytes, this.#source.size - at)))) return count
      if (this.#hasTableoid && !this.#looksLikeStart(at)) return count
      let end = this.#parse(this.#scanner, at)
      if (end === undefined && !this.#failed) {
        await this.#load(at, Math.min(scannedBytes, this.#source.size - at))
        end = this.#parse(this.#scanner, at)
      }
      if (end === undefined || !isPlausible(this.#entry(this.#scanner, at))) return count
      at = end
    }
    return scoredEntries
  }

  /** The first place from `from` up to `to` where an entry is, and another or a data block behind it. */
  async nextEntry(from: number, to: number): Promise<number | undefined> {
    if (!this.#hasTableoid) return undefined
    for (let at = from; at < to; at++) {
      if (!this.#holds(at, 16) && !(await this.#load(at, Math.min(scannedBytes, this.#source.size - at))))
        return undefined
      at = this.#skip(at, Math.min(to - 1, this.#base + this.#window.length - 16))
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

  /** The first place from `at` on, at most `limit`, that may be a start; apart from `nextEntry`, whose loop waits. */
  #skip(at: number, limit: number): number {
    const bytes = this.#window
    const end = limit - this.#base
    let index = at - this.#base
    for (; index < end; index++) {
      // three bytes that few places have together, be it among zeros, text or compressed data
      if (bytes[index + 13] !== 0 || bytes[index + 14] !== 0 || bytes[index + 15] === 0) continue
      if (this.#looksLikeStart(this.#base + index)) break
    }
    return this.#base + index
  }

  /** Whether the bytes at `at` begin an entry. */
  async looksLikeEntry(at: number): Promise<boolean> {
    if (!this.#hasTableoid || at + 16 > this.#source.size) return false
    await this.#load(at, 16)
    return this.#looksLikeStart(at)
  }

  get #current(): OpenPiece[] {
    return this.#second.length > 0 ? this.#second : this.#first
  }

  /** Whether nothing follows but the padding of a member of a tar archive. */
  async #isEnd(at: number): Promise<boolean> {
    const left = this.#source.size - at
    return left <= 0 || (left < tarBlockBytes && (await this.#source.read(at, left)).every((byte) => byte === 0))
  }

  /** Whether the bytes at `at` may be the begin of an entry that the file ends in. */
  async #mayBegin(at: number): Promise<boolean> {
    return !this.#hasTableoid || at + 16 > this.#source.size || (await this.looksLikeEntry(at))
  }

  /** Reads the entry at `at`; undefined when there is none that can be believed. */
  async #entryAt(at: number): Promise<ReadEntry | undefined> {
    this.#ranOut = false
    for (let length = firstBytes; ; length *= 4) {
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
      const { dumpId, isKnown } = this.#look(at)
      if (dumpId >= 2 ** 30) return undefined
      if (this.#hasTableoid && !this.#looksLikeStart(at) && !isKnown) return undefined
      if (!isKnown && !(await this.looksLikeEntry(end))) return undefined
      await this.#load(at, Math.min(this.#source.size - at, end - at))
      const isTwin = this.#isTwin(dumpId, at, end)
      const seen = isTwin || this.#second.length > 0 ? this.#seenAgain : this.#seen
      return seen.has(dumpId) ? undefined : { at, end, isTwin }
    }
  }

  #look(at: number): { readonly dumpId: DumpId; readonly isKnown: boolean } {
    const entry = this.#entry(this.#walker, at)
    return { dumpId: entry.dumpId, isKnown: isPlausible(entry) }
  }

  /** Whether an entry of the first copy is the same, but for its offset. */
  #isTwin(dumpId: DumpId, at: number, end: number): boolean {
    const bytes = this.#bytes.get(dumpId)
    const length = end - at - this.#offsetBytes
    if (bytes?.length !== length || this.#offsetBytes === 0) return false
    const from = at - this.#base
    for (let index = 0; index < length; index++) if (bytes[index] !== this.#window[from + index]) return false
    return true
  }

  #take({ at, end }: ReadEntry, piece: OpenPiece): void {
    this.#parse(this.#walker, at)
    const bytes = this.#window.slice(at - this.#base, end - this.#base)
    const entry = new StoredEntry({ bytes, rows: this.#walker.takeRows(1), context: this.#walker.context }, 0)
    const { dumpId } = entry
    piece.entries.push(entry)
    this.#known.add(dumpId)
    piece.end = end
    if (this.#second.length > 0) {
      this.#seenAgain.add(dumpId)
      return
    }
    this.#seen.add(dumpId)
    this.#bytes.set(dumpId, bytes.subarray(0, bytes.length - this.#offsetBytes))
  }

  /** What was taken for the last piece of the first copy is the first of the second. */
  #beginSecond(piece: OpenPiece): void {
    if (this.#first.at(-1) === piece) this.#first.pop()
    this.#second.push(piece)
    for (const { dumpId } of piece.entries) {
      this.#seen.delete(dumpId)
      this.#seenAgain.add(dumpId)
    }
  }

  /** Offsets that lead back tell that a piece lies behind the data. */
  #checkSecond(piece: OpenPiece | undefined): void {
    if (piece === undefined || this.#second.length > 0) return
    const offset = piece.entries.flatMap(({ data }) => (data.state === 'set' ? data.offset : []))[0]
    if (offset !== undefined && offset < piece.start) this.#beginSecond(piece)
  }

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

  /** Up to where entries may follow: where the first data lie, if any entry tells. */
  #limitOfScan(at: number): number {
    let limit = this.#source.size
    for (const { entries } of this.#first)
      for (const { data } of entries) if (data.state === 'set' && data.offset > at) limit = Math.min(limit, data.offset)
    return limit
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

interface ReadEntry {
  readonly at: number
  readonly end: number
  /** An entry of the first copy is the same. */
  readonly isTwin: boolean
}
