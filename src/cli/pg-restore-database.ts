import { stat } from 'node:fs/promises'
import { ArchiveError, isArchiveError, restore } from '../index.ts'
import type { CompatRules, FilteredView, RestoreFailure, ServerError } from '../index.ts'
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
}

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
    say('warning: pgdmp restores in one connection, whatever -j says')
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
  const connecting = connectDatabase(terminal, parameters, {
    applicationName: 'pg_restore',
    onNotice,
    onConnect: () => {
      if (verbose && rules.tellsOfSearchPath) say("executing SELECT pg_catalog.set_config('search_path', '', false);")
    },
    askPassword: options.given.has('no-password') ? undefined : ask,
  })
  const target = await connecting.catch((error: unknown): never => {
    throw rules.leavesConnectionToLibpq ? error : notConnected('connection', parameters.get('dbname'), error)
  })
  try {
    const complaints = new Complaints(run)
    const { verbose: _, restrictKey: _k, ...sqlOptions } = sqlOptionsOf(options)
    const { complete, failed } = await restore(view, target, {
      ...sqlOptions,
      compat: rules.release,
      noDataForFailedTables: options.given.has('no-data-for-failed-tables'),
      signal: terminal.signal,
      onWarning: ({ message }) => say(`warning: ${message}`),
      ...(verbose && { onMessage: (_text: string, bytes: Uint8Array) => sayBytes(bytes) }),
      onError: (failure) => complaints.add(failure),
    })
    if (complete && failed > 0) say(`warning: errors ignored on restore: ${failed}`)
    return failed === 0 ? 0 : 1
  } catch (error) {
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

/** What pg_restore says of failures. */
class Complaints {
  readonly #run: DatabaseRun
  #last: RestoreFailure | undefined

  constructor(run: DatabaseRun) {
    this.#run = run
  }

  /** warn_or_exit_horribly, pg_backup_archiver.c */
  add(failure: RestoreFailure): 'stop' | 'continue' {
    const { say, options, rules } = this.#run
    const { stage, entry, complaint, statement, error, fatal } = failure
    if ((options.verbosity > 0 || !rules.notesNeedVerbose) && !fatal) {
      if (stage !== this.#last?.stage) say(stageText[stage])
      if (entry !== undefined && entry !== this.#last?.entry) {
        const { tableoid, oid } = entry.catalogId
        const names = `${entry.desc} ${entry.tag ?? '(no tag)'} ${entry.owner ?? '(no owner)'}`
        say(`from TOC entry ${entry.dumpId}; ${tableoid >>> 0} ${oid >>> 0} ${names}`)
      }
    }
    this.#last = failure
    const said = serverMessage(error, statement)
    const command = statement === undefined ? '' : `Command was: ${statement}`
    say(`error: ${complaint}: ${said}${command}`)
    return fatal || options.given.has('exit-on-error') ? 'stop' : 'continue'
  }
}

const stageText = {
  initializing: 'while INITIALIZING:',
  processing: 'while PROCESSING TOC:',
} as const
