import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { drill, open, serverPlace, type Finding } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers } from '../helpers/servers.ts'
import { sweep, unhandled, untilEmpty, type Fault } from '../helpers/sweep.ts'

/* A drill on a server in which one thing goes wrong: see test/helpers/sweep.ts. */

const server = servers.at(-1)
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-drill-calls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const rejections = unhandled()

/** A role that the archive names; its sessions bear the name, too. */
const role = `pgdmp_drilled_${process.pid}`
const objects = [
  'CREATE TABLE a (x int PRIMARY KEY, t text)',
  "INSERT INTO a SELECT g, repeat('row ' || g, 120) FROM generate_series(1, 400) g",
  'CREATE TABLE b (y serial, x int REFERENCES a)',
  'INSERT INTO b (x) SELECT generate_series(1, 30)',
  `ALTER TABLE b OWNER TO ${role}`,
  'CREATE INDEX ON b (x)',
  "SELECT lo_from_bytea(7001, 'seven thousand')",
]

describe('a drill in which one thing goes wrong', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { parameters } = server
  const file = join(folder, 'archive')
  let admin: PgTarget

  beforeAll(async () => {
    admin = await connectPg(parameters('postgres'))
    server.ask([`CREATE ROLE ${role}`])
    await inNewDatabase(server, async (name) => {
      server.ask(objects, name)
      expect((await run(server.pgDump, ['-Fc', '-d', server.database(name), '-f', file])).status).toBe(0)
    })
    server.ask([`DROP ROLE ${role}`])
  })
  afterAll(async () => admin.end())

  /** One drill, after which the server must be as it was. */
  const round = async (fault: Fault): Promise<boolean> => {
    const made: string[] = []
    const warnings: Finding[] = []
    const drilled = async (port: number) => {
      const place = serverPlace(async (database = 'postgres') => {
        const config = { ...parameters(database), host: '127.0.0.1', port, application_name: role, ssl: false }
        const target = await connectPg(config)
        const { query } = target
        target.query = async (sql) => {
          const [, name] = /^CREATE DATABASE "(\w+)/.exec(new TextDecoder().decode(sql)) ?? []
          if (name !== undefined) made.push(name)
          await query.call(target, sql)
        }
        return target
      })
      const { signal } = fault
      await using archive = await open(file, { signal })
      const onWarning = (finding: Finding): void => void warnings.push(finding)
      return await drill(archive, place, { signal, createRoles: true, onWarning })
    }
    const { value, error } = await fault.during(parameters('postgres'), drilled)
    const label = `${fault}`
    expect([rejections(), warnings], label).toEqual([[], []])
    if (error === undefined) expect(value, label).toMatchObject({ verdict: 'proven', left: undefined })
    else expect(fault.explains(error), `${label}: ${String(error)}`).toBe(true)
    const names = made.map((name) => `'${name}'`).join(', ') || `''`
    await untilEmpty(
      () =>
        admin.rows(`SELECT 'database', datname FROM pg_database WHERE datname IN (${names})
          UNION ALL SELECT 'session', query FROM pg_stat_activity WHERE application_name = '${role}'
          UNION ALL SELECT 'role', rolname FROM pg_roles WHERE rolname = '${role}'`),
      `${label}: left`,
    )
    return error !== undefined
  }

  test('leaves nothing behind', { timeout: 7_200_000 }, async () => {
    await sweep(round, { calls: 2, cuts: 2, stops: 5 })
  })
})
