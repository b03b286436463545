import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  create,
  filter,
  open,
  restore,
  type RestoreFailure,
  type RestoreOptions,
  type RestoreProgress,
  type RestoreResult,
} from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import type { RestoreTarget, ServerError } from '../../src/restore/target.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers } from '../helpers/servers.ts'

// Statements that are sent before it is known what became of the ones before them: what a database and its user get
// to see is what it is when each is waited for.

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-together-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const server = servers.at(-1)
const seconds = 60_000

/** An archive whose entries say this, one after the other. */
async function archiveOf(name: string, statements: readonly string[]): Promise<string> {
  const file = join(folder, name)
  const archive = await create(file, { format: 'custom' })
  for (const [at, defn] of statements.entries()) {
    archive.addEntry({ dumpId: at + 101, desc: 'FUNCTION', tag: `f${at}`, namespace: 'public', defn })
  }
  await archive.finish()
  return file
}

/** The target with every query waited for. */
function patient(target: PgTarget): RestoreTarget {
  return {
    query: (sql) => target.query(sql),
    rows: (sql) => target.rows(sql),
    copyFrom: (statement) => target.copyFrom(statement),
    cancel: () => target.cancel?.() ?? Promise.resolve(),
  }
}

const saying = (word: string): string => `DO $$ BEGIN RAISE WARNING '${word}'; END $$;\n\n`

describe('statements sent together', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, uri, database, pgRestore } = server

  /** Restores into a database of its own, and tells what was said and what there is afterwards. */
  async function restored(
    file: string,
    options: RestoreOptions,
    as: (target: PgTarget) => RestoreTarget = (target) => target,
  ): Promise<{ result: RestoreResult; notices: string[]; relations: string }> {
    const notices: string[] = []
    let result: RestoreResult | undefined
    let relations = ''
    await inNewDatabase(server as NonNullable<typeof server>, async (name) => {
      const target = await connectPg(uri(name), { onNotice: ({ message }: ServerError) => void notices.push(message) })
      try {
        await using archive = await open(file)
        result = await restore(archive, as(target), options)
        await target.query(Buffer.from('SELECT 1'))
      } finally {
        await target.end()
      }
      relations = ask(
        [
          "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
        ],
        name,
      )
    })
    if (result === undefined) throw new Error('nothing was restored')
    return { result, notices, relations }
  }

  const mixed = Array.from({ length: 100 }, (_, at) => [
    `CREATE TABLE public.t${at} (a int);\n\n`,
    saying(`after t${at}`),
    ...(at % 7 === 3 ? [`CREATE TABLE public.t${at} (again int);\n\n`, `SELECT ${at} / 0;\n\n`] : []),
    // asks for rows, of which there are none
    ...(at % 40 === 1
      ? [`COPY public.t${at} FROM stdin;\n\n`, `/* */ copy public.t${at}\nfrom STDIN (format text);\n\n`]
      : []),
    // what cannot be in a transaction with others
    ...(at === 50
      ? ['VACUUM public.t1;\n\n', 'BEGIN;\n\n', 'CREATE TABLE public.rolled_back ();\n\n', 'ROLLBACK;\n\n']
      : []),
  ]).flat()

  test(
    'fail and are told of as those that are waited for',
    async () => {
      const file = await archiveOf('mixed', mixed)
      const sizes: number[] = []
      const counting = (target: PgTarget): RestoreTarget => ({
        ...patient(target),
        queries: (sqls) => {
          sizes.push(sqls.length)
          return target.queries(sqls)
        },
      })
      const together = await restored(file, {}, counting)
      const alone = await restored(file, {}, patient)
      expect(together).toEqual(alone)
      expect(together.result).toMatchObject({ complete: true, failed: 34 })
      expect(together.notices).toHaveLength(100)
      expect(Math.max(...sizes)).toBe(64)
    },
    seconds,
  )

  test(
    'are told of with their entries, each in its turn, also one that says nothing',
    async () => {
      const file = await archiveOf('silent', ['SELECT 1;\n', '\n', 'SELECT 1 / 0;\n', '\n', '\n', 'SELECT 2;\n', '\n'])
      const told = async (as?: (target: PgTarget) => RestoreTarget): Promise<readonly unknown[]> => {
        const events: unknown[] = []
        const onFailure = ({ entry }: RestoreFailure): void => void events.push(`failed: ${entry?.dumpId}`)
        const onProgress = ({ entry }: RestoreProgress): void => {
          if (events.at(-1) !== entry) events.push(entry)
        }
        await restored(file, { onFailure, onProgress }, as)
        return events
      }
      const entries = await told()
      expect(entries).toEqual([101, 102, 103, 'failed: 103', 104, 105, 106, 107, undefined])
      expect(await told(patient)).toEqual(entries)
    },
    seconds,
  )

  test(
    'print in the order in which pg_restore prints',
    async () => {
      const statements = Array.from({ length: 90 }, (_, at) => [
        saying(`word ${at}`),
        ...(at % 3 === 0 ? [`SELECT ${at} / 0;\n\n`] : []),
      ])
      const file = await archiveOf('order', statements.flat())
      const print = async (command: string, args: readonly string[]): Promise<string> => {
        let printed = ''
        await inNewDatabase(server, async (name) => {
          const { stderr } = await run(command, [...args, '-d', database(name), file])
          printed = stderr.toString().replaceAll(/^\S*pg_restore: /gm, 'pg_restore: ')
        })
        return printed
      }
      const theirs = await print(pgRestore, [])
      expect(theirs).toContain('division by zero')
      expect(await print(process.execPath, [cli, 'pg_restore', `--compat=${server.major}`])).toBe(theirs)
    },
    seconds,
  )

  test(
    'leave nothing behind in a transaction of which one fails',
    async () => {
      const file = await archiveOf('mixed-transaction', mixed)
      const { result, relations } = await restored(file, { singleTransaction: true })
      expect(result).toMatchObject({ complete: false, failed: 1 })
      expect(relations.trim()).toBe('')
    },
    seconds,
  )

  test(
    'wait for each other where somebody decides about failures',
    async () => {
      const file = await archiveOf('mixed-decided', mixed)
      const decided: string[] = []
      const { result, relations } = await restored(file, {
        onError: ({ error }) => {
          decided.push(error.message)
          return decided.length === 3 ? 'stop' : 'continue'
        },
      })
      expect(decided).toHaveLength(3)
      expect(result).toMatchObject({ complete: false, failed: 3 })
      // t10 failed twice: nothing after that
      expect(relations).not.toContain('t11')
    },
    seconds,
  )

  test(
    'are given up when they are to be, one after the other',
    async () => {
      const statements = Array.from({ length: 100 }, (_, at) => `ALTER TABLE public.t ADD COLUMN c${at} int;\n\n`)
      const file = await archiveOf('waiting', statements)
      await inNewDatabase(server, async (name) => {
        ask(['CREATE TABLE t (a int)'], name)
        const other = await connectPg(uri(name))
        const target = await connectPg(uri(name))
        try {
          await other.query(Buffer.from('BEGIN; LOCK TABLE t'))
          const stop = new AbortController()
          await using archive = await open(file)
          const restoring = restore(archive, target, { signal: stop.signal })
          const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`
          while (ask([waiting]).trim() === '0') await new Promise((resolve) => setTimeout(resolve, 50))
          stop.abort(new Error('enough'))
          await expect(restoring).rejects.toThrow('enough')
        } finally {
          await target.end()
          await other.query(Buffer.from('ROLLBACK'))
          await other.end()
        }
        const columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"
        const active = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND state = 'active'`
        while (ask([active]).trim() !== '0') await new Promise((resolve) => setTimeout(resolve, 50))
        expect(ask([columns], name).trim()).toBe('1')
      })
    },
    seconds,
  )

  test(
    'end with the session, and it is said at which entry',
    async () => {
      const statements = Array.from({ length: 20 }, (_, at) => `CREATE TABLE public.t${at} ();\n\n`)
      statements[10] = 'SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid());\n\n'
      const file = await archiveOf('terminated', statements)
      await inNewDatabase(server, async (name) => {
        const target = await connectPg(uri(name))
        try {
          await using archive = await open(file)
          await expect(restore(archive, target)).rejects.toMatchObject({ code: 'CONNECTION_LOST', dumpId: 111 })
        } finally {
          await target.end().catch(() => undefined)
        }
      })
    },
    seconds,
  )

  test(
    'may be the rows of a table that was dumped as INSERT',
    async () => {
      const file = join(folder, 'inserts')
      await inNewDatabase(server, async (name) => {
        ask(['CREATE TABLE t (a int)', 'INSERT INTO t SELECT generate_series(1, 2000)'], name)
        await run(server.pgDump, ['-Fc', '--inserts', '-d', database(name), '-f', file])
      })
      await inNewDatabase(server, async (name) => {
        // every hundredth is refused
        ask(['CREATE TABLE t (a int CHECK (a % 100 <> 0))'], name)
        const target = await connectPg(uri(name))
        try {
          await using archive = await open(file)
          const result = await restore(filter(archive, { dataOnly: true }), target)
          expect(result.failed).toBe(20)
          expect(result.failures.map(({ statement }) => statement?.trim())).toEqual(
            Array.from({ length: 20 }, (_, at) => `INSERT INTO public.t VALUES (${100 * (at + 1)});`),
          )
        } finally {
          await target.end()
        }
        expect(ask(['SELECT count(*), sum(a) FROM t'], name).trim()).toBe(`1980|${(2000 * 2001) / 2 - 21_000}`)
      })
    },
    seconds,
  )
})

describe('the command', () => {
  if (servers.length === 0) return test(withoutServers, ({ skip }) => skip(withoutServers))

  test.each(servers.map((each) => [each.major, each] as const))(
    'writes for the release of the server: %s',
    async (_, each) => {
      const file = await archiveOf(`of-${each.major}`, ['CREATE OR REPLACE VIEW public.v AS SELECT 1 AS a;\n\n'])
      await inNewDatabase(each, async (name) => {
        for (const option of ['-x', '-1']) {
          const args = ['restore', option, '-d', each.uri(name), file]
          const { status, stderr } = await run(process.execPath, [cli, ...args])
          expect([status, stderr.toString()]).toEqual([0, expect.stringContaining('restored 1 entr')])
        }
        // as pg_restore does
        const { status } = await run(process.execPath, [
          cli,
          'restore',
          '--compat=18',
          '-c',
          '--if-exists',
          '-d',
          each.uri(name),
          file,
        ])
        expect(status).toBe(each.major < 17 ? 1 : 0)
      })
    },
    seconds,
  )
})
