import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../../src/archive.ts'
import { audit } from '../../../src/audit/audit.ts'
import { auditData } from '../../../src/audit/audit-data.ts'
import { postRestoreSql } from '../../../src/audit/post-restore.ts'
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

  // what servers of 15 and 18 said of the same rows when a dump of them was restored
  test.each([
    ['UNIQUE (a, b)', '1\t\\N\n1\t\\N\n', 0],
    ['UNIQUE NULLS NOT DISTINCT (a, b)', '1\t\\N\n1\t\\N\n2\t\\N\n', 1],
    ['UNIQUE (n)', '1.0\n1\n1.00\n10\n0.10\n0.1\n', 3, ['n']],
    ['INDEX (a DESC NULLS LAST, b COLLATE "C")', '1\tx\n1\tx\n', 1],
    ['INDEX (a) NULLS NOT DISTINCT', '\\N\tx\n\\N\ty\n', 1],
  ])('knows equal keys of %s', async (what, text, expected, columns: readonly string[] = ['a', 'b']) => {
    const index = /^INDEX (.*)$/.exec(what)?.[1]
    const unique = {
      desc: 'INDEX',
      tag: 'k',
      namespace: 'public',
      defn: `CREATE UNIQUE INDEX k ON public.t ${index};\n`,
    }
    await using archive = await archiveOf([
      table(10, 't', '(\n    a integer,\n    b text,\n    n numeric\n)'),
      rows(10, 't', columns, text),
      index === undefined ? constraint('k', 't', what) : unique,
    ])
    const { duplicates } = await auditData(archive)
    expect(duplicates.map(({ constraint: { name }, count }) => [name, count])).toEqual(
      expected ? [['k', expected]] : [],
    )
  })

  test.each([['(lower(b))'], ['(a) WHERE (a > 0)']])('says that a unique index on %s is not checked', async (on) => {
    await using archive = await archiveOf([
      table(10, 't', '(\n    a integer,\n    b text\n)'),
      rows(10, 't', ['a', 'b'], '1\tx\n1\tx\n'),
      {
        desc: 'INDEX',
        tag: 'k',
        namespace: 'public',
        defn: `CREATE UNIQUE INDEX k ON public.t USING btree ${on};\n`,
      },
    ])
    const data = await auditData(archive)
    expect([data.duplicates, data.leftOut.map(({ what }) => what)]).toEqual([[], ['unique index k']])
    const { findings } = await audit(archive, { data })
    expect(findings).toContainEqual(
      expect.objectContaining({ rule: 'data-check-left-out', object: 'public.t unique index k', desc: 'TABLE DATA' }),
    )
  })

  test.each([
    ['', '1\t\\N\n\\N\t\\N\n', 0],
    [' MATCH FULL', '1\t\\N\n\\N\t\\N\n1.0\tx\n', 1],
  ])('takes NULLs of a foreign key%s as the server does', async (match, text, count) => {
    await using archive = await archiveOf([
      table(10, 'p', '(\n    n numeric,\n    b text\n)'),
      table(11, 'c', '(\n    n numeric(9,1),\n    b text\n)'),
      rows(10, 'p', ['n', 'b'], '1\tx\n'),
      rows(11, 'c', ['n', 'b'], text),
      constraint('k', 'c', `FOREIGN KEY (n, b) REFERENCES public.p(n, b)${match}`),
    ])
    const { orphans, leftOut } = await auditData(archive)
    expect([orphans.reduce((sum, one) => sum + one.count, 0), leftOut]).toEqual([count, []])
  })

  test('compares texts where another column has a collation for which different texts are equal', async () => {
    const collation =
      "CREATE COLLATION public.ci (provider = icu, deterministic = false, locale = 'und-u-ks-level2');\n"
    const of = (column: string): readonly NewEntry[] => [
      { desc: 'COLLATION', tag: 'ci', namespace: 'public', defn: collation },
      table(10, 'p', `(\n    a text ${column},\n    b text COLLATE public.ci\n)`),
      table(11, 'c', '(\n    a text\n)'),
      rows(10, 'p', ['a', 'b'], 'x\tX\n'),
      rows(11, 'c', ['a'], 'X\n'),
      constraint('k', 'c', 'FOREIGN KEY (a) REFERENCES public.p(a)'),
    ]
    await using plain = await archiveOf(of('NOT NULL'))
    await using equal = await archiveOf(of('COLLATE public.ci NOT NULL'))
    expect((await auditData(plain)).orphans).toHaveLength(1)
    const { orphans, leftOut } = await auditData(equal)
    expect([orphans.length, leftOut.map(({ what }) => what)]).toEqual([0, ['foreign key k']])
  })

  test.each([
    ['integer', '', '12\n', '12'],
    ['numeric(10,2)', '', '15.50\n', '15'],
    ['bigint', ' MAXVALUE 100', '12\n100\n5000\n', '100'],
    ['integer', ' MAXVALUE 10', '12\n', undefined],
  ])('knows a column of %s that asks a sequence%s which it does not own', async (type, limit, text, reached) => {
    await using archive = await archiveOf([
      {
        desc: 'SEQUENCE',
        tag: 's',
        namespace: 'public',
        defn: `CREATE SEQUENCE public.s\n    START WITH 1${limit};\n`,
      },
      table(10, 't', `(\n    id ${type} DEFAULT nextval('public.s'::regclass)\n)`),
      rows(10, 't', ['id'], text),
      {
        desc: 'SEQUENCE SET',
        tag: 's',
        namespace: 'public',
        defn: "SELECT pg_catalog.setval('public.s', 1, false);\n",
      },
    ])
    const data = await auditData(archive)
    expect(data.behind.map((one) => [String(one.reached), one.column.name])).toEqual(
      reached === undefined ? [] : [[reached, 't']],
    )
    const script = postRestoreSql(archive)
    expect(script.match(/SELECT pg_catalog\.setval\(.*/g)).toEqual([
      expect.stringContaining('FROM public.t WHERE id < '),
    ])
    // no function setval(unknown, numeric)
    expect(script.includes('trunc(pg_catalog.max(id))::bigint')).toBe(type.startsWith('numeric'))
  })

  test('knows a constraint of a domain that was never checked', async () => {
    const check = 'ALTER DOMAIN public."Odd d"\n    ADD CONSTRAINT c1 CHECK ((VALUE > 0)) NOT VALID;\n'
    await using archive = await archiveOf([
      { desc: 'DOMAIN', tag: 'Odd d', namespace: 'public', defn: 'CREATE DOMAIN public."Odd d" AS integer;\n' },
      { desc: 'CHECK CONSTRAINT', tag: 'Odd d c1', namespace: 'public', defn: check },
    ])
    const { findings } = await audit(archive)
    const found = findings.filter(({ rule }) => rule === 'constraint-not-valid')
    expect(found.map(({ object }) => object)).toEqual(['public."Odd d" c1'])
    expect(postRestoreSql(archive)).toContain('ALTER DOMAIN public."Odd d" VALIDATE CONSTRAINT c1;')
  })

  test('counts rows that go through the root of partitions there', async () => {
    const via = (id: number, tag: string): NewEntry => {
      const copyStmt = 'COPY public.root (id) FROM stdin;\n'
      const { desc, namespace, data } = rows(id, tag, [], `${id}\n`)
      return { desc, tag, namespace, data, copyStmt, dependencies: [id] }
    }
    await using archive = await archiveOf([
      table(10, 'root', '(\n    id integer\n)\nPARTITION BY HASH (id)'),
      table(11, 'part_1', 'PARTITION OF public.root FOR VALUES WITH (MODULUS 2, REMAINDER 0)'),
      table(12, 'part_2', 'PARTITION OF public.root FOR VALUES WITH (MODULUS 2, REMAINDER 1)'),
      via(11, 'part_1'),
      via(12, 'part_2'),
    ])
    const counts = postRestoreSql(archive, { data: await auditData(archive) }).match(/SELECT .* AS expected .*/g)
    expect(counts).toEqual([expect.stringMatching(/'public\.root'.* 2 AS expected FROM public\.root HAVING/)])
  })

  test('tells the inventory how many rows the tables have', async () => {
    await using archive = await archiveOf(parentAndChild('1\ta\n2\tb\n', '1\ta\n'))
    const { inventory } = await audit(archive, { data: await auditData(archive) })
    expect(inventory.tables.map(({ name, rows: count }) => [name, count])).toEqual([
      ['parent', 2],
      ['child', 1],
    ])
  })
})
