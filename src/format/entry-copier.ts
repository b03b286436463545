import { blockContainerOf, type Algorithm } from '../codec/codec.ts'
import { gzipToZlib, scanGzip, zlibToGzip } from '../codec/rewrap.ts'
import type { ArchiveFormat, TocEntry } from '../toc/types.ts'
import { writeContext } from './encode-data.ts'
import type { DataStream, StoredForm } from './stored-data.ts'
import type { DataToWrite, FormatWriter, LargeObjectToWrite } from './writer.ts'

/** How streams of data came from one archive to the other: table data and large objects each count. */
export interface CopyCounts {
  /** As they were stored. */
  readonly copied: number
  /** The same deflate data in another wrapping. */
  readonly rewrapped: number
  /** Decompressed and compressed again, as far as either is compressed. */
  readonly compressed: number
}

/** Hands data of a view to a writer, as they are stored where that is possible. */
export class EntryCopier {
  readonly #writer: FormatWriter
  /** Data may be in the container that the writer wants, or in one that can become it. */
  readonly copies: boolean
  readonly #counts = { copied: 0, rewrapped: 0, compressed: 0 }

  /**
   * @param source what the archive below says of its data; files of a directory may differ from that
   * @param recompress do not copy
   */
  constructor(
    writer: FormatWriter,
    source: { readonly format: ArchiveFormat; readonly algorithm: Algorithm | 'unknown' },
    recompress: boolean,
  ) {
    this.#writer = writer
    const { algorithm, format } = source
    const isTarget = (container: string): boolean =>
      container === writer.container || (container === 'zlib' ? writer.container === 'gzip' : false)
    const known = algorithm === 'unknown' ? undefined : format === 'custom' ? blockContainerOf(algorithm) : algorithm
    const maybe = known !== undefined && (isTarget(known) || (known === 'gzip' && writer.container === 'zlib'))
    this.copies = !recompress && maybe
  }

  get counts(): CopyCounts {
    return { ...this.#counts }
  }

  async data(entry: TocEntry, stream: DataStream): Promise<void> {
    const data = await this.#dataOf(stream, entry)
    try {
      await this.#writer.data(entry, data)
    } finally {
      // the writer may fail before it comes to them
      await data.chunks.cancel()
    }
  }

  async largeObjects(
    entry: TocEntry,
    objects: AsyncIterable<{ readonly oid: number; readonly data: DataStream }>,
  ): Promise<void> {
    await this.#writer.largeObjects(entry, this.#objects(entry, objects))
  }

  async *#objects(
    entry: TocEntry,
    objects: AsyncIterable<{ readonly oid: number; readonly data: DataStream }>,
  ): AsyncGenerator<LargeObjectToWrite, void, void> {
    for await (const { oid, data: stream } of objects) {
      const data = await this.#dataOf(stream, entry, oid)
      try {
        yield { oid, data }
      } finally {
        await data.chunks.cancel()
      }
    }
  }

  async #dataOf(stream: DataStream, entry: TocEntry, oid?: number): Promise<DataToWrite> {
    const form = this.copies ? await stream.stored?.() : undefined
    const stored = form === undefined ? undefined : await this.#storedData(form, stream, entry, oid)
    if (stored !== undefined) return stored
    this.#counts.compressed++
    return { kind: 'content', chunks: stream.borrow() }
  }

  /** Undefined where the data have to be decompressed: they can be asked for again then. */
  async #storedData(
    form: StoredForm,
    stream: DataStream,
    entry: TocEntry,
    oid: number | undefined,
  ): Promise<DataToWrite | undefined> {
    const { container } = this.#writer
    const context = writeContext(entry.dumpId, oid)
    // a file of no bytes is empty whatever its name says: pg_dump makes such of data that are empty
    const isEmptyFile = form.container === 'none' && form.bytes === 0 && this.#writer.format === 'directory'
    if (form.container === container || isEmptyFile) {
      this.#counts.copied++
      return { kind: 'stored', ...form, container }
    }
    if (form.container === 'zlib' && container === 'gzip') {
      this.#counts.rewrapped++
      return { kind: 'stored', container, chunks: zlibToGzip(form.chunks, context) }
    }
    if (form.container !== 'gzip' || container !== 'zlib' || !form.repeatable) {
      await form.chunks.cancel()
      return undefined
    }
    const found = await scanGzip(form.chunks)
    const again = found === undefined ? undefined : await stream.stored?.()
    if (found === undefined || again === undefined) return undefined
    this.#counts.rewrapped++
    return { kind: 'stored', container, chunks: gzipToZlib(again.chunks, found, context) }
  }
}
