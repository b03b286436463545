import { describe, expect, it } from 'vitest'
import type { ArchiveError } from '../../../src/errors.ts'
import { parseFilter, type FilterFileOptions } from '../../../src/ops/filter-file.ts'

const complaint = (text: string, options?: FilterFileOptions): unknown => {
  try {
    return parseFilter(text, options)
  } catch (error) {
    return (error as ArchiveError).details?.['pgRestore'] // a wrong class would have no details
  }
}
const onLine = (line: number, text: string): string =>
  `invalid format in filter read from standard input on line ${line}: ${text}`
const table = (name: string): unknown => parseFilter(`include table ${name}`).tables?.[0]

describe('parseFilter()', () => {
  it('adds to the lists of a selection', () => {
    const text =
      '# all\n\ninclude table a # one\ninclude TABLE b\nINCLUDE index i\nexclude schema s\ninclude function f(integer)'
    expect(parseFilter(text)).toEqual({
      tables: ['a', 'b'],
      indexes: ['i'],
      excludeSchemas: ['s'],
      functions: ['f(integer)'],
    })
  })

  it('writes names the way the server does', () => {
    expect(table('  f ( integer,text )  ')).toBe('f(integer, text)')
    expect(table('a . b  c')).toBe('a.b c')
    expect(table('"a  b""c"')).toBe('"a  b""c"')
  })

  it('lets a quoted name go on over lines, and knows its escapes', () => {
    expect(parseFilter('include table "a\n b"\ninclude table "x\\n\\\\\\y"')).toEqual({
      tables: ['"a\n b"', '"x\n\\"'],
    })
  })

  it('gives bytes for bytes', () => {
    const text = Uint8Array.from([...'include table '].map((letter) => letter.charCodeAt(0)).concat(0xe9))
    expect(parseFilter(text)).toEqual({ tables: [Uint8Array.of(0xe9)] })
  })

  it.each([
    ['x', 1, 'invalid filter command (expected "include" or "exclude")'],
    ['\ninclude', 2, 'missing filter object type'],
    ['include view x', 1, 'unsupported filter object type: "view"'],
    ['include table', 1, 'missing object name pattern'],
    ['include table "a\n\n', 2, 'unexpected end of file'],
    ['exclude table_data a', 1, 'exclude filter for "table data" is not allowed'],
    ['include extension a', 1, 'include filter for "extension" is not allowed'],
  ])('refuses %j', (text, line, message) => {
    expect(complaint(text)).toBe(onLine(line, message))
  })

  it('cuts messages at 255 bytes', () => {
    expect(complaint(`include ${'v'.repeat(300)} x`)).toBe(
      onLine(1, `unsupported filter object type: "${'v'.repeat(255 - 33)}`),
    )
  })

  it('takes lines for C strings: a NUL hides the rest of its line, which goes on with the next', () => {
    expect(parseFilter('include table a\0b\n')).toEqual({ tables: ['a'] })
    expect(parseFilter('include table a\0b\n b\ninclude schema s\0')).toEqual({ tables: ['a b'], schemas: ['s'] })
    expect(complaint('include table a\0\n\nx')).toBe(
      onLine(2, 'invalid filter command (expected "include" or "exclude")'),
    )
  })

  it('names the file', () => {
    expect(complaint('x y', { fileName: 'my.filter' })).toMatch(
      /^invalid format in filter read from file "my\.filter" on line 1: /,
    )
  })

  it('ends keywords at the first other character before August 2025', () => {
    expect(complaint('include table"a"', { compat: '17.5' })).toEqual({ tables: ['"a"'] })
    expect(complaint('include table"a"', { compat: '17.6' })).toBe(
      onLine(1, 'unsupported filter object type: "table"a""'),
    )
    expect(complaint('1 x', { compat: '17.5' })).toBe(
      onLine(1, 'no filter command found (expected "include" or "exclude")'),
    )
  })
})
