import { describe, expect, it } from 'vitest'
import { isArchiveError } from '../../../src/errors.ts'
import { compatRules, formatRelease, parseRelease, type RuleName } from '../../../src/sql/compat.ts'

describe('parseRelease()', () => {
  it.each([
    ['18', '18.6'],
    ['17', '17.11'],
    ['16', '16.15'],
    ['15', '15.18'],
    ['14', '14.24'],
    ['13', '13.16'],
    ['17.2', '17.2'],
  ])('reads %s as %s', (text, release) => {
    expect(formatRelease(parseRelease(text))).toBe(release)
  })

  it.each(['12', '19', '', '17.', '17.x', 'v17', '017'])('refuses %j with USAGE', (text) => {
    expect(() => parseRelease(text)).toThrow(
      expect.toSatisfy((error) => isArchiveError(error) && error.code === 'USAGE'),
    )
  })
})

describe('compatRules()', () => {
  it('is the newest proven release by default', () => {
    expect(compatRules().release).toEqual({ major: 18, minor: 6 })
  })

  it.each([
    ['13.16', true],
    ['15', true],
    ['17.11', true],
    ['18', true],
    ['14', true],
    ['16', true],
    ['14.23', false],
    ['17.10', false],
  ])('says that %s is proven: %s', (release, proven) => {
    expect(compatRules(release).proven).toBe(proven)
  })

  it.each<[RuleName, string, string]>([
    ['restrictKey', '13.21', '13.22'],
    ['restrictKey', '17.5', '17.6'],
    ['setsTransactionTimeout', '16.99', '17.0'],
    ['ownerKeywordIsOwnType', '15.18', '16.0'],
    ['labelsFollowEventTriggers', '15.14', '15.15'],
    ['replacesInvalidCharacters', '17.2', '17.3'],
    ['hasStatisticsPart', '17.11', '18.0'],
    ['statisticsFollowRelations', '18.4', '18.5'],
    ['listsCompressionByName', '15.18', '16.0'],
    ['verboseTwice', '13.99', '14.0'],
  ])('%s: not in %s, from %s on', (rule, before, from) => {
    expect([compatRules(before)[rule], compatRules(from)[rule]]).toEqual([false, true])
  })

  it('hasOption() knows which release has an option', () => {
    const asked = ['no-owner', 'no-table-access-method', 'transaction-size', 'restrict-key', 'statistics-only']
    const known = (release: string): string[] => asked.filter((name) => compatRules(release).hasOption(name))
    expect(known('13.16')).toEqual(['no-owner'])
    expect(known('15.18')).toEqual(['no-owner', 'no-table-access-method', 'restrict-key'])
    expect(known('17.11')).toEqual(asked.slice(0, 4))
    expect(known('18.6')).toEqual(asked)
  })
})
