import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compileRegex } from '../../../src/ops/regex.ts'

/** Expressions that PostgreSQL and JavaScript read alike, of few characters so that some match. */
const atom = fc.oneof(
  fc.constantFrom('a', 'b', 'ab', '.', '[ab]', '[^a]', '[a-b_]', String.raw`\.`, 'ä', '😀', ''),
  fc.constantFrom('a', 'b', '.'),
)
const { regex: anyRegex } = fc.letrec<{ regex: string; piece: string }>((tie) => ({
  piece: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    atom,
    fc
      .tuple(tie('regex'), fc.constantFrom('', '*', '+', '?', '{2}', '{1,}', '{0,2}', '{0}'))
      .map(([inner, bound]) => `(${inner})${bound}`),
  ),
  regex: fc.oneof(
    { depthSize: 'small' },
    fc.array(tie('piece'), { maxLength: 3 }).map((parts) => parts.join('')),
    fc.tuple(tie('regex'), tie('regex')).map(([a, b]) => `${a}|${b}`),
  ),
}))
const anyText = fc
  .array(fc.constantFrom('a', 'b', '_', '.', 'ä', '😀'), { maxLength: 7 })
  .map((parts) => parts.join(''))

describe('compileRegex()', () => {
  test('matches whole names as another matcher does', () => {
    fc.assert(
      fc.property(anyRegex, fc.array(anyText, { minLength: 5, maxLength: 5 }), (regex, texts) => {
        const matches = compileRegex(regex)
        const other = new RegExp(`^(?:${regex})$`, 'su')
        for (const text of texts) expect([text, matches(text)]).toEqual([text, other.test(text)])
      }),
      { numRuns: 3000 },
    )
  })

  test.each([
    [String.raw`(a|b)\2`, ['aa', 'bb'], ['ab', 'a', 'aaa']],
    [String.raw`(.*)_\2`, ['ab_ab', '_'], ['ab_a', 'ab']],
    [String.raw`((a)|b)+\3`, ['aa', 'baa', 'aba'], ['ab', 'bb', 'b']],
    [String.raw`(a*)*\2b`, ['b', 'aab'], ['a', 'ba']],
    [String.raw`(a)()()()()()()()()(b)\11`, ['abb'], ['ab', 'aba']],
  ])('matches what a group matched once more: %s', (regex, good, bad) => {
    const matches = compileRegex(regex)
    expect([good.filter((text) => !matches(text)), bad.filter(matches)]).toEqual([[], []])
  })

  test.each([
    [String.raw`.*\mab.*`, ['ab', 'x ab', 'ä-ab'], ['xab', 'äab', '_ab']],
    [String.raw`a\y.+`, ['a b', 'a-'], ['ab', 'a_']],
    [String.raw`(^a)+b`, ['ab'], ['aab']],
    [String.raw`\x61\u0062\143\n`, ['abc\n'], ['abc']],
    [String.raw`[\w]+[\d\]][[.-.]][^\s]`, ['a1-x', 'a]-ä'], ['a1- ', 'a-x']],
    ['a{,2}', ['a{,2}'], ['aa']],
    ['a]}', ['a]}'], []],
  ])('reads what PostgreSQL has of its own: %s', (regex, good, bad) => {
    const matches = compileRegex(regex)
    expect([good.filter((text) => !matches(text)), bad.filter(matches)]).toEqual([[], []])
  })

  test.each([
    ['(a', 'not closed'],
    ['a)', 'not opened'],
    ['a{2}{3}', 'nothing to repeat'],
    ['a**', 'nothing to repeat'],
    ['{2}', 'nothing to repeat'],
    ['(^)+a|^+', 'a place cannot be repeated'],
    ['a{256}', 'number of repetitions'],
    ['a{3,2}', 'number of repetitions'],
    [String.raw`(a\2)`, 'no group 2'],
    [String.raw`a\1`, 'no group 1'],
    ['((a{200}){200}){200}', 'too complex'],
    ['[b-a]', 'order'],
  ])('refuses %s', (regex, message) => {
    expect(() => compileRegex(regex)).toThrow(new RegExp(message))
  })

  test('takes time in proportion to the name, whatever the expression', () => {
    const name = `${'a'.repeat(100_000)}!`
    for (const regex of ['(a+)+', '(a|a)+', '(a|aa)+b', '(.*)(.*)(.*)(.*)b', '((a+)+)+b', '([a-z]+)+']) {
      expect(compileRegex(regex)(name)).toBe(false)
    }
  })

  test('gives up where an expression refers back and would take for ever', () => {
    expect(() => compileRegex(String.raw`(a|aa)+b\2`)('a'.repeat(200))).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('gave up after 1000000 steps') }),
    )
  })
})
