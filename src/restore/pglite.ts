import type { Extension, Extensions, PGlite } from '@electric-sql/pglite'
import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError } from '../errors.ts'
import type { DrillPlace } from '../drill/place.ts'
import { splitStatements } from '../sql/split-statements.ts'
import { BackendMessages, frontendMessages, type AnswerHandlers } from './backend-messages.ts'
import { PGliteCopy } from './pglite-copy.ts'
import { differencesOf } from './pglite-differences.ts'
import { announcedEncoding, convertedEncodings, converterFrom, setUtf8, type ToUtf8 } from './pglite-encoding.ts'
import { ServerError, type CopyInput, type RestoreTarget, type ServerRow } from './target.ts'

/** A {@link RestoreTarget} over PGlite. */
export interface PGliteTarget extends RestoreTarget {
  readonly database: PGlite
  rows(sql: string): Promise<readonly ServerRow[]>
  copyTo(copyStatement: Uint8Array, onData: (bytes: Uint8Array) => void): Promise<void>
  copyFrom(copyStatement: Uint8Array): Promise<CopyInput>
}

/** Options of {@link pgliteTarget}. */
export interface PGliteTargetOptions {
  /** Receives notices and warnings. */
  readonly onNotice?: (notice: ServerError) => void
}

/**
 * A target over a database of PGlite (PostgreSQL in WebAssembly), which nothing else may use meanwhile. What PGlite
 * lacks fails there and is counted as on any server: extensions that it was not started with, tablespaces,
 * subscriptions. It has one database and one session, so `create` is not possible, and while it is at work on a
 * statement, nothing else in the process is.
 *
 * PGlite ends when it is to convert between encodings. So the target does that, for encodings of one byte a character.
 *
 * @example
 * const database = await PGlite.create() // of @electric-sql/pglite
 * await restore(archive, pgliteTarget(database), { noTablespaces: true })
 */
export function pgliteTarget(database: PGlite, options: PGliteTargetOptions = {}): PGliteTarget {
  return new Embedded(database, options)
}

/** More than any statement that pg_dump writes about the session's user. */
const LONGEST_LOOKED_AT = 1024 * 1024

const noRows = encodeByteString('there are no rows')

class Embedded implements PGliteTarget {
  readonly database: PGlite
  readonly #options: PGliteTargetOptions
  /** From the archive's encoding, where that is not the database's. */
  #toUtf8: ToUtf8 | undefined
  /** Who the session was begun by, quoted. */
  #user: string | undefined
  #status = 'I'

  constructor(database: PGlite, options: PGliteTargetOptions) {
    this.database = database
    this.#options = options
  }

  async query(sql: Uint8Array): Promise<void> {
    const encoding = announcedEncoding(sql)
    if (encoding !== undefined) return await this.#announce(sql, encoding)
    const text = sql.length > LONGEST_LOOKED_AT ? '' : decodeByteString(sql)
    const setsUser = text.includes('SESSION AUTHORIZATION')
    if (setsUser) this.#user ??= (await this.rows('SELECT pg_catalog.quote_ident(session_user)'))[0]?.[0] ?? undefined
    await this.#ask(this.#converted(sql), {})
    // in its single-user mode PostgreSQL knows no user to go back to
    if (setsUser && endsAsFirstUser(text) && this.#status !== 'E') {
      await this.#command(`SET SESSION AUTHORIZATION ${this.#user ?? 'postgres'}`)
    }
  }

  async rows(sql: string): Promise<readonly ServerRow[]> {
    const rows: ServerRow[] = []
    await this.#ask(new TextEncoder().encode(sql), { onRow: (fields) => void rows.push(fields) })
    return rows
  }

  async copyTo(copyStatement: Uint8Array, onData: (bytes: Uint8Array) => void): Promise<void> {
    await this.#ask(this.#converted(copyStatement), { onCopyData: onData })
  }

  async copyFrom(copyStatement: Uint8Array): Promise<CopyInput> {
    const statement = this.#converted(copyStatement)
    // without rows: whether it asks for some
    await this.#copy(statement, new Uint8Array(0))
    const status = (): string => this.#status
    return new PGliteCopy({
      get inTransaction() {
        return status() !== 'I'
      },
      command: (sql) => this.#command(sql),
      copy: (rows) => this.#copy(statement, this.#converted(rows)),
    })
  }

  async #command(sql: string): Promise<void> {
    await this.#ask(encodeByteString(sql), {})
  }

  async #announce(sql: Uint8Array, encoding: string): Promise<void> {
    if (encoding === 'UTF8' || encoding === 'SQL_ASCII') {
      this.#toUtf8 = undefined
      return await this.#ask(sql, {})
    }
    const toUtf8 = converterFrom(encoding)
    if (toUtf8 === undefined) {
      throw new ArchiveError('UNSUPPORTED', `Cannot restore into PGlite: it converts no text from ${encoding}`, {
        hint: `Restore into a server. What can be converted is UTF8, ${convertedEncodings.join(', ')}`,
      })
    }
    await this.#ask(setUtf8, {})
    this.#toUtf8 = toUtf8
  }

  #converted(bytes: Uint8Array): Uint8Array {
    return this.#toUtf8 === undefined ? bytes : this.#toUtf8(bytes)
  }

  /** A COPY with its rows: as one message, since PGlite waits for no other. */
  async #copy(statement: Uint8Array, rows: Uint8Array): Promise<number> {
    const data: readonly ['d', Uint8Array][] = rows.length > 0 ? [['d', rows]] : []
    // CopyDone; a second COPY of the statement has no rows
    const message = frontendMessages(['Q', statement, 'zero'], ...data, ['c'], ['f', noRows, 'zero'])
    const answer = await this.#exchange(message, {})
    if (answer.error !== undefined) throw answer.error
    // syntax_error
    if (!answer.askedForRows) {
      throw new ServerError('the statement of the archive asks for no rows', { sqlState: '42601' })
    }
    return Number(answer.tag.split(' ').at(-1))
  }

  async #ask(sql: Uint8Array, handlers: AnswerHandlers): Promise<void> {
    // PGlite would end the process when rows of a COPY are missing; else CopyFail says nothing
    const { error } = await this.#exchange(frontendMessages(['Q', sql, 'zero'], ['f', noRows, 'zero']), handlers)
    if (error !== undefined) throw error
  }

  async #exchange(message: Uint8Array, handlers: AnswerHandlers): Promise<BackendMessages> {
    const { onNotice } = this.#options
    const answer = new BackendMessages({ ...handlers, onNotice })
    // a message to one that is still starting would be lost
    await this.database.waitReady
    await this.database.runExclusive(() =>
      this.database.execProtocolRawStream(message, { onRawData: (bytes) => answer.push(bytes) }),
    )
    if (answer.status === undefined) {
      const said = answer.error === undefined ? '' : `: ${answer.error.message}`
      throw new Error(`PGlite has ended${said}`)
    }
    this.#status = answer.status
    return answer
  }
}

/** Whether the last that is said about the session's user is that it is the first one again. */
function endsAsFirstUser(text: string): boolean {
  let first = false
  for (const statement of splitStatements(text)) {
    const words = text.slice(statement.start, statement.end)
    if (/^\s*(?:RESET\s+SESSION\s+AUTHORIZATION|SET\s+SESSION\s+AUTHORIZATION\s+DEFAULT)\b/i.test(words)) first = true
    else if (/^\s*SET\s+SESSION\s+AUTHORIZATION\b/i.test(words)) first = false
  }
  return first
}

/** Options of {@link pglitePlace}. */
export interface PGlitePlaceOptions {
  /**
   * Where the database is: a folder that is not there yet and is left there; by default in memory. Memory is slow beyond
   * some 16 MB of rows (spec/drill.md).
   */
  readonly dataDir?: string
  /** Beside those of the package that the archive names: what PGlite takes as its option `extensions`. */
  readonly extensions?: Extensions
}

/**
 * A place for `drill` that needs no server: a new PGlite each time.
 *
 * @example
 * await drill(archive, pglitePlace())
 *
 * @throws ArchiveError UNSUPPORTED when `@electric-sql/pglite` is not installed
 */
export function pglitePlace({ dataDir, extensions }: PGlitePlaceOptions = {}): DrillPlace {
  return {
    name: 'pglite',
    async open(wanted) {
      const { PGlite: Database } = await loadPGlite()
      wanted.signal?.throwIfAborted()
      const found = await extensionsOfPackage(wanted.extensions)
      const database = await Database.create({
        ...(dataDir === undefined ? {} : { dataDir }),
        extensions: { ...found, ...extensions },
      })
      try {
        const target = pgliteTarget(database)
        await refuseUsed(target, dataDir)
        wanted.signal?.throwIfAborted()
        return {
          target,
          ownsServer: true,
          convertsToUtf8: true,
          differences: differencesOf(wanted),
          close: () => database.close(),
        }
      } catch (error) {
        await database.close().catch(() => undefined)
        throw error
      }
    },
  }
}

/** What a new database has none of: objects of users, by the first OID that these get. */
const objectsOfUsers = ['pg_class', 'pg_proc', 'pg_type', 'pg_namespace', 'pg_extension', 'pg_roles', 'pg_database']
  .map((catalog) => `EXISTS (SELECT FROM pg_catalog.${catalog} WHERE oid >= 16384)`)
  .join(' OR ')

/** A throw-away database must be nobody's. @throws ArchiveError USAGE */
async function refuseUsed(target: PGliteTarget, dataDir: string | undefined): Promise<void> {
  const [row] = await target.rows(`SELECT ${objectsOfUsers} OR EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)`)
  if (row?.[0] !== 't') return
  throw new ArchiveError('USAGE', `Cannot drill in ${dataDir ?? 'PGlite'}: there is a database with objects`, {
    hint: 'Name a folder that is not there yet',
  })
}

async function loadPGlite() {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    const what = 'the package @electric-sql/pglite is not installed'
    throw new ArchiveError('UNSUPPORTED', `Cannot start PGlite: ${what}`, {
      hint: 'Install it: npm install @electric-sql/pglite',
      details: { packages: ['@electric-sql/pglite'] },
      cause,
    })
  }
}

/** Those of the wanted extensions that the package has; others need packages of their own. */
async function extensionsOfPackage(names: readonly string[]): Promise<Extensions> {
  const found: Extensions = {}
  for (const name of names) {
    if (!/^[a-z][a-z0-9_-]*$/.test(name)) continue
    const file = name.replaceAll('-', '_')
    const specifier = `@electric-sql/pglite/contrib/${file}`
    // what cannot be loaded is not there, and CREATE EXTENSION will say so
    const module: Record<string, unknown> = await import(/* @vite-ignore */ specifier).catch(() => ({}))
    // a module of the package has its extension under the file's name
    if (module[file] !== undefined) found[file] = module[file] as Extension
  }
  return found
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND'
}
