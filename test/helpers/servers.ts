import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { inCi, root } from './paths.ts'
import type { PostgresTools } from './postgres.ts'
import { oldPostgres, otherPostgres, postgres } from './postgres.ts'

/** A running server that tests may fill, and its programs. */
export interface Server extends PostgresTools {
  /** What psql, pg_dump and pg_restore take as -d to reach a database of it. */
  readonly database: (name: string) => string
  /** The same as node-postgres takes it, and as a URI. */
  readonly parameters: (name: string) => ConnectionParameters
  readonly uri: (name: string) => string
  /** What psql prints of commands, each in a transaction of its own; fails with the first that does. */
  readonly ask: (commands: readonly string[], database?: string) => string
}

/** A server that nobody else uses. */
export interface OwnServer extends Server {
  /** Ends it at once, as when it is killed (pg_ctl -m immediate). */
  readonly crash: () => void
  /** Starts it again, on the same port. */
  readonly recover: () => void
  /** Makes a hot standby of it, which ends with it, and says how to connect to that as `database` does. */
  readonly standby: () => (name: string) => string
}

/** Where a database is, and who connects. */
interface ConnectionParameters {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** Why there are no servers, for the message of a skipped test. */
export const withoutServers = 'no servers to restore into (test/postgres/servers.sh start, PGDMP_SERVERS)'

/** Connection strings of a superuser by major, as test/postgres/servers.sh prints them. */
const connections: unknown = JSON.parse(process.env['PGDMP_SERVERS'] || '{}')

/** The servers at hand. On a build machine there must be one for each installed version. */
export const servers: readonly Server[] = postgres.flatMap((tools) => {
  const server = reach(tools)
  if (server === undefined && inCi) {
    throw new Error(`PGDMP_SERVERS has no server ${tools.major}: run test/postgres/servers.sh start`)
  }
  return server ?? []
})

/** Servers of releases that Debian's suites do not have, where somebody put them beside the others and started them. */
export const otherServers: readonly Server[] = [...oldPostgres, ...otherPostgres].flatMap((tools) => reach(tools) ?? [])

function reach(tools: PostgresTools): Server | undefined {
  const connection = connectionOf(connections, tools.major)
  return connection === undefined ? undefined : serving(tools, () => connection)
}

/** A connection string with another database. */
const named = (connection: string, name: string): string =>
  `${connection} dbname='${name.replaceAll(/['\\]/g, '\\$&')}'`

function serving(tools: PostgresTools, connection: () => string): Server {
  const database = (name: string): string => named(connection(), name)
  const ask = (commands: readonly string[], name = 'postgres'): string => {
    const args = ['-XAtq', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])]
    return execFileSync(tools.psql, [...args, '-d', database(name)], {
      encoding: 'utf8',
      env: { ...process.env, PGOPTIONS: '--client-min-messages=error', PGCLIENTENCODING: 'UTF8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
  const parameters = (name: string): ConnectionParameters => {
    const pairs = connection()
      .split(' ')
      .map((pair) => pair.split('='))
    const { host = '', port = '', user = '', password = '' } = Object.fromEntries(pairs)
    return { host, port: Number(port), user, password, database: name }
  }
  const uri = (name: string): string => {
    const { host, port, user, password } = parameters(name)
    return `postgresql://${user}:${password}@${host}:${port}/${name}`
  }
  return { ...tools, database, parameters, uri, ask }
}

/**
 * Servers as `servers`, of the file that calls this alone: there are no roles that another test makes. They run while
 * its tests do.
 * @param count the newest so many alone
 */
export function ownServers(count = servers.length): readonly OwnServer[] {
  const own = servers.slice(-count)
  if (own.length === 0) return []
  const script = join(root, 'test/postgres/servers.sh')
  let folder = ''
  let started: unknown
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pgdmp-servers-'))
    // they may run as somebody else
    chmodSync(folder, 0o711)
    const majors = own.map(({ major }) => String(major))
    started = JSON.parse(execFileSync(script, ['start', join(folder, 'servers'), ...majors], { encoding: 'utf8' }))
  })
  afterAll(() => {
    execFileSync(script, ['stop', join(folder, 'servers')])
    rmSync(folder, { recursive: true, force: true })
  })
  const connection = (major: number): string => {
    const found = connectionOf(started, major)
    if (found === undefined) throw new Error(`There is no server ${major} yet`)
    return found
  }
  const tell = (name: string, major: number): string =>
    execFileSync(script, [name, join(folder, 'servers'), String(major)], { encoding: 'utf8' })
  const command = (name: string, major: number) => (): void => void tell(name, major)
  const standby = (major: number) => () => {
    const told = tell('standby', major)
    return (name: string): string => named(told, name)
  }
  return own.map(({ major, ...tools }) =>
    Object.assign(
      serving({ major, ...tools }, () => connection(major)),
      { crash: command('crash', major), recover: command('recover', major), standby: standby(major) },
    ),
  )
}

/** The server of a major. */
export function serverOf(major: number): Server | undefined {
  return [...servers, ...otherServers].find((server) => server.major === major)
}

/** Subscriptions keep their database from being dropped; their slots are on servers that there are not. */
const dropSubscriptions = `SELECT format('ALTER SUBSCRIPTION %1$I DISABLE; ALTER SUBSCRIPTION %1$I SET (slot_name = NONE);
  DROP SUBSCRIPTION %1$I', subname) FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())`

/** Drops a database, its subscriptions included. */
export function dropDatabase(server: Server, name: string): void {
  for (const command of server.ask([dropSubscriptions], name).split(/[;\n]/)) {
    if (command.trim() !== '') server.ask([command], name)
  }
  server.ask([`DROP DATABASE "${name.replaceAll('"', '""')}"`])
}

let made = 0

/** A new database, empty to the last, with a name that no other test takes. */
export function newDatabase(server: Server, encoding = 'UTF8'): string {
  const name = `pgdmp_test_${process.pid}_${made++}`
  server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING '${encoding}' LC_COLLATE 'C' LC_CTYPE 'C'`])
  return name
}

/** Gives `use` such a database, and takes it away. */
export async function inNewDatabase<T>(
  server: Server,
  use: (name: string) => Promise<T>,
  encoding?: string,
): Promise<T> {
  const name = newDatabase(server, encoding)
  try {
    return await use(name)
  } finally {
    dropDatabase(server, name)
  }
}

function connectionOf(all: unknown, major: number): string | undefined {
  if (typeof all !== 'object' || all === null) return undefined
  const value: unknown = Object.entries(all).find(([key]) => key === String(major))?.[1]
  return typeof value === 'string' ? value : undefined
}
