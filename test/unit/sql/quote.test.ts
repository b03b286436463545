import { describe, expect, it } from 'vitest'
import { decodeByteString } from '../../../src/bytes/byte-string.ts'
import { compatRules } from '../../../src/sql/compat.ts'
import { connectLines, fmtId, fmtQualifiedId, quoteRules, stringLiteral } from '../../../src/sql/quote.ts'

const quote = (release = '18', encoding: string | null = 'UTF8', stdStrings = true) =>
  quoteRules(compatRules(release), encoding, stdStrings)
const bytes = (...values: number[]): string => decodeByteString(Uint8Array.from(values))

describe('fmtId()', () => {
  it.each([
    ['abc_1', 'abc_1'],
    ['_x', '_x'],
    ['Abc', '"Abc"'],
    ['1a', '"1a"'],
    ['a$b', '"a$b"'],
    ['a"b', '"a""b"'],
    ['', '""'],
    ['user', '"user"'],
    ['between', '"between"'],
    ['name', 'name'],
  ])('writes %j as %s', (name, expected) => {
    expect(fmtId(quote(), name)).toBe(expected)
  })

  it('goes by the key words of the release', () => {
    const quoted = (release: string): string[] =>
      ['json', 'json_array', 'system_user'].map((name) => fmtId(quote(release), name))
    expect(quoted('15')).toEqual(['json', 'json_array', 'system_user'])
    expect(quoted('16')).toEqual(['json', '"json_array"', '"system_user"'])
    expect(quoted('17')).toEqual(['"json"', '"json_array"', '"system_user"'])
  })

  it('keeps valid characters of the encoding', () => {
    const name = bytes(0x67, 0xc3, 0xb6, 0xf0, 0x9f, 0x98, 0x80)
    expect(fmtId(quote(), name)).toBe(`"${name}"`)
  })

  it.each([
    ['UTF8', [0x61, 0xff, 0x22], [0x61, 0xc0, 0x20, 0x22, 0x22]],
    ['UTF8', [0xc3], [0xc0, 0x20]],
    ['UTF8', [0xed, 0xa0, 0x80], [0xc0, 0x20, 0xc0, 0x20, 0xc0, 0x20]],
    ['UTF8', [0xc0, 0x80], [0xc0, 0x20, 0xc0, 0x20]],
    ['EUC_JP', [0xa4, 0x22], [0x8d, 0x20, 0x22, 0x22]],
    ['EUC_JP', [0x8e, 0xb1, 0xa4, 0xa2], [0x8e, 0xb1, 0xa4, 0xa2]],
    ['EUC_TW', [0x8e, 0xa2, 0xa1, 0xa1, 0x8f, 0xa1], [0x8e, 0xa2, 0xa1, 0xa1, 0x8d, 0x20, 0x8d, 0x20]],
    ['SJIS', [0x83, 0x5c, 0xb1, 0xff], [0x83, 0x5c, 0xb1, 0x8d, 0x20]],
    ['BIG5', [0xa4, 0x22, 0x8d, 0x20], [0xa4, 0x22, 0x8d, 0x20, 0x20]],
    ['GB18030', [0x81, 0x30, 0x81, 0x30, 0x81, 0x22], [0x81, 0x30, 0x81, 0x30, 0x8d, 0x20, 0x22, 0x22]],
    ['MULE_INTERNAL', [0x81, 0xe9, 0x92, 0x41], [0x81, 0xe9, 0x8d, 0x20, 0x41]],
    ['JOHAB', [0x8f, 0xa1, 0xa1, 0xd9], [0x8f, 0xa1, 0xa1, 0x8d, 0x20]],
    ['LATIN1', [0xff, 0xfe], [0xff, 0xfe]],
    ['SQL_ASCII', [0xff], [0xff]],
  ])('replaces bytes that are no character of %s: %j', (encoding, name, expected) => {
    expect(fmtId(quote('18', encoding), bytes(...name))).toBe(`"${bytes(...expected)}"`)
  })

  it('takes names for UTF8 when the archive names no encoding', () => {
    expect(fmtId(quote('18', null), bytes(0xff))).toBe(`"${bytes(0xc0, 0x20)}"`)
  })

  it('keeps every byte in releases before February 2025', () => {
    expect(fmtId(quote('13.16'), bytes(0xff, 0x22))).toBe(`"${bytes(0xff)}"""`)
  })
})

describe('fmtQualifiedId()', () => {
  it('leaves out a schema that is null or empty', () => {
    expect([null, '', 'S'].map((schema) => fmtQualifiedId(quote(), schema, 'a'))).toEqual(['a', 'a', '"S".a'])
  })
})

describe('stringLiteral()', () => {
  it('doubles quotes, and backslashes without standard_conforming_strings', () => {
    expect(stringLiteral(quote(), String.raw`o'b\x`)).toBe(String.raw`'o''b\x'`)
    expect(stringLiteral(quote('18', 'UTF8', false), String.raw`o'b\x`)).toBe(String.raw`'o''b\\x'`)
  })

  it('replaces invalid bytes, and takes no encoding for SQL_ASCII', () => {
    expect(stringLiteral(quote(), bytes(0xff, 0x27))).toBe(`'${bytes(0xc0, 0x20)}'''`)
    expect(stringLiteral(quote('18', null), bytes(0xff))).toBe(`'${bytes(0xff)}'`)
  })

  it('fills an incomplete character up with blanks in old releases', () => {
    expect(stringLiteral(quote('13.16'), bytes(0x61, 0xe2, 0x82))).toBe(`'${bytes(0x61, 0xe2, 0x82, 0x20)}'`)
  })
})

describe('connectLines()', () => {
  it.each([
    ['t1', '\\connect t1\n'],
    ['T1', '\\connect "T1"\n'],
    ['user', '\\connect "user"\n'],
    ['a.b', '\\connect "a.b"\n'],
    [String.raw`we ird=db's\x`, "\\encoding SQL_ASCII\n\\connect -reuse-previous=on \"dbname='we ird=db\\'s\\\\x'\"\n"],
    ['d"q', '\\encoding SQL_ASCII\n\\connect -reuse-previous=on "dbname=\'d""q\'"\n'],
  ])('connects to %j', (name, expected) => {
    expect(connectLines(quote(), name, true)).toBe(expected)
  })

  it('sets no encoding in releases that do not', () => {
    expect(connectLines(quote('13.16'), 'a b', false)).toBe('\\connect -reuse-previous=on "dbname=\'a b\'"\n')
  })

  it('is null for a name with a line break', () => {
    expect(connectLines(quote(), 'a\nb', true)).toBeNull()
  })
})
