import { describe, expect, test } from 'vitest'
import type { ArchiveWriter } from '../../../src/create.ts'
import { drill } from '../../../src/drill/drill.ts'
import type { DrillPlace, DrillTarget } from '../../../src/drill/place.ts'
import { filter } from '../../../src/ops/filter.ts'
import { mapEntries } from '../../../src/ops/map-entries.ts'
import { rewriteOwner } from '../../../src/ops/rewrite-owner.ts'
import { withFields } from '../../../src/toc/changed-entry.ts'
import { decoderFor } from '../../../src/toc/encoding.ts'
import { archiveOf, created } from './archive-of.ts'
import { doing, failuresOf, onePGlite, unprovenOf } from './one-pglite.ts'

/* Of which rows a drill says that they are proven. */

const { place } = onePGlite()

/** With another schema that goes, too. */
const emptied: DrillPlace = {
  name: place.name,
  async open(wanted) {
    const opened = await place.open(wanted)
    const close = async (roles: readonly string[]): Promise<void> => {
      await opened.close(roles)
      await doing('DROP SCHEMA other CASCADE')(opened.target)
    }
    return { ...opened, close }
  },
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A table of a column of text, with these rows of COPY text. */
function addText(writer: ArchiveWriter, tag: string, data: Uint8Array[]): void {
  const defn = `CREATE TABLE public.${tag} (a text);\n`
  const table = writer.addEntry({ desc: 'TABLE', tag, namespace: 'public', defn })
  writer.addEntry({ desc: 'TABLE DATA', tag, namespace: 'public', columns: ['a'], dependencies: [table], data })
}

test('those of a view that was filtered and rewritten', async () => {
  await using archive = await created({ owner: 'somebody' })
  const report = await drill(rewriteOwner(filter(archive, { tables: ['t'] }), { somebody: 'postgres' }), place)
  expect(report.problems).toEqual([])
  expect(report.rows).toBe(2)
})

test('those after a table whose rows are refused on their way', { timeout: 30_000 }, async () => {
  // more than is sent at once, so that a transaction is open then
  const many = Array.from({ length: 10 }, () => bytes(`${'x'.repeat(999)}\n`.repeat(500)))
  await using archive = await archiveOf(
    (writer) => {
      addText(writer, 'refused', [...many, Uint8Array.of(0x98, 0x0a)])
      // which would end a transaction that was left open
      writer.addEntry({ desc: 'TABLE', tag: 'no', namespace: 'public', defn: 'CREATE TABLE public.no (a nothing);\n' })
      addText(writer, 'taken', [Uint8Array.of(0xcf, 0x0a)])
    },
    { encoding: 'WIN1251' },
  )
  const report = await drill(archive, place)
  expect(failuresOf(report)).toEqual([
    'TABLE DATA public.refused: character with byte sequence 0x98 in encoding "WIN1251" has no equivalent in encoding "UTF8"',
    'TABLE public.no: type "nothing" does not exist',
  ])
  expect(unprovenOf(report)).toEqual([])
  expect(report.tables.map(({ table, status, databaseRows }) => ({ table, status, databaseRows }))).toEqual([
    { table: 'public.refused', status: 'failed', databaseRows: undefined },
    { table: 'public.taken', status: 'proven', databaseRows: 1 },
  ])
})

test('not those that the target loses each time it gets them', async () => {
  /** Takes the first row of every COPY alone. */
  const lossy: DrillPlace = {
    name: 'lossy',
    async open(wanted) {
      const opened = await place.open(wanted)
      const { target } = opened
      const losing: DrillTarget = {
        query: (sql) => target.query(sql),
        rows: (sql) => target.rows(sql),
        copyTo: (statement, onData) => target.copyTo(statement, onData),
        async copyFrom(statement) {
          const input = await target.copyFrom(statement)
          return {
            write: (chunk) => input.write(chunk.subarray(0, chunk.indexOf(0x0a) + 1)),
            end: () => input.end(),
            abort: (reason) => input.abort(reason),
          }
        },
      }
      return { ...opened, target: losing }
    },
  }
  await using archive = await created({})
  const report = await drill(archive, lossy)
  expect(failuresOf(report)).toEqual(['TABLE DATA public.t: 1 rows of 2 in the archive'])
  expect(report.tables).toMatchObject([{ status: 'failed', archiveRows: 2, databaseRows: 1 }])
})

test.each([{}, { inserts: true }])('not those that the archive lacks (%o)', async (wanted) => {
  await using archive = await created(wanted)
  const lacking = mapEntries(archive, (entry) =>
    entry.desc === 'TABLE DATA' ? withFields(entry, { data: { state: 'no-data' } }, decoderFor('UTF8')) : entry,
  )
  const report = await drill(lacking, place)
  expect(failuresOf(report)).toEqual([])
  expect(unprovenOf(report)).toEqual(['TABLE DATA public.t: the archive holds no data of it'])
  expect(report.tables).toMatchObject([{ status: 'unproven', compared: 'nothing', archiveRows: undefined }])
})

describe('those of partitions that were loaded by way of their root', () => {
  const defn = (tag: string): string => `CREATE TABLE ${tag} (a integer, b text)`
  const partitions = (writer: ArchiveWriter, second?: string): void => {
    writer.addEntry({ desc: 'SCHEMA', tag: 'other', namespace: '', defn: 'CREATE SCHEMA other;\n' })
    const root = writer.addEntry({
      desc: 'TABLE',
      tag: 't',
      namespace: 'public',
      defn: `${defn('public.t')} PARTITION BY LIST (a);\n`,
    })
    for (const [value, namespace, tag, into] of [
      ['1', 'other', 't', 'public.t'],
      ['2', 'public', 't2', second],
    ] as const) {
      const name = `${namespace}.${tag}`
      const table = writer.addEntry({
        desc: 'TABLE',
        tag,
        namespace,
        dependencies: [root],
        defn: `${defn(name)};\nALTER TABLE public.t ATTACH PARTITION ${name} FOR VALUES IN (${value});\n`,
      })
      if (into === undefined) continue
      writer.addEntry({
        desc: 'TABLE DATA',
        tag,
        namespace,
        dependencies: [table],
        copyStmt: `COPY ${into} (a, b) FROM stdin;\n`,
        data: [[value, 'one']],
      })
    }
  }

  test('in another schema under the same name', async () => {
    await using archive = await archiveOf((writer) => partitions(writer))
    const report = await drill(archive, emptied)
    expect(report.problems).toEqual([])
    expect(report.tables).toMatchObject([{ table: 'public.t', status: 'proven', databaseRows: 1 }])
  })

  test('beside one that was loaded itself', async () => {
    await using archive = await archiveOf((writer) => partitions(writer, 'public.t2'))
    const report = await drill(archive, emptied)
    expect(report.problems).toEqual([])
    expect(report.tables).toMatchObject([
      { table: 'public.t', status: 'proven', databaseRows: 1 },
      { table: 'public.t2', status: 'proven', databaseRows: 1 },
    ])
  })
})
