import { describe, expect, test } from 'vitest'
import { CopyRows, type CopyRules, type RowPicker } from '../../../src/inspect/salvage-rows.ts'
import { InsertRows } from '../../../src/inspect/salvage-statements.ts'

/** What a picker keeps of a text, given in pieces of every size. */
function picked(make: () => RowPicker, text: string): { kept: string; rows: number; dropped: number; intact: boolean } {
  const bytes = Buffer.from(text, 'latin1')
  const results = [1, 3, bytes.length].map((size) => {
    const picker = make()
    const kept: string[] = []
    for (let at = 0; at < bytes.length && !picker.done; at += size) {
      for (const piece of picker.push(bytes.subarray(at, at + size))) kept.push(Buffer.from(piece).toString('latin1'))
    }
    if (!picker.done) for (const piece of picker.end()) kept.push(Buffer.from(piece).toString('latin1'))
    const { rows, dropped, intact } = picker
    return { kept: kept.join(''), rows, dropped, intact }
  })
  const [first] = results
  for (const result of results) expect(result).toEqual(first)
  if (first === undefined) throw new Error('no result')
  return first
}

const end = '\\.\n\n\n'
const usual: CopyRules = { columns: 2, encoding: 'UTF8', resume: true, maxRowBytes: 1000 }
const copy = (text: string, rules: Partial<CopyRules> = {}): ReturnType<typeof picked> =>
  picked(() => new CopyRows({ ...usual, ...rules }), text)

describe('CopyRows', () => {
  test('keeps all of sound data', () => {
    expect(copy(`a\tb\n\\N\t\\\\\\n\n${end}`)).toEqual({
      kept: 'a\tb\n\\N\t\\\\\\n\n',
      rows: 2,
      dropped: 0,
      intact: true,
    })
  })

  test.each([
    ['a field too few', 'a'],
    ['a field too many', 'a\tb\tc'],
    ['a NUL', 'a\t\0'],
    ['a carriage return', 'a\tb\r'],
    ['an escape that PostgreSQL does not write', 'a\t\\q'],
    ['a backslash at its end', 'a\tb\\'],
    ['\\N within a field', 'a\tx\\N'],
    ['\\N with something behind it', '\\Nx\tb'],
    ['\\. within a row', 'a\t\\.'],
    ['bytes that are no UTF-8', 'a\t\xe4\xf6'],
    ['more bytes than the limit', `a\t${'x'.repeat(999)}`],
  ])('leaves out a row with %s', (_, row) => {
    expect(copy(`a\tb\n${row}\nc\td\n${end}`)).toEqual({ kept: 'a\tb\nc\td\n', rows: 2, dropped: 1, intact: false })
    expect(copy(`a\tb\n${row}\nc\td\n${end}`, { resume: false })).toMatchObject({ kept: 'a\tb\n', dropped: 1 })
  })

  test('takes a byte within a character for no backslash', () => {
    // 表 in SJIS is 0x95 0x5c
    expect(copy(`\x95\x5c\tb\n${end}`, { encoding: 'SJIS' })).toMatchObject({ rows: 1, intact: true })
    expect(copy(`\x95\tb\n${end}`, { encoding: 'SJIS' })).toMatchObject({ rows: 0, dropped: 1 })
    expect(copy(`\x95\x5c\tb\n${end}`, { encoding: 'LATIN1' })).toMatchObject({ rows: 0, dropped: 1 })
  })

  test('is not intact with anything but empty lines behind the end', () => {
    expect(copy(`a\tb\n\\.\nDROP TABLE t;\n`)).toEqual({ kept: 'a\tb\n', rows: 1, dropped: 0, intact: false })
    expect(copy(`a\tb\n\\.\n\r\n`).intact).toBe(false)
    expect(copy(`a\tb\nc\td`)).toMatchObject({ kept: 'a\tb\n', intact: false })
  })

  test('tells whether text of an unknown encoding is UTF-8', () => {
    const rows = new CopyRows({ ...usual, encoding: undefined })
    rows.push(Buffer.from('a\tä\n'))
    expect(rows.isUtf8).toBe(true)
    rows.push(Buffer.from('a\tä\n', 'latin1'))
    expect([rows.isUtf8, rows.rows]).toEqual([false, 2])
  })

  test('keeps rows of one column that begin with an empty one where no columns are named', () => {
    expect(copy(`\n\nx\n${end}`, { columns: undefined })).toEqual({
      kept: '\n\nx\n',
      rows: 3,
      dropped: 0,
      intact: true,
    })
  })
})

describe('CopyRows of rows that are too long to be held', () => {
  const long = 'x'.repeat(1_200_000)
  const readTwice = (text: string, size: number, rules: Partial<CopyRules> = {}) => {
    const bytes = Buffer.from(text, 'latin1')
    const read = (rows: CopyRows): { readonly kept: string; readonly mostHeld: number } => {
      let kept = ''
      let mostHeld = 0
      for (let at = 0; at < bytes.length && !rows.done; at += size) {
        for (const piece of rows.push(bytes.subarray(at, at + size))) {
          kept += Buffer.from(piece).toString('latin1')
          mostHeld = Math.max(mostHeld, piece.length)
        }
      }
      rows.end()
      return { kept, mostHeld }
    }
    const first = new CopyRows({ ...usual, maxRowBytes: 2 ** 32, ...rules })
    read(first)
    const second = new CopyRows({ ...usual, maxRowBytes: 2 ** 32, ...rules }, first.longRows)
    const { kept, mostHeld } = read(second)
    const { rows, dropped, bytes: keptBytes, intact, firstBad } = first
    expect({ rows, dropped, bytes: keptBytes, intact, firstBad }).toEqual({
      rows: second.rows,
      dropped: second.dropped,
      bytes: second.bytes,
      intact: second.intact,
      firstBad: second.firstBad,
    })
    expect(keptBytes).toBe(kept.length)
    return { kept, mostHeld, rows, dropped, intact, firstBad }
  }

  test.each([4096, 262_144, 10_000_000])('gives them at the second reading, in chunks of %i bytes', (size) => {
    const text = `a\tb\n${long}\t\\N\nc\td\n${long}\t\\q\n\t${long}\u00c3\u00a4\n`
    const { kept, rows, dropped, firstBad } = readTwice(`${text}${end}`, size)
    expect(kept).toBe(`a\tb\n${long}\t\\N\nc\td\n\t${long}\u00c3\u00a4\n`)
    expect({ rows, dropped, firstBad }).toEqual({ rows: 4, dropped: 1, firstBad: 4 + 1_200_004 + 4 })
  })

  test.each([
    ['a field too many', `${long}\t\t`],
    ['no UTF-8', `${long}\t\xe4`],
    ['a NUL', `${long}\t\0`],
    ['a backslash at its end', `${long}\tb\\`],
    ['more bytes than the limit', `${long}\t${long}`],
  ])('leaves out one with %s', (_, row) => {
    const rules = { maxRowBytes: 2_000_000 }
    expect(readTwice(`a\tb\n${row}\nc\td\n${end}`, 262_144, rules)).toMatchObject({ kept: 'a\tb\nc\td\n', dropped: 1 })
    expect(readTwice(`${row}\nc\td\n${end}`, 262_144, { ...rules, resume: false })).toMatchObject({
      kept: '',
      dropped: 1,
    })
  })

  test('leaves out one that is cut, or behind the end mark', () => {
    expect(readTwice(`a\tb\n${long}\tb`, 262_144)).toMatchObject({ kept: 'a\tb\n', rows: 1, intact: false })
    expect(readTwice(`a\tb\n\\.\n${long}\tb\n`, 262_144)).toMatchObject({ kept: 'a\tb\n', rows: 1, intact: false })
  })

  test('takes the number of columns from one that is the first', () => {
    const text = `${long}\tb\tc\na\tb\tc\nd\n${end}`
    expect(readTwice(text, 262_144, { columns: undefined })).toMatchObject({ rows: 2, dropped: 1 })
  })

  test('holds no more than a chunk and the longest row that is held', () => {
    const { mostHeld, rows } = readTwice(`${'y'.repeat(20_000_000)}\tb\n${end}`, 65_536)
    expect(rows).toBe(1)
    expect(mostHeld).toBeLessThanOrEqual(1024 * 1024)
  })
})

const options = { encoding: 'UTF8', stdStrings: true }
const insert = (text: string, resume = true): ReturnType<typeof picked> =>
  picked(() => new InsertRows(options, { resume, maxRowBytes: 10_000, encoding: 'UTF8' }), text)
const row = (values: string): string => `INSERT INTO public.t VALUES (${values});\n`

describe('InsertRows', () => {
  test.each([
    row("1, 'a''b;\nINSERT INTO', -1.5e3, NULL, true, B'01'"),
    'INSERT INTO public.t DEFAULT VALUES;\n',
    "INSERT INTO public.t (a, b) OVERRIDING SYSTEM VALUE VALUES\n\t(1, 'x'),\n\t(2, DEFAULT);\n",
    'INSERT INTO public.t VALUES (1) ON CONFLICT DO NOTHING;\n',
  ])('keeps %j', (statement) => {
    expect(insert(`${statement}${statement}\n\n`)).toMatchObject({
      kept: statement + statement,
      dropped: 0,
      intact: true,
    })
  })

  test.each([
    ['another table', "INSERT INTO public.u VALUES (2, 'b');\n"],
    ['a value less', row('2')],
    ['a value more', row("2, 'b', 3")],
    ['two values without a comma', row("2 3, 'b'")],
    ['a word that is no value', row('2, b')],
    ['a comment', row("2, /* 'c' */ 'b'")],
    ['a backslash', row("2, \\ 'b'")],
    ['a NUL', row("2, '\0'")],
    ['bytes that are no UTF-8', row("2, '\xe4'")],
    ['other SQL', "DROP TABLE t; INSERT INTO public.t VALUES (2, 'b');\n"],
  ])('leaves out a statement with %s', (_, statement) => {
    const [one, two, three] = [row("1, 'a'"), row("3, 'c'"), row("4, 'd'")]
    expect(insert(`${one}${two}${statement}${three}\n\n`)).toEqual({
      kept: one + two + three,
      rows: 3,
      dropped: 1,
      intact: false,
    })
    expect(insert(`${one}${two}${statement}${three}\n\n`, false).kept).toBe(one + two)
  })

  test('finds the statements behind a quote that is missing', () => {
    const broken = "INSERT INTO public.t VALUES (2, 'b);\n"
    const [one, two, three] = [row("1, 'a'"), row("3, 'it''s'"), row("4, 'd'")]
    const found = insert(`${one}${one}${broken}${two}${three}\n\n`)
    expect(found.kept).toBe(one + one + two + three)
    expect(found.dropped).toBeGreaterThan(0)
  })
})
