import { Builder } from '../bytes/builder.ts'
import type { Layout } from '../bytes/cursor.ts'
import type { EncoderSettings } from '../codec/encoder.ts'
import type { DecodeContext } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import type { Sink } from '../io/output.ts'
import type { ArchiveHeader, TocEntry } from '../toc/types.ts'
import { layoutOf, writeHead } from '../toc/write-head.ts'
import { tocPieces, type EntryExtra } from '../toc/write-toc.ts'
import { addingFrames, ChunkFramer, chunkRule, type ChunkRule } from './chunk-framer.ts'
import { BLK_BLOBS, BLK_DATA } from './custom-blocks.ts'
import { checkContainer, encodeData, writeChunks, writeContext } from './encode-data.ts'
import type { VerbatimFile } from './verbatim.ts'
import { checkDataWritten, checkOid } from './write-errors.ts'
import {
  holdsData,
  type ArchiveToWrite,
  type DataToWrite,
  type FormatWriter,
  type LargeObjectToWrite,
} from './writer.ts'

/** Complete chunks are written when there are so many bytes of them. */
const FLUSH_BYTES = 128 * 1024

/**
 * Writes a custom archive (pg_backup_custom.c): header, TOC without offsets, data blocks; then, if the output can go
 * back, the TOC once more in place with the offset of each block. On a pipe the offsets stay "not set".
 */
export class CustomWriter implements FormatWriter {
  readonly format = 'custom'
  readonly #sink: Sink
  readonly #settings: EncoderSettings
  #layout: Layout = { intSize: 4, offSize: 8, signByte: true }
  #toc: readonly TocEntry[] = []
  #header: ArchiveHeader | undefined
  #tocStart = 0
  #tocEnd = 0
  readonly #positions = new Map<TocEntry, number>()

  constructor(sink: Sink, settings: EncoderSettings) {
    this.#sink = sink
    this.#settings = settings
  }

  get container(): EncoderSettings['container'] {
    return this.#settings.container
  }

  /** Without offsets, readers look for data from where they stand. */
  get inOrder(): boolean {
    return this.#sink.writeAt === undefined
  }

  async begin({ header, toc }: ArchiveToWrite): Promise<void> {
    this.#layout = layoutOf(header)
    this.#toc = toc
    await this.#sink.write(writeHead(header))
    this.#tocStart = this.#sink.position
    this.#header = header
    for (const piece of tocPieces(toc, header, withoutOffset)) await this.#sink.write(piece)
    this.#tocEnd = this.#sink.position
  }

  async data(entry: TocEntry, data: DataToWrite): Promise<void> {
    await this.#beginBlock(entry, BLK_DATA)
    await this.#chunks(data, writeContext(entry.dumpId), chunkRule(this.container, 'rows'))
  }

  async largeObjects(entry: TocEntry, objects: AsyncIterable<LargeObjectToWrite>): Promise<void> {
    await this.#beginBlock(entry, BLK_BLOBS)
    const rule = chunkRule(this.container, 'large-object')
    for await (const { oid, data } of objects) {
      checkOid(oid, entry.dumpId)
      await this.#sink.write(this.#int(oid))
      await this.#chunks(data, writeContext(entry.dumpId, oid), rule)
    }
    await this.#sink.write(this.#int(0))
  }

  async finish(): Promise<void> {
    checkDataWritten(this.#toc, this.#positions)
    const { writeAt } = this.#sink
    if (writeAt !== undefined && this.#header !== undefined && this.#positions.size > 0) {
      await this.#setOffsets(this.#header, writeAt)
    }
    await this.#sink.commit()
  }

  async copy(files: readonly VerbatimFile[]): Promise<void> {
    for (const { open } of files) await writeChunks(await open(), this.#sink)
    await this.#sink.commit()
  }

  async abort(reason?: unknown): Promise<void> {
    await this.#sink.abort(reason)
  }

  async #beginBlock(entry: TocEntry, type: number): Promise<void> {
    if (this.#positions.has(entry)) {
      throw new ArchiveError('USAGE', `Cannot write data of TOC entry ${entry.dumpId}: it has been written already`, {
        dumpId: entry.dumpId,
      })
    }
    this.#positions.set(entry, this.#sink.position)
    const builder = new Builder(this.#layout)
    builder.writeByte(type) // 1 byte  type
    builder.writeInt(entry.dumpId) // Int  dumpId
    await this.#sink.write(builder.bytes())
  }

  /** One stream as Chunks: in the frames that it has, or in new ones. */
  async #chunks(data: DataToWrite, context: DecodeContext, rule: ChunkRule): Promise<void> {
    if (data.kind === 'stored' && this.#fits(data.framing)) {
      data.framing?.keep()
      return await this.#copy(data, context)
    }
    const framer = new ChunkFramer(rule)
    const drain = (): Promise<void> | undefined =>
      framer.length < FLUSH_BYTES ? undefined : this.#sink.write(framer.take())
    const isOthers = data.kind === 'stored' && this.container === 'zstd'
    const add = isOthers ? addingFrames(framer) : (bytes: Uint8Array): void => framer.add(bytes)
    await encodeData(data, this.#settings, context, add, drain)
    framer.end()
    await this.#sink.write(framer.take())
  }

  async #copy(data: DataToWrite & { readonly kind: 'stored' }, context: DecodeContext): Promise<void> {
    try {
      checkContainer(data.container, this.#settings, context)
      await writeChunks(data.chunks, this.#sink)
    } finally {
      await data.chunks.cancel()
    }
  }

  #fits(framing: { readonly intSize: number; readonly signByte: boolean } | undefined): boolean {
    return framing?.intSize === this.#layout.intSize && framing.signByte === this.#layout.signByte
  }

  /** An OID as C writes it: negative from 2^31 on. */
  #int(oid: number): Uint8Array {
    const builder = new Builder(this.#layout)
    builder.writeInt(oid | 0)
    return builder.bytes()
  }

  /** The second pass, as WriteToc of pg_dump: offsets are as long as their absence, so nothing moves. */
  async #setOffsets(header: ArchiveHeader, writeAt: NonNullable<Sink['writeAt']>): Promise<void> {
    const extraOf = (entry: TocEntry): EntryExtra => {
      const position = this.#positions.get(entry)
      return position === undefined ? withoutOffset(entry) : { kind: 'offset', flag: 'set', position }
    }
    let at = this.#tocStart
    for (const piece of tocPieces(this.#toc, header, extraOf)) {
      await writeAt(piece, at)
      at += piece.length
    }
    if (at === this.#tocEnd) return
    throw new ArchiveError(
      'USAGE',
      `Cannot finish the archive: its table of contents has ${at - this.#tocStart} bytes, had ${this.#tocEnd - this.#tocStart} when it was begun`,
      { hint: 'The entries of a view must stay the same while it is written' },
    )
  }
}

/** Offsets of the first pass (_ArchiveEntry, pg_backup_custom.c). */
function withoutOffset(entry: TocEntry): EntryExtra {
  return { kind: 'offset', flag: holdsData(entry) ? 'not-set' : 'no-data', position: 0 }
}
