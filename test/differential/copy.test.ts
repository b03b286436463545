import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, restore } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { cli } from '../helpers/paths.ts'
import { run, shellQuote } from '../helpers/process.ts'
import { dropDatabase, inNewDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* From one server into another: `pg_dump | pgdmp restore -` and `pgdmp copy`, and what is said when one of them fails. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-copy-'))
/** What was started and may run still when a test has failed. */
const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const MiB = 1024 * 1024
const server = servers.at(-1)

/** `COPY` of a table with a trigger that waits for an advisory lock takes no rows meanwhile. */
const LOCK = 4711

describe('from server to server', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, parameters, pgDump } = server
  const env = { ...process.env, PATH: `${dirname(pgDump)}${delimiter}${process.env['PATH'] ?? ''}` }
  const copy = (...args: string[]) => run(process.execPath, [cli, 'copy', ...args], { env: { PATH: env.PATH } })
  let source = ''
  beforeAll(() => {
    source = newDatabase(server)
    ask(
      [
        'CREATE SCHEMA app',
        'CREATE TABLE app.accounts (id int PRIMARY KEY, x text)',
        "INSERT INTO app.accounts SELECT g, 'x' || g FROM generate_series(1, 500) g",
        "CREATE TABLE app.big AS SELECT g AS id, repeat('0123456789abcdef', 64) AS x FROM generate_series(1, 30000) g",
        'CREATE TABLE app.log_1 AS SELECT generate_series(1, 100) AS a',
        "SELECT lo_from_bytea(100001, 'abc')",
      ],
      source,
    )
  })
  afterAll(() => dropDatabase(server, source))

  /** A target whose table takes no rows until it is told to. */
  const stuck = async (name: string): Promise<{ letGo: () => Promise<void> }> => {
    const wait = `CREATE FUNCTION app.wait() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_advisory_xact_lock_shared(${LOCK}); RETURN NULL; END $$`
    const table = 'CREATE TABLE app.big (id int, x text)'
    const trigger = 'CREATE TRIGGER wait BEFORE INSERT ON app.big FOR EACH STATEMENT EXECUTE FUNCTION app.wait()'
    ask(['CREATE SCHEMA app', table, wait, trigger], name)
    const holder = await connectPg(parameters(name))
    await holder.query(new TextEncoder().encode(`SELECT pg_advisory_lock(${LOCK})`))
    return { letGo: () => holder.end() }
  }

  /** Resolves when a number has not changed for half a second. */
  const still = async (count: () => number): Promise<number> => {
    for (let before = -1; before !== count() || before === 0; await sleep(500)) before = count()
    return count()
  }

  const outcome = (child: ChildProcess): Promise<{ status: number | null; stderr: string }> => {
    let stderr = ''
    children.push(child)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    return new Promise((resolve) => child.on('close', (status) => resolve({ status, stderr })))
  }

  /** pg_dump | pgdmp restore -, with a count of what goes through the pipe. */
  const piped = (target: string, options: readonly string[]) => {
    const dumping = spawn(pgDump, ['-Fc', '-Z0', '-t', 'app.big', '-d', database(source)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const restoring = spawn(process.execPath, [cli, 'restore', ...options, '-', '-d', database(target)])
    children.push(dumping)
    let bytes = 0
    const count = async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        bytes += chunk.length
        yield chunk
      }
    }
    pipeline(dumping.stdout, count, restoring.stdin).catch(() => undefined)
    return { dumping, restored: outcome(restoring), bytes: () => bytes }
  }

  test('what stands before and after a restore goes for a copy, too', async () => {
    const role = `pgdmp_copied_${process.pid}`
    await inNewDatabase(server, async (target) => {
      const progress = join(folder, 'progress')
      // an owner whom the source has and the target does not know by this name
      const maps = ['--map-owner', `postgres=${role}`, '--create-roles']
      const options = [...maps, '--finish', `--progress=json:${progress}`, '-n', 'app']
      const { status, stderr } = await copy('--from', database(source), '--to', database(target), ...options)
      try {
        expect([status, stderr]).toEqual([
          0,
          expect.stringMatching(/created 1 role[^]*rows of 3 tables as in the archive/),
        ])
        expect(ask(["SELECT tableowner FROM pg_tables WHERE tablename = 'accounts'"], target).trim()).toBe(role)
        const lines = readFileSync(progress, 'utf8').trim().split('\n')
        expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ event: 'progress', part: 1 })
      } finally {
        ask([`REASSIGN OWNED BY ${role} TO postgres`], target)
      }
    })
    ask([`DROP ROLE ${role}`])
  })

  test('a slow target slows pg_dump down, and memory holds none of the rows', async () => {
    await inNewDatabase(server, async (target) => {
      const { letGo } = await stuck(target)
      const { restored, bytes } = piped(target, ['-a'])
      // what pipes and sockets hold
      expect(await still(bytes)).toBeLessThan(16 * MiB)
      await letGo()
      expect(await restored).toMatchObject({ status: 0, stderr: expect.stringContaining('restored') })
      expect(bytes()).toBeGreaterThan(28 * MiB)
      expect(ask(['SELECT count(*) FROM app.big'], target).trim()).toBe('30000')
    })
  })

  test.each([
    [[], 'INCOMPLETE'],
    [['-1'], 'Nothing was restored: the transaction was rolled back'],
  ])('a source that is killed half-way is no end: %j', async (options, says) => {
    await inNewDatabase(server, async (target) => {
      const { letGo } = await stuck(target)
      const { dumping, restored, bytes } = piped(target, ['-a', ...options])
      await still(bytes)
      dumping.kill('SIGKILL')
      await letGo()
      const { status, stderr } = await restored
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(new RegExp(`the restore broke off at TABLE DATA app[.]big.*${says}`)),
      ])
      expect(stderr).not.toContain('restored 1')
      expect(ask(['SELECT count(*) FROM app.big'], target).trim()).toBe('0')
    })
  })

  test('a stream that ends between two tables is no end either', async () => {
    const bytes = execFileSync(pgDump, ['-Fc', '-T', 'app.big', '-d', database(source)])
    const file = join(folder, 'small.dump')
    execFileSync(pgDump, ['-Fc', '-T', 'app.big', '-d', database(source), '-f', file])
    await using whole = await open(file)
    const cuts = whole.toc.flatMap(({ data }) => (data.state === 'set' ? [data.offset] : []))
    expect(cuts.length).toBe(3)
    await inNewDatabase(server, async (name) => {
      const target = await connectPg(parameters(name))
      for (const cut of [...cuts, bytes.length - 1]) {
        const stream = (async function* () {
          yield bytes.subarray(0, cut)
        })()
        await using archive = await open(stream)
        await expect(restore(archive, target, { clean: true, ifExists: true })).rejects.toMatchObject({
          code: expect.stringMatching(/UNEXPECTED_EOF|MISSING_BLOCK/),
        })
      }
      await target.end()
    })
  })

  test('copies a database with other names, without what is left out', async () => {
    await inNewDatabase(server, async (target) => {
      const options = ['--exclude-table-data', 'app.log*', '-T', 'app.big', '--map-schema', 'app=shop', '-O']
      const { status, stderr } = await copy('--from', database(source), '--to', database(target), ...options)
      expect([status, stderr]).toEqual([0, expect.stringMatching(/\npgdmp: restored \d+ entries, .*\n$/)])
      const counts = ['accounts', 'log_1'].map((table) => ask([`SELECT count(*) FROM shop.${table}`], target).trim())
      expect(counts).toEqual(['500', '0'])
      expect(ask([`SELECT lo_get(100001)`, `SELECT to_regclass('shop.big') IS NULL`], target)).toBe('\\x616263\nt\n')
    })
  })

  test('copies to an older server what that accepts', async () => {
    const [oldest = server] = servers
    await inNewDatabase(oldest, async (target) => {
      const options = ['--exclude-table-data', 'app.*']
      const { status, stderr } = await copy('--from', database(source), '--to', oldest.database(target), ...options)
      expect([status, stderr]).toEqual([0, expect.stringMatching(/\npgdmp: restored \d+ entries, .*\n$/)])
      expect(oldest.ask(['SELECT count(*) FROM app.accounts'], target).trim()).toBe('0')
    })
  })

  test.each([{ jobs: [] }, { jobs: ['-j', '3'] }])('creates the target under another name $jobs', async ({ jobs }) => {
    const name = `pgdmp_copy_${process.pid}`
    const options = ['-C', '--database-name', name, '-n', 'app', '-T', 'app.big', '--strict-names', ...jobs]
    const { status, stderr } = await copy('--from', database(source), '--to', database('postgres'), ...options)
    try {
      expect([status, stderr]).toEqual([0, expect.stringContaining('restored')])
      expect(ask(['SELECT count(*) FROM app.accounts'], name).trim()).toBe('500')
    } finally {
      ask([`DROP DATABASE IF EXISTS ${name}`])
    }
  })

  test('copy -j makes indexes of what has come while rows come, and all the same in the end', async () => {
    await inNewDatabase(server, async (target) => {
      const { letGo } = await stuck(target)
      const args = ['--from', database(source), '--to', database(target), '-n', 'app', '-j', '3', '--no-check']
      const copied = outcome(spawn(process.execPath, [cli, 'copy', ...args], { env }))
      const indexed = "SELECT count(*) FROM pg_indexes WHERE indexname = 'accounts_pkey'"
      while (ask([indexed], target).trim() === '0') await sleep(100)
      expect(ask(['SELECT count(*) FROM app.big'], target).trim()).toBe('0')
      await letGo()
      const { status, stderr } = await copied
      // schema and table of the one that was stuck
      expect([status, stderr]).toEqual([1, expect.stringContaining('the server refused 2 statements')])
      const counts = ['accounts', 'big', 'log_1'].map((table) => `SELECT count(*) FROM app.${table}`)
      expect(ask(counts, target)).toBe('500\n30000\n100\n')
    })
  })

  test.each(['pg_dump', 'pgdmp'])(
    'copy says that the target is incomplete when %s is ended half-way',
    async (which) => {
      await inNewDatabase(server, async (target) => {
        const { letGo } = await stuck(target)
        const ids = join(folder, 'id')
        const marked = join(folder, 'pg_dump')
        const real = shellQuote([pgDump])
        const mark = `[ "$1" = --version ] || { echo $$ > ${ids}.new; mv ${ids}.new ${ids}; }`
        writeFileSync(marked, `#!/bin/sh\n${mark}\nexec ${real} "$@"\n`)
        chmodSync(marked, 0o755)
        const args = ['--from', database(source), '--to', database(target), '-a', '-t', 'app.big', '--pg-dump', marked]
        const child = spawn(process.execPath, [cli, 'copy', ...args], { env })
        const copied = outcome(child)
        const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${target}' AND wait_event = 'advisory'`
        while (ask([waiting]).trim() === '0') await sleep(100)
        expect(existsSync(ids)).toBe(true)
        const id = Number(readFileSync(ids, 'utf8'))
        if (which === 'pg_dump') process.kill(id, 'SIGKILL')
        else child.kill('SIGTERM')
        await letGo()
        const { status, stderr } = await copied
        const killed = expect.stringMatching(/pg_dump was killed by SIGKILL\n.*INCOMPLETE/)
        expect([status, stderr]).toEqual(
          which === 'pg_dump' ? [1, killed] : [143, expect.stringContaining('INCOMPLETE')],
        )
        expect(() => process.kill(id, 0)).toThrow('ESRCH')
        expect(ask(['SELECT count(*) FROM app.big'], target).trim()).toBe('0')
      })
    },
  )

  test('copy is not done when pg_dump ends badly after the last row', async () => {
    await inNewDatabase(server, async (target) => {
      const failing = join(folder, 'failing_pg_dump')
      writeFileSync(failing, `#!/bin/sh\n${shellQuote([pgDump])} "$@" || exit\n[ "$1" = --version ] || exit 1\n`)
      chmodSync(failing, 0o755)
      const args = ['--from', database(source), '--to', database(target), '-T', 'app.big', '--pg-dump', failing]
      const { status, stderr } = await copy(...args, '-1')
      expect([status, stderr]).toEqual([1, expect.stringMatching(/pg_dump ended with status 1\n.*INCOMPLETE/)])
    })
  })

  test('copy refuses a database as its own target, by whatever address', async () => {
    const other = database(source).replace('host=127.0.0.1', 'host=localhost')
    expect(other).not.toBe(database(source))
    const before = ask(['SELECT count(*) FROM app.accounts'], source)
    for (const args of [
      ['--to', other, '--clean'],
      ['--to', database('postgres'), '-C', '--clean'],
    ]) {
      const { status, stderr } = await copy('--from', database(source), ...args)
      expect([status, stderr]).toEqual([2, expect.stringContaining('are the same database')])
    }
    expect(ask(['SELECT count(*) FROM app.accounts'], source)).toBe(before)
    const { status, stderr } = await copy('--from', database(source))
    expect([status, stderr]).toEqual([2, expect.stringContaining('copy: the target is missing')])
  })
})

describe.each(servers)('pg_dump $major', (from) => {
  test('comes through a pipe into its server, without the rows of a pattern', async () => {
    await inNewDatabase(from, async (source) => {
      from.ask(['CREATE TABLE t AS SELECT generate_series(1, 50) a', 'CREATE TABLE log_1 AS TABLE t'], source)
      await inNewDatabase(from, async (target) => {
        const dump = shellQuote([from.pgDump, '-Fc', '-d', from.database(source)])
        const options = [
          '--map-owner',
          'postgres=postgres',
          '--exclude-table-data',
          'log*',
          '--compat',
          String(from.major),
        ]
        const into = shellQuote([process.execPath, cli, 'restore', '-', '-d', from.database(target), ...options])
        const { status, stderr } = await run('sh', ['-c', `${dump} | ${into}`])
        expect([status, stderr]).toEqual([0, expect.stringContaining('restored')])
        expect(from.ask(['SELECT count(*) FROM t', 'SELECT count(*) FROM log_1'], target)).toBe('50\n0\n')
      })
    })
  })
})
