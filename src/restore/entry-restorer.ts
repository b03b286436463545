import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { EntryParts } from '../ops/selection.ts'
import { SqlGatherer } from '../ops/sql-gather.ts'
import { storesData } from '../ops/sql-plan.ts'
import { isDatabase } from '../sql/drop.ts'
import { putEntry } from '../sql/entry.ts'
import { putUnlinkIfExists } from '../sql/large-object.ts'
import { fmtId, fmtQualifiedId } from '../sql/quote.ts'
import type { ScriptContext } from '../sql/session.ts'
import type { TocEntry } from '../toc/types.ts'
import { Conversation, restoreIntoIt, resumeLater, whatRemains } from './conversation.ts'
import { warnOfDump } from './dump-warning.ts'
import { EntrySteps, type StepSession } from './entry-steps.ts'
import { EntryStorage } from './entry-storage.ts'
import { loadLargeObjects } from './load-objects.ts'
import { loadRows } from './load-rows.ts'
import type { RestoreRun, WorkerOptions } from './run.ts'
import {
  begin,
  beginsTransaction,
  changesDatabase,
  commit,
  endsTransaction,
  RestoreSession,
  secureSearchPath,
  setsRole,
  type Command,
} from './session.ts'
import { StatementSplitter } from './statements.ts'
import { dataOptions, goesThroughRoot, putTriggers } from './table-data.ts'
import { Together } from './together.ts'
import { isServerError, type RestoreTarget } from './target.ts'

/** One session of a restore: what it does with an entry (restore_toc_entry, pg_backup_archiver.c). */
export class EntryRestorer {
  readonly session: RestoreSession
  readonly #run: RestoreRun
  readonly #context: ScriptContext
  readonly #worker: number | undefined
  readonly #signal: AbortSignal | undefined
  readonly #conversation: Conversation
  readonly #gatherer = new SqlGatherer()
  /** Absent where it depends on each command whether there is another one. */
  readonly #together: Together | undefined
  /** Of a restore with a journal. */
  readonly #steps: EntrySteps | undefined
  readonly #stepSession: StepSession
  readonly #storage: EntryStorage
  /** What the server is at. */
  #entry: TocEntry | undefined
  /** What comes next is about this one. */
  #entering: TocEntry | undefined
  /** Failures of this session. */
  #failed = 0
  /** A transaction that the restore began and has not ended. */
  #inTransaction = false
  /** Whether the last thing that was said was a COMMIT of the restore's own. */
  #committing = false

  /** @param worker absent: the only session at the time */
  constructor(run: RestoreRun, target: RestoreTarget, worker?: WorkerOptions) {
    const { context } = run.prepared
    this.#run = run
    // workers commit each command
    this.#context = worker === undefined ? context : { ...context, options: { ...context.options, transactionSize: 0 } }
    this.#worker = worker?.worker
    this.#signal = worker === undefined ? run.options.signal : worker.signal
    this.session = new RestoreSession(this.#context)
    this.#storage = new EntryStorage(context.quote)
    this.#conversation = new Conversation(target, this.#signal, () => ({
      message: 'Cannot restore further',
      hint: whatRemains(this.#context.options.singleTransaction, this.#committing, run.journal !== undefined),
      dumpId: this.#entry?.dumpId,
      details: { ...run.tally, groups: run.groups },
    }))
    if (run.mayGoAhead && this.#conversation.target.queries !== undefined) {
      this.#together = new Together(this.#conversation, {
        at: (entry) => this.#tellNew(entry),
        refused: (error, command) => this.#refused(error, command),
      })
    }
    this.#stepSession = this.#asStepSession()
    this.#steps = run.journal === undefined ? undefined : new EntrySteps(run.journal, this.#stepSession)
  }

  /** The first commands of a session. */
  async begin(): Promise<void> {
    await this.send(secureSearchPath)
    if (this.#context.options.singleTransaction) await this.send(begin)
    this.session.setFixedState()
    await this.flush()
    await this.settle()
    await this.#run.journal?.begin(this.#stepSession)
  }

  /** The same in a session that may not be new. */
  async startOver(): Promise<void> {
    await this.send(secureSearchPath)
    this.session.startOver()
    await this.flush()
    await this.settle()
    if (this.#worker === undefined) await this.#run.journal?.arrive(this.#stepSession)
    else await this.#run.journal?.join(this.#stepSession)
  }

  /** Is again who connected, for whatever else the session is used. */
  async leave(): Promise<void> {
    this.session.becomeUser('')
    await this.flush()
    await this.settle()
    this.enter(undefined)
  }

  /** Listens to the signal no longer. */
  close(): void {
    this.#conversation.close()
  }

  enter(entry: TocEntry | undefined, part: 'drop' | 'step' = 'step'): void {
    this.#signal?.throwIfAborted()
    this.#entering = entry
    if (entry !== undefined) this.#steps?.enter(entry, part)
    // in its turn, also one for which nothing is said
    if (this.#together?.isEmpty === false) this.#together.afterwards(() => this.#tellNew(entry))
    else this.#tell(entry)
  }

  /** The server is at this entry now, if it was not before. */
  #tellNew(entry: TocEntry | undefined): void {
    if (this.#entry !== entry) this.#tell(entry)
  }

  /** The server is at this entry. */
  #tell(entry: TocEntry | undefined): void {
    this.#entry = entry
    this.#run.enter(entry, this.#worker)
  }

  /** Restores an entry, whatever the server takes of it. */
  async restore(entry: TocEntry): Promise<void> {
    this.enter(entry)
    const parts = this.#run.prepared.filtered.parts(entry)
    const isWhole = this.#steps?.isWhole === true
    const isHeld = !isWhole && this.#run.holdsBack(entry)
    if (isHeld) this.#steps?.hold()
    if (isWhole) await this.#passOver(entry, parts)
    else await this.#restoreEntry(entry, parts)
    if (!this.#run.isInhibited(entry)) this.#steps?.leave()
    if (!isHeld) this.#run.countEntry(isWhole)
  }

  /** An earlier run has restored it. */
  async #passOver(entry: TocEntry, { schema }: EntryParts): Promise<void> {
    if (schema && entry.desc === 'TABLE') this.#run.markCreated(entry)
    if (schema && isDatabase(entry.desc) && this.#run.journal?.isInPlace === false) await this.#reconnect(entry)
  }

  /** All drops have been tried. */
  async endDrops(): Promise<void> {
    await this.#steps?.endDrops()
  }

  /** All has been tried. @returns what the server said when the journal's marks could not be removed */
  async endJournal(): Promise<string | undefined> {
    const { journal } = this.#run
    if (journal === undefined) return undefined
    const { useSetSessionAuthorization, disableTriggers, role } = this.#context.options
    if (useSetSessionAuthorization || disableTriggers) {
      // the marks belong to who began, which takes the role, too
      await this.leave()
      if (role !== null) await this.send({ sql: `SET ROLE ${fmtId(this.#context.quote, role)}` })
    }
    return await journal.end(this.#stepSession)
  }

  async #restoreEntry(entry: TocEntry, parts: EntryParts): Promise<void> {
    const session = this.session
    warnOfDump(this.#context, this.#run.prepared.plan.hasSchema, entry)
    if (parts.schema) await this.#schema(entry)
    // whether there is a table for them
    if (parts.data && this.#run.options.noDataForFailedTables === true) await this.settle()
    if (parts.data && !this.#run.isInhibited(entry)) {
      if (entry.hadDumper) await this.#stored(entry)
      else if (!parts.schema) {
        this.#context.report(entry, (name) => `executing ${name('desc')} ${name('tag')}`)
        putEntry(session, entry, '')
      }
    }
    if (parts.statistics) putEntry(session, entry, 'Statistics for ')
    session.endAction('')
    await this.flush()
    // others wait for what a worker does
    if (this.#worker !== undefined) await this.settle()
  }

  async #schema(entry: TocEntry): Promise<void> {
    const { report, options } = this.#context
    const leavesTransaction = isDatabase(entry.desc)
    if (leavesTransaction && options.transactionSize > 0) await this.send(commit)
    report(entry, (name) => {
      const schema = entry.namespace === null ? '' : `${name('namespace')}.`
      return `creating ${name('desc')} "${schema}${name('tag')}"`
    })
    putEntry(this.session, entry, '')
    let before = 0
    this.#afterwards(() => void (before = this.#failed))
    await this.flush()
    await this.#steps?.store(this.#storage.all(entry), this.#storage.lacking(entry))
    if (entry.desc === 'TABLE') {
      this.#afterwards(() => {
        if (this.#failed === before) this.#run.markCreated(entry)
        else if (this.#run.options.noDataForFailedTables === true) this.#run.inhibitData(entry)
      })
    }
    if (leavesTransaction) await this.#reconnect(entry)
  }

  /** Does something when what was said so far has been answered. */
  #afterwards(what: () => void): void {
    if (this.#together === undefined) what()
    else this.#together.afterwards(what)
  }

  /** ReconnectToServer, pg_backup_db.c */
  async #reconnect(entry: TocEntry): Promise<void> {
    await this.settle()
    this.#context.report(entry, (name) => `connecting to new database "${name('tag')}"`)
    await this.#conversation.connect(entry, this.#run.journal === undefined ? restoreIntoIt : resumeLater)
    await this.startOver()
  }

  async #stored(entry: TocEntry): Promise<void> {
    const context = this.#context
    putEntry(this.session, entry, 'Data for ')
    if (entry.desc !== 'BLOBS' && entry.desc !== 'BLOB COMMENTS') return await this.#tableData(entry)
    context.report(entry, (name) => `processing ${name('desc')}`)
    this.session.selectSchema('pg_catalog')
    await this.flush()
    if (!storesData(entry)) return
    if (entry.desc === 'BLOB COMMENTS') {
      await this.#load(false, () => this.#reading(entry, (source) => this.#statements(source)))
    } else {
      // a transaction of its own (StartRestoreLOs … EndRestoreLOs)
      const { singleTransaction, transactionSize } = context.options
      await this.#load(!singleTransaction && transactionSize === 0, () => this.#largeObjects(entry))
    }
  }

  async #tableData(entry: TocEntry): Promise<void> {
    const { options, quote, report } = this.#context
    const session = this.session
    const { raw } = entry
    const table = fmtQualifiedId(quote, raw.byteString('namespace'), raw.byteString('tag') ?? '')
    const asOwner = async (): Promise<void> => {
      session.becomeOwner(entry)
      session.selectSchema(raw.byteString('namespace'))
      await this.flush()
    }
    // with a journal in the transaction of the rows: whoever loads them, now or later, has the triggers off
    const within = options.disableTriggers && this.#steps !== undefined
    if (options.disableTriggers && !within) putTriggers(session, entry, 'DISABLE')
    if (!within) await asOwner()
    report(entry, (name) => `processing data for table "${name('namespace')}.${name('tag')}"`)
    const copyStmt = raw.byteString('copyStmt') ?? ''
    // of what is new in its transaction the server need not write to its log what it could not lose
    const truncates = this.#worker !== undefined && this.#run.wasCreated(entry) && !goesThroughRoot(entry, table)
    const before = this.#failed
    await this.#load(truncates, async () => {
      if (within) {
        putTriggers(session, entry, 'DISABLE')
        await asOwner()
        if (this.#failed > before) return
      }
      if (truncates) await this.send({ sql: `TRUNCATE TABLE ONLY ${table};\n\n` })
      if (copyStmt !== '') await this.#copy(entry, copyStmt)
      else if (storesData(entry)) await this.#reading(entry, (source) => this.#statements(source))
      if (!within || this.#failed > before) return
      putTriggers(session, entry, 'ENABLE')
      await this.flush()
    })
    if (this.#failed > before) this.#run.lackRows(entry)
    if (within) session.forgetState()
    if (options.disableTriggers && !within) putTriggers(session, entry, 'ENABLE')
  }

  /** In a transaction, with a journal always. */
  async #load(inTransaction: boolean, load: () => Promise<void>): Promise<void> {
    await this.settle()
    if (this.#steps !== undefined) return await this.#steps.load(load)
    if (inTransaction) await this.send(begin)
    await load()
    if (inTransaction) await this.send(commit)
  }

  /** What was read of an entry goes no further than `use`. */
  async #reading(entry: TocEntry, use: (source: ChunkSource) => Promise<void>): Promise<void> {
    const source = this.#run.prepared.filtered.data(entry, dataOptions(this.#signal)).borrow()
    try {
      await use(source)
    } finally {
      await source.cancel()
    }
  }

  async #copy(entry: TocEntry, copyStmt: string): Promise<void> {
    await loadRows(entry, copyStmt, {
      conversation: this.#conversation,
      gatherer: this.#gatherer,
      read: (use) => this.#reading(entry, use),
      sent: (bytes) => this.#sent(bytes),
      refused: (error, command) => this.#refused(error, command),
    })
  }

  async #statements(source: ChunkSource): Promise<void> {
    const splitter = new StatementSplitter(this.#context.settings.stdStrings)
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
      this.#signal?.throwIfAborted()
      for (const statement of splitter.push(chunk)) {
        const command = (): Command => ({ sql: decodeByteString(statement) })
        if (this.#together?.takes(command()) === true) {
          await this.#together.addStatement(statement, command, this.#entering)
          continue
        }
        await this.settle()
        try {
          await this.#conversation.ask(() => this.#conversation.target.query(statement))
        } catch (error) {
          await this.#refused(error, command())
          // all of them or none
          if (this.#steps !== undefined) return
        }
      }
      await this.settle()
      this.#sent(chunk.length)
    }
  }

  /** The data of a BLOBS entry. */
  async #largeObjects(entry: TocEntry): Promise<void> {
    await loadLargeObjects(entry, {
      context: this.#context,
      filtered: this.#run.prepared.filtered,
      signal: this.#signal,
      unlink: async (oid) => {
        putUnlinkIfExists(this.session, oid)
        await this.flush()
        await this.settle()
      },
      query: (sql) => this.#conversation.ask(() => this.#conversation.target.query(sql)),
      sent: (bytes) => this.#sent(bytes),
      refused: (error, command) => this.#refused(error, command),
    })
  }

  #sent(bytes: number): void {
    this.#run.sent(bytes, this.#entry, this.#worker)
  }

  async flush(): Promise<void> {
    for (const command of this.session.takeCommands()) {
      const isStep = this.#steps?.isLoading === false && this.#entry !== undefined && changesDatabase(command)
      if (isStep) await this.#steps?.do(command)
      else if (this.#together?.takes(command) === true) await this.#together.add(command, this.#entering)
      else await this.send(command)
    }
  }

  /** Everything that was said has been answered. */
  async settle(): Promise<void> {
    await this.#together?.settle()
    if (this.#entry !== this.#entering) this.#tell(this.#entering)
  }

  async send(command: Command): Promise<void> {
    await this.settle()
    const { sql } = command
    // whether it succeeds or not
    this.#committing = endsTransaction.test(sql)
    if (this.#committing) this.#inTransaction = false
    try {
      await this.#conversation.ask(() => this.#conversation.target.query(encodeByteString(sql)))
      this.#storage.answered(command, true)
      if (beginsTransaction.test(sql)) this.#inTransaction = true
    } catch (error) {
      this.#storage.answered(command, false)
      await this.#refused(error, command)
    }
  }

  /** Counts a failure. @throws Stopped when it was the last one */
  async #refused(error: unknown, { sql, complaint, shown, fatal }: Command): Promise<void> {
    if (!isServerError(error)) throw error
    this.#failed++
    await this.#run.refuse({
      stage: this.#run.stage,
      entry: this.#entry,
      complaint: this.#run.show(complaint ?? 'could not execute query'),
      statement: complaint === undefined || shown === true ? this.#run.show(sql) : undefined,
      error,
      // what is done as somebody else is not done again
      fatal: fatal === true || (this.#steps !== undefined && this.#entry === undefined && setsRole.test(sql)),
      worker: this.#worker,
    })
  }

  /** Leaves the session without a transaction. */
  async rollBack(): Promise<void> {
    this.#together?.forget()
    if (this.#inTransaction) await this.#conversation.undo('ROLLBACK;')
    this.#inTransaction = false
  }

  /** Leaves the session as one that no run of the journal is at work in. */
  async part(): Promise<void> {
    const sql = this.#run.journal?.partSql
    if (sql !== undefined) await this.#conversation.undo(sql)
  }

  #asStepSession(): StepSession {
    const { target } = this.#conversation
    return {
      query: (sql) => this.#conversation.ask(() => target.query(encodeByteString(sql))),
      rows: (sql) => this.#conversation.ask(async () => (await target.rows?.(sql)) ?? []),
      send: (command) => this.send(command),
      refused: (error, command) => this.#refused(error, command),
      rollBack: () => this.rollBack(),
      committed: () => void (this.#inTransaction = false),
      inTransaction: () => this.#inTransaction,
      failed: () => this.#failed,
      misplacedBy: (command) => this.#storage.misplacedBy(command, this.#entering),
    }
  }
}
