import { describe, expect, it } from 'vitest'
import { arrayElement, arrayElements } from '../../../src/sql/array-literal.ts'

const values = (text: string, encoding = 'UTF8'): string[] => arrayElements(text, encoding).map(({ value }) => value)

describe('arrayElements()', () => {
  it('reads elements with quotes and without, of inner arrays too', () => {
    expect(values(String.raw`{a,"b, \"c\"}", d e ,{{f},{"g\\"}}}`)).toEqual(['a', 'b, "c"}', 'd e', 'f', 'g\\'])
  })

  it('finds none in what is no array', () => {
    expect(values('a,b')).toEqual([])
    expect(values('{}')).toEqual([])
  })

  it('ends where the text ends, whatever is missing', () => {
    expect(values('{"a')).toEqual(['a'])
    expect(values('{a\\')).toEqual(['a'])
  })

  it('knows a backslash that is half a character', () => {
    expect(values('{"\x95\x5c","b"}', 'SJIS')).toEqual(['\x95\x5c', 'b'])
  })
})

describe('arrayElement()', () => {
  it.each(['a', '', 'NULL', 'a b', 'a"b', 'a\\b', '{', ','])('writes what arrayElements() reads: %j', (value) => {
    expect(values(`{${arrayElement(value, 'UTF8')}}`)).toEqual([value])
  })

  it('leaves half a character alone', () => {
    expect(arrayElement('\x95\x5c"', 'SJIS')).toBe(String.raw`"${'\x95\x5c'}\""`)
  })
})
