import { blockContainerOf, type Container, type DecodeContext } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { Windows } from '../io/windows.ts'
import type { EntryTable } from '../toc/table.ts'
import type { ParsedToc } from '../toc/toc.ts'
import { layoutOf } from '../toc/write-head.ts'
import type { ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import { BlockReader, blockLayout, type ChunkPayload } from './custom-blocks.ts'
import type { BlockAccess, OpenBlock } from './custom-access.ts'
import { wrongBlockKind } from './custom-errors.ts'
import { ForwardBlocks } from './custom-forward.ts'
import { SeekableBlocks } from './custom-seekable.ts'
import { DataStreams } from './data-streams.ts'
import type { ArchiveLayout } from './layout.ts'
import { readToc } from './read-toc.ts'
import { SecondToc } from './second-toc.ts'
import type { FormatReader, ReadOptions, ReaderInput, ReaderOptions, StoredBlock, StoredLargeObject } from './reader.ts'
import {
  dataContext,
  noData,
  objectContext,
  type DataStream,
  type StoredAtHand,
  type StoredData,
} from './stored-data.ts'
import type { StoredSizes } from './stored-sizes.ts'
import type { VerbatimArchive } from './verbatim.ts'

/**
 * Opens a custom archive (InitArchiveFmt_Custom, pg_backup_custom.c).
 * @throws ArchiveError NOT_AN_ARCHIVE, VERSION_TOO_NEW, BAD_HEADER, BAD_TOC, LIMIT_EXCEEDED, UNEXPECTED_EOF
 */
export async function openCustom(input: ReaderInput, options: ReaderOptions): Promise<FormatReader> {
  const { pull, source, storedBytes } = input
  const parsed = await readToc(pull, { ...options, format: 'custom', storedBytes })
  const secondToc = new SecondToc(parsed.header, () => parsed.toc)
  if (source === undefined) {
    const layout = blockLayout(parsed.header, Infinity, secondToc)
    return new CustomReader(parsed, new ForwardBlocks(parsed, new BlockReader(pull, layout)), options)
  }
  const layout = blockLayout(parsed.header, source.size, secondToc)
  const windows = new Windows(source, options.signal)
  return new CustomReader(parsed, new SeekableBlocks(parsed, layout, pull.position, windows), options)
}

/** Reader of custom archives (pg_backup_custom.c). */
class CustomReader implements FormatReader {
  readonly format = 'custom'
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly #parsed: ParsedToc
  readonly #blocks: BlockAccess
  readonly #streams: DataStreams
  #entries: ReadonlyMap<DumpId, TocEntry> | undefined

  constructor(parsed: ParsedToc, blocks: BlockAccess, options: ReaderOptions) {
    this.header = parsed.header
    this.settings = parsed.settings
    this.#parsed = parsed
    this.#blocks = blocks
    const open = (entry: TocEntry): Promise<StoredData> => this.#openStored(entry)
    const sizeOf = (entry: TocEntry): number | undefined => blocks.storedBytes(entry)
    const atHand = (entry: TocEntry): StoredAtHand | undefined => this.#atHand(entry)
    this.#streams = new DataStreams(options, blocks.seekable ? { open, sizeOf, atHand } : { open })
  }

  get seekable(): boolean {
    return this.#blocks.seekable
  }

  get toc(): readonly TocEntry[] {
    return this.#parsed.toc
  }

  get table(): EntryTable {
    return this.#parsed.table
  }

  plan(entries: readonly TocEntry[]): void {
    this.#streams.plan(entries.filter((entry) => entry.data.state !== 'no-data' && entry.desc !== 'BLOBS'))
  }

  async storedSizes(signal: AbortSignal | undefined): Promise<StoredSizes> {
    this.#streams.check()
    return await this.#blocks.storedSizes(signal)
  }

  data(entry: TocEntry, options: ReadOptions): DataStream {
    return this.#streams.ofEntry(entry, options)
  }

  async *largeObjects(entry: TocEntry, options: ReadOptions): AsyncGenerator<StoredLargeObject, void, void> {
    this.#streams.check()
    options.signal?.throwIfAborted()
    checkHasData(entry)
    const block = await untilAborted(this.#blocks.open(entry), options.signal)
    try {
      if (!block.body.holdsLargeObjects) throw wrongBlockKind(entry.dumpId, block.body.header)
      yield* this.#objects(block, options)
    } finally {
      await block.release()
    }
  }

  async *blocks(options: ReadOptions): AsyncGenerator<StoredBlock, void, void> {
    this.#streams.check()
    const walk = this.#blocks.walk()
    try {
      for (;;) {
        const block = await untilAborted(walk.next(), options.signal)
        if (block === null) return
        options.signal?.throwIfAborted()
        yield this.#storedBlock(block, options)
        this.#streams.check()
      }
    } finally {
      await walk.close()
    }
  }

  async verbatim(signal: AbortSignal | undefined): Promise<VerbatimArchive | undefined> {
    const source = this.#blocks.verbatim()
    if (source === undefined) return undefined
    return { kind: 'file', chunks: await this.#streams.source(async () => source, signal) }
  }

  layout(signal: AbortSignal | undefined): ArchiveLayout | undefined {
    return this.#blocks.layout(signal)
  }

  async close(): Promise<void> {
    await this.#streams.close()
    await this.#blocks.close()
  }

  #storedBlock(block: OpenBlock, options: ReadOptions): StoredBlock {
    const { dumpId, offset } = block.body.header
    if (block.body.holdsLargeObjects) {
      return { kind: 'large-objects', dumpId, offset, objects: this.#objects(block, options) }
    }
    const context = { action: `read data block ${dumpId}`, dumpId }
    const open = (): StoredData => {
      const payload = block.body.payload()
      return this.#stored(payload, payloadSource(block, payload), context, options)
    }
    return { kind: 'data', dumpId, offset, data: this.#streams.of(open, options, this.#entry(dumpId)) }
  }

  async *#objects(block: OpenBlock, options: ReadOptions): AsyncGenerator<StoredLargeObject, void, void> {
    const { body } = block
    for (;;) {
      this.#streams.check()
      options.signal?.throwIfAborted()
      const object = await untilAborted(body.nextObject(), options.signal)
      if (object === null) break
      const context = objectContext(body.header.dumpId, object.oid)
      const open = (): StoredData => this.#stored(object.payload, object.payload, context, options)
      yield { oid: object.oid, data: this.#streams.of(open, options) }
    }
    block.ended(await body.finish())
  }

  /** Chunks of a block that is being read; raw, they can be had whatever their compression. */
  #stored(payload: ChunkPayload, input: ChunkSource, context: DecodeContext, { raw = false }: ReadOptions): StoredData {
    const container = raw ? 'none' : this.#container()
    return { input, container, context, storedBytes: undefined, framing: this.#framing(payload) }
  }

  #framing(payload: ChunkPayload): StoredData['framing'] {
    const { intSize, signByte } = layoutOf(this.header)
    return { intSize, signByte, keep: () => payload.keepFraming(), payload }
  }

  /** Finds an entry's block and gives its stored bytes as a stream that releases everything at its end. */
  async #openStored(entry: TocEntry): Promise<StoredData> {
    checkHasData(entry)
    const container = this.#container()
    const block = await this.#blocks.open(entry)
    if (block.body.holdsLargeObjects) {
      await block.release()
      throw wrongBlockKind(entry.dumpId, block.body.header)
    }
    const payload = block.body.payload()
    return {
      input: payloadSource(block, payload),
      container,
      context: dataContext(entry),
      storedBytes: this.#blocks.storedBytes(entry),
      framing: this.#framing(payload),
      repeatable: this.seekable,
    }
  }

  #atHand(entry: TocEntry): StoredAtHand | undefined {
    const { algorithm } = this.header.compression
    const block = algorithm === 'unknown' ? undefined : this.#blocks.atHand?.(entry)
    if (algorithm === 'unknown' || block === undefined) return undefined
    return { bytes: block.payload, container: blockContainerOf(algorithm), take: block.take }
  }

  /** @throws ArchiveError UNSUPPORTED_COMPRESSION */
  #container(): Container {
    const { algorithm, stored } = this.header.compression
    if (algorithm !== 'unknown') return blockContainerOf(algorithm)
    throw new ArchiveError(
      'UNSUPPORTED_COMPRESSION',
      `Cannot read data: the header names compression algorithm ${stored}, which is not known`,
      {
        details: {
          pgRestore: 'cannot restore from compressed archive (this build does not support compression with ???)',
        },
      },
    )
  }

  #entry(dumpId: DumpId): TocEntry | undefined {
    this.#entries ??= new Map(this.toc.map((entry) => [entry.dumpId, entry]))
    return this.#entries.get(dumpId)
  }
}

/** @throws ArchiveError NO_DATA */
function checkHasData({ dumpId, data }: TocEntry): void {
  if (data.state !== 'not-set' && data.state !== 'set') throw noData(dumpId)
}

function payloadSource(block: OpenBlock, payload: ChunkPayload): ChunkSource {
  return {
    async next() {
      const chunk = await payload.next()
      if (chunk === null) {
        block.ended(await block.body.finish())
        await block.release()
      }
      return chunk
    },
    cancel: () => block.release(),
  }
}
