import { untilAborted } from '../io/abort.ts'
import type { Pull } from '../io/pull.ts'
import type { DumpId } from '../toc/types.ts'
import { BLK_BLOBS, BLK_DATA, BlockReader, type BlockHeader, type BlockLayout } from './custom-blocks.ts'
import { unknownBlockType } from './custom-errors.ts'
import { Turns } from './turns.ts'

/** A block that was come past. */
interface KnownBlock {
  readonly header: BlockHeader
  /** Offset after the header. */
  readonly body: number
  /** Offset after the block; undefined until it has been read or skipped. */
  end: number | undefined
}

/**
 * Where the data blocks of a seekable archive without offsets lie. It scans forward, only as far as a wanted block, and
 * remembers everything on the way (_PrintTocData, pg_backup_custom.c); whoever reads a block to its end reports that,
 * so that a restore in archive order reads the file once.
 */
export class BlockIndex {
  readonly #open: (offset: number) => Pull
  readonly #layout: BlockLayout
  readonly #blocks = new Map<DumpId, KnownBlock>()
  /** The first offset that was not scanned, or the block there if its header was read. */
  #frontier: number | KnownBlock
  #scanner: BlockReader | undefined
  #complete = false
  /** Searches take turns. */
  readonly #turns = new Turns()

  /**
   * @param start offset of the first data block
   * @param open a window from an offset on
   */
  constructor(start: number, layout: BlockLayout, open: (offset: number) => Pull) {
    this.#frontier = start
    this.#layout = layout
    this.#open = open
  }

  /** The first block with this id; undefined when the archive has none. */
  async find(dumpId: DumpId): Promise<BlockHeader | undefined> {
    const found = this.#blocks.get(dumpId)
    if (found !== undefined) return found.header
    return await this.#turns.run(() => this.#search(dumpId))
  }

  /** Comes past all blocks, after which the size of each is known. */
  async scan(signal: AbortSignal | undefined): Promise<void> {
    while (!this.#complete) {
      signal?.throwIfAborted()
      await untilAborted(
        this.#turns.run(async () => {
          if (!this.#complete) await this.#step()
        }),
        signal,
      )
    }
  }

  /** Says that the block at `offset` was read and ends before `end`. */
  learnEnd(offset: number, end: number): void {
    const block = this.#frontier
    if (typeof block !== 'number' && block.header.offset === offset) block.end = end
  }

  /** Bytes of a block, its headers included, when that is known. */
  bytesOf(dumpId: DumpId): number | undefined {
    const block = this.#blocks.get(dumpId)
    return block?.end === undefined ? undefined : block.end - block.header.offset
  }

  async close(): Promise<void> {
    await this.#scanner?.pull.close()
  }

  async #search(dumpId: DumpId): Promise<BlockHeader | undefined> {
    for (;;) {
      const known = this.#blocks.get(dumpId)
      if (known !== undefined) return known.header
      if (this.#complete) return undefined
      await this.#step()
    }
  }

  /** Passes the block at the frontier and reads the header of the next. */
  async #step(): Promise<void> {
    const frontier = this.#frontier
    try {
      const reader = await this.#scannerAt(typeof frontier === 'number' ? frontier : (frontier.end ?? frontier.body))
      if (typeof frontier !== 'number' && frontier.end === undefined) {
        await reader.skipBody(frontier.header)
        frontier.end = reader.pull.position
      }
      const header = await reader.readHeader()
      if (header === null) this.#complete = true
      else this.#add(header, reader.pull.position)
    } catch (error) {
      // the next search starts with a window of its own
      await this.#scanner?.pull.close()
      this.#scanner = undefined
      throw error
    }
  }

  #add(header: BlockHeader, body: number): void {
    if (header.type !== BLK_DATA && header.type !== BLK_BLOBS) throw unknownBlockType(header, 'search')
    const block: KnownBlock = { header, body, end: undefined }
    if (!this.#blocks.has(header.dumpId)) this.#blocks.set(header.dumpId, block)
    this.#frontier = block
  }

  /** The scanner's window, moved to `offset`: forward within what it holds, or opened again. */
  async #scannerAt(offset: number): Promise<BlockReader> {
    const scanner = this.#scanner
    if (scanner !== undefined && scanner.pull.position <= offset) {
      await scanner.pull.skip(offset - scanner.pull.position)
      return scanner
    }
    await scanner?.pull.close()
    this.#scanner = new BlockReader(this.#open(offset), this.#layout)
    return this.#scanner
  }
}
