import { ArchiveError } from '../errors.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DirectoryAccess } from '../io/directory.ts'
import { pullFrom, pullOver, type Pull } from '../io/pull.ts'
import type { EntryTable } from '../toc/table.ts'
import type { ParsedToc } from '../toc/toc.ts'
import type { ArchiveHeader, ArchiveSettings, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import type { DecodeContext } from '../codec/codec.ts'
import { DecodeAhead, decodeWhole, iterate } from './decode-ahead.ts'
import { checkFileName, findFile, missingFile, noDirectory, type ArchiveFile } from './directory-files.ts'
import { readLargeObjectList, type LargeObjectLine } from './large-object-list.ts'
import { OpenStreams } from './open-streams.ts'
import { readToc } from './read-toc.ts'
import type { FormatReader, ReadOptions, ReaderOptions, StoredBlock, StoredLargeObject } from './reader.ts'
import { checkedData, dataContext, noData, objectContext, type StoredData } from './stored-data.ts'
import { WindowChunks } from './window-chunks.ts'

/**
 * Opens a directory archive (InitArchiveFmt_Directory, pg_backup_directory.c).
 * @throws ArchiveError NOT_AN_ARCHIVE when there is no toc.dat, and what reading it throws
 */
export async function openDirectoryArchive(dir: DirectoryAccess, options: ReaderOptions): Promise<FormatReader> {
  const toc = await findFile(dir, 'toc.dat')
  if (toc === undefined) throw await noToc(dir)
  const context: DecodeContext = { action: `read "${toc.name}"`, file: toc.name }
  const stored = await openFileData(dir, toc, context, options)
  const data = stored.container === 'none' ? stored.input : decodeWhole(stored, options)
  const pull = pullFrom(iterate(data), { signal: options.signal })
  try {
    return await openTocFile(pull, dir, options)
  } finally {
    await pull.close()
    await data.cancel()
  }
}

/**
 * Opens an archive by the content of its toc.dat.
 * @param dir where the data lie; undefined when only the table of contents is there
 */
export async function openTocFile(
  pull: Pull,
  dir: DirectoryAccess | undefined,
  options: ReaderOptions,
): Promise<FormatReader> {
  const parsed = await readToc(pull, { ...options, format: 'directory' })
  return new DirectoryReader(parsed, dir ?? noDirectory, options)
}

/** The stored bytes of a file; the file is closed at the end, on errors and on cancel. */
async function openFileData(
  dir: DirectoryAccess,
  file: ArchiveFile,
  context: DecodeContext,
  options: ReaderOptions,
): Promise<StoredData> {
  const source = await dir.open(file.name)
  const pull = pullOver(source, { signal: options.signal })
  const chunks = new WindowChunks(pull, source.size, () => shrunk(context, file.name, pull.position))
  const input: ChunkSource = {
    async next() {
      const chunk = await chunks.next()
      if (chunk === null) await source.close()
      return chunk
    },
    cancel: () => source.close(),
  }
  const stored = { input, context, storedBytes: source.size }
  if (file.container !== 'gzip') return { ...stored, container: file.container }
  try {
    return { ...stored, container: (await beginsGzip(pull)) ? 'gzip' : 'none' }
  } catch (error) {
    await source.close()
    throw error
  }
}

/** zlib's own reader of .gz files, which pg_restore uses, gives a file that is none as it is. */
async function beginsGzip(pull: Pull): Promise<boolean> {
  await pull.fill(2)
  return pull.available < 2 || (pull.buffer[pull.start] === 0x1f && pull.buffer[pull.start + 1] === 0x8b)
}

function shrunk(context: DecodeContext, file: string, offset: number): ArchiveError {
  return new ArchiveError(
    'UNEXPECTED_EOF',
    `Cannot ${context.action}: ${file} ended at offset ${offset} while it was read`,
    {
      dumpId: context.dumpId,
      file,
      offset,
    },
  )
}

async function noToc(dir: DirectoryAccess): Promise<ArchiveError> {
  const names = await dir.list()
  const hasData = names.some((name) => /^[0-9]+\.dat(?:\.gz|\.lz4|\.zst)?$/.test(name))
  return new ArchiveError('NOT_AN_ARCHIVE', `Cannot open "${dir.path}": the directory has no toc.dat`, {
    file: 'toc.dat',
    hint: hasData
      ? 'There are data files, but without toc.dat nobody can tell what they belong to: look for it where they came from'
      : 'Open the directory that pg_dump -Fd made',
    details: {
      pgRestore: `directory "${dir.path}" does not appear to be a valid archive ("toc.dat" does not exist)`,
    },
  })
}

/** Reader of directory archives (pg_backup_directory.c). */
class DirectoryReader implements FormatReader {
  readonly format = 'directory'
  readonly seekable = true
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly #parsed: ParsedToc
  readonly #dir: DirectoryAccess
  readonly #options: ReaderOptions
  readonly #decoding: DecodeAhead
  readonly #streams = new OpenStreams()
  /** Sizes of the files that were looked for, by recorded name. */
  readonly #sizes = new Map<string, number>()

  constructor(parsed: ParsedToc, dir: DirectoryAccess, options: ReaderOptions) {
    this.header = parsed.header
    this.settings = parsed.settings
    this.#parsed = parsed
    this.#dir = dir
    this.#options = options
    this.#decoding = new DecodeAhead(options, {
      open: (entry) => this.#openEntry(entry),
      sizeOf: (entry) => this.#sizeOf(entry),
    })
  }

  get toc(): readonly TocEntry[] {
    return this.#parsed.toc
  }

  get table(): EntryTable {
    return this.#parsed.table
  }

  plan(entries: readonly TocEntry[]): void {
    this.#decoding.plan(entries.filter((entry) => entry.data.state === 'file' && entry.desc !== 'BLOBS'))
  }

  storedBytes(entry: TocEntry): number | undefined {
    return entry.data.state === 'file' ? this.#sizes.get(entry.data.filename) : undefined
  }

  data(entry: TocEntry, options: ReadOptions): ByteStream {
    return this.#streams.stream(async () => {
      if (options.raw === true) return (await this.#openEntry(entry)).input
      return checkedData(entry, await this.#decoding.take(entry))
    }, options.signal)
  }

  async *largeObjects(entry: TocEntry, options: ReadOptions): AsyncGenerator<StoredLargeObject, void, void> {
    this.#streams.check()
    const lines = await this.#openList(entry, options)
    try {
      for await (const { oid, file } of lines.read()) {
        yield { oid, data: this.#objectData(entry, oid, file, options) }
        this.#streams.check()
        options.signal?.throwIfAborted()
      }
    } finally {
      await lines.close()
    }
  }

  async *blocks(options: ReadOptions): AsyncGenerator<StoredBlock, void, void> {
    this.plan(this.toc)
    for (const entry of this.toc) {
      if (entry.data.state !== 'file') continue
      this.#streams.check()
      const { dumpId } = entry
      if (entry.desc === 'BLOBS') yield { kind: 'large-objects', dumpId, objects: this.largeObjects(entry, options) }
      else yield { kind: 'data', dumpId, data: this.data(entry, options) }
    }
  }

  async close(): Promise<void> {
    await this.#streams.close()
    await this.#decoding.close()
  }

  #objectData(entry: TocEntry, oid: number, name: string, options: ReadOptions): ByteStream {
    return this.#streams.stream(async () => {
      const stored = await this.#openNamed(name, objectContext(entry.dumpId, oid, name), entry.dumpId)
      return options.raw === true ? stored.input : this.#decoding.decode(stored)
    }, options.signal)
  }

  async #openEntry(entry: TocEntry): Promise<StoredData> {
    const { data, dumpId } = entry
    if (data.state !== 'file') throw noData(dumpId)
    return await this.#openNamed(data.filename, dataContext(entry, data.filename), dumpId)
  }

  async #sizeOf({ data }: TocEntry): Promise<number | undefined> {
    return data.state === 'file' ? (await findFile(this.#dir, data.filename))?.size : undefined
  }

  async #openNamed(name: string, context: DecodeContext, dumpId: number): Promise<StoredData> {
    checkFileName(name, dumpId, this.#options.limits.fileNameBytes)
    const file = await findFile(this.#dir, name)
    if (file === undefined) {
      const text = `could not open input file "${this.#dir.path}/${name}": No such file or directory`
      throw missingFile(context.action, name, dumpId, text)
    }
    this.#sizes.set(name, file.size)
    return await openFileData(this.#dir, file, context, this.#options)
  }

  /** The lines of the list of large objects that belongs to an entry. */
  async #openList(
    entry: TocEntry,
    options: ReadOptions,
  ): Promise<{ read(): AsyncIterable<LargeObjectLine>; close(): Promise<void> }> {
    const { name, file } = await this.#findList(entry)
    const context = { action: `read the large objects of TOC entry ${entry.dumpId}`, dumpId: entry.dumpId, file: name }
    const chunks = await this.#streams.source(
      async () => this.#decoding.decode(await openFileData(this.#dir, file, context, this.#options)),
      options.signal,
    )
    const prefix = `${this.#dir.path}/`
    return {
      read: () => readLargeObjectList(chunks, { dumpId: entry.dumpId, name, prefix }),
      close: () => chunks.cancel(),
    }
  }

  /**
   * Before 1.16 the list is blobs.toc whatever is recorded, since old releases recorded another name. From 1.16 on the
   * recorded name counts; an unpacked tar archive records `<dumpId>.dat`, and has blobs_<dumpId>.toc.
   */
  async #findList(entry: TocEntry): Promise<{ name: string; file: ArchiveFile }> {
    const { data, dumpId } = entry
    if (data.state !== 'file') throw noData(dumpId)
    const grouped = featuresOf(this.header.version).relkindAndBlobGroups
    const name = grouped ? data.filename : 'blobs.toc'
    checkFileName(name, dumpId, this.#options.limits.fileNameBytes)
    const file = await findFile(this.#dir, name)
    if (file !== undefined) return { name, file }
    const ofTar = `blobs_${dumpId}.toc`
    const unpacked = grouped && name !== ofTar ? await findFile(this.#dir, ofTar) : undefined
    if (unpacked !== undefined) return { name: ofTar, file: unpacked }
    const text = `could not open large object TOC file "${this.#dir.path}/${name}" for input: No such file or directory`
    throw missingFile(`read the large objects of TOC entry ${dumpId}`, name, dumpId, text)
  }
}
