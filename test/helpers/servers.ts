import { execFileSync } from 'node:child_process'
import { inCi } from './paths.ts'
import type { PostgresTools } from './postgres.ts'
import { postgres } from './postgres.ts'

/** A running server that tests may fill, and its programs. */
export interface Server extends PostgresTools {
  /** What psql, pg_dump and pg_restore take as -d to reach a database of it. */
  readonly database: (name: string) => string
  /** What psql prints of commands, each in a transaction of its own; fails with the first that does. */
  readonly ask: (commands: readonly string[], database?: string) => string
}

/** Why there are no servers, for the message of a skipped test. */
export const withoutServers = 'no servers to restore into (test/postgres/servers.sh start, PGDMP_SERVERS)'

/** Connection strings of a superuser by major, as test/postgres/servers.sh prints them. */
const connections: unknown = JSON.parse(process.env['PGDMP_SERVERS'] || '{}')

/** The servers at hand. On a build machine there must be one for each installed version. */
export const servers: readonly Server[] = postgres.flatMap((tools) => {
  const connection = connectionOf(tools.major)
  if (connection === undefined) {
    if (inCi) throw new Error(`PGDMP_SERVERS has no server ${tools.major}: run test/postgres/servers.sh start`)
    return []
  }
  const database = (name: string): string => `${connection} dbname='${name.replaceAll(/['\\]/g, '\\$&')}'`
  const ask = (commands: readonly string[], name = 'postgres'): string => {
    const args = ['-XAtq', '-v', 'ON_ERROR_STOP=1', ...commands.flatMap((command) => ['-c', command])]
    return execFileSync(tools.psql, [...args, '-d', database(name)], {
      encoding: 'utf8',
      env: { ...process.env, PGOPTIONS: '--client-min-messages=error', PGCLIENTENCODING: 'UTF8' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }
  return [{ ...tools, database, ask }]
})

/** The server of a major. */
export function serverOf(major: number): Server | undefined {
  return servers.find((server) => server.major === major)
}

function connectionOf(major: number): string | undefined {
  if (typeof connections !== 'object' || connections === null) return undefined
  const value: unknown = Object.entries(connections).find(([key]) => key === String(major))?.[1]
  return typeof value === 'string' ? value : undefined
}
