import { describe, expect, test } from 'vitest'
import { closest } from '../../src/closest.ts'
import { filter, list, open, parseFilter, toSql } from '../../src/index.ts'
import { entryOf, viewOf } from '../helpers/entries.ts'

/** Options as they come from JavaScript. */
// The types would not let a wrong one pass.
const wrong = (options: Record<string, unknown>): never => options as never

const view = viewOf([entryOf(1, { desc: 'TABLE' })])

describe('checkOptions()', () => {
  test.each([
    ['filter', () => filter(view, wrong({ table: ['a'] })), 'Cannot filter: there is no option "table"', 'tables'],
    [
      'filter',
      () => filter(view, {}, wrong({ onWarnin: 1 })),
      'Cannot filter: there is no option "onWarnin"',
      'onWarning',
    ],
    ['list', () => list(view, wrong({ verbos: 1 })), 'Cannot list: there is no option "verbos"', 'verbose'],
    ['toSql', () => toSql(view, wrong({ ifExist: 1 })), 'Cannot write SQL: there is no option "ifExist"', 'ifExists'],
    ['parseFilter', () => parseFilter('', wrong({ filename: 1 })), /no option "filename"/, 'fileName'],
  ])('%s() refuses an option that it does not have', (_, call, message, near) => {
    expect(call).toThrow(expect.objectContaining({ code: 'USAGE', hint: `Did you mean ${near}?` }))
    expect(call).toThrow(message)
  })

  test('open() refuses an option and a limit that it does not have', async () => {
    await expect(open(new Uint8Array(), wrong({ spol: true }))).rejects.toMatchObject({
      code: 'USAGE',
      hint: 'Did you mean spool?',
      details: { option: 'spol' },
    })
    await expect(open(new Uint8Array(), { limits: wrong({ rowByte: 1 }) })).rejects.toThrow('no option "rowByte"')
  })

  test('leaves the options of other functions alone, so that one object can serve several', () => {
    const shared = wrong({ compat: '15', restrictKey: false, noOwner: true, force: true })
    expect(() => list(filter(view, {}, shared), shared)).not.toThrow()
    expect(() => toSql(view, shared)).not.toThrow()
  })

  test('names all options of a selection where none is near', () => {
    expect(() => filter(view, wrong({ nothingLikeIt: 1 }))).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringMatching(/^The options are schemas, /) }),
    )
  })
})

test('closest() finds a slip and nothing far away', () => {
  const names = ['list', 'sql', 'info', 'pg_restore']
  expect(closest('lst', names)).toBe('list')
  expect(closest('lits', names)).toBe('list')
  expect(closest('pgrestore', names)).toBe('pg_restore')
  expect(closest('convert', names)).toBeUndefined()
})
