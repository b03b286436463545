import { Builder } from '../bytes/builder.ts'
import type { OffsetFlag } from '../bytes/cursor.ts'
import { encodeByteString } from '../bytes/byte-string.ts'
import type { ArchiveHeader, DumpId, Section, TextField, TocEntry } from './types.ts'
import { featuresOf, recordLayout, type Features } from './version.ts'
import { layoutOf } from './write-head.ts'

/** What a container adds to an entry. */
export type EntryExtra =
  /** As it was read, where the container is laid out alike. */
  | { readonly kind: 'stored' }
  | { readonly kind: 'offset'; readonly flag: OffsetFlag; readonly position: number }
  /** The empty string for an entry without a file. */
  | { readonly kind: 'file'; readonly name: string }

/** A table of contents as bytes, and where in it the Offsets lie. */
export interface WrittenToc {
  readonly bytes: Uint8Array
  /** Index in `bytes` of the Offset of each entry, in their order; empty without offsets. */
  readonly offsets: readonly number[]
}

/** Pieces of a table of contents are about so long. */
const PIECE_BYTES = 64 * 1024

/**
 * Writes the table of contents (WriteToc, pg_backup_archiver.c) as one piece of memory, see {@link tocPieces}.
 * @param extraOf what the container adds; `stored` only for entries whose {@link TocEntry.raw} has a record
 */
export function writeToc(
  entries: readonly TocEntry[],
  header: ArchiveHeader,
  extraOf: (entry: TocEntry) => EntryExtra,
): WrittenToc {
  const builder = new Builder(layoutOf(header))
  const offsets: number[] = []
  const noteOffset = (at: number): void => void offsets.push(at)
  for (const piece of tocPieces(entries, header, extraOf, noteOffset)) builder.writeBytes(piece)
  return { bytes: builder.take(), offsets }
}

/**
 * The bytes of a table of contents, in pieces that are lent until the next one is asked for: that of an archive of
 * 100,000 tables has 30 MB. An entry that is as it was read, and laid out as in this version, keeps its bytes; of others
 * every field is written from `raw`, so that NULL, empty and odd bytes stay what they are, and a field that the entry's
 * own version lacks gets what pg_dump writes.
 *
 * @param extraOf what the container adds; `stored` only for entries whose {@link TocEntry.raw} has a record
 * @param noteOffset told where the Offset of each entry of a custom archive lies, from the first byte on
 */
export function* tocPieces(
  entries: readonly TocEntry[],
  header: ArchiveHeader,
  extraOf: (entry: TocEntry) => EntryExtra,
  noteOffset?: (at: number) => void,
): Generator<Uint8Array, void, void> {
  const features = featuresOf(header.version)
  const layout = layoutOf(header)
  const recordedAs = recordLayout(features, layout)
  const builder = new Builder(layout)
  let before = 0
  builder.writeInt(entries.length) // Int  entry count
  for (const entry of entries) {
    const record = entry.raw.record?.()
    if (record?.layout === recordedAs) builder.writeBytes(record.bytes)
    else writeEntry(builder, entry, features)
    const extra = extraOf(entry)
    if (header.format === 'custom') noteOffset?.(before + builder.length)
    if (extra.kind === 'stored') builder.writeBytes(record?.extra ?? new Uint8Array(0))
    else if (extra.kind === 'file') builder.writeStr(encodeByteString(extra.name))
    else if (features.offsets) builder.writeOffset(extra.flag, extra.position)
    else writeOldOffset(builder, extra.flag, extra.position)
    if (builder.length < PIECE_BYTES) continue
    before += builder.length
    yield builder.take()
  }
  if (builder.length > 0) yield builder.take()
}

/** Fields in file order, the mirror of EntryWalker. */
function writeEntry(builder: Builder, entry: TocEntry, features: Features): void {
  const { raw } = entry
  const str = (field: TextField, missing: Uint8Array | null = null): void => {
    const bytes = raw.bytes(field)
    builder.writeStr(bytes === undefined ? missing : bytes)
  }
  builder.writeInt(entry.dumpId)
  builder.writeInt(numberOf(entry, 'hadDumper', entry.hadDumper ? 1 : 0))
  if (features.tableoid) str('tableoid', zero)
  str('oid', zero)
  str('tag')
  str('desc', empty)
  if (features.section) builder.writeInt(numberOf(entry, 'section', sections.indexOf(entry.section)))
  str('defn')
  str('dropStmt')
  if (features.copyStmtAndBlockType) str('copyStmt')
  if (features.namespace) str('namespace')
  if (features.tablespaceAndVersions) str('tablespace')
  if (features.tableam) str('tableam')
  if (features.relkindAndBlobGroups) builder.writeInt(relkindOf(entry))
  str('owner')
  if (features.withOids) str('withOids', noOids)
  if (features.dependencies) writeDependencies(builder, entry.dependencies)
}

function writeDependencies(builder: Builder, dependencies: readonly DumpId[]): void {
  for (const id of dependencies) builder.writeStr(encodeByteString(String(id)))
  builder.writeStr(null) // ends the list
}

/** Archives < 1.7: position or −1 or 0, and a length that nobody reads. */
function writeOldOffset(builder: Builder, flag: OffsetFlag, position: number): void {
  builder.writeInt(flag === 'set' ? position : flag === 'no-data' ? 0 : -1)
  builder.writeInt(0)
}

const empty = new Uint8Array(0)
const zero = encodeByteString('0')
const noOids = encodeByteString('false')

const sections: readonly Section[] = ['unknown', 'none', 'pre-data', 'data', 'post-data']

/** The number as it was read if it still means what the entry says, else the one that pg_dump writes. */
function numberOf(entry: TocEntry, field: 'hadDumper' | 'section', usual: number): number {
  const stored = entry.raw.number?.(field)
  if (stored === undefined) return usual
  const means = field === 'hadDumper' ? Number(stored !== 0) : sections.indexOf(sections[stored] ?? 'unknown')
  return means === usual ? stored : usual
}

/** pg_class.relkind by type of entry, for those that dumpTableSchema (pg_dump.c) gives one. */
const relkinds: Readonly<Record<string, string>> = {
  VIEW: 'v',
  'MATERIALIZED VIEW': 'm',
  'FOREIGN TABLE': 'f',
}

function relkindOf(entry: TocEntry): number {
  const { relkind, raw } = entry
  if (relkind !== undefined) {
    const stored = raw.number?.('relkind')
    const letter = relkind === '' ? 0 : relkind.charCodeAt(0)
    return stored !== undefined && (stored === 0 ? 0 : stored & 255) === letter ? stored : letter
  }
  const desc = raw.byteString('desc') ?? ''
  const letter = desc === 'TABLE' ? tableKind(raw.byteString('defn') ?? '') : (relkinds[desc] ?? '')
  return letter === '' ? 0 : letter.charCodeAt(0)
}

/** Partitioned or ordinary, which archives before 1.16 do not say: pg_dump begins the partition key on a new line. */
function tableKind(defn: string): 'p' | 'r' {
  return /\nPARTITION BY (?:RANGE|LIST|HASH) \(/.test(defn) ? 'p' : 'r'
}
