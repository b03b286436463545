import { describe, expect, it } from 'vitest'
import { parseList } from '../../../src/ops/list-file.ts'

const ids = (text: string): (number | null)[] => parseList(text).lines.map((line) => line.id)

describe('parseList()', () => {
  it('takes the number at the start of each line, up to the first semicolon', () => {
    expect(ids('; header\n\n 3; 1259 16385 TABLE public a postgres\n;4; x\n5 anything\n')).toEqual([3, 5])
  })

  it('reads numbers as strtol does', () => {
    expect(ids('  +7\n\t-7\n007\n0x10\n\v8\n+ 9\n')).toEqual([7, -7, 7, 0, 8, null])
  })

  it('saturates at 64 bits and keeps the low 32', () => {
    expect(ids('4294967297\n99999999999999999999\n-99999999999999999999\n2147483648')).toEqual([1, -1, 0, -2147483648])
  })

  it('ignores blank lines, not lines of other white space', () => {
    expect(parseList(' \t\r\n\v\n').lines).toEqual([{ line: 2, id: null, text: '\v' }])
  })

  it('keeps number and text of lines', () => {
    expect(parseList(';\nab; c\nlast').lines).toEqual([
      { line: 2, id: null, text: 'ab' },
      { line: 3, id: null, text: 'last' },
    ])
  })

  it('takes bytes that are not UTF-8', () => {
    expect(parseList(Uint8Array.of(0x31, 0x20, 0xff)).lines).toEqual([{ line: 1, id: 1, text: '1 \uFFFD' }])
  })

  it('takes lines for C strings: a NUL hides the rest of its line, which goes on with the next', () => {
    expect(parseList('3 a\0b\n4\n5\n').lines).toEqual([
      { line: 1, id: 3, text: '3 a4' },
      { line: 3, id: 5, text: '5' },
    ])
    expect(ids('\xff\xfe3\0;\0\n\x004\0\n\0')).toEqual([null])
    expect(ids('7\0')).toEqual([7])
  })

  describe('keeps what releases before 14 read:', () => {
    const short = (text: string): unknown => parseList(text).shortLines

    it('nothing else where lines are short', () => {
      expect(short(`${'x'.repeat(99)}\n`)).toBeUndefined()
    })

    it('the first 99 bytes of a line, not characters, without what continues it', () => {
      expect(short(`${'é'.repeat(60)}\n2`)).toEqual([
        { line: 1, id: null, text: `${'é'.repeat(49)}\uFFFD` },
        { line: 2, id: 2, text: '2' },
      ])
    })

    it('the number in what is left', () => {
      expect(short(`${'0'.repeat(98)}12`)).toMatchObject([{ id: 1 }])
      expect(short(`${' '.repeat(99)}12`)).toEqual([])
    })

    it('a line up to its NUL, and not the next one', () => {
      expect(short('3 a\0b\n4\n5\n')).toEqual([
        { line: 1, id: 3, text: '3 a' },
        { line: 3, id: 5, text: '5' },
      ])
    })
  })
})
