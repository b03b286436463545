import type { TocEntry } from '../toc/types.ts'
import type { Misplaced } from './entry-storage.ts'
import { allDrops, stepId, storageStep, type RestoreJournal, type StepId } from './journal.ts'
import type { JournalSession } from './journal-marks.ts'
import { begin, commit, type Command } from './session.ts'
import { isServerError } from './target.ts'

/** What the session that takes the steps does for them. */
export interface StepSession extends JournalSession {
  /** Sends a command that is no step of its own. */
  send(command: Command): Promise<void>
  /** Counts a failure. @throws Stopped when it was the last one, and whatever is none of the server's */
  refused(error: unknown, command: Command): Promise<void>
  /** What a command creates, and cannot store as it should be. */
  misplacedBy(command: Command): readonly Misplaced[]
  /** Failures so far. */
  failed(): number
  /** The open transaction has been committed, by what was sent last. */
  committed(): void
  rollBack(): Promise<void>
}

/** active_sql_transaction: the statement is none for a transaction */
const NOT_IN_TRANSACTION = '25001'

/** Duplicate database, schema, table, object, function, column. */
const alreadyThere: ReadonlySet<string> = new Set(['42P04', '42P06', '42P07', '42710', '42723', '42701'])

/** Undefined object, table, database, schema. */
const alreadyGone: ReadonlySet<string> = new Set(['42704', '42P01', '3D000', '3F000'])

/**
 * The steps of one entry after the other, each with its mark in the same transaction, and left out where an earlier run
 * has done it.
 */
export class EntrySteps {
  readonly #journal: RestoreJournal
  readonly #session: StepSession
  #place = -1
  #part: 'drop' | 'step' = 'step'
  #number = 0
  /** Something of the entry failed. */
  #failed = false
  #loading = false
  #isHeld = false

  constructor(journal: RestoreJournal, session: StepSession) {
    this.#journal = journal
    this.#session = session
  }

  /** What comes belongs to an entry. */
  enter(entry: TocEntry, part: 'drop' | 'step'): void {
    this.#place = this.#journal.placeOf(entry)
    this.#part = part
    this.#number = 0
    this.#failed = false
    this.#isHeld = false
  }

  /** All that comes of the entry is left to a later run. */
  hold(): void {
    this.#isHeld = true
  }

  /** Whether nothing of the entry is left to do. */
  get isWhole(): boolean {
    return this.#journal.isWhole(this.#place)
  }

  /** All of the entry has been tried. */
  leave(): void {
    if (!this.#failed) this.#journal.complete(this.#place)
  }

  /** Rows or large objects are being sent: what is said meanwhile belongs to that one step. */
  get isLoading(): boolean {
    return this.#loading
  }

  async do(command: Command): Promise<void> {
    const step = stepId(this.#place, this.#part, this.#number++)
    if (this.#journal.isDone(step)) return
    if (this.#isHeld) return this.#fail(step)
    if (!this.#journal.isInPlace) return await this.#doAlone(step, command)
    const numbers = this.#session.misplacedBy(command).map(({ number }) => number)
    const isDone = await this.#doMarked(step, command, this.#journal.markMisplaced(step, this.#place, numbers))
    if (isDone) for (const number of numbers) this.#fail(storageStep(this.#place, number))
  }

  /** What of the entry an earlier run has created without the setting that says how it is stored. */
  async store(all: readonly Misplaced[], lacking: readonly Misplaced[]): Promise<void> {
    for (const { number, command } of all) {
      if (!this.#journal.isMisplaced(this.#place, number)) continue
      const step = storageStep(this.#place, number)
      if (lacking.some((other) => other.number === number)) this.#fail(step)
      else await this.#doMarked(step, command, this.#journal.mark(step))
    }
  }

  /** @returns whether the server has taken it */
  async #doMarked(step: StepId, command: Command, mark: ReturnType<RestoreJournal['mark']>): Promise<boolean> {
    try {
      await this.#session.query(command.sql + mark.sql)
      mark.made()
      return true
    } catch (error) {
      if (isServerError(error) && error.sqlState === NOT_IN_TRANSACTION && !this.#session.inTransaction()) {
        await this.#doAlone(step, command)
      } else await this.#refused(error, step, command)
      return false
    }
  }

  /** What no transaction has room for: the store knows that it begins, and then that it is done. */
  async #doAlone(step: StepId, command: Command): Promise<void> {
    await this.#journal.note({ event: 'doing', step })
    try {
      await this.#session.query(command.sql)
    } catch (error) {
      const done = this.#part === 'drop' ? alreadyGone : alreadyThere
      const isDone = this.#journal.wasBegun(step) && isServerError(error) && done.has(error.sqlState)
      if (!isDone) {
        if (isServerError(error)) await this.#journal.note({ event: 'refused', step })
        return await this.#refused(error, step, command)
      }
    }
    await this.#journal.note({ event: 'done', step })
  }

  /** Loads rows or large objects: all of them or, where anything fails, nothing. */
  async load(load: () => Promise<void>): Promise<void> {
    const step = stepId(this.#place, 'rows', 0)
    if (this.#journal.isDone(step)) return
    const session = this.#session
    const ownTransaction = !session.inTransaction()
    if (ownTransaction) await session.send(begin)
    const failed = session.failed()
    this.#loading = true
    try {
      await load()
    } finally {
      this.#loading = false
    }
    if (session.failed() === failed) await this.#markLoaded(step, ownTransaction)
    else this.#fail(step)
    if (ownTransaction && session.inTransaction()) await session.rollBack()
  }

  async #markLoaded(step: StepId, ownTransaction: boolean): Promise<void> {
    const mark = this.#journal.mark(step)
    try {
      await this.#session.query(ownTransaction ? `${mark.sql}\n${commit.sql}` : mark.sql)
      mark.made()
      if (ownTransaction) this.#session.committed()
    } catch (error) {
      await this.#refused(error, step, commit)
    }
  }

  /** All drops have been tried. */
  async endDrops(): Promise<void> {
    if (!this.#journal.isInPlace) return await this.#journal.note({ event: 'done', step: allDrops })
    const mark = this.#journal.mark(allDrops)
    await this.#session.query(mark.sql)
    mark.made()
  }

  #fail(step: StepId): void {
    this.#failed = true
    // what could not be dropped may have been created since
    if (this.#part !== 'drop') this.#journal.fail(step)
  }

  async #refused(error: unknown, step: StepId, command: Command): Promise<void> {
    this.#fail(step)
    await this.#session.refused(error, command)
  }
}
