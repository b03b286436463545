import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filter, open, restore, type ArchiveView, type RestoreOptions, type RestoreTarget } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { pgliteTarget } from '../../src/restore/pglite.ts'
import { Random } from '../fuzz/random.ts'
import { pgDumpText } from '../helpers/pg-dump-text.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { dropDatabase, inNewDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'
import { breaking } from '../helpers/breaking-proxy.ts'

/* What a restore with a journal can die of, one cause at a time, and that it goes on afterwards. */

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
const everywhere = process.env['PGDMP_RESUME_ROUNDS'] !== undefined
const random = new Random(seed)
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-causes-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const server = servers.at(-1)
let files = 0
const newFile = (): string => join(folder, `file-${files++}`)
const minutes = 60_000 * (everywhere ? 30 : 3)

/** A database of few objects of many kinds, without keys where a row could be there twice. */
const small = [
  'CREATE SCHEMA app',
  'CREATE TABLE app.a (x int, t text)',
  "INSERT INTO app.a SELECT g, 'row ' || g FROM generate_series(1, 500) g",
  'CREATE TABLE app.b (y int PRIMARY KEY, z serial)',
  'INSERT INTO app.b SELECT generate_series(1, 50)',
  'CREATE INDEX ON app.a (x)',
  'CREATE VIEW app.v AS SELECT x FROM app.a',
  'CREATE MATERIALIZED VIEW app.m AS SELECT count(*) FROM app.a',
  "SELECT lo_from_bytea(7001, 'seven thousand')",
  "COMMENT ON TABLE app.a IS 'of all the tables the first'",
]

interface Target extends RestoreTarget {
  end(): Promise<void>
}

describe('a restore with a journal', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, uri, parameters } = server
  const file = join(folder, 'small')
  // what newer releases set, an older server does not know
  const compat = server.version
  const restoreHere = (view: ArchiveView, target: RestoreTarget, options: RestoreOptions) =>
    restore(view, target, { compat, ...options })

  const contents = (name: string): Promise<string> => pgDumpText(server, name)
  let expected = ''

  beforeAll(async () => {
    await inNewDatabase(server, async (name) => {
      ask(small, name)
      await run(server.pgDump, ['-Fc', '-d', database(name), '-f', file])
    })
    await inNewDatabase(server, async (name) => {
      await run(server.pgRestore, ['-d', database(name), file])
      expected = await contents(name)
    })
  })

  const connected = async (name: string, use: (target: Target) => Promise<void>): Promise<void> => {
    const target = await connectPg(uri(name))
    try {
      await use(target)
    } finally {
      await target.end().catch(() => undefined)
    }
  }

  /** Restores to the end, and looks at what is there. */
  const goOn = async (name: string, journal: string, options: RestoreOptions = {}): Promise<number> => {
    let earlier = 0
    await connected(name, async (target) => {
      await using archive = await open(file)
      const result = await restoreHere(archive, target, { ...options, resume: journal })
      expect(result).toMatchObject({ complete: true, failed: 0 })
      earlier = result.earlier ?? -1
    })
    expect(await contents(name)).toBe(expected)
    return earlier
  }

  /** How a restore commits; a short run takes one of them. */
  const ways: readonly { readonly name: string; readonly options: RestoreOptions }[] = [
    { name: 'one session', options: {} },
    { name: 'two sessions', options: { jobs: 2 } },
    { name: 'a single transaction', options: { singleTransaction: true } },
    { name: 'transactions of five', options: { transactionSize: 5 } },
  ]

  test.each(everywhere ? ways : [random.pick(ways)])(
    'goes on wherever its connection is cut, the answer to what the server has got lost: $name',
    async ({ options }) => {
      /** Restores with a connection that is cut, and then with another one. @returns messages of the first */
      const round = (pieces: number): Promise<number> =>
        inNewDatabase(server, async (name) => {
          const journal = newFile()
          const proxy = await breaking(parameters(name), pieces)
          const cut = async (): Promise<void> => {
            const target = await connectPg({ ...parameters(name), host: '127.0.0.1', port: proxy.port, ssl: false })
            try {
              await using archive = await open(file)
              await restoreHere(archive, target, { ...options, resume: journal })
            } finally {
              await target.end().catch(() => undefined)
            }
          }
          try {
            const error: unknown = await cut().then(
              () => undefined,
              (reason: unknown) => reason,
            )
            if (!proxy.broke) expect(error).toBeUndefined()
            // else it was cut while it connected, or had ended
            else if (existsSync(journal) && error !== undefined) {
              expect(error).toMatchObject({ code: expect.stringMatching(/^CONNECTION_/) })
              cuts++
            }
          } finally {
            await proxy.close()
          }
          // how often it commits may change
          await goOn(name, journal, random.below(2) === 0 ? options : {})
          return proxy.messages
        })
      let cuts = 0
      const messages = await round(Infinity)
      const step = everywhere ? 1 : Math.ceil(messages / 3)
      for (let at = 4 + (everywhere ? 0 : random.below(step)); at <= messages; at += step) await round(at)
      expect(cuts).toBeGreaterThan(1)
    },
    minutes,
  )

  test(
    'ends the sessions of the run before that the server still has after the network was cut',
    async () => {
      await inNewDatabase(server, async (name) => {
        const journal = newFile()
        // in the middle of a transaction that has rows
        const proxy = await breaking(parameters(name), 50, { serverNotices: false })
        const sessions = (): string =>
          ask(
            [
              "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE locktype = 'advisory' AND datname = current_database()",
            ],
            name,
          ).trim()
        try {
          const target = await connectPg({ ...parameters(name), host: '127.0.0.1', port: proxy.port, ssl: false })
          await using archive = await open(file)
          await expect(restoreHere(archive, target, { jobs: 2, resume: journal })).rejects.toMatchObject({
            code: 'CONNECTION_LOST',
          })
          await target.end().catch(() => undefined)
          expect(Number(sessions())).toBeGreaterThan(0)
          const begin = Date.now()
          await goOn(name, journal)
          expect(Date.now() - begin).toBeGreaterThan(4500)
          expect(sessions()).toBe('0')
        } finally {
          await proxy.close()
        }
      })
    },
    minutes,
  )

  /** A target that is lost after so many messages; what the server was asked before, it has done. */
  const mortal = (target: RestoreTarget, messages: number): RestoreTarget => {
    let left = messages
    const live = (): void => {
      if (left-- <= 0) throw new Error('gone')
    }
    return {
      rows: async (sql) => (await target.rows?.(sql)) ?? [],
      query: async (sql) => {
        live()
        await target.query(sql)
      },
      copyFrom: async (sql) => {
        live()
        return await target.copyFrom(sql)
      },
    }
  }

  test('goes on from a pipe, which is read from its beginning again', async () => {
    await inNewDatabase(server, async (name) => {
      const journal = newFile()
      for (const messages of [20, 30, 1000]) {
        await connected(name, async (target) => {
          await using archive = await open(createReadStream(file))
          const restored = restoreHere(archive, mortal(target, messages), { resume: journal })
          if (messages < 1000) await expect(restored).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
          else expect((await restored).earlier).toBeGreaterThan(0)
        })
      }
      expect(await contents(name)).toBe(expected)
    })
  })

  test('is not taken for another one', async () => {
    const other = join(folder, 'other')
    await inNewDatabase(server, async (name) => {
      ask(['CREATE TABLE t (a int)'], name)
      await run(server.pgDump, ['-Fc', '-d', database(name), '-f', other])
    })
    await inNewDatabase(server, async (name) => {
      const journal = newFile()
      await connected(name, async (target) => {
        await using archive = await open(file)
        await expect(restoreHere(archive, mortal(target, 25), { resume: journal })).rejects.toMatchObject({
          code: 'CONNECTION_LOST',
          hint: expect.stringContaining('journal'),
        })
      })
      const before = readFileSync(journal, 'utf8')
      const refuses = async (view: ArchiveView, into: string, options: RestoreOptions, says: string): Promise<void> => {
        await connected(into, async (target) => {
          await expect(restoreHere(view, target, { ...options, resume: journal })).rejects.toMatchObject({
            code: 'JOURNAL_MISMATCH',
            message: expect.stringContaining(says),
          })
        })
        expect(readFileSync(journal, 'utf8')).toBe(before)
      }
      await using archive = await open(file)
      await using otherArchive = await open(other)
      await refuses(otherArchive, name, {}, 'another archive')
      await refuses(archive, name, { noOwner: true }, 'other options')
      await refuses(filter(archive, { schemaOnly: true }), name, {}, 'other options')
      await inNewDatabase(server, (another) => refuses(archive, another, {}, `into database "${name}"`))
      expect(await goOn(name, journal, { jobs: 2 })).toBeGreaterThan(0)
    })
  })

  test('keeps what is no journal as it is', async () => {
    await inNewDatabase(server, async (name) => {
      for (const text of ['{"mine":1}\n', 'mine', `${readFileSync(file, 'latin1').slice(0, 300)}\n`]) {
        const mine = newFile()
        writeFileSync(mine, text)
        await connected(name, async (target) => {
          await using archive = await open(file)
          await expect(restoreHere(archive, target, { resume: mine })).rejects.toMatchObject({ code: 'BAD_JOURNAL' })
        })
        expect(readFileSync(mine, 'utf8')).toBe(text)
      }
    })
  })

  test(
    'wants a role that may make marks and the right password, and goes on with those',
    async () => {
      const role = `pgdmp_resume_${process.pid}`
      ask([`CREATE ROLE ${role} LOGIN PASSWORD 'right'`])
      try {
        await inNewDatabase(server, async (name) => {
          const journal = newFile()
          const { host, port } = parameters(name)
          const as = (user: string, password: string) =>
            run(
              process.execPath,
              [
                cli,
                'restore',
                '--compat',
                compat,
                '--no-check',
                '--resume',
                journal,
                '-d',
                `postgresql://${user}@${host}:${port}/${name}`,
                file,
              ],
              { env: { PGPASSWORD: password } },
            )
          const wrong = await as(role, 'wrong')
          expect([wrong.status, wrong.stderr]).toEqual([1, expect.stringContaining('password authentication failed')])
          expect(existsSync(journal)).toBe(false)
          const poor = await as(role, 'right')
          expect([poor.status, poor.stderr]).toEqual([1, expect.stringContaining('permission denied for database')])
          expect(poor.stderr).toContain('may create a schema')
          expect(ask(["SELECT count(*) FROM pg_namespace WHERE nspname ~ '^(app|pgdmp)'"], name).trim()).toBe('0')
          const before = readFileSync(journal, 'utf8')
          const again = await as('postgres', 'wrong')
          expect(again.status).toBe(1)
          expect(readFileSync(journal, 'utf8')).toBe(before)
          await goOn(name, journal)
        })
      } finally {
        ask([`DROP ROLE ${role}`])
      }
    },
    minutes,
  )

  test('tries again what failed, and nothing else', async () => {
    const role = `pgdmp_owner_${process.pid}`
    const owned = join(folder, 'owned')
    const source = newDatabase(server)
    ask([`CREATE ROLE ${role}`, ...small.filter((sql) => !sql.includes('lo_'))], source)
    ask(
      [`ALTER TABLE app.b OWNER TO ${role}`, 'CREATE TABLE app.c (x int)', 'INSERT INTO app.c VALUES (1), (1)'],
      source,
    )
    await run(server.pgDump, ['-Fc', '-d', database(source), '-f', owned])
    const whole = await contents(source)
    dropDatabase(server, source)
    ask([`DROP ROLE ${role}`])
    await inNewDatabase(server, async (name) => {
      const journal = newFile()
      const attempt = async () => {
        await using archive = await open(owned)
        const target = await connectPg(uri(name))
        try {
          return await restoreHere(archive, target, { resume: journal })
        } finally {
          await target.end()
        }
      }
      // in its way
      ask(['CREATE SCHEMA app', 'CREATE TABLE app.c (other text)'], name)
      const first = await attempt()
      expect(first.failures.map(({ error }) => error.sqlState).sort()).toEqual(
        ['42704', '42704', '42P06', '42P07', '42703'].sort(),
      )
      expect(ask(["SELECT count(*) FROM pg_namespace WHERE nspname ~ 'pgdmp'"], name).trim()).toBe('0')
      ask([`CREATE ROLE ${role}`, 'DROP TABLE app.c'], name)
      const second = await attempt()
      expect(second.failures.map(({ error }) => error.sqlState)).toEqual(['42P06'])
      expect(second.earlier).toBeGreaterThan(5)
      expect(await contents(name)).toBe(whole)
      expect((await attempt()).failed).toBe(1)
    })
    ask([`DROP ROLE ${role}`])
  })

  test(
    'goes on when the server has room again',
    async ({ skip }) => {
      const place = join(folder, 'room')
      mkdirSync(place)
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', place], { stdio: 'ignore' })
      } catch {
        return skip('only root can mount a small file system')
      }
      const tablespace = `pgdmp_room_${process.pid}`
      const source = newDatabase(server)
      const big = join(folder, 'big')
      let name: string | undefined
      try {
        chmodSync(folder, 0o711)
        execFileSync('chown', ['nobody', place])
        ask(['CREATE TABLE first (x int)', 'INSERT INTO first VALUES (1)'], source)
        ask(["CREATE TABLE big AS SELECT g, repeat('x', 400) AS t FROM generate_series(1, 60000) g"], source)
        ask(['CREATE TABLE last (x int)', 'INSERT INTO last VALUES (3)', 'CREATE INDEX ON big (g)'], source)
        await run(server.pgDump, ['-Fc', '-d', database(source), '-f', big])
        const whole = await contents(source)
        ask([`CREATE TABLESPACE ${tablespace} LOCATION '${place}'`])
        name = `pgdmp_room_${process.pid}`
        ask([`CREATE DATABASE ${name} TEMPLATE template0 TABLESPACE ${tablespace} LC_COLLATE 'C' LC_CTYPE 'C'`])
        const journal = newFile()
        const args = [cli, 'restore', '--compat', compat, '--resume', journal, '-d', database(name), big]
        const full = await run(process.execPath, args)
        expect([full.status, full.stderr]).toEqual([1, expect.stringContaining('no space left')])
        expect(full.stderr).toContain(`--resume ${journal}`)
        execFileSync('mount', ['-o', 'remount,size=200m', place])
        const done = await run(process.execPath, args)
        expect([done.status, done.stderr]).toEqual([0, expect.stringContaining('of them earlier')])
        expect(await contents(name)).toBe(whole)
      } finally {
        if (name !== undefined) dropDatabase(server, name)
        dropDatabase(server, source)
        ask([`DROP TABLESPACE IF EXISTS ${tablespace}`])
        execFileSync('umount', [place])
      }
    },
    minutes,
  )

  test(
    'goes on in PGlite that was closed and opened again',
    async () => {
      const dataDir = newFile()
      const journal = newFile()
      for (const messages of [30, 1000]) {
        const embedded = await PGlite.create({ dataDir })
        try {
          await using archive = await open(file)
          const restored = restoreHere(archive, mortal(pgliteTarget(embedded), messages), {
            resume: journal,
            noOwner: true,
          })
          if (messages < 1000) await expect(restored).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
          else {
            expect(await restored).toMatchObject({ complete: true, failed: 0, earlier: expect.any(Number) })
            const { rows } = await embedded.query(
              `SELECT (SELECT count(*)::int FROM app.a) AS a, (SELECT count(*)::int FROM app.b) AS b,
              (SELECT count(*)::int FROM pg_namespace WHERE nspname ~ 'pgdmp') AS marks`,
            )
            expect(rows).toEqual([{ a: 500, b: 50, marks: 0 }])
          }
        } finally {
          await embedded.close()
        }
      }
    },
    minutes,
  )
})
