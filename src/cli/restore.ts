import { ArchiveError, type ServerError } from '../index.ts'
import {
  parseCommandLine,
  selectionOptions,
  type CommandLine,
  type CommandSyntax,
  scriptOptions,
} from './command-line.ts'
import { connectDatabase, connectionParameters } from './connection.ts'
import { decodingThreads } from './decoding-threads.ts'
import { openArchive, openOptions } from './input.ts'
import { writeText } from './output.ts'
import { askPassword } from './password-prompt.ts'
import { checkOptions } from './restore-check.ts'
import { restoreHelp } from './restore-help.ts'
import { runRestore, type Connected } from './restore-run.ts'
import { rewriteOptions } from './rewrite-options.ts'
import { complain, exit, type Terminal } from './terminal.ts'

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
    'resume',
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
    'jobs',
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
  const dbname = line.value('dbname')
  if (dbname === undefined) {
    throw new ArchiveError('USAGE', 'restore: the database is missing', {
      hint: 'Name it: -d NAME, or -d postgres://user@host/name',
    })
  }
  const quiet = line.own('quiet').length > 0
  const { jobs } = line.options
  return await runRestore(terminal, line, {
    open: () => openArchive(terminal, line, { quiet, workers: decodingThreads(jobs) }),
    connect: () => connect(terminal, line, dbname, quiet),
  })
}

async function connect(terminal: Terminal, line: CommandLine, dbname: string, quiet: boolean): Promise<Connected> {
  const ask = () => askPassword(terminal)
  const password = line.options.given.has('password') ? await ask() : undefined
  const given = { dbname, host: line.value('host'), port: line.value('port'), user: line.value('username'), password }
  const target = await connectDatabase(terminal, await connectionParameters(given, terminal.env), {
    applicationName: 'pgdmp',
    endures: true,
    askPassword: line.options.given.has('no-password') ? undefined : ask,
    onNotice: ({ severity, message }: ServerError) => {
      if (!quiet && line.options.verbosity > 0) complain(terminal, `${severity.toLowerCase()}: ${message}`)
    },
  })
  // a server that is gone is no reason to fail at the end
  return Object.assign(target, { [Symbol.asyncDispose]: () => target.end().catch(() => undefined) })
}
