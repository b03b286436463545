import { describe, expect, it, vi } from 'vitest'
import { Lexer } from '../../../src/sql/lexer.ts'
import { splitStatements } from '../../../src/sql/split-statements.ts'

const wordsOf = (text: string): readonly (readonly string[])[] =>
  Array.from(splitStatements(text), ({ tokens }) => tokens.map(({ start, end }) => text.slice(start, end)))

describe('splitStatements()', () => {
  it('keeps nothing of a text that could not be read to its end', () => {
    const token = vi.spyOn(Lexer.prototype, 'token').mockImplementationOnce(() => ({
      kind: 'word',
      start: 0,
      end: 4,
      closed: true,
    }))
    token.mockImplementationOnce(() => {
      throw new Error('No more')
    })
    expect(() => wordsOf('DROP TABLE t;')).toThrow('No more')
    token.mockRestore()
    expect(wordsOf('SELECT 1;')).toEqual([['SELECT', '1']])
  })

  it('keeps statements apart where several texts are read by turns, one not to its end', () => {
    const first = splitStatements('A b; C d; E f;')
    const second = splitStatements('G; H;')
    const counts = [first.next(), second.next(), first.next()].map(({ value }) => value?.tokens.length)
    first.return()
    expect(counts).toEqual([2, 1, 2])
    expect(second.next().value?.tokens.length).toBe(1)
    expect(wordsOf('SELECT 1')).toEqual([['SELECT', '1']])
  })
})
