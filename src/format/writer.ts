import type { Container } from '../codec/codec.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { ArchiveFormat, ArchiveHeader, TocEntry } from '../toc/types.ts'
import type { StoredForm } from './stored-data.ts'
import type { VerbatimFile } from './verbatim.ts'

/** One stream of data on its way into an archive. Whoever is given it reads it to the end or cancels it. */
export type DataToWrite =
  /** Decompressed: it will be compressed as the archive wants it. */
  | { readonly kind: 'content'; readonly chunks: ChunkSource; readonly bytes?: number | undefined }
  /** Compressed already, as the archive wants it: copied, and with its frames or its member's header if those fit. */
  | {
      readonly kind: 'stored'
      readonly container: Container
      readonly chunks: ChunkSource
      readonly framing?: StoredForm['framing']
      readonly memberHeader?: Uint8Array | undefined
      /** Exact number of bytes where it is known. */
      readonly bytes?: number | undefined
    }

/** A large object on its way into an archive. */
export interface LargeObjectToWrite {
  /** Unsigned 32-bit OID, not 0. */
  readonly oid: number
  readonly data: DataToWrite
}

/** What a writer begins with. */
export interface ArchiveToWrite {
  /** The header of the archive to be, written as it is. */
  readonly header: ArchiveHeader
  /** Every entry, in restore order. */
  readonly toc: readonly TocEntry[]
  /** Text of a tar archive's restore.sql; without it there is no such member. */
  readonly restoreScript?: (() => ChunkSource) | undefined
}

/**
 * The interface of the three containers' writers: `begin`, then the data of each entry that has some, once and in the
 * order of the TOC if they are to be restored from a pipe, then `finish`; or `abort` at any time. One call at a time.
 */
export interface FormatWriter {
  readonly format: ArchiveFormat
  /** How data are to be compressed that are handed over as `stored`. */
  readonly container: Container
  /** The data must come in the order of the TOC: whoever reads the archive cannot go back. */
  readonly inOrder: boolean
  begin(archive: ArchiveToWrite): Promise<void>
  data(entry: TocEntry, data: DataToWrite): Promise<void>
  /** @throws ArchiveError USAGE for an OID that is 0 or too large */
  largeObjects(entry: TocEntry, objects: AsyncIterable<LargeObjectToWrite>): Promise<void>
  /**
   * Everything has been written: offsets are set where the output can go back, then it gets its name.
   * @throws ArchiveError USAGE when the data of an entry that has some are missing
   */
  finish(): Promise<void>
  /**
   * Instead of all of these: copies an archive of the same format byte for byte.
   * @param files one without a name for a custom or tar archive, the files of a directory
   */
  copy(files: readonly VerbatimFile[]): Promise<void>
  /** Gives up and leaves nothing behind. Never throws. */
  abort(reason?: unknown): Promise<void>
}

/** Whether data belong to an entry of the archive to be. */
export function holdsData({ hadDumper, data }: TocEntry): boolean {
  return hadDumper && data.state !== 'no-data'
}
