import { fmtId } from '../sql/quote.ts'
import { ScriptSession } from '../sql/session.ts'
import type { TocEntry } from '../toc/types.ts'

/** Settings of a session that say how objects are stored. */
export type StorageSetting = 'default_tablespace' | 'default_table_access_method'

/** One message to the server. */
export interface Command {
  /** A byte string. */
  readonly sql: string
  /** What pg_restore says when the server refuses it; by default that it could not execute a query. */
  readonly complaint?: string
  /** pg_restore shows the statement as well. */
  readonly shown?: true
  /** pg_restore gives up when it fails, whatever it was told about errors. */
  readonly fatal?: true
  /** It says how objects are stored that are created from now on. */
  readonly setting?: StorageSetting
  /** It concerns this session alone: another one that goes on must say it, too. */
  readonly ofSession?: true
}

const onlyWhiteSpace = /^\s*$/

/** The session of a restore: what a script would say, as commands, each to be sent by itself. */
export class RestoreSession extends ScriptSession {
  #commands: Command[] = []
  #pending = 0

  protected override get pending(): number {
    return this.#pending
  }

  override put(text: string): void {
    this.requireRoom(text.length)
    this.#pending += text.length
    if (!onlyWhiteSpace.test(text)) this.#commands.push({ sql: text })
  }

  /** There is no psql that could take them. */
  override putMetaCommand(): void {}

  /** Nobody reads them. */
  override get writesComments(): boolean {
    return false
  }

  /** What has come together since the last call. */
  takeCommands(): readonly Command[] {
    const commands = this.#commands
    if (commands.length > 0) this.#commands = []
    this.#pending = 0
    return commands
  }

  override setFixedState(): void {
    this.#marked(() => super.setFixedState(), { ofSession: true })
  }

  override becomeUser(user: string): void {
    this.#marked(() => super.becomeUser(user), {
      complaint: `could not set session user to "${user}"`,
      fatal: true,
      ofSession: true,
    })
  }

  override selectSchema(schema: string | null | undefined): void {
    const complaint = `could not set ${this.#setting('search_path')} to "${schema ?? ''}"`
    this.#marked(() => super.selectSchema(schema), { complaint, ofSession: true })
  }

  override selectTablespace(tablespace: string | null | undefined): void {
    const name = tablespace ? fmtId(this.context.quote, tablespace) : "''"
    this.#marked(() => super.selectTablespace(tablespace), {
      setting: 'default_tablespace',
      complaint: `could not set ${this.#setting('default_tablespace')} to ${name}`,
      ofSession: true,
    })
  }

  override selectAccessMethod(entry: TocEntry, accessMethod: string | null | undefined): void {
    const complaint = `could not set ${this.#setting('default_table_access_method')}`
    const setting = 'default_table_access_method'
    this.#marked(() => super.selectAccessMethod(entry, accessMethod), { complaint, ofSession: true, setting })
  }

  override alterAccessMethod(table: string, accessMethod: string): void {
    const complaint = 'could not alter table access method'
    this.#marked(() => super.alterAccessMethod(table, accessMethod), { complaint })
  }

  #setting(name: string): string {
    return this.context.rules.quotesSettings ? `"${name}"` : name
  }

  /** Adds to the commands of `put` what is said when they fail. */
  #marked(put: () => void, mark: Omit<Command, 'sql'>): void {
    const { length } = this.#commands
    put()
    for (let at = length; at < this.#commands.length; at++) {
      this.#commands[at] = { ...mark, sql: this.#commands[at]?.sql ?? '' }
    }
  }
}

/** Before anything else, on every connection: nobody's functions shall be found by the names of the system's own. */
export const secureSearchPath: Command = {
  sql: "SELECT pg_catalog.set_config('search_path', '', false);",
  fatal: true,
}

export const begin: Command = { sql: 'BEGIN', complaint: 'could not start database transaction', shown: true }
export const commit: Command = { sql: 'COMMIT', complaint: 'could not commit database transaction', shown: true }

/** As the restore itself sends them; a statement of the archive has more to it. */
export const beginsTransaction = /^\s*BEGIN;?\s*$/
export const endsTransaction = /^\s*COMMIT;?\s*$/

/** Of the first commands of a session, the one that says who restores. */
export const setsRole = /^SET ROLE /

/** Whether it does something to the database that lasts. */
export function changesDatabase({ sql, ofSession }: Command): boolean {
  return ofSession !== true && !beginsTransaction.test(sql) && !endsTransaction.test(sql)
}
