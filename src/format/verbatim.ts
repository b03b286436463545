import type { ChunkSource } from '../io/chunks.ts'
import type { Pull } from '../io/pull.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { BLK_BLOBS, BLK_DATA, type BlockHeader, type BlockReader, type ChunkPayload } from './custom-blocks.ts'
import { missingBlock, unknownBlockType } from './custom-errors.ts'
import type { FormatReader } from './reader.ts'

/** An archive byte for byte. */
export type VerbatimArchive =
  | { readonly kind: 'file'; readonly chunks: ChunkSource }
  | { readonly kind: 'directory'; readonly files: readonly VerbatimFile[] }

/** A file of a directory archive, whatever it is. */
export interface VerbatimFile {
  readonly name: string
  open(): Promise<ChunkSource>
}

/** One source after the other. */
export function chunksInTurn(sources: readonly ChunkSource[]): ChunkSource {
  let current = 0
  return {
    async next() {
      for (;;) {
        const source = sources[current]
        if (source === undefined) return null
        const chunk = await source.next()
        if (chunk !== null) return chunk
        current++
      }
    },
    async cancel() {
      for (const source of sources) await source.cancel()
    },
  }
}

/**
 * Makes sure that what the entries need is there.
 * @throws ArchiveError MISSING_DATA_FILE, and what else reading such data would throw
 */
export async function checkPresence(reader: FormatReader, signal: AbortSignal | undefined): Promise<void> {
  const { dataBytes } = await reader.storedSizes(signal)
  const options = signal === undefined ? {} : { signal }
  for (const entry of reader.toc) {
    if (entry.data.state !== 'file' || dataBytes.has(entry.dumpId)) continue
    if (entry.desc === 'BLOBS') {
      for await (const { data } of reader.largeObjects(entry, options)) await (await data.stored?.())?.chunks.cancel()
    } else {
      await (await reader.data(entry, options).stored?.())?.chunks.cancel()
    }
  }
}

/**
 * The data blocks of a custom archive as they lie there, from where a reader stands to the end. Headers and lengths are
 * looked at on the way, so that an archive that was cut short is noticed; what is compressed is not.
 */
export class VerbatimBlocks implements ChunkSource {
  readonly #reader: BlockReader
  /** Entries whose block has not been come to. */
  readonly #missing: Set<DumpId>
  #header: BlockHeader | undefined
  #payload: ChunkPayload | undefined

  constructor(reader: BlockReader, toc: readonly TocEntry[]) {
    this.#reader = reader
    const withData = toc.filter(({ data, hadDumper }) => hadDumper && data.state !== 'no-data')
    this.#missing = new Set(withData.map(({ dumpId }) => dumpId))
  }

  /** @throws ArchiveError BAD_BLOCK, UNEXPECTED_EOF, MISSING_BLOCK */
  async next(): Promise<Uint8Array | null> {
    const chunk = await this.#payload?.next()
    if (chunk != null) return chunk
    if (this.#payload !== undefined) {
      await this.#payload.finish()
      this.#payload = undefined
      if (this.#header?.type === BLK_DATA) this.#header = undefined
    }
    return this.#header === undefined ? await this.#nextBlock() : await this.#nextObject()
  }

  async cancel(): Promise<void> {
    await this.#reader.pull.close()
  }

  async #nextBlock(): Promise<Uint8Array | null> {
    const stored = await copyOf(this.#reader.pull, this.#reader.headerBytes)
    const header = await this.#reader.readHeader()
    if (header === null) {
      const [missing] = this.#missing
      if (missing !== undefined) throw missingBlock(missing, true)
      // a second table of contents, all of which is in the window
      const { available } = this.#reader.pull
      return available === 0 ? null : this.#reader.pull.take(available)
    }
    if (header.type !== BLK_DATA && header.type !== BLK_BLOBS) throw unknownBlockType(header, 'search')
    this.#missing.delete(header.dumpId)
    this.#header = header
    if (header.type === BLK_DATA) this.#begin()
    return stored
  }

  async #nextObject(): Promise<Uint8Array> {
    const stored = await copyOf(this.#reader.pull, this.#reader.intBytes)
    if ((await this.#reader.readOid()) === 0) this.#header = undefined
    else this.#begin()
    return stored
  }

  #begin(): void {
    this.#payload = this.#reader.chunks()
    this.#payload.keepFraming()
  }
}

/** What comes next, up to `length` bytes, which stay in the window. */
async function copyOf(pull: Pull, length: number): Promise<Uint8Array> {
  if (pull.available < length) await pull.fill(length)
  return pull.buffer.slice(pull.start, Math.min(pull.end, pull.start + length))
}
