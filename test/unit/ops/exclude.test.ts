import { describe, expect, it } from 'vitest'
import { filter } from '../../../src/ops/filter.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'
import { partitioned, post, run, shop } from './shop.ts'

describe('filter() with excludeTables', () => {
  it('removes a table and its parts, and foreign keys of others; warns of what needs it', () => {
    const { left, warnings } = run(shop, { excludeTables: ['public.cust*'] })
    expect(left).toEqual([7, 8, 11, 25, 28, 29])
    expect(warnings).toEqual(['NEEDS_EXCLUDED 8', 'NEEDS_EXCLUDED 25', 'FOREIGN_KEY_EXCLUDED 26'])
  })

  it('removes owned sequences, not named themselves', () => {
    expect(run(shop, { excludeTables: ['customers'] }).left).not.toContain(4)
  })

  it('does not warn of what is not selected anyway', () => {
    expect(run(shop, { excludeTables: ['customers'], sections: ['data'] })).toEqual({ left: [11], warnings: [] })
  })

  it('says nothing of foreign keys whose own table goes too', () => {
    expect(run(shop, { excludeTables: ['customers', 'orders', 'rich', 'cached'] })).toEqual({ left: [], warnings: [] })
  })

  it('keeps partitions as tables of their own', () => {
    expect(run(partitioned, { excludeTables: ['p'] })).toEqual({ left: [2, 5], warnings: [] })
    expect(run(partitioned, { excludeTables: ['p_1'] })).toEqual({ left: [1, 4, 7], warnings: [] })
  })

  it('finds data by its name in an archive without definitions', () => {
    expect(run(shop.slice(8, 12), { excludeTables: ['customers'] }).left).toEqual([11, 12])
  })

  it('finds parts that stand before their table', () => {
    expect(run(shop.toReversed(), { excludeTables: ['customers'] }).left).toEqual([29, 28, 25, 11, 8, 7])
  })

  it('tells relations apart whose names begin alike', () => {
    const toc = [
      entryOf(1, { tag: 'a' }),
      entryOf(2, { tag: 'a b' }),
      entryOf(3, { desc: 'RULE', tag: 'a b c', ...post, dependencies: [1, 2] }),
    ]
    expect(run(toc, { excludeTables: ['"a b"'] }).left).toEqual([1])
    expect(run(toc, { excludeTables: ['a'] })).toEqual({ left: [2, 3], warnings: ['NEEDS_EXCLUDED 3'] })
  })

  it('warns of a pattern that matches nothing', () => {
    expect(run(shop, { excludeTables: ['customer'] }).warnings).toEqual(['PATTERN_UNMATCHED'])
  })
})

describe('filter() with excludeTableData', () => {
  it('leaves out rows, sequence values and refreshes, and nothing else', () => {
    expect(run(shop, { excludeTableData: ['*'] }).left).toEqual(
      run(shop, {}).left.filter((id) => ![10, 11, 12, 29].includes(id)),
    )
  })

  it('warns of a pattern that matches nothing', () => {
    expect(run(shop, { excludeTableData: ['orders', 'app.orders'] })).toEqual({
      left: run(shop, {}).left.filter((id) => id !== 11),
      warnings: ['PATTERN_UNMATCHED'],
    })
  })
})

describe('filter() with match: pattern', () => {
  const match = 'pattern'

  it('selects relations by schema and name', () => {
    expect(run(shop, { match, tables: ['public.c*'] }).left).toEqual([1, 2, 3, 4, 10, 12, 13, 28, 29])
    expect(run(shop, { match, tables: ['app.*'] }).left).toEqual([])
  })

  it('takes the name of a trigger alone or with its table', () => {
    expect(run(shop, { match, triggers: ['log'] }).left).toEqual([24])
    expect(run(shop, { match, triggers: ['"customers log"'] }).left).toEqual([24])
    expect(run(shop, { match, triggers: ['public.customers*'] }).left).toEqual([24])
  })

  it('selects schemas and functions', () => {
    const toc = [
      entryOf(1, { desc: 'FUNCTION', tag: 'f(integer)', namespace: 'app_1' }),
      entryOf(2, { namespace: 'b' }),
    ]
    expect(run(toc, { match, schemas: ['app_?'] }).left).toEqual([1])
    expect(run(toc, { match, excludeSchemas: ['app*'] }).left).toEqual([2])
    expect(run(toc, { match, functions: ['app_1.f'] }).left).toEqual([1])
  })

  it('knows patterns that match nothing', () => {
    const view = filter(viewOf(shop), { match, tables: ['*', 'orders', 'x*'] })
    expect(view.unmatched).toEqual([{ kind: 'table', name: 'x*' }])
  })
})
