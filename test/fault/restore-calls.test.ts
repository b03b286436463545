import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectDatabase, connectionParameters } from '../../src/cli/connection.ts'
import type { Terminal } from '../../src/cli/terminal.ts'
import { open, restore, type RestoreOptions, type RestoreResult } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { pgDumpText } from '../helpers/pg-dump-text.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers } from '../helpers/servers.ts'
import { Fault, random, some, sweep, unhandled, untilEmpty } from '../helpers/sweep.ts'

/* A restore into a server in which one thing goes wrong: see test/helpers/sweep.ts. */

const server = servers.at(-1)
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-restore-calls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const rejections = unhandled()

const objects = [
  'CREATE SCHEMA app',
  'CREATE TABLE app.a (x int, t text)',
  "INSERT INTO app.a SELECT g, repeat('row ' || g, 120) FROM generate_series(1, 400) g",
  'CREATE TABLE app.b (y int PRIMARY KEY, z serial)',
  'INSERT INTO app.b SELECT generate_series(1, 30)',
  'CREATE TABLE app.c (w int REFERENCES app.b)',
  'INSERT INTO app.c SELECT generate_series(1, 20)',
  'CREATE INDEX ON app.a (x)',
  'CREATE VIEW app.v AS SELECT x FROM app.a',
  'CREATE MATERIALIZED VIEW app.m AS SELECT count(*) FROM app.a',
  "SELECT lo_from_bytea(7001, convert_to(repeat('seven thousand', 30000), 'UTF8')), lo_from_bytea(7002, '')",
  "COMMENT ON TABLE app.a IS 'of all the tables the first'",
]

/** How a restore is done. */
interface Way {
  readonly name: string
  readonly dump: readonly string[]
  readonly options: RestoreOptions
  readonly journal?: true
  /** An earlier run of the journal was stopped. */
  readonly resumed?: true
  /** Connects as the command does, not as the library. */
  readonly asCommand?: true
}

const custom = ['-Fc']
const inserts = ['-Fc', '--rows-per-insert=50']
const ways: readonly Way[] = [
  { name: 'one session', dump: custom, options: {} },
  { name: 'a journal', dump: custom, options: {}, journal: true, asCommand: true },
  { name: 'two sessions', dump: ['-Fd'], options: { jobs: 2 }, asCommand: true },
  { name: 'two sessions and a journal', dump: custom, options: { jobs: 2 }, journal: true },
  { name: 'one session that goes on', dump: ['-Fd'], options: {}, journal: true, resumed: true },
  { name: 'two sessions that go on', dump: custom, options: { jobs: 2 }, journal: true, resumed: true },
  { name: 'a transaction', dump: ['-Ft'], options: { singleTransaction: true } },
  { name: 'a transaction and a journal', dump: ['-Fd'], options: { singleTransaction: true }, journal: true },
  { name: 'INSERT statements', dump: inserts, options: {} },
  {
    name: 'INSERT statements, a journal',
    dump: ['-Ft', '--rows-per-insert=20'],
    options: { transactionSize: 7 },
    journal: true,
  },
]

/** Where an earlier run is stopped. */
const earlierStop = 300 + random.below(900)

describe('a restore in which one thing goes wrong', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { database, parameters } = server
  const archives = new Map<string, string>()
  let expected = ''
  let nothing = ''
  let admin: PgTarget
  let made = 0

  const command = (sql: string): Promise<void> => admin.query(new TextEncoder().encode(sql))

  const contents = async (name: string): Promise<string> => {
    const text = await pgDumpText(server, name)
    // what an INSERT that was rolled back leaves in a page may be used again: rows stand in another order then
    return text.replaceAll(/^(COPY .* FROM stdin;\n)([^]*?)^\\\.$/gm, (_, head: string, rows: string) => {
      return `${head}${rows.split('\n').sort().join('\n')}`
    })
  }

  beforeAll(async () => {
    admin = await connectPg(parameters('postgres'))
    await inNewDatabase(server, async (name) => {
      nothing = await contents(name)
      server.ask(objects, name)
      for (const { dump } of ways) {
        const key = dump.join(' ')
        if (archives.has(key)) continue
        const file = join(folder, `archive-${archives.size}`)
        archives.set(key, file)
        expect((await run(server.pgDump, [...dump, '-d', database(name), '-f', file])).status).toBe(0)
      }
      expected = await contents(name)
    })
  })
  afterAll(async () => admin.end())

  const connected = async (way: Way, name: string, port: number, signal: AbortSignal): Promise<PgTarget> => {
    const { user, password } = parameters(name)
    const place = { host: '127.0.0.1', port, user, password, database: name }
    if (way.asCommand !== true) return await connectPg({ ...place, ssl: false }, { signal })
    const text = `postgresql://${user}:${password}@127.0.0.1:${port}/${name}?sslmode=disable`
    // what else there is of a terminal is for passwords and warnings
    const terminal = { env: {}, signal } as unknown as Terminal
    return await connectDatabase(terminal, await connectionParameters({ dbname: text }, {}), {
      applicationName: 'pgdmp',
    })
  }

  const restored = async (
    way: Way,
    name: string,
    port: number,
    signal: AbortSignal,
    journal: string,
    onConnected: () => void = () => undefined,
  ): Promise<RestoreResult> => {
    const target = await connected(way, name, port, signal)
    onConnected()
    try {
      await using archive = await open(archives.get(way.dump.join(' ')) ?? '', { signal })
      const options = { ...way.options, signal, compat: server.version }
      return await restore(archive, target, way.journal === true ? { ...options, resume: journal } : options)
    } finally {
      await target.end().catch(() => undefined)
    }
  }

  /** One restore, and all that must be so afterwards. */
  const round = async (way: Way, fault: Fault): Promise<boolean> => {
    const name = `pgdmp_test_${process.pid}_calls_${made++}`
    await command(`CREATE DATABASE ${name} TEMPLATE template0`)
    const place = mkdtempSync(join(folder, 'work-'))
    const journal = join(place, 'journal')
    const sessions = `SELECT state, query FROM pg_stat_activity WHERE datname = '${name}'`
    if (way.resumed === true) {
      const earlier = new Fault({ stop: earlierStop })
      await earlier.during(parameters(name), (port) => restored(way, name, port, earlier.signal, journal))
      await untilEmpty(() => admin.rows(sessions), `${earlier}`)
    }
    let isConnected = way.asCommand === true
    const { value, error } = await fault.during(parameters(name), (port) =>
      restored(way, name, port, fault.signal, journal, () => void (isConnected = true)),
    )
    const label = `${fault}`
    expect(rejections(), label).toEqual([])
    if (error === undefined) expect(value, label).toMatchObject({ complete: true, failed: 0 })
    else expect(fault.explains(error), `${label}: ${String(error)}`).toBe(true)
    // until then it is what node-postgres says
    if (error !== undefined && fault.cut !== undefined && isConnected) {
      expect(error, label).toMatchObject({ code: expect.stringMatching(/^CONNECTION_(?:LOST|FAILED)$/) })
    }
    await untilEmpty(() => admin.rows(sessions), label)
    expect(
      readdirSync(place).filter((file) => file !== 'journal'),
      label,
    ).toEqual([])
    if (way.journal === true) {
      const isBegun = existsSync(journal)
      const { port } = parameters(name)
      const again = await restored(way, name, port, new AbortController().signal, journal)
      expect(again, label).toMatchObject({ complete: true, failed: 0 })
      if (!isBegun) expect(again.earlier, label).toBe(0)
    }
    if (way.journal === true || error === undefined) expect(await contents(name), label).toBe(expected)
    // the answer to the COMMIT may have been lost
    else if (way.options.singleTransaction === true) expect([nothing, expected], label).toContain(await contents(name))
    await command(`DROP DATABASE ${name}`)
    rmSync(place, { recursive: true })
    return error !== undefined
  }

  test.each(some(ways, 3))('leaves nothing behind, and goes on: $name', { timeout: 7_200_000 }, async (way) => {
    await sweep((fault) => round(way, fault), { calls: 3, cuts: 1, stops: 5 })
  })
})
