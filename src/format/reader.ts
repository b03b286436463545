import type { Container, DecodeContext } from '../codec/codec.ts'
import type { OnWarning } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Pull } from '../io/pull.ts'
import type { RandomAccess } from '../io/source.ts'
import type { EntryTable } from '../toc/table.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import type { DataStream } from './stored-data.ts'
import type { ArchiveLayout, TarTail } from './layout.ts'
import type { StoredSizes } from './stored-sizes.ts'
import type { VerbatimArchive } from './verbatim.ts'

/** What every reader is opened with. */
export interface ReaderOptions {
  readonly limits: Limits
  readonly onWarning: OnWarning
  /** Bytes of buffers for reading, decompressing and look-ahead together. */
  readonly maxBufferBytes: number
  /** Streams decoded at the same time in the thread pool: 0 = all on the calling thread, undefined = as many as pay. */
  readonly workers: number | undefined
  /** Takes what pg_restore notes on its way through a tar archive; see OpenOptions. */
  readonly onPosition: ((note: string) => void) | undefined
  readonly signal: AbortSignal | undefined
  /** Hears of the first bytes of each stream of data as stored, lent, when it is read. */
  readonly onStored?: OnStored | undefined
  /** Hears of data that are read whole, and that pg_restore would read but a part of, without a word. */
  readonly onPassedOver?: ((context: DecodeContext) => void) | undefined
}

/** See {@link ReaderOptions.onStored}. */
export type OnStored = (container: Container, head: Uint8Array) => void

/** What a single-file archive is read from. Closing it is up to who opened it. */
export interface ReaderInput {
  /** A window that stands at the first byte of the archive. */
  readonly pull: Pull
  /** The same bytes at any place; undefined on forward-only input. */
  readonly source: RandomAccess | undefined
  /** Of an archive that was compressed as a whole: how many stored bytes were taken so far. */
  readonly storedBytes?: (() => number) | undefined
}

/** Options for one read of data; the same shape as the public DataOptions. */
export interface ReadOptions {
  readonly raw?: boolean
  readonly signal?: AbortSignal
}

/** One large object within a BLOBS entry. */
export interface StoredLargeObject {
  readonly oid: number
  readonly data: DataStream
  /** Directory: the file that the list of large objects gives it, without suffix. */
  readonly file?: string
}

/** A data block in archive order. */
export type StoredBlock =
  | (StoredBlockPlace & { readonly kind: 'data'; readonly data: DataStream })
  | (StoredBlockPlace & { readonly kind: 'large-objects'; readonly objects: AsyncIterable<StoredLargeObject> })

interface StoredBlockPlace {
  readonly dumpId: DumpId
  /** Where the block lies in a custom archive. */
  readonly offset?: number
}

/** The interface of the three containers' readers. */
export interface FormatReader {
  readonly format: ArchiveFormat
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly toc: readonly TocEntry[]
  readonly table: EntryTable
  /** False: data must be asked for in archive order, each block once. */
  readonly seekable: boolean
  /** Path of an archive that is a directory. */
  readonly directory?: string | undefined
  data(entry: TocEntry, options: ReadOptions): DataStream
  largeObjects(entry: TocEntry, options: ReadOptions): AsyncIterable<StoredLargeObject>
  blocks(options: ReadOptions): AsyncIterable<StoredBlock>
  plan(entries: readonly TocEntry[]): void
  /** What the archive and the data of its entries take; may have to look at all of it. */
  storedSizes(signal: AbortSignal | undefined): Promise<StoredSizes>
  /** The archive byte for byte; undefined where they cannot be had (again). See ArchiveStorage. */
  verbatim(signal: AbortSignal | undefined): Promise<VerbatimArchive | undefined>
  /** What lies where; undefined on forward-only input. */
  layout(signal: AbortSignal | undefined): ArchiveLayout | undefined
  /** What comes after the last member of a tar archive, once all data have been read; a stream is read to its end. */
  tail?(signal: AbortSignal | undefined): Promise<TarTail>
  close(): Promise<void>
}
