import { beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { drill, type DrillOptions } from '../../../src/drill/drill.ts'
import type { DrillPlace } from '../../../src/drill/place.ts'
import type { DrillReport } from '../../../src/drill/report.ts'
import { pglitePlace } from '../../../src/restore/pglite.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { fixture } from '../../helpers/corpus.ts'
import { archiveOf, created } from './archive-of.ts'
import { doing, failuresOf, onePGlite, unprovenOf } from './one-pglite.ts'

const tableOf = (report: DrillReport, table: string) => report.tables.find((one) => one.table === table)

describe('a whole archive in PGlite, changed behind its back', () => {
  let report: DrillReport

  beforeAll(async () => {
    await using archive = await open(fixture('18/full-Fc.dump').file)
    const damage = doing(
      `UPDATE plain.many_rows SET name = E'other\\x1b' WHERE id = (SELECT min(id) FROM plain.many_rows)`,
      `SET session_replication_role = replica`,
      `DELETE FROM plain.child WHERE id = (SELECT max(id) FROM plain.child)`,
      `INSERT INTO plain.empty_table (a) VALUES ('1')`,
      `SELECT setval('plain.seq_full', last_value - 1) FROM plain.seq_full`,
      `SELECT lo_put(100003, 0, '\\x00ff00ff')`,
      `SELECT lo_unlink(100001)`,
      `REFRESH MATERIALIZED VIEW "Sch 1"."MV Three" WITH NO DATA`,
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'plain.idx_brin'::regclass`,
      `UPDATE pg_constraint SET convalidated = false WHERE conname = 'circ_a_b_fkey'`,
      `ALTER TABLE plain.rule_log ADD CONSTRAINT new_one CHECK (a > 0) NOT VALID`,
    )
    report = await drill(archive, pglitePlace(), { onRestored: damage })
  })

  test('what was left alone is proven: every row as the archive has it, sequences, large objects', () => {
    expect(report.tables.length).toBe(68)
    expect(report.tables.filter(({ status, compared }) => status === 'proven' && compared === 'text').length).toBe(64)
    expect(report.sequences).toEqual({ proven: 10, failed: 1, unproven: 0 })
    expect(report.largeObjects).toEqual({ proven: 8, failed: 2, unproven: 0 })
    expect(report.place.version).toMatch(/^PostgreSQL 18/)
  })

  test('what PGlite lacks is named, and what depends on it; none of it is proven', () => {
    const unproven = unprovenOf(report)
    expect(unproven).toContain('EXTENSION postgres_fdw: extension "postgres_fdw" is not available')
    expect(unproven.some((line) => line.startsWith('FOREIGN TABLE plain.ft_pg: '))).toBe(true)
    expect(unproven).toContain('TABLE plain.v14_types: compression method lz4 not supported')
    expect(unproven.some((line) => line.startsWith('TABLE DATA plain.v14_types: '))).toBe(true)
    expect(tableOf(report, 'plain.v14_types')).toMatchObject({ status: 'unproven', compared: 'nothing' })
    expect(unproven).toContain('TABLE plain.in_space: it is restored outside of its tablespace "ks_space"')
    // that of the database is no entry's
    expect(unproven).toContain('DATABASE: its locale is C, in the archive PG_UNICODE_FAST')
    expect(report.entries.unproven).toBe(unproven.length - 1)
    // those of its package are there
    expect(unproven.filter((line) => line.startsWith('EXTENSION '))).toHaveLength(1)
  })

  test('whatever was changed is found, and nothing else', () => {
    expect(failuresOf(report)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^BLOBS? .*: large object 100001 is not there$/),
        expect.stringMatching(/^BLOBS? .*: large object 100003 is not that of the archive$/),
        'CONSTRAINT plain.rule_log new_one: not validated',
        'FK CONSTRAINT plain.circ_a circ_a_b_fkey: not validated',
        'INDEX plain.idx_brin: it is not valid',
        'MATERIALIZED VIEW DATA Sch 1.MV Three: it is not populated',
        expect.stringMatching(/^SEQUENCE SET plain\.seq_full: it is at .*in the archive at/),
        expect.stringMatching(/^TABLE DATA plain\.child: /),
        expect.stringMatching(/^TABLE DATA plain\.empty_table: /),
        'TABLE DATA plain.many_rows: its rows are not those of the archive',
      ]),
    )
    expect(failuresOf(report)).toHaveLength(10)
    expect(report.verdict).toBe('failed')
    const changed = tableOf(report, 'plain.many_rows')
    expect(changed).toMatchObject({ status: 'failed', compared: 'values', archiveRows: 2500, databaseRows: 2500 })
    expect(changed?.difference?.database).toContain('other')
    expect(changed?.difference?.archive).not.toContain('other')
    expect(tableOf(report, 'plain.child')).toMatchObject({ archiveRows: 30, databaseRows: 29 })
    expect(tableOf(report, 'plain.child')?.difference).toMatchObject({ database: undefined })
    expect(tableOf(report, 'plain.empty_table')).toMatchObject({ archiveRows: 0, databaseRows: 1 })
  })
})

describe('a small archive', () => {
  const { place, database } = onePGlite()
  const prove = async (view: ArchiveView, options: DrillOptions = {}): Promise<DrillReport> =>
    drill(view, place, options)

  test('is proven', async () => {
    await using archive = await created({ at: true })
    const report = await prove(archive, {
      checks: [{ name: 'a', sql: 'SELECT count(*) = 2 FROM t; SELECT true, 1 = 1' }],
    })
    expect(report.problems).toEqual([])
    expect(report.checks.map(({ status }) => status)).toEqual(['proven', 'proven'])
    expect(report.verdict).toBe('proven')
    expect(report.rows).toBe(2)
  })

  test.each([
    ['SELECT false', 'it gives false, must give true'],
    ['SELECT NULL::boolean', 'it gives NULL, must give true'],
    ["SELECT 'true'", 'it gives true, must give true'],
    ['SELECT true WHERE false', 'it gives no rows'],
    ['SELECT true, false', 'it gives false, must give true'],
    ['SELECT a > 1 FROM t', 'it gives false, must give true'],
    ['SELECT 1 / 0 = 1', 'division by zero'],
    ['DELETE FROM t', 'cannot execute DELETE in a read-only transaction'],
    ['-- nothing', 'there is no statement'],
  ])('fails with the check %s', async (sql, reason) => {
    await using archive = await created({})
    const report = await prove(archive, { checks: [{ name: 'mine.sql', sql }] })
    expect(report.checks).toMatchObject([{ name: 'mine.sql', status: 'failed', reason }])
    expect(report.verdict).toBe('failed')
  })

  test('rows that the database prints otherwise are proven as values; changed ones are not', async () => {
    await using archive = await created({ at: true })
    const zone = "SET TimeZone = 'Asia/Tokyo'"
    const report = await prove(archive, { onRestored: doing(zone) })
    expect(report.problems).toEqual([])
    expect(report.tables).toMatchObject([{ status: 'proven', compared: 'values', difference: undefined }])
    const changed = await prove(archive, { onRestored: doing(zone, "UPDATE public.t SET at = at + '1s' WHERE a = 2") })
    expect(failuresOf(changed)).toEqual(['TABLE DATA public.t: its rows are not those of the archive'])
    expect(changed.tables[0]?.difference).toEqual({
      archive: '(2,two,"2026-01-01 09:00:00+09")',
      database: '(2,two,"2026-01-01 09:00:01+09")',
    })
  })

  test('without a second look at the archive it is not proven that the values are the same', async () => {
    await using archive = await created({ at: true, once: true })
    const report = await prove(archive, { onRestored: doing("SET TimeZone = 'Asia/Tokyo'") })
    expect(failuresOf(report)).toEqual([])
    expect(unprovenOf(report)).toEqual([expect.stringContaining('needs an archive that can be read twice')])
  })

  test('a sequence behind its column is not proven where it was dumped so, and a failure else', async () => {
    await using behind = await created({ sequenceAt: 1 })
    const dumped = await prove(behind)
    expect(failuresOf(dumped)).toEqual([])
    expect(unprovenOf(dumped)).toEqual([
      'SEQUENCE public.t_a_seq: it is at 1, behind 2 in column a of public.t, as when it was dumped',
    ])
    await using archive = await created({ sequenceAt: 2 })
    expect((await prove(archive)).verdict).toBe('proven')
    const set = doing("SELECT setval('public.t_a_seq', 2, false)")
    expect(failuresOf(await prove(archive, { onRestored: set }))).toEqual([
      'SEQUENCE SET public.t_a_seq: it is at 2, in the archive at 2 (used)',
    ])
  })

  test('a large object that cannot be read is in the way of no other one', async () => {
    // more than is read at once
    const large = new Uint8Array(5 * 1024 * 1024).map((_, at) => at * 7)
    await using archive = await archiveOf((writer) => {
      const data = (oid: number): Uint8Array[] => [oid === 7002 ? large : Uint8Array.of(oid % 256)]
      writer.addLargeObjects([7001, 7002, 7003].map((oid) => ({ oid, data: data(oid) })))
    })
    const report = await prove(archive, {
      onRestored: doing(`UPDATE pg_largeobject SET data = convert_to(repeat('x', 3000), 'UTF8') WHERE loid = 7001`),
    })
    expect(report.largeObjects).toEqual({ proven: 2, failed: 1, unproven: 0 })
    expect(failuresOf(report)).toEqual([expect.stringMatching(/: it cannot be looked at: .*7001/)])
    await database().query('SELECT lo_unlink(oid) FROM pg_largeobject_metadata')
  })

  test('a constraint of a domain that is not valid is told', async () => {
    await using archive = await archiveOf((writer) => {
      const domain = { desc: 'DOMAIN', tag: 'd', namespace: 'public', defn: 'CREATE DOMAIN public.d AS integer;\n' }
      const id = writer.addEntry(domain)
      const defn = 'ALTER DOMAIN public.d\n    ADD CONSTRAINT positive CHECK ((VALUE > 0)) NOT VALID;\n'
      const constraint = { desc: 'CHECK CONSTRAINT', tag: 'd positive', namespace: 'public', defn }
      writer.addEntry({ ...constraint, dependencies: [id] })
    })
    const report = await prove(archive)
    expect(unprovenOf(report)).toEqual(['CHECK CONSTRAINT public.d positive: not validated, as when it was dumped'])
  })

  test('INSERT statements of pg_dump are compared as rows', async () => {
    await using archive = await created({ inserts: true })
    const report = await prove(archive)
    expect(failuresOf(report)).toEqual([])
    expect(report.tables).toMatchObject([{ status: 'proven', compared: 'text', archiveRows: 2, databaseRows: 2 }])
    const other = await prove(archive, { onRestored: doing(`UPDATE public.t SET b = 'another' WHERE a = 1`) })
    expect(failuresOf(other)).toEqual(['TABLE DATA public.t: its rows are not those of the archive'])
    expect(other.tables[0]?.difference).toEqual({ archive: '(1,one)', database: '(1,another)' })
  })

  test('other INSERT statements: their number is compared, and nothing proven', async () => {
    await using archive = await created({ inserts: `INSERT INTO public.t VALUES (1, 'o' || 'ne'), (2, now());\n` })
    const report = await prove(archive)
    expect(failuresOf(report)).toEqual([])
    expect(report.tables).toMatchObject([{ status: 'unproven', compared: 'count', archiveRows: 2, databaseRows: 2 }])
    expect(report.verdict).toBe('incomplete')
    const less = await prove(archive, { onRestored: doing('DELETE FROM public.t WHERE a = 1') })
    expect(failuresOf(less)).toEqual(['TABLE DATA public.t: 1 rows of 2 in the archive'])
  })

  test('what the server refuses fails, and what depends on it', async () => {
    await using archive = await created({ broken: true })
    const report = await prove(archive)
    expect(failuresOf(report)).toEqual([
      'TABLE public.t: type "nothing" does not exist',
      'TABLE DATA public.t: relation "public.t" does not exist: it needs TABLE public.t',
    ])
    expect(report.entries).toMatchObject({ failed: 2 })
  })

  test('roles that are missing are named, or made and taken away', async () => {
    await using archive = await created({ owner: 'nobody here' })
    const report = await prove(archive)
    expect(failuresOf(report)).toEqual([])
    expect(unprovenOf(report)).toEqual(['TABLE public.t: role "nobody here" is not there'])
    expect(report.tables).toMatchObject([{ status: 'proven' }])
    expect((await prove(archive, { createRoles: true })).verdict).toBe('proven')
    const { rows } = await database().query("SELECT 1 FROM pg_roles WHERE rolname = 'nobody here'")
    expect(rows).toEqual([])
  })

  test('a role that is missing excuses nothing else that is not there', async () => {
    await using archive = await archiveOf((writer) => {
      const owned = { namespace: 'public', owner: 'nobody here' }
      const defn = `CREATE FUNCTION public.f(nothing) RETURNS integer LANGUAGE sql AS 'SELECT 1';\n`
      writer.addEntry({
        ...owned,
        desc: 'FUNCTION',
        tag: 'f(nothing)',
        dropStmt: 'DROP FUNCTION public.f(nothing);\n',
        defn,
      })
      writer.addEntry({
        ...owned,
        desc: 'TABLE',
        tag: 't',
        dropStmt: 'DROP TABLE public.t;\n',
        defn: 'CREATE TABLE public.t ();\n',
      })
      const grants = 'GRANT SELECT ON TABLE public.t TO "first of two";\nGRANT SELECT ON TABLE public.t TO second;\n'
      writer.addEntry({ ...owned, owner: null, desc: 'ACL', tag: 'TABLE t', defn: grants })
    })
    const report = await prove(archive)
    expect(failuresOf(report)).toEqual(['FUNCTION public.f(nothing): type nothing does not exist'])
    expect(unprovenOf(report)).toEqual([
      'TABLE public.t: role "nobody here" is not there',
      'ACL public.TABLE t: role "first of two" is not there',
    ])
  })

  test('bytes that SQL_ASCII takes and UTF8 does not are not proven', async () => {
    await using archive = await archiveOf(
      (writer) => {
        const table = writer.addEntry({
          desc: 'TABLE',
          tag: 't',
          namespace: 'public',
          defn: 'CREATE TABLE public.t (a text);\n',
        })
        const data = [Buffer.from("INSERT INTO public.t VALUES ('\xff');\n", 'latin1')]
        writer.addEntry({
          desc: 'TABLE DATA',
          tag: 't',
          namespace: 'public',
          dependencies: [table],
          data,
        })
      },
      { encoding: 'SQL_ASCII' },
    )
    const report = await prove(archive)
    expect(failuresOf(report)).toEqual([])
    expect(unprovenOf(report)).toEqual(['TABLE DATA public.t: invalid byte sequence for encoding "UTF8": 0xff'])
  })

  test('the database is closed whatever happens', async () => {
    const calls: string[] = []
    const watching: DrillPlace = {
      name: 'watched',
      open: async (wanted) => {
        const opened = await place.open(wanted)
        return { ...opened, close: (roles) => (calls.push('close'), opened.close(roles)) }
      },
    }
    await using archive = await created({})
    const abort = new AbortController()
    const onRestored = (): void => abort.abort(new Error('enough'))
    await expect(drill(archive, watching, { signal: abort.signal, onRestored })).rejects.toThrow('enough')
    expect(calls).toEqual(['close'])
    await expect(drill(archive, watching, { onRestored: () => Promise.reject(new Error('hook')) })).rejects.toThrow(
      'hook',
    )
    expect(calls).toEqual(['close', 'close'])
  })
})
