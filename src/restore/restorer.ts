import { ArchiveError } from '../errors.ts'
import { passes, passOf } from '../ops/sql-plan.ts'
import { putDrop } from '../sql/drop.ts'
import type { TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { EntryRestorer } from './entry-restorer.ts'
import type { RestoreResult } from './options.ts'
import { Stopped, type RestoreRun } from './run.ts'
import { RestoreSchedule } from './schedule.ts'
import { commit } from './session.ts'
import type { RestoreTarget } from './target.ts'
import { Workers } from './workers.ts'

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
      // who waits for a server needs nothing decompressed further ahead. Bench case "restore gzip"
      const mustKeepOrder = prepared.filtered.storage?.seekable === false
      prepared.filtered.plan(mustKeepOrder ? prepared.plan.data : [])
      await this.#all()
      return this.#run.result(true)
    } catch (error) {
      await this.#main.rollBack()
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
    this.#run.stage = 'processing'
    if (options.clean) await this.#drop()
    if (this.#jobs > 1) await this.#together()
    else for (const entry of plan.prints()) await main.restore(entry)
    // for pg_restore this is still about the last entry
    if (options.singleTransaction || options.transactionSize > 0) await main.send(commit)
    main.enter(undefined)
  }

  async #drop(): Promise<void> {
    const { session } = this.#main
    for (const entry of this.#run.prepared.plan.drops()) {
      this.#main.enter(entry)
      putDrop(session, entry)
      await this.#main.flush()
    }
    session.forgetSchema()
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
      commentsFollowObjects: !featuresOf(filtered.header.version).section,
    })
  }
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
  if (filtered.storage?.seekable === false) {
    throw new ArchiveError('USAGE', `${what}: the input cannot go back`, {
      hint: 'Open the archive as a file, or with spool (--spool), or leave out jobs (-j)',
    })
  }
  if (target.another === undefined) {
    throw new ArchiveError('USAGE', `${what}: the target has one session only`, {
      hint: 'Leave out jobs (-j), or give a target that can open another session, as connectPg() does',
    })
  }
}
