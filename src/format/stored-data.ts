import { ArchiveError } from '../errors.ts'
import type { Container, DecodeContext } from '../codec/codec.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { requireCopyEnd } from './copy-end.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'

/** The bytes of one stream as they lie in an archive, and what is needed to decompress them. */
export interface StoredData {
  readonly input: ChunkSource
  readonly container: Container
  readonly context: DecodeContext
  /** How many bytes `input` gives, about; undefined when that is not known before. */
  readonly storedBytes: number | undefined
}

/** What is being read when an entry's data are, for errors. */
export function dataContext(entry: TocEntry, file?: string): DecodeContext {
  return { action: `read data of TOC entry ${entry.dumpId}`, dumpId: entry.dumpId, file }
}

/** What is being read when a large object's data are, for errors. */
export function objectContext(dumpId: number, oid: number, file?: string): DecodeContext {
  return { action: `read large object ${oid}`, dumpId, file }
}

/** Decompressed data of an entry, with the check that COPY text is complete. */
export function checkedData(entry: TocEntry | undefined, data: ChunkSource): ChunkSource {
  if (entry === undefined || entry.desc !== 'TABLE DATA' || entry.copyStmt === null) return data
  return requireCopyEnd(data, entry.dumpId)
}

/** The entry has no data, or none in this kind of archive. */
export function noData(dumpId: DumpId): ArchiveError {
  return new ArchiveError('NO_DATA', `Cannot read data of TOC entry ${dumpId}: it has none`, { dumpId })
}
