import { decodeByteString } from '../bytes/byte-string.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { formatRelease } from '../sql/compat.ts'
import { isDatabase, putDrop } from '../sql/drop.ts'
import { putEntry, sanitizeStored } from '../sql/entry.ts'
import { putObjectEnd, putObjectStart } from '../sql/large-object.ts'
import { fmtQualifiedId } from '../sql/quote.ts'
import { ScriptSession, type ScriptContext } from '../sql/session.ts'
import type { CreateDate, TimeZone, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import type { ScriptGuard } from './script-guard.ts'
import type { FilteredView } from './selection.ts'
import { SqlGatherer } from './sql-gather.ts'
import { storesData, type ScriptPlan } from './sql-plan.ts'

/** Text is gathered in the session up to this length before it is encoded. */
const TEXT_LENGTH = 64 * 1024

/** What one script is made from. */
export interface ScriptInput {
  readonly view: FilteredView
  readonly plan: ScriptPlan
  readonly context: ScriptContext
  readonly timeZone: TimeZone
  readonly signal: AbortSignal | undefined
  /** Told which entry is being written; undefined for what stands around them. */
  readonly onEntry: (entry: TocEntry | undefined) => void
  /** Reads the script before it goes out. */
  readonly guard?: ScriptGuard | undefined
  /** Text to write instead of an entry's data, which are then not read. */
  readonly standIn?: ((entry: TocEntry) => string) | undefined
}

type Chunks = AsyncGenerator<Uint8Array, void, void>

/**
 * Writes a script in the order of RestoreArchive (pg_backup_archiver.c). Each chunk is lent until the next is asked
 * for. What was written before an error is given out before the error is thrown.
 */
export class SqlScript {
  readonly #input: ScriptInput
  readonly #session: ScriptSession
  readonly #gatherer = new SqlGatherer()

  constructor(input: ScriptInput) {
    this.#input = input
    this.#session = new ScriptSession(input.context)
  }

  async *chunks(): Chunks {
    try {
      yield* this.#frame()
    } catch (error) {
      yield* this.#drain()
      yield* this.#gatherer.flush()
      throw error
    }
    yield* this.#drain()
    yield* this.#gatherer.flush()
  }

  /** The passes of RestoreArchive; for each entry what restore_toc_entry does. */
  async *#frame(): Chunks {
    const { plan, context, view, onEntry, signal } = this.#input
    const session = this.#session
    const { options } = context
    this.#putHead()
    this.#check(undefined)
    if (options.clean) {
      for (const entry of plan.drops()) {
        putDrop(session, entry)
        this.#check(entry)
        if (session.text.length >= TEXT_LENGTH) yield* this.#drain()
      }
      session.forgetSchema()
    }
    for (const entry of plan.prints()) {
      const parts = view.parts(entry)
      signal?.throwIfAborted()
      onEntry(entry)
      this.#warnOfDump(entry)
      if (parts.schema) this.#putSchema(entry)
      if (parts.data && entry.hadDumper) {
        if (!this.#putAtHand(entry)) yield* this.#stored(entry)
      } else if (parts.data && !parts.schema) this.#putUnstored(entry)
      if (parts.statistics) putEntry(session, entry, 'Statistics for ')
      session.endAction('\n')
      this.#check(entry)
      if (session.text.length >= TEXT_LENGTH) yield* this.#drain()
    }
    onEntry(undefined)
    this.#putTail()
    this.#check(undefined)
  }

  #check(entry: TocEntry | undefined): void {
    this.#input.guard?.check(this.#session, entry)
  }

  #putHead(): void {
    const { view, context, timeZone } = this.#input
    const { options } = context
    const session = this.#session
    session.put('--\n-- PostgreSQL database dump\n--\n\n')
    if (options.restrictKey !== null) session.putMetaCommand(`\\restrict ${options.restrictKey}\n\n`)
    const shown = (bytes: Uint8Array): string =>
      options.asPgRestore ? decodeByteString(bytes) : sanitizeStored(decodeByteString(bytes))
    const { raw, createDate, version } = view.header
    if (raw.remoteVersion !== null) {
      session.put(`-- Dumped from database version ${shown(raw.remoteVersion)}\n`)
    }
    if (raw.dumpVersion !== null) {
      session.put(`-- Dumped by pg_dump version ${shown(raw.dumpVersion)}\n`)
    } else if (!featuresOf(version).tablespaceAndVersions) {
      // older archives do not say: pg_restore then names itself
      session.put(`-- Dumped by pg_dump version ${formatRelease(context.rules.release)}\n`)
    }
    session.put('\n')
    if (options.verbose) {
      session.put(`-- Started on ${creationTime(createDate, timeZone)}\n\n`)
    }
    if (options.singleTransaction) session.put('BEGIN;\n\n')
    session.setFixedState()
  }

  #putTail(): void {
    const { context, timeZone } = this.#input
    const { options } = context
    const session = this.#session
    if (options.singleTransaction || options.transactionSize > 0) session.put('COMMIT;\n\n')
    if (options.verbose) session.put(`-- Completed on ${timeZone.formatInstant(Date.now())}\n\n`)
    session.put('--\n-- PostgreSQL database dump complete\n--\n\n')
    if (options.restrictKey !== null) session.putMetaCommand(`\\unrestrict ${options.restrictKey}\n\n`)
  }

  /** pg_dump 7.x left its warnings in the archive. */
  #warnOfDump(entry: TocEntry): void {
    if (entry.desc !== 'WARNING') return
    const { plan, context, view } = this.#input
    const text = (plan.hasSchema && wantsSchemaOf(view) && entry.defn) || entry.copyStmt
    if (text) context.warn('WARNING_OF_DUMP', `warning from original dump file: ${text}`, entry)
  }

  #putSchema(entry: TocEntry): void {
    const { report, options } = this.#input.context
    const session = this.#session
    const leavesTransaction = isDatabase(entry.desc)
    if (leavesTransaction && options.transactionSize > 0) session.put('COMMIT;\n\n')
    report(entry, (name) => {
      const schema = entry.namespace === null ? '' : `${name('namespace')}.`
      return `creating ${name('desc')} "${schema}${name('tag')}"`
    })
    putEntry(session, entry, '')
    if (!leavesTransaction) return
    report(entry, (name) => `connecting to new database "${name('tag')}"`)
    session.reconnect(entry)
  }

  /** The definition of what counts as data but has none stored: the value of a sequence, large objects. */
  #putUnstored(entry: TocEntry): void {
    this.#input.context.report(entry, (name) => `executing ${name('desc')} ${name('tag')}`)
    putEntry(this.#session, entry, '')
  }

  async *#stored(entry: TocEntry): Chunks {
    putEntry(this.#session, entry, 'Data for ')
    if (holdsObjects(entry)) return yield* this.#largeObjects(entry)
    this.#beginTable(entry)
    yield* this.#data(entry, entry.raw.byteString('copyStmt') ?? '')
    this.#endTable(entry)
  }

  /** The few data of a table that have been read together with others; false where they are read as a stream. */
  #putAtHand(entry: TocEntry): boolean {
    const { view, signal, standIn, guard } = this.#input
    if (guard !== undefined || standIn !== undefined || holdsObjects(entry) || !storesData(entry)) return false
    const data = view.data(entry, dataOptions(signal)).atHand?.()
    if (data === undefined) return false
    const session = this.#session
    putEntry(session, entry, 'Data for ')
    this.#beginTable(entry)
    session.put(entry.raw.byteString('copyStmt') ?? '')
    session.put(decodeByteString(data))
    this.#endTable(entry)
    return true
  }

  #beginTable(entry: TocEntry): void {
    const { options, report } = this.#input.context
    const session = this.#session
    if (options.disableTriggers) {
      report(entry, (name) => `disabling triggers for ${name('tag')}`)
      this.#switchTriggers(entry, 'DISABLE')
    }
    session.becomeOwner(entry)
    session.selectSchema(entry.raw.byteString('namespace'))
    report(entry, (name) => `processing data for table "${name('namespace')}.${name('tag')}"`)
  }

  #endTable(entry: TocEntry): void {
    const { options, report } = this.#input.context
    if (!options.disableTriggers) return
    report(entry, (name) => `enabling triggers for ${name('tag')}`)
    this.#switchTriggers(entry, 'ENABLE')
  }

  #switchTriggers({ raw }: TocEntry, to: 'DISABLE' | 'ENABLE'): void {
    const { options, quote } = this.#input.context
    this.#session.becomeUser(options.superuser)
    const table = fmtQualifiedId(quote, raw.byteString('namespace'), raw.byteString('tag') ?? '')
    this.#session.put(`ALTER TABLE ${table} ${to} TRIGGER ALL;\n\n`)
  }

  async *#data(entry: TocEntry, copyStmt: string): Chunks {
    const { view, signal, standIn, guard } = this.#input
    const kind = guard?.copyStatement(this.#session, entry, copyStmt)
    if (guard === undefined) this.#session.put(copyStmt)
    if (!storesData(entry)) return kind === undefined ? undefined : guard?.noData(entry, kind)
    if (standIn !== undefined) return this.#session.put(standIn(entry))
    yield* this.#drain()
    const data = view.data(entry, dataOptions(signal)).borrow()
    const checked = guard === undefined || kind === undefined ? data : guard.data(data, entry, kind)
    yield* borrowed(checked, (source) => this.#gatherer.data(source))
  }

  /** The data of a BLOBS entry (StartRestoreLOs … EndRestoreLOs), or the SQL of BLOB COMMENTS (before 1.12). */
  async *#largeObjects(entry: TocEntry): Chunks {
    const { view, signal, context, standIn } = this.#input
    const { options, report } = context
    const session = this.#session
    report(entry, (name) => `processing ${name('desc')}`)
    session.selectSchema('pg_catalog')
    if (entry.desc === 'BLOB COMMENTS' || standIn !== undefined) {
      yield* this.#data(entry, '')
      return
    }
    if (!storesData(entry)) return
    const ownTransaction = !options.singleTransaction && options.transactionSize === 0
    const createsObjects = !featuresOf(view.header.version).blobEntries
    if (ownTransaction) session.put('BEGIN;\n\n')
    this.#check(entry)
    let count = 0
    for await (const { oid, data } of view.largeObjects(entry, dataOptions(signal))) {
      count++
      report(entry, () => `restoring large object with OID ${oid}`)
      // its reader of tar archives says so, too
      if (context.format === 'tar') report(entry, () => `restoring large object with OID ${oid}`)
      putObjectStart(session, oid, createsObjects)
      yield* this.#drain()
      yield* borrowed(data.borrow(), (source) => this.#gatherer.largeObject(source, context.settings.stdStrings))
      putObjectEnd(session)
    }
    if (ownTransaction) session.put('COMMIT;\n\n')
    report(entry, () => `restored ${count} large object${count === 1 ? '' : 's'}`)
  }

  /** Moves the session's text into the gatherer. */
  *#drain(): Generator<Uint8Array, void, void> {
    this.#input.guard?.taken()
    yield* this.#gatherer.text(this.#session.take())
  }
}

function holdsObjects({ desc }: TocEntry): boolean {
  return desc === 'BLOBS' || desc === 'BLOB COMMENTS'
}

function wantsSchemaOf({ selection }: FilteredView): boolean {
  return selection.dataOnly !== true && selection.noSchema !== true
}

function dataOptions(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}

/** A time that mktime(3) refuses is −1 to pg_restore; archives before 1.4 were made now. */
function creationTime(createDate: CreateDate | null, timeZone: TimeZone): string {
  if (createDate === null) return timeZone.formatInstant(Date.now())
  return timeZone.formatLocal(createDate) ?? timeZone.formatInstant(-1000)
}

/** Uses a source and releases it, however that ends. */
async function* borrowed(source: ChunkSource, use: (source: ChunkSource) => Chunks): Chunks {
  try {
    yield* use(source)
  } finally {
    await source.cancel()
  }
}
