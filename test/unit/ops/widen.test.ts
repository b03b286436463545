import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { open } from '../../../src/archive.ts'
import { filter } from '../../../src/ops/filter.ts'
import { mapEntries } from '../../../src/ops/map-entries.ts'
import type { Selection } from '../../../src/ops/selection.ts'
import { fixture } from '../../helpers/corpus.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'
import { data, none, partitioned, post, run, shop } from './shop.ts'

const nameless = (fields: EntryFields): EntryFields => ({ namespace: null, ...fields })

/** A table with a type, an extension, an access method and a schema that only names tie to it. */
const needy = [
  entryOf(1, nameless({ desc: 'SCHEMA', tag: 'app' })),
  entryOf(2, nameless({ desc: 'ACL', tag: 'SCHEMA app', ...none, dependencies: [1] })),
  entryOf(3, nameless({ desc: 'SCHEMA', tag: 'types' })),
  entryOf(4, nameless({ desc: 'EXTENSION', tag: 'citext' })),
  entryOf(5, nameless({ desc: 'ACCESS METHOD', tag: 'heap2' })),
  entryOf(6, { desc: 'TYPE', tag: 'num', namespace: 'types' }),
  entryOf(7, nameless({ desc: 'CAST', tag: 'CAST (types.num AS integer)', dependencies: [6] })),
  entryOf(8, nameless({ desc: 'CAST', tag: 'CAST (types.num AS types.other)', dependencies: [6, 9] })),
  entryOf(9, { desc: 'TYPE', tag: 'other', namespace: 'types' }),
  entryOf(10, { desc: 'OPERATOR FAMILY', tag: 'fam', namespace: 'types' }),
  entryOf(11, { desc: 'OPERATOR CLASS', tag: 'ops', namespace: 'types', dependencies: [6, 10] }),
  // 900 is in no archive
  entryOf(20, { tag: 't', namespace: 'app', tableam: 'heap2', dependencies: [4, 4, 900, 6] }),
  entryOf(21, { desc: 'COMMENT', tag: 'TABLE t', namespace: 'app', ...none, dependencies: [20] }),
  entryOf(22, { tag: 'u', namespace: 'app' }),
  entryOf(23, { desc: 'TABLE DATA', tag: 't', namespace: 'app', ...data, dependencies: [20] }),
  entryOf(24, { desc: 'CHECK CONSTRAINT', tag: 't positive', namespace: 'app', ...post, dependencies: [20] }),
  entryOf(30, { desc: 'EVENT TRIGGER', tag: 'e', namespace: null, ...post }),
]

describe('filter() with withDependencies', () => {
  const withDependencies = true

  it('adds what the TOC ties by id or by name, its comments and privileges, and what that needs', () => {
    const { left, warnings } = run(needy, { tables: ['t'], withDependencies })
    expect(left).toEqual([1, 2, 3, 4, 5, 6, 7, 10, 11, 20, 21, 23, 24])
    expect(warnings).toEqual([])
  })

  it('adds a cast when all that it depends on is there', () => {
    const used = needy.map((entry) => (entry.dumpId === 22 ? entryOf(22, { tag: 'u', dependencies: [9] }) : entry))
    expect(run(used, { tables: ['t', 'u'], withDependencies }).left).toContain(8)
  })

  it('adds rows and defaults of tables that others work with, and what identity columns are', () => {
    expect(run(shop, { tables: ['rich'], withDependencies }).left).toEqual([1, 2, 3, 4, 5, 6, 8, 10, 12, 13])
    const identity = shop.filter(({ dumpId }) => dumpId !== 5 && dumpId !== 6)
    expect(run(identity, { tables: ['rich'], withDependencies }).left).toEqual([1, 2, 3, 4, 8, 10, 12, 13])
  })

  it('adds no rows of what only gives its columns or is the table of an index', () => {
    expect(run(shop, { indexes: ['by_name'], withDependencies }).left).not.toContain(10)
    const child = [...shop, entryOf(40, { tag: 'child', dependencies: [1] })]
    expect(run(child, { tables: ['child'], withDependencies }).left).not.toContain(10)
  })

  it('adds the parents of a partition and the tie to them, not its brothers', () => {
    const more = [...partitioned, entryOf(9, { tag: 'p_2', dependencies: [1] })]
    expect(run(more, { tables: ['p_1'], withDependencies }).left).toEqual([1, 2, 3])
  })

  it('adds the rule that completes a view in a cycle', () => {
    const cycle = [
      entryOf(1, { desc: 'VIEW', tag: 'v' }),
      entryOf(2, { desc: 'FUNCTION', tag: 'f(v)', dependencies: [1] }),
      entryOf(3, { desc: 'RULE', tag: 'v _RETURN', ...post, dependencies: [1, 2] }),
      entryOf(4, { desc: 'RULE', tag: 'v other', ...post, dependencies: [1] }),
    ]
    expect(run(cycle, { functions: ['f(v)'], withDependencies }).left).toEqual([1, 2, 3])
    expect(run(cycle, { tables: ['v'], withDependencies }).left).toEqual([1, 2, 3])
  })

  it('adds the extension that exclusion constraints compare columns with', () => {
    const booked = (defn: string) => [
      entryOf(1, nameless({ desc: 'EXTENSION', tag: 'btree_gist' })),
      entryOf(2, { tag: 'rooms' }),
      entryOf(3, { desc: 'CONSTRAINT', tag: 'rooms free', ...post, defn, dependencies: [2] }),
    ]
    const selection = { schemas: ['public'], withDependencies }
    expect(run(booked('… EXCLUDE USING gist (room WITH =);\n'), selection).left).toEqual([1, 2, 3])
    expect(run(booked('… PRIMARY KEY (id, at WITHOUT OVERLAPS);\n'), selection).left).toEqual([1, 2, 3])
    expect(run(booked('… PRIMARY KEY (id);\n'), selection).left).toEqual([2, 3])
  })

  it('lets exclusions win, and says what then is missing', () => {
    expect(run(needy, { tables: ['t'], excludeSchemas: ['types'], withDependencies })).toEqual({
      left: [1, 2, 4, 5, 20, 21, 23, 24],
      warnings: ['NEEDS_EXCLUDED 20'],
    })
    expect(run(shop, { tables: ['rich'], excludeTables: ['customers'], withDependencies })).toEqual({
      left: [8],
      warnings: ['NEEDS_EXCLUDED 8'],
    })
  })

  it('lets the options about parts, sections and kinds of entries take away from the whole', () => {
    const narrowed = (selection: Selection) => run(needy, { tables: ['t'], withDependencies, ...selection }).left
    expect(narrowed({ dataOnly: true })).toEqual([23])
    expect(narrowed({ schemaOnly: true })).not.toContain(23)
    expect(narrowed({ sections: ['post-data'] })).toEqual([24])
    expect(narrowed({ noPrivileges: true, noComments: true })).toEqual([1, 3, 4, 5, 6, 7, 10, 11, 20, 23, 24])
  })

  it('puts what a list needs before it and keeps the order of the list', () => {
    const view = filter(viewOf(needy), { list: [22, 20], withDependencies })
    expect(view.toc.map(({ dumpId }) => dumpId)).toEqual([1, 22, 4, 3, 6, 5, 20, 2, 7, 10, 11, 21, 24])
    expect(view.allEntries.length).toBe(needy.length)
  })

  it('does not add what an earlier filter took away', () => {
    const first = filter(viewOf(needy), { excludeSchemas: ['types'] })
    const view = filter(first, { tables: ['t'], withDependencies })
    expect(view.toc.map(({ dumpId }) => dumpId)).toEqual([1, 2, 4, 5, 20, 21, 23, 24])
  })

  it('changes nothing when nothing is selected by name', () => {
    expect(run(needy, { withDependencies, withDependents: true })).toEqual(run(needy, {}))
  })

  it('ends where entries need each other in a circle', () => {
    const circle = [1, 2, 3].map((id) =>
      entryOf(id, { desc: 'FUNCTION', tag: `f${id}()`, dependencies: [(id % 3) + 1] }),
    )
    expect(run(circle, { functions: ['f1()'], withDependencies }).left).toEqual([1, 2, 3])
    expect(run(circle, { list: [1], withDependencies }).left).toEqual([3, 2, 1])
  })

  it('follows a chain of any length', () => {
    const chain = Array.from({ length: 50_000 }, (_, index) =>
      entryOf(index + 1, { desc: 'FUNCTION', tag: `f${index}()`, dependencies: [index] }),
    )
    expect(run(chain, { list: [50_000], withDependencies }).left.length).toBe(50_000)
  })
})

describe('filter() with withDependents', () => {
  const withDependents = true

  it('adds all that belongs to a table', () => {
    expect(run(shop, { tables: ['customers'], withDependents })).toEqual({
      left: [1, 2, 3, 4, 5, 6, 10, 12, 13, 20, 21, 22, 23, 24],
      warnings: [],
    })
  })

  it('leaves out foreign keys to tables that are not selected, and what is said about them', () => {
    expect(run(shop, { tables: ['orders'], withDependents })).toEqual({
      left: [7, 11, 25],
      warnings: ['FOREIGN_KEY_LEFT_OUT 26'],
    })
    expect(run(shop, { tables: ['orders', 'customers'], withDependents }).left).toContain(27)
  })

  it('takes the table that a foreign key refers to along with dependencies, and only what that needs', () => {
    expect(run(shop, { tables: ['orders'], withDependents, withDependencies: true })).toEqual({
      left: [1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 20, 21, 25, 26, 27],
      warnings: [],
    })
  })

  it('reports only foreign keys that would be restored', () => {
    expect(run(shop, { tables: ['orders'], withDependents, dataOnly: true })).toEqual({ left: [11], warnings: [] })
  })

  it('leaves out foreign keys of a selected schema to others, too', () => {
    const moved = shop.map((entry) => (entry.dumpId === 1 ? entryOf(1, { tag: 'customers', namespace: 'crm' }) : entry))
    expect(run(moved, { schemas: ['public'], withDependents }).warnings).toContain('FOREIGN_KEY_LEFT_OUT 26')
    expect(run(moved, { schemas: ['public'] }).left).toContain(26)
  })

  it('adds partitions with all that is theirs', () => {
    expect(run(partitioned, { tables: ['p'], withDependents })).toEqual({
      left: [1, 2, 3, 4, 5, 6, 7, 8],
      warnings: [],
    })
  })

  it('finds partitions by their definition where no entry attaches them', () => {
    const attach = (text: string) => [
      entryOf(1, { tag: 'p' }),
      entryOf(2, { tag: 'p_1', defn: text, dependencies: [1] }),
      entryOf(3, { desc: 'TABLE DATA', tag: 'p_1', ...data, dependencies: [2] }),
    ]
    const left = (text: string) => run(attach(text), { tables: ['p'], withDependents }).left
    expect(left('CREATE TABLE p_1 ();\nALTER TABLE ONLY p ATTACH PARTITION p_1 DEFAULT;\n')).toEqual([1, 2, 3])
    expect(left('CREATE TABLE p_1 PARTITION OF p DEFAULT;\n')).toEqual([1, 2, 3])
    expect(left("CREATE TABLE p_1 (a text DEFAULT ' ATTACH PARTITION ') INHERITS (p);\n")).toEqual([1])
  })

  it('takes a partition alone without what ties it to its parent', () => {
    expect(run(partitioned, { tables: ['p_1'], withDependents })).toEqual({
      left: [2, 5],
      warnings: ['LINK_LEFT_OUT 3'],
    })
  })

  it('takes partitions along for a foreign key that refers to their parent', () => {
    const referring = [
      ...partitioned,
      entryOf(10, { tag: 'r' }),
      entryOf(11, { desc: 'TABLE DATA', tag: 'p_1', ...data, dependencies: [2] }),
      entryOf(12, { desc: 'FK CONSTRAINT', tag: 'r r_fkey', ...post, dependencies: [1, 10] }),
    ]
    const { left } = run(referring, { tables: ['r'], withDependents, withDependencies: true })
    expect(left).toEqual([1, 2, 3, 10, 11, 12])
  })

  it('adds places in publications when the publication is there', () => {
    const published = [
      entryOf(1),
      entryOf(2, { desc: 'PUBLICATION', tag: 'pub', namespace: null, ...post }),
      entryOf(3, { desc: 'PUBLICATION TABLE', tag: 'pub t1', ...post, dependencies: [2, 1] }),
    ]
    expect(run(published, { tables: ['t1'], withDependents })).toEqual({ left: [1], warnings: ['LINK_LEFT_OUT 3'] })
    expect(run(published, { tables: ['t1'], withDependents, withDependencies: true }).left).toEqual([1, 2, 3])
  })

  it('adds what a list does not name', () => {
    expect(run(shop, { list: [1], withDependents }).left).toEqual([1, 2, 3, 4, 5, 6, 10, 12, 13, 20, 21, 22, 23, 24])
  })
})

describe('FilteredView.reason()', () => {
  it('tells what each entry is there for', () => {
    const view = filter(viewOf(shop), { tables: ['orders'], withDependents: true })
    const reasonOf = (dumpId: number) => {
      const entry = shop.find((one) => one.dumpId === dumpId)
      const reason = entry === undefined ? undefined : view.reason(entry)
      return reason === undefined ? undefined : [reason.why, reason.of?.dumpId]
    }
    expect(reasonOf(7)).toEqual(['selected', undefined])
    expect(reasonOf(25)).toEqual(['dependent', 7])
    expect(reasonOf(26)).toEqual(['left-out', 20])
    expect(reasonOf(1)).toBeUndefined()
  })

  it('is plain without widening', () => {
    const view = filter(viewOf(shop), { tables: ['orders'] })
    expect(view.toc.map((entry) => view.reason(entry))).toEqual([{ why: 'selected' }, { why: 'selected' }])
    expect(shop.slice(0, 1).map((entry) => view.reason(entry))).toEqual([undefined])
  })

  it('knows entries that were changed since', () => {
    const view = filter(viewOf(shop), { tables: ['rich'], withDependencies: true })
    const mapped = mapEntries(view, (entry) => entryOf(entry.dumpId, { desc: entry.desc, tag: `new ${entry.tag}` }))
    const table = mapped.toc.find(({ dumpId }) => dumpId === 1)
    const reason = table === undefined ? undefined : mapped.reason(table)
    expect([reason?.why, reason?.of?.tag]).toEqual(['dependency', 'new rich'])
  })
})

describe('a widened selection of any archive', () => {
  const descs = ['TABLE', 'VIEW', 'INDEX', 'CONSTRAINT', 'FK CONSTRAINT', 'DEFAULT', 'SEQUENCE', 'SEQUENCE OWNED BY']
    .concat([
      'TABLE DATA',
      'TABLE ATTACH',
      'INDEX ATTACH',
      'TRIGGER',
      'RULE',
      'COMMENT',
      'CAST',
      'TYPE',
      'OPERATOR CLASS',
    ])
    .concat(['PUBLICATION', 'PUBLICATION TABLE', 'FUNCTION', 'SCHEMA'])
  const entry = fc.record({
    desc: fc.constantFrom(...descs),
    dependencies: fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 4 }),
    namespace: fc.constantFrom('t1', 't2', null),
  })
  const toc = fc.array(entry, { maxLength: 25 }).map((all) => all.map((fields, index) => entryOf(index + 1, fields)))
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 25 }), { maxLength: 3 })

  it('has all that its entries depend on, and all that was selected', () => {
    fc.assert(
      fc.property(toc, ids, fc.boolean(), (entries, wanted, withDependents) => {
        const list = wanted.filter((id) => id <= entries.length)
        const left = new Set(run(entries, { list, withDependencies: true, withDependents }).left)
        for (const id of list) expect(left).toContain(id)
        for (const one of entries) {
          if (!left.has(one.dumpId)) continue
          for (const id of one.dependencies) if (id <= entries.length) expect(left).toContain(id)
        }
      }),
    )
  })

  it('grows with each option, but for links without an end', () => {
    const links = new Set(['FK CONSTRAINT', 'SEQUENCE OWNED BY', 'TABLE ATTACH', 'INDEX ATTACH', 'TRIGGER', 'COMMENT'])
    links.add('PUBLICATION TABLE')
    fc.assert(
      fc.property(toc, ids, (entries, wanted) => {
        const list = wanted.filter((id) => id <= entries.length)
        const dependents = run(entries, { list, withDependents: true }).left
        const both = new Set(run(entries, { list, withDependents: true, withDependencies: true }).left)
        for (const id of dependents) expect(both).toContain(id)
        for (const id of list) {
          const desc = entries[id - 1]?.desc ?? ''
          if (!links.has(desc)) expect(dependents).toContain(id)
        }
      }),
    )
  })
})

describe('a widened selection of a real archive', () => {
  it.each(['13/full-Fc.dump', '18/full-Fc.dump'])(
    'takes no dependency that is there without the entry: %s',
    async (path) => {
      await using archive = await open(fixture(path).file)
      const view = filter(archive, { schemas: ['Sch 1'], withDependencies: true })
      const taken = new Set(view.toc.map(({ dumpId }) => dumpId))
      const missing = view.toc.flatMap(({ dependencies }) =>
        dependencies.filter((id) => archive.entry(id) !== undefined && !taken.has(id)),
      )
      expect(missing).toEqual([])
      expect(view.toc.some((entry) => view.reason(entry)?.why === 'dependency')).toBe(true)
    },
  )
})
