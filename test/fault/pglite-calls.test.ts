import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  create,
  drill,
  open,
  restore,
  type DrillPlace,
  type RestoreResult,
  type RestoreTarget,
} from '../../src/index.ts'
import { pgliteTarget, type PGliteTarget } from '../../src/restore/pglite.ts'
import { sweep, unhandled, type Fault } from '../helpers/sweep.ts'

/* A restore into PGlite, and a drill in it, in which one thing goes wrong: see test/helpers/sweep.ts. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-pglite-calls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const rejections = unhandled()
const file = join(folder, 'archive')

beforeAll(async () => {
  const writer = await create(file, { dbname: 'small', dumpVersion: '18.0', remoteVersion: '18.0' })
  const place = { namespace: 'app', owner: null }
  const schema = writer.addEntry({ desc: 'SCHEMA', tag: 'app', defn: 'CREATE SCHEMA app;\n' })
  const tables = ['a', 'b'].map((tag) => {
    const defn = `CREATE TABLE app.${tag} (x integer, t text);\n`
    const table = writer.addEntry({ ...place, desc: 'TABLE', tag, defn, dependencies: [schema] })
    const data = Array.from({ length: 300 }, (_, at) => [String(at), `row ${at}`.repeat(50)])
    const columns = ['x', 't']
    const rows = writer.addEntry({ ...place, desc: 'TABLE DATA', tag, columns, dependencies: [table], data })
    return { table, rows }
  })
  for (const [at, { table, rows }] of tables.entries()) {
    const defn = `CREATE UNIQUE INDEX i${at} ON app.${at === 0 ? 'a' : 'b'} USING btree (x);\n`
    writer.addEntry({ ...place, desc: 'INDEX', tag: `i${at}`, defn, dependencies: [table, rows] })
  }
  const view = 'CREATE VIEW app.v AS SELECT x FROM app.a;\n'
  writer.addEntry({ ...place, desc: 'VIEW', tag: 'v', defn: view, dependencies: tables.map(({ table }) => table) })
  writer.addLargeObjects([{ oid: 7001, data: new Uint8Array(20_000).fill(7) }])
  await writer.finish()
})

/** All that the archive brings, and what a journal leaves. */
const contents = `SELECT pg_catalog.json_build_array(
  (SELECT pg_catalog.array_agg(relname || ' ' || relkind::text ORDER BY relname) FROM pg_catalog.pg_class
    WHERE relnamespace IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname IN ('app', 'public'))),
  (SELECT pg_catalog.array_agg(nspname ORDER BY nspname) FROM pg_catalog.pg_namespace WHERE oid > 16383),
  (SELECT pg_catalog.md5(pg_catalog.string_agg(a::text, '' ORDER BY x)) FROM app.a),
  (SELECT pg_catalog.md5(pg_catalog.string_agg(b::text, '' ORDER BY x)) FROM app.b),
  (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory'),
  pg_catalog.md5(pg_catalog.lo_get(7001)))`

let database: PGlite
let expected: unknown
let fresh: Promise<Blob>
beforeAll(async () => {
  database = await PGlite.create()
  fresh = database.dumpDataDir('none')
  await fresh
})
afterAll(async () => database.close())

/** What ends with a session. */
const asNew = ['ROLLBACK', 'SELECT pg_advisory_unlock_all()', 'RESET SESSION AUTHORIZATION', 'RESET ALL']

/** What a restore leaves, whole or not. */
const cleaned = `DO $$ DECLARE n text; BEGIN
  FOR n IN SELECT nspname FROM pg_namespace WHERE nspname = 'app' OR nspname ~ '^pgdmp_restore_' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', n);
  END LOOP;
  PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END $$`

async function execute(...commands: readonly string[]): Promise<void> {
  for (const sql of commands) await database.exec(sql)
}

/** The same target, as long as it is there. */
function mortal(target: PGliteTarget, fault: Fault): RestoreTarget {
  return {
    query: (sql) => fault.asking(() => target.query(sql)),
    rows: (sql) => fault.asking(() => target.rows(sql)),
    copyFrom: async (sql) => {
      const input = await fault.asking(() => target.copyFrom(sql))
      return {
        write: (chunk: Uint8Array) => fault.asking(() => input.write(chunk)),
        end: () => fault.asking(() => input.end()),
        abort: (reason) => input.abort(reason),
      }
    },
  }
}

async function restored(target: RestoreTarget, signal: AbortSignal, journal?: string): Promise<RestoreResult> {
  await using archive = await open(file, { signal })
  return await restore(archive, target, { signal, ...(journal === undefined ? {} : { resume: journal }) })
}

const seconds = 7_200_000

test.each([false, true])(
  'a restore into PGlite goes on; with a journal: %s',
  { timeout: seconds },
  async (hasJournal) => {
    const round = async (fault: Fault): Promise<boolean> => {
      const place = mkdtempSync(join(folder, 'work-'))
      const journal = hasJournal ? join(place, 'journal') : undefined
      const { value, error } = await fault.during(undefined, () =>
        restored(mortal(pgliteTarget(database), fault), fault.signal, journal),
      )
      const label = `${fault}`
      expect(rejections(), label).toEqual([])
      if (error === undefined) expect(value, label).toMatchObject({ complete: true, failed: 0 })
      else expect(fault.explains(error), `${label}: ${String(error)}`).toBe(true)
      expect(
        readdirSync(place).filter((name) => name !== 'journal'),
        label,
      ).toEqual([])
      await execute(...asNew)
      if (journal !== undefined) {
        const isBegun = existsSync(journal)
        const again = await restored(pgliteTarget(database), new AbortController().signal, journal)
        expect(again, label).toMatchObject({ complete: true, failed: 0 })
        if (!isBegun) expect(again.earlier, label).toBe(0)
      }
      if (journal !== undefined || error === undefined) {
        await execute(...asNew)
        const { rows } = await database.query(contents)
        expected ??= rows
        expect(rows, label).toEqual(expected)
      }
      await execute(...asNew, cleaned)
      rmSync(place, { recursive: true })
      return error !== undefined
    }
    await sweep(round, { calls: 4, stops: 8, questions: 8 })
  },
)

test('a drill in PGlite closes it', { timeout: seconds }, async () => {
  const round = async (fault: Fault): Promise<boolean> => {
    let opened = 0
    let closed = 0
    const place: DrillPlace = {
      name: 'pglite',
      open: async () => {
        // what a place of its own does first takes seconds
        const own = await PGlite.create({ loadDataDir: await fresh })
        opened++
        const target = pgliteTarget(own)
        const close = async (): Promise<void> => {
          closed++
          await own.close()
        }
        const dying = {
          query: (sql: Uint8Array) => fault.asking(() => target.query(sql)),
          rows: (sql: string) => fault.asking(() => target.rows(sql)),
          copyTo: (sql: Uint8Array, onData: (bytes: Uint8Array) => void) =>
            fault.asking(() => target.copyTo(sql, onData)),
          copyFrom: (sql: Uint8Array) => fault.asking(() => target.copyFrom(sql)),
        }
        return { target: dying, ownsServer: true, convertsToUtf8: true, differences: [], close }
      },
    }
    const { value, error } = await fault.during(undefined, async () => {
      const { signal } = fault
      await using archive = await open(file, { signal })
      return await drill(archive, place, { signal })
    })
    const label = `${fault}`
    expect([rejections(), closed], label).toEqual([[], opened])
    if (error === undefined)
      expect(value, label).toMatchObject({ left: undefined, entries: { failed: 0, unproven: 0 } })
    else expect(fault.explains(error), `${label}: ${String(error)}`).toBe(true)
    return error !== undefined
  }
  await sweep(round, { stops: 2, questions: 3 })
})
