import { describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/errors.ts'
import { downgrade, isDowngraded } from '../../../src/ops/downgrade.ts'
import { filter, isFiltered } from '../../../src/ops/filter.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { entryOf, headerOf, viewOf, type EntryFields } from '../../helpers/entries.ts'

const e = (dumpId: number, desc: string, fields: EntryFields = {}): TocEntry => entryOf(dumpId, { desc, ...fields })
const rows = (dumpId: number, table: number, ...others: number[]): TocEntry =>
  e(dumpId, 'TABLE DATA', { section: 'data', hadDumper: true, defn: '', dependencies: [table, ...others] })
const ids = (entries: readonly TocEntry[]): number[] => entries.map(({ dumpId }) => dumpId)

/** Table 1 cannot be made before 14, and takes along what needs it. */
const toc = [
  e(1, 'TABLE', { defn: 'CREATE TABLE public.a (r int4multirange);\n' }),
  e(2, 'TABLE', { defn: 'CREATE TABLE public.b (i integer);\n' }),
  e(3, 'VIEW', { defn: 'CREATE VIEW public.v AS SELECT r FROM public.a;\n', dependencies: [1] }),
  e(4, 'COMMENT', { tag: 'VIEW v', section: 'none', defn: 'COMMENT ON VIEW public.v IS 1;\n', dependencies: [3] }),
  rows(5, 1),
  rows(6, 2, 5),
  e(7, 'INDEX', {
    section: 'post-data',
    defn: 'CREATE UNIQUE INDEX i ON public.b USING btree (i) NULLS NOT DISTINCT;\n',
    dependencies: [2],
  }),
  e(8, 'INDEX', { section: 'post-data', defn: 'CREATE INDEX j ON public.b (i);\n', dependencies: [2] }),
]

describe('downgrade()', () => {
  it('leaves out what the target lacks, and what depends on that', () => {
    const view = downgrade(viewOf(toc), { targetVersion: '13' })
    expect(ids(view.toc)).toEqual([2, 6, 8])
    expect(view.entry(1)).toBeUndefined()
    expect(view.losses()).toMatchObject([
      { kind: 'left-out', dumpId: 1, desc: 'TABLE', tag: 't1', feature: 'multirange types' },
      { kind: 'dependent', dumpId: 3, of: 1, feature: 'multirange types' },
      { kind: 'dependent', dumpId: 4, of: 3 },
      { kind: 'dependent', dumpId: 5, of: 1, note: 'it is left out with TABLE public t1, which it needs' },
      { kind: 'left-out', dumpId: 7, feature: 'NULLS NOT DISTINCT' },
    ])
  })

  it('takes entries that are gone out of the dependencies of the others', () => {
    expect(downgrade(viewOf(toc), { targetVersion: '13' }).entry(6)?.dependencies).toEqual([2])
  })

  it('leaves out what needs an index, but not what only comes after an ACL or other rows', () => {
    const view = viewOf([
      e(1, 'TABLE', { defn: 'CREATE TABLE public.a ();\n' }),
      e(2, 'ACL', { tag: 'TABLE a', section: 'none', defn: 'GRANT MAINTAIN ON TABLE a TO b;\n', dependencies: [1] }),
      e(3, 'ACL', {
        tag: 'COLUMN a.c',
        section: 'none',
        defn: 'GRANT SELECT(c) ON TABLE a TO b;\n',
        dependencies: [1, 2],
      }),
    ])
    const downgraded = downgrade(view, { targetVersion: '16' })
    expect(ids(downgraded.toc)).toEqual([1, 3])
    expect(downgraded.entry(3)?.dependencies).toEqual([1])
    expect(downgraded.losses()).toMatchObject([{ kind: 'left-out', dumpId: 2, feature: 'privilege MAINTAIN' }])
  })

  it('says the same in older words without a loss, and keeps entries that need no change', () => {
    const database = "CREATE DATABASE d WITH LOCALE_PROVIDER = libc LOCALE = 'C';\n"
    const entries = [e(1, 'DATABASE', { defn: database }), e(2, 'TABLE', { defn: 'CREATE TABLE public.a ();\n' })]
    const view = downgrade(viewOf(entries), { targetVersion: '13' })
    expect(view.entry(1)?.defn).toBe("CREATE DATABASE d WITH LOCALE = 'C';\n")
    expect(view.entry(2)).toBe(entries[1])
    expect(view.losses()).toEqual([])
  })

  it('lists what is there but changed', () => {
    const sequence = e(1, 'SEQUENCE', { defn: 'CREATE UNLOGGED SEQUENCE public.s;\n' })
    const view = downgrade(viewOf([sequence]), { targetVersion: '14' })
    expect(view.entry(1)?.defn).toBe('CREATE SEQUENCE public.s;\n')
    expect(view.losses()).toMatchObject([{ kind: 'changed', dumpId: 1, note: 'the sequence is logged' }])
  })

  it('leaves an owner out that the target cannot have', () => {
    const owned = {
      owner: 'pg_database_owner',
      dropStmt: 'DROP TABLE public.a;\n',
      defn: 'CREATE TABLE public.a ();\n',
    }
    const view = viewOf([e(1, 'TABLE', owned), rows(2, 1)])
    const old = downgrade(view, { targetVersion: '13' })
    expect(old.entry(1)?.owner).toBe('')
    expect(old.losses()).toMatchObject([{ kind: 'changed', dumpId: 1, feature: 'role pg_database_owner' }])
    expect(downgrade(view, { targetVersion: '14' }).losses()).toEqual([])
  })

  it.each([
    ['16', 't', 'p', null],
    ['16', 't', 'r', 't'],
    ['11', 'heap', 'r', null],
  ])('in %s the access method %s of a relation of kind %s becomes %j', (targetVersion, tableam, relkind, expected) => {
    const view = viewOf([e(1, 'TABLE', { defn: 'CREATE TABLE public.a ();\n', tableam, relkind })])
    const downgraded = downgrade(view, { targetVersion })
    expect(downgraded.entry(1)?.tableam).toBe(expected)
    expect(downgraded.losses()).toHaveLength(expected === null && tableam !== 'heap' ? 1 : 0)
  })

  it('tells each loss once, and of planner statistics only how many there are', () => {
    const statistics = (dumpId: number): TocEntry =>
      e(dumpId, 'STATISTICS DATA', { section: 'data', defn: 'SELECT 1;\n', dependencies: [2] })
    const findings: Finding[] = []
    const view = downgrade(viewOf([...toc, statistics(20), statistics(21)]), {
      targetVersion: '17',
      onWarning: (finding) => findings.push(finding),
    })
    expect(findings).toEqual([])
    expect(ids(view.toc)).not.toContain(20)
    expect(view.losses().map(({ kind, dumpId }) => [kind, dumpId])).toEqual([
      ['statistics', 20],
      ['statistics', 21],
    ])
    expect(findings).toMatchObject([{ severity: 'info', hint: 'Run ANALYZE after the restore' }])
    expect(findings[0]?.message).toContain('those of 2 relations')
    expect(downgrade(viewOf([statistics(1)]), { targetVersion: '18' }).losses()).toEqual([])
  })

  it('reports losses as errors, with the entry and the reason', () => {
    const findings: Finding[] = []
    downgrade(viewOf(toc), { targetVersion: '13', onWarning: (finding) => findings.push(finding) }).losses()
    expect(findings.map(({ code, severity, dumpId }) => [code, severity, dumpId])).toEqual([
      ['TARGET_ALLOWS', 'warning', undefined],
      ...[1, 3, 4, 5, 7].map((id) => ['TARGET_LACKS', 'error', id]),
    ])
    expect(findings.at(-1)?.message).toBe('PostgreSQL 13 has no NULLS NOT DISTINCT: INDEX public t7: it is left out')
  })

  it('keeps a filtered view filtered, and lists only what would be in it', () => {
    const view = downgrade(filter(viewOf(toc), { list: [2, 5, 6, 8] }), { targetVersion: '13' })
    expect(isFiltered(view)).toBe(true)
    expect(ids(view.toc)).toEqual([2, 5, 6, 8])
    expect(view.losses()).toEqual([])
  })

  it('lays large objects out as the target has them', () => {
    const group = e(1, 'BLOB METADATA', { tag: '5..6', section: 'data', defn: '5\n6\n' })
    const descs = (targetVersion: string): string[] =>
      downgrade(viewOf([group]), { targetVersion }).toc.map(({ desc }) => desc)
    expect(descs('16')).toEqual(['BLOB', 'BLOB'])
    expect(descs('17')).toEqual(['BLOB METADATA'])
  })

  it('changes nothing for a release that has everything', () => {
    const base = viewOf(toc, { header: headerOf() })
    const view = downgrade(base, { targetVersion: '18' })
    expect(view.toc).toEqual(toc)
    expect(view.toc.every((entry, index) => entry === toc[index])).toBe(true)
    expect(isDowngraded(view)).toBe(true)
    expect(isDowngraded(base)).toBe(false)
  })

  it('refuses a release that nobody knows', () => {
    expect(() => downgrade(viewOf(toc), { targetVersion: '8.4' })).toThrow('must be 9.6 to 18')
  })
})
