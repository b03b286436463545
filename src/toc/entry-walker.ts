import { checkStringBytes, Cursor, type Layout } from '../bytes/cursor.ts'
import { decodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import { raiseHint, type Limits } from '../limits.ts'
import { DescTable } from './desc-table.ts'
import { absent, column, rowSize, scanSigned, type TocContext } from './entry.ts'
import { RecentTexts } from './recent-texts.ts'
import type { ArchiveFormat, DataLocation } from './types.ts'
import { recordLayout, type Features } from './version.ts'

/** What decides how an entry is laid out. */
export interface WalkerOptions {
  readonly features: Features
  readonly layout: Layout
  readonly format: ArchiveFormat
  readonly limits: Limits
}

/** Not a place: the window ends within the entry being walked. */
const cut = -1

/** About as many entries as a window has: room for them costs nothing before they come. */
const MANY_ROWS = 8192

// What a field of an entry is.
const dumpIdField = 0
const intField = 1
const strField = 2
const notNullField = 3
const descField = 4
const dependenciesField = 5
const fileNameField = 6
const offsetField = 7

/** Fields in the order of the file: the column each goes to, and what it is. */
type Field = readonly [columnIndex: number, kind: number]

/** The fields of an entry (ReadToc, pg_backup_archiver.c). */
function fieldsOf({ features, format }: WalkerOptions): readonly Field[] {
  const when = (present: boolean, index: number, kind: number): readonly Field[] => (present ? [[index, kind]] : [])
  return [
    [column.dumpId, dumpIdField],
    [column.hadDumper, intField],
    ...when(features.tableoid, column.tableoid, notNullField),
    [column.oid, notNullField],
    [column.tag, strField],
    [column.desc, descField],
    ...when(features.section, column.section, intField),
    [column.defn, strField],
    [column.dropStmt, strField],
    ...when(features.copyStmtAndBlockType, column.copyStmt, strField),
    ...when(features.namespace, column.namespace, strField),
    ...when(features.tablespaceAndVersions, column.tablespace, strField),
    ...when(features.tableam, column.tableam, strField),
    ...when(features.relkindAndBlobGroups, column.relkind, intField),
    [column.owner, strField],
    ...when(features.withOids, column.withOids, strField),
    ...when(features.dependencies, column.dependencies, dependenciesField),
    [column.extra, format === 'custom' ? offsetField : fileNameField],
  ]
}

const { tableoid, copyStmt, namespace, tablespace, tableam, relkind, withOids, dependencies } = column
const optionalColumns = [tableoid, copyStmt, namespace, tablespace, tableam, relkind, withOids, dependencies]

/**
 * Walks over entries in a window of bytes and notes where their fields are, without decoding anything.
 * The hot path of opening an archive: one loop for all fields, so that little code has to run before it is compiled,
 * and no allocation and no exception per field (see bench/open).
 */
export class EntryWalker {
  readonly context: TocContext
  /** Index after the last whole entry of the last walk. */
  position = 0
  readonly #options: WalkerOptions
  readonly #columns: Uint8Array
  readonly #kinds: Uint8Array
  /** Columns of the fields that this version does not have. */
  readonly #absentColumns: readonly number[]
  readonly #plainInts: boolean
  readonly #intBytes: number
  #rows = new Int32Array(rowSize * 256)

  constructor(options: WalkerOptions) {
    const { layout } = options
    const fields = fieldsOf(options)
    this.#options = options
    this.#columns = Uint8Array.from(fields, ([index]) => index)
    this.#kinds = Uint8Array.from(fields, ([, kind]) => kind)
    this.#absentColumns = optionalColumns.filter((index) => !this.#columns.includes(index))
    this.#plainInts = layout.intSize === 4 && layout.signByte
    this.#intBytes = layout.intSize + (layout.signByte ? 1 : 0)
    this.context = {
      decode: decodeByteString,
      descs: new DescTable(),
      recent: new RecentTexts(),
      intBytes: this.#intBytes,
      strLength: this.#plainInts ? plainInt : (bytes, at) => new Cursor(bytes, layout, 0, at).readInt(),
      locate: (bytes, rows, row) => locate(bytes, rows, row, options),
      extraBytes: (bytes, at) => extraBytes(bytes, at, options),
      recordLayout: recordLayout(options.features, layout),
    }
  }

  /**
   * Walks up to `most` entries from `start` on; gives the number of whole ones.
   * @param offset file offset of the window's first byte
   */
  walk(window: Uint8Array, start: number, offset: number, most: number): number {
    let at = start
    let count = 0
    while (count < most) {
      if ((count + 1) * rowSize > this.#rows.length) this.#growRows()
      const next = this.#walkEntry(window, at, count * rowSize, start, offset)
      if (next === cut) break
      at = next
      count++
    }
    this.position = at
    return count
  }

  /** The rows of the last walk, as a table of their own. */
  takeRows(count: number): Int32Array {
    return this.#rows.slice(0, count * rowSize)
  }

  #growRows(): void {
    const larger = new Int32Array(Math.max(this.#rows.length * 2, rowSize * MANY_ROWS))
    larger.set(this.#rows)
    this.#rows = larger
  }

  /** Gives the index after the entry that begins at `start`. String columns are relative to `base`. */
  #walkEntry(bytes: Uint8Array, start: number, row: number, base: number, offset: number): number {
    const rows = this.#rows
    const kinds = this.#kinds
    const columns = this.#columns
    const intBytes = this.#intBytes
    const { stringBytes } = this.#options.limits
    for (const index of this.#absentColumns) rows[row + index] = absent
    let at = start
    for (let step = 0; step < kinds.length; step++) {
      const kind = kinds[step] ?? 0
      const place = row + (columns[step] ?? 0)
      if (kind >= dependenciesField) {
        const next =
          kind === dependenciesField
            ? this.#dependencies(bytes, at, offset, rows[row] ?? 0)
            : this.#extra(bytes, at, offset, rows[row] ?? 0)
        if (next === cut) return cut
        rows[place] = at - base
        at = next
        continue
      }
      const end = at + intBytes
      if (end > bytes.length) return cut
      const value = this.#plainInts ? plainInt(bytes, at) : this.context.strLength(bytes, at)
      if (kind <= intField) {
        if (kind === dumpIdField && value <= 0) throw badEntry(value, offset + at)
        rows[place] = value
        at = end
        continue
      }
      let next = end
      if (value > 0) {
        if (value > stringBytes) checkStringBytes(value, stringBytes, offset + at)
        next += value
        if (next > bytes.length) return cut
      } else if (value < 0 && kind >= notNullField) {
        throw nullField(rows[row] ?? 0, nameOf(place - row), offset + at)
      }
      rows[place] = at - base
      if (kind === descField) rows[row + column.descId] = this.context.descs.intern(bytes, end, next)
      at = next
    }
    if (!this.#options.features.section) this.#implySection(bytes, row, base)
    return at
  }

  /** Decimal ids, each a Str, ended by a NULL Str; gives the index after them. */
  #dependencies(bytes: Uint8Array, start: number, offset: number, dumpId: number): number {
    const { dependencies: most, stringBytes } = this.#options.limits
    let at = start
    for (let count = 0; ; count++) {
      const end = at + this.#intBytes
      if (end > bytes.length) return cut
      const length = this.#plainInts ? plainInt(bytes, at) : this.context.strLength(bytes, at)
      if (length < 0) return end
      if (length > stringBytes) checkStringBytes(length, stringBytes, offset + at)
      if (end + length > bytes.length) return cut
      if (scanSigned(bytes, end, end + length) === undefined) {
        throw badDependency(dumpId, decodeByteString(bytes, end, end + length), offset + at)
      }
      if (count >= most) throw tooManyDependencies(dumpId, most, offset + at)
      at = end + length
    }
  }

  /** What the container adds: an Offset or two Ints (custom), a file name (directory, tar); gives the index after it. */
  #extra(bytes: Uint8Array, at: number, offset: number, dumpId: number): number {
    const { features, layout, format, limits } = this.#options
    if (format === 'custom') {
      const next = at + locationBytes(features, layout)
      if (next > bytes.length) return cut
      // looked at for the errors that it throws
      if (features.offsets && !isCommonOffset(bytes, at, layout)) new Cursor(bytes, layout, offset, at).readOffset()
      return next
    }
    const end = at + this.#intBytes
    if (end > bytes.length) return cut
    const length = Math.max(0, this.context.strLength(bytes, at))
    checkStringBytes(length, limits.stringBytes, offset + at)
    if (end + length > bytes.length) return cut
    if (length > limits.fileNameBytes) throw longFileName(dumpId, length, limits.fileNameBytes, offset + at)
    return end + length
  }

  #implySection(bytes: Uint8Array, row: number, base: number): void {
    const at = base + (this.#rows[row + column.desc] ?? 0)
    const start = at + this.#intBytes
    const desc = decodeByteString(bytes, start, start + this.context.strLength(bytes, at))
    this.#rows[row + column.section] = impliedSection(desc)
  }
}

/** An Offset that needs no closer look: known flag, 8 bytes, below 2^48. */
function isCommonOffset(bytes: Uint8Array, at: number, layout: Layout): boolean {
  const flag = bytes[at] ?? 0
  return flag >= 1 && flag <= 3 && layout.offSize === 8 && bytes[at + 7] === 0 && bytes[at + 8] === 0
}

function nameOf(index: number): string {
  return index === column.tableoid ? 'tableoid' : index === column.oid ? 'oid' : 'desc'
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

const noData: DataLocation = Object.freeze({ state: 'no-data' })
const notSet: DataLocation = Object.freeze({ state: 'not-set' })

function locate(bytes: Uint8Array, rows: Int32Array, row: number, options: WalkerOptions): DataLocation {
  const at = rows[row + column.extra] ?? 0
  // most entries have no data: no object is made to say so
  if (options.format === 'custom' && options.features.offsets && isCommonOffset(bytes, at, options.layout)) {
    const code = bytes[at] ?? 0
    if (code !== 2) return code === 1 ? notSet : noData
  }
  const cursor = new Cursor(bytes, options.layout, 0, at)
  if (options.format !== 'custom') {
    const name = cursor.readStr(Infinity)
    if (name === null || name.length === 0) return noData
    return { state: 'file', filename: decodeByteString(name) }
  }
  if (!options.features.offsets) {
    // archives < 1.7: negative = not set, 0 = no data, positive = position; the length that follows is not used
    const offset = cursor.readInt()
    if (offset === 0) return noData
    return offset < 0 ? notSet : { state: 'set', offset }
  }
  const { flag, position } = cursor.readOffset()
  return flag === 'set' ? { state: 'set', offset: position } : { state: flag }
}

/** Bytes of what a custom archive adds to an entry. */
function locationBytes({ offsets, revAndSign }: Features, { intSize, offSize }: Layout): number {
  return offsets ? 1 + offSize : 2 * (intSize + (revAndSign ? 1 : 0))
}

function extraBytes(bytes: Uint8Array, at: number, { features, layout, format }: WalkerOptions): number {
  if (format === 'custom') return locationBytes(features, layout)
  const cursor = new Cursor(bytes, layout, 0, at)
  cursor.readStr(Infinity)
  return cursor.position - at
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
    { offset, dumpId, details: { limit: 'dependencies', max, observed: max + 1 }, hint: raiseHint('dependencies') },
  )
}

function longFileName(dumpId: number, observed: number, max: number, offset: number): ArchiveError {
  return new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot read TOC entry ${dumpId}: its file name has ${observed} bytes, the limit fileNameBytes is ${max}`,
    { offset, dumpId, details: { limit: 'fileNameBytes', max, observed }, hint: raiseHint('fileNameBytes') },
  )
}
