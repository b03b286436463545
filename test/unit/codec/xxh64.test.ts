import { expect, test } from 'vitest'
import { Xxh64 } from '../../../src/codec/xxh64.ts'

function xxh64(bytes: Uint8Array, piece: number, plain: boolean): string {
  const hash = new Xxh64(plain)
  for (let at = 0; at < bytes.length; at += piece) hash.update(bytes.subarray(at, at + piece))
  return hash.digest().toString(16).padStart(16, '0')
}

test('Xxh64 gives the published sums', () => {
  for (const plain of [false, true]) {
    expect(xxh64(new Uint8Array(0), 1, plain)).toBe('ef46db3751d8e999')
    expect(xxh64(Buffer.from('a'), 1, plain)).toBe('d24ec4f1a98c6e5b')
    expect(xxh64(Buffer.from('abc'), 1, plain)).toBe('44bc2cf5ad770999')
    expect(xxh64(Buffer.from('Nobody inspects the spammish repetition'), 5, plain)).toBe('fbcea83c8a378bf1')
  }
})

test('Xxh64 gives the same however the input is cut, with and without WebAssembly', () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 31 + (index >>> 7)) & 255)
  for (const length of [31, 32, 33, 63, 100, 65_472, 65_473, 200_000]) {
    const part = bytes.subarray(0, length)
    const whole = xxh64(part, length, true)
    expect(xxh64(part, length, false)).toBe(whole)
    expect(xxh64(part, 77, false)).toBe(whole)
  }
})
