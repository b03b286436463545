import { ArchiveError } from '../errors.ts'
import type { Container, DecodeContext } from '../codec/codec.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { endsCopy, endsInserts, requireCopyEnd, requireInsertEnd } from './copy-end.ts'

/** The bytes of one stream as they lie in an archive, and what is needed to decompress them. */
export interface StoredData {
  readonly input: ChunkSource
  readonly container: Container
  readonly context: DecodeContext
  /** How many bytes `input` gives, about; undefined when that is not known before. */
  readonly storedBytes: number | undefined
  /** Custom: how the chunks are framed, and a switch that makes `input` give their headers too, before it is read. */
  readonly framing?: (ChunkFraming & { keep(): void; readonly payload: ApartChunks }) | undefined
  /** Tar: the header block of the member. */
  readonly memberHeader?: (() => Promise<Uint8Array | undefined>) | undefined
  /** Whoever wanted to see the first bytes does. */
  readonly isSeen?: boolean | undefined
  /** The data can be opened again. */
  readonly repeatable?: boolean | undefined
}

/** Few stored bytes that are in memory already, lent until anything else is asked for. */
export interface StoredAtHand {
  readonly bytes: Uint8Array
  readonly container: Container
  /** Says that they have been used. */
  take(): void
}

/** Data of a custom archive that can be read chunk by chunk. */
export interface ApartChunks {
  /** Bytes of one chunk are given at a time; to be called before they are read. */
  keepApart(): void
  /** Whether the bytes given last end a chunk. */
  readonly endsChunk: boolean
}

/** How the lengths of chunks are laid out. */
export interface ChunkFraming {
  readonly intSize: number
  readonly signByte: boolean
}

/**
 * Data of an archive as they lie there, for a copy that does not decompress them. To be read to the end or cancelled.
 */
export interface StoredForm {
  readonly container: Container
  readonly chunks: ChunkSource
  /** Custom: how the chunks are framed; `keep`, called before they are read, makes `chunks` give the frames as well. */
  readonly framing: (ChunkFraming & { keep(): void }) | undefined
  /** Tar: the header block of the member as stored. */
  readonly memberHeader: Uint8Array | undefined
  /** Exact number of bytes in `chunks` without frames, where it is known. */
  readonly bytes: number | undefined
  /** Whether the data may be asked for again: not on forward-only input. */
  readonly repeatable: boolean
}

/** The data of an entry or of a large object; a view that changes data gives streams without the stored form. */
export interface DataStream extends ByteStream {
  /** Opens the data as they are stored, instead of reading the stream. */
  stored?(): Promise<StoredForm>
  /**
   * All of the data at once, lent until anything else is asked of the archive, where they are few and have been read into
   * memory with others, or can be at once. Undefined otherwise, and for whatever the stream would throw: then the stream is
   * to be read.
   */
  atHand?(): Uint8Array | undefined
}

/** What is being read when an entry's data are, for errors. */
export function dataContext(entry: TocEntry, file?: string): DecodeContext {
  return { action: `read data of TOC entry ${entry.dumpId}`, dumpId: entry.dumpId, file }
}

/** What is being read when a large object's data are, for errors. */
export function objectContext(dumpId: DumpId, oid: number, file?: string): DecodeContext {
  return { action: `read large object ${oid}`, dumpId, file }
}

/** What is being read when the list of an entry's large objects is, for errors. */
export function listContext(dumpId: DumpId, file?: string): DecodeContext {
  return { action: `read the large objects of TOC entry ${dumpId}`, dumpId, file }
}

/** Blocks, members and files of up to this many stored bytes are taken as a whole where that needs no waiting. */
export const AT_HAND_BYTES = 64 * 1024

/** What an entry's data must end in; undefined for those of which nothing is known. */
function endOf({ desc, copyStmt, tableam }: TocEntry): 'copy' | 'inserts' | undefined {
  if (desc !== 'TABLE DATA') return undefined
  if (copyStmt !== null) return 'copy'
  // Archives before 1.14 have no table access methods; how the oldest releases end INSERT statements is not known.
  return tableam === undefined ? undefined : 'inserts'
}

/** Whether these are all data of an entry: see {@link checkedData}. */
export function areComplete(entry: TocEntry, data: Uint8Array): boolean {
  const end = endOf(entry)
  return end === undefined || (end === 'copy' ? endsCopy(data) : endsInserts(data))
}

/** Decompressed data of an entry, with the check that the rows of a table are complete. */
export function checkedData(entry: TocEntry | undefined, data: ChunkSource): ChunkSource {
  const end = entry === undefined ? undefined : endOf(entry)
  if (entry === undefined || end === undefined) return data
  return end === 'copy' ? requireCopyEnd(data, entry.dumpId) : requireInsertEnd(data, entry.dumpId)
}

/** The file recorded for an entry's data. @throws ArchiveError NO_DATA */
export function dataFileOf({ data, dumpId }: TocEntry): string {
  if (data.state !== 'file') throw noData(dumpId)
  return data.filename
}

/** The entry has no data, or none in this kind of archive. */
export function noData(dumpId: DumpId): ArchiveError {
  return new ArchiveError('NO_DATA', `Cannot read data of TOC entry ${dumpId}: it has none`, { dumpId })
}
