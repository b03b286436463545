import { readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ArchiveError, openSink, type Sink } from '../index.ts'
import { keepArchive, keepDirectory, type KeepOptions, type KeptArchive } from '../inspect/keep-archive.ts'
import { dumpHelp } from './dump-help.ts'
import { reportDump, wholeness, type DumpFacts } from './dump-report.ts'
import { findSource, lacksPackages, type DumpSource } from './dump-source.ts'
import { besides, choosePgDump, findPgDumps, whereToGet, type PgDump } from './find-pg-dump.ts'
import { printable } from './layout.ts'
import { namingOutput, writeText } from './output.ts'
import { contentArguments, contentOptions, parseProgramOptions, type ProgramOption } from './pg-dump-options.ts'
import { Program } from './program.ts'
import { Progress } from './progress.ts'
import { complain, exit, type Terminal } from './terminal.ts'

const options: readonly ProgramOption[] = [
  ...contentOptions,
  { name: 'dbname', short: 'd', argument: true },
  { name: 'host', short: 'h', argument: true },
  { name: 'port', short: 'p', argument: true },
  { name: 'username', short: 'U', argument: true },
  { name: 'no-password', short: 'w' },
  { name: 'password', short: 'W' },
  { name: 'role', argument: true },
  { name: 'file', short: 'f', argument: true },
  { name: 'format', short: 'F', argument: true },
  { name: 'compress', short: 'Z', argument: true },
  { name: 'jobs', short: 'j', argument: true },
  { name: 'no-sync' },
  { name: 'sync-method', argument: true },
  { name: 'verbose', short: 'v' },
  { name: 'force' },
  { name: 'receipt', argument: true },
  { name: 'no-receipt' },
  { name: 'globals' },
  { name: 'no-role-passwords' },
  { name: 'pg-dump', argument: true },
  { name: 'json' },
  { name: 'quiet', short: 'q' },
]

/** Of pg_dump's options those that pg_dumpall has as well, and which concern what is global. */
const globalOptions: ReadonlySet<string> = new Set(['no-comments', 'no-security-labels', 'quote-all-identifiers'])

/** What is to be done. */
interface Task {
  readonly output: string
  readonly format: 'custom' | 'directory' | 'tar'
  readonly overwrite: 'replace' | 'refuse'
  readonly sync: boolean
  readonly receipt: string | undefined
  readonly globals: string | undefined
  readonly quiet: boolean
  readonly json: boolean
  /** What pg_dump is called with, besides the connection and the output. */
  readonly pgDumpArgs: readonly string[]
  readonly pgDumpallArgs: readonly string[]
}

/** `pgdmp dump`: takes a dump with pg_dump, and keeps it if it is whole. */
export async function dump(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = parseProgramOptions('dump', options, args)
  if (line === null) {
    await writeText(terminal, undefined, dumpHelp)
    return exit.good
  }
  const given = new Map(line.options.map(({ name, value }) => [name, value]))
  const [operand, extra] = line.operands
  if (extra !== undefined || (operand !== undefined && given.has('dbname'))) {
    throw new ArchiveError('USAGE', `dump: there is one name too many: "${extra ?? operand}"`)
  }
  const task = taskOf(
    given,
    line.options.flatMap((option) => [...contentArguments(option)]),
    line.rest,
  )
  const found = await findPgDumps(terminal, given.get('pg-dump'))
  if (found.length === 0) choosePgDump(found, undefined)
  const source = await findSource(terminal, {
    dbname: given.get('dbname') ?? operand,
    host: given.get('host'),
    port: given.get('port'),
    user: given.get('username'),
    password: given.has('password') ? 'ask' : given.has('no-password') ? 'never' : undefined,
  })
  return await new Dump(terminal, task, source, choosePgDump(found, source.facts?.version)).run()
}

function taskOf(given: ReadonlyMap<string, string>, content: readonly string[], rest: readonly string[]): Task {
  const output = given.get('file')?.replace(/(?<=[^/])\/+$/, '')
  if (output === undefined || output === '' || output === '-') {
    throw new ArchiveError('USAGE', 'dump: the output is missing', {
      hint: 'Name it: -f FILE. For a stream, take pg_dump itself',
    })
  }
  const format = formatOf(given.get('format'))
  const receipt = given.has('no-receipt') ? undefined : (given.get('receipt') ?? `${output}.receipt.json`)
  const globals = given.has('globals') ? `${output}.globals.sql` : undefined
  const names = [output, receipt, globals].flatMap((name) => (name === undefined ? [] : [resolve(name)]))
  if (new Set(names).size < names.length) {
    throw new ArchiveError('USAGE', `dump: two outputs are the same: "${receipt}"`, { hint: 'Name another --receipt' })
  }
  const handedOn = ['role', 'compress', 'jobs', 'sync-method'].flatMap((name) => {
    const value = given.get(name)
    return value === undefined ? [] : [`--${name}=${value}`]
  })
  const verbose = given.has('verbose') ? ['--verbose'] : []
  const noSync = given.has('no-sync') ? ['--no-sync'] : []
  const role = given.get('role')
  return {
    output,
    format,
    overwrite: given.has('force') ? 'replace' : 'refuse',
    sync: !given.has('no-sync'),
    receipt,
    globals,
    quiet: given.has('quiet'),
    json: given.has('json'),
    pgDumpArgs: [...content, ...handedOn, ...verbose, ...noSync, ...rest],
    pgDumpallArgs: [
      '--globals-only',
      ...(role === undefined ? [] : [`--role=${role}`]),
      ...(given.has('no-role-passwords') ? ['--no-role-passwords'] : []),
      ...[...globalOptions].filter((name) => given.has(name)).map((name) => `--${name}`),
      ...verbose,
    ],
  }
}

/** As pg_dump reads it (parseArchiveFormat, pg_dump.c). */
function formatOf(value = 'custom'): Task['format'] {
  const text = value.toLowerCase()
  for (const format of ['custom', 'directory', 'tar'] as const) {
    if (text === format || text === format.charAt(0)) return format
  }
  if (text === 'p' || text === 'plain') {
    throw new ArchiveError('USAGE', 'dump: a plain script is no archive, and nothing can verify it', {
      hint: 'Dump an archive; pgdmp sql makes a script of it at any time',
    })
  }
  throw new ArchiveError('USAGE', `dump: --format is "${value}", must be custom, directory or tar`)
}

/** One dump under way. */
class Dump {
  readonly #terminal: Terminal
  readonly #task: Task
  readonly #source: DumpSource
  readonly #pgDump: PgDump
  readonly #progress: Progress | undefined

  constructor(terminal: Terminal, task: Task, source: DumpSource, pgDump: PgDump) {
    this.#terminal = terminal
    this.#task = task
    this.#source = source
    this.#pgDump = pgDump
    this.#progress = task.quiet || !terminal.stderr.isTTY ? undefined : new Progress(terminal.stderr)
  }

  async run(): Promise<number> {
    const { output, receipt, globals } = this.#task
    const started = performance.now()
    const sinks: Sink[] = []
    let kept: KeptArchive | undefined
    try {
      const receiptSink = receipt === undefined ? undefined : await this.#open(receipt)
      if (receiptSink !== undefined) sinks.push(receiptSink)
      // first, since it takes a second and may be refused
      const globalsSink = globals === undefined ? undefined : await this.#takeGlobals(globals, sinks)
      kept = await namingOutput(output, this.#take())
      this.#progress?.done()
      const state = wholeness(kept.report)
      if (state === 'broken') await kept.abort()
      else {
        const receiptBytes = new TextEncoder().encode(`${JSON.stringify(kept.receipt, null, 1)}\n`)
        const hasReceipt = receiptSink !== undefined && kept.receipt !== null
        // what could still fail comes before anything gets its name
        if (hasReceipt) await namingOutput(receipt, writeOut(receiptSink, receiptBytes))
        await namingOutput(output, kept.commit())
        if (globalsSink !== undefined) await namingOutput(globals, globalsSink.commit())
        if (hasReceipt) await namingOutput(receipt, receiptSink.commit())
      }
      const isKept = state !== 'broken'
      return await this.#report(kept, state, {
        output,
        milliseconds: performance.now() - started,
        pgDump: this.#pgDump,
        receipt: isKept && kept.receipt !== null ? receipt : undefined,
        globals: isKept ? globals : undefined,
      })
    } catch (error) {
      await kept?.abort(error)
      throw error
    } finally {
      this.#progress?.done()
      // what has got its name stays
      for (const sink of sinks) await sink.abort()
    }
  }

  #open(file: string, mode?: number): Promise<Sink> {
    const { overwrite, sync } = this.#task
    return namingOutput(file, openSink(file, { overwrite, sync, mode, signal: this.#terminal.signal }))
  }

  async #takeGlobals(file: string, sinks: Sink[]): Promise<Sink> {
    const { facts, args, env } = this.#source
    // the database that it connects to first; of a connection string it takes none
    const first = facts === undefined ? [] : ['-l', facts.dbname]
    const sink = await this.#open(file, 0o600)
    sinks.push(sink)
    const program = this.#start(
      besides(this.#pgDump, 'pg_dumpall'),
      [...args, ...first, ...this.#task.pgDumpallArgs],
      env,
    )
    try {
      for await (const chunk of program) await namingOutput(file, sink.write(chunk))
      await namingOutput(file, writeOut(sink))
    } finally {
      await program.stop()
    }
    return sink
  }

  /** Runs pg_dump, and verifies what it writes. */
  async #take(): Promise<KeptArchive> {
    const { output, overwrite, sync, format, pgDumpArgs } = this.#task
    const { args, env } = this.#source
    const keep: KeepOptions = {
      overwrite,
      sync,
      signal: this.#terminal.signal,
      onProgress: ({ bytes, part, entry }) =>
        this.#progress?.update(bytes, part, entry === undefined ? '' : printable(`${entry.desc} ${entry.tag ?? ''}`)),
    }
    const all = [...args, `--format=${format}`, ...pgDumpArgs]
    if (format === 'directory') return await keepDirectory((path) => this.#fill(path, all, env), output, keep)
    const program = this.#start(this.#pgDump.path, all, env)
    try {
      return await keepArchive(program, output, keep)
    } finally {
      await program.stop()
    }
  }

  async #fill(path: string, args: readonly string[], env: DumpSource['env']): Promise<void> {
    const program = this.#start(this.#pgDump.path, [...args, `--file=${path}`], env)
    const timer = setInterval(() => {
      void sizeOf(path).then((bytes) => this.#progress?.update(bytes, undefined, 'pg_dump is writing'))
    }, 500)
    try {
      await program.finish()
    } finally {
      clearInterval(timer)
      await program.stop()
    }
  }

  #start(file: string, args: readonly string[], env: DumpSource['env']): Program {
    return new Program(this.#terminal, {
      file,
      args,
      env,
      onMessage: () => this.#progress?.done(),
      advice: (said) => {
        // the server's version was not known before: pg_dump tells it
        const [, server = ''] = /server version: (\S+).*; pg_dump version/.exec(said) ?? []
        if (server === '') return undefined
        const asking = lacksPackages(this.#source.refusal) ? '. With npm install pg, pgdmp looks for one that fits' : ''
        return whereToGet(server) + asking
      },
    })
  }

  async #report(kept: KeptArchive, state: ReturnType<typeof wholeness>, facts: DumpFacts): Promise<number> {
    const { quiet, json } = this.#task
    if (state !== 'sound') complain(this.#terminal, verdicts[state])
    try {
      if (json || !quiet || state !== 'sound') await writeText(this.#terminal, undefined, reportDump(kept, facts, json))
    } catch (error) {
      // the dump failed, whether somebody reads the report or not
      if (state === 'sound') throw error
    }
    return state === 'sound' ? exit.good : exit.bad
  }
}

const verdicts = {
  broken: 'the archive is not whole, and was not kept',
  whole: 'the archive is whole and was kept; its defects come from the database',
} as const

/** Has what was written on the disk. */
async function writeOut(sink: Sink, last?: Uint8Array): Promise<void> {
  if (last !== undefined) await sink.write(last)
  await sink.flush?.()
}

async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory).catch(() => [])
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(directory, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
