import { encodeByteString } from '../bytes/byte-string.ts'
import type { PreparedScript } from '../ops/prepare-script.ts'
import { decoderFor, type Decode } from '../toc/encoding.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { FailureRecord } from './failure-record.ts'
import type { FailureGroup, RestoreFailure, RestoreStage } from './failures.ts'
import { HeldBack } from './held-back.ts'
import { stepId, type RestoreJournal } from './journal.ts'
import type { FailureDecision, RestoreOptions, RestoreResult } from './options.ts'
import { dataIdsOf } from './table-data.ts'

/** A failure after which nothing goes on. */
export class Stopped extends Error {}

/** Of which of several workers a session is. */
export interface WorkerOptions {
  /** From 1. */
  readonly worker: number
  readonly signal: AbortSignal
}

/** What the sessions of one restore have in common: what is to be done, what was done, and what failed. */
export class RestoreRun {
  readonly prepared: PreparedScript
  readonly options: RestoreOptions
  readonly decode: Decode
  readonly journal: RestoreJournal | undefined
  readonly #failures = new FailureRecord()
  stage: RestoreStage = 'initializing'
  #entries = 0
  #earlier = 0
  #bytes = 0
  /** TABLE DATA entries whose table could not be created. */
  readonly #inhibited = new Set<DumpId>()
  /** TABLE DATA entries whose table was created in this restore, so that it is empty. */
  readonly #created = new Set<DumpId>()
  /** Of a restore with a journal. */
  readonly #heldBack: HeldBack | undefined
  #dataIds: ReadonlyMap<DumpId, DumpId> | undefined
  /** What each worker is doing. */
  #workers: readonly (DumpId | undefined)[] | undefined
  /** One failure at a time is decided about. */
  #deciding: Promise<unknown> = Promise.resolve()
  #stopped = false

  constructor(prepared: PreparedScript, options: RestoreOptions, journal?: RestoreJournal) {
    this.journal = journal
    this.#heldBack = journal === undefined ? undefined : new HeldBack(prepared.filtered.allEntries)
    this.prepared = prepared
    this.options = options
    this.decode = decoderFor(prepared.context.settings.encoding)
  }

  /** How far it is. */
  get tally(): Pick<RestoreResult, 'entries' | 'bytes'> {
    return { entries: this.#entries, bytes: this.#bytes }
  }

  /** Whether a command may be sent before it is known what became of the one before it. */
  get mayGoAhead(): boolean {
    const { onError = 'continue', onMessage } = this.options
    const { singleTransaction, transactionSize } = this.prepared.context.options
    // a transaction in which something failed takes no more; messages come between what the server says
    const harmless = singleTransaction || transactionSize > 0 || onError === 'continue'
    return harmless && onMessage === undefined && this.journal === undefined
  }

  /** Whether anything of an entry is to be restored. */
  wants(entry: TocEntry): boolean {
    const { schema, data, statistics } = this.prepared.filtered.parts(entry)
    return (schema || data || statistics) && !this.isInhibited(entry)
  }

  /**
   * An entry has been restored, or what the server took of it.
   * @param earlier by an earlier run
   */
  countEntry(earlier: boolean): void {
    this.#entries++
    if (earlier) this.#earlier++
  }

  /** A session is about to restore an entry, or has nothing to do. */
  enter(entry: TocEntry | undefined, worker: number | undefined): void {
    if (worker !== undefined) {
      const workers = [...(this.#workers ?? [])]
      workers[worker - 1] = entry?.dumpId
      this.#workers = workers
    }
    this.#tell(entry, worker)
  }

  /** The workers `1` to `count` begin, with nothing to do; 0: they have ended. */
  setWorkers(count: number): void {
    this.#workers = count === 0 ? undefined : Array.from({ length: count }, () => undefined)
    this.#tell(undefined, undefined)
  }

  /** Rows, or bytes of a large object, were sent. */
  sent(bytes: number, entry: TocEntry | undefined, worker: number | undefined): void {
    this.#bytes += bytes
    this.#tell(entry, worker)
  }

  #tell(entry: TocEntry | undefined, worker: number | undefined): void {
    const workers = this.#workers
    this.options.onProgress?.({
      bytes: this.#bytes,
      entry: entry?.dumpId,
      ...(worker === undefined ? {} : { worker }),
      ...(workers === undefined ? {} : { workers }),
    })
  }

  /** A message of -v that is about no entry. */
  say(text: string): void {
    this.prepared.say(text)
  }

  /** mark_create_done, pg_backup_archiver.c */
  markCreated(table: TocEntry): void {
    const data = this.#dataOf(table)
    if (data !== undefined) this.#created.add(data)
  }

  wasCreated({ dumpId }: TocEntry): boolean {
    return this.#created.has(dumpId)
  }

  /** inhibit_data_for_failed_table, pg_backup_archiver.c */
  inhibitData(table: TocEntry): void {
    const { report } = this.prepared.context
    report(table, (name) => `table "${name('tag')}" could not be created, will not restore its data`)
    const data = this.#dataOf(table)
    if (data === undefined) return
    this.#inhibited.add(data)
    const entry = this.prepared.filtered.entry(data)
    if (entry === undefined) return
    this.journal?.fail(stepId(this.journal.placeOf(entry), 'rows', 0))
    this.lackRows(entry)
  }

  /** The rows of a TABLE DATA entry are not there; with a journal a later run will load them. */
  lackRows(entry: TocEntry): void {
    this.#heldBack?.lacksRows(entry)
  }

  /** Whether an entry waits for what failed, and is left to a later run with it. */
  holdsBack(entry: TocEntry): boolean {
    return this.#heldBack?.holds(entry) === true
  }

  /** The entries that wait for what failed. */
  get heldBack(): readonly string[] {
    return this.#heldBack?.labels ?? []
  }

  isInhibited({ dumpId }: TocEntry): boolean {
    return this.#inhibited.has(dumpId)
  }

  /** The TABLE DATA entry of a table (buildTocEntryArrays, pg_backup_archiver.c). */
  #dataOf({ dumpId }: TocEntry): DumpId | undefined {
    this.#dataIds ??= dataIdsOf(this.prepared.filtered.allEntries)
    return this.#dataIds.get(dumpId)
  }

  /** Counts a failure about which nothing is to be decided. */
  recall(failure: RestoreFailure): void {
    this.#failures.add(failure)
  }

  /** Counts a failure and decides whether it was the last one. @throws Stopped */
  async refuse(failure: RestoreFailure): Promise<void> {
    this.recall(failure)
    const { entry, statement } = failure
    if (entry !== undefined && statement !== undefined) this.#heldBack?.failed(entry, statement, failure.error.sqlState)
    const decided = this.#deciding.then(() => this.#decide(failure))
    this.#deciding = decided.catch(() => undefined)
    if ((await decided) === 'stop') throw new Stopped()
  }

  async #decide(failure: RestoreFailure): Promise<FailureDecision> {
    // another session's was the last one
    if (this.#stopped) return 'stop'
    const { onError = 'continue', onFailure } = this.options
    const { singleTransaction, transactionSize } = this.prepared.context.options
    onFailure?.(failure)
    const asked = typeof onError === 'function' ? await onError(failure) : onError
    const decision = failure.fatal || singleTransaction || transactionSize > 0 ? 'stop' : asked
    this.#stopped = decision === 'stop'
    return decision
  }

  /** What failed so far, by cause. */
  get groups(): readonly FailureGroup[] {
    return this.#failures.summary().groups
  }

  /** The first of what failed so far. */
  get failures(): readonly RestoreFailure[] {
    return this.#failures.summary().failures
  }

  /** What became of it. */
  result(complete: boolean): RestoreResult {
    if (this.options.jobs !== undefined && this.options.jobs > 1) {
      const places = new Map(this.prepared.filtered.allEntries.map((entry, place) => [entry, place]))
      this.#failures.sort((entry) => (entry === undefined ? -1 : (places.get(entry) ?? -1)))
    }
    const earlier = this.journal === undefined ? {} : { earlier: this.#earlier }
    return { complete, entries: this.#entries, ...earlier, bytes: this.#bytes, ...this.#failures.summary() }
  }

  /** Text that is a byte string, for people. */
  show(text: string): string {
    return this.decode(encodeByteString(text))
  }
}
