import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run, type Outcome } from '../helpers/process.ts'
import { inNewDatabase, ownServers, withoutServers, type Server } from '../helpers/servers.ts'
import type { DrillReport } from '../../src/drill/report.ts'

/* `pgdmp drill --into` on servers of every release: what is there is proven, and nothing is left behind. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-drill-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const timeout = 120_000
// a drill makes roles, which another test might miss or take for its own
const servers = ownServers()

async function drill(args: readonly string[]): Promise<Outcome & { readonly report: DrillReport }> {
  const outcome = await run(process.execPath, [cli, 'drill', '--format=json', ...args], { timeout })
  const text = outcome.stdout.toString()
  return { ...outcome, report: text === '' ? undefined : JSON.parse(text) }
}

/** What outlives databases on a server. */
const leftOn = (server: Server): string =>
  server.ask([
    'SELECT datname FROM pg_database ORDER BY 1',
    'SELECT rolname FROM pg_roles ORDER BY 1',
    'SELECT subname FROM pg_subscription ORDER BY 1',
  ])

if (servers.length === 0) test('a drill on a server', ({ skip }) => skip(withoutServers))

describe.each(servers)('on a server of $major', (server) => {
  const into = (): string => `--into=${server.database('postgres')}`

  test('an archive of its own release is proven but for what the server lacks', { timeout }, async () => {
    const before = leftOn(server)
    const { status, report } = await drill([into(), '--create-roles', fixture(`${server.major}/full-Fc.dump`).file])
    expect(report.problems.filter((problem) => problem.status === 'failed')).toEqual([])
    expect(status).toBe(0)
    expect(report.tables.length).toBeGreaterThan(50)
    expect(report.tables.filter((table) => table.status !== 'proven' || table.compared !== 'text')).toEqual([])
    expect(report.largeObjects).toEqual({ proven: 10, failed: 0, unproven: 0 })
    expect(report.sequences.proven).toBeGreaterThan(5)
    // no tablespaces, no provider of labels, and what was not valid when it was dumped
    const reasons = /outside of its tablespace|provider "dummy"|as when it was dumped|no such index|locale/
    expect(report.problems.filter(({ reason }) => !reasons.test(reason))).toEqual([])
    expect(leftOn(server)).toBe(before)
  })

  test.each([
    ['b text, a integer', 'values'],
    ['a integer, b text', 'text'],
  ])(
    'rows that the root of partitions got, one with (%s), are proven as %s',
    { timeout },
    async (columns, compared) => {
      const file = join(folder, `root-${server.major}-${compared}.dump`)
      await inNewDatabase(server, async (name) => {
        const sql = `CREATE TABLE p (a integer, b text) PARTITION BY LIST (a);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 (${columns});
        ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2);
        INSERT INTO p SELECT n % 2 + 1, repeat('x', n) FROM generate_series(1, 100) n`
        server.ask([sql], name)
        execFileSync(server.pgDump, ['-Fc', '--load-via-partition-root', '-f', file, '-d', server.database(name)])
      })
      const { status, report } = await drill([into(), '--fail-on=unproven', file])
      expect(report.problems).toEqual([])
      expect(status).toBe(0)
      expect(report.tables).toMatchObject([{ table: 'public.p', compared, archiveRows: 100, databaseRows: 100 }])
      expect(report.tables[0]?.dumpIds).toHaveLength(2)
    },
  )
})

describe.skipIf(servers.length === 0)('on one server', () => {
  const server = servers.at(-1) as Server
  const into = (): string => `--into=${server?.database('postgres')}`

  test('the encoding of the archive stays: rows are compared as bytes', { timeout }, async () => {
    for (const archive of ['15/latin1-Fc.dump', '18/sqlascii-Fc.dump']) {
      const { status, report } = await drill([into(), '--create-roles', fixture(archive).file])
      expect(report.problems).toEqual([])
      expect(status).toBe(0)
      expect(report.verdict).toBe('proven')
    }
  })

  test('INSERT statements are compared as rows, in whatever order their columns are', { timeout }, async () => {
    const file = join(folder, 'inserts.dump')
    await inNewDatabase(server, async (name) => {
      const generated = 'g integer GENERATED ALWAYS AS (a * 2) STORED'
      const sql = `CREATE TABLE p (a integer, ${generated}, b text) PARTITION BY LIST (a);
        CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 (b text, ${generated}, a integer);
        ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2);
        INSERT INTO p (a, b) SELECT n % 2 + 1, repeat('x''\\', n) FROM generate_series(1, 100) n;
        CREATE TABLE z (f float8, m money, x bit(4), "Ä ö" text); INSERT INTO z VALUES ('NaN', 3, B'1010', E'\t\n')`
      server.ask([sql], name)
      const options = ['--column-inserts', '--load-via-partition-root', '--on-conflict-do-nothing', '--encoding=LATIN1']
      execFileSync(server.pgDump, ['-Fc', ...options, '-f', file, '-d', server.database(name)])
    })
    const { status, report } = await drill([into(), '--fail-on=unproven', file])
    expect(report.problems).toEqual([])
    expect(status).toBe(0)
    expect(report.tables).toMatchObject([
      { table: 'public.p', compared: 'values', archiveRows: 100, databaseRows: 100 },
      { table: 'public.z', compared: 'text', archiveRows: 1 },
    ])
  })

  test('roles that are missing are not made unasked: what names them is not proven', { timeout }, async () => {
    const before = leftOn(server)
    const { report } = await drill([into(), fixture('18/full-Fc.dump').file])
    const roles = report.problems.filter(({ reason }) => /^role ".*" is not there$/.test(reason))
    expect(roles.length).toBeGreaterThan(5)
    expect(roles.filter(({ status }) => status !== 'unproven')).toEqual([])
    expect(leftOn(server)).toBe(before)
  })

  test('--keep leaves the database, and says its name', { timeout }, async () => {
    const outcome = await drill([into(), '--keep', fixture('18/sqlascii-Fc.dump').file])
    const name = /left on the server: database (pgdmp_drill_\w+)/.exec(outcome.stderr)?.[1]
    expect(name).toBeDefined()
    expect(
      server.ask([`SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 2200`], name).trim(),
    ).not.toBe('0')
    server.ask([`DROP DATABASE ${name}`])
  })

  test('a check that does not hold, and a receipt that says so', { timeout }, async () => {
    const [checks, receipt] = [join(folder, 'checks.sql'), join(folder, 'receipt.json')]
    writeFileSync(checks, 'SELECT count(*) > 0 FROM pg_class;\nSELECT false;\n')
    const { status, report } = await drill([
      into(),
      `--check=${checks}`,
      `--receipt=${receipt}`,
      fixture('18/sqlascii-Fc.dump').file,
    ])
    expect(status).toBe(1)
    expect(report.checks.map((check) => check.status)).toEqual(['proven', 'failed'])
    const kept = JSON.parse(readFileSync(receipt, 'utf8'))
    expect(kept).toMatchObject({
      drill: 1,
      verdict: 'failed',
      place: { version: expect.stringMatching(/^PostgreSQL /) },
    })
    expect(Date.parse(kept.time)).toBeGreaterThan(Date.now() - timeout)
  })

  test('a signal takes the database away, too', { timeout }, async () => {
    const before = leftOn(server)
    const args = [cli, 'drill', into(), '--create-roles', fixture('18/full-Fc.dump').file]
    const child = spawn(process.execPath, args, { stdio: 'ignore' })
    const ended = once(child, 'close')
    const isThere = `SELECT datname FROM pg_database WHERE datname LIKE 'pgdmp_drill_%'`
    while (child.exitCode === null && server.ask([isThere]) === '') await setTimeout(20)
    child.kill('SIGINT')
    expect(await ended).toEqual([130, null])
    expect(leftOn(server)).toBe(before)
  })
})
