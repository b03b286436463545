import { describe, expect, it } from 'vitest'
import { parseList, shortenLine } from '../../../src/ops/list-file.ts'

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
})

describe('shortenLine()', () => {
  const shorten = (text: string): unknown => shortenLine({ line: 1, id: null, text })

  it('leaves lines of up to 99 bytes alone', () => {
    expect(shorten('x'.repeat(99))).toEqual({ line: 1, id: null, text: 'x'.repeat(99) })
  })

  it('cuts after 99 bytes, not characters', () => {
    expect(shorten('é'.repeat(60))).toEqual({ line: 1, id: null, text: `${'é'.repeat(49)}\uFFFD` })
  })

  it('reads the number of what is left', () => {
    expect(shorten(`${'0'.repeat(98)}12`)).toMatchObject({ id: 1 })
    expect(shorten(`${' '.repeat(99)}12`)).toBeUndefined()
  })
})
