import { isUtf8 } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { EncodingCheck } from '../../../src/inspect/encoding-check.ts'
import { random } from '../../helpers/damage.ts'

function faultIn(encoding: string, bytes: Uint8Array, size: number): number | undefined {
  const check = new EncodingCheck(encoding)
  for (let at = 0; at < bytes.length; at += size) check.push(bytes.subarray(at, at + size))
  return check.finish()
}

/** Must not depend on where the text is cut. */
function fault(encoding: string, text: string | readonly number[]): number | undefined {
  const bytes = typeof text === 'string' ? Buffer.from(text) : Uint8Array.from(text)
  const whole = faultIn(encoding, bytes, bytes.length + 1)
  for (let size = 1; size <= 6; size++) expect(faultIn(encoding, bytes, size), `pieces of ${size}`).toBe(whole)
  return whole
}

const [a, lf] = [0x61, 0x0a]

describe('EncodingCheck tells the first byte that is no character:', () => {
  test.each<readonly [string, string, readonly number[], number | undefined]>([
    ['UTF8', 'characters of 1 to 4 bytes', [...Buffer.from('aé日😀\n')], undefined],
    ['UTF8', 'a byte that begins none', [a, 0xff, lf], 1],
    ['UTF8', 'a byte that goes on with none', [a, a, 0x80, lf], 2],
    ['UTF8', 'a character that is cut by ASCII', [a, 0xe6, 0x97, lf], 1],
    ['UTF8', 'a character that is cut by the end', [a, 0xe6, 0x97], 1],
    ['UTF8', 'a longer form', [a, 0xc0, 0xaf], 1],
    ['UTF8', 'a surrogate', [a, 0xed, 0xa0, 0x80], 1],
    ['UTF8', 'what is beyond Unicode', [a, 0xf4, 0x90, 0x80, 0x80], 1],
    ['EUC_JP', 'two and three bytes', [0xc6, 0xfc, 0x8f, 0xa2, 0xaf, 0x8e, 0xb1, lf], undefined],
    ['EUC_JP', 'half of a character', [a, 0xc6, lf], 1],
    ['EUC_JP', 'half of a character at the end', [a, 0xc6], 1],
    ['SJIS', 'a backslash as second byte', [0x95, 0x5c, lf], undefined],
    ['SJIS', 'half of a character', [a, 0x95, lf], 1],
    ['GB18030', 'two and four bytes', [0xc4, 0xe3, 0x81, 0x30, 0x81, 0x30, lf], undefined],
    ['GB18030', 'four bytes that are cut', [a, 0x81, 0x30, 0x81], 1],
    ['LATIN1', 'any byte', [0xff, 0x80, 0xe6], undefined],
    ['SQL_ASCII', 'any byte', [0xff, 0x80, 0xe6], undefined],
  ])('%s, %s', (encoding, _, bytes, at) => {
    expect(fault(encoding, bytes)).toBe(at)
  })

  test('as Node.js judges UTF-8, whatever the bytes and wherever they are cut', () => {
    const next = random(20_261_127)
    const parts = [[a], [0xc3, 0xa9], [0xe6, 0x97, 0xa5], [0xf0, 0x9f, 0x98, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xe6]]
    let valid = 0
    for (let run = 0; run < 3000; run++) {
      const honest = next() < 0.5 ? 4 : parts.length
      const bytes = Array.from({ length: Math.floor(next() * 12) }).flatMap(
        () => parts[Math.floor(next() * honest)] ?? [],
      )
      const at = fault('UTF8', bytes)
      expect(at === undefined).toBe(isUtf8(Uint8Array.from(bytes)))
      if (at === undefined) valid++
      else expect(isUtf8(Uint8Array.from(bytes.slice(0, at)))).toBe(true)
    }
    expect(valid).toBeGreaterThan(1000)
  })
})
