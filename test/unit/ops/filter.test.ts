import { describe, expect, it } from 'vitest'
import type { ArchiveError, Finding } from '../../../src/errors.ts'
import { filter, isFiltered } from '../../../src/ops/filter.ts'
import { parseList } from '../../../src/ops/list-file.ts'
import type { CompatOptions } from '../../../src/ops/options.ts'
import type { FilteredView, Selection } from '../../../src/ops/selection.ts'
import { checkStrictNames } from '../../../src/ops/unmatched.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const selected = (view: FilteredView): number[] => view.toc.map((entry) => entry.dumpId)
const pick = (toc: readonly TocEntry[], selection: Selection, options?: CompatOptions): number[] =>
  selected(filter(viewOf(toc), selection, options))
const partsOf = (view: FilteredView, dumpId: number): string => {
  const entry = view.entry(dumpId)
  if (entry === undefined) return 'no entry'
  const { schema, data, statistics } = view.parts(entry)
  return [schema && 'schema', data && 'data', statistics && 'statistics'].filter(Boolean).join(' ')
}
const failure = (run: () => unknown): ArchiveError => {
  try {
    run()
  } catch (error) {
    return error as ArchiveError // what filter() throws is checked by each test through its code
  }
  throw new Error('did not fail')
}

const data = { desc: 'TABLE DATA', section: 'data', hadDumper: true, defn: '' } as const

/** Two schemas, a table each, with what belongs to them. */
const app = [
  entryOf(1, { desc: 'ENCODING', tag: 'ENCODING', namespace: null }),
  entryOf(2, { desc: 'DATABASE', tag: 'app', namespace: null }),
  entryOf(3, { desc: 'COMMENT', tag: 'DATABASE app', namespace: null, section: 'none', dependencies: [2] }),
  entryOf(4, { desc: 'SCHEMA', tag: 'a', namespace: null }),
  entryOf(5, { tag: 'orders', namespace: 'a' }),
  entryOf(6, { desc: 'COMMENT', tag: 'TABLE orders', namespace: 'a', section: 'none', dependencies: [5] }),
  entryOf(7, { desc: 'ACL', tag: 'TABLE orders', namespace: 'a', section: 'none', dependencies: [5] }),
  entryOf(8, { desc: 'ACL', tag: 'COLUMN orders.id', namespace: 'a', section: 'none', dependencies: [5, 7] }),
  entryOf(9, { tag: 'orders', namespace: 'b' }),
  entryOf(10, { desc: 'FUNCTION', tag: 'f(integer, text)', namespace: 'b' }),
  entryOf(11, { ...data, tag: 'orders', namespace: 'a', dependencies: [5] }),
  entryOf(12, { ...data, tag: 'orders', namespace: 'b', dependencies: [9] }),
  entryOf(13, { desc: 'BLOBS', tag: '1001', namespace: null, section: 'data', hadDumper: true, defn: null }),
  entryOf(14, { desc: 'INDEX', tag: 'orders_idx', namespace: 'a', section: 'post-data', dependencies: [5] }),
  entryOf(15, { desc: 'TRIGGER', tag: 'orders trg', namespace: 'a', section: 'post-data', dependencies: [5] }),
]

/** A view whose entries are visited through one object that changes, as those of an archive are. */
function scanned(toc: readonly TocEntry[]): ArchiveView {
  return {
    ...viewOf(toc),
    scan(visit) {
      let current: TocEntry | undefined
      const moving = new Proxy<TocEntry>({} as TocEntry, {
        get: (_, name) => Reflect.get(current ?? {}, name) as unknown, // whatever the entry visited now says
      })
      for (const [index, entry] of toc.entries()) {
        current = entry
        visit(moving, index)
      }
      current = undefined
    },
  }
}

describe('filter() of a view that can be scanned', () => {
  const selections: readonly Selection[] = [
    {},
    { create: true },
    { schemas: ['a'] },
    { tables: ['orders'], excludeSchemas: ['b'] },
    { schemaOnly: true, noComments: true },
    { dataOnly: true },
    { sections: ['post-data'] },
    { functions: ['f(integer, text)'], triggers: ['orders trg'] },
    { list: [9, 5] },
    { excludeTables: ['a.orders'] },
    { tables: ['o*'], match: 'pattern', strictNames: true },
  ]

  it.each(selections)('decides as of one that cannot, for %j', (selection) => {
    for (const compat of ['13', '15', '17', '18']) {
      const plain = filter(viewOf(app), selection, { compat })
      const view = filter(scanned(app), selection, { compat })
      const visited: string[] = []
      view.scan?.((entry, place, parts) => visited.push(`${place} ${entry.dumpId} ${JSON.stringify(parts)}`))
      if (view.scan !== undefined) {
        expect(visited).toEqual(
          plain.toc.map((entry, place) => `${place} ${entry.dumpId} ${JSON.stringify(plain.parts(entry))}`),
        )
      }
      expect(view.scan === undefined).toBe(selection.list !== undefined || selection.excludeTables !== undefined)
      expect(selected(view)).toEqual(selected(plain))
      expect(view.toc.map((entry) => view.parts(entry))).toEqual(plain.toc.map((entry) => plain.parts(entry)))
      expect(view.allEntries).toEqual(plain.allEntries)
      expect(view.unmatched).toEqual(plain.unmatched)
    }
  })
})

describe('filter() without a selection', () => {
  it('keeps all but the database and what is said about it', () => {
    expect(pick(app, {})).toEqual([1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])
  })

  it('gives pseudo entries a place but no parts', () => {
    expect(partsOf(filter(viewOf(app), {}), 1)).toBe('')
  })

  it('leaves the view that it filters as it is', () => {
    const view = viewOf(app)
    const filtered = filter(view, { schemas: ['a'] })
    expect(filtered.base).toBe(view)
    expect(view.toc).toHaveLength(15)
    expect([isFiltered(view), isFiltered(filtered)]).toEqual([false, true])
  })

  it('takes the database with create, whatever else is left out', () => {
    expect(pick(app, { create: true, dataOnly: true, schemas: ['b'] })).toEqual([1, 2, 12])
    expect(pick(app, { create: true, list: [11] })).toEqual([1, 2, 11])
  })
})

describe('filter() by names', () => {
  it('ANDs schemas and tables, and takes comments and ACLs with their table', () => {
    expect(pick(app, { schemas: ['a'], tables: ['orders'] })).toEqual([1, 5, 6, 7, 8, 11])
  })

  it('leaves out what has no schema with schemas, but not with excludeSchemas', () => {
    expect(pick(app, { schemas: ['b'] })).toEqual([1, 9, 10, 12])
    expect(pick(app, { excludeSchemas: ['a'] })).toEqual([1, 4, 9, 10, 12, 13])
  })

  it('ORs names of different types', () => {
    const selection = { functions: ['f(integer, text)'], indexes: ['orders_idx'], triggers: ['orders trg'] }
    expect(pick(app, selection)).toEqual([1, 10, 14, 15])
  })

  it('takes an empty array for none', () => {
    expect(pick(app, { tables: [], schemas: [], sections: [] })).toEqual(pick(app, {}))
  })

  it('compares strings with decoded names and bytes with stored ones', () => {
    const latin1 = [entryOf(1, { tag: Uint8Array.of(0xe9), encoding: 'LATIN1' })]
    const one = (names: Selection['tables'] & object): number[] =>
      selected(filter(viewOf(latin1, { encoding: 'LATIN1' }), { tables: names }))
    expect(one(['é'])).toEqual([1])
    expect(one([Uint8Array.of(0xe9)])).toEqual([1])
    expect(one([new TextEncoder().encode('é')])).toEqual([])
  })

  it('compares with what is shown for bytes that are not UTF-8', () => {
    expect(pick([entryOf(1, { tag: Uint8Array.of(0x61, 0xff) })], { tables: ['a\uFFFD'] })).toEqual([1])
  })

  it('takes the ACL of a column by its table, not by the table ACL, from November 2023 on', () => {
    const selection = { tables: ['orders'], schemas: ['a'] }
    expect(pick(app, selection, { compat: '15.4' })).toEqual([1, 5, 6, 7, 11])
    expect(pick(app, selection, { compat: '15.5' })).toContain(8)
  })

  it('takes the statistics of the table or index that is named', () => {
    const toc = [
      entryOf(1, { tag: 'a' }),
      entryOf(2, { desc: 'STATISTICS DATA', tag: 'a', section: 'data', dependencies: [1, 99] }),
      entryOf(3, { desc: 'INDEX', tag: 'i', section: 'post-data', dependencies: [1] }),
      entryOf(4, { desc: 'STATISTICS DATA', tag: 'i', section: 'post-data', dependencies: [3] }),
    ]
    expect(pick(toc, { tables: ['a'] })).toEqual([1, 2])
    expect(pick(toc, { indexes: ['i'] })).toEqual([3, 4])
    expect(pick(toc, { tables: ['a'] }, { compat: '17' })).toEqual([1])
    expect(partsOf(filter(viewOf(toc), {}), 2)).toBe('statistics')
    expect(partsOf(filter(viewOf(toc), {}, { compat: '17' }), 2)).toBe('schema')
  })
})

describe('filter() by parts', () => {
  it('keeps data with dataOnly, definitions with schemaOnly', () => {
    expect(pick(app, { dataOnly: true })).toEqual([1, 11, 12, 13])
    expect(pick(app, { schemaOnly: true })).toEqual([1, 4, 5, 6, 7, 8, 9, 10, 14, 15])
    expect(pick(app, { noData: true })).toEqual(pick(app, { schemaOnly: true }))
  })

  it('counts sequence values and all about large objects as data', () => {
    const toc = [
      entryOf(1, { desc: 'SEQUENCE SET', tag: 's', section: 'data' }),
      entryOf(2, { desc: 'BLOB METADATA', tag: '1..3', section: 'data' }),
      entryOf(3, { desc: 'ACL', tag: 'LARGE OBJECTS 1..3', section: 'none', dependencies: [2] }),
      entryOf(4, { desc: 'COMMENT', tag: 'LARGE OBJECT 1', section: 'none', dependencies: [2] }),
    ]
    expect(pick(toc, { dataOnly: true })).toEqual([1, 2, 3, 4])
    expect(pick(toc, { dataOnly: true }, { compat: '15' })).toEqual([1, 4])
  })

  it('takes "load via partition root" for no definition', () => {
    const toc = [entryOf(1, { ...data, defn: '-- load via partition root public.p\n' })]
    expect(partsOf(filter(viewOf(toc), {}), 1)).toBe('data')
  })

  it('judges an entry without section by the nearest one before it', () => {
    expect(pick(app, { sections: ['post-data'] })).toEqual([1, 14, 15])
    const late = [
      ...app,
      entryOf(16, { desc: 'COMMENT', tag: 'INDEX orders_idx', section: 'none', dependencies: [14] }),
    ]
    expect(pick(late, { sections: ['post-data'] })).toEqual([1, 14, 15, 16])
    expect(pick(app, { sections: ['data'] })).toEqual([1, 11, 12, 13])
  })

  it('takes nothing of an unknown section, nor what follows it without one', () => {
    const toc = [entryOf(1, { section: 'unknown' }), entryOf(2, { desc: 'ACL', section: 'none' })]
    expect(pick(toc, {})).toEqual([])
  })

  it.each([
    ['noComments', [6]],
    ['noPrivileges', [7, 8]],
  ] as const)('leaves out entries with %s', (option, without) => {
    expect(pick(app, {}).filter((id) => !pick(app, { [option]: true }).includes(id))).toEqual(without)
  })

  it('leaves out comments and labels of what is left out, from November 2025 on', () => {
    const toc = [
      entryOf(1, { desc: 'PUBLICATION', tag: 'p', section: 'post-data' }),
      entryOf(2, { desc: 'COMMENT', tag: 'PUBLICATION p', section: 'none', dependencies: [1] }),
      entryOf(3, { desc: 'SECURITY LABEL', tag: 'SUBSCRIPTION s', section: 'none' }),
      entryOf(4, { desc: 'PUBLICATION TABLES IN SCHEMA', tag: 'p s', section: 'post-data' }),
      entryOf(5, { desc: 'POLICY', tag: 't p', section: 'post-data' }),
      entryOf(6, { desc: 'COMMENT', tag: 'POLICY p ON t', section: 'none' }),
    ]
    const selection = { noPublications: true, noSubscriptions: true, noPolicies: true }
    expect(pick(toc, selection)).toEqual([])
    expect(pick(toc, { noPublications: true, noSubscriptions: true }, { compat: '13' })).toEqual([2, 3, 4, 5, 6])
  })

  it.each([
    [{ schemaOnly: true, dataOnly: true }, '-s/--schema-only', '-a/--data-only'],
    [{ statistics: true, noStatistics: true }, '--statistics', '--no-statistics'],
    [{ dataOnly: true, noData: true, statistics: true }, '-a/--data-only', '--no-data'],
  ])('refuses %j', (selection, first, second) => {
    const error = failure(() => pick(app, selection))
    expect(error.code).toBe('USAGE')
    expect(error.details?.['pgRestore']).toBe(`options ${first} and ${second} cannot be used together`)
  })
})

describe('filter() with what the types forbid', () => {
  it.each([{ tables: 'orders' }, { schemas: [1] }, { sections: ['predata'] }])('refuses %j', (selection) => {
    expect(failure(() => pick(app, selection as unknown as Selection)).code).toBe('USAGE') // as from JavaScript
  })
})

describe('filter() with a list', () => {
  it('puts listed entries last, in the order of the list', () => {
    const view = filter(viewOf(app), { list: [14, 5] })
    expect(selected(view)).toEqual([1, 14, 5])
    expect(view.allEntries.map((entry) => entry.dumpId)).toEqual([1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 15, 14, 5])
  })

  it('reports lines without a usable id, and repeated ones', () => {
    const warnings: Finding[] = []
    pick(app, { list: parseList('junk\n5\n5 again; x\n999\n') }, { onWarning: (finding) => warnings.push(finding) })
    expect(warnings.map((finding) => finding.message)).toEqual([
      'line ignored: junk',
      'line ignored: 5 again',
      'line ignored: 999',
    ])
  })

  it('refuses an id within range that the archive does not have', () => {
    const error = failure(() => pick([entryOf(1), entryOf(3)], { list: parseList('\n;\n2; x') }))
    expect([error.code, error.dumpId, error.details?.['line']]).toEqual(['BAD_LIST', 2, 3])
    expect(error.details?.['pgRestore']).toBe('could not find entry for ID 2')
  })

  it('drops a comment that is listed before its table when names are selected too', () => {
    expect(pick(app, { list: [6, 5], tables: ['orders'] })).toEqual([1, 5])
    expect(pick(app, { list: [5, 6], tables: ['orders'] })).toEqual([1, 5, 6])
  })

  it('takes both entries of an id that is used twice', () => {
    const twins = [entryOf(1, { tag: 'first' }), entryOf(2), entryOf(1, { tag: 'second' })]
    const view = filter(viewOf(twins), { list: [1] })
    expect(view.toc.map((entry) => entry.tag)).toEqual(['first', 'second'])
    expect(filter(viewOf(twins), { tables: ['first'] }).toc.map((entry) => entry.tag)).toEqual(['first'])
  })
})

describe('filter() of a filtered view', () => {
  it('narrows it, part by part', () => {
    const both = entryOf(20, { ...data, tag: 'both', defn: 'CREATE …;\n' })
    const once = filter(viewOf([...app, both]), { dataOnly: true })
    expect(partsOf(once, 20)).toBe('data')
    expect(selected(filter(once, { tables: ['orders'], schemas: ['a'] }))).toEqual([1, 11])
    expect(selected(filter(once, { schemaOnly: true }))).toEqual([1])
  })

  it('keeps the order of a list, and lets a comment go whose table went before', () => {
    const once = filter(viewOf(app), { list: [14, 6, 5, 9] })
    expect(selected(filter(once, { excludeSchemas: ['b'] }))).toEqual([1, 14, 5])
    expect(selected(filter(filter(viewOf(app), { list: [6] }), { schemas: ['a'] }))).toEqual([1])
  })

  it('gives only the blocks of data that it keeps', async () => {
    const block = (dumpId: number): never =>
      ({ kind: 'data', dumpId, entry: app[dumpId - 1], data: undefined }) as never
    const view: ArchiveView = viewOf(app, { blocks: [block(11), block(12)] })
    const seen: number[] = []
    for await (const { dumpId } of filter(view, { schemas: ['b'] }).blocks()) seen.push(dumpId)
    expect(seen).toEqual([12])
  })
})

describe('checkStrictNames()', () => {
  it('fails for the first name that nothing matched: schemas, tables, indexes, functions, triggers', () => {
    const selection = { tables: ['orders', 'nope'], schemas: ['a', 'c'], excludeSchemas: ['d'] }
    const view = filter(viewOf(app), selection)
    expect(view.unmatched).toEqual([
      { kind: 'schema', name: 'c' },
      { kind: 'table', name: 'nope' },
    ])
    const error = failure(() => checkStrictNames(view))
    expect([error.code, error.details?.['pgRestore']]).toEqual(['NAME_NOT_FOUND', 'schema "c" not found'])
    expect(failure(() => filter(viewOf(app), { ...selection, strictNames: true })).code).toBe('NAME_NOT_FOUND')
  })

  it('counts a name as found although another option leaves its entry out later, not earlier', () => {
    expect(filter(viewOf(app), { tables: ['orders'], noSchema: true, noData: true }).unmatched).toEqual([])
    expect(filter(viewOf(app), { tables: ['orders'], sections: ['post-data'] }).unmatched).toHaveLength(1)
  })

  it('finds a name that is given twice only once, as pg_restore does', () => {
    expect(filter(viewOf(app), { tables: ['orders', 'orders'] }).unmatched).toHaveLength(1)
  })
})
