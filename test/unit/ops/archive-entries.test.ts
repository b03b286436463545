import { describe, expect, test } from 'vitest'
import { archiveEntries } from '../../../src/ops/archive-entries.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { entryOf, headerOf, viewOf } from '../../helpers/entries.ts'

const data = { hadDumper: true, defn: '', section: 'data', data: { state: 'not-set' } } as const
const copyStmt = 'COPY public.t (a) FROM stdin;\n'

/** Each table needs the one before, the index the last and a type, and something that is not in the archive. */
const toc = [
  entryOf(1, { tag: 'kept' }),
  entryOf(2, { tag: 'dropped', dependencies: [1] }),
  entryOf(3, { tag: 'dropped', dependencies: [2, 99] }),
  entryOf(4, { tag: 'kept', dependencies: [3, 77, 1] }),
  entryOf(5, { tag: 'kept', dependencies: [3] }),
  entryOf(6, { ...data, tag: 'kept', desc: 'TABLE DATA', dependencies: [4], copyStmt }),
  entryOf(7, { tag: 'TABLE kept', desc: 'COMMENT', section: 'none', dependencies: [4, 3] }),
]

function shaped(entries: readonly TocEntry[], selection: Selection): ArchiveView {
  return archiveEntries(filter(viewOf(entries), selection))
}

const dependenciesOf = (view: ArchiveView, id: number): readonly number[] | undefined => view.entry(id)?.dependencies

describe('archiveEntries()', () => {
  test('leads dependencies on what is left out to what that depends on, once', () => {
    const view = shaped(toc, { tables: ['kept'] })
    expect(view.toc.map(({ dumpId }) => dumpId)).toEqual([1, 4, 5, 6, 7])
    expect(dependenciesOf(view, 4)).toEqual([77, 1])
    expect(dependenciesOf(view, 5)).toEqual([1])
  })

  test('keeps the entries that need no change, and what a comment names', () => {
    const view = shaped(toc, { tables: ['kept'] })
    for (const at of [0, 5, 6]) expect(view.toc).toContain(toc[at])
    expect(dependenciesOf(view, 7)).toEqual([4, 3])
  })

  test('ends where dependencies go in a circle', () => {
    const circle = [
      entryOf(1, { tag: 'kept', dependencies: [2] }),
      entryOf(2, { dependencies: [3] }),
      entryOf(3, { dependencies: [2, 1] }),
    ]
    expect(dependenciesOf(shaped(circle, { tables: ['kept'] }), 1)).toEqual([])
  })

  test('leaves dependencies alone that are OIDs, before 1.8', () => {
    const header = headerOf({ version: { major: 1, minor: 7, rev: 0 } })
    const view = archiveEntries(filter(viewOf(toc, { header }), { tables: ['kept'] }))
    expect(dependenciesOf(view, 4)).toEqual([3, 77, 1])
  })

  test('takes the data of an entry that has a definition, too, and the other way round', () => {
    const both = [entryOf(1, { ...data, defn: 'CREATE …;\n', dropStmt: 'DROP …;\n', copyStmt, section: 'pre-data' })]
    expect(shaped(both, { schemaOnly: true }).toc[0]).toMatchObject({
      hadDumper: false,
      data: { state: 'no-data' },
      copyStmt: null,
      defn: 'CREATE …;\n',
    })
    expect(shaped(both, { dataOnly: true }).toc[0]).toMatchObject({
      ...data,
      section: 'pre-data',
      dropStmt: '',
      copyStmt,
    })
    expect(shaped(both, {}).toc).toEqual(both)
  })

  test('keeps what marks the data of a partition that go to its parent', () => {
    const defn = '-- load via partition root public.p'
    const rows = [entryOf(1, { ...data, desc: 'TABLE DATA', defn, copyStmt })]
    expect(shaped(rows, {}).toc).toEqual(rows)
  })

  test('is the view itself where nothing was selected', () => {
    const view = viewOf(toc)
    expect(archiveEntries(view)).toBe(view)
  })
})
