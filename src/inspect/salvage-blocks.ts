import type { Container } from '../codec/codec.ts'
import { BLK_BLOBS, BLK_DATA } from '../format/custom-blocks.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { badLength, noRepairs, type BlockBytes, type ChunkChain } from './salvage-chunks.ts'

/** A large object within a block. */
export interface FoundObject {
  readonly oid: number
  readonly chain: ChunkChain
}

/** A data block, or what is left of one. */
export interface FoundBlock {
  /** Undefined: its header is damaged. */
  readonly dumpId: DumpId | undefined
  readonly offset: number
  readonly content:
    | { readonly kind: 'data'; readonly chain: ChunkChain }
    | { readonly kind: 'large-objects'; readonly objects: readonly FoundObject[]; readonly whole: boolean }
}

/** Bytes among the blocks that belong to none that could be read. */
export interface Gap {
  readonly start: number
  readonly end: number
}

/** What to look for. */
export interface BlockSearch {
  readonly bytes: BlockBytes
  /** Entries with data. */
  readonly entries: readonly TocEntry[]
  /** OIDs of large objects, as far as the entries tell. */
  readonly oids: ReadonlySet<number>
  /** Entries are missing: blocks of others are wanted too. */
  readonly anyId: boolean
  readonly start: number
  readonly signal: AbortSignal | undefined
}

export interface FoundBlocks {
  readonly blocks: readonly FoundBlock[]
  readonly gaps: readonly Gap[]
}

/** What begins a stream, by its first bytes. */
export function containerOfMagic(a: number, b: number, c: number, d: number): Container | undefined {
  if ((a & 0x0f) === 8 && a >> 4 <= 7 && ((a << 8) | b) % 31 === 0 && (b & 0x20) === 0) return 'zlib'
  if (a === 0x04 && b === 0x22 && c === 0x4d && d === 0x18) return 'lz4'
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd'
  return undefined
}

/**
 * Finds the data blocks of a custom archive. Blocks follow each other; after one that is damaged the next header is
 * looked for: where an offset of the TOC says so, or wherever the type, the id of an entry with data that has none yet,
 * and chunks that begin a stream come together.
 */
export async function findBlocks(search: BlockSearch): Promise<FoundBlocks> {
  const finder = new BlockFinder(search)
  await finder.run()
  return { blocks: finder.blocks, gaps: finder.gaps }
}

/** What a place where something may begin is. */
interface Place {
  readonly offset: number
  readonly kind: 'block' | 'object'
}

class BlockFinder {
  readonly blocks: FoundBlock[] = []
  readonly gaps: Gap[] = []
  readonly #search: BlockSearch
  readonly #bytes: BlockBytes
  readonly #entries = new Map<DumpId, TocEntry>()
  readonly #byOffset = new Map<number, TocEntry>()
  readonly #offsets: readonly number[]
  readonly #seen = new Set<DumpId>()
  readonly #seenOids = new Set<number>()
  readonly #headerBytes: number
  /** Places that may still be looked at closely, so that the time is bounded whatever the bytes are. */
  #looks: number

  constructor(search: BlockSearch) {
    this.#looks = 10_000 + search.bytes.size / 1024
    this.#search = search
    this.#bytes = search.bytes
    this.#headerBytes = search.bytes.typeBytes + search.bytes.intBytes
    for (const entry of search.entries) {
      this.#entries.set(entry.dumpId, entry)
      if (entry.data.state === 'set' && entry.data.offset >= search.start) this.#byOffset.set(entry.data.offset, entry)
    }
    this.#offsets = [...this.#byOffset.keys()].sort((a, b) => a - b)
  }

  async run(): Promise<void> {
    const { size } = this.#bytes
    let at = this.#search.start
    while (at < size) {
      this.#search.signal?.throwIfAborted()
      const header = await this.#headerAt(at)
      if (header !== undefined) {
        at = await this.#block(at, header)
        continue
      }
      const headless = await this.#headless(at)
      if (headless !== undefined) {
        at = headless
        continue
      }
      const next = (await this.#next(at + 1, false))?.offset ?? size
      this.gaps.push({ start: at, end: next })
      at = next
    }
  }

  /** Reads a header that can be believed. */
  async #headerAt(at: number): Promise<{ readonly dumpId: DumpId; readonly isObjects: boolean } | undefined> {
    const { window, typeBytes } = this.#bytes
    if (!(await window.load(at, this.#headerBytes))) return undefined
    const type = typeBytes === 1 ? window.byte(at) : BLK_DATA
    const dumpId = this.#bytes.int(at + typeBytes)
    if ((type !== BLK_DATA && type !== BLK_BLOBS) || this.#seen.has(dumpId)) return undefined
    if (!(dumpId > 0)) return undefined
    const entry = this.#entries.get(dumpId)
    if (entry === undefined && !this.#search.anyId) return undefined
    const isObjects = type === BLK_BLOBS
    // one byte of the type may be damaged, where the id is that of an entry
    if (entry !== undefined && typeBytes === 1 && isObjects !== (entry.desc === 'BLOBS')) return undefined
    return { dumpId, isObjects }
  }

  /** Takes the block at `at`; gives the offset after it. */
  async #block(at: number, { dumpId, isObjects }: { dumpId: DumpId; isObjects: boolean }): Promise<number> {
    this.#seen.add(dumpId)
    const body = at + this.#headerBytes
    if (isObjects) return await this.#objects(dumpId, at, body)
    const { chain, end } = await this.#chain(body, false)
    this.blocks.push({ dumpId, offset: at, content: { kind: 'data', chain } })
    return end
  }

  /** A chain of chunks, mended where it is broken, and the offset where something else begins. */
  async #chain(start: number, amongObjects: boolean): Promise<{ chain: ChunkChain; end: number }> {
    const bytes = this.#bytes
    const walked = await bytes.walk(start)
    if (walked.broken === undefined) return { chain: walked, end: walked.end }
    const next = await this.#next(start + 1, amongObjects)
    // where nothing follows, chunks that go on lead to the end of the file
    const limit = next?.offset ?? bytes.size
    const bad = await bytes.lastLength(start, limit)
    const repaired = amongObjects ? undefined : await this.#repair(start, bad, limit)
    if (repaired !== undefined) {
      const repairs = new Map([[bad, repaired]])
      return { chain: { start, end: limit, repairs, broken: undefined }, end: limit }
    }
    // what is there is all that there is
    if (next === undefined) return { chain: walked, end: bytes.size }
    const known = await bytes.window.load(bad, bytes.intBytes)
    const broken = badLength(bad, known ? bytes.int(bad) : Number.NaN)
    return { chain: { start, end: limit, repairs: noRepairs, broken }, end: limit }
  }

  /** Where a chain goes on behind a damaged length, if from there it leads to the end of the block. */
  async #repair(start: number, bad: number, limit: number): Promise<number | undefined> {
    const bytes = this.#bytes
    const { intBytes, window } = bytes
    if (bad >= limit) return undefined
    const before = await this.#lengthBefore(start, bad)
    if (before > 0 && (await bytes.leadsTo(bad + intBytes + before, limit))) return bad + intBytes + before
    const farthest = Math.min(limit, bad + intBytes + mostRepaired)
    let tries = mostTries
    for (let at = bad + intBytes + 1; at + intBytes <= farthest && tries > 0; at++) {
      if (!window.has(at, intBytes) && !(await window.load(at, intBytes))) return undefined
      if (window.byte(at) !== 0) continue
      const length = bytes.int(at)
      if (!(length >= 0 && at + intBytes + length <= limit)) continue
      if (length === 0 && at + intBytes !== limit) continue
      tries--
      if (await bytes.leadsTo(at, limit)) return at
    }
    return undefined
  }

  /** The length of the chunk before the one at `bad`: pg_dump writes most chunks alike. */
  async #lengthBefore(start: number, bad: number): Promise<number> {
    const { window, intBytes } = this.#bytes
    let length = 0
    for (let at = start; at < bad; at += intBytes + length) {
      if (!(await window.load(at, intBytes))) return 0
      length = this.#bytes.int(at)
    }
    return length
  }

  async #objects(dumpId: DumpId | undefined, offset: number, body: number): Promise<number> {
    const { window, intBytes } = this.#bytes
    const objects: FoundObject[] = []
    let at = body
    let whole = false
    while (await window.load(at, intBytes)) {
      const oid = this.#bytes.int(at) >>> 0
      if (oid === 0) {
        const more = await this.#objectBehind(at + intBytes)
        at = more ?? at + intBytes
        whole = more === undefined
        if (whole) break
        continue
      }
      const chainStart = at + intBytes
      const expected = this.#search.oids
      // an OID that no entry knows tells of damage, where entries tell them
      if (expected.size > 0 && !expected.has(oid) && !this.#search.anyId) {
        const next = await this.#next(at + 1, true)
        at = next?.offset ?? this.#bytes.size
        if (next?.kind !== 'object') break
        continue
      }
      // where entries do not tell the OIDs, damage may look like one
      if (!expected.has(oid) && !(await this.#beginsObject(chainStart))) break
      const { chain, end } = await this.#chain(chainStart, true)
      if (!this.#seenOids.has(oid)) objects.push({ oid, chain })
      this.#seenOids.add(oid)
      at = end
      if (chain.broken !== undefined && !(await this.#isObjectAt(at))) break
    }
    if (!whole) at = Math.max(at, body)
    this.blocks.push({ dumpId, offset, content: { kind: 'large-objects', objects, whole } })
    return whole ? at : Math.min(this.#bytes.size, Math.max(at, offset + this.#headerBytes))
  }

  /** The next object behind zeros that look like the end of the block, if they are damage: something must follow. */
  async #objectBehind(at: number): Promise<number | undefined> {
    if (at >= this.#bytes.size || (await this.#headerAt(at)) !== undefined) return undefined
    const next = await this.#next(at, true)
    return next?.kind === 'object' ? next.offset : undefined
  }

  /** Whether an object may have its data here: a stream, none at all, or what a cut has left. */
  async #beginsObject(at: number): Promise<boolean> {
    const { window, intBytes } = this.#bytes
    if (!(await window.load(at, intBytes))) return false
    return this.#bytes.int(at) === 0 || (await this.#beginsStream(at))
  }

  /** A block whose header is damaged, but whose chunks lead to a place where something follows. */
  async #headless(at: number): Promise<number | undefined> {
    const bytes = this.#bytes
    const entry = this.#byOffset.get(at)
    if (entry !== undefined && !this.#seen.has(entry.dumpId)) {
      return await this.#block(at, { dumpId: entry.dumpId, isObjects: entry.desc === 'BLOBS' })
    }
    const body = at + this.#headerBytes
    if (!(await this.#beginsStream(body))) return undefined
    const chain = await bytes.walk(body)
    if (chain.broken !== undefined) return undefined
    if (chain.end < bytes.size && (await this.#headerAt(chain.end)) === undefined) return undefined
    this.blocks.push({ dumpId: undefined, offset: at, content: { kind: 'data', chain } })
    return chain.end
  }

  /** The next place from `from` on where a block begins, or another large object. */
  async #next(from: number, objects: boolean): Promise<Place | undefined> {
    const { window, size } = this.#bytes
    let known = this.#offsetFrom(from)
    for (let at = from; at < size; at++) {
      if (!window.has(at, lookBytes) && !(await window.load(at, Math.min(lookBytes, size - at)))) return undefined
      at = this.#skip(at, Math.min(known, window.base + window.bytes.length - lookBytes), objects)
      if (at === known) {
        if (await this.#fitsOffset(at)) return { offset: at, kind: 'block' }
        known = this.#offsetFrom(at + 1)
        if (!window.has(at, lookBytes) && !(await window.load(at, Math.min(lookBytes, size - at)))) return undefined
      }
      if (this.#mayBeBlock(at) && this.#looks-- > 0) {
        if ((await this.#headerAt(at)) !== undefined && (await this.#beginsBody(at)))
          return { offset: at, kind: 'block' }
      }
      if (objects && this.#mayBeObject(at) && (await this.#isObjectAt(at))) return { offset: at, kind: 'object' }
    }
    return undefined
  }

  /** The first place from `at` on, at most `limit`, that one byte does not rule out; apart from `#next`, whose loop waits. */
  #skip(at: number, limit: number, objects: boolean): number {
    const { window, typeBytes } = this.#bytes
    if (typeBytes !== 1) return at
    const { bytes, base } = window
    let index = at - base
    for (const end = limit - base; index < end; index++) {
      const byte = bytes[index]
      if (byte === BLK_DATA || byte === BLK_BLOBS) break
      if (byte !== 0 || !objects) continue
      // within zeros there is no OID
      const zeros = window.endOfZeros(base + index) - base
      if (zeros - index < lookBytes) break
      index = Math.min(end, zeros - lookBytes)
    }
    return Math.max(at, Math.min(base + index, limit))
  }

  /** A quick look that lets little through. */
  #mayBeBlock(at: number): boolean {
    const { window, typeBytes, intBytes } = this.#bytes
    if (typeBytes === 1) {
      const type = window.byte(at)
      if (type !== BLK_DATA && type !== BLK_BLOBS) return false
    }
    if (intBytes !== 5) return true
    if (window.byte(at + typeBytes) !== 0 || window.byte(at + typeBytes + 4) !== 0) return false
    const dumpId = this.#bytes.int(at + typeBytes)
    return this.#search.anyId ? dumpId > 0 : this.#entries.has(dumpId) && !this.#seen.has(dumpId)
  }

  /** The same for a large object. */
  #mayBeObject(at: number): boolean {
    const { window, intBytes } = this.#bytes
    if (window.byte(at) > 1 || !window.has(at, intBytes)) return false
    return this.#search.oids.has(this.#bytes.int(at) >>> 0)
  }

  async #beginsBody(at: number): Promise<boolean> {
    const { window, intBytes, typeBytes } = this.#bytes
    const body = at + this.#headerBytes
    const isObjects = typeBytes === 1 && window.byte(at) === BLK_BLOBS
    if (!isObjects) return await this.#beginsStream(body)
    if (!(await window.load(body, intBytes))) return body >= this.#bytes.size
    const oid = this.#bytes.int(body) >>> 0
    // an object of no bytes has no stream where nothing is compressed
    if (this.#search.oids.has(oid)) return true
    return oid === 0 ? !this.#search.anyId : await this.#beginsStream(body + intBytes)
  }

  /** An OID that is not there yet, and a stream. */
  async #isObjectAt(at: number): Promise<boolean> {
    const { window, intBytes, size } = this.#bytes
    if (!(await window.load(at, intBytes))) return at >= size
    const oid = this.#bytes.int(at) >>> 0
    if (!this.#search.oids.has(oid) || this.#seenOids.has(oid)) return false
    return await this.#beginsStream(at + intBytes)
  }

  /** Whether a chunk is here that begins a stream of some kind. */
  async #beginsStream(at: number): Promise<boolean> {
    const { window, intBytes, size } = this.#bytes
    if (!(await window.load(at, intBytes))) return false
    const length = this.#bytes.int(at)
    if (!(length > 0)) return false
    const first = at + intBytes
    const wanted = Math.min(4, length, size - first)
    if (wanted > 0 && (await window.load(first, wanted))) {
      const [a, b, c, d] = [0, 1, 2, 3].map((index) => window.byte(first + index))
      if (wanted >= 2 && containerOfMagic(a ?? 0, b ?? 0, c ?? 0, d ?? 0) !== undefined && length <= 2 ** 30)
        return true
    }
    // raw: chunks must lead to chunks
    let next = at
    for (let hop = 0; hop < rawHops; hop++) {
      if (!(await window.load(next, intBytes))) return hop > 0 && next >= size
      const hopped = this.#bytes.int(next)
      if (hopped === 0) return hop > 0
      if (!(hopped > 0 && hopped <= size - next - intBytes)) return hop > 0 && hopped > 0 && hopped < 2 ** 20
      next += intBytes + hopped
    }
    return true
  }

  #offsetFrom(from: number): number {
    let low = 0
    let high = this.#offsets.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#offsets[middle] ?? Infinity) < from) low = middle + 1
      else high = middle
    }
    return this.#offsets[low] ?? Infinity
  }

  /** Whether what an offset of the TOC points to can be a block. */
  async #fitsOffset(at: number): Promise<boolean> {
    const entry = this.#byOffset.get(at)
    if (entry === undefined || this.#seen.has(entry.dumpId)) return false
    const header = await this.#headerAt(at)
    if (header?.dumpId === entry.dumpId) return true
    return await this.#beginsBody(at)
  }
}

/** Bytes that a look at one place needs. */
const lookBytes = 16
/** Chunks that a raw stream must show. */
const rawHops = 4
/** Bytes behind a damaged length in which the next one is looked for. */
const mostRepaired = 1024 * 1024
/** Chains that are tried for one damaged length. */
const mostTries = 64
