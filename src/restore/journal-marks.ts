import { ArchiveError } from '../errors.ts'
import { problems } from './check-problems.ts'
import type { JournaledPlace } from './journal-state.ts'
import { isServerError, type ServerError, type ServerRow } from './target.ts'

const mayNotCreate = 'Restore as a role that may create a schema in the database, or without resume'

/** What a journal does in a session of the restore. */
export interface JournalSession {
  /** @throws ServerError, ArchiveError CONNECTION_LOST, the reason of the signal */
  query(sql: string): Promise<void>
  /** @throws the same */
  rows(sql: string): Promise<readonly ServerRow[]>
  /** Whether a transaction of the restore is open. */
  inTransaction(): boolean
}

/** Milliseconds that sessions of an earlier run have to end by themselves, and again once they were told to. */
const PATIENCE = 5000

/**
 * The marks of a restore in the database it goes into: a schema with one table, which holds a row for each step that is
 * done. Every session of the run holds a lock, so that another run can tell whether one is still at work.
 */
export class JournalMarks {
  readonly #run: string
  /** The two numbers of the lock. */
  readonly #key: string
  /** Other users than the one that restores make marks, too. */
  readonly #isShared: boolean
  #schema = ''

  constructor(run: string, isShared: boolean) {
    this.#run = run
    this.#isShared = isShared
    this.#key = [run.slice(0, 8), run.slice(8, 16)].map((digits) => Number.parseInt(digits, 16) | 0).join(', ')
  }

  /** The database that a session is in. */
  async placeOf(session: JournalSession): Promise<JournaledPlace> {
    const [row] = await session.rows(
      'SELECT datname, oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()',
    )
    return { database: row?.[0] ?? '', oid: row?.[1] ?? '', system: await systemOf(session) }
  }

  /** Holds the lock as long as the session lasts, or until it parts. */
  async join(session: JournalSession): Promise<void> {
    await session.rows(`SELECT pg_catalog.pg_advisory_lock_shared(${this.#key})
      WHERE NOT EXISTS (${this.#holders('=')} AND mode = 'ShareLock')`)
  }

  get partSql(): string {
    return `SELECT pg_catalog.pg_advisory_unlock_shared(${this.#key})`
  }

  async part(session: JournalSession): Promise<void> {
    await session.rows(this.partSql)
  }

  /**
   * The same once no session of an earlier run does: one that the server has not given up yet could do what this run
   * would do again. Those that last are ended.
   * @throws ArchiveError JOURNAL_REFUSED when they cannot be
   */
  async takeOver(session: JournalSession): Promise<void> {
    let ended = false
    let until = Date.now() + PATIENCE
    for (;;) {
      const [row] = await session.rows(`SELECT pg_catalog.pg_try_advisory_lock(${this.#key})`)
      if (row?.[0] === 't') break
      if (Date.now() >= until) {
        if (ended) throw await this.#stillThere(session)
        await this.#endOthers(session)
        ended = true
        until = Date.now() + PATIENCE
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    await this.join(session)
    await session.rows(`SELECT pg_catalog.pg_advisory_unlock(${this.#key})`)
    // where transactions do not see what is committed later, the next one does
    if (session.inTransaction()) await session.query('COMMIT; BEGIN')
  }

  async #endOthers(session: JournalSession): Promise<void> {
    try {
      await session.rows(`SELECT pg_catalog.pg_terminate_backend(pid) FROM (${this.#holders('<>')}) AS h`)
    } catch (error) {
      if (!isServerError(error)) throw error
      throw await this.#stillThere(session, error)
    }
  }

  async #stillThere(session: JournalSession, cause?: ServerError): Promise<ArchiveError> {
    // what failed may have been in a transaction
    const rows = cause !== undefined && session.inTransaction() ? [] : await session.rows(this.#holders('<>'))
    const processes = rows.map(([pid]) => pid ?? '')
    const which = processes.length === 0 ? '' : ` (process ${processes.join(', ')})`
    const count = processes.length === 1 ? 'a session' : 'sessions'
    const why = cause === undefined ? '' : `: ${cause.message}`
    return new ArchiveError(
      'JOURNAL_REFUSED',
      `Cannot resume: the server still has ${count} of the earlier run${which}, and does not end them${why}`,
      {
        hint: 'End them as a superuser with pg_terminate_backend(), or wait, and resume again',
        details: { processes },
        cause,
      },
    )
  }

  /** Sessions that hold the lock: this one, or others. */
  #holders(whose: '=' | '<>'): string {
    const [high, low] = this.#key.split(', ').map((number) => Number(number) >>> 0)
    return `SELECT DISTINCT pid FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 2
      AND classid = ${high} AND objid = ${low} AND pid ${whose} pg_catalog.pg_backend_pid()
      AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`
  }

  /** Whether there are marks of a round; these are meant from then on. */
  async find(session: JournalSession, round: number): Promise<boolean> {
    this.#setRound(round)
    const [row] = await session.rows(
      `SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace WHERE nspname = '${this.#schema}'`,
    )
    return row?.[0] !== '0'
  }

  async read(session: JournalSession): Promise<readonly string[]> {
    const rows = await session.rows(`SELECT step FROM ${this.#schema}.done`)
    return rows.flatMap(([step]) => step ?? [])
  }

  /**
   * Makes what the marks of a round stand in, before anything else is done.
   * @throws ArchiveError JOURNAL_REFUSED
   */
  async create(session: JournalSession, round: number): Promise<void> {
    this.#setRound(round)
    const schema = this.#schema
    // with what comes first on the disk, what comes later can be lost in that order only
    const sql = `SET LOCAL synchronous_commit = on; CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.done (step text NOT NULL)`
    const shared = `; GRANT USAGE ON SCHEMA ${schema} TO PUBLIC; GRANT INSERT ON ${schema}.done TO PUBLIC`
    try {
      await session.query(this.#isShared ? sql + shared : sql)
    } catch (error) {
      if (!isServerError(error)) throw error
      // read_only_sql_transaction
      const isReadOnly = error.sqlState === '25006'
      throw new ArchiveError('JOURNAL_REFUSED', `Cannot mark in the database what is done: ${error.message}`, {
        hint: `Nothing was restored. ${isReadOnly ? problems.readOnly.hint : mayNotCreate}`,
        cause: error,
      })
    }
  }

  #setRound(round: number): void {
    this.#schema = `pgdmp_restore_${this.#run.slice(0, 16)}${round > 1 ? `_${round}` : ''}`
  }

  /** What follows a statement so that both are done or neither. */
  sqlOf(steps: readonly string[]): string {
    const values = steps.map((step) => `('${step}')`)
    // behind a line feed, as the statement may end in a comment
    return `\n;INSERT INTO ${this.#schema}.done VALUES ${values.join(', ')};`
  }

  /** Takes all of it away, and the lock. @throws ServerError when the server refuses it */
  async remove(session: JournalSession): Promise<void> {
    const drop = `SET LOCAL client_min_messages = error; DROP TABLE ${this.#schema}.done; DROP SCHEMA ${this.#schema}`
    try {
      // event triggers, which the archive may have brought, are none of its business
      await session.query(`SET LOCAL session_replication_role = replica; ${drop}`)
    } catch (error) {
      if (!isServerError(error)) throw error
      await session.query(drop)
    }
    await this.part(session)
  }
}

/** What tells one cluster from another, where the server says it to this role. */
async function systemOf(session: JournalSession): Promise<string | null> {
  const [allowed] = await session.rows(`SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc
    WHERE pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND proname = 'pg_control_system'
    AND pg_catalog.has_function_privilege(oid, 'EXECUTE')`)
  if (allowed?.[0] === '0') return null
  const [row] = await session.rows('SELECT system_identifier FROM pg_catalog.pg_control_system()')
  return row?.[0] ?? null
}
