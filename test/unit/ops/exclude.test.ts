import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const post = { section: 'post-data' } as const
const data = { section: 'data', hadDumper: true, defn: '' } as const
const none = { section: 'none' } as const

/** Customers and their orders, the tie between them, and a partitioned table. */
const shop = [
  entryOf(1, { tag: 'customers' }),
  entryOf(2, { desc: 'COMMENT', tag: 'COLUMN customers.name', ...none, dependencies: [1] }),
  entryOf(3, { desc: 'ACL', tag: 'TABLE customers', ...none, dependencies: [1] }),
  entryOf(4, { desc: 'SEQUENCE', tag: 'customers_id_seq', dependencies: [1] }),
  entryOf(5, { desc: 'SEQUENCE OWNED BY', tag: 'customers_id_seq', dependencies: [4] }),
  entryOf(6, { desc: 'DEFAULT', tag: 'customers id', dependencies: [4, 1] }),
  entryOf(7, { tag: 'orders' }),
  entryOf(8, { desc: 'VIEW', tag: 'rich', dependencies: [1, 1] }),
  entryOf(10, { desc: 'TABLE DATA', tag: 'customers', ...data, dependencies: [1] }),
  entryOf(11, { desc: 'TABLE DATA', tag: 'orders', ...data, dependencies: [7] }),
  entryOf(12, { desc: 'SEQUENCE SET', tag: 'customers_id_seq', section: 'data', dependencies: [4] }),
  entryOf(13, { desc: 'STATISTICS DATA', tag: 'customers', section: 'data', dependencies: [1] }),
  entryOf(20, { desc: 'CONSTRAINT', tag: 'customers customers_pkey', ...post, dependencies: [1] }),
  entryOf(21, { desc: 'COMMENT', tag: 'CONSTRAINT customers_pkey ON customers', ...none, dependencies: [20] }),
  entryOf(22, { desc: 'INDEX', tag: 'by_name', ...post, dependencies: [1] }),
  entryOf(23, { desc: 'STATISTICS DATA', tag: 'by_name', ...post, dependencies: [22] }),
  entryOf(24, { desc: 'TRIGGER', tag: 'customers log', ...post, dependencies: [1, 99] }),
  entryOf(25, { desc: 'POLICY', tag: 'orders own', ...post, dependencies: [7, 1] }),
  entryOf(26, { desc: 'FK CONSTRAINT', tag: 'orders orders_customer_fkey', ...post, dependencies: [20, 1, 7] }),
  entryOf(27, { desc: 'COMMENT', tag: 'CONSTRAINT orders_customer_fkey ON orders', ...none, dependencies: [26] }),
  entryOf(28, { desc: 'MATERIALIZED VIEW', tag: 'cached', dependencies: [7] }),
  entryOf(29, { desc: 'MATERIALIZED VIEW DATA', tag: 'cached', ...post, dependencies: [28] }),
]

const partitioned = [
  entryOf(1, { tag: 'p' }),
  entryOf(2, { tag: 'p_1', dependencies: [1] }),
  entryOf(3, { desc: 'TABLE ATTACH', tag: 'p_1', dependencies: [2, 1] }),
  entryOf(4, { desc: 'INDEX', tag: 'p_idx', ...post, dependencies: [1] }),
  entryOf(5, { desc: 'INDEX', tag: 'p_1_idx', ...post, dependencies: [4, 2] }),
  entryOf(6, { desc: 'INDEX ATTACH', tag: 'p_1_idx', ...post, dependencies: [5, 4] }),
  entryOf(7, { desc: 'TRIGGER', tag: 'p t', ...post, dependencies: [1] }),
  entryOf(8, { desc: 'TRIGGER', tag: 'p_1 t', ...post, dependencies: [2, 7] }),
]

function run(toc: readonly TocEntry[], selection: Selection): { left: number[]; warnings: string[] } {
  const warnings: Finding[] = []
  const view = filter(viewOf(toc), selection, { onWarning: (finding) => warnings.push(finding) })
  return {
    left: view.toc.map((entry) => entry.dumpId),
    warnings: warnings.map((finding) => `${finding.code} ${finding.dumpId ?? ''}`.trim()),
  }
}

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
