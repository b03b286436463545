import { Parser } from 'binary-parser/dist/binary_parser.js'

/**
 * Header and TOC described once more, declaratively and without a line of src/: a second reader that judges the first.
 * It goes by the tables of spec/header.md and spec/toc.md, trusts its input, and is slow.
 */

/** What the second reader makes of an archive's header and TOC; strings are bytes, NULL is null. */
export interface IndependentToc {
  readonly version: { readonly major: number; readonly minor: number; readonly rev: number }
  readonly intSize: number
  readonly offSize: number
  readonly formatByte: number
  /** Level or algorithm as stored; null before 1.2. */
  readonly compression: number | null
  /** Seconds, minutes, hours, day, month from 0, year − 1900, isdst. */
  readonly date: readonly number[] | null
  readonly dbname: Buffer | null
  readonly remoteVersion: Buffer | null
  readonly dumpVersion: Buffer | null
  readonly entries: readonly IndependentEntry[]
  /** Offset of the first byte after the TOC. */
  readonly end: number
}

/** One entry; fields that the version does not have are undefined. */
export interface IndependentEntry {
  readonly dumpId: number
  readonly hadDumper: number
  readonly tableoid: Buffer | null | undefined
  readonly oid: Buffer | null
  readonly tag: Buffer | null
  readonly desc: Buffer | null
  readonly section: number | undefined
  readonly defn: Buffer | null
  readonly dropStmt: Buffer | null
  readonly copyStmt: Buffer | null | undefined
  readonly namespace: Buffer | null | undefined
  readonly tablespace: Buffer | null | undefined
  readonly tableam: Buffer | null | undefined
  readonly relkind: number | undefined
  readonly owner: Buffer | null
  readonly withOids: Buffer | null | undefined
  readonly dependencies: readonly Buffer[]
  /** Custom format from 1.7: 1 not set, 2 set, 3 no data. */
  readonly offsetFlag: number | undefined
  /** Custom format: position of the block; before 1.7 negative for not set. */
  readonly offset: number | undefined
  /** Directory and tar. */
  readonly filename: Buffer | null | undefined
}

interface StoredStr {
  readonly size: number
  readonly bytes: Buffer
}

const littleEndian = (bytes: Buffer): number => bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)

/** The start of every archive, up to the sizes that all the rest depends on. */
const prologue = (minor: number): Parser => {
  const parser = new Parser().buffer('magic', { length: 5 }).uint8('major').uint8('minor')
  if (minor > 0) parser.uint8('rev')
  parser.uint8('intSize')
  if (minor >= 7) parser.uint8('offSize')
  return parser.uint8('formatByte')
}

/** The parsers of one version, size of integers and container. */
function grammar(minor: number, intSize: number, offSize: number, custom: boolean): Parser {
  const signed = (item: { sign?: number; magnitude: number }): number => {
    if (item.sign === undefined) return item.magnitude | 0
    return item.sign === 0 ? item.magnitude : -item.magnitude
  }
  const int = new Parser()
  if (minor > 0) int.uint8('sign')
  int.buffer('magnitude', { length: intSize, formatter: littleEndian })
  // A type with a name of its own is compiled to a function; only there does `size` mean the one beside `bytes`.
  const str = `str${minor}of${intSize}and${offSize}${custom}`
  new Parser()
    .namely(str)
    .nest('size', { type: int, formatter: signed })
    .buffer('bytes', { length: (item: StoredStr) => Math.max(0, item.size) })
  const text = (item: StoredStr): Buffer | null => (item.size < 0 ? null : item.bytes)

  const addInt = (parser: Parser, name: string, since = 0): void => {
    if (minor >= since) parser.nest(name, { type: int, formatter: signed })
  }
  const addStr = (parser: Parser, name: string, since = 0): void => {
    if (minor >= since) parser.nest(name, { type: str, formatter: text })
  }

  const entry = new Parser()
  addInt(entry, 'dumpId')
  addInt(entry, 'hadDumper')
  addStr(entry, 'tableoid', 8)
  addStr(entry, 'oid')
  addStr(entry, 'tag')
  addStr(entry, 'desc')
  addInt(entry, 'section', 11)
  addStr(entry, 'defn')
  addStr(entry, 'dropStmt')
  addStr(entry, 'copyStmt', 3)
  addStr(entry, 'namespace', 6)
  addStr(entry, 'tablespace', 10)
  addStr(entry, 'tableam', 14)
  addInt(entry, 'relkind', 16)
  addStr(entry, 'owner')
  addStr(entry, 'withOids', 9)
  if (minor >= 5) {
    entry.array('dependencies', {
      type: str,
      readUntil: (item: StoredStr) => item.size < 0,
      formatter: (items: StoredStr[]) => items.slice(0, -1).map(text),
    })
  }
  if (!custom) addStr(entry, 'filename')
  else if (minor >= 7) entry.uint8('offsetFlag').buffer('offset', { length: offSize, formatter: littleEndian })
  else {
    addInt(entry, 'offset')
    addInt(entry, 'oldLength')
  }

  const archive = prologue(minor)
  if (minor >= 15 || minor === 2 || minor === 3) archive.uint8('compression')
  else addInt(archive, 'compression', 4)
  if (minor >= 4) {
    archive.array('date', {
      type: int,
      length: 7,
      formatter: (items: { sign: number; magnitude: number }[]) => items.map(signed),
    })
  }
  addStr(archive, 'dbname', 4)
  addStr(archive, 'remoteVersion', 10)
  addStr(archive, 'dumpVersion', 10)
  addInt(archive, 'count')
  return archive.array('entries', { type: entry, length: 'count' }).saveOffset('end')
}

const grammars = new Map<string, Parser>()

/** Reads header and TOC of a custom archive, or of a toc.dat. */
export function readIndependently(bytes: Uint8Array, container: 'custom' | 'directory' | 'tar'): IndependentToc {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const minor = buffer.readUInt8(6)
  const head = prologue(minor).parse(buffer)
  const offSize = head.offSize ?? head.intSize
  const key = [minor, head.intSize, offSize, container === 'custom'].join()
  let parser = grammars.get(key)
  if (parser === undefined) {
    parser = grammar(minor, head.intSize, offSize, container === 'custom')
    grammars.set(key, parser)
  }
  const parsed = parser.parse(buffer)
  if (parsed.magic.toString() !== 'PGDMP') throw new Error('No archive')
  return {
    version: { major: parsed.major, minor, rev: parsed.rev ?? 0 },
    intSize: parsed.intSize,
    offSize,
    formatByte: parsed.formatByte,
    compression: parsed.compression ?? null,
    date: parsed.date ?? null,
    dbname: parsed.dbname ?? null,
    remoteVersion: parsed.remoteVersion ?? null,
    dumpVersion: parsed.dumpVersion ?? null,
    entries: parsed.entries.map((entry: IndependentEntry) => ({ ...entry, dependencies: entry.dependencies ?? [] })),
    end: parsed.end,
  }
}
