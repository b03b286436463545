import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import type { SqlOptions } from '../../../src/ops/options.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { entryOf, type EntryFields } from '../../helpers/entries.ts'
import { archiveOf, bodyOf, failureOf, sqlOf, table } from './sql-of.ts'

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

describe('toSql() with targetVersion', () => {
  it('leaves out settings the server does not know', async () => {
    const entries = [table({ tableam: 'heap' })]
    const sql = await sqlOf(archiveOf(entries), { targetVersion: '11' })
    expect(sql).not.toMatch(
      /transaction_timeout = 0;\nSET transaction|default_table_access_method|SET transaction_timeout/,
    )
    expect(await sqlOf(archiveOf(entries), { targetVersion: '18' })).toBe(await sqlOf(archiveOf(entries)))
  })

  it('reports names as text', async () => {
    const messages: string[] = []
    const defn = 'CREATE TYPE public.r AS RANGE (\n    subtype = int,\n    multirange_type_name = public."ünï"\n);\n'
    const entries = [entryOf(10, { desc: 'TYPE', tag: 'r', defn })]
    const onWarning = ({ message }: Finding): unknown => messages.push(message)
    await sqlOf(archiveOf(entries), { targetVersion: '13', onWarning })
    expect(messages).toContainEqual(expect.stringContaining('its multirange type public."ünï" is not created'))
  })

  it('reports an access method that is lost', async () => {
    const findings: Finding[] = []
    const entries = [table({ tableam: 'columnar', relkind: 'p' })]
    const sql = await sqlOf(archiveOf(entries), { targetVersion: '16', onWarning: (finding) => findings.push(finding) })
    expect(sql).not.toContain('ACCESS METHOD')
    expect(findings).toMatchObject([{ code: 'TARGET_LACKS', severity: 'warning', dumpId: 10 }])
  })
})
