import { stat } from 'node:fs/promises'
import { ArchiveError, isArchiveError, restore } from '../index.ts'
import type { CompatRules, FilteredView, RestoreFailure, RestoreProgress, RestoreStage, ServerError } from '../index.ts'
import { featuresOf } from '../toc/version.ts'
import { connectDatabase, connectionParameters } from './connection.ts'
import { askPassword } from './password-prompt.ts'
import type { GivenOptions, RestoreOptionId } from './pg-restore-options.ts'
import { textOf } from './pg-restore-options.ts'
import { sqlOptionsOf } from './pg-restore-selection.ts'
import { serverMessage } from './server-message.ts'
import type { Terminal } from './terminal.ts'

/** What a restore of the drop-in works with. */
export interface DatabaseRun {
  readonly terminal: Terminal
  readonly rules: CompatRules
  readonly options: GivenOptions
  /** Undefined for standard input. */
  readonly archive: string | undefined
  /** Prints a message of pg_restore's, without its prefix. */
  readonly say: (message: string) => void
  readonly sayBytes: (message: Uint8Array) => void
  /** What pg_restore says of an error that ends it. */
  readonly fatalText: (error: unknown) => string
}

/** Said by the first process when one of the others ends before its work. */
const workerDied = 'error: a worker process died unexpectedly'

/**
 * `pg_restore -d`: restores into a database, with pg_restore's words (RestoreArchive, warn_or_exit_horribly,
 * pg_backup_archiver.c).
 * @returns the exit status
 */
export async function restoreIntoDatabase(run: DatabaseRun, view: FilteredView): Promise<number> {
  const { terminal, rules, options, say, sayBytes } = run
  const verbose = options.verbosity > 0
  const features = featuresOf(view.header.version)
  if (options.jobs > 1) {
    await checkParallel(run, view)
  }
  if (verbose) say('connecting to database for restore')
  if (!features.copyStmtAndBlockType) throw refusal('direct database connections are not supported in pre-1.3 archives')
  const text = (id: RestoreOptionId): string | undefined => {
    const value = options.values.get(id)
    return value === undefined ? undefined : textOf(value)
  }
  const ask = () => askPassword(terminal)
  const password = options.given.has('password') ? await ask() : undefined
  const parameters = await connectionParameters(
    { dbname: text('dbname') ?? '', host: text('host'), port: text('port'), user: text('username'), password },
    terminal.env,
  )
  const tellsNotices = verbose || !rules.notesNeedVerbose
  const onNotice = (notice: ServerError) => tellsNotices && say(serverMessage(notice, undefined))
  const tellOfSearchPath = (): void => {
    if (verbose && rules.tellsOfSearchPath) say("executing SELECT pg_catalog.set_config('search_path', '', false);")
  }
  const connecting = connectDatabase(terminal, parameters, {
    applicationName: 'pg_restore',
    onNotice,
    onConnect: tellOfSearchPath,
    askPassword: options.given.has('no-password') ? undefined : ask,
  })
  const target = await connecting.catch((error: unknown): never => {
    throw rules.leavesConnectionToLibpq ? error : notConnected('connection', parameters.get('dbname'), error)
  })
  const complaints = new Complaints(run, view)
  try {
    const { verbose: _, restrictKey: _k, ...sqlOptions } = sqlOptionsOf(options)
    const { complete, failed } = await restore(view, target, {
      ...sqlOptions,
      compat: rules.release,
      noDataForFailedTables: options.given.has('no-data-for-failed-tables'),
      signal: terminal.signal,
      onWarning: ({ message }) => say(`warning: ${message}`),
      ...(verbose && { onMessage: (_text: string, bytes: Uint8Array) => sayBytes(bytes) }),
      ...(options.jobs > 1 && { jobs: options.jobs }),
      onProgress: (progress) => {
        // for which pg_restore makes two connections more
        if (complaints.follow(progress)) tellOfSearchPath()
      },
      onError: options.given.has('exit-on-error') ? 'stop' : 'continue',
      onFailure: (failure) => complaints.add(failure),
    })
    if (!complete && complaints.inWorkers) say(workerDied)
    if (complete && complaints.ignored > 0) say(`warning: errors ignored on restore: ${complaints.ignored}`)
    return failed === 0 ? 0 : 1
  } catch (error) {
    if (complaints.inWorkers && !terminal.signal.aborted) {
      say(`error: ${run.fatalText(error)}`)
      say(workerDied)
      return 1
    }
    if (rules.leavesReconnectionToLibpq) throw error
    const created = view.toc.find(({ dumpId }) => isArchiveError(error) && error.dumpId === dumpId)?.tag
    throw notConnected('reconnection', rules.leavesConnectionToLibpq ? undefined : (created ?? ''), error)
  } finally {
    await target.end().catch(() => undefined)
  }
}

/** A connection that cannot be made, in the words of older releases (ConnectDatabase, pg_backup_db.c). */
function notConnected(what: 'connection' | 'reconnection', database: string | undefined, error: unknown): unknown {
  const said = isArchiveError(error) && error.code === 'CONNECTION_FAILED' ? error.details?.['pgRestore'] : undefined
  if (typeof said !== 'string') return error
  return refusal(`${what}${database === undefined ? '' : ` to database "${database}"`} failed: ${said}`, error)
}

/** What pg_restore asks of an archive that several connections are to read (RestoreArchive, _PrepParallelRestore). */
async function checkParallel({ archive }: DatabaseRun, { header }: FilteredView): Promise<void> {
  if (header.format === 'tar') throw refusal('parallel restore is not supported with this archive file format')
  if (!featuresOf(header.version).tableoid) {
    throw refusal('parallel restore is not supported with archives made by pre-8.0 pg_dump')
  }
  if (header.format !== 'custom') return
  if (archive === undefined) throw refusal('parallel restore from standard input is not supported')
  if (!(await stat(archive)).isFile()) throw refusal('parallel restore from non-seekable file is not supported')
}

/** An error in pg_restore's words. */
function refusal(text: string, cause?: unknown): ArchiveError {
  return new ArchiveError('USAGE', text, { details: { pgRestore: text }, cause })
}

/** What was complained of last, so that it is not said twice. */
interface Noted {
  readonly stage: RestoreStage | undefined
  readonly entry: number | undefined
}

/** What pg_restore says of failures. */
class Complaints {
  readonly #run: DatabaseRun
  readonly #view: FilteredView
  /** By worker; `undefined`: of the session that works alone. */
  readonly #noted = new Map<number | undefined, Noted>()
  /** The last entry that was restored by a session alone. */
  #lastAlone: number | undefined
  /** Entries of which something failed in a worker. */
  readonly #failedInWorkers = new Set<number>()
  #failed = 0
  /** Several sessions are at work. */
  inWorkers = false

  constructor(run: DatabaseRun, view: FilteredView) {
    this.#run = run
    this.#view = view
  }

  /**
   * Errors as pg_restore counts them: an entry of which something failed in a worker is one more error
   * (parseWorkerResponse, parallel.c; mark_restore_job_done), and none are those of a worker before its first entry
   * (parallel_restore).
   */
  get ignored(): number {
    return this.#failed + this.#failedInWorkers.size
  }

  /** @returns whether several sessions follow upon one, or one upon several */
  follow({ entry, workers }: RestoreProgress): boolean {
    const before = this.inWorkers
    this.inWorkers = workers !== undefined
    if (!this.inWorkers) this.#lastAlone = entry ?? this.#lastAlone
    return this.inWorkers !== before
  }

  /** warn_or_exit_horribly, pg_backup_archiver.c */
  add(failure: RestoreFailure): void {
    const { say, options, rules } = this.#run
    const { stage, complaint, statement, error, fatal, worker } = failure
    if (worker === undefined || failure.entry !== undefined) this.#failed++
    if (worker !== undefined && failure.entry !== undefined) this.#failedInWorkers.add(failure.entry.dumpId)
    // where several sessions begin and end, this is still about the last entry before them
    const entry = failure.entry ?? (this.#lastAlone === undefined ? undefined : this.#view.entry(this.#lastAlone))
    if ((options.verbosity > 0 || !rules.notesNeedVerbose) && !fatal) {
      // a worker begins as a copy of the session that was alone
      const noted = this.#noted.get(worker) ?? this.#noted.get(undefined)
      if (stage !== noted?.stage) say(stageText[stage])
      if (entry !== undefined && entry.dumpId !== noted?.entry) {
        const { tableoid, oid } = entry.catalogId
        const names = `${entry.desc} ${entry.tag ?? '(no tag)'} ${entry.owner ?? '(no owner)'}`
        say(`from TOC entry ${entry.dumpId}; ${tableoid >>> 0} ${oid >>> 0} ${names}`)
      }
    }
    this.#noted.set(worker, { stage, entry: entry?.dumpId })
    const said = serverMessage(error, statement)
    const command = statement === undefined ? '' : `Command was: ${statement}`
    say(`error: ${complaint}: ${said}${command}`)
  }
}

const stageText = {
  initializing: 'while INITIALIZING:',
  processing: 'while PROCESSING TOC:',
} as const
