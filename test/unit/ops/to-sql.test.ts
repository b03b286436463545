import { describe, expect, it } from 'vitest'
import { decodeByteString } from '../../../src/bytes/byte-string.ts'
import type { Finding } from '../../../src/errors.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { SqlOptions } from '../../../src/ops/options.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import { toSql } from '../../../src/ops/to-sql.ts'
import type { TimeZone } from '../../../src/toc/types.ts'
import { entryOf } from '../../helpers/entries.ts'
import { archiveOf, bodyOf, failureOf, rows, sqlOf, table } from './sql-of.ts'

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
