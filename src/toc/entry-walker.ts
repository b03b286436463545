import { checkStringBytes, Cursor, type Layout } from '../bytes/cursor.ts'
import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { DescTable } from './desc-table.ts'
import { absent, column, rowSize, scanSigned, type TocContext } from './entry.ts'
import type { ArchiveFormat, DataLocation } from './types.ts'
import type { Features } from './version.ts'

/** What decides how an entry is laid out. */
export interface WalkerOptions {
  readonly features: Features
  readonly layout: Layout
  readonly format: ArchiveFormat
  readonly limits: Limits
}

/** The window ended within the entry being walked. */
const cut = -2

/**
 * Walks over entries in a window of bytes and notes where their fields are, without decoding anything.
 * The hot path of opening an archive: no allocation and no exception per field (see bench/open).
 */
export class EntryWalker {
  readonly context: TocContext
  /** Index after the last whole entry of the last walk. */
  position = 0
  readonly #options: WalkerOptions
  readonly #plainInts: boolean
  readonly #intBytes: number
  #bytes: Uint8Array = new Uint8Array(0)
  #offset = 0
  #at = 0
  #rows = new Int32Array(rowSize * 256)

  constructor(options: WalkerOptions) {
    const { layout } = options
    this.#options = options
    this.#plainInts = layout.intSize === 4 && layout.signByte
    this.#intBytes = layout.intSize + (layout.signByte ? 1 : 0)
    this.context = {
      decode: decodeByteString,
      descs: new DescTable(),
      intBytes: this.#intBytes,
      strLength: this.#plainInts ? plainInt : (bytes, at) => new Cursor(bytes, layout, 0, at).readInt(),
      locate: (bytes, rows, row) => locate(bytes, rows, row, options),
    }
  }

  /**
   * Walks up to `most` entries from `start` on; gives the number of whole ones.
   * @param offset file offset of the window's first byte
   */
  walk(window: Uint8Array, start: number, offset: number, most: number): number {
    this.#bytes = window
    this.#offset = offset
    this.#at = start
    this.position = start
    let count = 0
    while (count < most && this.#walkEntry(count * rowSize, start)) {
      count++
      this.position = this.#at
    }
    return count
  }

  /** The rows of the last walk, as a table of their own. */
  takeRows(count: number): Int32Array {
    return this.#rows.slice(0, count * rowSize)
  }

  /** Fields in file order (ReadToc); false when the window ends first. String columns are relative to `base`. */
  #walkEntry(row: number, base: number): boolean {
    if (row + rowSize > this.#rows.length) {
      const larger = new Int32Array(this.#rows.length * 2)
      larger.set(this.#rows)
      this.#rows = larger
    }
    const rows = this.#rows
    const { features, format } = this.#options
    const start = this.#at
    if (this.#bytes.length - start < 2 * this.#intBytes) return false
    const dumpId = this.#int()
    if (dumpId <= 0) throw badEntry(dumpId, this.#offset + start)
    rows[row + column.dumpId] = dumpId
    rows[row + column.hadDumper] = this.#int()
    rows[row + column.tableoid] = features.tableoid ? this.#str(base, dumpId, 'tableoid') : absent
    rows[row + column.oid] = this.#str(base, dumpId, 'oid')
    rows[row + column.tag] = this.#str(base)
    const desc = this.#str(base, dumpId, 'desc')
    rows[row + column.desc] = desc
    if (desc === cut) return false
    rows[row + column.descId] = this.context.descs.intern(this.#bytes, base + desc + this.#intBytes, this.#at)
    if (features.section) {
      if (this.#bytes.length - this.#at < this.#intBytes) return false
      rows[row + column.section] = this.#int()
    } else {
      rows[row + column.section] = impliedSection(this.#textAt(base + desc))
    }
    rows[row + column.defn] = this.#str(base)
    rows[row + column.dropStmt] = this.#str(base)
    rows[row + column.copyStmt] = features.copyStmtAndBlockType ? this.#str(base) : absent
    rows[row + column.namespace] = features.namespace ? this.#str(base) : absent
    rows[row + column.tablespace] = features.tablespaceAndVersions ? this.#str(base) : absent
    rows[row + column.tableam] = features.tableam ? this.#str(base) : absent
    if (features.relkindAndBlobGroups) {
      if (this.#at === cut || this.#bytes.length - this.#at < this.#intBytes) return false
      rows[row + column.relkind] = this.#int()
    } else {
      rows[row + column.relkind] = absent
    }
    rows[row + column.owner] = this.#str(base)
    rows[row + column.withOids] = features.withOids ? this.#str(base) : absent
    rows[row + column.dependencies] = features.dependencies ? this.#dependencies(base, dumpId) : absent
    rows[row + column.extra] = this.#extra(base, dumpId, format)
    return this.#at !== cut
  }

  /** An Int that is known to be in the window. */
  #int(): number {
    const at = this.#at
    this.#at = at + this.#intBytes
    if (this.#plainInts) return plainInt(this.#bytes, at)
    return new Cursor(this.#bytes, this.#options.layout, this.#offset, at).readInt()
  }

  /** Passes a Str and gives its index; `notNull` names a field in which NULL is corrupt. */
  #str(base: number, dumpId = 0, notNull?: string): number {
    const at = this.#at
    if (at === cut) return cut
    if (this.#bytes.length - at < this.#intBytes) return (this.#at = cut)
    const length = this.#int()
    if (length <= 0) {
      if (length < 0 && notNull !== undefined) throw nullField(dumpId, notNull, this.#offset + at)
      return at - base
    }
    checkStringBytes(length, this.#options.limits.stringBytes, this.#offset + at)
    if (length > this.#bytes.length - this.#at) return (this.#at = cut)
    this.#at += length
    return at - base
  }

  /** Decimal ids, each a Str, ended by a NULL Str. */
  #dependencies(base: number, dumpId: number): number {
    const first = this.#at
    if (first === cut) return cut
    const { dependencies: most } = this.#options.limits
    for (let count = 0; ; count++) {
      const at = this.#at
      if (this.#bytes.length - at < this.#intBytes) return (this.#at = cut)
      const length = this.#int()
      if (length < 0) return first - base
      checkStringBytes(length, this.#options.limits.stringBytes, this.#offset + at)
      if (length > this.#bytes.length - this.#at) return (this.#at = cut)
      this.#at += length
      if (scanSigned(this.#bytes, this.#at - length, this.#at) === undefined) {
        throw badDependency(dumpId, decodeByteString(this.#bytes, this.#at - length, this.#at), this.#offset + at)
      }
      if (count >= most) throw tooManyDependencies(dumpId, most, this.#offset + at)
    }
  }

  /** What the container adds: an Offset or two Ints (custom), a file name (directory, tar). */
  #extra(base: number, dumpId: number, format: ArchiveFormat): number {
    const at = this.#at
    if (at === cut) return cut
    if (format !== 'custom') {
      const name = this.#str(base)
      const length = this.#at - at - this.#intBytes
      const max = this.#options.limits.fileNameBytes
      if (this.#at !== cut && length > max) throw longFileName(dumpId, length, max, this.#offset + at)
      return name
    }
    const { features, layout } = this.#options
    const size = features.offsets ? 1 + layout.offSize : 2 * this.#intBytes
    if (this.#bytes.length - at < size) return (this.#at = cut)
    const cursor = new Cursor(this.#bytes, layout, this.#offset, at)
    if (features.offsets && !this.#isCommonOffset(at)) cursor.readOffset()
    this.#at = at + size
    return at - base
  }

  /** An Offset that needs no closer look: known flag, 8 bytes, below 2^48. */
  #isCommonOffset(at: number): boolean {
    const flag = this.#bytes[at] ?? 0
    return (
      flag >= 1 &&
      flag <= 3 &&
      this.#options.layout.offSize === 8 &&
      this.#bytes[at + 7] === 0 &&
      this.#bytes[at + 8] === 0
    )
  }

  #textAt(at: number): string {
    const length = this.context.strLength(this.#bytes, at)
    return decodeByteString(this.#bytes, at + this.#intBytes, at + this.#intBytes + length)
  }
}

/** An Int with sign byte and four bytes of magnitude. */
function plainInt(bytes: Uint8Array, at: number): number {
  const value =
    (bytes[at + 1] ?? 0) | ((bytes[at + 2] ?? 0) << 8) | ((bytes[at + 3] ?? 0) << 16) | ((bytes[at + 4] ?? 0) << 24)
  return bytes[at] === 0 ? value : -value | 0
}

/** Section of an entry in archives < 1.11, which store none (ReadToc). */
function impliedSection(desc: string): number {
  switch (desc) {
    case 'COMMENT':
    case 'ACL':
    case 'ACL LANGUAGE':
      return 1
    case 'TABLE DATA':
    case 'BLOBS':
    case 'BLOB COMMENTS':
      return 3
    case 'CONSTRAINT':
    case 'CHECK CONSTRAINT':
    case 'FK CONSTRAINT':
    case 'INDEX':
    case 'RULE':
    case 'TRIGGER':
      return 4
    default:
      return 2
  }
}

function locate(bytes: Uint8Array, rows: Int32Array, row: number, options: WalkerOptions): DataLocation {
  const at = rows[row + column.extra] ?? 0
  const cursor = new Cursor(bytes, options.layout, 0, at)
  if (options.format !== 'custom') {
    const name = cursor.readStr(Infinity)
    if (name === null || name.length === 0) return { state: 'no-data' }
    return { state: 'file', filename: decodeByteString(name) }
  }
  if (!options.features.offsets) {
    // archives < 1.7: negative = not set, 0 = no data, positive = position; the length that follows is not used
    const offset = cursor.readInt()
    if (offset === 0) return { state: 'no-data' }
    return offset < 0 ? { state: 'not-set' } : { state: 'set', offset }
  }
  const { flag, position } = cursor.readOffset()
  return flag === 'set' ? { state: 'set', offset: position } : { state: flag }
}

function badEntry(dumpId: number, offset: number): ArchiveError {
  return new ArchiveError('BAD_TOC', `Cannot read a TOC entry: dump id is ${dumpId} at offset ${offset}, must be > 0`, {
    offset,
    details: { pgRestore: `entry ID ${dumpId} out of range -- perhaps a corrupt TOC` },
  })
}

function nullField(dumpId: number, field: string, offset: number): ArchiveError {
  return new ArchiveError('BAD_TOC', `Cannot read TOC entry ${dumpId}: ${field} is NULL at offset ${offset}`, {
    offset,
    dumpId,
  })
}

function badDependency(dumpId: number, text: string, offset: number): ArchiveError {
  const shown = JSON.stringify(text.slice(0, 40))
  return new ArchiveError(
    'BAD_TOC',
    `Cannot read TOC entry ${dumpId}: dependency is ${shown} at offset ${offset}, must be a number`,
    { offset, dumpId },
  )
}

function tooManyDependencies(dumpId: number, max: number, offset: number): ArchiveError {
  return new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot read TOC entry ${dumpId}: it has more than ${max} dependencies, the limit dependencies is ${max}`,
    { offset, dumpId, details: { limit: 'dependencies', max, observed: max + 1 } },
  )
}

function longFileName(dumpId: number, observed: number, max: number, offset: number): ArchiveError {
  return new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot read TOC entry ${dumpId}: its file name has ${observed} bytes, the limit fileNameBytes is ${max}`,
    { offset, dumpId, details: { limit: 'fileNameBytes', max, observed } },
  )
}
