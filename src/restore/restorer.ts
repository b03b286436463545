import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError, isArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { PreparedScript } from '../ops/prepare-script.ts'
import type { EntryParts } from '../ops/selection.ts'
import { storesData } from '../ops/sql-plan.ts'
import { SqlGatherer } from '../ops/sql-gather.ts'
import { isDatabase, putDrop } from '../sql/drop.ts'
import { putEntry } from '../sql/entry.ts'
import { putUnlinkIfExists } from '../sql/large-object.ts'
import { fmtQualifiedId } from '../sql/quote.ts'
import { decoderFor, type Decode } from '../toc/encoding.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { FailureRecord } from './failure-record.ts'
import type { RestoreFailure, RestoreStage } from './failures.ts'
import { LargeObjectSql } from './large-object-sql.ts'
import type { FailureDecision, RestoreOptions, RestoreResult } from './options.ts'
import { begin, beginsTransaction, commit, endsTransaction, RestoreSession, type Command } from './session.ts'
import { StatementSplitter } from './statements.ts'
import { endsSession, isServerError, type CopyInput, type RestoreTarget } from './target.ts'

/** Milliseconds that a statement has to end once it was cancelled. */
const CANCEL_PATIENCE = 5000

/** Before anything else, on every connection: nobody's functions shall be found by the names of the system's own. */
const secureSearchPath = "SELECT pg_catalog.set_config('search_path', '', false);"

/** A failure after which nothing goes on. */
class Stopped extends Error {}

/** One serial restore (RestoreArchive, restore_toc_entry, pg_backup_archiver.c). */
export class Restorer {
  readonly #prepared: PreparedScript
  readonly #target: RestoreTarget
  readonly #options: RestoreOptions
  readonly #session: RestoreSession
  readonly #gatherer = new SqlGatherer()
  readonly #decode: Decode
  readonly #failures = new FailureRecord()
  #bytes = 0
  #entries = 0
  #stage: RestoreStage = 'initializing'
  #entry: TocEntry | undefined
  /** A transaction that the restore began and has not ended. */
  #inTransaction = false
  /** The session is of no more use. */
  #lost = false
  /** Called when the signal comes while the server is at work. */
  #interrupt: (() => void) | undefined
  /** TABLE DATA entries whose table could not be created. */
  readonly #inhibited = new Set<DumpId>()

  constructor(prepared: PreparedScript, target: RestoreTarget, options: RestoreOptions) {
    this.#prepared = prepared
    this.#target = target
    this.#options = options
    this.#session = new RestoreSession(prepared.context)
    this.#decode = decoderFor(prepared.context.settings.encoding)
  }

  async run(): Promise<RestoreResult> {
    const { filtered, plan, announce } = this.#prepared
    this.#options.signal?.throwIfAborted()
    announce()
    filtered.plan(plan.data)
    const { signal } = this.#options
    const interrupt = (): void => this.#interrupt?.()
    signal?.addEventListener('abort', interrupt)
    let complete = false
    try {
      await this.#all()
      complete = true
    } catch (error) {
      await this.#rollBack()
      if (!(error instanceof Stopped)) throw error
    } finally {
      signal?.removeEventListener('abort', interrupt)
    }
    return {
      complete,
      entries: this.#entries,
      bytes: this.#bytes,
      ...this.#failures.summary(),
    }
  }

  async #all(): Promise<void> {
    const { plan, context, filtered } = this.#prepared
    const { options } = context
    const session = this.#session
    await this.#send({ sql: secureSearchPath, fatal: true })
    if (options.singleTransaction) await this.#send(begin)
    session.setFixedState()
    await this.#flush()
    this.#stage = 'processing'
    if (options.clean) {
      for (const entry of plan.drops()) {
        this.#enter(entry)
        putDrop(session, entry)
        await this.#flush()
      }
      session.forgetSchema()
    }
    for (const entry of plan.prints()) {
      this.#enter(entry)
      await this.#restoreEntry(entry, filtered.parts(entry))
      this.#entries++
    }
    // for pg_restore this is still about the last entry
    if (options.singleTransaction || options.transactionSize > 0) await this.#send(commit)
    this.#enter(undefined)
  }

  #enter(entry: TocEntry | undefined): void {
    this.#options.signal?.throwIfAborted()
    this.#entry = entry
    this.#options.onProgress?.({ bytes: this.#bytes, entry: entry?.dumpId })
  }

  async #restoreEntry(entry: TocEntry, parts: EntryParts): Promise<void> {
    const session = this.#session
    this.#warnOfDump(entry)
    if (parts.schema) await this.#schema(entry)
    if (parts.data && !this.#inhibited.has(entry.dumpId)) {
      if (entry.hadDumper) await this.#stored(entry)
      else if (!parts.schema) {
        this.#prepared.context.report(entry, (name) => `executing ${name('desc')} ${name('tag')}`)
        putEntry(session, entry, '')
      }
    }
    if (parts.statistics) putEntry(session, entry, 'Statistics for ')
    session.endAction('')
    await this.#flush()
  }

  /** pg_dump 7.x left its warnings in the archive. */
  #warnOfDump(entry: TocEntry): void {
    if (entry.desc !== 'WARNING') return
    const { plan, context } = this.#prepared
    const text = (plan.hasSchema && entry.defn) || entry.copyStmt
    if (text) context.warn('WARNING_OF_DUMP', `warning from original dump file: ${text}`, entry)
  }

  async #schema(entry: TocEntry): Promise<void> {
    const { report, options } = this.#prepared.context
    const session = this.#session
    const leavesTransaction = isDatabase(entry.desc)
    if (leavesTransaction && options.transactionSize > 0) await this.#send(commit)
    report(entry, (name) => {
      const schema = entry.namespace === null ? '' : `${name('namespace')}.`
      return `creating ${name('desc')} "${schema}${name('tag')}"`
    })
    putEntry(session, entry, '')
    const before = this.#failures.count
    await this.#flush()
    if (entry.desc === 'TABLE' && this.#failures.count > before && this.#options.noDataForFailedTables === true) {
      this.#inhibitData(entry)
    }
    if (leavesTransaction) await this.#reconnect(entry)
  }

  /** inhibit_data_for_failed_table, pg_backup_archiver.c */
  #inhibitData(table: TocEntry): void {
    const { report } = this.#prepared.context
    report(table, (name) => `table "${name('tag')}" could not be created, will not restore its data`)
    const data = this.#prepared.filtered.toc.findLast(
      ({ desc, dependencies }) => desc === 'TABLE DATA' && dependencies[0] === table.dumpId,
    )
    if (data !== undefined) this.#inhibited.add(data.dumpId)
  }

  /** ReconnectToServer, pg_backup_db.c */
  async #reconnect(entry: TocEntry): Promise<void> {
    this.#prepared.context.report(entry, (name) => `connecting to new database "${name('tag')}"`)
    if (this.#target.connect === undefined) {
      throw new ArchiveError(
        'USAGE',
        `Cannot restore database "${entry.tag ?? ''}": the target has one database only`,
        {
          dumpId: entry.dumpId,
          hint: 'Connect to the database and restore without create',
        },
      )
    }
    await this.#connect(this.#target.connect.bind(this.#target), entry)
    await this.#send({ sql: secureSearchPath, fatal: true })
    this.#session.startOver()
    await this.#flush()
  }

  async #connect(connect: (database: string) => Promise<void>, { tag, dumpId }: TocEntry): Promise<void> {
    try {
      await connect(tag ?? '')
    } catch (error) {
      // the session before is closed
      this.#lost = true
      this.#options.signal?.throwIfAborted()
      const said = isArchiveError(error) ? error.details?.['pgRestore'] : undefined
      const why = typeof said === 'string' ? said : error instanceof Error ? error.message : String(error)
      throw new ArchiveError('CONNECTION_FAILED', `Cannot connect to database "${tag ?? ''}": ${why}`, {
        dumpId,
        hint: 'What comes before it was restored. With the database there and reachable, restore into it without create',
        details: { pgRestore: why },
        cause: error,
      })
    }
  }

  async #stored(entry: TocEntry): Promise<void> {
    const { context } = this.#prepared
    putEntry(this.#session, entry, 'Data for ')
    if (entry.desc !== 'BLOBS' && entry.desc !== 'BLOB COMMENTS') return await this.#tableData(entry)
    context.report(entry, (name) => `processing ${name('desc')}`)
    this.#session.selectSchema('pg_catalog')
    await this.#flush()
    if (!storesData(entry)) return
    if (entry.desc === 'BLOB COMMENTS') await this.#reading(entry, (source) => this.#statements(source))
    else await this.#largeObjects(entry)
  }

  async #tableData(entry: TocEntry): Promise<void> {
    const { options, quote, report } = this.#prepared.context
    const session = this.#session
    const { raw } = entry
    const alter = (what: string): void => {
      report(entry, (name) => `${what === 'ENABLE' ? 'enabling' : 'disabling'} triggers for ${name('tag')}`)
      session.becomeUser(options.superuser)
      const table = fmtQualifiedId(quote, raw.byteString('namespace'), raw.byteString('tag') ?? '')
      session.put(`ALTER TABLE ${table} ${what} TRIGGER ALL;\n\n`)
    }
    if (options.disableTriggers) alter('DISABLE')
    session.becomeOwner(entry)
    session.selectSchema(raw.byteString('namespace'))
    await this.#flush()
    report(entry, (name) => `processing data for table "${name('namespace')}.${name('tag')}"`)
    const copyStmt = raw.byteString('copyStmt') ?? ''
    if (copyStmt !== '') await this.#copy(entry, copyStmt)
    else if (storesData(entry)) await this.#reading(entry, (source) => this.#statements(source))
    if (options.disableTriggers) alter('ENABLE')
  }

  /** What was read of an entry goes no further than `use`. */
  async #reading(entry: TocEntry, use: (source: ChunkSource) => Promise<void>): Promise<void> {
    const source = this.#prepared.filtered.data(entry, dataOptions(this.#options)).borrow()
    try {
      await use(source)
    } finally {
      await source.cancel()
    }
  }

  async #copy(entry: TocEntry, copyStmt: string): Promise<void> {
    let input: CopyInput
    try {
      input = await this.#talking(() => this.#target.copyFrom(encodeByteString(copyStmt)))
    } catch (error) {
      return await this.#refused(error, { sql: copyStmt })
    }
    try {
      if (storesData(entry)) await this.#reading(entry, (source) => this.#rows(source, input))
      await this.#talking(() => input.end())
    } catch (error) {
      if (!isServerError(error)) {
        if (!this.#lost) await input.abort('the data cannot be read').catch(() => undefined)
        throw error
      }
      await this.#refused(error, { sql: '', complaint: `COPY failed for table "${entry.raw.byteString('tag') ?? ''}"` })
    }
  }

  async #rows(source: ChunkSource, input: CopyInput): Promise<void> {
    const write = async (chunk: Uint8Array): Promise<void> => {
      await this.#talking(() => input.write(chunk))
      this.#sent(chunk.length)
    }
    try {
      for await (const chunk of this.#gatherer.data(source)) await write(chunk)
      for (const chunk of this.#gatherer.flush()) await write(chunk)
    } finally {
      // what was gathered of a failed COPY belongs nowhere
      this.#gatherer.forget()
    }
  }

  async #statements(source: ChunkSource): Promise<void> {
    const splitter = new StatementSplitter(this.#prepared.context.settings.stdStrings)
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
      this.#options.signal?.throwIfAborted()
      for (const statement of splitter.push(chunk)) {
        try {
          await this.#talking(() => this.#target.query(statement))
        } catch (error) {
          await this.#refused(error, { sql: decodeByteString(statement) })
        }
      }
      this.#sent(chunk.length)
    }
  }

  /** The data of a BLOBS entry, in a transaction of its own (StartRestoreLOs … EndRestoreLOs). */
  async #largeObjects(entry: TocEntry): Promise<void> {
    const { filtered, context } = this.#prepared
    const { options, report, settings } = context
    const ownTransaction = !options.singleTransaction && options.transactionSize === 0
    const createsObjects = !featuresOf(filtered.header.version).blobEntries
    if (ownTransaction) await this.#send(begin)
    let count = 0
    for await (const { oid, data } of filtered.largeObjects(entry, dataOptions(this.#options))) {
      this.#options.signal?.throwIfAborted()
      count++
      report(entry, () => `restoring large object with OID ${oid}`)
      // its reader of tar archives says so, too
      if (context.format === 'tar') report(entry, () => `restoring large object with OID ${oid}`)
      if (createsObjects && options.clean) {
        putUnlinkIfExists(this.#session, oid)
        await this.#flush()
      }
      const source = data.borrow()
      const object = new LargeObjectSql(oid, createsObjects, settings.stdStrings)
      let opened = false
      try {
        await this.#talking(() => this.#target.query(object.open))
        opened = true
        for await (const sql of object.read(source)) await this.#talking(() => this.#target.query(sql))
        this.#sent(object.bytes)
      } catch (error) {
        // pg_restore goes on to the next object, which cannot be opened in a transaction that failed
        if (opened) await this.#refused(error, { sql: '', complaint: 'could not write to large object' })
        else {
          const what = `could not ${createsObjects ? 'create' : 'open'} large object ${oid}`
          await this.#refused(error, { sql: '', complaint: what, fatal: true })
        }
      } finally {
        await source.cancel()
      }
    }
    if (ownTransaction) await this.#send(commit)
    report(entry, () => `restored ${count} large object${count === 1 ? '' : 's'}`)
  }

  #sent(bytes: number): void {
    this.#bytes += bytes
    this.#options.onProgress?.({ bytes: this.#bytes, entry: this.#entry?.dumpId })
  }

  async #flush(): Promise<void> {
    for (const command of this.#session.takeCommands()) await this.#send(command)
  }

  async #send(command: Command): Promise<void> {
    const { sql } = command
    // whether it succeeds or not
    if (endsTransaction.test(sql)) this.#inTransaction = false
    try {
      await this.#talking(() => this.#target.query(encodeByteString(sql)))
      if (beginsTransaction.test(sql)) this.#inTransaction = true
    } catch (error) {
      await this.#refused(error, command)
    }
  }

  /** Whatever is no word of the server means that there is no connection any more. */
  async #talking<T>(ask: () => Promise<T>): Promise<T> {
    this.#options.signal?.throwIfAborted()
    try {
      return await this.#answer(ask())
    } catch (error) {
      this.#options.signal?.throwIfAborted()
      if (isServerError(error) && !endsSession(error)) throw error
      this.#lost = true
      if (isArchiveError(error)) throw error
      const why = error instanceof Error ? error.message : String(error)
      throw new ArchiveError(
        'CONNECTION_LOST',
        `Cannot restore further: the connection to the server is lost: ${why}`,
        {
          dumpId: this.#entry?.dumpId,
          hint: 'The database is incomplete: restore again into an empty one',
          details: { entries: this.#entries, bytes: this.#bytes, groups: this.#failures.summary().groups },
          cause: error,
        },
      )
    }
  }

  /** What the server answers, which a signal makes it do soon. */
  async #answer<T>(answer: Promise<T>): Promise<T> {
    if (this.#options.signal === undefined) return await answer
    const { cancel } = this.#target
    let timer: ReturnType<typeof setTimeout> | undefined
    const interrupted = new Promise<never>((_, reject) => {
      const giveUp = (): void => {
        this.#lost = true
        reject(new Error('the server does not answer'))
      }
      this.#interrupt = (): void => {
        if (cancel === undefined) return giveUp()
        timer = setTimeout(giveUp, CANCEL_PATIENCE)
        cancelled = cancel.call(this.#target).catch(() => undefined)
      }
    })
    let cancelled: Promise<void> | undefined
    try {
      return await Promise.race([answer, interrupted])
    } finally {
      this.#interrupt = undefined
      // else it could cancel what comes next
      if (!this.#lost) await cancelled
      clearTimeout(timer)
    }
  }

  /** Counts a failure and decides whether it was the last one. */
  async #refused(error: unknown, { sql, complaint, shown, fatal }: Command): Promise<void> {
    if (!isServerError(error)) throw error
    const failure: RestoreFailure = {
      stage: this.#stage,
      entry: this.#entry,
      complaint: this.#decode(encodeByteString(complaint ?? 'could not execute query')),
      statement: complaint === undefined || shown === true ? this.#decode(encodeByteString(sql)) : undefined,
      error,
      fatal: fatal === true,
    }
    this.#failures.add(failure)
    if ((await this.#decide(failure)) === 'stop') throw new Stopped()
  }

  async #decide(failure: RestoreFailure): Promise<FailureDecision> {
    const { onError = 'continue' } = this.#options
    const { singleTransaction, transactionSize } = this.#prepared.context.options
    const decision = typeof onError === 'function' ? await onError(failure) : onError
    return failure.fatal || singleTransaction || transactionSize > 0 ? 'stop' : decision
  }

  /** Leaves the session without a transaction. */
  async #rollBack(): Promise<void> {
    if (this.#inTransaction && !this.#lost) {
      await this.#target.query(encodeByteString('ROLLBACK;')).catch(() => undefined)
    }
  }
}

function dataOptions({ signal }: RestoreOptions): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
