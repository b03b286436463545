import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { audit } from '../../src/audit/audit.ts'
import { targetProfile } from '../../src/audit/find-profile.ts'
import { superuserSettings } from '../../src/audit/privileged.ts'
import { root } from '../helpers/paths.ts'
import { servers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * What an audit foresees of a restore is compared with what a real pg_restore into a real server comes across, entry by
 * entry: as a role that owns the database, and as a superuser.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-target-'))
const id = process.pid
const owner = `pgdmp_audit_${id}`
const password = 'of-a-test'
const scripts = join(root, 'test/differential')
const timeout = 300_000

if (servers.length === 0) test('what is foreseen fails', ({ skip }) => skip(withoutServers))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function psql(server: Server, database: string, files: readonly string[]): void {
  const args = [
    '-Xq',
    '-v',
    'ON_ERROR_STOP=1',
    '-d',
    server.database(database),
    ...files.flatMap((file) => ['-f', file]),
  ]
  const env = { ...process.env, PGOPTIONS: '--client-min-messages=error' }
  execFileSync(server.psql, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** A database made of scripts, dumped. */
function dumpOf(server: Server, files: readonly string[]): string {
  const name = `pgdmp_audit_${id}`
  const file = join(folder, `${server.major}.dump`)
  server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
  try {
    psql(
      server,
      name,
      files.map((script) => join(scripts, script)),
    )
    execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
  } finally {
    drop(server, name)
  }
  return file
}

function drop(server: Server, name: string): void {
  // a subscription keeps its database
  const known = `SELECT subname FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE datname = '${name}'`
  for (const subscription of server
    .ask([known])
    .split('\n')
    .filter((line) => line !== '')) {
    server.ask([`DROP SUBSCRIPTION "${subscription}"`], name)
  }
  server.ask([`DROP DATABASE ${name}`])
}

/** Ids of the entries that fail when the archive is restored without owners. */
function failures(server: Server, file: string, role: string | undefined): number[] {
  const name = `pgdmp_audit_into_${id}`
  const owned = role === undefined ? '' : ` OWNER ${role}`
  server.ask([`CREATE DATABASE ${name}${owned} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
  try {
    const login = role === undefined ? '' : ` user=${role} password=${password}`
    const args = ['-v', '-O', '-d', `${server.database(name)}${login}`, file]
    const { stderr } = spawnSync(server.pgRestore, args, { encoding: 'utf8' })
    return [...stderr.matchAll(/from TOC entry (\d+);/g)].map((match) => Number(match[1])).sort((a, b) => a - b)
  } finally {
    drop(server, name)
  }
}

const foreseeing: ReadonlySet<string> = new Set(['target-needs-superuser', 'target-extension', 'target-dependent'])

async function foreseen(file: string, target: string): Promise<number[]> {
  await using archive = await open(file)
  const { findings } = await audit(archive, { target: targetProfile(target) })
  const ids = findings
    .filter(({ rule, severity }) => foreseeing.has(rule) && severity === 'error')
    .flatMap(({ dumpId }) => dumpId ?? [])
  return [...new Set(ids)].sort((a, b) => a - b)
}

describe.each(servers.map((server) => [server.major, server] as const))('a server of %i', (major, server) => {
  test(
    'as owner of the database exactly those entries fail that the audit foresees; as superuser none',
    async () => {
      const scriptsOf = ['privileged.sql', ...(major >= 15 ? ['privileged-15.sql'] : [])]
      const file = dumpOf(server, scriptsOf)
      server.ask([`CREATE ROLE ${owner} LOGIN PASSWORD '${password}'`])
      try {
        const expected = await foreseen(file, `postgres:${major}:owner`)
        expect(expected.length).toBeGreaterThan(25)
        expect(failures(server, file, owner)).toEqual(expected)
        expect(await foreseen(file, `postgres:${major}`)).toEqual([])
        expect(failures(server, file, undefined)).toEqual([])
      } finally {
        server.ask([`DROP ROLE ${owner}`])
      }
    },
    timeout,
  )
})

test('knows the settings that only a superuser sets, and no others', ({ skip }) => {
  if (servers.length === 0) return skip(withoutServers)
  const ask = "SELECT name FROM pg_settings WHERE context IN ('superuser', 'superuser-backend')"
  const found = new Set(servers.flatMap((server) => server.ask([ask]).trim().split('\n')))
  expect([...superuserSettings].sort()).toEqual([...found].sort())
})
