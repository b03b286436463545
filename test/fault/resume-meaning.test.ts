import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, restore, type RestoreProgress } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { pgDumpText } from '../helpers/pg-dump-text.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { dropDatabase, inNewDatabase, newDatabase, ownServers, withoutServers } from '../helpers/servers.ts'

/*
 * What a server accepts in another meaning, or stores otherwise, while something is missing: a run that goes on when it
 * is there must leave what the real pg_restore does.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-meaning-'))
const servers = ownServers()
const timeout = 120_000
afterAll(() => rmSync(folder, { recursive: true, force: true }))

if (servers.length === 0) test('a journal', ({ skip }) => skip(withoutServers))

describe.each(servers.map((server) => [server.major, server] as const))('a journal on %i', (major, server) => {
  const { ask, database } = server
  const archive = join(folder, `${major}.dump`)
  let expected = ''

  // ALTER TABLE … SET ACCESS METHOD is of 15
  const methods = major < 15 ? [] : ['CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler']
  const objects = [
    "CREATE FUNCTION f(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'numeric'$$",
    "CREATE FUNCTION f(integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'integer'$$",
    'CREATE VIEW uses AS SELECT f(1) AS t',
    'CREATE VIEW uses_uses AS SELECT t FROM uses',
    "COMMENT ON VIEW uses IS 'a comment'",
    'CREATE TABLE checked (i integer, CHECK (f(i) IS NOT NULL))',
    'INSERT INTO checked VALUES (1), (2)',
    'CREATE INDEX on_f ON checked (f(i))',
    'CREATE TABLE "in space" (i integer PRIMARY KEY USING INDEX TABLESPACE space) TABLESPACE space',
    'CREATE INDEX in_space ON "in space" (i) TABLESPACE space',
    'INSERT INTO "in space" SELECT generate_series(1, 100)',
    'CREATE TABLE parts (i integer) PARTITION BY LIST (i) TABLESPACE space',
    'CREATE MATERIALIZED VIEW stored TABLESPACE space AS SELECT 1 AS a',
    'CREATE TABLE elsewhere (i integer)',
    ...methods,
    ...(major < 15 ? [] : ['CREATE TABLE by_heap2 (i integer) USING heap2', 'INSERT INTO by_heap2 VALUES (1)']),
  ]

  const contents = (name: string): Promise<string> => pgDumpText(server, name)
  const makeSpace = (): void => {
    ask(['SET allow_in_place_tablespaces = on', "CREATE TABLESPACE space LOCATION ''"])
  }

  beforeAll(async () => {
    makeSpace()
    await inNewDatabase(server, async (name) => {
      ask(objects, name)
      await run(server.pgDump, ['-Fc', '-d', database(name), '-f', archive])
    })
    await inNewDatabase(server, async (name) => {
      expect((await run(server.pgRestore, ['-d', database(name), archive])).status).toBe(0)
      expected = await contents(name)
    })
    ask(['DROP TABLESPACE space'])
  }, timeout)

  /** The function and the access method cannot be created while this is there. */
  const refusing = [
    `CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
       IF TG_TAG = 'CREATE ACCESS METHOD' OR EXISTS (SELECT FROM pg_event_trigger_ddl_commands()
         WHERE object_identity = 'public.f(integer)') THEN RAISE 'not yet'; END IF; END $$`,
    `CREATE EVENT TRIGGER refusing ON ddl_command_end
       WHEN TAG IN ('CREATE FUNCTION', 'CREATE ACCESS METHOD') EXECUTE FUNCTION public.refuse()`,
  ]

  test.each([1, 3])(
    'does what waited, and moves what was stored elsewhere, when all is there: -j %i',
    async (jobs) => {
      const name = newDatabase(server)
      try {
        ask(refusing, name)
        const journal = join(folder, `${major}-${jobs}.journal`)
        const args = ['restore', '--no-check', '-j', String(jobs), '--resume', journal, '-d', database(name), archive]
        const again = () => run(process.execPath, [cli, ...args])
        const first = await again()
        expect([first.status, first.stderr]).toEqual([1, expect.stringContaining('not restored yet')])
        expect(first.stderr).toMatch(/not restored yet.*VIEW public\.uses\b/)
        // what cannot be placed is there all the same
        expect(ask(['SELECT count(*) FROM "in space"'], name).trim()).toBe('100')
        expect(ask(["SELECT to_regclass('uses')"], name).trim()).toBe('')
        // nothing has changed
        const second = await again()
        expect(second.status).toBe(1)
        ask(['DROP EVENT TRIGGER refusing', 'DROP FUNCTION public.refuse()'], name)
        const third = await again()
        expect([third.status, third.stderr]).toEqual([1, expect.stringContaining('tablespaces that do not exist')])
        makeSpace()
        const last = await again()
        expect([last.status, last.stderr]).toEqual([0, expect.stringContaining('restored')])
        expect(await contents(name)).toBe(expected)
        const finished = await again()
        expect([finished.status, await contents(name)]).toEqual([0, expected])
      } finally {
        dropDatabase(server, name)
        ask(['DROP TABLESPACE IF EXISTS space'])
      }
    },
    timeout,
  )

  test(
    'moves what a run that was broken off has stored elsewhere',
    async () => {
      const name = newDatabase(server)
      try {
        const resume = join(folder, `${major}-broken.journal`)
        const attempt = async (signal: AbortSignal, onProgress?: (progress: RestoreProgress) => void) => {
          await using read = await open(archive)
          const target = await connectPg(server.uri(name))
          const options = { compat: server.version, resume, signal, ...(onProgress !== undefined && { onProgress }) }
          try {
            return await restore(read, target, options)
          } finally {
            await target.end()
          }
        }
        const abort = new AbortController()
        await using read = await open(archive)
        const index = read.toc.find(({ desc }) => desc === 'INDEX')
        const broken = attempt(abort.signal, ({ entry }) => {
          if (entry === index?.dumpId) abort.abort(new Error('enough'))
        })
        await expect(broken).rejects.toThrow('enough')
        expect(ask(["SELECT reltablespace FROM pg_class WHERE relname = 'in space'"], name).trim()).toBe('0')
        makeSpace()
        const { signal } = new AbortController()
        expect(await attempt(signal)).toMatchObject({ complete: true, failed: 0 })
        expect(await contents(name)).toBe(expected)
      } finally {
        dropDatabase(server, name)
        ask(['DROP TABLESPACE IF EXISTS space'])
      }
    },
    timeout,
  )

  test.each([
    ['', 1],
    ['--use-set-session-authorization', 1],
    ['', 3],
  ])(
    'has no triggers when rows that were refused come: %s -j %i',
    async (option, jobs) => {
      const tables = [
        'CREATE TABLE log (t text)',
        'CREATE TABLE p (i integer PRIMARY KEY)',
        'CREATE TABLE c (i integer, v text, p integer REFERENCES p)',
        `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO public.log VALUES (TG_TABLE_NAME); RETURN NEW; END $$`,
        'CREATE TRIGGER noted BEFORE INSERT ON c FOR EACH ROW EXECUTE FUNCTION note()',
      ]
      const rows = join(folder, `${major}-rows.dump`)
      const states = `SELECT DISTINCT tgenabled FROM pg_trigger`
      await inNewDatabase(server, async (name) => {
        const fill = ['ALTER TABLE c DISABLE TRIGGER ALL', "INSERT INTO c VALUES (1, 'a', 1), (2, 'b', 2)"]
        ask([...tables, ...fill, 'ALTER TABLE c ENABLE TRIGGER ALL', 'INSERT INTO p VALUES (1), (2)'], name)
        await run(server.pgDump, ['-Fc', '-a', '-d', database(name), '-f', rows])
      })
      await inNewDatabase(server, async (name) => {
        ask([...tables, "ALTER TABLE c ADD CONSTRAINT refuses CHECK (v <> 'b')"], name)
        const options = ['-a', '--disable-triggers', ...(option === '' ? [] : [option]), '-j', String(jobs)]
        const journal = join(folder, `${major}-${jobs}${option}-rows.journal`)
        const args = ['restore', ...options, '--resume', journal, '-d', database(name), rows]
        const first = await run(process.execPath, [cli, ...args])
        expect([first.status, first.stderr]).toEqual([1, expect.stringContaining('[23514]')])
        expect(ask([states, 'SELECT count(*) FROM c', 'SELECT count(*) FROM p'], name)).toBe('O\n0\n2\n')
        ask(['ALTER TABLE c DROP CONSTRAINT refuses'], name)
        const second = await run(process.execPath, [cli, ...args])
        expect([second.status, second.stderr]).toEqual([0, expect.stringContaining('restored')])
        expect(ask([states, 'SELECT count(*) FROM c', 'SELECT count(*) FROM log'], name)).toBe('O\n2\n0\n')
      })
    },
    timeout,
  )

  test(
    'does nothing as somebody else than the role that is missing',
    async () => {
      const role = `pgdmp_meaning_${process.pid}`
      makeSpace()
      try {
        await inNewDatabase(server, async (name) => {
          const args = ['restore', '-O', '--role', role, '--resume', join(folder, `${major}-role.journal`)]
          const again = () => run(process.execPath, [cli, ...args, '-d', database(name), archive])
          const first = await again()
          expect([first.status, first.stderr]).toEqual([1, expect.stringMatching(/role ".*" does not exist/)])
          expect(ask(["SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"], name).trim()).toBe(
            '0',
          )
          ask([`CREATE ROLE ${role} SUPERUSER`])
          const second = await again()
          expect([second.status, second.stderr]).toEqual([0, expect.stringContaining('restored')])
          const owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace"
          expect(ask([owners], name).trim()).toBe(role)
        })
      } finally {
        ask([`DROP ROLE IF EXISTS ${role}`, 'DROP TABLESPACE space'])
      }
    },
    timeout,
  )
})
