import { ArchiveError } from '../errors.ts'
import type { FilteredView } from '../ops/selection.ts'
import { passes, passOf, storesData } from '../ops/sql-plan.ts'
import { putDrop } from '../sql/drop.ts'
import type { TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { EntryRestorer } from './entry-restorer.ts'
import { allDrops, type RestoreJournal } from './journal.ts'
import type { RestoreResult } from './options.ts'
import { Stopped, type RestoreRun } from './run.ts'
import { RestoreSchedule } from './schedule.ts'
import { commit } from './session.ts'
import type { RestoreTarget } from './target.ts'
import { Workers } from './workers.ts'

/** Entries in a message. */
const SHOWN = 5

/** One restore, from its first command to its last (RestoreArchive, pg_backup_archiver.c). */
export class Restorer {
  readonly #run: RestoreRun
  readonly #target: RestoreTarget
  readonly #jobs: number
  readonly #main: EntryRestorer

  /** @throws ArchiveError USAGE, UNSUPPORTED for what cannot be restored by several sessions */
  constructor(run: RestoreRun, target: RestoreTarget) {
    this.#run = run
    this.#target = target
    this.#jobs = run.options.jobs ?? 1
    if (this.#jobs > 1) checkParallel(run, target)
    this.#main = new EntryRestorer(run, target)
  }

  async restore(): Promise<RestoreResult> {
    const { prepared, options } = this.#run
    options.signal?.throwIfAborted()
    prepared.announce()
    try {
      await this.#all()
      return this.#run.result(true)
    } catch (error) {
      await this.#main.rollBack()
      await this.#main.part()
      if (!(error instanceof Stopped)) throw error
      return this.#run.result(false)
    } finally {
      this.#main.close()
    }
  }

  async #all(): Promise<void> {
    const { plan, context } = this.#run.prepared
    const { options } = context
    const main = this.#main
    await main.begin()
    if (this.#run.journal?.finished === true) return await this.#nothingLeft()
    this.#planData()
    this.#run.stage = 'processing'
    if (options.clean) await this.#drop()
    if (this.#jobs > 1) await this.#together()
    else for (const entry of plan.prints()) await main.restore(entry)
    await main.settle()
    // for pg_restore this is still about the last entry
    if (options.singleTransaction || options.transactionSize > 0) await main.send(commit)
    main.enter(undefined)
    await this.#endJournal()
  }

  /** Says in which order data will be asked for. */
  #planData(): void {
    const { filtered, plan } = this.#run.prepared
    const { journal } = this.#run
    // who waits for a server needs nothing decompressed further ahead. Bench case "restore gzip"
    if (!mustKeepOrder(filtered)) return filtered.plan([])
    if (journal === undefined) return filtered.plan(plan.data)
    // what is done is known in the database that is restored
    filtered.plan(journal.isInPlace ? plan.data.filter((entry) => !journal.isLoaded(entry)) : [])
  }

  async #drop(): Promise<void> {
    const { session } = this.#main
    const { journal, prepared } = this.#run
    if (journal?.isDone(allDrops) === true) return this.#recallDrops(journal)
    for (const entry of prepared.plan.drops()) {
      this.#main.enter(entry, 'drop')
      putDrop(session, entry)
      await this.#main.flush()
    }
    session.forgetSchema()
    await journal?.noteDropFailures(this.#run.failures.filter(({ stage }) => stage === 'processing'))
    await this.#main.endDrops()
  }

  /** What an earlier run could not drop counts, and is not dropped now: it may have been created since. */
  #recallDrops(journal: RestoreJournal): void {
    for (const failure of journal.dropsFailed) this.#run.recall(failure)
  }

  async #endJournal(): Promise<void> {
    this.#tellHeldBack()
    const said = await this.#main.endJournal()
    if (said === undefined) return
    this.#run.options.onWarning?.({
      code: 'JOURNAL_MARKS_LEFT',
      severity: 'warning',
      message: `the schema with the marks of the journal cannot be dropped: ${said}`,
      hint: 'Resume once more when it can be, or drop it: its name begins with pgdmp_restore_',
    })
  }

  #tellHeldBack(): void {
    const { heldBack } = this.#run
    if (heldBack.length === 0) return
    const names = `${heldBack.slice(0, SHOWN).join(', ')}${heldBack.length > SHOWN ? ', …' : ''}`
    this.#run.options.onWarning?.({
      code: 'WAITS_FOR_FAILED',
      severity: 'warning',
      message: `not restored yet, as they would act upon what failed, or lack it: ${heldBack.length} (${names})`,
      hint: 'They come with it when the restore is resumed',
    })
  }

  /** An earlier run has done it all. */
  async #nothingLeft(): Promise<void> {
    for (const entry of this.#run.prepared.plan.prints()) if (this.#run.wants(entry)) this.#run.countEntry(true)
    await this.#main.rollBack()
  }

  /** Definitions in one session, then all else in several, then what they could not reach. */
  async #together(): Promise<void> {
    const { prepared } = this.#run
    const { filtered, context } = prepared
    const main = this.#main
    const entries = filtered.allEntries
    const schedule = await this.#schedule(entries)
    const alone = async (places: Iterable<number>, what: string): Promise<void> => {
      for (const place of places) {
        const entry = entries[place]
        if (entry === undefined) continue
        context.report(entry, (name) => `processing ${what} ${entry.dumpId} ${name('desc')} ${name('tag')}`)
        if (this.#run.wants(entry)) await main.restore(entry)
      }
    }
    await alone(schedule.beforeOthers(), 'item')
    await main.settle()
    if (context.options.transactionSize > 0) await main.send(commit)
    await main.leave()
    this.#run.say('entering main parallel loop')
    await new Workers(this.#run, this.#target, schedule, entries).restore()
    this.#run.say('finished main parallel loop')
    await main.startOver()
    await alone(schedule.unreached(), 'missed item')
  }

  async #schedule(entries: readonly TocEntry[]): Promise<RestoreSchedule> {
    const { prepared, options } = this.#run
    const { filtered, context } = prepared
    const sizes = await filtered.storage?.storedSizes?.({ signal: options.signal })
    return new RestoreSchedule({
      entries,
      passOf: (entry) => passes.indexOf(passOf(entry, context.rules)),
      passes: passes.length,
      bytesOf: ({ dumpId }) => sizes?.dataBytes.get(dumpId) ?? 0,
      ...(mustKeepOrder(filtered) && {
        comesInOrder: (entry) => storesData(entry) && filtered.parts(entry).data,
      }),
      commentsFollowObjects: !featuresOf(filtered.header.version).section,
    })
  }
}

/** Whether the archive's data can be read in their order only. */
function mustKeepOrder({ storage }: FilteredView): boolean {
  return storage?.seekable === false
}

/** What several sessions need (RestoreArchive, pg_backup_archiver.c). */
function checkParallel({ prepared, options }: RestoreRun, target: RestoreTarget): void {
  const { filtered, context } = prepared
  const what = `Cannot restore in ${options.jobs} sessions`
  if (context.options.singleTransaction) {
    throw new ArchiveError('USAGE', `${what}: a single transaction is one session`, {
      hint: 'Leave out jobs (-j) or singleTransaction (-1)',
    })
  }
  if (!featuresOf(filtered.header.version).tableoid) {
    throw new ArchiveError('UNSUPPORTED', `${what}: archives before 1.8 do not say what depends on what`, {
      hint: 'Leave out jobs (-j)',
    })
  }
  if (target.another === undefined) {
    throw new ArchiveError('USAGE', `${what}: the target has one session only`, {
      hint: 'Leave out jobs (-j), or give a target that can open another session, as connectPg() does',
    })
  }
}
