import { describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { decodeByteString, encodeByteString } from '../../../src/bytes/byte-string.ts'
import { InsertRows, type InsertRowsOptions } from '../../../src/copy/insert-rows.ts'
import { RowDigest, RowSplitter } from '../../../src/drill/row-digest.ts'
import { charLengthOf } from '../../../src/sql/multibyte.ts'
import { fixture } from '../../helpers/corpus.ts'

interface Found {
  readonly rows: readonly string[]
  readonly target: ReturnType<InsertRows['finish']>
}

function readIn(bytes: Uint8Array, size: number, options: InsertRowsOptions): Found {
  const rows: string[] = []
  const reader = new InsertRows(options, (row) => rows.push(decodeByteString(row)))
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size))
  return { rows, target: reader.finish() }
}

/** What is read must not depend on where the text is cut. Text and rows are byte strings. */
function read(text: string, options: InsertRowsOptions = { stdStrings: true }): Found {
  const bytes = encodeByteString(text)
  const whole = readIn(bytes, bytes.length + 1, options)
  for (let size = 1; size <= 7; size++) expect(readIn(bytes, size, options)).toEqual(whole)
  return whole
}

const one = 'INSERT INTO public.t VALUES '

describe('InsertRows gives what COPY would write of', () => {
  test.each<readonly [string, readonly string[]]>([
    [`${one}(1, -1.5e+20, 'a;b', NULL, true, false);\n`, ['1\t-1.5e+20\ta;b\t\\N\tt\tf']],
    [`${one}(1), (2),\n\t(3);\n${one}(4);\n\n\n`, ['1', '2', '3', '4']],
    [`${one}('');\n`, ['']],
    [`${one}('it''s', '''', 'NULL', '(,);--');\n`, ["it's\t'\tNULL\t(,);--"]],
    [`${one}('a\tb\nc\rd\be\ff\vg', '\\x00', '\\.');\n`, ['a\\tb\\nc\\rd\\be\\ff\\vg\t\\\\x00\t\\\\.']],
    [`${one}(B'', B'0101');\n`, ['\t0101']],
    [`${one}(E'it\\'s; \\\\ ''');\n`, ["it's; \\\\ '"]],
    [`${one}(1) ON CONFLICT DO NOTHING;\n${one}(2)\n ON CONFLICT DO NOTHING;\n`, ['1', '2']],
    ['INSERT INTO t DEFAULT VALUES;\nINSERT INTO t DEFAULT VALUES;\n', ['', '']],
    [`${one}('\xc3\xa9 \xe6\x97\xa5');\n`, ['\xc3\xa9 \xe6\x97\xa5']],
  ])('%s', (text, rows) => {
    expect(read(text).rows).toEqual(rows)
  })

  test('strings without standard_conforming_strings', () => {
    const options = { stdStrings: false }
    expect(read(`${one}('plain''', E'back\\\\slash');\n`, options).rows).toEqual(["plain'\tback\\\\slash"])
  })

  test('characters whose second byte is a backslash', () => {
    const charLength = charLengthOf('SJIS')
    for (const stdStrings of [true, false]) {
      expect(read(`${one}('\x95\x5c', 'x');\n`, { stdStrings, charLength }).rows).toEqual(['\x95\x5c\tx'])
    }
  })
})

describe('InsertRows.finish() tells', () => {
  test('names without quotes, and which values are DEFAULT', () => {
    const columns =
      'INSERT INTO "S 1"."T""(" (a, "b) VALUES (", c) OVERRIDING SYSTEM VALUE VALUES\n\t(1, DEFAULT, \'\')'
    expect(read(`${columns};\n`)).toEqual({
      rows: ['1\t'],
      target: { table: ['S 1', 'T"('], columns: ['a', 'b) VALUES (', 'c'], count: 3, defaults: [1] },
    })
    expect(read(`${one}(DEFAULT, 1);\n`)).toMatchObject({ rows: ['1'], target: { columns: undefined, defaults: [0] } })
  })

  test('that there is no statement', () => {
    expect(read('\n\n').target).toBe('none')
  })

  test.each([
    'SELECT 1;\n',
    `${one}(1)`,
    `${one};\n`,
    `${one}(1)(2);\n`,
    `${one}(1),;\n`,
    `${one}(now());\n`,
    `${one}(1 + 1);\n`,
    `${one}('a' 'b');\n`,
    `${one}('a'::text);\n`,
    `${one}(E'\\n');\n`,
    `${one}(B'2');\n`,
    `${one}(X'ff');\n`,
    `${one}(TRUE);\n`,
    `${one}(1e);\n${one}(1f);\n`,
    `${one}('\0');\n`,
    `${one}(1);\n${one}(1, 2);\n`,
    `${one}(1, DEFAULT);\n${one}(DEFAULT, 1);\n`,
    `${one}(1);\nINSERT INTO public.other VALUES (1);\n`,
    `${one}(1) ON CONFLICT DO UPDATE SET a = 1;\n`,
    `${one}(1);\n-- a comment\n`,
    'INSERT INTO t SELECT 1;\n',
  ])('what pg_dump does not write: %j', (text) => {
    expect(read(text).target).toBeUndefined()
  })
})

/** Of each table, by its name. */
async function digests(path: string): Promise<ReadonlyMap<string, string>> {
  await using archive = await open(fixture(path).file)
  const { encoding, stdStrings } = archive.settings
  const found = new Map<string, string>()
  for (const entry of archive.toc.filter(({ desc }) => desc === 'TABLE DATA')) {
    const digest = new RowDigest()
    const add = (row: Uint8Array): void => digest.add(row)
    const options = { stdStrings, charLength: charLengthOf(encoding) }
    const reader = entry.copyStmt === null ? new InsertRows(options, add) : new RowSplitter(add)
    for await (const chunk of archive.data(entry)) reader.push(chunk)
    if (entry.copyStmt === null) expect(reader.finish()).toBeDefined()
    found.set(`${entry.namespace}.${entry.tag}`, `${digest.rows} ${digest.hex()}`)
  }
  return found
}

test.each([
  ['18/inserts-Fc.dump', '18/full-Fc.dump'],
  ['encodings/sjis-inserts-Fc.dump', 'encodings/sjis-Fc.dump'],
])('the INSERT statements of %s are the rows of %s', async (statements, rows) => {
  const copied = await digests(rows)
  const inserted = await digests(statements)
  expect(inserted.size).toBeGreaterThan(0)
  expect([...inserted].filter(([table, digest]) => copied.get(table) !== digest)).toEqual([])
})
