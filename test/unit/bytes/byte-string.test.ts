import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeByteString, encodeByteString, isAscii, utf8ToByteString } from '../../../src/bytes/byte-string.ts'

test('decodeByteString() and encodeByteString() give every byte back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
      const text = decodeByteString(bytes)
      expect(text.length).toBe(bytes.length)
      expect(encodeByteString(text)).toEqual(bytes)
    }),
  )
})

test('decodeByteString() takes a range', () => {
  expect(decodeByteString(Uint8Array.from([65, 66, 200, 67]), 1, 3)).toBe('B\u00c8')
})

test('utf8ToByteString() gives one unit for each byte of the UTF-8 form', () => {
  expect(utf8ToByteString('aé€')).toBe('a\u00c3\u00a9\u00e2\u0082\u00ac')
})

test('isAscii() is false from 128 on', () => {
  expect(isAscii('~\u007f\n')).toBe(true)
  expect(isAscii('a\u0080')).toBe(false)
})
