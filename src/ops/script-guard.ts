import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { ScriptRows, type UnsafeRows } from '../copy/script-rows.ts'
import { ArchiveError, type Finding } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { LaterBytes, mixedEncoding } from '../sql/mixed-encoding.ts'
import { PsqlReader, type UnsafeKind, type UnsafeSpot } from '../sql/psql-reader.ts'
import type { ScriptSession } from '../sql/session.ts'
import type { ArchiveSettings, TocEntry } from '../toc/types.ts'

/** What stands behind a COPY statement, or instead of one. */
type DataKind = 'rows' | 'sql'

/** What a script would make psql do besides sending it, with the reason as a sentence's end. */
const reasons: Readonly<Record<UnsafeKind | UnsafeRows, string>> = {
  'meta-command': 'a backslash outside of quotes is a command to psql',
  variable: 'psql would put in a variable of its own',
  'copy-from-stdin': 'COPY … FROM stdin would make rows of what follows in the script',
  ambiguous: 'releases of psql do not agree on where quotes begin and end',
  unclosed: 'it ends within a statement, quote or comment, and would take in what follows in the script',
  nul: 'it has a NUL, where psql leaves out the rest of the line',
  'text after the end mark': 'text after the line "\\." of its rows would be read as script',
  'end mark within a line': 'its rows have "\\." where no row can have it',
  'unknown escape': 'its rows have a backslash that COPY does not write',
}

const hint = 'pg_dump does not write this: leave the entry out, or look at it before you trust the archive'

/** Settings on which it depends where quotes end, and which SQL can change. */
const readingSettings = /standard_conforming_strings|client_encoding|set\s+names\b/i

/** Sets them for sessions to come, whose first lines set them again. */
const ofLaterSessions =
  /^ALTER (?:DATABASE|ROLE) (?:"[^"]*"|\w+) (?:IN DATABASE (?:"[^"]*"|\w+) )?SET "?\w+"? TO '[\w-]*';$/gm

/** Encodings in which quotes may be found elsewhere than in others. */
const otherEncodings = ['UTF8', 'SJIS', 'BIG5', 'GBK', 'GB18030', 'JOHAB'] as const

/** How a guard goes about what it finds. */
export interface GuardOptions {
  readonly settings: ArchiveSettings
  /** Receives what is found; null raises the first. */
  readonly onFinding: ((finding: Finding) => void) | null
}

/**
 * Reads a script before it goes out, the way psql will: nothing in it but what `toSql` itself puts there may be a command
 * to psql, and nothing may change what the rest of the script means.
 */
export class ScriptGuard {
  readonly #settings: ArchiveSettings
  readonly #onFinding: GuardOptions['onFinding']
  readonly #reader: PsqlReader
  /** Other ways to read the script, once something in it may have changed the settings that decide. */
  #others: readonly PsqlReader[] = []
  #entry: TocEntry | undefined
  #part = ''
  #checked = 0

  constructor({ settings, onFinding }: GuardOptions) {
    this.#settings = settings
    this.#onFinding = onFinding
    this.#reader = this.#readerOf(settings.stdStrings, settings.encoding)
  }

  /**
   * Checks what the session was given since the last call: whole statements.
   * @throws ArchiveError UNSAFE_SQL, the text being taken back from the session
   */
  check(session: ScriptSession, entry: TocEntry | undefined): void {
    this.#entry = entry
    this.#part = 'SQL'
    const from = this.#checked
    const { text } = session
    try {
      for (const { start, end } of session.takeMetaCommands()) {
        this.#sql(text.slice(this.#checked, start))
        this.#metaCommand(text.slice(start, end))
        this.#checked = end
      }
      this.#sql(text.slice(this.#checked))
      this.#checked = text.length
    } catch (error) {
      session.text = text.slice(0, from)
      this.#checked = from
      throw error
    }
  }

  /** The session's text was taken out of it. */
  taken(): void {
    this.#checked = 0
  }

  /**
   * Checks the statement that comes before the data of an entry, and gives what psql will take the data for.
   * @throws ArchiveError UNSAFE_SQL
   */
  copyStatement(session: ScriptSession, entry: TocEntry, copyStmt: string): DataKind {
    this.check(session, entry)
    if (copyStmt === '') return 'sql'
    this.#part = 'COPY statement'
    this.#reader.begin('copy statement')
    this.#reader.push(copyStmt)
    this.#reader.end()
    if (this.#others.length > 0 || readingSettings.test(copyStmt)) this.#readOtherwise(copyStmt, 'copy statement')
    if (!this.#reader.isCopy) this.#unsafe('unclosed', 'it is not one COPY … FROM stdin and nothing else')
    session.put(copyStmt)
    this.#checked = session.text.length
    return 'rows'
  }

  /** Hands on the data of an entry, each chunk after it was checked. */
  data(source: ChunkSource, entry: TocEntry, kind: DataKind): ChunkSource {
    return kind === 'rows' ? this.#rows(source, entry) : this.#statements(source, entry)
  }

  /** There are no data behind a COPY statement. */
  noData(entry: TocEntry, kind: DataKind): void {
    if (kind === 'sql') return
    this.#entry = entry
    this.#part = 'data'
    this.#unsafe('unclosed', 'there are no data behind its COPY statement, and no end of them')
  }

  #rows(source: ChunkSource, entry: TocEntry): ChunkSource {
    const rows = new ScriptRows()
    const mixed = mixedEncoding(this.#settings.encoding)
    const later = mixed === undefined ? undefined : new LaterBytes(mixed)
    let found = false
    return {
      next: async () => {
        const chunk = await source.next()
        if (found) return chunk
        if (chunk === null) {
          if (rows.ended) return null
          this.#entry = entry
          this.#part = 'data'
          this.#unsafe('unclosed', 'its rows do not end in a line "\\."')
          return null
        }
        const spot = rows.push(later === undefined ? chunk : encodeByteString(later.hide(decodeByteString(chunk))))
        if (spot === undefined) return chunk
        found = true
        this.#entry = entry
        this.#part = 'data'
        this.#unsafe(spot.kind, undefined, { offset: spot.offset })
        return chunk
      },
      cancel: () => source.cancel(),
    }
  }

  #statements(source: ChunkSource, entry: TocEntry): ChunkSource {
    const readers = [this.#reader, ...this.#others]
    const begin = (): void => {
      this.#entry = entry
      this.#part = 'data'
    }
    begin()
    for (const reader of readers) reader.begin('sql')
    let before = ''
    return {
      next: async () => {
        const chunk = await source.next()
        begin()
        if (chunk === null) {
          for (const reader of readers) reader.end()
          return null
        }
        const text = decodeByteString(chunk)
        const joined = before + text
        if (this.#others.length === 0 && readingSettings.test(joined)) {
          this.#unsafe('ambiguous', 'its statements change settings on which it depends where quotes end')
        }
        before = joined.slice(-40)
        for (const reader of readers) reader.push(text)
        return chunk
      },
      cancel: () => source.cancel(),
    }
  }

  #sql(text: string): void {
    if (text === '') return
    this.#reader.begin('sql')
    this.#reader.push(text)
    this.#reader.end()
    if (this.#others.length > 0 || readingSettings.test(this.#withoutOwn(text))) {
      this.#readOtherwise(text, 'sql')
    }
  }

  /** Without the lines in which `toSql` itself sets them. */
  #withoutOwn(text: string): string {
    const { encoding, stdStrings } = this.#settings
    const own = `SET client_encoding = '${encoding}';\nSET standard_conforming_strings = ${stdStrings ? 'on' : 'off'};\n`
    return text.split(own).join('').replaceAll(ofLaterSessions, '')
  }

  #readOtherwise(text: string, what: 'copy statement' | 'sql'): void {
    if (this.#others.length === 0) {
      this.#others = otherEncodings.flatMap((encoding) => [
        this.#readerOf(true, encoding),
        this.#readerOf(false, encoding),
      ])
    }
    for (const reader of this.#others) {
      reader.begin(what)
      reader.push(text)
      reader.end()
    }
  }

  /** A line of our own: with a name in it that psql may read otherwise, quotes and all. */
  #metaCommand(line: string): void {
    if (mixedEncoding(this.#settings.encoding) === undefined || line.includes('\\encoding')) return
    if (/[\u0080-\u00ff]/.test(line)) this.#unsafe('ambiguous', 'psql may find other quotes in the name to connect to')
  }

  #readerOf(stdStrings: boolean, encoding: string): PsqlReader {
    return new PsqlReader({ stdStrings, encoding, onUnsafe: (spot) => this.#unsafe(spot.kind, undefined, spot) })
  }

  #unsafe(kind: UnsafeKind | UnsafeRows, reason: string = reasons[kind], spot: Partial<UnsafeSpot> = {}): void {
    const { offset, line, excerpt } = spot
    const entry = this.#entry
    const of = entry === undefined ? 'the archive' : `entry ${entry.dumpId} (${JSON.stringify(entry.desc)})`
    const where = line === undefined ? (offset === undefined ? '' : ` at byte ${offset}`) : ` in line ${line}`
    const shown = excerpt === undefined || excerpt === '' ? '' : `: ${JSON.stringify(excerpt)}`
    const message = `${this.#part} of ${of} is not safe for psql${where}: ${reason}${shown}`
    const dumpId = entry?.dumpId
    if (this.#onFinding === null) {
      throw new ArchiveError('UNSAFE_SQL', `Cannot write SQL: ${message}`, {
        dumpId,
        hint,
        details: { kind, part: this.#part, line, offset, excerpt },
      })
    }
    this.#onFinding({ code: 'UNSAFE_SQL', severity: 'error', message, dumpId, offset, hint })
  }
}
