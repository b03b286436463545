import type { EncoderSettings } from '../codec/encoder.ts'
import type { Algorithm, Container, DecodeContext } from '../codec/codec.ts'
import { encodeByteString } from '../bytes/byte-string.ts'
import { chunksOf } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DirectorySink, Sink } from '../io/output.ts'
import type { TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { writeHead } from '../toc/write-head.ts'
import { tocPieces } from '../toc/write-toc.ts'
import { encodeData, writeChunks, writeContext } from './encode-data.ts'
import type { VerbatimFile } from './verbatim.ts'
import { checkDataWritten, checkOid, checkOneGroup } from './write-errors.ts'
import {
  holdsData,
  type ArchiveToWrite,
  type DataToWrite,
  type FormatWriter,
  type LargeObjectToWrite,
} from './writer.ts'

/** Compressed bytes are written when there are so many of them. */
const FLUSH_BYTES = 128 * 1024
/** Room at first: a directory may have very many files of a few bytes. */
const FIRST_BYTES = 4096

const suffixes: Readonly<Record<Algorithm, string>> = { none: '', gzip: '.gz', lz4: '.lz4', zstd: '.zst' }

/** Writes a directory archive (pg_backup_directory.c): a file for each entry's data and each large object, toc.dat last. */
export class DirectoryWriter implements FormatWriter {
  readonly format = 'directory'
  readonly inOrder = false
  readonly #output: DirectorySink
  readonly #settings: EncoderSettings
  readonly #suffix: string
  readonly #written = new Set<TocEntry>()
  #toc: readonly TocEntry[] = []
  #tocBytes: Iterable<Uint8Array> = []
  #grouped = false

  constructor(output: DirectorySink, settings: EncoderSettings & { readonly container: Algorithm }) {
    this.#output = output
    this.#settings = settings
    this.#suffix = suffixes[settings.container]
  }

  get container(): Container {
    return this.#settings.container
  }

  async begin({ header, toc }: ArchiveToWrite): Promise<void> {
    checkOneGroup(toc, this.format, header.version)
    this.#grouped = featuresOf(header.version).relkindAndBlobGroups
    this.#toc = toc
    const head = writeHead(header)
    const pieces = tocPieces(toc, header, (entry) => ({ kind: 'file', name: this.#fileName(entry) }))
    this.#tocBytes = inTurn([head], pieces)
  }

  async data(entry: TocEntry, data: DataToWrite): Promise<void> {
    this.#written.add(entry)
    await this.#file(`${entry.dumpId}.dat`, data, writeContext(entry.dumpId))
  }

  async largeObjects(entry: TocEntry, objects: AsyncIterable<LargeObjectToWrite>): Promise<void> {
    this.#written.add(entry)
    const lines: string[] = []
    for await (const { oid, data } of objects) {
      checkOid(oid, entry.dumpId)
      const name = `blob_${oid}.dat`
      lines.push(`${oid} ${name}\n`)
      await this.#file(name, data, writeContext(entry.dumpId, oid))
    }
    await this.#whole(this.#listName(entry), chunksOf([encodeByteString(lines.join(''))]))
  }

  async finish(): Promise<void> {
    checkDataWritten(this.#toc, this.#written)
    await this.#whole('toc.dat', chunksOf(this.#tocBytes))
    await this.#output.commit()
  }

  async copy(files: readonly VerbatimFile[]): Promise<void> {
    for (const { name, open } of files) await this.#whole(name, await open())
    await this.#output.commit()
  }

  async abort(reason?: unknown): Promise<void> {
    await this.#output.abort(reason)
  }

  #fileName(entry: TocEntry): string {
    if (!holdsData(entry)) return ''
    if (entry.desc !== 'BLOBS') return `${entry.dumpId}.dat`
    return (this.#grouped ? undefined : oldListName(entry)) ?? this.#listName(entry)
  }

  #listName({ dumpId }: TocEntry): string {
    return this.#grouped ? `blobs_${dumpId}.toc` : 'blobs.toc'
  }

  async #file(name: string, data: DataToWrite, context: DecodeContext): Promise<void> {
    const sink = await this.#create(name + this.#suffix, data.chunks)
    try {
      const pending = new Gathered()
      const write = (): Promise<void> => sink.write(pending.take())
      const drain = (): Promise<void> | undefined => (pending.length < FLUSH_BYTES ? undefined : write())
      await encodeData(data, this.#settings, context, (bytes) => pending.add(bytes), drain)
      await write()
      await sink.commit()
    } catch (error) {
      await sink.abort(error)
      throw error
    }
  }

  /** A file for what comes, which is released if there can be none. */
  async #create(name: string, chunks: ChunkSource): Promise<Sink> {
    try {
      return await this.#output.file(name)
    } catch (error) {
      await chunks.cancel()
      throw error
    }
  }

  async #whole(name: string, chunks: ChunkSource): Promise<void> {
    const sink = await this.#create(name, chunks)
    try {
      await writeChunks(chunks, sink)
      await sink.commit()
    } catch (error) {
      await sink.abort(error)
      throw error
    }
  }
}

/**
 * What 9.5 recorded for the list of large objects, the name of a file that is not there: nobody reads it
 * before 1.16, and what nobody asked to change stays.
 */
function oldListName({ data, dumpId }: TocEntry): string | undefined {
  const old = `${dumpId}.dat`
  return data.state === 'file' && data.filename === old ? old : undefined
}

function* inTurn(...parts: readonly Iterable<Uint8Array>[]): Generator<Uint8Array, void, void> {
  for (const part of parts) yield* part
}

/** Bytes that are lent by an encoder, kept until they are written. */
class Gathered {
  #buffer = new Uint8Array(FIRST_BYTES)
  #end = 0

  get length(): number {
    return this.#end
  }

  add(bytes: Uint8Array): void {
    const needed = this.#end + bytes.length
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length))
      larger.set(this.#buffer.subarray(0, this.#end))
      this.#buffer = larger
    }
    this.#buffer.set(bytes, this.#end)
    this.#end = needed
  }

  /** Everything, valid until the next `add`. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(0, this.#end)
    this.#end = 0
    return taken
  }
}
