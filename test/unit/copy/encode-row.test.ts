import { describe, expect, test } from 'vitest'
import { RowEncoder } from '../../../src/copy/encode-row.ts'
import { encoderFor } from '../../../src/toc/encode-name.ts'

const utf8 = { encode: encoderFor('UTF8'), embedsAscii: false }
const sjis = { encode: encoderFor('SJIS'), embedsAscii: true }

describe('RowEncoder.encode()', () => {
  test.each([
    [[], '\n'],
    [[''], '\n'],
    [[null], '\\N\n'],
    [['\\N', null], '\\\\N\t\\N\n'],
    [['a', 'b\tc', '\b\n\v\f\r\\'], 'a\tb\\tc\t\\b\\n\\v\\f\\r\\\\\n'],
    [['ü'], 'Ã¼\n'],
    [[Uint8Array.of(0xff, 0x5c), 'ü', Uint8Array.of(9)], 'ÿ\\\\\tÃ¼\t\\t\n'],
    [['\x01\x1b\x7f'], '\x01\x1b\x7f\n'],
  ])('writes %j', (row, expected) => {
    expect(new RowEncoder(utf8).encode(row, 1)).toBe(expected)
  })

  test('escapes characters, not bytes: in SJIS the second byte may be that of a backslash', () => {
    expect(new RowEncoder(sjis).encode(['表\\'], 1)).toBe('\x95\x5c\\\\\n')
  })

  test.each([
    ['a NUL', utf8, ['a\0'], 'NUL'],
    ['a NUL among bytes', utf8, [Uint8Array.of(0)], 'NUL'],
    ['half of a character', utf8, ['\uDC00'], 'encoding'],
    ['characters that the encoding does not have', sjis, ['🐘'], 'encoding'],
    ['a number', utf8, ['a', 1 as unknown as string], 'field 2 is of type number'],
    ['a string in place of a row', utf8, 'ab' as unknown as [], 'array'],
    ['bytes where they cannot be escaped', sjis, ['a', Uint8Array.of(0x41)], 'field 2'],
  ])('refuses %s', (_, options, row, message) => {
    expect(() => new RowEncoder(options).encode(row, 7)).toThrow(
      expect.objectContaining({
        code: 'BAD_COPY_DATA',
        message: expect.stringMatching(new RegExp(`row 7.*${message}`)),
      }),
    )
  })

  test('wants as many fields in each row', () => {
    const encoder = new RowEncoder(utf8)
    encoder.encode(['1', '2'], 1)
    expect(() => encoder.encode(['1'], 2)).toThrow(expect.objectContaining({ code: 'BAD_COPY_DATA' }))
    expect(() => new RowEncoder(utf8, 3).encode(['1'], 1)).toThrow(expect.objectContaining({ code: 'BAD_COPY_DATA' }))
  })
})
