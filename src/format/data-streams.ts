import { SmallDecoder } from '../codec/small-decoder.ts'
import { ArchiveError } from '../errors.ts'
import { oneChunk, type ChunkSource } from '../io/chunks.ts'
import type { TocEntry } from '../toc/types.ts'
import { DecodeAhead, type DataAccess } from './decode-ahead.ts'
import { ChunkFrames } from './chunk-frames.ts'
import { readLargeObjectList, type LargeObjectLine, type ListOrigin } from './large-object-list.ts'
import { OpenStreams } from './open-streams.ts'
import { LazyDataStream } from './lazy-data-stream.ts'
import type { OnStored, ReadOptions, ReaderOptions } from './reader.ts'
import { areComplete, checkedData, type DataStream, type StoredData, type StoredForm } from './stored-data.ts'

/** The data that a reader hands out, as stored or decompressed: what the three containers have in common. */
export class DataStreams {
  readonly #streams: OpenStreams
  readonly #access: DataAccess
  readonly #decoding: DecodeAhead
  readonly #small: SmallDecoder

  readonly #onStored: OnStored | undefined
  readonly #onPassedOver: ReaderOptions['onPassedOver']

  constructor(options: ReaderOptions, access: DataAccess) {
    this.#streams = new OpenStreams(options.signal)
    this.#onStored = options.onStored
    this.#onPassedOver = options.onPassedOver
    this.#access = { ...access, open: async (entry) => this.#seen(await access.open(entry)) }
    this.#decoding = new DecodeAhead(options, this.#access)
    this.#small = new SmallDecoder(options.limits)
  }

  /** @throws ArchiveError CLOSED */
  check(): void {
    this.#streams.check()
  }

  /** The entries whose data will be asked for, in this order. */
  plan(entries: readonly TocEntry[]): void {
    this.#decoding.plan(entries)
  }

  /** The data of an entry. */
  ofEntry(entry: TocEntry, options: ReadOptions): DataStream {
    const open = async (): Promise<ChunkSource> => {
      if (options.raw === true) return (await this.#access.open(entry)).input
      const data = this.#atHand(entry)
      if (data !== undefined) return oneChunk(data.slice())
      return checkedData(entry, await this.#decoding.take(entry))
    }
    return new LazyDataStream({
      stream: () => this.#streams.stream(open, options.signal),
      stored: () => this.#stored(() => this.#access.open(entry), options.signal),
      atHand: () => {
        this.check()
        options.signal?.throwIfAborted()
        return options.raw === true ? undefined : this.#atHand(entry)
      },
    })
  }

  #atHand(entry: TocEntry): Uint8Array | undefined {
    if (this.#decoding.hasBegun(entry)) return undefined
    const stored = this.#access.atHand?.(entry)
    if (stored === undefined) return undefined
    const data = this.#small.decode(stored.bytes, stored.container)
    if (data === undefined || !areComplete(entry, data)) return undefined
    // where chunks begin is not known any more
    if (this.#onPassedOver !== undefined && stored.container === 'zstd' && new ChunkFrames().see(stored.bytes, false)) {
      return undefined
    }
    if (stored.bytes.length > 0) this.#onStored?.(stored.container, stored.bytes)
    stored.take()
    this.#decoding.passed(entry)
    return data
  }

  /** Data that are never planned: a large object, or a block that was come to, of this entry if it is known. */
  of(open: () => StoredData | Promise<StoredData>, options: ReadOptions, entry?: TocEntry): DataStream {
    const opened = async (): Promise<ChunkSource> => {
      const stored = this.#seen(await open())
      return options.raw === true ? stored.input : checkedData(entry, this.#decoding.decode(stored))
    }
    return new LazyDataStream({
      stream: () => this.#streams.stream(opened, options.signal),
      stored: () => this.#stored(open, options.signal),
    })
  }

  /** Bytes that `open` gives, ended with the others. */
  async source(open: () => Promise<ChunkSource>, signal: AbortSignal | undefined): Promise<ChunkSource> {
    return await this.#streams.source(open, signal)
  }

  async #stored(open: () => StoredData | Promise<StoredData>, signal: AbortSignal | undefined): Promise<StoredForm> {
    let found: Omit<StoredForm, 'chunks'> | undefined
    const chunks = await this.#streams.source(async () => {
      const { container, framing, memberHeader, storedBytes, repeatable = false, input } = this.#seen(await open())
      // what is told of a custom archive's block counts its frames
      const bytes = framing === undefined ? storedBytes : undefined
      found = { container, framing, memberHeader: await memberHeader?.(), bytes, repeatable }
      return input
    }, signal)
    if (found === undefined) throw new ArchiveError('CLOSED', 'Cannot read on: the archive has been closed')
    return { ...found, chunks }
  }

  /** The same data, with their first bytes shown to whoever asked for that, and frames that pg_restore passes over. */
  #seen(stored: StoredData): StoredData {
    const onStored = this.#onStored
    if (onStored === undefined || stored.isSeen === true) return stored
    const { input, container, framing, context } = stored
    const onPassedOver = container === 'zstd' && framing !== undefined ? this.#onPassedOver : undefined
    const frames = new ChunkFrames()
    if (onPassedOver !== undefined) framing?.payload.keepApart()
    let first = true
    const next = async (): Promise<Uint8Array | null> => {
      const chunk = await input.next()
      if (first && chunk !== null && chunk.length > 0) {
        first = false
        onStored(container, chunk)
      }
      if (onPassedOver !== undefined && chunk !== null && frames.see(chunk, framing?.payload.endsChunk === true)) {
        onPassedOver(context)
      }
      return chunk
    }
    return { ...stored, isSeen: true, input: { next, cancel: () => input.cancel() } }
  }

  /** The lines of a list of large objects. */
  async *linesOf(
    open: () => Promise<StoredData>,
    origin: ListOrigin,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<LargeObjectLine, void, void> {
    const list = await this.#streams.source(async () => this.#decoding.decode(await open()), signal)
    try {
      yield* readLargeObjectList(list, origin)
    } finally {
      await list.cancel()
    }
  }

  /** Ends every stream; afterwards reading any of them is CLOSED. */
  async close(): Promise<void> {
    await this.#streams.close()
    await this.#decoding.close()
  }
}
