import { decodeByteString, isAscii } from '../bytes/byte-string.ts'
import type { DescTable } from './desc-table.ts'
import type { Decode } from './encoding.ts'
import { entryFields, inspectEntry, inspectSymbol, type InspectArguments, type TocEntryFields } from './entry-fields.ts'
import type { RecentTexts } from './recent-texts.ts'
import type {
  ByteSpan,
  DataLocation,
  DumpId,
  NumberField,
  RawTocEntry,
  Section,
  TextField,
  TocEntry,
  TocRecord,
} from './types.ts'

/**
 * Columns of one row in a segment's table: numbers as they are, strings as the index of their Str in the segment's
 * bytes, `absent` where this archive version has no such field. Strings are not decoded before someone asks: that is
 * most of the cost of a large TOC.
 */
export const column = {
  dumpId: 0,
  hadDumper: 1,
  tableoid: 2,
  oid: 3,
  tag: 4,
  desc: 5,
  section: 6,
  defn: 7,
  dropStmt: 8,
  copyStmt: 9,
  namespace: 10,
  tablespace: 11,
  tableam: 12,
  relkind: 13,
  owner: 14,
  withOids: 15,
  dependencies: 16,
  extra: 17,
  descId: 18,
} as const

/** Number of columns of a row. */
export const rowSize = 19

/** A field that the archive version does not have. */
export const absent = -1

/** What all entries of an archive share. */
export interface TocContext {
  /** How strings are shown; set when the whole TOC has been read (ENCODING may stand anywhere). */
  decode: Decode
  /** The different types of entries. */
  readonly descs: DescTable
  readonly recent: RecentTexts
  /** Bytes of an Int: sign byte and magnitude. */
  readonly intBytes: number
  /** Gives the length of the Str at an index, −1 for NULL. */
  readonly strLength: (bytes: Uint8Array, at: number) => number
  readonly locate: (bytes: Uint8Array, row: Int32Array, rowStart: number) => DataLocation
  /** Bytes of what the container adds to an entry, from an index on. */
  readonly extraBytes: (bytes: Uint8Array, at: number) => number
  /** See {@link TocRecord.layout}. */
  readonly recordLayout: string
}

/** A run of entries: their bytes, and a row of numbers for each. */
export interface Segment {
  readonly bytes: Uint8Array
  readonly rows: Int32Array
  readonly context: TocContext
}

const sections: readonly Section[] = ['unknown', 'none', 'pre-data', 'data', 'post-data']

/** A TOC entry as stored; reads its strings from the segment's bytes when asked. */
export class StoredEntry implements TocEntry, RawTocEntry {
  readonly #segment: Segment
  #row: number

  constructor(segment: Segment, row: number) {
    this.#segment = segment
    this.#row = row
  }

  /** Makes this the entry at another row of its segment: only for whoever made it and has not given it away. */
  moveTo(row: number): void {
    this.#row = row
  }

  get dumpId(): DumpId {
    return this.#number(column.dumpId)
  }

  get hadDumper(): boolean {
    return this.#number(column.hadDumper) !== 0
  }

  get catalogId(): { readonly tableoid: number; readonly oid: number } {
    return { tableoid: scanUnsigned(this.byteString('tableoid')), oid: scanUnsigned(this.byteString('oid')) }
  }

  get tag(): string | null {
    return this.#text('tag') ?? null
  }

  get desc(): string {
    return this.#segment.context.descs.asciiText(this.#number(column.descId)) ?? this.#text('desc') ?? ''
  }

  get section(): Section {
    return sections[this.#number(column.section)] ?? 'unknown'
  }

  get defn(): string | null {
    return this.#text('defn') ?? null
  }

  get dropStmt(): string | null {
    return this.#text('dropStmt') ?? null
  }

  get copyStmt(): string | null {
    return this.#text('copyStmt') ?? null
  }

  get namespace(): string | null {
    return this.#text('namespace') ?? null
  }

  get tablespace(): string | null | undefined {
    return this.#text('tablespace')
  }

  get tableam(): string | null | undefined {
    return this.#text('tableam')
  }

  get relkind(): string | undefined {
    const relkind = this.#number(column.relkind)
    if (relkind === absent) return undefined
    return relkind === 0 ? '' : String.fromCharCode(relkind & 255)
  }

  get owner(): string | null {
    return this.#text('owner') ?? null
  }

  get dependencies(): readonly DumpId[] {
    const { bytes, context } = this.#segment
    let at = this.#number(column.dependencies)
    if (at === absent) return []
    let ids: DumpId[] | undefined
    for (;;) {
      const length = context.strLength(bytes, at)
      if (length < 0) return ids ?? []
      at += context.intBytes + length
      const id = scanSigned(bytes, at - length, at) ?? 0
      // most have one, for which a list that grows has much room (bench case audit)
      if (ids === undefined) ids = [id]
      else ids.push(id)
    }
  }

  get data(): DataLocation {
    return this.#segment.context.locate(this.#segment.bytes, this.#segment.rows, this.#row)
  }

  get raw(): RawTocEntry {
    return this
  }

  bytes(field: TextField): Uint8Array | null | undefined {
    const at = this.#number(column[field])
    if (at === absent) return undefined
    const { bytes, context } = this.#segment
    const length = context.strLength(bytes, at)
    if (length < 0) return null
    const start = at + context.intBytes
    return bytes.subarray(start, start + length)
  }

  byteString(field: TextField): string | null | undefined {
    const known = field === 'desc' ? this.#knownDesc() : undefined
    if (known !== undefined) return known
    const at = this.#number(column[field])
    if (at === absent) return undefined
    const { bytes, context } = this.#segment
    const length = context.strLength(bytes, at)
    if (length < 0) return null
    const start = at + context.intBytes
    const end = start + length
    return isOften(field) ? context.recent.get(column[field], bytes, start, end) : decodeByteString(bytes, start, end)
  }

  locate(field: TextField, span: ByteSpan): boolean {
    const at = this.#number(columnOf(field))
    if (at === absent) return false
    const { bytes, context } = this.#segment
    const length = context.strLength(bytes, at)
    if (length < 0) return false
    span.bytes = bytes
    span.start = at + context.intBytes
    span.end = span.start + length
    return true
  }

  number(field: NumberField): number | undefined {
    const value = this.#number(column[field])
    return value === absent && field === 'relkind' ? undefined : value
  }

  record(): TocRecord {
    const { bytes, context } = this.#segment
    // before the first Str lie dumpId and hadDumper
    const first = this.#number(column.tableoid) === absent ? column.oid : column.tableoid
    const start = this.#number(first) - 2 * context.intBytes
    const extra = this.#number(column.extra)
    return {
      layout: context.recordLayout,
      bytes: bytes.subarray(start, extra),
      extra: bytes.subarray(extra, extra + context.extraBytes(bytes, extra)),
    }
  }

  toJSON(): TocEntryFields {
    return entryFields(this)
  }

  [inspectSymbol](...how: InspectArguments): string {
    return inspectEntry(this, ...how)
  }

  #number(index: number): number {
    return this.#segment.rows[this.#row + index] ?? absent
  }

  #knownDesc(): string | undefined {
    return this.#segment.context.descs.text(this.#number(column.descId))
  }

  #text(field: TextField): string | null | undefined {
    const text = this.byteString(field)
    if (text == null || isAscii(text)) return text
    const bytes = this.bytes(field)
    return bytes == null ? bytes : this.#segment.context.decode(bytes)
  }
}

/** Fields in which many entries say the same. */
function isOften(field: TextField): boolean {
  return field === 'namespace' || field === 'owner' || field === 'tablespace' || field === 'tableam'
}

/** The column of a field: those that a listing asks for first, without a look-up by name, which is most of its cost. */
function columnOf(field: TextField): number {
  switch (field) {
    case 'tableoid':
      return column.tableoid
    case 'oid':
      return column.oid
    case 'desc':
      return column.desc
    case 'namespace':
      return column.namespace
    case 'tag':
      return column.tag
    case 'owner':
      return column.owner
    case 'defn':
      return column.defn
    default:
      return column[field]
  }
}

/** `sscanf(text, "%u")`: leading blanks, an optional sign, digits; 0 when there are none. */
function scanUnsigned(text: string | null | undefined): number {
  const digits = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text ?? '')?.[1]
  return digits === undefined ? 0 : Number(BigInt.asUintN(32, BigInt(digits)))
}

/** `sscanf(text, "%d")` over bytes; undefined when there is no number. */
export function scanSigned(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start
  while (at < end && isBlank(bytes[at] ?? 0)) at++
  const sign = bytes[at]
  if (sign === 0x2d || sign === 0x2b) at++
  let value = 0
  const first = at
  for (; at < end; at++) {
    const digit = (bytes[at] ?? 0) - 0x30
    if (digit < 0 || digit > 9) break
    value = Math.min(value * 10 + digit, 2 ** 31)
  }
  if (at === first) return undefined
  return sign === 0x2d ? -value : value
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
}
