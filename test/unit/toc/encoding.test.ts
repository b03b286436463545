import { describe, expect, test } from 'vitest'
import { canonicalEncoding, decoderFor } from '../../../src/toc/encoding.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

describe('canonicalEncoding()', () => {
  test.each([
    ['UTF8', 'UTF8'],
    ['unicode', 'UTF8'],
    ['ISO-8859-1', 'LATIN1'],
    ['iso_8859_5', 'ISO_8859_5'],
    ['Windows-1252', 'WIN1252'],
    ['koi8', 'KOI8R'],
    ['Shift_JIS', 'SJIS'],
    ['SQL_ASCII', 'SQL_ASCII'],
    ['vscii', 'WIN1258'],
  ])('%s is %s', (name, canonical) => {
    expect(canonicalEncoding(name)).toBe(canonical)
  })

  test('is undefined for a name that PostgreSQL does not have', () => {
    expect(canonicalEncoding('EBCDIC')).toBeUndefined()
  })
})

describe('decoderFor()', () => {
  test('LATIN1 is ISO 8859-1, not windows-1252', () => {
    expect(decoderFor('LATIN1')(bytes(0x80, 0xe9))).toBe('\u0080\u00e9')
  })

  test('WIN1252 has letters where LATIN1 has control characters', () => {
    expect(decoderFor('WIN1252')(bytes(0x41, 0x80, 0x93, 0x9f, 0xa0, 0xff))).toBe('A€“Ÿ\u00a0ÿ')
  })

  test('LATIN5 is ISO 8859-9, not windows-1254', () => {
    expect(decoderFor('LATIN5')(bytes(0x80, 0xfd, 0xd0))).toBe('\u0080\u0131\u011e')
  })

  test('the other single-byte and multibyte encodings come from TextDecoder', () => {
    expect(decoderFor('WIN1251')(bytes(0xe6))).toBe('ж')
    expect(decoderFor('KOI8R')(bytes(0xd6))).toBe('ж')
    expect(decoderFor('SJIS')(bytes(0x83, 0x5c))).toBe('ソ')
    expect(decoderFor('EUC_JP')(bytes(0xa5, 0xbd))).toBe('ソ')
    expect(decoderFor('GBK')(bytes(0xc4, 0xe3))).toBe('你')
    expect(decoderFor('BIG5')(bytes(0xa7, 0x41))).toBe('你')
    expect(decoderFor('UHC')(bytes(0xc7, 0xd1))).toBe('한')
  })

  test('UHC has the syllables that EUC-KR lacks', () => {
    expect(decoderFor('UHC')(bytes(0x61, 0x81, 0x41, 0x8c, 0x63, 0xc6, 0x52, 0xb0, 0xa1, 0x62))).toBe('a갂똠힣가b')
    expect(decoderFor('UHC')(bytes(0x81, 0x41, 0xff))).toBe('갂\ufffd')
  })

  test('UTF8 keeps a byte order mark and shows invalid bytes as U+FFFD', () => {
    expect(decoderFor('UTF8')(bytes(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa')
    expect(decoderFor('UTF8')(bytes(0x61, 0xff))).toBe('a\ufffd')
  })

  test('SQL_ASCII shows UTF-8 where it is valid, else each byte, so that different names stay different', () => {
    const decode = decoderFor('SQL_ASCII')
    expect(decode(bytes(0xc3, 0xa9))).toBe('é')
    expect(decode(bytes(0xe9))).toBe('é')
    expect(decode(bytes(0xe9, 0xff))).not.toBe(decode(bytes(0xe9, 0xfe)))
  })

  test('an encoding that TextDecoder lacks is shown byte by byte', () => {
    expect(decoderFor('EUC_TW')(bytes(0x8e, 0xa2))).toBe('\u008e\u00a2')
  })
})
