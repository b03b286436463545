import { describe, expect, it } from 'vitest'
import { filter, isFiltered } from '../../../src/ops/filter.ts'
import { mapEntries } from '../../../src/ops/map-entries.ts'
import { withFields } from '../../../src/toc/changed-entry.ts'
import { decoderFor } from '../../../src/toc/encoding.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView, DataBlock } from '../../../src/view.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const decode = decoderFor('UTF8')
const renamed = (entry: TocEntry): TocEntry =>
  withFields(entry, { fields: { tag: (tag) => (tag == null ? tag : `${tag}!`) } }, decode)
const tags = (entries: readonly TocEntry[]): (string | null)[] => entries.map(({ tag }) => tag)

const toc = [
  entryOf(1, { tag: 'a', namespace: 'x' }),
  entryOf(2, { tag: 'b', namespace: 'y' }),
  entryOf(3, { tag: 'a', desc: 'TABLE DATA', namespace: 'x', section: 'data', hadDumper: true, defn: '' }),
]

describe('mapEntries()', () => {
  it('asks once for each entry, and not before somebody wants one', () => {
    const asked: number[] = []
    const view = mapEntries(viewOf(toc), (entry) => {
      asked.push(entry.dumpId)
      return renamed(entry)
    })
    expect(asked).toEqual([])
    expect(view.entry(2)?.tag).toBe('b!')
    expect(asked).toEqual([2])
    expect(view.toc[1]).toBe(view.entry(2))
    expect(tags(view.toc)).toEqual(['a!', 'b!', 'a!'])
    expect(view.toc).toBe(view.toc)
    expect(asked).toEqual([2, 1, 3])
  })

  it('keeps a filtered view filtered, by the old names', () => {
    const filtered = filter(viewOf(toc), { schemas: ['x'], tables: ['a', 'none'] })
    const view = mapEntries(filtered, renamed)
    expect(isFiltered(view)).toBe(true)
    expect(tags(view.toc)).toEqual(['a!', 'a!'])
    expect(tags(view.allEntries)).toEqual(['a!', 'b!', 'a!'])
    expect(tags(view.base.toc)).toEqual(['a!', 'b!', 'a!'])
    expect(view.base.toc[0]).toBe(view.toc[0])
    expect(view.unmatched).toEqual([{ kind: 'table', name: 'none' }])
    expect(view.selection).toBe(filtered.selection)
    expect(view.toc.map((entry) => view.parts(entry).schema)).toEqual([true, false])
    expect(view.parts(view.allEntries[1] ?? entryOf(9)).schema).toBe(false)
  })

  it('can be filtered, by the new names', () => {
    const view = filter(mapEntries(viewOf(toc), renamed), { tables: ['a!'] })
    expect(tags(view.toc)).toEqual(['a!', 'a!'])
    expect(tags(filter(mapEntries(view, renamed), { tables: ['a!!'] }).toc)).toEqual(['a!!', 'a!!'])
  })

  it('asks the base for the data of the entry that one was made from', () => {
    const seen: unknown[] = []
    const block: DataBlock = { kind: 'data', dumpId: 3, entry: toc[2], data: viewOf([]) as never }
    const base: ArchiveView = {
      ...viewOf(toc, { blocks: [block] }),
      data: (entry) => (seen.push(entry), viewOf([]) as never),
      plan: (entries) => seen.push(...entries),
    }
    const view = mapEntries(mapEntries(base, renamed), renamed)
    const entry = view.toc[2] ?? entryOf(9)
    view.data(entry)
    view.plan([entry])
    expect(seen).toEqual([toc[2], toc[2]])
  })

  it('gives blocks with their new entries', async () => {
    const block: DataBlock = { kind: 'data', dumpId: 3, entry: toc[2], data: viewOf([]) as never }
    const view = mapEntries(viewOf(toc, { blocks: [block] }), renamed)
    const blocks: (string | null | undefined)[] = []
    for await (const { entry } of view.blocks()) blocks.push(entry?.tag)
    expect(blocks).toEqual(['a!'])
  })

  it('makes several entries of one, or none', () => {
    const split = (entry: TocEntry): TocEntry | TocEntry[] => {
      if (entry.dumpId === 2) return []
      return entry.dumpId === 1 ? [entry, withFields(entry, { dumpId: 10 }, decode)] : entry
    }
    const view = mapEntries(viewOf(toc), split)
    expect(view.toc.map(({ dumpId }) => dumpId)).toEqual([1, 10, 3])
    expect(view.storedEntryCount).toBe(3)
    expect([view.entry(2), view.entry(10)?.tag]).toEqual([undefined, 'a'])
  })

  it('tells entries with one id apart', () => {
    const twins = [entryOf(1, { tag: 'first' }), entryOf(1, { tag: 'second' })]
    const view = mapEntries(viewOf(twins), renamed)
    expect(tags(view.toc)).toEqual(['first!', 'second!'])
    expect(view.entry(1)?.tag).toBe('second!')
  })

  it('takes another header and other settings', () => {
    const base = viewOf(toc)
    const view = mapEntries(base, renamed, {
      header: () => ({ ...base.header, dbname: 'other' }),
      settings: () => ({ ...base.settings, searchPath: 'SET …;\n' }),
    })
    expect([view.header.dbname, view.settings.searchPath]).toEqual(['other', 'SET …;\n'])
    expect(filter(view, {}).settings.searchPath).toBe('SET …;\n')
  })
})
