import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compilePattern } from '../../../src/ops/pattern.ts'
import { wildcardTest } from '../../../src/ops/wildcards.ts'

test('wildcardTest() covers what the regular expression does', () => {
  const piece = fc.constantFrom('a', 'b', '.', '.*', String.raw`\$`, 'ä', '😀', '\n')
  const letter = fc.constantFrom('a', 'b', '$', 'ä', '😀', '\n')
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), fc.array(letter, { maxLength: 10 }), (pieces, letters) => {
      const regex = pieces.join('')
      const value = letters.join('')
      expect(wildcardTest(regex)?.(value)).toBe(new RegExp(`^(?:${regex})$`, 'su').test(value))
    }),
    { numRuns: 2000 },
  )
})

test('wildcardTest() leaves other regular expressions alone', () => {
  for (const regex of ['a+', '(a)', '[ab]', 'a|b', '.+', 'a*', String.raw`\d`]) {
    expect([regex, wildcardTest(regex)]).toEqual([regex, undefined])
  }
})

test('compilePattern() does not try for ever what a name is made for', () => {
  const pattern = compilePattern(`${'*a'.repeat(30)}*b`)
  expect(pattern.matches(null, 'a'.repeat(3000))).toBe(false)
  expect(pattern.matches(null, `${'a'.repeat(3000)}b`)).toBe(true)
})
