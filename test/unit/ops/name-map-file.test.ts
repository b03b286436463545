import { describe, expect, it } from 'vitest'
import { parseNameMap, parseNamePairs } from '../../../src/ops/name-map-file.ts'

describe('parseNamePairs()', () => {
  it.each([
    ['a=b', 'a', 'b'],
    [' a = b ', ' a ', ' b '],
    ['a=b=c', 'a', 'b=c'],
    ['"a=b"=c', 'a=b', 'c'],
    ['"a ""b"""="c\nd"', 'a "b"', 'c\nd'],
    ['# a=b', '# a', 'b'],
    ['a"b=c"d', 'a"b', 'c"d'],
    ['""=x', '', 'x'],
  ])('reads %j', (text, oldName, newName) => {
    expect([...parseNamePairs([text])]).toEqual([[oldName, newName]])
  })

  it.each(['', 'a', '=b', 'a=', '"a=b', '"a"x=b', 'a="b"c', 'a="b'])('refuses %j', (text) => {
    expect(() => parseNamePairs([text])).toThrow(/must be old=new/)
  })

  it('refuses two new names for one old', () => {
    expect([...parseNamePairs(['a=b', 'a=b'])]).toEqual([['a', 'b']])
    expect(() => parseNamePairs(['a=b', 'a=c'])).toThrow('Cannot rename "a" twice: to "b" and to "c"')
  })
})

describe('parseNameMap()', () => {
  it('reads a line for each name, without comments, empty lines and blanks', () => {
    const text = '\uFEFF# who moved\n\n  alice = bob  \r\n\t"Odd\n""name"""="x # y"\ncarol=d e # f\n  # end'
    expect([...parseNameMap(text)]).toEqual([
      ['alice', 'bob'],
      ['Odd\n"name"', 'x # y'],
      ['carol', 'd e # f'],
    ])
    expect(parseNameMap(new TextEncoder().encode(text))).toEqual(parseNameMap(text))
  })

  it('reads nothing of nothing', () => {
    expect(parseNameMap('').size).toBe(0)
    expect(parseNameMap('# nothing').size).toBe(0)
  })

  it('says which line is wrong', () => {
    expect(() => parseNameMap('a=b\n\nwhat is this\nc=d')).toThrow('line 3 is "what is this", must be old=new')
    expect(() => parseNameMap('"a"="b" c')).toThrow('line 1')
  })

  it('refuses what is no UTF-8', () => {
    expect(() => parseNameMap(Uint8Array.of(0x61, 0x3d, 0xff))).toThrow(/no UTF-8/)
  })
})

describe('a long file of names', () => {
  it('may have names of many megabytes', () => {
    const name = 'a'.repeat(17_000_000)
    expect(parseNameMap(`"${name}"=b`).get(name)).toBe('b')
  })

  it('may have many lines that say nothing', () => {
    expect([...parseNameMap(`${'\n'.repeat(3_000_000)}a=b\n# end`)]).toEqual([['a', 'b']])
  })
})
