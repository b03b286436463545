import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../../src/archive.ts'
import { Catalog } from '../../../src/audit/catalog.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'
import { fixture } from '../../helpers/corpus.ts'

function catalogOf(...entries: readonly EntryFields[]): Catalog {
  const catalog = new Catalog(viewOf(entries.map((fields, index) => entryOf(index + 1, fields))))
  catalog.read()
  return catalog
}

describe('Catalog of what pg_dump 18 writes', () => {
  let archive: Archive
  let catalog: Catalog
  beforeAll(async () => {
    archive = await open(fixture('18/full-Fc.dump').file)
    catalog = new Catalog(archive)
    catalog.read()
  })
  afterAll(() => archive.close())

  test('has as many objects of each kind as there are entries of its type', () => {
    const count = (...types: readonly string[]): number => archive.toc.filter(({ desc }) => types.includes(desc)).length
    expect(catalog.tables).toHaveLength(count('TABLE', 'FOREIGN TABLE'))
    expect(catalog.functions).toHaveLength(count('FUNCTION', 'PROCEDURE', 'AGGREGATE'))
    expect(catalog.policies).toHaveLength(count('POLICY'))
    expect(catalog.extensions).toHaveLength(count('EXTENSION'))
    expect(catalog.schemas).toHaveLength(count('SCHEMA'))
    expect(catalog.indexes.filter(({ constraint }) => constraint === undefined)).toHaveLength(count('INDEX'))
  })

  test('names every table and its columns as the COPY command does', () => {
    let compared = 0
    for (const { data, columns, schema, name } of catalog.tables) {
      const columnsCopied = /\(([^]*)\) FROM stdin/.exec(data?.copyStmt ?? '')?.[1]
      if (data === undefined || columnsCopied === undefined) continue
      expect([data.namespace, data.tag]).toEqual([schema, name])
      // an inherited column is in no CREATE TABLE, and one that is computed in no COPY
      const own = columns.filter(({ generated }) => generated === undefined)
      const quoted = own.map((column) => catalog.quote(column.name))
      for (const column of quoted) expect(columnsCopied).toContain(column)
      compared++
    }
    expect(compared).toBeGreaterThan(30)
  })

  test('has columns, constraints and keys', () => {
    const child = catalog.table('plain', 'child')
    const foreign = child?.constraints.filter(({ kind }) => kind === 'foreign key')
    expect(foreign).toContainEqual(
      expect.objectContaining({
        name: 'child_parent_fkey',
        columns: ['parent'],
        references: { schema: 'Sch 1', name: 'Parent Table', columns: ['Id'] },
        deferrable: true,
      }),
    )
    expect(child?.constraints).toContainEqual(expect.objectContaining({ kind: 'check', name: 'ck_nv', notValid: true }))
    expect(catalog.table('plain', 'v18_cons')?.constraints).toContainEqual(
      expect.objectContaining({ kind: 'check', name: 'ck_ne', notEnforced: true }),
    )
    expect(catalog.table('Sch 1', 'Parent Table')?.constraints).toContainEqual(
      expect.objectContaining({ kind: 'primary key', name: 'PK "odd"', columns: ['Id'] }),
    )
  })

  test('has partitions with their parents, inheritance, and row security', () => {
    expect(catalog.table('Sch 1', 'Part 2024 Rest')?.partitionOf).toEqual({ schema: 'plain', name: 'part_range_2024' })
    expect(catalog.table('plain', 'part_range')?.partitioned).toBe(true)
    expect(catalog.table('plain', 'inh_child')?.inherits).toContainEqual({ schema: 'plain', name: 'inh_parent' })
    expect(catalog.table('plain', 'rls')?.rowSecurity).toBe(true)
    expect(catalog.table('plain', 'ft')?.foreign).toBe(true)
  })

  test('has sequences with their values and owners', () => {
    const sequence = (name: string) => catalog.sequences.find((one) => one.name === name)
    expect(sequence('seq_full')).toMatchObject({
      type: 'smallint',
      increment: -3n,
      min: -3000n,
      max: 300n,
      cycle: true,
      value: { last: 282n, isCalled: true },
    })
    expect(sequence('Seq "Q"')).toMatchObject({ type: 'integer', max: 2_147_483_647n, value: { isCalled: false } })
    expect(sequence('ident_c_seq')?.ownedBy).toEqual({ schema: 'public', name: 'ident', column: 'c' })
    expect(catalog.sequences.filter(({ identity }) => identity).length).toBeGreaterThan(0)
  })

  test('has functions with language and body', () => {
    const functionOf = (name: string) => catalog.functions.find((one) => one.name === name)
    expect(functionOf('pl_handler')).toMatchObject({ language: 'c', objectFile: '$libdir/plpgsql', body: undefined })
    expect(functionOf('proc')).toMatchObject({
      kind: 'procedure',
      language: 'plpgsql',
      body: 'BEGIN a := a + 1; COMMIT; END',
    })
    expect(functionOf('sqlproc')).toMatchObject({ language: 'sql', body: undefined })
    expect(functionOf('sqlproc')?.bodyPosition).toBeGreaterThan(0)
  })

  test('has policies, grants and the roles that they name', () => {
    expect(catalog.policies).toContainEqual(
      expect.objectContaining({ name: 'p Sel', permissive: false, command: 'SELECT', roles: ['alice', 'Odd Role'] }),
    )
    expect(catalog.policies).toContainEqual(expect.objectContaining({ name: 'p_ins', check: 'true', using: undefined }))
    expect(catalog.grants).toContainEqual(
      expect.objectContaining({ objectType: 'SCHEMA', name: 'Sch 1', grantees: ['alice'], grantOption: true }),
    )
    expect(catalog.grants).toContainEqual(
      expect.objectContaining({
        objectType: 'TABLES',
        privileges: ['INSERT', 'UPDATE'],
        grantees: ['writers'],
        defaults: { role: 'alice', schema: 'plain' },
      }),
    )
    expect(catalog.roles.map(({ name }) => name).sort()).toEqual(
      ['alice', 'bob', 'Odd Role', 'pg_database_owner', 'postgres', 'readers', 'rôle "quoted" \\ ü', 'writers'].sort(),
    )
  })
})

describe('Catalog', () => {
  test('reads commas within brackets as part of a default', () => {
    const defn = `CREATE TABLE public.t (
    a text[] DEFAULT ARRAY['x'::text, 'y'::text] NOT NULL,
    "b, c" numeric(10,2) DEFAULT NULL::numeric,
    d timestamp without time zone DEFAULT timezone('utc'::text, now()),
    e integer GENERATED ALWAYS AS (length((a)::text)) STORED,
    CONSTRAINT ck CHECK (((a)[1] = ANY (ARRAY['x'::text, 'y'::text])))
);\n`
    const [table] = catalogOf({ tag: 't', defn }).tables
    expect(table?.columns.map(({ name, type }) => [name, type])).toEqual([
      ['a', 'text[]'],
      ['b, c', 'numeric(10,2)'],
      ['d', 'timestamp without time zone'],
      ['e', 'integer'],
    ])
    expect(table?.columns[0]).toMatchObject({ default: "ARRAY['x'::text, 'y'::text]", notNull: true })
    expect(table?.columns[1]).toMatchObject({ default: 'NULL::numeric', notNull: false })
    expect(table?.columns[3]).toMatchObject({ default: 'length((a)::text)', generated: 'stored' })
    expect(table?.constraints).toMatchObject([{ kind: 'check', name: 'ck' }])
  })

  test('counts what a definition creates, whatever the entry is called', () => {
    const defn = 'COMMENT ON TABLE t IS NULL; CREATE FUNCTION public.f() RETURNS void LANGUAGE sql AS $$$$;\n'
    expect(catalogOf({ desc: 'COMMENT', defn }).functions).toMatchObject([{ name: 'f', language: 'sql', body: '' }])
  })

  test('reads SET clauses and SECURITY DEFINER of a function', () => {
    const defn = `CREATE FUNCTION public.f(a integer DEFAULT 1, b text) RETURNS TABLE(x integer, y text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "my.setting" TO 'x'
    AS $_$ BEGIN RETURN; END $_$;\n`
    const [f] = catalogOf({ desc: 'FUNCTION', tag: 'f(integer, text)', defn }).functions
    expect(f).toMatchObject({ securityDefiner: true, arguments: 'a integer DEFAULT 1, b text' })
    expect(f?.returns).toBe('TABLE(x integer, y text)')
    expect([...(f?.settings ?? [])]).toEqual([
      ['search_path', "'pg_catalog', 'pg_temp'"],
      ['my.setting', "'x'"],
    ])
  })

  test('does not take PERIOD of a temporal foreign key for a column, unless one has that name', () => {
    const { tables } = catalogOf(
      { tag: 't', defn: 'CREATE TABLE public.t (\n    a integer,\n    b daterange,\n    period daterange\n);\n' },
      {
        desc: 'FK CONSTRAINT',
        tag: 't f',
        defn: 'ALTER TABLE ONLY public.t ADD CONSTRAINT f FOREIGN KEY (a, PERIOD b) REFERENCES public.u(x, PERIOD y);\n',
      },
      {
        desc: 'CONSTRAINT',
        tag: 't k',
        defn: 'ALTER TABLE ONLY public.t ADD CONSTRAINT k UNIQUE (a, period WITHOUT OVERLAPS);\n',
      },
    )
    expect(tables[0]?.constraints).toMatchObject([
      { kind: 'foreign key', columns: ['a', 'b'], references: { columns: ['x', 'y'] } },
      { kind: 'unique', columns: ['a', 'period'] },
    ])
  })

  test('takes an ALTER TABLE that comes before its table', () => {
    const { tables } = catalogOf(
      { desc: 'CONSTRAINT', tag: 't pk', defn: 'ALTER TABLE ONLY public.t ADD CONSTRAINT pk PRIMARY KEY (a);\n' },
      { tag: 't', defn: 'CREATE TABLE public.t (\n    a integer\n);\n' },
    )
    expect(tables[0]?.constraints).toMatchObject([{ kind: 'primary key', columns: ['a'] }])
    expect(tables[0]?.columns[0]?.notNull).toBe(true)
  })

  test('takes words that every object of JavaScript has for names like any other', () => {
    const catalog = catalogOf(
      { tag: 'constructor', defn: 'CREATE constructor toString;\nALTER __proto__ valueOf;\n' },
      { tag: 's', desc: 'SEQUENCE', defn: 'CREATE SEQUENCE public.s AS constructor;\n' },
    )
    expect(catalog.sequences).toMatchObject([{ type: 'constructor', max: 9_223_372_036_854_775_807n }])
  })

  test('says who grants, between SET SESSION AUTHORIZATION and RESET', () => {
    const defn =
      'SET SESSION AUTHORIZATION bob;\nGRANT SELECT(a, "b c"), UPDATE ON TABLE public.t TO "Al B" WITH GRANT OPTION;\n' +
      'RESET SESSION AUTHORIZATION;\nREVOKE GRANT OPTION FOR ALL ON TABLE public.t FROM PUBLIC;\n'
    const { grants, roles } = catalogOf({ desc: 'ACL', tag: 'TABLE t', defn })
    expect(grants).toMatchObject([
      { grant: true, privileges: ['SELECT(a,"b c")', 'UPDATE'], grantees: ['Al B'], grantor: 'bob', grantOption: true },
      { grant: false, privileges: ['ALL'], grantees: ['PUBLIC'], grantor: undefined },
    ])
    expect(roles.map(({ name, uses }) => [name, uses.at(-1)?.as])).toEqual([
      ['postgres', 'owner'],
      ['bob', 'grantor'],
      ['Al B', 'grantee'],
    ])
  })

  test('label() names objects as SQL does', () => {
    const view = viewOf([
      entryOf(1, { tag: 'Odd "T"', namespace: 'My S' }),
      entryOf(2, { desc: 'FUNCTION', tag: 'Odd F(integer)', namespace: 'app' }),
      entryOf(3, { desc: 'ACL', tag: 'TABLE t', namespace: 'app' }),
      entryOf(4, { desc: 'EXTENSION', tag: 'uuid-ossp', namespace: null }),
      entryOf(5, { desc: 'CONSTRAINT', tag: 't t_pkey', namespace: 'app' }),
    ])
    const catalog = new Catalog(view)
    expect(view.toc.map((entry) => catalog.label(entry))).toEqual([
      '"My S"."Odd ""T"""',
      'app."Odd F"(integer)',
      'TABLE app.t',
      '"uuid-ossp"',
      'app.t t_pkey',
    ])
  })
})

test('a sequence called as the words of its statement belongs to its column', () => {
  const { sequences } = catalogOf(
    { desc: 'SEQUENCE', tag: 'owned', namespace: 'owned', defn: 'CREATE SEQUENCE owned.owned\n    START WITH 1;\n' },
    {
      desc: 'SEQUENCE OWNED BY',
      tag: 'owned',
      namespace: 'owned',
      defn: 'ALTER SEQUENCE owned.owned OWNED BY app.t.c;\n',
    },
  )
  expect(sequences[0]?.ownedBy).toEqual({ schema: 'app', name: 't', column: 'c' })
})
