import type { DataStream } from './format/stored-data.ts'
import type { StoredSizes } from './format/stored-sizes.ts'
import type { VerbatimArchive } from './format/verbatim.ts'
import type { Limits } from './limits.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from './toc/types.ts'

/** How to read the data of an entry. */
export interface DataOptions {
  /**
   * Give the bytes as stored (chunks joined, still compressed) instead of decompressed; of data that the view changes,
   * those of the archive.
   */
  readonly raw?: boolean
  readonly signal?: AbortSignal
}

/** One large object of a BLOBS entry. */
export interface LargeObject {
  /** Unsigned 32-bit OID. */
  readonly oid: number
  /** Read it before asking for the next object; what is not read is skipped. */
  readonly data: DataStream
}

/** A block of data in archive order: one TABLE DATA stream, or a group of large objects. */
export type DataBlock =
  | { readonly kind: 'data'; readonly dumpId: DumpId; readonly entry: TocEntry | undefined; readonly data: DataStream }
  | {
      readonly kind: 'large-objects'
      readonly dumpId: DumpId
      readonly entry: TocEntry | undefined
      readonly objects: AsyncIterable<LargeObject>
    }

/**
 * One view of an archive, whatever its container: header, table of contents, and the data of each entry.
 * Transformations take a view and give a view; they do no I/O.
 */
export interface ArchiveView {
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly limits: Limits
  /** Entries of this view in restore order. */
  readonly toc: readonly TocEntry[]
  /**
   * Visits the entries of {@link ArchiveView.toc} in order without making an object of each: the one that `visit` gets
   * is another entry the next time, so do not keep it. Only views have it that gain by it.
   */
  scan?(visit: (entry: TocEntry, index: number) => void): void
  /** Number of entries stored in the archive, hidden and unselected ones included. */
  readonly storedEntryCount: number
  /** The entry with this id; the later one where an archive uses an id twice. */
  entry(dumpId: DumpId): TocEntry | undefined
  /**
   * The data of an entry that has a data block or file (not BLOBS: see {@link ArchiveView.largeObjects}).
   *
   * Of streams in zstd with a window over 8 MiB (`pg_dump -Z zstd:long`: 128 MiB) one is decompressed at a time; those
   * read beside it wait until it is over, or has not been read for a second, as by a reader of two streams by turns.
   * @throws ArchiveError NO_DATA, DATA_OUT_OF_ORDER (forward-only input), MISSING_BLOCK, MISSING_DATA_FILE, … when read
   */
  data(entry: TocEntry, options?: DataOptions): DataStream
  /** The large objects of a BLOBS entry, in stored order. */
  largeObjects(entry: TocEntry, options?: DataOptions): AsyncIterable<LargeObject>
  /** Every data block in archive order: the only way on forward-only input when nothing is known of the order. */
  blocks(options?: DataOptions): AsyncIterable<DataBlock>
  /**
   * Says which entries' data will be asked for, in this order. A reader may then work ahead (decompress the next
   * entries on other cores), and forward-only input fails early when it comes past data that is wanted later.
   */
  plan(entries: readonly TocEntry[]): void
  /** What lies below the view, for a copy of all of it; absent where a view has other data than the archive. */
  readonly storage?: ArchiveStorage | undefined
}

/** An archive as it is stored, whatever a view shows of it. */
export interface ArchiveStorage {
  readonly format: ArchiveFormat
  /** Path of an archive that is a directory. */
  readonly directory?: string | undefined
  /** False: data must be asked for in archive order, each entry's once. */
  readonly seekable: boolean
  readonly header: ArchiveHeader
  readonly toc: readonly TocEntry[]
  /** As of the archive itself: what the data of its entries take. Absent where nobody can tell. */
  storedSizes?(options?: { readonly signal?: AbortSignal | undefined }): Promise<StoredSizes>
  /**
   * The archive byte for byte, what no entry refers to included. It is checked on the way for being whole: each block,
   * file or member that an entry needs must be there. Undefined where the bytes cannot be had again: of a tar archive
   * on forward-only input, and after data has been read from forward-only input.
   */
  verbatim(options?: { readonly signal?: AbortSignal | undefined }): Promise<VerbatimArchive | undefined>
}

/** Base of every transformation: `base` with some members replaced; getters stay getters. */
export function derive<T extends object>(base: ArchiveView, changes: T): Omit<ArchiveView, keyof T> & T {
  const view = {
    header: base.header,
    settings: base.settings,
    limits: base.limits,
    get toc() {
      return base.toc
    },
    storedEntryCount: base.storedEntryCount,
    entry: (dumpId: DumpId) => base.entry(dumpId),
    data: (entry: TocEntry, options?: DataOptions) => base.data(entry, options),
    largeObjects: (entry: TocEntry, options?: DataOptions) => base.largeObjects(entry, options),
    blocks: (options?: DataOptions) => base.blocks(options),
    plan: (entries: readonly TocEntry[]) => base.plan(entries),
    storage: base.storage,
  }
  // by descriptor, so that a getter among the changes stays one
  const derived: unknown = Object.defineProperties(view, Object.getOwnPropertyDescriptors(changes))
  return derived as Omit<ArchiveView, keyof T> & T
}
