import { describe, expect, test } from 'vitest'
import { InsertScanner, type InsertScannerOptions } from '../../../src/copy/insert-scanner.ts'
import { charLengthOf } from '../../../src/sql/multibyte.ts'

interface Found {
  readonly statements: number
  readonly rows: number
  /** Code and offset of the first of each kind. */
  readonly defects: readonly string[]
}

function scanned(bytes: Uint8Array, size: number, options: InsertScannerOptions): Found {
  const scanner = new InsertScanner(options)
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size))
  const { statements, rows, defects } = scanner.finish()
  return { statements, rows, defects: defects.map(({ code, offset }) => `${code} ${offset}`) }
}

/** What is found must not depend on where the text is cut. */
function scan(text: string | Uint8Array, options: InsertScannerOptions = { stdStrings: true }): Found {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const whole = scanned(bytes, bytes.length + 1, options)
  for (let size = 1; size <= 7; size++) expect(scanned(bytes, size, options)).toEqual(whole)
  return whole
}

const one = 'INSERT INTO public.t VALUES '

describe('InsertScanner counts', () => {
  test.each<readonly [string, number, number]>([
    ['', 0, 0],
    ['\n\n', 0, 0],
    [`${one}(1, 'a;b', NULL);\n`, 1, 1],
    [`${one}(1), (2),\n\t(3);\n${one}(4);\n\n\n`, 2, 4],
    ['INSERT INTO public."values (" DEFAULT VALUES;\n', 1, 1],
    [`INSERT INTO t (a, "b;") OVERRIDING SYSTEM VALUE VALUES (-1.5e+20, B'101', true) ON CONFLICT DO NOTHING;\n`, 1, 1],
    [`${one}('it''s'), (E'it\\'s; \\\\');\n`, 1, 2],
    [`${one}('back\\');\n`, 1, 1],
    [`${one}('é日');\n`, 1, 1],
  ])('%s', (text, statements, rows) => {
    expect(scan(text)).toEqual({ statements, rows, defects: [] })
  })

  test('a backslash as an escape in every string without standard_conforming_strings', () => {
    expect(scan(`${one}('it\\'s; ');\n`, { stdStrings: false })).toEqual({ statements: 1, rows: 1, defects: [] })
    expect(scan(`${one}('it\\'s; ');\n`).defects).toContain('SQL_NOT_ENDED 41')
  })

  test('a backslash within a longer character as none', () => {
    const sjis = Buffer.concat([Buffer.from(`${one}('`), Buffer.from([0x95, 0x5c]), Buffer.from(`');\n`)])
    const charLength = charLengthOf('SJIS')
    expect(scan(sjis, { stdStrings: false, charLength })).toEqual({ statements: 1, rows: 1, defects: [] })
    expect(scan(sjis, { stdStrings: false }).defects).not.toEqual([])
  })
})

describe('InsertScanner finds', () => {
  test.each<readonly [string, string, readonly string[]]>([
    ['another statement', `${one}(1);\nDROP TABLE t;\n`, ['SQL_NOT_INSERT 33']],
    ['what is no statement', `(1);\n`, ['SQL_NOT_INSERT 0']],
    ['a longer word', `INSERTS INTO t VALUES (1);\n`, ['SQL_NOT_INSERT 0']],
    ['a command of psql', `${one}(1);\n\\! true\n`, ['SQL_BACKSLASH 33', 'SQL_NOT_INSERT 33', 'SQL_NOT_ENDED 41']],
    ['a NUL in a string', `${one}('a\0b');\n`, ['SQL_NUL 31']],
    ['a NUL elsewhere', `${one}(1\0);\n`, ['SQL_NUL 30']],
    ['a cut number', `${one}(1`, ['SQL_NOT_ENDED 30']],
    ['a cut string', `${one}('a`, ['SQL_NOT_ENDED 31']],
    ['a cut word', `INSERT`, ['SQL_NOT_ENDED 6']],
    ['a missing semicolon', `${one}(1)\n`, ['SQL_NOT_ENDED 32']],
    ['a command behind a quote in a block comment', `${one}(1 /* ' */); \\! true\n -- '\n;`, ['SQL_UNUSUAL 31']],
    ['a command behind a quote in a dollar quote', `${one}($$'$$); \\! true\n -- '\n;`, ['SQL_UNUSUAL 29']],
    ['a quote that ends a word', `${one}(1E'\\'); \\! true\n -- ');`, ['SQL_UNUSUAL 31']],
    ['a command behind a carriage return that ends a comment', `${one}(1); -- x\r\\! true\n;`, ['SQL_BACKSLASH 38']],
  ])('%s', (_, text, defects) => {
    expect(scan(text).defects).toEqual(expect.arrayContaining(defects as string[]))
  })

  test('how often, and the first statement', () => {
    const scanner = new InsertScanner({ stdStrings: true })
    scanner.push(Buffer.from(`${one}(1);\nDELETE FROM t;\nDELETE FROM u;\n`))
    expect(scanner.finish().defects).toEqual([{ code: 'SQL_NOT_INSERT', count: 2, statement: 2, offset: 33 }])
  })
})
