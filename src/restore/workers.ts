import { ArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import type { TocEntry } from '../toc/types.ts'
import { whyNotConnected } from './conversation.ts'
import { EntryRestorer } from './entry-restorer.ts'
import { Stopped, type RestoreRun } from './run.ts'
import type { RestoreSchedule } from './schedule.ts'
import type { EndableTarget, RestoreTarget } from './target.ts'

/**
 * The sessions that restore at the same time what a schedule gives them: that of the target and others, which are
 * opened for it and ended in any case (restore_toc_entries_parallel, pg_backup_archiver.c). What ends one ends all.
 */
export class Workers {
  readonly #run: RestoreRun
  readonly #target: RestoreTarget
  readonly #schedule: RestoreSchedule
  readonly #entries: readonly TocEntry[]
  /** Comes when one has failed. */
  readonly #stop = new AbortController()
  readonly #signal: AbortSignal
  readonly #idle: EntryRestorer[] = []
  #running = 0
  #failure: { readonly error: unknown } | undefined
  /** Called when a worker has done what it was given. */
  #wake: () => void = () => undefined

  constructor(run: RestoreRun, target: RestoreTarget, schedule: RestoreSchedule, entries: readonly TocEntry[]) {
    const { signal } = run.options
    this.#run = run
    this.#target = target
    this.#schedule = schedule
    this.#entries = entries
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
  }

  /** @throws Stopped, and whatever ended one of them first */
  async restore(): Promise<void> {
    const { jobs = 1 } = this.#run.options
    const others = await this.#open(jobs)
    const workers = [this.#target, ...others].map(
      (target, at) => new EntryRestorer(this.#run, target, { worker: at + 1, signal: this.#signal }),
    )
    try {
      this.#run.setWorkers(jobs)
      for (const worker of workers) this.#start(worker, () => worker.startOver())
      await this.#all()
      // the first one's session goes on
      await workers[0]?.leave()
      this.#run.setWorkers(0)
    } finally {
      if (this.#failure !== undefined) await workers[0]?.rollBack()
      for (const worker of workers) worker.close()
      await endAll(others)
    }
  }

  /** Gives out entries until there are no more, or something has failed; none is at work afterwards. */
  async #all(): Promise<void> {
    try {
      await this.#giveOut()
    } catch (error) {
      // what is called back may throw as well, while others are at work
      this.#fail(error)
      while (this.#running > 0) await this.#change()
      throw error
    }
  }

  async #giveOut(): Promise<void> {
    for (;;) {
      const place = this.#failure === undefined && this.#idle.length > 0 ? this.#schedule.next() : undefined
      const entry = this.#entries[place ?? -1]
      if (place !== undefined && entry !== undefined) this.#give(place, entry)
      else if (this.#running > 0) await this.#change()
      else if (this.#failure !== undefined) throw this.#failure.error
      else if (!this.#schedule.nextPass()) return
    }
  }

  #give(place: number, entry: TocEntry): void {
    const { report } = this.#run.prepared.context
    const tell = (what: string): void =>
      report(entry, (name) => `${what} item ${entry.dumpId} ${name('desc')} ${name('tag')}`)
    const worker = this.#run.wants(entry) ? this.#idle.shift() : undefined
    if (worker === undefined) {
      tell('skipping')
      this.#schedule.done(place)
      return
    }
    tell('launching')
    this.#start(worker, async () => {
      await worker.restore(entry)
      worker.enter(undefined)
      tell('finished')
      this.#schedule.done(place)
    })
  }

  #start(worker: EntryRestorer, work: () => Promise<void>): void {
    this.#running++
    void work()
      .then(
        () => void this.#idle.push(worker),
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#running--
        this.#wake()
      })
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stop.abort(new Stopped())
  }

  async #change(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  /** The sessions besides the first: all of them or none. */
  async #open(jobs: number): Promise<readonly EndableTarget[]> {
    const { signal } = this.#run.options
    const opening = Array.from({ length: jobs - 1 }, async (_, at) => {
      try {
        const target = await this.#target.another?.()
        return target === undefined ? [] : [target]
      } catch (error) {
        signal?.throwIfAborted()
        throw connectionFailed(error, at + 2, this.#run)
      }
    })
    const opened = Promise.allSettled(opening)
    const sessions = async (): Promise<readonly EndableTarget[]> =>
      (await opened).flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
    try {
      await untilAborted(Promise.all(opening), signal)
      return await sessions()
    } catch (error) {
      // a connection that is made too late is ended, too; after an abort nobody waits for that
      const ended = sessions().then(endAll)
      if (signal?.aborted !== true) await ended
      throw error
    }
  }
}

async function endAll(targets: readonly EndableTarget[]): Promise<void> {
  await Promise.all(targets.map((target) => target.end().catch(() => undefined)))
}

function connectionFailed(error: unknown, session: number, { options, journal }: RestoreRun): ArchiveError {
  const why = whyNotConnected(error)
  return new ArchiveError('CONNECTION_FAILED', `Cannot open session ${session} of ${options.jobs}: ${why}`, {
    hint: `Definitions were restored. ${journal === undefined ? 'Restore again into an empty database' : 'Resume'}, with fewer jobs (-j)`,
    details: { pgRestore: why, jobs: options.jobs },
    cause: error,
  })
}
