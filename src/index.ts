export { open } from './archive.ts'
export type { Archive, OpenOptions } from './archive.ts'
export type { Algorithm } from './codec/codec.ts'
export { ArchiveError, isArchiveError } from './errors.ts'
export type { ArchiveErrorCode, ArchiveErrorInfo, Finding, OnWarning } from './errors.ts'
export type { ByteStream } from './io/byte-stream.ts'
export type { ChunkSource } from './io/chunks.ts'
export type { ArchiveInput } from './io/input.ts'
export { openSink } from './io/sink.ts'
export type { ArchiveOutput, Sink, SinkOptions } from './io/sink.ts'
export type { RandomAccess } from './io/source.ts'
export { standardInput } from './io/standard-input.ts'
export { readTextInput } from './io/text-input.ts'
export type { TextInputOptions } from './io/text-input.ts'
export { loadTimeZone } from './io/time-zone.ts'
export type { LoadTimeZoneOptions } from './io/time-zone.ts'
export { defaultLimits, strictLimits } from './limits.ts'
export type { Limits } from './limits.ts'
export { parseFilter } from './ops/filter-file.ts'
export type { FilterFileOptions, FilterFileSelection } from './ops/filter-file.ts'
export { checkStrictNames, filter, isFiltered } from './ops/filter.ts'
export { parseList } from './ops/list-file.ts'
export { listJson, listRecords } from './ops/list-json.ts'
export type { ArchiveDescription, EntryDescription, HeaderDescription, UndecodedBytes } from './ops/list-json.ts'
export { list, listBytes } from './ops/list.ts'
export type { CompatOptions, ListOptions, SqlOptions } from './ops/options.ts'
export type { EntryParts, FilteredView, ListSelection, Name, Selection, UnmatchedName } from './ops/selection.ts'
export { toSql } from './ops/to-sql.ts'
export { packageVersion } from './package-version.ts'
export { compatRules, formatRelease, parseRelease } from './sql/compat.ts'
export type { CompatRules, Major, Release } from './sql/compat.ts'
export type {
  ArchiveFormat,
  ArchiveHeader,
  ArchiveSettings,
  ArchiveVersion,
  CreateDate,
  DataLocation,
  DumpId,
  HeaderCompression,
  RawTocEntry,
  Section,
  TextField,
  TimeZone,
  TocEntry,
} from './toc/types.ts'
export { derive } from './view.ts'
export type { ArchiveView, DataBlock, DataOptions, LargeObject } from './view.ts'
