import { describe, expect, it } from 'vitest'
import { audit } from '../../../src/audit/audit.ts'
import { Catalog } from '../../../src/audit/catalog.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'

const view = (...entries: readonly EntryFields[]) => viewOf(entries.map((fields, index) => entryOf(index + 1, fields)))

/** Rules about what pg_dump does not write that find something, with the objects. */
async function found(...entries: readonly EntryFields[]): Promise<readonly string[]> {
  const { findings } = await audit(view(...entries))
  return findings
    .filter(({ rule }) => rule.startsWith('definition-') || rule.startsWith('psql-'))
    .map(({ rule, object }) => `${rule} ${object}`)
}

const rows = (copyStmt: string, tag = 't'): EntryFields => ({
  desc: 'TABLE DATA',
  namespace: 's',
  tag,
  copyStmt,
  defn: null,
})
const table = (tag: string, more = ''): EntryFields => ({
  desc: 'TABLE',
  namespace: 's',
  tag,
  defn: `CREATE TABLE s.${tag} (\n    a integer\n)${more};\n`,
})
const attached = (tag: string, to: string): EntryFields => ({
  desc: 'TABLE ATTACH',
  namespace: 's',
  tag,
  defn: `ALTER TABLE ONLY ${to} ATTACH PARTITION s.${tag} DEFAULT;\n`,
})
const searchPath: EntryFields = {
  desc: 'SEARCHPATH',
  tag: 'SEARCHPATH',
  namespace: null,
  defn: "SELECT pg_catalog.set_config('search_path', '', false);\n",
}
const other = ['definition-of-other-object s.t']

describe('the table that rows are copied into', () => {
  it.each([
    ['its own', [table('t'), rows('COPY s.t (a) FROM stdin;\n')], []],
    ['its own, without columns', [table('t'), rows('COPY s.t  FROM stdin;\n')], []],
    ['its own, in quotes', [rows('COPY s."T" (a) FROM stdin;\n', 'T')], []],
    ['another', [table('t'), table('u'), rows('COPY s.u (a) FROM stdin;\n')], other],
    ['one of another schema', [table('t'), rows('COPY z.t (a) FROM stdin;\n')], other],
    ['one of the server', [rows('COPY pg_catalog.pg_auth_members (oid, roleid) FROM stdin;\n')], other],
    ['one of the server, in quotes', [rows('COPY "pg_catalog"."pg_auth_members" FROM stdin;\n')], other],
    [
      'one of the server that it says to be a partition of',
      [table('t'), attached('t', 'pg_catalog.pg_authid'), rows('COPY pg_catalog.pg_authid FROM stdin;\n')],
      other,
    ],
    [
      'the root of its partitions',
      [
        table('t'),
        table('u'),
        table('v'),
        attached('t', 's.u'),
        attached('u', 's.v'),
        rows('COPY s.v (a) FROM stdin;\n'),
      ],
      [],
    ],
    [
      'a table that is not above it',
      [table('t'), table('u'), table('v'), attached('t', 's.u'), rows('COPY s.v (a) FROM stdin;\n')],
      other,
    ],
    ['a root that was left out', [table('t'), attached('t', 's.u'), rows('COPY s.v (a) FROM stdin;\n')], []],
    [
      'partitions that go round',
      [table('t'), table('u'), attached('t', 's.u'), attached('u', 's.t'), rows('COPY s.v (a) FROM stdin;\n')],
      other,
    ],
    ['any, of data alone', [rows('COPY s.root (a) FROM stdin;\n')], []],
    ['its own, found by search_path', [rows('COPY t (a) FROM stdin;\n')], []],
    ['one that search_path does not find', [searchPath, rows('COPY t (a) FROM stdin;\n')], other],
  ])('is %s', async (_what, entries, expected) => {
    expect(await found(...entries)).toEqual(expected)
  })
})

describe('statements with constants', () => {
  const more = (object: string): string => `definition-does-more ${object}`
  const sequence = (defn: string): EntryFields => ({ desc: 'SEQUENCE SET', namespace: 's', tag: 'q', defn })
  it.each([
    [searchPath, []],
    [{ ...searchPath, defn: "SELECT pg_catalog.set_config('role', 'postgres', false);\n" }, [more('SEARCHPATH')]],
    [{ ...searchPath, defn: "SELECT pg_catalog.set_config('search_path', '', true);\n" }, [more('SEARCHPATH')]],
    [sequence("SELECT pg_catalog.setval('s.q', 42, true);\n"), []],
    [sequence("SELECT pg_catalog.setval('s.q', -42, false);\n"), []],
    [sequence("SELECT pg_catalog.setval('s.q', 1, 't'::boolean AND public.evil());\n"), [more('s.q')]],
    [sequence("SELECT pg_catalog.setval('s.r', 42, true);\n"), ['definition-of-other-object s.q']],
    [sequence("SELECT pg_catalog.setval('z.q', 42, true);\n"), ['definition-of-other-object s.q']],
  ])('%j', async (entry, expected) => {
    expect(await found(entry)).toEqual(expected)
  })
})

describe('what psql does', () => {
  it('is told of a definition without a statement, too', async () => {
    expect(await found({ desc: 'SCHEMA', tag: 'n', namespace: null, defn: '-- nothing\0\n' })).toEqual([
      'psql-command-in-definition n',
    ])
  })
})

describe('ALTER DEFAULT PRIVILEGES', () => {
  const grantsOf = (roles: number, schemas: number) => {
    const list = (count: number, name: string): string =>
      Array.from({ length: count }, (_, index) => `${name}${index}`).join(', ')
    const defn = `ALTER DEFAULT PRIVILEGES FOR ROLE ${list(roles, 'r')} IN SCHEMA ${list(schemas, 's')} GRANT SELECT ON TABLES TO PUBLIC;\n`
    const catalog = new Catalog(view({ desc: 'DEFAULT ACL', tag: 'x', defn }))
    catalog.read()
    return catalog.grants.map(({ defaults }) => defaults)
  }

  it('is a grant for each role and schema', () => {
    expect(grantsOf(3, 2)).toHaveLength(6)
    expect(grantsOf(3, 2)).toContainEqual({ role: 'r2', schema: 's0' })
  })

  it('makes no more of them than its length allows, and leaves no name out', () => {
    const grants = grantsOf(10_000, 7_000)
    expect(grants.length).toBeLessThan(17_000 * 40)
    expect(new Set(grants.map((one) => one?.role)).size).toBe(10_000)
    expect(new Set(grants.map((one) => one?.schema)).size).toBe(7_000)
  })
})

describe('statements about another object than the tag names', () => {
  const one = (desc: string, tag: string, defn: string, more: EntryFields = {}): EntryFields => ({
    desc,
    tag,
    defn: `${defn};\n`,
    namespace: 's',
    ...more,
  })
  const bare = { namespace: null }
  it.each([
    ['a comment', one('COMMENT', 'TABLE t', "COMMENT ON TABLE s.t IS 'x'"), false],
    ['a comment on another table', one('COMMENT', 'TABLE t', "COMMENT ON TABLE s.u IS 'x'"), true],
    ['a comment in another schema', one('COMMENT', 'TABLE t', "COMMENT ON TABLE z.t IS 'x'"), true],
    ['a comment on another type', one('COMMENT', 'TABLE t', "COMMENT ON VIEW s.t IS 'x'"), true],
    ['a comment of old', one('COMMENT', 'TABLE t', "COMMENT ON TABLE t IS 'x'"), false],
    ['a comment on a column', one('COMMENT', 'COLUMN "T".a', 'COMMENT ON COLUMN s."T".a IS \'x\''), false],
    ['a comment on another column', one('COMMENT', 'COLUMN t.a', "COMMENT ON COLUMN s.t.b IS 'x'"), true],
    ['a comment on a trigger', one('COMMENT', 'TRIGGER a ON t', "COMMENT ON TRIGGER a ON s.t IS 'x'"), false],
    ['a comment on the schema', one('COMMENT', 'SCHEMA s', "COMMENT ON SCHEMA s IS 'x'", bare), false],
    ['a comment on a database of old', one('COMMENT', 'my db', 'COMMENT ON DATABASE "my db" IS \'x\'', bare), false],
    ['a label', one('SECURITY LABEL', 'TABLE t', "SECURITY LABEL FOR p ON TABLE s.t IS 'x'"), false],
    ['a label of a column', one('SECURITY LABEL', 'TABLE t', "SECURITY LABEL FOR p ON COLUMN s.t.a IS 'x'"), false],
    ['a label of a role', one('SECURITY LABEL', 'TABLE t', "SECURITY LABEL FOR p ON ROLE bob IS 'x'"), true],
    [
      'a label of another column',
      one('SECURITY LABEL', 'TABLE t', "SECURITY LABEL FOR p ON COLUMN s.u.a IS 'x'"),
      true,
    ],
    ['a large object', one('BLOB', '42', "SELECT pg_catalog.lo_create('42')", bare), false],
    ['another large object', one('BLOB', '42', "SELECT pg_catalog.lo_create('43')", bare), true],
    ['its privileges', one('ACL', 'LARGE OBJECT 42', 'GRANT SELECT ON LARGE OBJECT 42 TO bob', bare), false],
    ['those of another', one('ACL', 'LARGE OBJECT 42', 'GRANT SELECT ON LARGE OBJECT 43 TO bob', bare), true],
    ['those of several', one('ACL', 'LARGE OBJECTS 42..45', 'GRANT SELECT ON LARGE OBJECT 43 TO bob', bare), false],
    ['those of one beyond', one('ACL', 'LARGE OBJECTS 42..45', 'GRANT SELECT ON LARGE OBJECT 46 TO bob', bare), true],
    ['a cast', one('CAST', 'CAST (s.a AS text)', 'CREATE CAST (s.a AS text) WITH INOUT', bare), false],
    ['another cast', one('CAST', 'CAST (s.a AS text)', 'CREATE CAST (integer AS text) WITH INOUT', bare), true],
    ['an operator', one('OPERATOR', '===', 'CREATE OPERATOR s.=== (FUNCTION = s.f, LEFTARG = text)'), false],
    ['another operator', one('OPERATOR', '===', 'CREATE OPERATOR s.= (FUNCTION = s.f, LEFTARG = text)'), true],
    ['one in another schema', one('OPERATOR', '===', 'CREATE OPERATOR z.=== (FUNCTION = s.f, LEFTARG = text)'), true],
    [
      'a user mapping',
      one('USER MAPPING', 'USER MAPPING Bob SERVER away', 'CREATE USER MAPPING FOR "Bob" SERVER away', bare),
      false,
    ],
    [
      'a mapping of another user',
      one('USER MAPPING', 'USER MAPPING bob SERVER away', 'CREATE USER MAPPING FOR eve SERVER away', bare),
      true,
    ],
    ['a published table', one('PUBLICATION TABLE', 'p t', 'ALTER PUBLICATION p ADD TABLE ONLY s.t'), false],
    ['another published table', one('PUBLICATION TABLE', 'p t', 'ALTER PUBLICATION p ADD TABLE ONLY s.u'), true],
    ['another publication', one('PUBLICATION TABLE', 'p t', 'ALTER PUBLICATION q ADD TABLE ONLY s.t'), true],
    [
      'default privileges',
      one(
        'DEFAULT ACL',
        'DEFAULT PRIVILEGES FOR TABLES',
        'ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA s GRANT SELECT ON TABLES TO eve',
        { owner: 'bob' },
      ),
      false,
    ],
    [
      'default privileges of another role',
      one(
        'DEFAULT ACL',
        'DEFAULT PRIVILEGES FOR TABLES',
        'ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA s GRANT SELECT ON TABLES TO eve',
        { owner: 'bob' },
      ),
      true,
    ],
    [
      'default privileges everywhere',
      one(
        'DEFAULT ACL',
        'DEFAULT PRIVILEGES FOR TABLES',
        'ALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT SELECT ON TABLES TO eve',
        { owner: 'bob' },
      ),
      true,
    ],
    [
      'statistics',
      one(
        'STATISTICS DATA',
        't',
        "SELECT * FROM pg_catalog.pg_restore_relation_stats('schemaname', 's', 'relname', 't', 'relpages', '1'::integer)",
      ),
      false,
    ],
    [
      'statistics of another table',
      one(
        'STATISTICS DATA',
        't',
        "SELECT * FROM pg_catalog.pg_restore_relation_stats('schemaname', 's', 'relname', 'u', 'relpages', '1'::integer)",
      ),
      true,
    ],
  ])('%s', async (_, entry, isOther) => {
    expect(await found(entry)).toEqual(isOther ? [expect.stringMatching(/^definition-of-other-object /)] : [])
  })
})
