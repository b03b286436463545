import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const last = { section: 'post-data', namespace: 'app' } as const

const toc: readonly TocEntry[] = [
  entryOf(1, { desc: 'TABLE', tag: 'orders', namespace: 'app' }),
  entryOf(2, { desc: 'TABLE', tag: 'country', namespace: 'base' }),
  entryOf(3, {
    desc: 'CONSTRAINT',
    tag: 'country country_pkey',
    namespace: 'base',
    section: 'post-data',
    dependencies: [2],
  }),
  entryOf(4, { desc: 'PUBLICATION', tag: 'p', namespace: null, section: 'post-data' }),
  entryOf(5, { desc: 'PUBLICATION TABLE', tag: 'p orders', ...last, dependencies: [1, 4] }),
  entryOf(6, { desc: 'PUBLICATION TABLES IN SCHEMA', tag: 'p app', ...last, dependencies: [4] }),
  entryOf(7, { desc: 'FK CONSTRAINT', tag: 'orders orders_country_fkey', ...last, dependencies: [1, 2, 3] }),
  entryOf(8, { desc: 'COMMENT', tag: 'CONSTRAINT orders_country_fkey ON orders', ...last, dependencies: [7] }),
  entryOf(9, { desc: 'FK CONSTRAINT', tag: 'orders orders_self_fkey', ...last, dependencies: [1] }),
  entryOf(10, { desc: 'INDEX', tag: 'orders_at', ...last, dependencies: [1] }),
]

function ids(selection: Selection): { readonly kept: number[]; readonly told: string[] } {
  const told: string[] = []
  const onWarning = ({ code, dumpId }: Finding): unknown => told.push(`${code} ${dumpId}`)
  const view = filter(viewOf(toc), selection, { onWarning })
  return { kept: view.toc.map(({ dumpId }) => dumpId), told }
}

describe('filter() with completeLinks', () => {
  it('leaves out what ties a selected object to one that is not selected, and what is said about that', () => {
    expect(ids({ schemas: ['app'] }).kept).toEqual([1, 5, 6, 7, 8, 9, 10])
    expect(ids({ schemas: ['app'], completeLinks: true })).toEqual({
      kept: [1, 9, 10],
      told: ['LINK_LEFT_OUT 5', 'LINK_LEFT_OUT 6', 'FOREIGN_KEY_LEFT_OUT 7'],
    })
    expect(ids({ excludeSchemas: ['base'], completeLinks: true }).kept).toEqual([1, 4, 5, 6, 9, 10])
  })

  it('asks names only: sections, parts and lists do not matter', () => {
    expect(ids({ schemas: ['app', 'base'], sections: ['post-data'], completeLinks: true }).kept).toEqual([
      3, 7, 8, 9, 10,
    ])
    expect(ids({ sections: ['post-data'], completeLinks: true }).kept).toEqual([3, 4, 5, 6, 7, 8, 9, 10])
    expect(ids({ list: [5, 7], completeLinks: true }).kept).toEqual([5, 7])
  })

  it('says why', () => {
    const view = filter(viewOf(toc), { schemas: ['app'], completeLinks: true })
    const [link, publication] = [toc[4], toc[3]]
    if (link === undefined) throw new Error('No link')
    expect(view.reason(link)).toEqual({ why: 'left-out', of: publication })
  })
})
