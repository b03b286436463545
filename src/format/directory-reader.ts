import type { DecodeContext } from '../codec/codec.ts'
import { ArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DirectoryAccess } from '../io/directory.ts'
import { pullFrom, pullOver, type Pull } from '../io/pull.ts'
import type { EntryTable } from '../toc/table.ts'
import type { ParsedToc } from '../toc/toc.ts'
import type { ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { DataStreams } from './data-streams.ts'
import { decodeWhole, iterate } from './decode-ahead.ts'
import {
  allFiles,
  beginsGzip,
  checkFileName,
  fileSizes,
  findFile,
  missingFile,
  noDirectory,
  sizeIn,
  smallFile,
  type ArchiveFile,
} from './directory-files.ts'
import { ObjectsOfToc } from './expected-objects.ts'
import { hints } from './hints.ts'
import type { LargeObjectLine } from './large-object-list.ts'
import type { ArchiveLayout } from './layout.ts'
import { readToc } from './read-toc.ts'
import type { FormatReader, ReadOptions, ReaderInput, ReaderOptions, StoredBlock, StoredLargeObject } from './reader.ts'
import {
  AT_HAND_BYTES,
  dataContext,
  dataFileOf,
  listContext,
  objectContext,
  type DataStream,
  type StoredAtHand,
  type StoredData,
} from './stored-data.ts'
import { ifReadable, type StoredSizes } from './stored-sizes.ts'
import { checkPresence, type VerbatimArchive, type VerbatimFile } from './verbatim.ts'
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
  const whole = stored.container === 'none' ? undefined : decodeWhole(stored, options)
  const data = whole ?? stored.input
  const pull = pullFrom(iterate(data), { signal: options.signal })
  try {
    return await openTocFile({ pull, storedBytes: whole?.storedBytes }, dir, options)
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
  { pull, storedBytes }: Omit<ReaderInput, 'source'>,
  dir: DirectoryAccess | undefined,
  options: ReaderOptions,
): Promise<FormatReader> {
  const parsed = await readToc(pull, { ...options, format: 'directory', storedBytes })
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
  if (file.container === 'gzip' && source.size === 0) {
    await source.close()
    throw emptyGzip(context, file.name)
  }
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
  const stored = { input, context, storedBytes: source.size, repeatable: true }
  if (file.container !== 'gzip') return { ...stored, container: file.container }
  try {
    return { ...stored, container: (await isGzip(pull)) ? 'gzip' : 'none' }
  } catch (error) {
    await source.close()
    throw error
  }
}

/** Even of no data a gzip file has 20 bytes. */
function emptyGzip({ action, dumpId }: DecodeContext, file: string): ArchiveError {
  return new ArchiveError('UNEXPECTED_EOF', `Cannot ${action}: "${file}" has 0 bytes, a gzip file has 20 or more`, {
    offset: 0,
    dumpId,
    file,
    hint: hints.incomplete,
  })
}

async function isGzip(pull: Pull): Promise<boolean> {
  return !(await pull.fill(2)) || beginsGzip(pull.buffer.subarray(pull.start))
}

function shrunk(context: DecodeContext, file: string, offset: number): ArchiveError {
  return new ArchiveError(
    'UNEXPECTED_EOF',
    `Cannot ${context.action}: "${file}" ends at offset ${offset}, earlier than when it was opened`,
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
  readonly directory: string
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly #parsed: ParsedToc
  readonly #dir: DirectoryAccess
  readonly #options: ReaderOptions
  readonly #objects: ObjectsOfToc
  readonly #streams: DataStreams
  /** Files that were looked up ahead and not opened since. */
  readonly #found = new Map<string, ArchiveFile>()
  /** For files that are read at once. */
  #small: Uint8Array | undefined

  constructor(parsed: ParsedToc, dir: DirectoryAccess, options: ReaderOptions) {
    this.header = parsed.header
    this.settings = parsed.settings
    this.#parsed = parsed
    this.#objects = new ObjectsOfToc(parsed.table, parsed.header.version)
    this.#dir = dir
    this.directory = dir.path
    this.#options = options
    this.#streams = new DataStreams(options, {
      open: (entry) => this.#openEntry(entry),
      sizeOf: (entry) => this.#sizeOf(entry),
      atHand: (entry) => this.#atHand(entry),
    })
  }

  get toc(): readonly TocEntry[] {
    return this.#parsed.toc
  }

  get table(): EntryTable {
    return this.#parsed.table
  }

  plan(entries: readonly TocEntry[]): void {
    this.#streams.plan(entries.filter((entry) => entry.data.state === 'file' && entry.desc !== 'BLOBS'))
  }

  async storedSizes(signal: AbortSignal | undefined): Promise<StoredSizes> {
    this.#streams.check()
    const sizes = await fileSizes(this.#dir, signal)
    const dataBytes = new Map<DumpId, number>()
    for (const entry of this.toc) {
      if (entry.data.state !== 'file') continue
      const { filename } = entry.data
      const bytes = entry.desc === 'BLOBS' ? await this.#sizeOfObjects(entry, sizes, signal) : sizeIn(sizes, filename)
      if (bytes !== undefined) dataBytes.set(entry.dumpId, bytes)
    }
    let archiveBytes = 0
    for (const size of sizes.values()) archiveBytes += size
    return { archiveBytes: sizes.size === 0 ? undefined : archiveBytes, dataBytes }
  }

  data(entry: TocEntry, options: ReadOptions): DataStream {
    return this.#streams.ofEntry(entry, options)
  }

  async *largeObjects(entry: TocEntry, options: ReadOptions): AsyncGenerator<StoredLargeObject, void, void> {
    this.#streams.check()
    for await (const { oid, file } of this.#listedObjects(entry, options.signal)) {
      const open = (): Promise<StoredData> =>
        this.#openNamed(file, objectContext(entry.dumpId, oid, file), entry.dumpId)
      yield { oid, data: this.#streams.of(open, options), file }
      this.#streams.check()
      options.signal?.throwIfAborted()
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

  async verbatim(signal: AbortSignal | undefined): Promise<VerbatimArchive> {
    await checkPresence(this, signal)
    const files: VerbatimFile[] = []
    for (const name of await this.#dir.list()) {
      if ((await this.#dir.stat(name))?.kind !== 'file') continue
      files.push({ name, open: () => this.#streams.source(() => this.#openAsIs(name), signal) })
    }
    return { kind: 'directory', files }
  }

  layout(signal: AbortSignal | undefined): ArchiveLayout {
    return { kind: 'directory', files: () => allFiles(this.#dir, signal) }
  }

  async close(): Promise<void> {
    await this.#streams.close()
  }

  async #openEntry(entry: TocEntry): Promise<StoredData> {
    const name = dataFileOf(entry)
    return await this.#openNamed(name, dataContext(entry, name), entry.dumpId)
  }

  async #sizeOf({ data }: TocEntry): Promise<number | undefined> {
    if (data.state !== 'file') return undefined
    const found = await findFile(this.#dir, data.filename)
    if (found !== undefined) this.#found.set(data.filename, found)
    return found?.size
  }

  #atHand({ data }: TocEntry): StoredAtHand | undefined {
    if (data.state !== 'file' || this.#dir.readSmall === undefined) return undefined
    this.#small ??= new Uint8Array(AT_HAND_BYTES)
    const found = smallFile(this.#dir, data.filename, this.#found.get(data.filename), this.#small)
    return found && { ...found, take: () => this.#found.delete(data.filename) }
  }

  async #openAsIs(name: string): Promise<ChunkSource> {
    const file: ArchiveFile = { name, container: 'none', size: 0 }
    const context = { action: `read "${name}"`, file: name }
    return (await openFileData(this.#dir, file, context, this.#options)).input
  }

  async #openNamed(name: string, context: DecodeContext, dumpId: number): Promise<StoredData> {
    checkFileName(name, dumpId, this.#options.limits.fileNameBytes)
    const file = this.#found.get(name) ?? (await findFile(this.#dir, name))
    this.#found.delete(name)
    if (file === undefined) {
      const text = `could not open input file "${this.#dir.path}/${name}": No such file or directory`
      throw missingFile(context.action, name, dumpId, text)
    }
    return await openFileData(this.#dir, file, context, this.#options)
  }

  /** Bytes of an entry's large objects and of their list; undefined when one of these files is not there. */
  async #sizeOfObjects(
    entry: TocEntry,
    sizes: ReadonlyMap<string, number>,
    signal: AbortSignal | undefined,
  ): Promise<number | undefined> {
    const sum = async (): Promise<number> => {
      let bytes = (await this.#findList(entry)).file.size
      for await (const { file } of this.#listedObjects(entry, signal)) bytes += sizeIn(sizes, file) ?? Number.NaN
      return bytes
    }
    const bytes = await untilAborted(ifReadable(sum()), signal)
    return Number.isNaN(bytes) ? undefined : bytes
  }

  /** The large objects of an entry, as its list names them. */
  async *#listedObjects(entry: TocEntry, signal: AbortSignal | undefined): AsyncGenerator<LargeObjectLine, void, void> {
    const { dumpId } = entry
    const { name, file } = await this.#findList(entry)
    const open = (): Promise<StoredData> => openFileData(this.#dir, file, listContext(dumpId, name), this.#options)
    const expected = this.#objects.of(entry)
    yield* this.#streams.linesOf(open, { dumpId, name, prefix: `${this.#dir.path}/`, expected }, signal)
  }

  /**
   * Before 1.16 the list is blobs.toc whatever is recorded, since old releases recorded another name. From 1.16 on the
   * recorded name counts; an unpacked tar archive records `<dumpId>.dat`, and has blobs_<dumpId>.toc.
   */
  async #findList(entry: TocEntry): Promise<{ name: string; file: ArchiveFile }> {
    const { dumpId } = entry
    const recorded = dataFileOf(entry)
    const grouped = featuresOf(this.header.version).relkindAndBlobGroups
    const name = grouped ? recorded : 'blobs.toc'
    checkFileName(name, dumpId, this.#options.limits.fileNameBytes)
    const file = await findFile(this.#dir, name)
    if (file !== undefined) return { name, file }
    const ofTar = `blobs_${dumpId}.toc`
    const unpacked = grouped && name !== ofTar ? await findFile(this.#dir, ofTar) : undefined
    if (unpacked !== undefined) return { name: ofTar, file: unpacked }
    const text = `could not open large object TOC file "${this.#dir.path}/${name}" for input: No such file or directory`
    throw missingFile(listContext(dumpId, name).action, name, dumpId, text)
  }
}
