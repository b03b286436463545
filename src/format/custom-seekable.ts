import { isArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Windows } from '../io/windows.ts'
import type { ParsedToc } from '../toc/toc.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { BlockAccess, BlockAtHand, OpenBlock } from './custom-access.ts'
import { BLK_BLOBS, BLK_DATA, BlockReader, type BlockHeader, type BlockLayout } from './custom-blocks.ts'
import { BlockBody } from './custom-body.ts'
import { blockBehindEnd, blockMismatch, missingBlock, unknownBlockType } from './custom-errors.ts'
import { BlockIndex } from './custom-index.ts'
import type { ArchiveLayout, BlockSpan } from './layout.ts'
import { AT_HAND_BYTES } from './stored-data.ts'
import { ifReadable, type StoredSizes } from './stored-sizes.ts'
import { chunksInTurn, VerbatimBlocks } from './verbatim.ts'
import { WindowChunks } from './window-chunks.ts'

/** The blocks of an archive that can be read anywhere: by the offsets in the TOC, or by an index made while scanning. */
export class SeekableBlocks implements BlockAccess {
  readonly seekable = true
  readonly #parsed: ParsedToc
  readonly #layout: BlockLayout
  readonly #firstBlock: number
  readonly #windows: Windows
  readonly #index: BlockIndex
  /** Where blocks end that have been read, by offset. */
  readonly #ends = new Map<number, number>()
  #sizes: ReadonlyMap<number, number> | undefined

  /**
   * @param firstBlock offset after the TOC
   */
  constructor(parsed: ParsedToc, layout: BlockLayout, firstBlock: number, windows: Windows) {
    this.#parsed = parsed
    this.#layout = layout
    this.#firstBlock = firstBlock
    this.#windows = windows
    this.#index = new BlockIndex(firstBlock, layout, (start) => windows.open(start))
  }

  async open(entry: TocEntry): Promise<OpenBlock> {
    const { dumpId, data } = entry
    const offset = data.state === 'set' ? data.offset : (await this.#found(dumpId)).offset
    if (offset >= this.#layout.archiveBytes) throw blockBehindEnd(dumpId, offset)
    const pull = this.#windows.open(offset)
    try {
      const reader = new BlockReader(pull, this.#layout)
      const header = await reader.readHeader()
      if (header === null) throw blockBehindEnd(dumpId, offset)
      if (header.dumpId !== dumpId || !isBlockType(header)) throw blockMismatch(dumpId, header)
      let state: 'begun' | 'whole' | 'released' = 'begun'
      return {
        body: new BlockBody(reader, header),
        ended: (end) => {
          if (state === 'begun') state = 'whole'
          this.#learnEnd(offset, end)
        },
        release: async () => {
          // one that was left in the middle may still be read from
          if (state === 'whole') this.#windows.giveBack(pull)
          else if (state === 'begun') await pull.close()
          state = 'released'
        },
      }
    } catch (error) {
      await pull.close()
      throw error
    }
  }

  atHand({ dumpId, data }: TocEntry): BlockAtHand | undefined {
    if (data.state !== 'set') return undefined
    const pull = this.#windows.peek(data.offset)
    const block = pull && new BlockReader(pull, this.#layout).peekBlock(dumpId, AT_HAND_BYTES)
    if (pull === undefined || block === undefined) return undefined
    const { payload, length } = block
    return {
      payload,
      take: () => {
        pull.consume(length)
        this.#learnEnd(data.offset, data.offset + length)
      },
    }
  }

  walk(): { next(): Promise<OpenBlock | null>; close(): Promise<void> } {
    const pull = this.#windows.open(this.#firstBlock)
    const reader = new BlockReader(pull, this.#layout)
    let body: BlockBody | undefined
    return {
      next: async () => {
        await body?.finish()
        body = undefined
        const header = await reader.readHeader()
        if (header === null) return null
        body = new BlockBody(reader, header)
        return { body, ended: () => undefined, release: async () => undefined }
      },
      close: () => pull.close(),
    }
  }

  storedBytes(entry: TocEntry): number | undefined {
    if (entry.data.state !== 'set') return this.#index.bytesOf(entry.dumpId)
    this.#sizes ??= this.#sizesByOffset()
    return this.#index.bytesOf(entry.dumpId) ?? this.#sizes.get(entry.data.offset)
  }

  /** Without offsets every block has to be come past. */
  async storedSizes(signal: AbortSignal | undefined): Promise<StoredSizes> {
    if (this.#parsed.toc.some(({ data }) => data.state === 'not-set')) await ifReadable(this.#index.scan(signal))
    const dataBytes = new Map<DumpId, number>()
    for (const entry of this.#parsed.toc) {
      const bytes = this.storedBytes(entry)
      if (bytes !== undefined) dataBytes.set(entry.dumpId, bytes)
    }
    return { archiveBytes: this.#layout.archiveBytes, dataBytes }
  }

  verbatim(): ChunkSource {
    const head = new WindowChunks(this.#windows.open(0), this.#firstBlock)
    const blocks = new BlockReader(this.#windows.open(this.#firstBlock), this.#layout)
    return chunksInTurn([head, new VerbatimBlocks(blocks, this.#parsed.toc)])
  }

  layout(signal: AbortSignal | undefined): ArchiveLayout {
    return { kind: 'custom', archiveBytes: this.#layout.archiveBytes, blocks: () => this.#spans(signal) }
  }

  async *#spans(signal: AbortSignal | undefined): AsyncGenerator<BlockSpan, void, void> {
    const offsets = this.#parsed.toc.flatMap(({ data }) => (data.state === 'set' ? [data.offset] : []))
    offsets.sort((a, b) => a - b)
    let at = this.#firstBlock
    let known = 0
    while (at < this.#layout.archiveBytes) {
      const pull = this.#windows.open(at)
      try {
        const reader = new BlockReader(pull, this.#layout)
        for (let header = await reader.readHeader(); header !== null; header = await reader.readHeader()) {
          signal?.throwIfAborted()
          if (!isBlockType(header)) throw unknownBlockType(header, 'search')
          const { offset, dumpId, type } = header
          const end = this.#ends.get(offset)
          if (end === undefined) await reader.skipBody(header)
          else await pull.skip(end - pull.position)
          at = pull.position
          yield { kind: 'block', offset, end: at, dumpId, holdsLargeObjects: type === BLK_BLOBS }
        }
        if (pull.available > 0) yield { kind: 'second-toc', offset: pull.position }
        return
      } catch (error) {
        if (!isArchiveError(error)) throw error
        yield { kind: 'damage', offset: at, error }
        while ((offsets[known] ?? Infinity) <= at) known++
        at = offsets[known] ?? Infinity
      } finally {
        await pull.close()
      }
    }
  }

  async close(): Promise<void> {
    await this.#index.close()
  }

  #learnEnd(offset: number, end: number): void {
    this.#ends.set(offset, end)
    this.#index.learnEnd(offset, end)
  }

  async #found(dumpId: DumpId): Promise<BlockHeader> {
    const header = await this.#index.find(dumpId)
    if (header === undefined) throw missingBlock(dumpId, true)
    return header
  }

  /** Blocks lie one after the other: each reaches to the next offset, the last one to the end. */
  #sizesByOffset(): Map<number, number> {
    const offsets: number[] = []
    for (const { data } of this.#parsed.toc) if (data.state === 'set') offsets.push(data.offset)
    offsets.sort((a, b) => a - b)
    const sizes = new Map<number, number>()
    let end = this.#layout.archiveBytes
    for (let index = offsets.length - 1; index >= 0; index--) {
      const offset = offsets[index] ?? end
      if (offset >= end) continue
      sizes.set(offset, end - offset)
      end = offset
    }
    return sizes
  }
}

function isBlockType({ type }: BlockHeader): boolean {
  return type === BLK_DATA || type === BLK_BLOBS
}
