import {
  aBoolean,
  aFunction,
  anArchiveFormat,
  aNumber,
  aSignal,
  checkOptions,
  oneOf,
  resolveLimits,
  type OptionKinds,
} from './check-options.ts'
import type { OnWarning } from './errors.ts'
import { openArchive } from './format/open.ts'
import type { FormatReader, ReaderOptions } from './format/reader.ts'
import type { StoredSizes } from './format/stored-sizes.ts'
import type { ArchiveInput } from './io/input.ts'
import type { LimitPreset, Limits } from './limits.ts'
import type { ArchiveFormat, TocEntry } from './toc/types.ts'
import type { ArchiveStorage, ArchiveView, DataBlock, DataOptions, LargeObject } from './view.ts'

/** How to open an archive. */
export interface OpenOptions {
  /** The container; found out from the content when not given. */
  readonly format?: ArchiveFormat
  /** The name of a preset, or changes to {@link defaultLimits}; every verb inherits them. */
  readonly limits?: LimitPreset | Partial<Limits>
  /** Copy a stream, or what is inside of a compressed archive, into a temporary file, so that data can be read in any order. */
  readonly spool?: boolean
  /** Read a file as if it were a stream; `tar`: only a tar archive, which is what pg_restore does. */
  readonly forwardOnly?: boolean | 'tar'
  /** Refuse what pg_restore does not recognise: a toc.dat without its directory, a tar file of the oldest kind (v7). */
  readonly asPgRestore?: boolean
  /** Called with what `pg_restore -v -v` notes on its way through a tar archive that is read as a stream; names are byte strings. */
  readonly onPosition?: (note: string) => void
  /** Bytes for buffers of reading, decompressing and look-ahead together. Default 128 MiB. */
  readonly maxBufferBytes?: number
  /**
   * Streams that are decompressed at the same time in Node's thread pool (gzip; zstd from Node.js 22.15 on); 0 does it all
   * on the calling thread. Default 2 at most, and no more than there are cores. Unless it is 0, `verify` of a large archive
   * has one more thread.
   */
  readonly workers?: number
  readonly onWarning?: OnWarning
  /** Ends the opening and every later read. */
  readonly signal?: AbortSignal
}

/** An archive that is open. */
export interface Archive extends ArchiveView, AsyncDisposable {
  readonly format: ArchiveFormat
  /** False: data must be asked for in archive order, each entry's once. */
  readonly seekable: boolean
  /**
   * What the archive and the data of its entries take. Opening does not look for that: a directory's files are asked
   * for their sizes, a tar file's members are walked through, a custom archive without offsets is scanned. Whatever
   * can be read only once is left alone and has no sizes.
   *
   * @example
   * ```ts
   * const { dataBytes } = await archive.storedSizes()
   * for (const entry of archive.toc) console.log(entry.tag, dataBytes.get(entry.dumpId))
   * ```
   */
  storedSizes(options?: { readonly signal?: AbortSignal }): Promise<StoredSizes>
  /** Ends every stream that is being read and releases all handles; safe more than once. */
  close(): Promise<void>
}

const defaultBufferBytes = 128 * 1024 * 1024
const leastBufferBytes = 1024 * 1024

/** All of {@link OpenOptions}. */
export const openOptionKinds: OptionKinds<OpenOptions> = {
  format: anArchiveFormat,
  limits: true,
  spool: aBoolean,
  forwardOnly: oneOf<boolean | 'tar'>(true, false, 'tar'),
  asPgRestore: aBoolean,
  onPosition: aFunction,
  maxBufferBytes: aNumber(`${leastBufferBytes} or more`, (value) => value >= leastBufferBytes),
  workers: aNumber('an integer, 0 or more', (value) => Number.isInteger(value) && value >= 0),
  onWarning: aFunction,
  signal: aSignal,
}

/**
 * Opens an archive of `pg_dump -Fc`, `-Fd` or `-Ft`: reads header and table of contents, and nothing else.
 *
 * @param input a path (file, directory, FIFO), bytes, a Blob, a {@link RandomAccess} or a stream
 * @throws ArchiveError NOT_AN_ARCHIVE, PLAIN_SQL, VERSION_TOO_NEW, UNEXPECTED_EOF, BAD_HEADER, BAD_TOC, BAD_TAR,
 *   MISSING_DATA_FILE, LIMIT_EXCEEDED, USAGE; file-system errors and `signal.reason` unwrapped
 * @example
 * ```ts
 * await using archive = await open('nightly.dump')
 * for (const entry of archive.toc) console.log(entry.desc, entry.tag)
 * ```
 */
export async function open(input: ArchiveInput, options: OpenOptions = {}): Promise<Archive> {
  checkOptions('open the archive', options, openOptionKinds)
  const settings = readerOptions(options)
  options.signal?.throwIfAborted()
  const { format, spool = false, forwardOnly = false, asPgRestore = false } = options
  const { reader, release } = await openArchive(input, settings, { format, spool, forwardOnly, asPgRestore })
  return new OpenedArchive(reader, settings.limits, release)
}

/** What a reader is told by these options. @throws ArchiveError USAGE */
export function readerOptions(options: OpenOptions): ReaderOptions {
  const { maxBufferBytes = defaultBufferBytes, workers } = options
  return {
    limits: resolveLimits('open the archive', options.limits),
    onWarning: options.onWarning ?? (() => undefined),
    maxBufferBytes,
    workers,
    onPosition: options.onPosition,
    signal: options.signal,
  }
}

class OpenedArchive implements Archive {
  readonly format: ArchiveFormat
  readonly header: ArchiveView['header']
  readonly settings: ArchiveView['settings']
  readonly limits: Limits
  readonly seekable: boolean
  readonly #reader: FormatReader
  readonly #release: () => Promise<void>
  #entries: ReadonlyMap<number, TocEntry> | undefined
  #closing: Promise<void> | undefined

  constructor(reader: FormatReader, limits: Limits, release: () => Promise<void>) {
    this.format = reader.format
    this.header = reader.header
    this.settings = reader.settings
    this.limits = limits
    this.seekable = reader.seekable
    this.#reader = reader
    this.#release = release
  }

  get toc(): readonly TocEntry[] {
    return this.#reader.toc
  }

  get storedEntryCount(): number {
    return this.#reader.table.length
  }

  scan(visit: (entry: TocEntry, index: number) => void): void {
    this.#reader.table.scan(visit)
  }

  entry(dumpId: number): TocEntry | undefined {
    if (this.#entries === undefined) {
      const entries = new Map<number, TocEntry>()
      for (const each of this.toc) entries.set(each.dumpId, each)
      this.#entries = entries
    }
    return this.#entries.get(dumpId)
  }

  data(entry: TocEntry, options: DataOptions = {}): ReturnType<ArchiveView['data']> {
    return this.#reader.data(entry, options)
  }

  largeObjects(entry: TocEntry, options: DataOptions = {}): AsyncIterable<LargeObject> {
    return this.#reader.largeObjects(entry, options)
  }

  async *blocks(options: DataOptions = {}): AsyncGenerator<DataBlock, void, void> {
    for await (const block of this.#reader.blocks(options)) {
      const { kind, dumpId } = block
      const entry = this.entry(dumpId)
      if (kind === 'data') yield { kind, dumpId, entry, data: block.data }
      else yield { kind, dumpId, entry, objects: block.objects }
    }
  }

  get storage(): ArchiveStorage {
    const reader = this.#reader
    return {
      format: reader.format,
      seekable: reader.seekable,
      directory: reader.directory,
      header: reader.header,
      get toc() {
        return reader.toc
      },
      storedSizes: (options = {}) => reader.storedSizes(options.signal),
      verbatim: (options = {}) => reader.verbatim(options.signal),
    }
  }

  plan(entries: readonly TocEntry[]): void {
    this.#reader.plan(entries)
  }

  async storedSizes(options: { readonly signal?: AbortSignal } = {}): Promise<StoredSizes> {
    options.signal?.throwIfAborted()
    return await this.#reader.storedSizes(options.signal)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    try {
      await this.#reader.close()
    } finally {
      await this.#release()
    }
  }
}
