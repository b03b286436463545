import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { ArchiveError, drill as drillView, filter, openSink, serverPlace } from '../index.ts'
import type { DrillCheck, DrillPlace, DrillReport, Finding } from '../index.ts'
import { embeddedPlace } from '../embedded/place.ts'
import { pglitePlace } from '../restore/pglite.ts'
import {
  parseCommandLine,
  readText,
  selectionFrom,
  selectionOptions,
  type CommandLine,
  type CommandSyntax,
} from './command-line.ts'
import { connectDatabase, connectionParameters } from './connection.ts'
import { drillHelp } from './drill-help.ts'
import { drillText } from './drill-text.ts'
import { openArchive, openOptions } from './input.ts'
import { namingOutput, writeText } from './output.ts'
import { labelOf } from './parts-done.ts'
import { askPassword } from './password-prompt.ts'
import { Progress } from './progress.ts'
import { applyRewrites, reportRewrites, rewriteOptions, rewritesFrom } from './rewrite-options.ts'
import { complain, exit, warn, type Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

const syntax: CommandSyntax = {
  name: 'drill',
  own: [
    ...openOptions.own,
    ...selectionOptions.own,
    ...rewriteOptions.own,
    'check-file',
    'create-roles',
    'fail-on',
    'input-format',
    'into',
    'keep',
    'quiet',
    'receipt',
    'report-format',
    'target-version',
  ],
  restore: [...selectionOptions.restore, 'verbose'],
}

/** `pgdmp drill`: a restore that proves the archive. */
export async function drill(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, drillHelp)
    return exit.good
  }
  const format = line.own('report-format').at(-1) ?? 'text'
  if (format !== 'text' && format !== 'json') {
    throw new ArchiveError('USAGE', `drill: --format is "${format}", must be text or json`)
  }
  const failOn = line.own('fail-on').at(-1) ?? 'failed'
  if (failOn !== 'failed' && failOn !== 'unproven') {
    throw new ArchiveError('USAGE', `drill: --fail-on is "${failOn}", must be failed or unproven`)
  }
  const quiet = line.own('quiet').length > 0
  const checks = await checksFrom(terminal, line)
  const place = await placeFrom(terminal, line)
  const selection = await selectionFrom(terminal, line)
  const rewrites = await rewritesFrom(terminal, line)
  const receipt = line.own('receipt').at(-1)
  // whether it can be written is better known before
  const sink =
    receipt === undefined
      ? undefined
      : await namingOutput(receipt, openSink(receipt === '-' ? terminal.stdout : receipt, { signal: terminal.signal }))
  const progress = quiet || !terminal.stderr.isTTY ? undefined : new Progress(terminal.stderr)
  const targetVersion = line.own('target-version').at(-1)
  try {
    await using archive = await openArchive(terminal, line, { quiet, format: line.own('input-format').at(-1) })
    const onWarning = (finding: Finding): void => {
      progress?.done()
      if (!quiet || finding.code === 'DRILL_LEFT') warn(terminal, finding)
    }
    const view = applyRewrites(filter(archive, selection, { onWarning }), rewrites, { onWarning })
    const report = await drillView(view, place, {
      checks,
      createRoles: line.own('create-roles').length > 0,
      ...(targetVersion === undefined ? {} : { targetVersion }),
      onWarning,
      onProgress: ({ stage, bytes, entry }) =>
        progress?.update(bytes, undefined, stage === 'restore' ? labelOf(view, entry) : stage),
      signal: terminal.signal,
    })
    progress?.done()
    if (report.left !== undefined) complain(terminal, report.left)
    if (!quiet) reportRewrites(terminal, view)
    if (receipt !== undefined) {
      const text = `${jsonText(withoutValues(report), 1)}\n`
      await namingOutput(receipt, sink?.write(new TextEncoder().encode(text)) ?? Promise.resolve())
      await namingOutput(receipt, sink?.commit() ?? Promise.resolve())
    }
    await print(terminal, line, format, report, receipt === '-')
    const good = failOn === 'unproven' ? report.verdict === 'proven' : report.verdict !== 'failed'
    return good ? exit.good : exit.bad
  } catch (error) {
    await sink?.abort(error)
    throw error
  } finally {
    progress?.done()
  }
}

async function print(
  terminal: Terminal,
  line: CommandLine,
  format: 'text' | 'json',
  report: DrillReport,
  outputIsTaken: boolean,
): Promise<void> {
  const archive = line.archive === null ? 'standard input' : basename(line.archive)
  const isVerbose = line.options.verbosity > 0
  const text =
    format === 'json'
      ? `${jsonText({ file: archive, ...report }, 2)}\n`
      : drillText(archive, report, { isVerbose, isQuiet: line.own('quiet').length > 0 })
  if (outputIsTaken) terminal.stderr.write(text)
  else await writeText(terminal, undefined, text)
}

/** A receipt is kept, and lies where values of rows may not. */
function withoutValues({ tables, problems, checks, ...report }: DrillReport): object {
  return {
    ...report,
    tables: tables.map(({ difference, ...table }) => ({ ...table, differs: difference !== undefined })),
    checks: checks.map(({ name, statement, status }) => ({ name, statement, status })),
    problems: problems.map(({ reason, tellsValues, ...problem }) => (tellsValues ? problem : { ...problem, reason })),
  }
}

async function checksFrom(terminal: Terminal, line: CommandLine): Promise<readonly DrillCheck[]> {
  const checks: DrillCheck[] = []
  for (const name of line.own('check-file')) {
    checks.push({ name, sql: new TextDecoder().decode(await readText(terminal, 'checks', name)) })
  }
  return checks
}

/** What `--into` names. @throws ArchiveError USAGE */
async function placeFrom(terminal: Terminal, line: CommandLine): Promise<DrillPlace> {
  const into = line.own('into').at(-1) ?? 'pglite'
  const [kind = '', ...rest] = into.split(':')
  const where = rest.join(':')
  const isOwn = kind === 'pglite' || kind === 'embedded'
  for (const option of ['keep', 'create-roles'] as const) {
    if (isOwn && line.own(option).length > 0) {
      throw new ArchiveError('USAGE', `drill: --${option} is for servers, must not be given with --into ${into}`)
    }
  }
  if (kind === 'embedded') return embeddedFrom(where, into)
  if (!isOwn) return await serverFrom(terminal, line, into)
  if (where === 'memory') return pglitePlace()
  if (where === '') return temporaryPlace()
  if (!isNew(where)) {
    throw new ArchiveError('USAGE', `drill: --into=${into} is there already, must be a new folder`)
  }
  return pglitePlace({ dataDir: where })
}

/** @throws ArchiveError USAGE */
function embeddedFrom(major: string, into: string): DrillPlace {
  if (major === '') return embeddedPlace()
  if (/^1[2-8]$/.test(major)) return embeddedPlace({ major: Number(major) })
  throw new ArchiveError('USAGE', `drill: --into=${into} asks for PostgreSQL "${major}", must be one of 12 to 18`)
}

/** Not there, or an empty folder. */
function isNew(folder: string): boolean {
  return !existsSync(folder) || (statSync(folder).isDirectory() && readdirSync(folder).length === 0)
}

/** PGlite in a folder that goes with it. */
function temporaryPlace(): DrillPlace {
  return {
    name: 'pglite',
    async open(wanted) {
      const folder = mkdtempSync(join(tmpdir(), 'pgdmp-drill-'))
      const remove = (): void => rmSync(folder, { recursive: true, force: true })
      try {
        const database = await pglitePlace({ dataDir: join(folder, 'data') }).open(wanted)
        return { ...database, close: (roles) => database.close(roles).finally(remove) }
      } catch (error) {
        remove()
        throw error
      }
    },
  }
}

async function serverFrom(terminal: Terminal, line: CommandLine, into: string): Promise<DrillPlace> {
  const parameters = await connectionParameters({ dbname: into }, terminal.env)
  let asked: string | undefined
  const askOnce = async (): Promise<string> => (asked ??= await askPassword(terminal))
  let begun = false
  const connect = async (database: string | undefined) => {
    const wanted = new Map(parameters)
    if (database !== undefined) wanted.set('dbname', database)
    // what was begun is taken away after a signal, too
    const patient = begun ? { ...terminal, signal: new AbortController().signal } : terminal
    const connection = await connectDatabase(patient, wanted, {
      applicationName: 'pgdmp drill',
      endures: true,
      askPassword: askOnce,
    })
    begun = true
    return connection
  }
  const onKept = (database: string, roles: readonly string[]): void => {
    const made = roles.length === 0 ? '' : `, and roles that were made: ${roles.join(', ')}`
    complain(terminal, `left on the server: database ${database}${made}`)
  }
  const host = parameters.get('host') ?? parameters.get('hostaddr') ?? 'local'
  const name = `server ${host}${parameters.has('port') ? `:${parameters.get('port')}` : ''}`
  return serverPlace(connect, { name, ...(line.own('keep').length > 0 ? { onKept } : {}) })
}
