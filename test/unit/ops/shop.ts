import type { Finding } from '../../../src/errors.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

/*
 * Tables of contents made by hand for the tests of selections beyond pg_restore.
 */

/** Fields of what stands after the data. */
export const post = { section: 'post-data' } as const
/** Fields of an entry with rows. */
export const data = { section: 'data', hadDumper: true, defn: '' } as const
/** Fields of an entry that has no section of its own. */
export const none = { section: 'none' } as const

/** Customers and their orders, the tie between them. */
export const shop = [
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

/** A partitioned table as pg_dump writes it from 14 on. */
export const partitioned = [
  entryOf(1, { tag: 'p' }),
  entryOf(2, { tag: 'p_1', dependencies: [1] }),
  entryOf(3, { desc: 'TABLE ATTACH', tag: 'p_1', dependencies: [2, 1] }),
  entryOf(4, { desc: 'INDEX', tag: 'p_idx', ...post, dependencies: [1] }),
  entryOf(5, { desc: 'INDEX', tag: 'p_1_idx', ...post, dependencies: [4, 2] }),
  entryOf(6, { desc: 'INDEX ATTACH', tag: 'p_1_idx', ...post, dependencies: [5, 4] }),
  entryOf(7, { desc: 'TRIGGER', tag: 'p t', ...post, dependencies: [1] }),
  entryOf(8, { desc: 'TRIGGER', tag: 'p_1 t', ...post, dependencies: [2, 7] }),
]

/** The ids that a selection leaves, and what it warns of. */
export function run(toc: readonly TocEntry[], selection: Selection): { left: number[]; warnings: string[] } {
  const warnings: Finding[] = []
  const view = filter(viewOf(toc), selection, { onWarning: (finding) => warnings.push(finding) })
  return {
    left: view.toc.map((entry) => entry.dumpId),
    warnings: warnings.map((finding) => `${finding.code} ${finding.dumpId ?? ''}`.trim()),
  }
}
