// @ts-check
// The server 18 that PGDMP_SERVERS names, for what restores into one.
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const postgres = process.env['PGDMP_POSTGRES'] ?? path.join(root, '.tools', 'postgres')

/** A program of PostgreSQL 18. */
export const program = (/** @type {string} */ name) => path.join(postgres, '18', 'bin', name)

/**
 * A database of the server: how to connect to it, and what makes it anew and takes it away.
 * @param {string} name
 */
export function benchDatabase(name) {
  /** @type {Record<string, string>} */
  const servers = JSON.parse(process.env['PGDMP_SERVERS'] || '{}')
  const server = servers['18']
  if (server === undefined) {
    throw new Error('PGDMP_SERVERS names no server 18: test/postgres/servers.sh start FOLDER 18')
  }
  /** @param {string[]} commands */
  const ask = (...commands) => {
    execFileSync(program('psql'), ['-XAtq', '-d', server, ...commands.flatMap((command) => ['-c', command])])
  }
  const drop = `DROP DATABASE IF EXISTS ${name}`
  return {
    target: server.replace(/dbname=\S+/, `dbname=${name}`),
    empty: () => ask(drop, `CREATE DATABASE ${name} TEMPLATE template0`, 'CHECKPOINT'),
    drop: () => ask(drop),
  }
}
