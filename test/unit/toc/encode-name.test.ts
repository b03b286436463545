import { describe, expect, test } from 'vitest'
import { encodeByteString } from '../../../src/bytes/byte-string.ts'
import { decoderFor } from '../../../src/toc/encoding.ts'
import { encoderFor } from '../../../src/toc/encode-name.ts'

describe('encoderFor()', () => {
  test.each([
    ['UTF8', 'rôle→スキーマ 🙂'],
    ['SQL_ASCII', 'rôle→スキーマ'],
    ['LATIN1', 'rôle\u0080'],
    ['LATIN5', 'ığş Ğ'],
    ['LATIN9', 'œuvre €'],
    ['WIN1252', 'œuvre – 5 €'],
    ['WIN1251', 'роль'],
    ['KOI8R', 'роль'],
    ['EUC_JP', '表ソ能予 ｱ'],
    ['SJIS', '表ソ能予 ｱ'],
    ['BIG5', '功許蓋'],
    ['GBK', '誠昞乗'],
    ['EUC_KR', '한글'],
    ['UHC', '뷁'],
    ['EUC_CN', '汉字'],
    ['GB18030', '汉字'],
  ])('%s says %s in bytes that are shown as it', (encoding, text) => {
    const bytes = encoderFor(encoding)(text)
    expect(bytes).toBeDefined()
    expect(decoderFor(encoding)(encodeByteString(bytes ?? ''))).toBe(text)
  })

  test('finds the bytes of SJIS whose second is a backslash', () => {
    expect(encoderFor('SJIS')('表')).toBe('\u0095\\')
  })

  test.each([
    ['LATIN1', 'スキーマ'],
    ['WIN1251', 'é'],
    ['SJIS', '한'],
    ['UTF8', '\uD800'],
    ['EUC_TW', '한'],
  ])('%s cannot say %j', (encoding, text) => {
    expect(encoderFor(encoding)(text)).toBeUndefined()
  })

  test('takes what the decoder shows where nothing knows the encoding', () => {
    const stored = '\u00a4\u00a2'
    const shown = decoderFor('EUC_TW')(encodeByteString(stored))
    expect(encoderFor('EUC_TW')(shown)).toBe(stored)
  })
})
