import { ArchiveError } from '../errors.ts'
import type { ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import type { CompatRules } from './compat.ts'
import type { TargetAdapter } from './target.ts'
import { connectLines, fmtId, type QuoteRules, stringLiteral } from './quote.ts'

/** pg_restore's output options, checked and with defaults filled in; names are byte strings. */
export interface ScriptOptions {
  readonly clean: boolean
  /** -C: of the drops, only those of the database */
  readonly create: boolean
  readonly ifExists: boolean
  readonly noOwner: boolean
  readonly superuser: string
  /** Null for none. */
  readonly role: string | null
  readonly useSetSessionAuthorization: boolean
  /** --disable-triggers in a restore without schema: elsewhere it does nothing. */
  readonly disableTriggers: boolean
  readonly noTablespaces: boolean
  readonly noTableAccessMethod: boolean
  readonly singleTransaction: boolean
  /** 0 for none. */
  readonly transactionSize: number
  readonly enableRowSecurity: boolean
  /** Null for none. */
  readonly restrictKey: string | null
  readonly verbose: boolean
  /** Version strings and descs as they are stored, control characters included. */
  readonly asPgRestore: boolean
}

/** Names of an entry as a message shows them; `(null)` for one that is not there. */
export type NameOf = (field: 'desc' | 'namespace' | 'tag') => string

/** A part of a text. */
interface Span {
  readonly start: number
  readonly end: number
}

/** Takes a progress message; composes it only if somebody listens. */
export type Report = (entry: TocEntry, compose: (name: NameOf) => string) => void

/** All that printing an entry depends on besides the entry. */
export interface ScriptContext {
  readonly options: ScriptOptions
  readonly rules: CompatRules
  readonly quote: QuoteRules
  readonly settings: ArchiveSettings
  /** Makes definitions fit a server; null: they are printed as they are. */
  readonly target: TargetAdapter | null
  /** Container of the archive: decides what a verbose comment says of an entry's data. */
  readonly format: 'custom' | 'directory' | 'tar'
  /** Characters that an entry may be made into; see `mostScriptText`. */
  readonly mostText: number
  /** Any entry of the archive, selected or not. */
  readonly lookUp: (dumpId: DumpId) => TocEntry | undefined
  /** A progress message of -v. */
  readonly report: Report
  /** A warning of pg_restore: its text without prefix. */
  readonly warn: (code: string, text: string, entry: TocEntry) => void
}

/**
 * The script being written and what is known of the session that will run it: session user, search path, tablespace,
 * access method, actions since the last commit. Each `select…` prints a command only when the state changes.
 */
export class ScriptSession {
  readonly context: ScriptContext
  /** Text that was not taken yet, a byte string. */
  text = ''
  #metaCommands: Span[] = []
  /** Actions in the current transaction of --transaction-size. */
  #actions = 0
  /** Null is unknown; the empty string is the user who connected. */
  #user: string | null = null
  #schema: string | null = null
  #tablespace: string | null = null
  #accessMethod: string | null = null

  constructor(context: ScriptContext) {
    this.context = context
  }

  /**
   * Adds text: one command, or a part of a script that is none.
   * @throws ArchiveError LIMIT_EXCEEDED
   */
  put(text: string): void {
    this.requireRoom(text.length)
    this.text += text
  }

  /** Characters that were not taken yet. */
  protected get pending(): number {
    return this.text.length
  }

  /** @throws ArchiveError LIMIT_EXCEEDED where this many characters more are too many for one entry */
  requireRoom(length: number): void {
    const { mostText } = this.context
    const observed = this.pending + length
    if (observed <= mostText) return
    throw new ArchiveError(
      'LIMIT_EXCEEDED',
      `Cannot write SQL: one entry would be ${observed} characters of it, at most ${mostText} are written`,
      {
        details: { limit: 'stringBytes', max: mostText, observed },
        hint: 'pg_dump writes no such entry: leave it out with a list, or look at it before you trust the archive',
      },
    )
  }

  /** Whether comments stand above entries: not where nobody reads them. */
  get writesComments(): boolean {
    return true
  }

  /** Adds lines for psql itself. */
  putMetaCommand(lines: string): void {
    this.#metaCommands.push({ start: this.text.length, end: this.text.length + lines.length })
    this.put(lines)
  }

  /** Where in the text lines for psql stand that were put since the last call. */
  takeMetaCommands(): readonly Span[] {
    const spans = this.#metaCommands
    this.#metaCommands = []
    return spans
  }

  /** The text written since the last call. */
  take(): string {
    const { text } = this
    this.text = ''
    if (this.#metaCommands.length > 0) this.#metaCommands = []
    return text
  }

  /** The SET commands at the start and after every `\connect` (_doSetFixedOutputState, pg_backup_archiver.c). */
  setFixedState(): void {
    const { options, rules, quote, settings, target } = this.context
    // each command by itself: a connected session sends them one by one
    this.put('SET statement_timeout = 0;\n')
    this.put('SET lock_timeout = 0;\n')
    this.put('SET idle_in_transaction_session_timeout = 0;\n')
    if (rules.setsTransactionTimeout && target?.hasTransactionTimeout !== false) {
      this.put('SET transaction_timeout = 0;\n')
    }
    this.put(`SET client_encoding = '${settings.encoding}';\n`)
    this.put(`SET standard_conforming_strings = ${settings.stdStrings ? 'on' : 'off'};\n`)
    if (options.role !== null) this.put(`SET ROLE ${fmtId(quote, options.role)};\n`)
    if (settings.searchPath !== null) this.put(settings.searchPath)
    this.put('SET check_function_bodies = false;\n')
    this.put('SET xmloption = content;\n')
    this.put('SET client_min_messages = warning;\n')
    if (!settings.stdStrings) this.put('SET escape_string_warning = off;\n')
    this.put(`SET row_security = ${options.enableRowSecurity ? 'on' : 'off'};\n`)
    if (options.transactionSize > 0) {
      this.put('\nBEGIN;\n')
      this.#actions = 0
    }
    this.put('\n')
  }

  /**
   * Connects to another database (_reconnectToDB, pg_backup_archiver.c): nothing is known of the session afterwards.
   * @throws ArchiveError UNSUPPORTED when the name holds a line feed or carriage return
   */
  reconnect(entry: TocEntry): void {
    const { options, rules, quote } = this.context
    const dbname = entry.raw.byteString('tag') ?? ''
    if (options.restrictKey !== null) this.putMetaCommand(`\\unrestrict ${options.restrictKey}\n`)
    const lines = connectLines(quote, dbname, rules.setsEncodingBeforeConnect)
    if (lines === null) {
      const name = JSON.stringify(entry.tag)
      throw new ArchiveError('UNSUPPORTED', `Cannot write SQL for database ${name}: its name holds a line break`, {
        dumpId: entry.dumpId,
        hint: 'Leave out create, and connect to the database by other means',
        details: {
          pgRestore: `database name contains a newline or carriage return: "${entry.tag ?? ''}"`,
          unprefixed: true,
        },
      })
    }
    this.putMetaCommand(lines)
    if (options.restrictKey !== null) this.putMetaCommand(`\\restrict ${options.restrictKey}\n`)
    this.put('\n')
    this.startOver()
  }

  /** The start of a session on another connection, of which nothing is known. */
  startOver(): void {
    this.#user = null
    this.#schema = null
    this.#tablespace = null
    if (this.context.rules.forgetsAccessMethodOnConnect) this.#accessMethod = null
    this.setFixedState()
  }

  /** Becomes a user; the empty string is the one who connected (_becomeUser, pg_backup_archiver.c). */
  becomeUser(user: string): void {
    if (this.#user === user) return
    this.put(`SET SESSION AUTHORIZATION ${user === '' ? 'DEFAULT' : stringLiteral(this.context.quote, user)};\n\n`)
    this.#user = user
  }

  /** Becomes the owner of an entry where ownership is kept that way (_becomeOwner, pg_backup_archiver.c). */
  becomeOwner(entry: TocEntry): void {
    const { options } = this.context
    if (options.noOwner || !options.useSetSessionAuthorization) return
    this.becomeUser(entry.raw.byteString('owner') ?? '')
  }

  /** An ACL may change the session user itself. */
  forgetUser(): void {
    this.#user = null
  }

  /** Whether the archive leaves it to each entry to say in which schema it goes. */
  get selectsSchemas(): boolean {
    return this.context.settings.searchPath === null
  }

  /** For archives without a search path of their own (_selectOutputSchema, pg_backup_archiver.c). */
  selectSchema(schema: string | null | undefined): void {
    if (!this.selectsSchemas || !schema || this.#schema === schema) return
    const tail = schema === 'pg_catalog' ? '' : ', pg_catalog'
    this.put(`SET search_path = ${fmtId(this.context.quote, schema)}${tail};\n\n`)
    this.#schema = schema
  }

  /** A transaction in which they were set may have been rolled back. */
  forgetState(): void {
    this.forgetUser()
    this.forgetSchema()
  }

  /** The drops may have removed the schema. */
  forgetSchema(): void {
    this.#schema = null
  }

  /** The empty string is the database's default (_selectTablespace, pg_backup_archiver.c). */
  selectTablespace(tablespace: string | null | undefined): void {
    if (this.context.options.noTablespaces || tablespace === null || tablespace === undefined) return
    if (this.#tablespace === tablespace) return
    const value = tablespace === '' ? "''" : fmtId(this.context.quote, tablespace)
    this.put(`SET default_tablespace = ${value};\n\n`)
    this.#tablespace = tablespace
  }

  /** _selectTableAccessMethod, pg_backup_archiver.c */
  selectAccessMethod(entry: TocEntry, accessMethod: string | null | undefined): void {
    const { options, target } = this.context
    if (options.noTableAccessMethod || accessMethod === null || accessMethod === undefined) return
    if (this.#accessMethod === accessMethod || target?.takesAccessMethod(entry, accessMethod) === false) return
    this.put(`SET default_table_access_method = ${fmtId(this.context.quote, accessMethod)};\n\n`)
    this.#accessMethod = accessMethod
  }

  /** Gives a table without storage its access method; `table` is quoted. */
  alterAccessMethod(table: string, accessMethod: string): void {
    this.put(`ALTER TABLE ${table} SET ACCESS METHOD ${fmtId(this.context.quote, accessMethod)};\n\n`)
  }

  /** Counts actions of --transaction-size without a commit between them. */
  countActions(actions: number): void {
    this.#actions += actions
  }

  /** Counts an action; commits when the transaction is full, with an empty line after the new BEGIN or without. */
  endAction(afterBegin: '\n' | ''): void {
    const { transactionSize } = this.context.options
    if (transactionSize === 0) return
    if (++this.#actions < transactionSize) return
    this.put('COMMIT;\n')
    this.put(`BEGIN;\n${afterBegin}`)
    this.#actions = 0
  }

  /** After a command that cannot run in a transaction. */
  beginTransaction(): void {
    this.put('BEGIN;\n')
    this.#actions = 0
  }
}
