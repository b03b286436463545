import { countRows, FailureGroups, filter, formatNumber, isArchiveError, restore as restoreView } from '../index.ts'
import type {
  Archive,
  FailureGroup,
  FilteredView,
  Finding,
  RestoreFailure,
  RestoreProgress,
  RestoreResult,
  RestoreTarget,
  TocEntry,
} from '../index.ts'
import { decisionFrom } from './ask-decision.ts'
import { selectionFrom, type CommandLine } from './command-line.ts'
import { entryName, failureLines } from './failure-lines.ts'
import { JsonLog } from './json-log.ts'
import { JsonProgress, ObjectCounter, progressWish } from './json-progress.ts'
import { firstOf, formatBytes } from './layout.ts'
import { goOn, journalFrom, type Journal } from './journal-option.ts'
import { jobsDone, labelOf, labelOfWorkers, partsDone } from './parts-done.ts'
import { sqlOptionsOf } from './pg-restore-selection.ts'
import { Progress } from './progress.ts'
import { beforeRestore, checkWishes } from './restore-check.ts'
import { afterRestore, readUncounted } from './restore-finish.ts'
import { applyRewrites, reportRewrites, rewritesFrom } from './rewrite-options.ts'
import { releaseFor } from './server-release.ts'
import { complain, exit, hintOf, messageOf, warn, type Terminal } from './terminal.ts'

/** A connection that ends when it is not needed any more. */
export type Connected = RestoreTarget & AsyncDisposable

/** What a command that restores has besides its command line. */
export interface RestoreSource {
  /** Called once all that the options name has been read. */
  readonly open: () => Promise<Archive>
  readonly connect: () => Promise<Connected>
  /** Called when all has been restored: rejects when where the archive came from turns out to have failed. */
  readonly end?: () => Promise<void>
}

/**
 * Restores what a command line selects, and says what became of it: `pgdmp restore` and its like.
 * @returns the exit code
 */
export async function runRestore(terminal: Terminal, line: CommandLine, source: RestoreSource): Promise<number> {
  const onError = decisionFrom(terminal, line)
  const journal = await journalFrom(line)
  const wishes = checkWishes(line, journal?.resumes === true)
  const quiet = line.own('quiet').length > 0
  const selection = await selectionFrom(terminal, line)
  const rewrites = await rewritesFrom(terminal, line)
  await using archive = await source.open()
  const screen = !quiet && terminal.stderr.isTTY
  const progress = screen ? new Progress(terminal.stderr) : undefined
  const onWarning = (finding: Finding) => {
    progress?.done()
    if (!quiet) warn(terminal, finding)
  }
  const compat = line.own('compat').at(-1)
  const common = { ...(compat === undefined ? {} : { compat }), onWarning }
  const view = applyRewrites(filter(archive, selection, common), rewrites, common)
  const wish = progressWish(line)
  using json = wish === undefined ? undefined : new JsonProgress(terminal, wish, view, line.archive)
  const objects = new ObjectCounter(view.toc.length)
  const { jobs } = line.options
  const part =
    progress === undefined && json === undefined
      ? () => undefined
      : await partOf(archive, view, { jobs, signal: terminal.signal })
  const log = new JsonLog(line.own('log').at(-1), line.archive)
  const { verbose: _, restrictKey: _k, ...sqlOptions } = sqlOptionsOf(line.options)
  const failures = new FailureGroups()
  let place: Place | undefined
  let restored = false
  try {
    await using target = await source.connect()
    const targetVersion =
      line.own('target-version').at(-1) ?? (compat === undefined ? await releaseFor(terminal, target) : undefined)
    const options = {
      ...sqlOptions,
      ...common,
      ...(targetVersion === undefined ? {} : { targetVersion }),
      noDataForFailedTables: line.options.given.has('no-data-for-failed-tables'),
      signal: terminal.signal,
    }
    const write = (record: object): void => log.write(record)
    const ended = await beforeRestore({ terminal, wishes, quiet, log: write }, view, target, options)
    if (ended !== undefined) return ended
    const finishes = line.own('finish').length > 0
    // those of rows that an earlier run has sent are read once more for it
    const counts = finishes && (journal?.resumes !== true || archive.seekable)
    const counted = counts ? countRows(view) : { view, rows: undefined }
    const result = await restoreView(counted.view, target, {
      ...options,
      onError,
      onFailure: (failure) => {
        progress?.done()
        failures.add(failure)
        log.write({ event: 'failure', ...describe(failure) })
        if (!quiet) terminal.stderr.write(failureLines(failure))
      },
      ...(quiet || line.options.verbosity === 0 ? {} : { onMessage: (message: string) => complain(terminal, message) }),
      ...(jobs > 1 && { jobs }),
      ...(journal !== undefined && { resume: journal.store }),
      onProgress: (now) => {
        const { bytes, entry, workers } = now
        place = { bytes, entry }
        objects.see(entry)
        const label = workers === undefined ? labelOf(view, entry) : labelOfWorkers(view, workers)
        const done = part(now)
        progress?.update(bytes, done, `${objects.objects}/${objects.total}  ${label}`)
        json?.update(objects, bytes, done, entry, workers)
      },
    })
    restored = true
    if (result.complete) await source.end?.()
    progress?.done()
    if (result.complete) json?.end(objects, result.bytes)
    const { failures: _f, ...summary } = result
    log.write({ event: 'end', ...summary })
    if (!quiet) reportRewrites(terminal, view)
    const status = report(terminal, result, { quiet, journal, isAtomic: sqlOptions.singleTransaction === true })
    if (!finishes || !result.complete) return status
    // what fails now leaves nothing incomplete
    place = undefined
    if (counted.rows !== undefined && result.earlier) await readUncounted(counted.view, counted.rows, terminal.signal)
    const good = await afterRestore(
      {
        terminal,
        quiet,
        log: write,
        ...(counted.rows !== undefined && { rows: counted.rows }),
        jobs: Math.max(1, jobs),
        ...(typeof sqlOptions.role === 'string' && { role: sqlOptions.role }),
      },
      view,
      target,
    )
    return good ? status : exit.bad
  } catch (error) {
    progress?.done()
    if (!restored) tellBefore(terminal, failures.list())
    if (place === undefined) throw error
    const { bytes, entry } = place
    try {
      log.write({ event: 'broken-off', message: messageOf(error), dumpId: entry, bytes })
    } catch (unwritten) {
      complain(terminal, messageOf(unwritten), hintOf(unwritten))
    }
    if (tellsOfDatabase(error) && !terminal.signal.aborted) {
      if (journal === undefined) throw error
      const state =
        sqlOptions.singleTransaction === true
          ? 'The database has all that was restored, or nothing'
          : 'The database is INCOMPLETE'
      complain(
        terminal,
        messageOf(error),
        `${state}: ${goOn(journal)}${lacksSessions(error) ? ', with fewer jobs (-j)' : ''}`,
      )
      return exit.bad
    }
    if (!terminal.signal.aborted) complain(terminal, messageOf(error), hintOf(error))
    const named = entry === undefined ? undefined : view.entry(entry)
    const where = named === undefined ? '' : ` at ${entryName(named)}`
    const isUndone = !restored && sqlOptions.singleTransaction === true
    complain(terminal, `the restore broke off${where}, after ${formatBytes(bytes)} of data`, stateOf(isUndone, journal))
    // whoever sent the signal knows why
    terminal.signal.throwIfAborted()
    return exit.bad
  } finally {
    progress?.done()
    log.close()
  }
}

/** Which part of the data is done, of a restore by one session or by several. */
async function partOf(
  archive: Archive,
  view: FilteredView,
  { jobs, signal }: { readonly jobs: number; readonly signal: AbortSignal },
): Promise<(progress: RestoreProgress) => number | undefined> {
  const hasData = (entry: TocEntry): boolean => view.parts(entry).data
  if (jobs > 1) return await jobsDone(archive, view.toc, hasData, signal)
  const parts = await partsDone(archive, view.toc, hasData, signal)
  return ({ entry }) => parts(entry)
}

/** How far a restore has come. */
interface Place {
  readonly bytes: number
  /** Undefined before the first entry and after the last one. */
  readonly entry: number | undefined
}

/** Errors of the target have a hint that says what became of the database. */
function tellsOfDatabase(error: unknown): boolean {
  return isArchiveError(error) && (error.code === 'CONNECTION_LOST' || error.code === 'CONNECTION_FAILED')
}

/** Whether the server would not have as many sessions. */
function lacksSessions(error: unknown): boolean {
  return isArchiveError(error) && error.details?.['jobs'] !== undefined
}

/** A failure as a line of the log. */
function describe({ stage, entry, complaint, statement, error }: RestoreFailure): object {
  const { severity, sqlState, message, detail, hint, context } = error
  const named = entry && { dumpId: entry.dumpId, desc: entry.desc, namespace: entry.namespace, tag: entry.tag }
  return { stage, ...named, complaint, statement, severity, sqlState, message, detail, hint, context }
}

/** Says what failed, by cause; nothing of it scrolls away, as it comes last. */
function report(
  terminal: Terminal,
  { complete, failed, groups, entries, earlier, bytes }: RestoreResult,
  {
    quiet,
    journal,
    isAtomic,
  }: { readonly quiet: boolean; readonly journal: Journal | undefined; readonly isAtomic: boolean },
): number {
  const before = earlier ? `, ${formatNumber(earlier)} of them earlier` : ''
  if (failed === 0) {
    if (!quiet) complain(terminal, `restored ${formatNumber(entries)} entries${before}, ${formatBytes(bytes)} of data`)
    return exit.good
  }
  const end = complete ? 'the restore went on to its end' : 'the restore was stopped'
  complain(terminal, `the server refused ${formatNumber(failed)} statement${failed === 1 ? '' : 's'}; ${end}:`)
  for (const group of groups) {
    complain(terminal, groupLine(group), group.hint)
  }
  if (!complete) complain(terminal, stateOf(isAtomic, journal))
  else if (journal !== undefined) {
    complain(terminal, `what failed is tried again with --resume ${journal.path}, drops aside`)
  }
  return exit.bad
}

/** What became of a database into which not all was restored, and what to do. */
function stateOf(isUndone: boolean, journal: Journal | undefined): string {
  if (isUndone) return 'Nothing was restored: the transaction was rolled back'
  return `The database is INCOMPLETE: ${journal === undefined ? 'restore again into an empty one' : goOn(journal)}`
}

/** Sums up what had failed when a restore broke off. */
function tellBefore(terminal: Terminal, groups: readonly FailureGroup[]): void {
  if (groups.length === 0) return
  complain(terminal, 'until then the server refused:')
  for (const group of groups) complain(terminal, groupLine(group), group.hint)
}

function groupLine({ cause, messages, sqlState, count, entries }: FailureGroup): string {
  const number = messages.length > 1 ? `: ${formatNumber(messages.length)}` : ''
  return `${formatNumber(count)} × ${cause}${number} [${sqlState}] ${firstOf(messages.length > 0 ? messages : entries)}`
}
