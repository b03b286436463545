import type { EncoderSettings } from '../codec/encoder.ts'
import type { DecodeContext } from '../codec/codec.ts'
import { encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import { chunksOf } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Sink } from '../io/output.ts'
import { pullOver } from '../io/pull.ts'
import { spool } from '../io/spool.ts'
import type { Limits } from '../limits.ts'
import type { TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { writeHead } from '../toc/write-head.ts'
import { writeToc } from '../toc/write-toc.ts'
import { iterate } from './decode-ahead.ts'
import { checkContainer, writeChunks, writeContext } from './encode-data.ts'
import { readTarHeader, tarBlockBytes, tarPadding } from './tar-header.ts'
import { writeTarHeader } from './tar-header-writer.ts'
import type { VerbatimFile } from './verbatim.ts'
import { WindowChunks } from './window-chunks.ts'
import { checkDataWritten, checkOid, checkOneGroup } from './write-errors.ts'
import {
  holdsData,
  type ArchiveToWrite,
  type DataToWrite,
  type FormatWriter,
  type LargeObjectToWrite,
} from './writer.ts'

/** A member of unknown size is gathered up to this many bytes before its header is written. */
const GATHER_BYTES = 1024 * 1024

/** How a tar archive is written. */
export interface TarWriterOptions {
  /** Time of every member that is not copied with its header, in seconds since 1970; default now. */
  readonly mtime?: number | undefined
  /** Of the temporary file for a large member. */
  readonly limits?: Limits | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes a tar archive (pg_backup_tar.c): toc.dat, the data members in the order in which they come, restore.sql, two
 * blocks of zeros. A member's size stands before it: where it is not known, the header is written again if the output
 * can go back, and large members are spooled to a temporary file if it cannot.
 */
export class TarWriter implements FormatWriter {
  readonly format = 'tar'
  readonly container = 'none'
  readonly inOrder = true
  readonly #sink: Sink
  readonly #options: TarWriterOptions
  readonly #written = new Set<TocEntry>()
  #archive: ArchiveToWrite | undefined
  #listName: (entry: TocEntry) => string = () => 'blobs.toc'

  constructor(sink: Sink, options: TarWriterOptions = {}) {
    this.#sink = sink
    this.#options = options
  }

  async begin(archive: ArchiveToWrite): Promise<void> {
    const { header, toc } = archive
    this.#archive = archive
    checkOneGroup(toc, this.format, header.version)
    if (featuresOf(header.version).relkindAndBlobGroups) this.#listName = ({ dumpId }) => `blobs_${dumpId}.toc`
    const head = writeHead(header)
    const { bytes } = writeToc(toc, header, (entry) => ({
      kind: 'file',
      name: holdsData(entry) ? `${entry.dumpId}.dat` : '',
    }))
    await this.#putHeader('toc.dat', head.length + bytes.length)
    await this.#sink.write(head)
    await this.#sink.write(bytes)
    await this.#pad(head.length + bytes.length)
  }

  async data(entry: TocEntry, data: DataToWrite): Promise<void> {
    this.#written.add(entry)
    await this.#member(`${entry.dumpId}.dat`, data, writeContext(entry.dumpId))
  }

  async largeObjects(entry: TocEntry, objects: AsyncIterable<LargeObjectToWrite>): Promise<void> {
    this.#written.add(entry)
    let list = ''
    for await (const { oid, data } of objects) {
      checkOid(oid, entry.dumpId)
      const name = `blob_${oid}.dat`
      list += `${oid} ${name}\n`
      await this.#member(name, data, writeContext(entry.dumpId, oid))
    }
    const bytes = encodeByteString(list)
    await this.#known(this.#listName(entry), chunksOf([bytes]), bytes.length)
  }

  async finish(): Promise<void> {
    const { toc, restoreScript } = this.#archive ?? { toc: [] }
    checkDataWritten(toc, this.#written)
    if (restoreScript !== undefined) {
      const context = { action: 'write restore.sql' }
      await this.#member('restore.sql', { kind: 'content', chunks: restoreScript() }, context)
    }
    await this.#sink.write(new Uint8Array(2 * tarBlockBytes))
    await this.#sink.commit()
  }

  async copy(files: readonly VerbatimFile[]): Promise<void> {
    for (const { open } of files) await writeChunks(await open(), this.#sink)
    await this.#sink.commit()
  }

  async abort(reason?: unknown): Promise<void> {
    await this.#sink.abort(reason)
  }

  async #member(name: string, data: DataToWrite, context: DecodeContext): Promise<void> {
    const { chunks, bytes } = data
    try {
      if (data.kind === 'stored') checkContainer(data.container, tarSettings, context)
      if (bytes === undefined) return await this.#gathered(name, chunks)
      const stored = data.kind === 'stored' ? data.memberHeader : undefined
      await this.#known(
        name,
        chunks,
        bytes,
        stored !== undefined && isHeaderOf(stored, name, bytes) ? stored : undefined,
      )
    } finally {
      await chunks.cancel()
    }
  }

  /** A member whose size is known. */
  async #known(name: string, chunks: ChunkSource, size: number, header?: Uint8Array): Promise<void> {
    if (header === undefined) await this.#putHeader(name, size)
    else await this.#sink.write(header)
    const written = await this.#copy(chunks)
    if (written !== size) {
      throw new ArchiveError(
        'UNEXPECTED_EOF',
        `Cannot write tar member "${name}": ${written} bytes came, not ${size}`,
        {
          file: name,
        },
      )
    }
    await this.#pad(size)
  }

  /** A member whose size shows at its end. */
  async #gathered(name: string, chunks: ChunkSource): Promise<void> {
    const gathered: Uint8Array[] = []
    let size = 0
    while (size < GATHER_BYTES) {
      const chunk = await chunks.next()
      if (chunk === null) return await this.#known(name, chunksOf(gathered), size)
      gathered.push(chunk.slice())
      size += chunk.length
    }
    const rest = withFirst(gathered, chunks)
    const { writeAt } = this.#sink
    if (writeAt === undefined) return await this.#spooled(name, rest)
    const start = this.#sink.position
    await this.#putHeader(name, 0)
    size = await this.#copy(rest)
    await this.#pad(size)
    await writeAt(this.#header(name, size), start)
  }

  async #spooled(name: string, chunks: ChunkSource): Promise<void> {
    const { limits, signal } = this.#options
    const file = await spool(iterate(chunks), { limits, signal })
    try {
      await this.#known(name, new WindowChunks(pullOver(file, { signal })), file.size)
    } finally {
      await file.close()
    }
  }

  async #copy(chunks: ChunkSource): Promise<number> {
    let bytes = 0
    for (let chunk = await chunks.next(); chunk !== null; chunk = await chunks.next()) {
      await this.#sink.write(chunk)
      bytes += chunk.length
    }
    return bytes
  }

  async #putHeader(name: string, size: number): Promise<void> {
    await this.#sink.write(this.#header(name, size))
  }

  #header(name: string, size: number): Uint8Array {
    return writeTarHeader({ name, size, mtime: this.#options.mtime ?? Math.floor(Date.now() / 1000) })
  }

  async #pad(size: number): Promise<void> {
    const padding = tarPadding(size)
    if (padding > 0) await this.#sink.write(new Uint8Array(padding))
  }
}

const tarSettings: EncoderSettings = { container: 'none' }

/** A header that was read says no more than this name and size. */
function isHeaderOf(block: Uint8Array, name: string, size: number): boolean {
  if (block.length !== tarBlockBytes) return false
  const header = readTarHeader(block, 0, 0)
  return header !== null && header.name === name && header.size === size && header.type === '0'
}

/** `first`, then the rest of `source`. */
function withFirst(first: readonly Uint8Array[], source: ChunkSource): ChunkSource {
  let next = 0
  return {
    next: async () => first[next++] ?? (await source.next()),
    cancel: () => source.cancel(),
  }
}
