import { expect, test } from 'vitest'
import { fieldCount, parseCopyStatement } from '../../../src/copy/copy-statement.ts'

test('parseCopyStatement() reads table and columns', () => {
  expect(parseCopyStatement('COPY public.t (a, "B ""c"", d)", e) FROM stdin;\n')).toEqual({
    table: ['public', 't'],
    columns: ['a', 'B "c", d)', 'e'],
    withOids: false,
  })
  expect(parseCopyStatement('COPY "Sch.1"."T" (a) WITH OIDS FROM stdin;\n')).toEqual({
    table: ['Sch.1', 'T'],
    columns: ['a'],
    withOids: true,
  })
})

test('parseCopyStatement() knows statements without a list of columns', () => {
  expect(parseCopyStatement('COPY plain.zero_columns  FROM stdin;\n')).toMatchObject({ columns: undefined })
  expect(parseCopyStatement('COPY "t"  WITH OIDS FROM stdin;\n')).toMatchObject({ columns: undefined, withOids: true })
})

test('parseCopyStatement() gives undefined for anything else', () => {
  for (const text of [
    '',
    'SELECT 1;',
    'COPY t (a) TO stdout;',
    'COPY t (a,) FROM stdin;',
    'COPY t () FROM stdin;',
    'COPY t (a) FROM stdin; DROP TABLE t;',
    "COPY t (a) FROM '/etc/passwd';",
  ]) {
    expect(parseCopyStatement(text)).toBeUndefined()
  }
})

test('fieldCount() counts the OID as a field', () => {
  const count = (text: string) => {
    const statement = parseCopyStatement(text)
    return statement === undefined ? null : fieldCount(statement)
  }
  expect(count('COPY t (a, b) FROM stdin;')).toBe(2)
  expect(count('COPY t (a, b) WITH OIDS FROM stdin;')).toBe(3)
  expect(count('COPY t FROM stdin;')).toBeUndefined()
})
