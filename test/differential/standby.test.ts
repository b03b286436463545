import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkTarget, createRoles, open } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { connectDatabase, connectionParameters } from '../../src/cli/connection.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { ownServers, withoutServers } from '../helpers/servers.ts'

/* A primary and its hot standby: as a target, as a source, and as several hosts to choose from. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-standby-'))
const [server] = ownServers(1)
const archive = fixture('18/latin1-Fc.dump').file
const timeout = 120_000

describe('a hot standby', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database } = server
  let standby = database
  const path = `${dirname(server.pgDump)}${delimiter}${process.env['PATH'] ?? ''}`
  const pgdmp = (...args: string[]) =>
    run(process.execPath, [cli, ...args], { timeout, env: { HOME: folder, PATH: path } })

  beforeAll(async () => {
    ask(['CREATE DATABASE source', 'CREATE DATABASE target', 'CREATE TABLE t AS SELECT 1 AS a'])
    ask(['CREATE TABLE rows AS SELECT g AS id, md5(g::text) AS t FROM generate_series(1, 500000) AS g'], 'source')
    standby = server.standby()
    await received('replay')
    const target = await connect('postgres')
    // it waits for nobody who reads what the primary takes away
    await target.client.query('ALTER SYSTEM SET max_standby_streaming_delay = 0')
    await target.client.query('SELECT pg_reload_conf()')
    await target.end()
  }, timeout)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const partsOf = (connection: string): Readonly<Record<string, string | undefined>> =>
    Object.fromEntries([...connection.matchAll(/(\w+)='?([^' ]*)/g)].map(([, key = '', value]) => [key, value]))

  async function connect(name: string): Promise<PgTarget> {
    const { host = '', port, user = '', password = '' } = partsOf(standby(name))
    return await connectPg({ host, port: Number(port), user, password, database: name })
  }

  /** Waits until the standby has received, or done, all that the primary has. */
  async function received(what: 'receive' | 'replay'): Promise<void> {
    const position = ask(['SELECT pg_current_wal_lsn()']).trim()
    const target = await connect('postgres')
    for (let ready = false; !ready;) {
      const rows = await target.rows(`SELECT pg_last_wal_${what}_lsn() >= '${position}'`)
      ready = rows[0]?.[0] === 't'
    }
    await target.end()
  }

  test(
    'as a target is told of before anything is sent, with what to do',
    async () => {
      const target = await connect('target')
      try {
        await using view = await open(archive)
        const { findings, server: found } = await checkTarget(view, target, { noOwner: true })
        expect(found).toMatchObject({ standby: true })
        expect(findings.filter(({ kind }) => kind === 'read-only')).toEqual([
          expect.objectContaining({ severity: 'error', what: 'a standby, which takes no changes' }),
        ])
        await using whole = await open(fixture('18/full-Fc.dump').file)
        await expect(createRoles(whole, target)).rejects.toMatchObject({
          message: expect.stringMatching(/^Cannot create roles .*alice.*read-only transaction$/),
          hint: expect.stringContaining('Connect to the primary'),
        })
      } finally {
        await target.end()
      }
    },
    timeout,
  )

  const named = (arg: string): string =>
    ({ JOURNAL: join(folder, 'journal'), FULL: fixture('18/full-Fc.dump').file, SMALL: archive })[arg] ?? arg
  test.each([
    [['-O', 'SMALL'], /Connect to the primary.*\n(?:.*\n)?pgdmp: Nothing was restored: .*standby\n$/],
    [['-O', '-j', '2', 'SMALL'], /Nothing was restored: .*standby\n$/],
    [['-O', '-C', 'SMALL'], /Nothing was restored: .*standby\n$/],
    [['--create-roles', 'FULL'], /Cannot create roles .*Connect to the primary/],
    [['-O', '-1', '--no-check', 'SMALL'], /Nothing was restored: the transaction was rolled back\n$/],
    [['-O', '--no-check', '--resume', 'JOURNAL', 'SMALL'], /Nothing was restored.*Connect to the primary/],
  ] as const)(
    'as the target of restore %j is left alone, and told as what it is',
    async (args, text) => {
      const { status, stderr } = await pgdmp('restore', '-d', standby('target'), ...args.map(named))
      expect([status, stderr]).toEqual([args[0] === '--create-roles' ? 2 : 1, expect.stringMatching(text)])
    },
    timeout,
  )

  test(
    'as a source gives a dump and a copy',
    async () => {
      const dumped = await pgdmp('dump', '-d', standby('source'), '-f', join(folder, 'source.dump'))
      expect([dumped.status, dumped.stdout.toString()]).toEqual([0, expect.stringContaining('500,000 rows')])
      const copied = await pgdmp('copy', '--from', standby('source'), '--to', database('target'))
      expect([copied.status, copied.stderr]).toEqual([0, expect.stringMatching(/restored \d+ entries/)])
      expect(ask(['SELECT count(*), sum(id) FROM rows'], 'target').trim()).toBe('500000|125000250000')
    },
    timeout,
  )

  test(
    'whose recovery cancels what a copy reads leaves a target that is said to be incomplete',
    async () => {
      ask(['CREATE DATABASE cancelled'])
      // the copy waits for the lock of this session
      const { host = '', port, user = '', password = '' } = partsOf(database('cancelled'))
      const holder = await connectPg({ host, port: Number(port), user, password, database: 'cancelled' })
      try {
        await holder.client.query('CREATE TABLE public.rows (id integer, t text)')
        await holder.client.query('BEGIN; LOCK TABLE public.rows')
        const copying = pgdmp('copy', '-a', '--from', standby('source'), '--to', database('cancelled'))
        const reading = `SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY public.rows%' AND wait_event_type = 'Lock'`
        while (ask([reading], 'cancelled').trim() === '0') await new Promise((resolve) => setTimeout(resolve, 50))
        ask(['TRUNCATE rows'], 'source')
        // what holds the copy up keeps the standby from ending what reads: it does once it has heard of this
        await received('receive')
        await holder.client.query('ROLLBACK')
        const { status, stderr } = await copying
        expect([status, stderr]).toEqual([1, expect.stringMatching(/due to conflict with recovery/)])
        expect(stderr).toMatch(/The database is INCOMPLETE: .*\n$/)
      } finally {
        await holder.end()
      }
    },
    timeout,
  )

  const attributes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby']
  const orders = [
    ['primary', 'standby'],
    ['standby', 'primary'],
    ['standby', 'standby'],
    ['nobody', 'standby'],
    ['primary', 'nobody'],
  ]
  // libpq before 14 knows only read-write
  test.skipIf(server.major < 14).each(orders.map((order) => [order] as const))(
    'is taken of several hosts, or not, as by psql: %j',
    async (order) => {
      const { user, password } = partsOf(database('postgres'))
      const ports: Readonly<Record<string, string | undefined>> = {
        primary: partsOf(database('postgres'))['port'],
        standby: partsOf(standby('postgres'))['port'],
        nobody: '1',
      }
      const { stdin, stdout, stderr } = process
      const terminal = { stdin, stdout, stderr, env: { HOME: folder }, signal: new AbortController().signal }
      const question = 'SELECT inet_server_port()'
      for (const wanted of attributes) {
        const several = `host=127.0.0.1,127.0.0.1 port=${order.map((name) => ports[name]).join()}`
        const dbname = `${several} user=${user} password=${password} dbname=postgres target_session_attrs=${wanted}`
        const real = await run(server.psql, ['-XAtqc', question, dbname], { env: { HOME: folder } })
        let ours: string
        try {
          const target = await connectDatabase(terminal, await connectionParameters({ dbname }, {}), {
            applicationName: 't',
          })
          ours = String((await target.rows(question))[0]?.[0])
          await target.end()
        } catch (error) {
          ours = `psql: error: ${String((error as { details?: { pgRestore?: string } }).details?.pgRestore)}`
        }
        expect([wanted, ours]).toEqual([wanted, `${real.stdout.toString()}${real.stderr}`.trim()])
      }
    },
    timeout,
  )
})
