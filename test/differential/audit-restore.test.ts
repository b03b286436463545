import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { audit } from '../../src/audit/audit.ts'
import { auditData } from '../../src/audit/audit-data.ts'
import { postRestoreSql } from '../../src/audit/post-restore.ts'
import { rolesSql } from '../../src/audit/roles-sql.ts'
import { root } from '../helpers/paths.ts'
import { servers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * The scripts that an audit writes are run on real servers, before and after a restore by the real pg_restore; what the
 * audit says of the rows is compared with what the server says of the constraints.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-restore-'))
const id = process.pid
const login = `pgdmp_restorer_${id}`
const name = `pgdmp_restored_${id}`
const timeout = 300_000
const fit = (major: number): string => join(root, 'test/fixtures/audit-fit', `fit-${major >= 17 ? 18 : 15}.dump`)
const able = servers.filter(({ major }) => major >= 15)

if (able.length === 0) test('the scripts of an audit do what they say', ({ skip }) => skip(withoutServers))

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function run(server: Server, script: string, database: string, user = ''): string {
  const file = join(folder, 'script.sql')
  writeFileSync(file, script)
  const args = ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', `${server.database(database)}${user}`, '-f', file]
  const env = { ...process.env, PGOPTIONS: '--client-min-messages=error' }
  return execFileSync(server.psql, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

describe.each(able.map((server) => [server.major, server] as const))('a server of %i', (major, server) => {
  const file = fit(major)
  const roles = ['audit_owner', 'audit reader']

  /** Makes a role that may create roles, and nothing else; runs `use`, and takes away what was made. */
  async function withRestorer(use: (user: string) => Promise<void>): Promise<void> {
    const there = roles.filter((role) => server.ask([`SELECT 1 FROM pg_roles WHERE rolname = '${role}'`]).trim() !== '')
    for (const role of there) server.ask([`ALTER ROLE "${role}" RENAME TO "${role} ${id}"`])
    server.ask([`CREATE ROLE ${login} LOGIN CREATEROLE PASSWORD 'of-a-test'`])
    server.ask([
      `CREATE DATABASE ${name} OWNER ${login} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`,
    ])
    try {
      await use(` user=${login} password=of-a-test`)
    } finally {
      server.ask([`DROP DATABASE ${name}`])
      for (const role of roles) server.ask([`DROP ROLE IF EXISTS "${role}"`])
      server.ask([`DROP ROLE ${login}`])
      for (const role of there) server.ask([`ALTER ROLE "${role} ${id}" RENAME TO "${role}"`])
    }
  }

  /** Tags of what fails. */
  function restore(user: string): string[] {
    const args = ['-v', '--no-tablespaces', '-d', `${server.database(name)}${user}`, file]
    const { stderr } = spawnSync(server.pgRestore, args, { encoding: 'utf8' })
    return [...stderr.matchAll(/from TOC entry \d+; \d+ \d+ (.*)/g)].map(([, what = '']) => what.trim()).sort()
  }

  test(
    'rolesSql() with memberships lets a role that may create roles give objects to their owners',
    async () => {
      await withRestorer(async (user) => {
        await using archive = await open(file)
        run(server, rolesSql(archive, { memberships: true }), name, user)
        // a second time nothing is there to do
        run(server, rolesSql(archive, { memberships: true }), name, user)
        // all else belongs to the superuser that made the database
        const failed = restore(user).filter((what) => !what.endsWith(' postgres') || /audit_owner/.test(what))
        expect(failed).toEqual([])
        const owner = `SELECT relowner::regrole FROM pg_class WHERE oid = 'app.parent'::regclass`
        expect(server.ask([owner], name).trim()).toBe('audit_owner')
      })
    },
    timeout,
  )

  test(
    'what is said of the rows comes about, and postRestoreSql() mends what can be mended',
    async () => {
      await withRestorer(async () => {
        await using archive = await open(file)
        const data = await auditData(archive)
        run(server, rolesSql(archive), 'postgres')
        const { findings } = await audit(archive, { data, settings: { security: 'off' } })
        const foreseen = findings
          .filter(({ rule }) => rule === 'data-foreign-key-violation')
          .map(({ object }) => object.split(' ').at(-1))
          .sort()
        const failed = restore('')
        expect(failed.map((what) => what.split(' ').at(-2)).sort()).toEqual(foreseen)

        const script = postRestoreSql(archive, { data })
        expect(
          run(server, script, name)
            .split('\n')
            .filter((line) => line.includes('|')),
        ).toEqual([])
        const ask = (sql: string): string => server.ask([sql], name).trim()
        expect(ask(`SELECT nextval('app.serial_id_seq')`)).toBe('4')
        expect(ask(`SELECT convalidated FROM pg_constraint WHERE conname = 'parent_id_positive'`)).toBe('t')
        expect(ask(`SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'app' AND tablename = 'parent'`)).toBe('t')
        // sequences that are right stay as they are
        expect(ask(`SELECT last_value FROM app.counted_small_seq`)).toBe('32000')
        server.ask(['DELETE FROM app.grandchild'], name)
        expect(
          run(server, script, name)
            .split('\n')
            .filter((line) => line.includes('|')),
        ).toEqual(['app.grandchild|0|2'])
      })
    },
    timeout,
  )
})
