import type { Algorithm } from '../codec/codec.ts'
import type { TocEntryFields } from './entry-fields.ts'

/** The id of a TOC entry within its archive: > 0. */
export type DumpId = number

/** Three numbers, as in `pg_restore -l`'s "Dump Version: 1.14-0". */
export interface ArchiveVersion {
  readonly major: number
  readonly minor: number
  readonly rev: number
}

/** The container an archive is kept in. */
export type ArchiveFormat = 'custom' | 'directory' | 'tar'

/** The dumping machine's local time as stored (`struct tm`); no zone is stored, odd values are kept. */
export interface CreateDate {
  /** Full year (the file holds year − 1900). */
  readonly year: number
  /** 1–12 (the file holds 0–11). */
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
  /** `tm_isdst`: > 0 daylight saving, 0 not, < 0 unknown. */
  readonly isdst: number
}

/** How the data of an archive is compressed, as its header says. */
export interface HeaderCompression {
  /** Algorithm; `unknown` for an algorithm byte that no release defines. */
  readonly algorithm: Algorithm | 'unknown'
  /** zlib level of archives < 1.15 (−1 is zlib's default); null where no level is stored. */
  readonly level: number | null
  /** The stored number: algorithm byte from 1.15, level before; null before 1.2. */
  readonly stored: number | null
}

/** Everything before the TOC (ReadHead, pg_backup_archiver.c). */
export interface ArchiveHeader {
  readonly version: ArchiveVersion
  /** Bytes of an Int's magnitude: 4 in every known archive. */
  readonly intSize: number
  /** Bytes of an Offset's position; equals intSize before 1.7. */
  readonly offSize: number
  /** The container the archive was found in. */
  readonly format: ArchiveFormat
  /** The format byte as stored: a directory's toc.dat says 3 (tar). */
  readonly formatByte: number
  readonly compression: HeaderCompression
  /** Null before archive version 1.4. */
  readonly createDate: CreateDate | null
  readonly dbname: string | null
  /** Version of the dumped server; null before 1.10. */
  readonly remoteVersion: string | null
  /** Version of pg_dump; null before 1.10. */
  readonly dumpVersion: string | null
  /** The three strings as stored, in the encoding of the dumping client. */
  readonly raw: {
    readonly dbname: Uint8Array | null
    readonly remoteVersion: Uint8Array | null
    readonly dumpVersion: Uint8Array | null
  }
}

/** Section of an entry; `unknown` for a stored number that no release defines. */
export type Section = 'none' | 'pre-data' | 'data' | 'post-data' | 'unknown'

/** Where the data of an entry lies. */
export type DataLocation =
  | { readonly state: 'no-data' }
  | { readonly state: 'not-set' }
  | { readonly state: 'set'; readonly offset: number }
  | { readonly state: 'file'; readonly filename: string }

/** The string fields of a TOC entry. */
export type TextField =
  | 'tableoid'
  | 'oid'
  | 'tag'
  | 'desc'
  | 'defn'
  | 'dropStmt'
  | 'copyStmt'
  | 'namespace'
  | 'tablespace'
  | 'tableam'
  | 'owner'
  | 'withOids'

/** A run of bytes in a larger memory: do not write to it. */
export interface ByteSpan {
  bytes: Uint8Array
  start: number
  end: number
}

/**
 * The bytes of an entry's strings. `null` is the stored NULL, `undefined` a field that this archive version does not
 * have; the empty string is neither.
 */
export interface RawTocEntry {
  /** The bytes of a field, as a view on the TOC's memory: do not write to it. */
  bytes(field: TextField): Uint8Array | null | undefined
  /**
   * The same as a *byte string*: one UTF-16 unit 0–255 for each byte, whatever the archive's encoding. The fast way to
   * compose text that must come out as the original bytes.
   */
  byteString(field: TextField): string | null | undefined
  /**
   * Where the bytes of a field lie, into a span of the caller's: true, or false for NULL and absent. For loops over
   * whole tables of contents, where making a view for each field takes most of the time; not every entry has it.
   */
  locate?(field: TextField, span: ByteSpan): boolean
  /** The numbers behind `hadDumper`, `section` and `relkind` as stored; undefined for a field that is not stored. */
  number?(field: NumberField): number | undefined
  /** The whole entry as stored; only an entry that is exactly what was read has it. */
  record?(): TocRecord
}

/** The fields of a TOC entry that are kept as an Int and shown as something else. */
export type NumberField = 'hadDumper' | 'section' | 'relkind'

/** An entry as its bytes in a TOC, views on the TOC's memory: do not write to them. */
export interface TocRecord {
  /** Equal where entries are laid out alike, so that the bytes of one may stand in the TOC of the other. */
  readonly layout: string
  /** Everything but what the container adds. */
  readonly bytes: Uint8Array
  /** What the container adds: an Offset or two Ints (custom), a file name (directory, tar). */
  readonly extra: Uint8Array
}

/** One entry of the table of contents (ReadToc, pg_backup_archiver.c). Strings are decoded when asked for. */
export interface TocEntry {
  readonly dumpId: DumpId
  /** The entry has a data block or file. */
  readonly hadDumper: boolean
  readonly catalogId: { readonly tableoid: number; readonly oid: number }
  /** Name of the object; see spec/toc.md for its shape by `desc`. Null only in odd archives. */
  readonly tag: string | null
  /** Type of the entry: `TABLE`, `TABLE DATA`, … Empty string only in odd archives. */
  readonly desc: string
  readonly section: Section
  readonly defn: string | null
  readonly dropStmt: string | null
  readonly copyStmt: string | null
  readonly namespace: string | null
  /** From 1.10; `''` is the database's default tablespace. */
  readonly tablespace: string | null | undefined
  /** From 1.14. */
  readonly tableam: string | null | undefined
  /** From 1.16: one letter of pg_class.relkind, `''` when the entry is no relation. */
  readonly relkind: string | undefined
  readonly owner: string | null
  /** In stored order, with repetitions; may name ids that are not in the archive. */
  readonly dependencies: readonly DumpId[]
  readonly data: DataLocation
  readonly raw: RawTocEntry
  /** All of these fields but `raw` as plain data, for `JSON.stringify`; {@link listJson} tells odd bytes, too. */
  toJSON?(): TocEntryFields
}

/** What the pseudo entries ENCODING, STDSTRINGS and SEARCHPATH say (ReadToc, pg_backup_archiver.c). */
export interface ArchiveSettings {
  /** Canonical name of PostgreSQL's encoding, `SQL_ASCII` when the archive names none. */
  readonly encoding: string
  /** `standard_conforming_strings`; false when the archive does not say. */
  readonly stdStrings: boolean
  /** The SEARCHPATH statement as a byte string with its own line feed; null when the archive has none. */
  readonly searchPath: string | null
}

/** How a zone is named and what time it is there, to format stored local times as pg_restore does. */
export interface TimeZone {
  /**
   * `%Y-%m-%d %H:%M:%S %Z` of a broken-down local time, normalised as mktime(3) does with the stored `isdst`, then
   * with −1. Null when the time cannot be represented.
   */
  formatLocal(time: CreateDate): string | null
  /** The same of an instant (milliseconds since 1970). */
  formatInstant(epochMilliseconds: number): string
}
