import { decodeByteString } from '../bytes/byte-string.ts'
import { Cursor, NeedMoreBytes, type Layout } from '../bytes/cursor.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import { raiseHint, type Limits } from '../limits.ts'
import { absent, column, rowSize } from './entry.ts'
import { decoderFor } from './encoding.ts'
import { EntryWalker } from './entry-walker.ts'
import { readHead } from './header.ts'
import { readSettings } from './settings.ts'
import { EntryTable } from './table.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveSettings, TocEntry } from './types.ts'
import { featuresOf } from './version.ts'

/** What a whole header and TOC say. */
export class ParsedToc {
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly table: EntryTable

  constructor(header: ArchiveHeader, table: EntryTable) {
    this.header = header
    this.settings = readSettings(table)
    this.table = table
    table.context.decode = decoderFor(this.settings.encoding)
  }

  /** The entries as objects, made when first asked for. */
  get toc(): readonly TocEntry[] {
    return this.table.entries
  }
}

/** How to read a TOC. */
export interface TocParserOptions {
  /** The container the bytes come from: decides the expected format byte and the extra data of each entry. */
  readonly format: ArchiveFormat
  readonly limits: Limits
  readonly onWarning: OnWarning
}

/** Gives bytes of a window's start for keeps. */
type Take = (length: number) => Uint8Array

/** Layout before the header has said anything. */
const initialLayout: Layout = { intSize: 4, offSize: 8, signByte: true }

/**
 * Reads header and TOC (ReadHead and ReadToc, pg_backup_archiver.c) from windows of bytes as they come.
 *
 * Call {@link TocParser.parse} with the bytes at hand; it takes whole values only and says how many bytes it took.
 * Nothing is sized from a number in the file: memory grows with the bytes that are really there.
 */
export class TocParser {
  readonly #options: TocParserOptions
  #header: ArchiveHeader | undefined
  #walker: EntryWalker | undefined
  #table: EntryTable | undefined
  #expected: number | undefined
  #offset = 0

  constructor(options: TocParserOptions) {
    this.#options = options
  }

  /** Header and all entries have been read. */
  get done(): boolean {
    return this.#expected !== undefined && this.#read >= this.#expected
  }

  /**
   * Reads what is whole in the window.
   * @param window bytes from file offset `offset` on
   * @param take gives that many bytes of the window's start for keeps; default a copy
   * @returns number of bytes taken from the window's start; 0 = a larger window is needed
   * @throws ArchiveError NOT_AN_ARCHIVE, VERSION_TOO_NEW, BAD_HEADER, BAD_TOC, LIMIT_EXCEEDED
   */
  parse(window: Uint8Array, offset: number, take: Take = (length) => window.slice(0, length)): number {
    const start = this.#walker === undefined ? this.#parseHead(window, offset) : 0
    const walker = this.#walker
    if (walker === undefined || this.#table === undefined) return 0
    const count = walker.walk(window, start, offset, (this.#expected ?? 0) - this.#read)
    const taken = walker.position
    if (taken === 0) return 0
    const bytes = take(taken).subarray(start)
    if (count > 0) {
      const rows = walker.takeRows(count)
      this.#table.append(bytes, rows)
      this.#warnAboutOids(walker, bytes, rows)
    }
    this.#offset = offset + taken
    const { tocBytes } = this.#options.limits
    if (this.#offset > tocBytes) throw tooLarge('tocBytes', tocBytes, this.#offset, this.#offset)
    return taken
  }

  /** Says that the input ended although more is needed. @throws ArchiveError UNEXPECTED_EOF always */
  eof(end: number): never {
    const where = this.#expected === undefined ? 'the header' : `TOC entry ${this.#read + 1} of ${this.#expected}`
    throw new ArchiveError('UNEXPECTED_EOF', `Cannot read ${where}: the archive ends at offset ${end}`, {
      offset: end,
      details: { pgRestore: 'could not read from input file: end of file' },
      hint: 'The archive is cut short: copy or dump it again',
    })
  }

  /** Everything that was read. @throws ArchiveError UNEXPECTED_EOF when not {@link TocParser.done} */
  finish(): ParsedToc {
    const header = this.#header
    if (header === undefined || this.#table === undefined || !this.done) this.eof(this.#offset)
    return new ParsedToc(header, this.#table)
  }

  /** Number of entries that have been read. */
  get #read(): number {
    return this.#table?.length ?? 0
  }

  /** Header and entry count together: short, so it is simply read again when the window was too short. */
  #parseHead(window: Uint8Array, offset: number): number {
    const { format, limits, onWarning } = this.#options
    const warnings: Parameters<OnWarning>[0][] = []
    const cursor = new Cursor(window, initialLayout, offset)
    try {
      const header = readHead(cursor, format, limits, (finding) => warnings.push(finding))
      const countOffset = cursor.offset
      const count = cursor.readInt() // Int  entry count
      if (count < 0) throw negativeCount(count, countOffset)
      if (count > limits.tocEntries) throw tooLarge('tocEntries', limits.tocEntries, count, countOffset)
      this.#header = header
      this.#expected = count
    } catch (error) {
      if (error instanceof NeedMoreBytes) return 0
      throw error
    }
    for (const warning of warnings) onWarning(warning)
    const features = featuresOf(this.#header.version)
    this.#walker = new EntryWalker({ features, layout: cursor.layout, format, limits })
    this.#table = new EntryTable(this.#walker.context)
    return cursor.position
  }

  #warnAboutOids({ context }: EntryWalker, bytes: Uint8Array, rows: Int32Array): void {
    for (let row = 0; row < rows.length; row += rowSize) {
      const at = rows[row + column.withOids] ?? absent
      // nearly always "false": its length tells without decoding
      if (at !== absent && context.strLength(bytes, at) !== trueLength) continue
      if (at !== absent && !isTrue(bytes, at + context.intBytes)) continue
      this.#options.onWarning({
        code: 'WITH_OIDS',
        severity: 'warning',
        dumpId: rows[row] ?? 0,
        message: 'restoring tables WITH OIDS is not supported anymore',
      })
    }
  }
}

const trueLength = 4

function isTrue(bytes: Uint8Array, start: number): boolean {
  return decodeByteString(bytes, start, start + trueLength) === 'true'
}

/** pg_restore reads it as none, and restores nothing with exit status 0. */
function negativeCount(count: number, offset: number): ArchiveError {
  return new ArchiveError(
    'BAD_TOC',
    `Cannot read the TOC: its entry count is ${count} at offset ${offset}, must be ≥ 0`,
    {
      offset,
      details: { count },
      hint: 'The archive is damaged: salvage finds entries that are still there',
    },
  )
}

function tooLarge(limit: 'tocBytes' | 'tocEntries', max: number, observed: number, offset: number): ArchiveError {
  const what = limit === 'tocBytes' ? `it is longer than ${max} bytes` : `it claims ${observed} entries`
  return new ArchiveError('LIMIT_EXCEEDED', `Cannot read the TOC: ${what}, the limit ${limit} is ${max}`, {
    offset,
    details: { limit, max, observed },
    hint: raiseHint(limit),
  })
}
