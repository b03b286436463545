import { ArchiveError } from '../errors.ts'
import { chunksOf } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { ParsedToc } from '../toc/toc.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { writeHead } from '../toc/write-head.ts'
import { writeToc } from '../toc/write-toc.ts'
import type { BlockAccess, OpenBlock } from './custom-access.ts'
import type { BlockReader } from './custom-blocks.ts'
import { BlockBody } from './custom-body.ts'
import { blockBehind, missingBlock } from './custom-errors.ts'
import type { StoredSizes } from './stored-sizes.ts'
import { Turns } from './turns.ts'
import { chunksInTurn, VerbatimBlocks } from './verbatim.ts'

/** The blocks of input that is read once: asking for one moves past everything before it. */
export class ForwardBlocks implements BlockAccess {
  readonly seekable = false
  readonly #parsed: ParsedToc
  readonly #reader: BlockReader
  /** Blocks that were come to, the current one included. */
  readonly #passed = new Set<DumpId>()
  #current: BlockBody | undefined
  #failure: unknown
  /** Whoever wants to move on takes turns. */
  readonly #turns = new Turns()

  constructor(parsed: ParsedToc, reader: BlockReader) {
    this.#parsed = parsed
    this.#reader = reader
  }

  async open(entry: TocEntry): Promise<OpenBlock> {
    return await this.#turns.run(() => this.#find(entry.dumpId))
  }

  walk(): { next(): Promise<OpenBlock | null>; close(): Promise<void> } {
    return {
      next: () => this.#turns.run(() => this.#advance()),
      close: async () => undefined,
    }
  }

  storedBytes(): undefined {
    return undefined
  }

  async storedSizes(): Promise<StoredSizes> {
    return { archiveBytes: undefined, dataBytes: new Map() }
  }

  layout(): undefined {
    return undefined
  }

  /** Header and TOC are past, and written anew; nothing in them changes. */
  verbatim(): ChunkSource | undefined {
    if (this.#passed.size > 0 || this.#failure !== undefined) return undefined
    const { header, toc } = this.#parsed
    const head = [writeHead(header), writeToc(toc, header, () => ({ kind: 'stored' })).bytes]
    return chunksInTurn([chunksOf(head), new VerbatimBlocks(this.#reader, toc)])
  }

  async close(): Promise<void> {
    await this.#reader.pull.close()
  }

  async #find(dumpId: DumpId): Promise<OpenBlock> {
    if (this.#passed.has(dumpId)) throw blockBehind(dumpId, this.#reader.pull.position)
    for (let block = await this.#advance(); block !== null; block = await this.#advance()) {
      if (block.body.header.dumpId === dumpId) return block
    }
    throw missingBlock(dumpId, false)
  }

  /** Leaves the current block and comes to the next. */
  async #advance(): Promise<OpenBlock | null> {
    // after damage there is no telling where the next block begins
    if (this.#failure !== undefined) throw this.#failure
    try {
      await this.#current?.finish()
      this.#current = undefined
      const header = await this.#reader.readHeader()
      if (header === null) return null
      this.#passed.add(header.dumpId)
      const body = new BlockBody(this.#reader, header)
      this.#current = body
      return { body, ended: () => undefined, release: async () => undefined }
    } catch (error) {
      if (error instanceof ArchiveError) this.#failure = error
      throw error
    }
  }
}
