import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../../src/archive.ts'
import { audit } from '../../../src/audit/audit.ts'
import { auditData } from '../../../src/audit/audit-data.ts'
import { create, type NewEntry } from '../../../src/create.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-audit-data-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let made = 0

async function archiveOf(entries: readonly NewEntry[], rowBytes?: number): Promise<Archive> {
  const file = join(folder, `${made++}.dump`)
  const writer = await create(file)
  for (const entry of entries) writer.addEntry(entry)
  await writer.finish()
  return await open(file, rowBytes === undefined ? {} : { limits: { rowBytes } })
}

function table(dumpId: number, tag: string, rest: string): NewEntry {
  return { desc: 'TABLE', tag, namespace: 'public', dumpId, defn: `CREATE TABLE public.${tag} ${rest};\n` }
}

function rows(dumpId: number, tag: string, columns: readonly string[], text: string): NewEntry {
  const place = { desc: 'TABLE DATA', tag, namespace: 'public', dependencies: [dumpId] }
  return { ...place, columns, data: [Buffer.from(text)] }
}

function constraint(tag: string, on: string, what: string): NewEntry {
  const defn = `ALTER TABLE ONLY public.${on}\n    ADD CONSTRAINT ${tag} ${what};\n`
  return {
    desc: what.startsWith('FOREIGN') ? 'FK CONSTRAINT' : 'CONSTRAINT',
    tag: `${on} ${tag}`,
    namespace: 'public',
    defn,
  }
}

const parentAndChild = (parentRows: string, childRows: string): NewEntry[] => [
  table(10, 'parent', '(\n    id integer NOT NULL,\n    note text\n)'),
  table(11, 'child', '(\n    parent integer,\n    note text\n)'),
  rows(10, 'parent', ['id', 'note'], parentRows),
  rows(11, 'child', ['parent', 'note'], childRows),
  constraint('parent_pkey', 'parent', 'PRIMARY KEY (id)'),
  constraint('child_fkey', 'child', 'FOREIGN KEY (parent) REFERENCES public.parent(id)'),
]

describe('auditData()', () => {
  test('reports a row whose parent is not there', async () => {
    await using archive = await archiveOf(parentAndChild('1\ta\n', '1\ta\n2\tb\n'))
    const { orphans, leftOut } = await auditData(archive)
    expect(orphans.map(({ constraint: { name }, row, count }) => [name, row, count])).toEqual([['child_fkey', 2, 1]])
    expect(leftOut).toEqual([])
  })

  // the key of a row that was not taken apart may be the one that is looked for
  test('calls no row an orphan whose parent may be in a row that is too long, and says so', async () => {
    const long = 'x'.repeat(300_000)
    await using archive = await archiveOf(parentAndChild(`1\ta\n2\t${long}\n`, '1\ta\n2\tb\n3\tc\n'), 1000)
    const data = await auditData(archive)
    expect(data.orphans).toEqual([])
    expect(data.leftOut.map(({ entry, what, why }) => [entry.tag, what, why])).toEqual([
      ['parent', '1 row', 'it is longer than 1,000 bytes'],
      ['child', 'foreign key child_fkey', 'not all keys of the table that it refers to could be read'],
    ])
    const parent = archive.toc.find(({ desc }) => desc === 'TABLE DATA')
    expect(parent && data.rowCount(parent)).toBe(2)
  })

  test('sees in a row of too few fields no values of the row before', async () => {
    // no server makes such rows: they come of a damaged or forged archive
    await using archive = await archiveOf(parentAndChild('1\ta\n2\n\n3\n', '1\ta\n7\n8\n'))
    const data = await auditData(archive)
    expect([data.duplicates, data.orphans]).toEqual([[], []])
    expect(data.leftOut.map(({ entry, what, why }) => [entry.tag, what, why])).toEqual([
      ['parent', '3 rows', 'they are of fewer fields than there are columns'],
      ['child', 'foreign key child_fkey', 'not all keys of the table that it refers to could be read'],
      ['child', '2 rows', 'they are of fewer fields than there are columns'],
    ])
  })

  test('takes a field that a row does not have for none', async () => {
    await using archive = await archiveOf([
      table(10, 'keyed', '(\n    note text,\n    id integer NOT NULL\n)'),
      rows(10, 'keyed', ['note', 'id'], 'a\t1\nb\n'),
      constraint('keyed_pkey', 'keyed', 'PRIMARY KEY (id)'),
    ])
    // the place of `id` in the row before is not looked at again
    expect((await auditData(archive)).duplicates).toEqual([])
  })

  test('reads to the end where tables are partitions of each other', async () => {
    await using archive = await archiveOf([
      table(10, 'a', 'PARTITION OF public.b FOR VALUES IN (1) PARTITION BY LIST (id)'),
      table(11, 'b', 'PARTITION OF public.a FOR VALUES IN (1) PARTITION BY LIST (id)'),
      table(12, 'child', '(\n    parent integer\n)'),
      rows(12, 'child', ['parent'], '1\n'),
      constraint('child_fkey', 'child', 'FOREIGN KEY (parent) REFERENCES public.a(id)'),
    ])
    const { leftOut } = await auditData(archive)
    expect(leftOut.map(({ what }) => what)).toEqual(['foreign key child_fkey'])
  })

  test('takes time in proportion to tables, foreign keys, partitions and sequences', async () => {
    const count = 4000
    const entries: NewEntry[] = [table(10, 'root', '(\n    id integer NOT NULL\n)\nPARTITION BY LIST (id)')]
    for (let at = 0; at < count; at++) {
      const id = 1_000_000 + at
      entries.push(
        table(id, `part_${at}`, `PARTITION OF public.root FOR VALUES IN (${at})`),
        rows(id, `part_${at}`, ['id'], `${at}\n`),
        constraint(`fk_${at}`, `part_${at}`, 'FOREIGN KEY (id) REFERENCES public.root(id)'),
        { desc: 'SEQUENCE', tag: `s${at}`, namespace: 'public', defn: `CREATE SEQUENCE public.s${at};\n` },
        {
          desc: 'SEQUENCE OWNED BY',
          tag: `s${at}`,
          namespace: 'public',
          defn: `ALTER SEQUENCE public.s${at} OWNED BY public.part_${at}.id;\n`,
        },
        {
          desc: 'SEQUENCE SET',
          tag: `s${at}`,
          namespace: 'public',
          defn: `SELECT pg_catalog.setval('public.s${at}', 1, true);\n`,
        },
      )
    }
    await using archive = await archiveOf(entries)
    const start = performance.now()
    const { leftOut, behind } = await auditData(archive)
    // 16 million partitions, and as many sequences, are looked at where each table looks at all: half a minute and more
    expect(performance.now() - start).toBeLessThan(20_000)
    expect(leftOut.length).toBe(count)
    expect(behind.length).toBe(count - 2)
  }, 120_000)

  test('tells the inventory how many rows the tables have', async () => {
    await using archive = await archiveOf(parentAndChild('1\ta\n2\tb\n', '1\ta\n'))
    const { inventory } = await audit(archive, { data: await auditData(archive) })
    expect(inventory.tables.map(({ name, rows: count }) => [name, count])).toEqual([
      ['parent', 2],
      ['child', 1],
    ])
  })
})
