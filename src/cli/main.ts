#!/usr/bin/env node
import { closest, isArchiveError } from '../index.ts'
import type { Terminal } from './terminal.ts'

/** A command: gets the arguments after its name and gives the exit code. */
type Command = (terminal: Terminal, args: readonly string[]) => Promise<number>

// Each command is loaded when it is asked for: loading is most of the time of a short run.
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  list: async () => (await import('./list.ts')).list,
  sql: async () => (await import('./sql.ts')).sql,
  convert: async () => (await import('./convert.ts')).convert,
  info: async () => (await import('./info.ts')).info,
  audit: async () => (await import('./audit.ts')).audit,
  verify: async () => (await import('./verify.ts')).verify,
  restore: async () => (await import('./restore.ts')).restore,
  drill: async () => (await import('./drill.ts')).drill,
  dump: async () => (await import('./dump.ts')).dump,
  copy: async () => (await import('./copy.ts')).copy,
  reindex: async () => (await import('./reindex.ts')).reindex,
  salvage: async () => (await import('./salvage.ts')).salvage,
  pg_restore: async () => (await import('./pg-restore.ts')).pgRestore,
  help: async () => (await import('./help.ts')).help,
  version: async () => (await import('./help.ts')).version,
}

const synonyms: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '-?': 'help',
  '--version': 'version',
  '-V': 'version',
}

/** What ended a run early, and the exit code for it. */
class Ended extends Error {
  override readonly name = 'Ended'
  readonly status: number

  constructor(status: number) {
    super('Cannot continue: the run was ended')
    this.status = status
  }
}

async function run(terminal: Terminal, args: readonly string[]): Promise<number> {
  const [given, ...rest] = args
  if (given === undefined) {
    terminal.stderr.write((await import('./help.ts')).overview)
    return 2
  }
  const name = synonyms[given] ?? given
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (load === undefined) {
    const { complain } = await import('./terminal.ts')
    const near = closest(given, Object.keys(commands))
    const other = near === undefined ? 'Try "pgdmp help"' : `Did you mean "${near}"?`
    // an archive where the command should be
    const hint = /[./\\]/.test(given) ? 'Say first what to do with it: pgdmp list, info, sql or verify' : other
    complain(terminal, given.startsWith('-') ? `unknown option "${given}"` : `unknown command "${given}"`, hint)
    return 2
  }
  return await (
    await load()
  )(terminal, rest)
}

/** Says what went wrong, unless a signal or a closed pipe ended the run, and gives the exit code. */
async function explain(terminal: Terminal, error: unknown): Promise<number> {
  const { reason }: { reason: unknown } = terminal.signal
  if (reason instanceof Ended) return reason.status
  // what has written to standard output says so
  if (error instanceof Error && error.name === 'ClosedOutput') return 0
  const { complain, exit, hintOf, messageOf } = await import('./terminal.ts')
  complain(terminal, messageOf(error), hintOf(error))
  return isArchiveError(error) && error.code === 'USAGE' ? exit.usage : exit.bad
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

async function main(): Promise<void> {
  const abort = new AbortController()
  const end = (status: number) => {
    // The second signal does not wait for anything to be tidied up.
    if (abort.signal.aborted) process.exit(status)
    abort.abort(new Ended(status))
  }
  process.on('SIGINT', () => end(130))
  process.on('SIGTERM', () => end(143))
  process.on('SIGHUP', () => end(129))
  process.stdout.on('error', (error) => (isClosedPipe(error) ? end(0) : abort.abort(error)))
  // Nobody is left to read what would be said about it.
  process.stderr.on('error', () => undefined)
  const terminal: Terminal = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: abort.signal,
  }
  const status = await run(terminal, process.argv.slice(2)).catch((error: unknown) => explain(terminal, error))
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  // An open standard input would keep the process alive.
  process.exit(status)
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) resolve()
    else stream.write('', () => resolve())
  })
}

void main()
