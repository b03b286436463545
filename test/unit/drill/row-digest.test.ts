import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RowDigest, RowSplitter } from '../../../src/drill/row-digest.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** The rows of a text that comes in pieces of these lengths. */
function split(text: string, lengths: readonly number[]): string[] {
  const rows: string[] = []
  const splitter = new RowSplitter((row) => void rows.push(new TextDecoder().decode(row)))
  const all = bytes(text)
  let at = 0
  for (const length of [...lengths, all.length]) {
    splitter.push(all.slice(at, at + length))
    at += length
  }
  splitter.finish()
  return rows
}

const digestOf = (rows: readonly string[]): RowDigest => {
  const digest = new RowDigest()
  for (const row of rows) digest.add(bytes(row))
  return digest
}

test('RowSplitter gives the rows up to the line that ends them, however the text is cut', () => {
  const text = '1\tü\n\n2\t\\\\.\n\\.\n3\tnever\n'
  fc.assert(
    fc.property(fc.array(fc.nat(6), { maxLength: 12 }), (lengths) => {
      expect(split(text, lengths)).toEqual(['1\tü', '', '2\t\\\\.'])
    }),
  )
})

test('RowSplitter gives a last row without a line feed, but no end mark', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6), { maxLength: 4 }), (lengths) => {
      expect(split('1\tü\n2', lengths)).toEqual(['1\tü', '2'])
      expect(split('1\tü\n\\.', lengths)).toEqual(['1\tü'])
      expect(split('1\n', lengths)).toEqual(['1'])
    }),
  )
})

test('RowDigest is the same in any order, and another one where a row is changed, missing, or there twice', () => {
  const rows = ['1\ta', '2\tb', '2\tb', '']
  expect(digestOf(rows.toReversed()).equals(digestOf(rows))).toBe(true)
  for (const others of [
    ['1\ta', '2\tb', '2\tc', ''],
    ['1\ta', '2\tb', ''],
    ['1\ta', '1\ta', '2\tb', ''],
    ['1\ta', '2\tb', '2\tb', '', ''],
  ]) {
    expect(digestOf(others).equals(digestOf(rows))).toBe(false)
  }
})

test('RowDigest is what spec/drill.md says', () => {
  // SHA-256 of the empty string, and of `a`; then their sum in numbers of 32 bits
  expect(digestOf(['']).hex()).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(digestOf(['a']).hex()).toBe('ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb')
  expect(digestOf(['', 'a']).hex()).toBe('ae4845546317d9de95be267b33939571cf3531dc7917e1be5e1610a028410110')
})

test('RowDigest.addAll() counts the rows of both', () => {
  const whole = digestOf(['a', 'b'])
  whole.addAll(digestOf(['c', 'a']))
  expect(whole.equals(digestOf(['a', 'a', 'b', 'c']))).toBe(true)
})
