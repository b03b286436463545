import { closeSync, fstatSync, ftruncateSync, openSync, statSync, writeSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { countRows, filter, formatNumber, restore as restoreView } from '../index.ts'
import type { FailureGroup, Finding, RestoreFailure, RestoreResult, ServerError } from '../index.ts'
import { ArchiveError, isArchiveError } from '../index.ts'
import { decisionFrom } from './ask-decision.ts'
import {
  parseCommandLine,
  selectionFrom,
  selectionOptions,
  type CommandLine,
  type CommandSyntax,
  scriptOptions,
} from './command-line.ts'
import { connectDatabase, connectionParameters } from './connection.ts'
import { openArchive, openOptions } from './input.ts'
import { JsonProgress, ObjectCounter, progressWish } from './json-progress.ts'
import { formatBytes } from './layout.ts'
import { writeText } from './output.ts'
import { labelOf, partsDone } from './parts-done.ts'
import { askPassword } from './password-prompt.ts'
import { sqlOptionsOf } from './pg-restore-selection.ts'
import { Progress } from './progress.ts'
import { beforeRestore, checkOptions, checkWishes } from './restore-check.ts'
import { afterRestore } from './restore-finish.ts'
import { restoreHelp } from './restore-help.ts'
import { applyRewrites, reportRewrites, rewriteOptions, rewritesFrom } from './rewrite-options.ts'
import { complain, exit, warn, type Terminal } from './terminal.ts'

const syntax: CommandSyntax = {
  name: 'restore',
  own: [
    ...openOptions.own,
    ...selectionOptions.own,
    ...rewriteOptions.own,
    'compat',
    'target-version',
    'on-error',
    'log',
    'finish',
    'progress',
    ...checkOptions,
    'quiet',
  ],
  restore: [
    ...openOptions.restore,
    ...selectionOptions.restore,
    ...scriptOptions,
    'dbname',
    'exit-on-error',
    'host',
    'no-data-for-failed-tables',
    'no-password',
    'password',
    'port',
    'username',
  ],
}

/** `pgdmp restore`: the archive into a database. */
export async function restore(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, restoreHelp)
    return exit.good
  }
  const onError = decisionFrom(terminal, line)
  const wishes = checkWishes(line)
  const dbname = line.value('dbname')
  if (dbname === undefined) {
    throw new ArchiveError('USAGE', 'restore: the database is missing', {
      hint: 'Name it: -d NAME, or -d postgres://user@host/name',
    })
  }
  const quiet = line.own('quiet').length > 0
  const selection = await selectionFrom(terminal, line)
  const rewrites = await rewritesFrom(terminal, line)
  await using archive = await openArchive(terminal, line, { quiet })
  const screen = !quiet && terminal.stderr.isTTY
  const progress = screen ? new Progress(terminal.stderr) : undefined
  const onWarning = (finding: Finding) => {
    progress?.done()
    if (!quiet) warn(terminal, finding)
  }
  const compat = line.own('compat').at(-1)
  const targetVersion = line.own('target-version').at(-1)
  const common = { ...(compat === undefined ? {} : { compat }), onWarning }
  const view = applyRewrites(filter(archive, selection, common), rewrites, common)
  const wish = progressWish(line)
  using json = wish === undefined ? undefined : new JsonProgress(terminal, wish, view)
  const objects = new ObjectCounter(view.toc.length)
  const parts =
    progress === undefined && json === undefined
      ? () => undefined
      : await partsDone(archive, view.toc, (entry) => view.parts(entry).data, terminal.signal)
  const log = new JsonLog(line.own('log').at(-1), line.archive)
  try {
    await using target = await connect(terminal, line, dbname, quiet)
    const { verbose: _, restrictKey: _k, ...sqlOptions } = sqlOptionsOf(line.options)
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
    const counted = line.own('finish').length > 0 ? countRows(view) : { view, rows: undefined }
    const restored = restoreView(counted.view, target, {
      ...options,
      onError: (failure) => {
        progress?.done()
        log.write({ event: 'failure', ...describe(failure) })
        if (!quiet) complain(terminal, `${labelOf(view, failure.entry?.dumpId)}: ${failure.error.message}`)
        return onError(failure)
      },
      ...(quiet || line.options.verbosity === 0 ? {} : { onMessage: (message: string) => complain(terminal, message) }),
      onProgress: ({ bytes, entry }) => {
        objects.see(entry)
        progress?.update(bytes, parts(entry), `${objects.objects}/${objects.total}  ${labelOf(view, entry)}`)
        json?.update(objects, bytes, parts(entry), entry)
      },
    })
    const result = await restored.catch((error: unknown) => {
      progress?.done()
      tellBeforeLoss(terminal, error)
      throw error
    })
    progress?.done()
    if (result.complete) json?.end(objects, result.bytes)
    const { failures: _f, ...summary } = result
    log.write({ event: 'end', ...summary })
    if (!quiet) reportRewrites(terminal, view)
    const status = report(terminal, result, quiet)
    if (counted.rows === undefined || !result.complete) return status
    const good = await afterRestore({ terminal, quiet, log: write, rows: counted.rows }, view, target)
    return good ? status : exit.bad
  } finally {
    progress?.done()
    log.close()
  }
}

async function connect(terminal: Terminal, line: CommandLine, dbname: string, quiet: boolean) {
  const ask = () => askPassword(terminal)
  const password = line.options.given.has('password') ? await ask() : undefined
  const given = { dbname, host: line.value('host'), port: line.value('port'), user: line.value('username'), password }
  const target = await connectDatabase(terminal, await connectionParameters(given, terminal.env), {
    applicationName: 'pgdmp',
    askPassword: line.options.given.has('no-password') ? undefined : ask,
    onNotice: ({ severity, message }: ServerError) => {
      if (!quiet && line.options.verbosity > 0) complain(terminal, `${severity.toLowerCase()}: ${message}`)
    },
  })
  // a server that is gone is no reason to fail at the end
  return Object.assign(target, { [Symbol.asyncDispose]: () => target.end().catch(() => undefined) })
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
  { complete, failed, groups, entries, bytes }: RestoreResult,
  quiet: boolean,
): number {
  if (failed === 0) {
    if (!quiet) complain(terminal, `restored ${formatNumber(entries)} entries, ${formatBytes(bytes)} of data`)
    return exit.good
  }
  const end = complete ? 'the restore went on to its end' : 'the restore was stopped'
  complain(terminal, `the server refused ${formatNumber(failed)} statement${failed === 1 ? '' : 's'}; ${end}:`)
  for (const group of groups) {
    complain(terminal, groupLine(group), group.hint)
  }
  return exit.bad
}

/** Sums up what had failed when the connection was lost. */
function tellBeforeLoss(terminal: Terminal, error: unknown): void {
  const groups = isArchiveError(error) && error.code === 'CONNECTION_LOST' ? error.details?.['groups'] : undefined
  if (!Array.isArray(groups) || groups.length === 0) return
  complain(terminal, 'until then the server refused:')
  // what restore() puts there
  for (const group of groups as readonly FailureGroup[]) complain(terminal, groupLine(group), group.hint)
}

/** Names in a line of the summary. */
const SHOWN = 5

function groupLine({ cause, messages, sqlState, count, entries }: FailureGroup): string {
  const number = messages.length > 1 ? `: ${formatNumber(messages.length)}` : ''
  const listed = messages.length > 0 ? messages : entries
  const more = listed.length > SHOWN ? ', …' : ''
  return `${formatNumber(count)} × ${cause}${number} [${sqlState}] (${listed.slice(0, SHOWN).join(', ')}${more})`
}

/** One JSON object a line. */
class JsonLog {
  readonly #file: number | undefined = undefined

  /** @throws ArchiveError USAGE when it is a file of the archive */
  constructor(path: string | undefined, archive: string | null) {
    if (path === undefined) return
    const { dev, ino } = archive === null ? { dev: -1, ino: -1 } : statSync(archive)
    const check = (status: Stats): void => {
      if (status.dev !== dev || status.ino !== ino) return
      throw new ArchiveError('USAGE', `restore: --log is "${path}", which belongs to the archive`, {
        hint: 'Name another file',
      })
    }
    check(statSync(dirname(path)))
    // statements may hold rows; what the file held goes when it is known which one it is
    const file = openSync(path, 'a', 0o600)
    try {
      const status = fstatSync(file)
      check(status)
      if (status.isFile()) ftruncateSync(file)
    } catch (error) {
      closeSync(file)
      throw error
    }
    this.#file = file
  }

  write(record: object): void {
    if (this.#file !== undefined) writeSync(this.#file, `${JSON.stringify(record)}\n`)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
  }
}
