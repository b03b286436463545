import { decodeByteString, encodeByteString, isAscii } from '../bytes/byte-string.ts'
import { decoderFor, type Decode } from '../toc/encoding.ts'
import type { CreateDate, DataLocation, DumpId, HeaderCompression, Section, TextField, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { isFiltered } from './filter.ts'
import type { EntryParts } from './selection.ts'

/** Bytes as lower-case hexadecimal digits, by the name of the field that could not be decoded without loss. */
export type UndecodedBytes<Field extends string> = Readonly<Partial<Record<Field, string>>>

/** The header of an archive and what its pseudo entries say, as plain data. */
export interface HeaderDescription {
  readonly format: 'custom' | 'directory' | 'tar'
  /** Version of the archive format. */
  readonly version: { readonly major: number; readonly minor: number; readonly rev: number }
  /** The format as stored: 1 custom, 3 tar and directory. */
  readonly formatByte: number
  readonly intSize: number
  readonly offSize: number
  readonly compression: HeaderCompression
  /** Local time of the dumping machine; null before 1.4. */
  readonly createDate: CreateDate | null
  readonly dbname: string | null
  /** Null before 1.10. */
  readonly remoteVersion: string | null
  /** Null before 1.10. */
  readonly dumpVersion: string | null
  /** PostgreSQL's name of the encoding that all strings and data are in. */
  readonly encoding: string
  /** `standard_conforming_strings` while the archive is restored. */
  readonly stdStrings: boolean
  /** The statement that sets the search path; null when the archive has none. */
  readonly searchPath: string | null
  /** Entries stored in the archive, whatever is selected. */
  readonly storedEntryCount: number
  /** Only when there is something in it. */
  readonly raw?: UndecodedBytes<'dbname' | 'remoteVersion' | 'dumpVersion'>
}

/** The strings of an entry; null is the stored NULL, a missing key a field that this archive version does not have. */
type StringFields =
  | 'tag'
  | 'namespace'
  | 'owner'
  | 'defn'
  | 'dropStmt'
  | 'copyStmt'
  | 'tablespace'
  | 'tableam'
  | 'withOids'

/**
 * An entry of the table of contents as plain data: every field that is stored. `null` is the stored NULL, a missing key
 * a field that this archive version does not have; the empty string is neither.
 */
export interface EntryDescription extends Readonly<Partial<Record<StringFields, string | null>>> {
  readonly dumpId: DumpId
  /** Object type: `TABLE`, `TABLE DATA`, … */
  readonly desc: string
  readonly section: Section
  /** OIDs of the object's catalog and of the object, 0 for none. */
  readonly catalogId: { readonly tableoid: number; readonly oid: number }
  /** The entry has a data block or file. */
  readonly hadDumper: boolean
  /** Where its data lies. */
  readonly data: DataLocation
  /** Letter of pg_class.relkind, empty when the entry is no relation; from 1.16. */
  readonly relkind?: string
  /** Ids in stored order, with repetitions; some may not be in the archive. */
  readonly dependencies: readonly DumpId[]
  /** What a filtered view keeps of the entry; only there. */
  readonly parts?: EntryParts
  /** Bytes of strings that are not valid in the archive's encoding; only when there are any. */
  readonly raw?: UndecodedBytes<StringFields | 'desc'>
}

/** Everything that header and table of contents say, ready for JSON. */
export interface ArchiveDescription {
  readonly header: HeaderDescription
  /** Entries of the view, in its order. */
  readonly entries: readonly EntryDescription[]
}

/**
 * Describes an archive as plain data, for programs: `JSON.stringify(listJson(archive))`. All entries of the view are
 * there, those included that a listing leaves out; on a filtered view each has its `parts`.
 */
export function listJson(view: ArchiveView): ArchiveDescription {
  return { header: describeHeader(view), entries: [...describeEntries(view)] }
}

/**
 * The same as a sequence of objects, one for each line of NDJSON: first `{header}`, then an entry each.
 *
 * @example
 * for (const record of listRecords(archive)) console.log(JSON.stringify(record))
 */
export function* listRecords(view: ArchiveView): Generator<Pick<ArchiveDescription, 'header'> | EntryDescription> {
  yield { header: describeHeader(view) }
  yield* describeEntries(view)
}

function describeHeader(view: ArchiveView): HeaderDescription {
  const { header, settings } = view
  // nothing says what the strings of a header are encoded in
  const decode = decoderOf('SQL_ASCII')
  const raw: Record<string, string> = {}
  const show = (field: 'dbname' | 'remoteVersion' | 'dumpVersion'): string | null => {
    const bytes = header.raw[field]
    return bytes === null ? null : decode(field, bytes, raw)
  }
  const description: HeaderDescription = {
    format: header.format,
    version: header.version,
    formatByte: header.formatByte,
    intSize: header.intSize,
    offSize: header.offSize,
    compression: header.compression,
    createDate: header.createDate,
    dbname: show('dbname'),
    remoteVersion: show('remoteVersion'),
    dumpVersion: show('dumpVersion'),
    encoding: settings.encoding,
    stdStrings: settings.stdStrings,
    searchPath:
      settings.searchPath === null ? null : decoderFor(settings.encoding)(encodeByteString(settings.searchPath)),
    storedEntryCount: view.storedEntryCount,
  }
  return isEmpty(raw) ? description : { ...description, raw }
}

const stringFields: readonly (StringFields & TextField)[] = [
  'tag',
  'namespace',
  'owner',
  'defn',
  'dropStmt',
  'copyStmt',
  'tablespace',
  'tableam',
  'withOids',
]

function* describeEntries(view: ArchiveView): Generator<EntryDescription> {
  const decode = decoderOf(view.settings.encoding)
  const partsOf = isFiltered(view) ? (entry: TocEntry) => ({ parts: view.parts(entry) }) : () => undefined
  for (const entry of view.toc) {
    const raw: Record<string, string> = {}
    const strings: Partial<Record<StringFields, string | null>> = {}
    for (const field of stringFields) {
      const bytes = entry.raw.bytes(field)
      if (bytes !== undefined) strings[field] = bytes === null ? null : decode(field, bytes, raw)
    }
    const desc = decode('desc', entry.raw.bytes('desc') ?? new Uint8Array(0), raw)
    yield {
      dumpId: entry.dumpId,
      desc,
      section: entry.section,
      catalogId: entry.catalogId,
      ...strings,
      ...(entry.relkind === undefined ? undefined : { relkind: entry.relkind }),
      dependencies: entry.dependencies,
      hadDumper: entry.hadDumper,
      data: entry.data,
      ...partsOf(entry),
      ...(isEmpty(raw) ? undefined : { raw }),
    }
  }
}

function isEmpty(record: Readonly<Record<string, string>>): boolean {
  for (const _ in record) return false
  return true
}

const utf8 = new TextEncoder()

type DecodeField = (field: string, bytes: Uint8Array, raw: Record<string, string>) => string

/** Decodes fields, and puts the bytes of one into `raw` when its text does not say them. */
function decoderOf(encoding: string): DecodeField {
  const decode = decoderFor(encoding)
  const isLossy = lossOf(encoding, decode)
  return (field, bytes, raw) => {
    const text = decode(bytes)
    if (!isAscii(text) && isLossy(text, bytes)) raw[field] = toHex(bytes)
    return text
  }
}

function lossOf(encoding: string, decode: Decode): (text: string, bytes: Uint8Array) => boolean {
  if (encoding === 'UTF8' || encoding === 'SQL_ASCII') return (text, bytes) => !isSame(utf8.encode(text), bytes)
  // an encoding that JavaScript does not know is shown byte by byte
  if (decode === decodeByteString && encoding !== 'LATIN1') return () => true
  return (text) => text.includes('\uFFFD')
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}
