import { DecodePool, type DecodedSource } from '../codec/pool.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ReaderOptions } from './reader.ts'
import type { StoredAtHand, StoredData } from './stored-data.ts'

/** Streams with fewer stored bytes are decoded faster than handed to the thread pool: nothing is begun ahead for them. */
const aheadFrom = 256 * 1024

/** More streams at the same time than this do not pay: writing in order is what everything then waits for. */
const mostWorkers = 2

/** How a reader's data are reached. */
export interface DataAccess {
  /** Opens the stored bytes of an entry. */
  open(entry: TocEntry): Promise<StoredData>
  /** Their number, if it can be told without reading; absent where nothing can be read ahead. */
  sizeOf?(entry: TocEntry): Promise<number | undefined> | number | undefined
  /** Stored bytes of an entry that are in memory; absent where that never is. */
  atHand?(entry: TocEntry): StoredAtHand | undefined
}

/**
 * Decompresses the data of entries, and those of the next planned entries ahead of their reader, in Node's thread pool: one stream
 * is no faster than one core. How much is decoded ahead is bounded by the pool's
 * buffers.
 */
export class DecodeAhead {
  readonly #options: ReaderOptions
  readonly #access: DataAccess
  readonly #workers: number
  readonly #pool: DecodePool
  #plan: readonly TocEntry[] = []
  #positions: ReadonlyMap<DumpId, number> = new Map()
  /** Position after the entry taken last. */
  #next = 0
  /** Position after the entries that were looked at. */
  #examined = 0
  /** Streams begun and not yet taken, by position in the plan. */
  readonly #begun = new Map<number, Promise<DecodedSource>>()
  #topping = false
  #closed = false

  constructor(options: ReaderOptions, access: DataAccess) {
    this.#options = options
    this.#access = access
    this.#workers = workersOf(options)
    this.#pool = new DecodePool({ workers: this.#workers, maxBufferBytes: options.maxBufferBytes })
  }

  /** The entries that will be taken, in this order; replaces an earlier plan. */
  plan(entries: readonly TocEntry[]): void {
    this.#dropBefore(Infinity)
    this.#plan = entries
    this.#positions = new Map(entries.map((entry, position) => [entry.dumpId, position]))
    this.#next = 0
    this.#examined = 0
  }

  /** The decompressed data of an entry. Planned entries that come before it are taken for skipped. */
  async take(entry: TocEntry): Promise<ChunkSource> {
    const position = this.#positions.get(entry.dumpId) ?? -1
    if (position < this.#next) return this.decode(await this.#access.open(entry))
    const begun = this.#begun.get(position)
    this.#begun.delete(position)
    this.#dropBefore(position)
    this.#next = position + 1
    this.#examined = Math.max(this.#examined, this.#next)
    const taken = begun === undefined ? this.decode(await this.#access.open(entry)) : await begun
    void this.#topUp()
    return taken
  }

  /** Whether the data of an entry are being decoded already. */
  hasBegun({ dumpId }: TocEntry): boolean {
    return this.#begun.size > 0 && this.#begun.has(this.#positions.get(dumpId) ?? -1)
  }

  /** The data of an entry were had without decoding them here; they count as taken. */
  passed({ dumpId }: TocEntry): void {
    const position = this.#positions.get(dumpId) ?? -1
    if (position < this.#next) return
    this.#dropBefore(position)
    this.#next = position + 1
    this.#examined = Math.max(this.#examined, this.#next)
    if (this.#mayBegin) void this.#topUp()
  }

  get #mayBegin(): boolean {
    return !this.#closed && this.#begun.size < this.#workers && this.#examined < this.#plan.length
  }

  /** The decompressed data of a stream that nothing was begun for. */
  decode(stored: StoredData): DecodedSource {
    return this.#pool.decode({ ...stored, limits: this.#options.limits })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#dropBefore(Infinity)
    await this.#pool.close()
  }

  #dropBefore(position: number): void {
    for (const [at, begun] of this.#begun) {
      if (at >= position) continue
      this.#begun.delete(at)
      begun.then(
        (source) => source.cancel(),
        () => undefined,
      )
    }
  }

  /** Begins streams until there are as many as may be decoded at the same time. */
  async #topUp(): Promise<void> {
    const { sizeOf } = this.#access
    if (this.#topping || sizeOf === undefined || this.#workers === 0) return
    this.#topping = true
    try {
      while (this.#mayBegin) {
        const plan = this.#plan
        const position = this.#examined++
        const entry = plan[position]
        if (entry === undefined) continue
        const size = sizeOf(entry)
        if (((size instanceof Promise ? await size : size) ?? 0) < aheadFrom) continue
        // it may have been taken, or the plan changed, while its size was looked up
        if (position >= this.#next && plan === this.#plan) this.#begin(position, entry)
      }
    } catch {
      // what is wrong with an entry is told to whoever takes it
    } finally {
      this.#topping = false
    }
  }

  #begin(position: number, entry: TocEntry): void {
    const begun = this.#open(entry)
    // nobody may come to handle its failure
    begun.catch(() => undefined)
    this.#begun.set(position, begun)
  }

  async #open(entry: TocEntry): Promise<DecodedSource> {
    const stored = await this.#access.open(entry)
    const source = this.decode(stored)
    if (this.#closed) await source.cancel()
    else source.start()
    return source
  }
}

function workersOf({ workers }: ReaderOptions): number {
  if (workers !== undefined) return workers
  const cores = globalThis.navigator?.hardwareConcurrency ?? mostWorkers
  return Math.min(mostWorkers, cores)
}

/** A stream that tells how many stored bytes it has taken so far. */
export interface WholeSource extends ChunkSource {
  readonly storedBytes: () => number
}

/** Decompresses one stream with nothing beside it, such as a toc.dat.gz or the file around an archive. */
export function decodeWhole(stored: StoredData, options: ReaderOptions): WholeSource {
  const { limits, maxBufferBytes } = options
  const pool = new DecodePool({ workers: Math.min(1, workersOf(options)), maxBufferBytes })
  let taken = 0
  const input: ChunkSource = {
    async next() {
      const chunk = await stored.input.next()
      taken += chunk?.length ?? 0
      return chunk
    },
    cancel: () => stored.input.cancel(),
  }
  const source = pool.decode({ ...stored, input, limits: { ...limits, entryBytes: Infinity } })
  return {
    storedBytes: () => taken,
    async next() {
      const chunk = await source.next()
      if (chunk === null) await pool.close()
      return chunk
    },
    async cancel() {
      await source.cancel()
      await pool.close()
    },
  }
}

/** A stream as an iterable, for who takes each chunk before it asks for the next. */
export function iterate(source: ChunkSource): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = await source.next()
        return value === null ? { done: true, value: undefined } : { done: false, value }
      },
    }),
  }
}
