import { ArchiveError, isArchiveError } from '../index.ts'
import { connectDatabase, connectionParameters } from './connection.ts'
import { isConnectionString, isSecret, parseConnectionString } from '../libpq/connection-string.ts'
import { askPassword } from './password-prompt.ts'
import { askServer } from './server-question.ts'
import type { Terminal } from './terminal.ts'
import type { PgTarget } from '../restore/pg.ts'

/** A database that is to be dumped, as the command line names it. */
export interface GivenSource {
  /** A name, `key=value` or a URI; undefined: libpq's defaults. */
  readonly dbname: string | undefined
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly user?: string | undefined
  /** -w, -W, or what the server wants. */
  readonly password?: 'never' | 'ask' | undefined
  readonly prompt?: string | undefined
}

/** How pg_dump and pg_dumpall get at it. */
export interface ProgramConnection {
  /** Without any password: others can read a command line. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What the server says of itself, where it can be asked. */
export interface ServerFacts {
  /** server_version_num */
  readonly version: number
  /** The database, in its own words. */
  readonly dbname: string
  readonly oid: string
  /** The same for all connections to one server that runs, and for no other server. */
  readonly run: string
}

/** The source of a dump: where it is, and what is known of it. */
export interface DumpSource extends ProgramConnection {
  readonly facts: ServerFacts | undefined
  /** Why it could not be asked. */
  readonly refusal: unknown
}

/**
 * Looks at the source as pg_dump will see it. That it cannot be reached from here (node-postgres is not installed, or
 * lacks a way to authenticate) proves nothing about pg_dump, which says itself what is the matter.
 *
 * @throws ArchiveError USAGE in libpq's words for a bad connection string
 */
export async function findSource(terminal: Terminal, given: GivenSource): Promise<DumpSource> {
  // refuses what cannot be handed on, before anybody is asked for anything
  programConnection(given)
  let asked: string | undefined
  const ask = async (): Promise<string> => {
    asked ??= await askPassword(terminal, given.prompt)
    return asked
  }
  const password = given.password === 'ask' ? await ask() : undefined
  const { dbname = '', host, port, user } = given
  const parameters = await connectionParameters({ dbname, host, port, user, password }, terminal.env)
  let facts: ServerFacts | undefined
  let refusal: unknown
  try {
    const server = await connectDatabase(terminal, parameters, {
      applicationName: 'pgdmp',
      askPassword: given.password === 'never' ? undefined : ask,
    })
    try {
      facts = await askFacts(terminal, server)
    } finally {
      await server.end().catch(() => undefined)
    }
  } catch (error) {
    terminal.signal.throwIfAborted()
    refusal = error
  }
  return { ...programConnection(given, asked), facts, refusal }
}

/**
 * What servers are told apart by. The start of the postmaster is the same by whatever address it is reached, and
 * another one on a copy of its disk; the identifier of the system is that of all copies.
 */
export async function askFacts(terminal: Terminal, server: PgTarget): Promise<ServerFacts> {
  // the owner of the database may have operators of the names that are used here
  await askServer(terminal, server, "SELECT pg_catalog.set_config('search_path', '', false)")
  const [row] = await askServer(
    terminal,
    server,
    `SELECT pg_catalog.current_setting('server_version_num'), d.datname, d.oid,
      pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI:SS.US')
      FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()`,
  )
  const [version, dbname, oid, start] = row ?? []
  return { version: Number(version), dbname: dbname ?? '', oid: oid ?? '', run: start ?? '' }
}

/** @param asked a password that was typed: one in the connection string goes before it, as in libpq */
export function programConnection(given: GivenSource, asked?: string): ProgramConnection {
  const args: string[] = []
  const env: Record<string, string> = asked === undefined ? {} : { PGPASSWORD: asked }
  if (given.host !== undefined) args.push('-h', given.host)
  if (given.port !== undefined) args.push('-p', given.port)
  if (given.user !== undefined) args.push('-U', given.user)
  if (given.password === 'never') args.push('-w')
  if (given.dbname !== undefined && isConnectionString(given.dbname)) {
    const parameters = parseConnectionString(given.dbname)
    const password = parameters.get('password')
    if (password) env['PGPASSWORD'] = password
    parameters.delete('password')
    for (const name of parameters.keys()) {
      if (!isSecret(name)) continue
      throw new ArchiveError('USAGE', `${name} cannot be handed on: others could read it of the command line`, {
        hint: 'Put it into a service file (service=NAME)',
      })
    }
    args.push('-d', [...parameters].map(([name, value]) => `${name}=${quoted(value)}`).join(' '))
  } else if (given.dbname) {
    // pg_dumpall takes no name alone
    args.push('-d', `dbname=${quoted(given.dbname)}`)
  }
  return { args, env }
}

function quoted(value: string): string {
  return `'${value.replaceAll(/['\\]/g, '\\$&')}'`
}

/** Whether the packages that connect to servers are missing. */
export function lacksPackages(refusal: unknown): boolean {
  return isArchiveError(refusal) && refusal.code === 'UNSUPPORTED'
}
