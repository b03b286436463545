import { describe, expect, it } from 'vitest'
import { decodeByteString, encodeByteString } from '../../../src/bytes/byte-string.ts'
import { ArchiveError, type Finding } from '../../../src/errors.ts'
import { byteStream, chunksOf, type ByteStream } from '../../../src/io/byte-stream.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { SqlOptions } from '../../../src/ops/options.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import { toSql } from '../../../src/ops/to-sql.ts'
import type { ArchiveSettings, TimeZone, TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView, LargeObject } from '../../../src/view.ts'
import { entryOf, headerOf, viewOf, type EntryFields } from '../../helpers/entries.ts'

const searchPath = "SELECT pg_catalog.set_config('search_path', '', false);\n"
const pseudo = [
  entryOf(1, { desc: 'ENCODING', tag: 'ENCODING', namespace: null, defn: "SET client_encoding = 'UTF8';\n" }),
  entryOf(2, { desc: 'SEARCHPATH', tag: 'SEARCHPATH', namespace: null, defn: searchPath }),
]
const rows = { desc: 'TABLE DATA', section: 'data', hadDumper: true, defn: '', data: { state: 'not-set' } } as const
const stream = (...chunks: readonly Uint8Array[]): ByteStream => byteStream(() => chunksOf(chunks))
const bytes = (text: string): Uint8Array => encodeByteString(text)

interface Contents {
  readonly data?: Readonly<Record<number, ByteStream>>
  readonly objects?: readonly LargeObject[]
  readonly settings?: Partial<ArchiveSettings>
  readonly version?: number
  readonly plan?: (entries: readonly TocEntry[]) => void
}

/** A view of entries made by hand with data of its own. */
function archiveOf(toc: readonly TocEntry[], contents: Contents = {}): ArchiveView {
  const header = headerOf({ version: { major: 1, minor: contents.version ?? 16, rev: 0 } })
  const view = viewOf([...pseudo, ...toc], { header })
  return {
    ...view,
    settings: { ...view.settings, searchPath, ...contents.settings },
    data: (entry) => contents.data?.[entry.dumpId] ?? stream(),
    async *largeObjects() {
      yield* contents.objects ?? []
    },
    plan: contents.plan ?? (() => undefined),
  }
}

async function sqlOf(view: ArchiveView, options: SqlOptions = {}, selection: Selection = {}): Promise<string> {
  const filtered = filter(view, selection, options.compat === undefined ? {} : { compat: options.compat })
  return decodeByteString(await toSql(filtered, { restrictKey: 'key', ...options }).bytes())
}

/** The script without what stands around the entries. */
async function bodyOf(view: ArchiveView, options: SqlOptions = {}, selection: Selection = {}): Promise<string> {
  const sql = await sqlOf(view, options, selection)
  return sql.slice(
    sql.indexOf('SET row_security') + 'SET row_security = off;\n\n'.length,
    sql.lastIndexOf('--\n-- PostgreSQL'),
  )
}

async function failureOf(
  view: ArchiveView,
  options: SqlOptions = {},
  selection: Selection = {},
): Promise<[string, ArchiveError]> {
  let text = ''
  try {
    for await (const chunk of toSql(filter(view, selection), { restrictKey: 'key', ...options }))
      text += decodeByteString(chunk)
  } catch (error) {
    if (error instanceof ArchiveError) return [text, error]
    throw error
  }
  throw new Error('did not fail')
}

const table = (fields: EntryFields = {}): TocEntry =>
  entryOf(10, { tag: 'a', defn: 'CREATE TABLE public.a (\n);\n', dropStmt: 'DROP TABLE public.a;\n', ...fields })

describe('toSql() around the entries', () => {
  it('writes the whole frame', async () => {
    expect(await sqlOf(archiveOf([]))).toBe(`--
-- PostgreSQL database dump
--

\\restrict key

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- PostgreSQL database dump complete
--

\\unrestrict key

`)
  })

  it('makes up a key of 63 letters and digits', async () => {
    const keyOf = async (): Promise<string | undefined> =>
      /\\restrict (.*)\n/.exec(decodeByteString(await toSql(archiveOf([])).bytes()))?.[1]
    const key = await keyOf()
    expect(key).toMatch(/^[A-Za-z0-9]{63}$/)
    expect(await keyOf()).not.toBe(key)
  })

  it('writes no key when told so, nor for releases without it', async () => {
    expect(await sqlOf(archiveOf([]), { restrictKey: false })).not.toContain('restrict ')
    expect(await sqlOf(archiveOf([]), { compat: '13' })).not.toContain('restrict ')
  })

  it('names pg_restore itself for archives that do not say who made them', async () => {
    const view = archiveOf([], { version: 9 })
    const raw = { dbname: null, remoteVersion: null, dumpVersion: null }
    const old = { ...view, header: { ...view.header, raw, remoteVersion: null, dumpVersion: null } }
    expect(await sqlOf(old, { compat: '17' })).toContain('\n\n-- Dumped by pg_dump version 17.11\n\n')
  })

  it('says when, with verbose', async () => {
    const timeZone: TimeZone = { formatLocal: ({ year }) => `${year} local`, formatInstant: () => 'now' }
    const sql = await sqlOf(archiveOf([]), { verbose: true, timeZone })
    expect(sql).toContain('18.6\n\n-- Started on 2026 local\n\nSET')
    expect(sql).toContain('-- Completed on now\n\n--\n-- PostgreSQL')
  })

  it.each<[SqlOptions, Selection, string]>([
    [{ ifExists: true }, {}, 'option --if-exists requires option -c/--clean'],
    [{ clean: true }, { dataOnly: true }, 'options -c/--clean and -a/--data-only cannot be used together'],
    [
      { singleTransaction: true, transactionSize: 1 },
      {},
      'options -1/--single-transaction and --transaction-size cannot be used together',
    ],
    [
      { singleTransaction: true },
      { create: true },
      'options -C/--create and -1/--single-transaction cannot be used together',
    ],
    [{ restrictKey: 'no-good' }, {}, 'invalid restrict key'],
    [{ restrictKey: '' }, {}, 'invalid restrict key'],
    [{ transactionSize: 0 }, {}, '--transaction-size must be in range 1..2147483647'],
  ])('refuses %j of %j at once', (options, selection, pgRestore) => {
    const view = filter(archiveOf([]), selection)
    expect(() => toSql(view, options)).toThrow(expect.objectContaining({ code: 'USAGE', details: { pgRestore } }))
  })
})

describe('toSql() of an entry', () => {
  it('writes comment, definition and owner', async () => {
    expect(await bodyOf(archiveOf([table({ tablespace: '', tableam: 'heap' })]))).toBe(
      `SET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n` +
        `--\n-- Name: a; Type: TABLE; Schema: public; Owner: postgres\n--\n\n` +
        `CREATE TABLE public.a (\n);\n\n\nALTER TABLE public.a OWNER TO postgres;\n\n`,
    )
  })

  it('keeps names on one line of the comment, null as a hyphen, empty as empty', async () => {
    const odd = table({ tag: 'a\r\nb', namespace: null, owner: '', tablespace: 'x\ny', dropStmt: null })
    expect(await bodyOf(archiveOf([odd]))).toContain(
      '-- Name: a  b; Type: TABLE; Schema: -; Owner: ; Tablespace: x y\n',
    )
  })

  it('says more with verbose', async () => {
    const timeZone: TimeZone = { formatLocal: () => null, formatInstant: () => 'now' }
    const entry = table({ dependencies: [3, 3], data: { state: 'set', offset: 77 } })
    expect(await sqlOf(archiveOf([entry]), { verbose: true, timeZone })).toContain(
      '--\n-- TOC entry 10 (class 1259 OID 16394)\n-- Dependencies: 3 3\n-- Name: a; Type: TABLE; Schema: public; Owner: postgres\n-- Data Pos: 77\n--\n\n',
    )
  })

  it('gives the bytes of a definition in an encoding that is not UTF-8', async () => {
    const defn = Uint8Array.of(0x2d, 0x2d, 0x20, 0xe4, 0xff, 0x0a)
    expect(await bodyOf(archiveOf([table({ defn, encoding: 'LATIN1' })]))).toContain('-- \u00e4\u00ff\n\n\n')
  })

  it.each([
    ['VIEW', '15', 'ALTER TABLE public.a OWNER TO postgres;'],
    ['VIEW', '16', 'ALTER VIEW public.a OWNER TO postgres;'],
    ['BLOB', '18', 'ALTER LARGE OBJECT a OWNER TO postgres;'],
    ['FUNCTION', '18', 'ALTER TABLE public.a OWNER TO postgres;'],
  ])('names the owner of a %s as %s does', async (desc, compat, expected) => {
    expect(await bodyOf(archiveOf([table({ desc })]), { compat })).toContain(`${expected}\n\n`)
  })

  it('gives no owner to objects that have none of their own, nor to entries without a drop command', async () => {
    const entries = [table({ desc: 'INDEX' }), entryOf(11, { dropStmt: '' })]
    expect(await bodyOf(archiveOf(entries))).not.toContain('OWNER TO')
  })

  it('ends where the owner of an unknown type is wanted, before 16 with a warning only', async () => {
    const view = archiveOf([table({ desc: 'THING' })])
    const [text, error] = await failureOf(view)
    expect(text).toMatch(/CREATE TABLE public.a \(\n\);\n\n\n$/)
    expect(error).toMatchObject({
      code: 'UNSUPPORTED',
      dumpId: 10,
      details: { pgRestore: `don't know how to set owner for object type "THING"` },
    })
    const findings: Finding[] = []
    await sqlOf(view, { compat: '15', onWarning: (finding) => findings.push(finding) })
    expect(findings).toMatchObject([
      { severity: 'warning', message: `don't know how to set owner for object type "THING"` },
    ])
  })

  it('selects schemas only when the archive has no search path of its own', async () => {
    const entries = [table(), entryOf(11), entryOf(12, { namespace: 'pg_catalog' })]
    const sql = await bodyOf(archiveOf(entries, { settings: { searchPath: null } }), { noOwner: true })
    expect(sql.match(/SET search_path.*/g)).toEqual([
      'SET search_path = public, pg_catalog;',
      'SET search_path = pg_catalog;',
    ])
    expect(await bodyOf(archiveOf(entries))).not.toContain('search_path')
  })

  it('becomes the owner with session authorization, again after an ACL', async () => {
    const entries = [
      table(),
      entryOf(11, { desc: 'ACL' }),
      entryOf(12, { desc: 'EVENT TRIGGER', namespace: null }),
      entryOf(13, { owner: '' }),
    ]
    const sql = await bodyOf(archiveOf(entries), { useSetSessionAuthorization: true })
    expect(sql.match(/SET SESSION.*/g)).toEqual([
      "SET SESSION AUTHORIZATION 'postgres';",
      'SET SESSION AUTHORIZATION DEFAULT;',
      "SET SESSION AUTHORIZATION 'postgres';",
      "SET SESSION AUTHORIZATION 'postgres';",
    ])
    expect(sql).not.toContain('OWNER TO')
  })

  it('keeps the comment that stands for schema public, but not in 13', async () => {
    const schema = table({ desc: 'SCHEMA', tag: 'public', namespace: null, defn: '-- *not* creating schema\n' })
    expect(await bodyOf(archiveOf([schema]), { noOwner: true })).toContain('\n-- *not* creating schema\n\n\n')
    expect(await bodyOf(archiveOf([schema]), { noOwner: true, compat: '13' })).toContain(
      '\nCREATE SCHEMA public;\n\n\n',
    )
    expect(await bodyOf(archiveOf([schema]), { useSetSessionAuthorization: true })).toContain(
      'ALTER SCHEMA public OWNER TO postgres;',
    )
  })

  it('alters the access method of a partitioned table', async () => {
    const sql = await bodyOf(archiveOf([table({ relkind: 'p', tableam: 'Odd' })]))
    expect(sql).toContain('OWNER TO postgres;\n\nALTER TABLE public.a SET ACCESS METHOD "Odd";\n\n')
    expect(sql).not.toContain('default_table_access_method')
  })
})

describe('toSql() in passes', () => {
  const entries = [
    entryOf(10, { desc: 'ACL', tag: 'TABLE a' }),
    entryOf(11, { desc: 'EVENT TRIGGER', tag: 'e' }),
    entryOf(12, { desc: 'SECURITY LABEL', tag: 'EVENT TRIGGER e' }),
    entryOf(13, { desc: 'STATISTICS DATA', tag: 'i', section: 'post-data' }),
    entryOf(14, { desc: 'STATISTICS DATA', tag: 'a', section: 'data' }),
    entryOf(15, { tag: 'a' }),
  ]
  const order = async (compat: string): Promise<string[]> =>
    [...(await bodyOf(archiveOf(entries), { compat })).matchAll(/-- (.*?)Name: (.*?); Type: (.*?);/g)].map(
      ([, prefix, name, type]) => `${prefix}${type} ${name}`,
    )

  it('writes ACLs after the objects, event triggers and late statistics last', async () => {
    expect(await order('18')).toEqual([
      'Statistics for STATISTICS DATA a',
      'TABLE a',
      'ACL TABLE a',
      'EVENT TRIGGER e',
      'SECURITY LABEL EVENT TRIGGER e',
      'Statistics for STATISTICS DATA i',
    ])
  })

  it('takes statistics for ordinary entries in 17', async () => {
    expect(await order('17')).toEqual([
      'STATISTICS DATA i',
      'STATISTICS DATA a',
      'TABLE a',
      'ACL TABLE a',
      'EVENT TRIGGER e',
      'SECURITY LABEL EVENT TRIGGER e',
    ])
    expect((await order('17.6'))[0]).toBe('SECURITY LABEL EVENT TRIGGER e')
  })
})

describe('toSql() with clean', () => {
  const dropped = async (fields: EntryFields, options: SqlOptions = {}): Promise<string> => {
    const sql = await bodyOf(archiveOf([entryOf(10, { tag: 'a', owner: '', ...fields })]), { clean: true, ...options })
    return sql.slice(0, sql.indexOf('--\n-- Name'))
  }

  it.each([
    ['TABLE', 'DROP TABLE a;\n', 'DROP TABLE IF EXISTS a;\n'],
    [
      'CONSTRAINT',
      'ALTER TABLE ONLY a DROP CONSTRAINT c;\n',
      'ALTER TABLE IF EXISTS ONLY a DROP CONSTRAINT IF EXISTS c;\n',
    ],
    [
      'DEFAULT',
      'ALTER TABLE a ALTER COLUMN b DROP DEFAULT;\n',
      'ALTER TABLE IF EXISTS a ALTER COLUMN b DROP DEFAULT;\n',
    ],
    ['RULE', 'CREATE OR REPLACE VIEW v AS SELECT 1;\n', 'CREATE OR REPLACE VIEW v AS SELECT 1;\n'],
    ['SCHEMA', '-- *not* dropping schema\n', '-- *not* dropping schema\n'],
    [
      'BLOB',
      "SELECT pg_catalog.lo_unlink('1');\n",
      "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '4000000000';\n",
    ],
    [
      'A TYPE WITH A NAME OF MORE THAN 39 CHARACTERS',
      'DROP A TYPE WITH A NAME OF MORE THAN 39 CHARACTERS x;\n',
      'DROP A TYPE WITH A NAME OF MORE THAN 39 IF EXISTS CHARACTERS x;\n',
    ],
  ])('inserts IF EXISTS for %s', async (desc, dropStmt, expected) => {
    expect(await dropped({ desc, dropStmt, catalogId: { tableoid: 0, oid: 4_000_000_000 } }, { ifExists: true })).toBe(
      expected,
    )
    expect(await dropped({ desc, dropStmt })).toBe(dropStmt)
  })

  it('warns where it finds no place, with the rest of the change done', async () => {
    const findings: Finding[] = []
    const options = { ifExists: true, onWarning: (finding: Finding) => findings.push(finding) }
    expect(await dropped({ desc: 'THING', dropStmt: 'ALTER TABLE a DROP x;\n' }, options)).toBe(
      'ALTER TABLE IF EXISTS a DROP x;\n',
    )
    expect(findings).toMatchObject([
      { dumpId: 10, message: 'could not find where to insert IF EXISTS in statement "ALTER TABLE a DROP x;\n"' },
    ])
  })

  it('drops last first, and with create the database only', async () => {
    const entries = [
      entryOf(10, { desc: 'DATABASE', tag: 'd', dropStmt: 'DROP DATABASE d;\n', namespace: null }),
      entryOf(11, { dropStmt: 'DROP TABLE b;\n' }),
      entryOf(12, { dropStmt: 'DROP TABLE c;\n' }),
    ]
    const drops = async (selection: Selection): Promise<string[] | null> =>
      (await bodyOf(archiveOf(entries), { clean: true }, selection)).match(/DROP .*/g)
    expect(await drops({})).toEqual(['DROP TABLE c;', 'DROP TABLE b;'])
    expect(await drops({ create: true })).toEqual(['DROP DATABASE d;'])
  })
})

describe('toSql() with create', () => {
  const database = (tag: string): TocEntry =>
    entryOf(10, { desc: 'DATABASE', tag, namespace: null, owner: '', defn: 'CREATE DATABASE …;\n' })

  it('connects to the database and sets everything again', async () => {
    const sql = await sqlOf(archiveOf([database('d'), table({ tableam: 'heap' })]), {}, { create: true })
    expect(sql).toContain('\\unrestrict key\n\\connect d\n\\restrict key\n\nSET statement_timeout = 0;\n')
    expect(sql.match(/SET client_encoding/g)).toHaveLength(2)
  })

  it('leaves an empty line after connecting where there is no key', async () => {
    expect(await sqlOf(archiveOf([database('d')]), { compat: '13' }, { create: true })).toContain('\\connect d\n\nSET')
  })

  it('ends where the name of the database holds a line break', async () => {
    const [text, error] = await failureOf(archiveOf([database('a\nb')]), {}, { create: true })
    expect(text.endsWith('\\unrestrict key\n')).toBe(true)
    expect(error.details).toEqual({
      pgRestore: 'database name contains a newline or carriage return: "a\nb"',
      unprefixed: true,
    })
  })
})

describe('toSql() of data', () => {
  const copy = entryOf(20, { ...rows, tag: 'a', copyStmt: 'COPY public.a (b) FROM stdin;\n', dependencies: [10] })
  const contents = (): Contents => ({ data: { 20: stream(bytes('1\n'), bytes('\\.\n\n\n')) } })

  it('writes what the archive holds after the COPY', async () => {
    expect(await bodyOf(archiveOf([copy], contents()))).toBe(
      '--\n-- Data for Name: a; Type: TABLE DATA; Schema: public; Owner: postgres\n--\n\nCOPY public.a (b) FROM stdin;\n1\n\\.\n\n\n',
    )
  })

  it('passes large chunks through, and gathers small ones', async () => {
    const large = new Uint8Array(100_000).fill(65)
    const small = Array.from({ length: 2000 }, () => bytes('x'.repeat(100)))
    const source = toSql(archiveOf([copy], { data: { 20: stream(...small, large) } }), { restrictKey: 'key' }).borrow()
    const chunks: Uint8Array[] = []
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) chunks.push(chunk)
    expect(chunks.length).toBe(3)
    expect(chunks[1]).toBe(large)
  })

  it('tells the archive which data it needs, in order', async () => {
    const planned: number[] = []
    const entries = [
      entryOf(20, { ...rows, namespace: 'x' }),
      entryOf(21, { ...rows, data: { state: 'no-data' } }),
      entryOf(22, rows),
      entryOf(23, { desc: 'EVENT TRIGGER', hadDumper: false }),
    ]
    await sqlOf(archiveOf(entries, { plan: (list) => planned.push(...list.map(({ dumpId }) => dumpId)) }))
    expect(planned).toEqual([20, 22])
  })

  it('disables triggers where no definition is wanted, as the superuser', async () => {
    const options = { disableTriggers: true, superuser: "o'x" }
    const sql = await bodyOf(archiveOf([table(), copy], contents()), options, { dataOnly: true })
    expect(sql).toContain(
      "--\n\nSET SESSION AUTHORIZATION 'o''x';\n\nALTER TABLE public.a DISABLE TRIGGER ALL;\n\nCOPY public.a (b) FROM stdin;\n1\n\\.\n\n\nALTER TABLE public.a ENABLE TRIGGER ALL;\n\n",
    )
    expect(await bodyOf(archiveOf([copy], contents()), options)).toContain('DISABLE TRIGGER')
    expect(await bodyOf(archiveOf([table(), copy], contents()), options)).not.toContain('DISABLE TRIGGER')
  })

  it('gives out what it has before it fails, and releases the source', async () => {
    let cancelled = 0
    const failing = byteStream(() => {
      let calls = 0
      return {
        next: async () => {
          if (calls++ === 0) return bytes('1\n')
          throw new ArchiveError('BAD_COMPRESSED_DATA', 'Cannot read: no')
        },
        cancel: async () => void cancelled++,
      }
    })
    const [text, error] = await failureOf(archiveOf([copy], { data: { 20: failing } }))
    expect(error.code).toBe('BAD_COMPRESSED_DATA')
    expect(text.endsWith('FROM stdin;\n1\n')).toBe(true)
    expect(cancelled).toBe(1)
  })

  it('releases the data when its reader stops early', async () => {
    let cancelled = 0
    const endless = byteStream(() => ({ next: async () => new Uint8Array(1e5), cancel: async () => void cancelled++ }))
    let chunks = 0
    for await (const chunk of toSql(archiveOf([copy], { data: { 20: endless } })))
      if (chunk.length === 1e5 && ++chunks === 3) break
    expect(cancelled).toBe(1)
  })

  it('stops at a signal', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const endless = byteStream(() => ({ next: async () => new Uint8Array(1e5), cancel: async () => undefined }))
    const sql = toSql(archiveOf([copy], { data: { 20: endless } }), {
      signal: controller.signal,
      onProgress: ({ bytes: count }) => count > 1e6 && controller.abort(reason),
    })
    await expect(sql.bytes({ maxBytes: Infinity })).rejects.toBe(reason)
  })

  it('says how far it is', async () => {
    const seen: [number, number | undefined][] = []
    const sql = toSql(archiveOf([copy], { data: { 20: stream(new Uint8Array(1e5)) } }), {
      onProgress: ({ bytes: count, entry }) => seen.push([count, entry]),
    })
    const { length } = await sql.bytes()
    expect(seen.at(-1)).toEqual([length, undefined])
    expect(seen.some(([count, entry]) => entry === 20 && count > 1e5)).toBe(true)
  })
})

describe('toSql() of large objects', () => {
  const group = entryOf(30, {
    desc: 'BLOB METADATA',
    tag: '5..9',
    namespace: null,
    section: 'data',
    owner: 'Bob',
    defn: '5\n9\n',
    dropStmt: '-- dummy',
  })
  const acl = entryOf(31, {
    desc: 'ACL',
    tag: 'LARGE OBJECTS 5..9',
    namespace: null,
    section: 'none',
    dependencies: [30],
    defn: 'REVOKE ALL ON LARGE OBJECT 5 FROM "LARGE OBJECT 1;";\nGRANT ALL ON LARGE OBJECT 5 TO "a";\n',
  })
  const blobs = entryOf(32, { ...rows, desc: 'BLOBS', tag: '5..9', namespace: null, owner: null })
  const objects = (): LargeObject[] => [
    { oid: 5, data: stream(bytes('he'), bytes('y')) },
    { oid: 4_000_000_000, data: stream() },
  ]

  it('creates, owns and grants one by one', async () => {
    expect((await bodyOf(archiveOf([group, acl]))).replaceAll(/--\n-- .*\n--\n\n/g, '')).toBe(
      "SELECT pg_catalog.lo_create('5');\nSELECT pg_catalog.lo_create('9');\n\n" +
        'ALTER LARGE OBJECT 5 OWNER TO "Bob";\nALTER LARGE OBJECT 9 OWNER TO "Bob";\n\n' +
        'REVOKE ALL ON LARGE OBJECT 5 FROM "LARGE OBJECT 1;";\nREVOKE ALL ON LARGE OBJECT 9 FROM "LARGE OBJECT 1;";\n\n' +
        'GRANT ALL ON LARGE OBJECT 5 TO "a";\nGRANT ALL ON LARGE OBJECT 9 TO "a";\n\n',
    )
  })

  it('ends where the group of an ACL is not in the archive', async () => {
    const [, error] = await failureOf(archiveOf([acl]))
    expect(error).toMatchObject({ code: 'ENTRY_NOT_FOUND', details: { pgRestore: 'could not find entry for ID 30' } })
  })

  it('writes the contents in a transaction', async () => {
    expect((await bodyOf(archiveOf([blobs], { objects: objects() }))).replace(/--\n-- .*\n--\n\n/, '')).toBe(
      "BEGIN;\n\nSELECT pg_catalog.lo_open('5', 131072);\nSELECT pg_catalog.lowrite(0, '\\x686579');\nSELECT pg_catalog.lo_close(0);\n\n" +
        "SELECT pg_catalog.lo_open('4000000000', 131072);\nSELECT pg_catalog.lo_close(0);\n\nCOMMIT;\n\n",
    )
  })

  it('creates objects with their contents for archives before 1.12', async () => {
    const sql = await bodyOf(archiveOf([blobs], { objects: objects(), version: 11 }), {
      clean: true,
      transactionSize: 9,
    })
    expect(sql).toContain(
      "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '5';\nSELECT pg_catalog.lo_open(pg_catalog.lo_create('5'), 131072);\n",
    )
    expect(sql).not.toContain('BEGIN;\n\nSELECT')
  })
})

describe('toSql() with transactionSize', () => {
  const controls = (sql: string): string[] => sql.match(/COMMIT|BEGIN|CREATE \w+|lo_create\('\d'|\\connect/g) ?? []

  it('commits after so many entries, counting semicolons but not of functions', async () => {
    const entries = [
      entryOf(10, { defn: 'CREATE TABLE a;\nx; y;\n' }),
      entryOf(11, { desc: 'FUNCTION', defn: 'CREATE FUNCTION f; ; ; ;\n' }),
      entryOf(12, { defn: 'CREATE TABLE b;\n' }),
      entryOf(13, { defn: 'CREATE TABLE c;\n' }),
    ]
    expect(controls(await sqlOf(archiveOf(entries), { transactionSize: 2 }))).toEqual(
      'BEGIN,CREATE TABLE,COMMIT,BEGIN,CREATE FUNCTION,CREATE TABLE,COMMIT,BEGIN,CREATE TABLE,COMMIT'.split(','),
    )
  })

  it('counts every large object of a group, even between the last of them and the empty line', async () => {
    const group = entryOf(30, { desc: 'BLOB METADATA', tag: '5..9', owner: '', defn: '5\n9\n' })
    expect(await bodyOf(archiveOf([group]), { transactionSize: 2 })).toContain(
      "SELECT pg_catalog.lo_create('5');\nSELECT pg_catalog.lo_create('9');\nCOMMIT;\nBEGIN;\n\n\n",
    )
  })

  it('leaves the transaction for a database', async () => {
    const database = entryOf(10, {
      desc: 'DATABASE',
      tag: 'd',
      namespace: null,
      owner: '',
      defn: 'CREATE DATABASE d;\n',
    })
    const sql = await sqlOf(archiveOf([database]), { transactionSize: 5 }, { create: true })
    expect(controls(sql)).toEqual(['BEGIN', 'COMMIT', 'CREATE DATABASE', '\\connect', 'BEGIN', 'COMMIT'])
  })
})

describe('toSql() messages', () => {
  it('reports what pg_restore -v reports, as text and as bytes', async () => {
    const entry = table({ tag: Uint8Array.of(0xe9), encoding: 'LATIN1' })
    const seen: string[] = []
    const onMessage = (text: string, raw: Uint8Array): void => void seen.push(text, decodeByteString(raw))
    await sqlOf(archiveOf([entry, entryOf(11, { ...rows, tag: 'a' })]), { onMessage })
    expect(seen).toEqual([
      'creating TABLE "public.é"',
      'creating TABLE "public.\u00e9"',
      'processing data for table "public.a"',
      'processing data for table "public.a"',
    ])
  })

  it.each([
    ['18', 'implied no-schema restore'],
    ['17', 'implied data-only restore'],
  ])('says for %s that nothing is defined', async (compat, expected) => {
    const seen: string[] = []
    await sqlOf(archiveOf([entryOf(11, rows)]), { compat, onMessage: (text) => seen.push(text) })
    expect(seen[0]).toBe(expected)
  })
})

describe('toSql() with targetVersion', () => {
  it('leaves out settings the server does not know', async () => {
    const entries = [table({ tableam: 'heap' })]
    const sql = await sqlOf(archiveOf(entries), { targetVersion: '11' })
    expect(sql).not.toMatch(
      /transaction_timeout = 0;\nSET transaction|default_table_access_method|SET transaction_timeout/,
    )
    expect(await sqlOf(archiveOf(entries), { targetVersion: '18' })).toBe(await sqlOf(archiveOf(entries)))
  })

  it('reports an access method that is lost', async () => {
    const findings: Finding[] = []
    const entries = [table({ tableam: 'columnar', relkind: 'p' })]
    const sql = await sqlOf(archiveOf(entries), { targetVersion: '16', onWarning: (finding) => findings.push(finding) })
    expect(sql).not.toContain('ACCESS METHOD')
    expect(findings).toMatchObject([{ code: 'TARGET_LACKS', severity: 'warning', dumpId: 10 }])
  })
})
