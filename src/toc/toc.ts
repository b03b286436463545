import { Cursor, NeedMoreBytes, type Layout } from '../bytes/cursor.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { StoredEntry, rowSize, type Segment } from './entry.ts'
import { decoderFor } from './encoding.ts'
import { EntryWalker } from './entry-walker.ts'
import { readHead } from './header.ts'
import { readSettings } from './settings.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveSettings, TocEntry } from './types.ts'
import { featuresOf, type Features } from './version.ts'

/** What a whole header and TOC say. */
export interface ParsedToc {
  readonly header: ArchiveHeader
  readonly settings: ArchiveSettings
  readonly toc: readonly TocEntry[]
}

/** How to read a TOC. */
export interface TocParserOptions {
  /** The container the bytes come from: decides the expected format byte and the extra data of each entry. */
  readonly format: ArchiveFormat
  readonly limits: Limits
  readonly onWarning: OnWarning
}

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
  #features: Features | undefined
  #walker: EntryWalker | undefined
  #expected: number | undefined
  readonly #entries: StoredEntry[] = []
  #offset = 0

  constructor(options: TocParserOptions) {
    this.#options = options
  }

  /** Header and all entries have been read. */
  get done(): boolean {
    return this.#expected !== undefined && this.#entries.length >= this.#expected
  }

  /**
   * Reads what is whole in the window, and copies what is kept.
   * @param window bytes from file offset `offset` on
   * @returns number of bytes taken from the window's start; 0 = a larger window is needed
   * @throws ArchiveError NOT_AN_ARCHIVE, VERSION_TOO_NEW, BAD_HEADER, BAD_TOC, LIMIT_EXCEEDED
   */
  parse(window: Uint8Array, offset: number): number {
    let taken = 0
    if (this.#walker === undefined) {
      taken = this.#parseHead(window, offset)
      if (this.#walker === undefined) return 0
    }
    taken += this.#parseEntries(this.#walker, window, taken, offset)
    this.#offset = offset + taken
    const { tocBytes } = this.#options.limits
    if (this.#offset > tocBytes) throw tooLarge('tocBytes', tocBytes, this.#offset, this.#offset)
    return taken
  }

  /** Says that the input ended although more is needed. @throws ArchiveError UNEXPECTED_EOF always */
  eof(end: number): never {
    const where =
      this.#expected === undefined ? 'the header' : `TOC entry ${this.#entries.length + 1} of ${this.#expected}`
    throw new ArchiveError('UNEXPECTED_EOF', `Cannot read ${where}: the archive ends at offset ${end}`, {
      offset: end,
      details: { pgRestore: 'could not read from input file: end of file' },
      hint: 'The archive is cut short: copy or dump it again',
    })
  }

  /** Everything that was read. @throws ArchiveError UNEXPECTED_EOF when not {@link TocParser.done} */
  finish(): ParsedToc {
    const header = this.#header
    if (header === undefined || this.#walker === undefined || !this.done) this.eof(this.#offset)
    const settings = readSettings(this.#entries)
    this.#walker.context.decode = decoderFor(settings.encoding)
    return { header, settings, toc: this.#entries }
  }

  /** Header and entry count together: short, so it is simply read again when the window was too short. */
  #parseHead(window: Uint8Array, offset: number): number {
    const { format, limits, onWarning } = this.#options
    const warnings: Parameters<OnWarning>[0][] = []
    const cursor = new Cursor(window, initialLayout, offset)
    try {
      const header = readHead(cursor, format, limits, (finding) => warnings.push(finding))
      const countOffset = cursor.offset
      const count = Math.max(0, cursor.readInt()) // Int  entry count; zero or negative reads as none
      if (count > limits.tocEntries) throw tooLarge('tocEntries', limits.tocEntries, count, countOffset)
      this.#header = header
      this.#expected = count
    } catch (error) {
      if (error instanceof NeedMoreBytes) return 0
      throw error
    }
    for (const warning of warnings) onWarning(warning)
    this.#features = featuresOf(this.#header.version)
    this.#walker = new EntryWalker({ features: this.#features, layout: cursor.layout, format, limits })
    return cursor.position
  }

  #parseEntries(walker: EntryWalker, window: Uint8Array, start: number, offset: number): number {
    const missing = (this.#expected ?? 0) - this.#entries.length
    const count = walker.walk(window, start, offset, missing)
    if (count === 0) return 0
    const bytes = window.slice(start, walker.position)
    const segment: Segment = { bytes, rows: walker.takeRows(count), context: walker.context }
    for (let index = 0; index < count; index++) {
      const entry = new StoredEntry(segment, index * rowSize)
      this.#entries.push(entry)
      this.#warnAboutOids(entry)
    }
    return bytes.length
  }

  #warnAboutOids(entry: StoredEntry): void {
    if (this.#features?.withOids === true && !entry.withOids) return
    this.#options.onWarning({
      code: 'WITH_OIDS',
      severity: 'warning',
      dumpId: entry.dumpId,
      message: 'restoring tables WITH OIDS is not supported anymore',
    })
  }
}

function tooLarge(limit: 'tocBytes' | 'tocEntries', max: number, observed: number, offset: number): ArchiveError {
  const what = limit === 'tocBytes' ? `it is longer than ${max} bytes` : `it claims ${observed} entries`
  return new ArchiveError('LIMIT_EXCEEDED', `Cannot read the TOC: ${what}, the limit ${limit} is ${max}`, {
    offset,
    details: { limit, max, observed },
    hint: `Raise the limit ${limit} if you trust the archive`,
  })
}
