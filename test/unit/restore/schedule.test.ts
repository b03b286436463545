import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RestoreSchedule } from '../../../src/restore/schedule.ts'
import type { Section, TocEntry } from '../../../src/toc/types.ts'

/* RestoreSchedule against what must hold of any order, over archives made at random; then single rules. */

interface Given {
  readonly dumpId: number
  readonly desc: string
  readonly section: Section
  readonly dependencies: readonly number[]
}

/** All that a schedule looks at. */
function entriesOf(given: readonly Given[]): readonly TocEntry[] {
  return given as readonly Given[] & readonly TocEntry[]
}

const passOf = ({ desc }: Given): number => (desc === 'ACL' ? 1 : desc === 'EVENT TRIGGER' ? 2 : 0)

function scheduleOf(
  given: readonly Given[],
  bytes: ReadonlyMap<number, number> = new Map(),
  comesInOrder?: (entry: Given) => boolean,
): RestoreSchedule {
  return new RestoreSchedule({
    entries: entriesOf(given),
    passOf,
    passes: 3,
    bytesOf: ({ dumpId }) => bytes.get(dumpId) ?? 0,
    ...(comesInOrder !== undefined && { comesInOrder }),
    commentsFollowObjects: false,
  })
}

/** Whether an entry holds data. */
const isData = ({ section }: Given): boolean => section === 'data'

/** What an entry comes after: instead of a table what follows the data names the rows of it. */
function dependenciesOf(entry: Given, all: readonly Given[]): readonly number[] {
  const rows = (table: number): number | undefined =>
    all.findLast(({ desc, dependencies }) => desc === 'TABLE DATA' && dependencies[0] === table)?.dumpId
  return entry.section === 'post-data' ? entry.dependencies.map((id) => rows(id) ?? id) : entry.dependencies
}

function locksOf(entry: Given, all: readonly Given[]): readonly number[] {
  if (entry.section !== 'post-data' || entry.desc === 'INDEX') return []
  const tables = new Set(
    all.filter(({ desc }) => desc === 'TABLE' || desc === 'TABLE DATA').map(({ dumpId }) => dumpId),
  )
  return dependenciesOf(entry, all).filter((id) => tables.has(id))
}

const kinds: readonly (readonly [string, Section])[] = [
  ['TABLE', 'pre-data'],
  ['COMMENT', 'none'],
  ['TABLE DATA', 'data'],
  ['BLOBS', 'data'],
  ['INDEX', 'post-data'],
  ['CONSTRAINT', 'post-data'],
  ['FK CONSTRAINT', 'post-data'],
  ['ACL', 'none'],
  ['EVENT TRIGGER', 'post-data'],
]

/** Archives whose entries are in any order and name any others, some that are not there, none in a circle. */
const archives = fc
  .array(
    fc.record({ kind: fc.constantFrom(...kinds), names: fc.array(fc.nat(40), { maxLength: 4 }), place: fc.nat(1000) }),
    { maxLength: 40 },
  )
  .map((list) =>
    list
      .map(({ kind: [desc, section], names, place }, at) => {
        // of entries before it, and of one that is missing
        const dependencies = names.map((name) => (name < at ? name + 1 : 1000 + name))
        return { dumpId: at + 1, desc, section, dependencies, place }
      })
      .sort((a, b) => a.place - b.place),
  )

/** Goes through a schedule with some workers; `choose` says which of those that run ends next. */
function goThrough(given: readonly Given[], schedule: RestoreSchedule, workers: number, choose: () => number) {
  const log: { readonly what: 'begin' | 'end' | 'alone'; readonly entry: Given }[] = []
  const note = (what: 'begin' | 'end' | 'alone', place: number): void => {
    const entry = given[place]
    if (entry !== undefined) log.push({ what, entry })
  }
  for (const place of schedule.beforeOthers()) note('alone', place)
  const running: number[] = []
  while (schedule.nextPass()) {
    for (;;) {
      const place = running.length < workers ? schedule.next() : undefined
      if (place !== undefined) {
        running.push(place)
        note('begin', place)
      } else if (running.length > 0) {
        const [ended = 0] = running.splice(choose() % running.length, 1)
        note('end', ended)
        schedule.done(ended)
      } else break
    }
  }
  for (const place of schedule.unreached()) note('alone', place)
  return log
}

describe('RestoreSchedule', () => {
  test('gives every entry once, none before what it depends on, none beside what it locks out, pass by pass', () => {
    fc.assert(
      fc.property(
        archives,
        fc.integer({ min: 1, max: 5 }),
        fc.infiniteStream(fc.nat(100)),
        fc.array(fc.nat(5), { minLength: 41, maxLength: 41 }),
        fc.boolean(),
        (given, workers, choices, sizes, isStream) => {
          const bytes = new Map(sizes.map((size, at) => [at + 1, size]))
          const schedule = scheduleOf(given, bytes, isStream ? isData : undefined)
          const log = goThrough(given, schedule, workers, () => choices.next().value)
          const begun = log.filter(({ what }) => what !== 'end').map(({ entry }) => entry)
          expect(begun.map(({ dumpId }) => dumpId).toSorted((a, b) => a - b)).toEqual(
            given.map(({ dumpId }) => dumpId).toSorted((a, b) => a - b),
          )
          if (isStream) expect(begun.filter(isData)).toEqual(given.filter(isData))
          const ids = new Set(given.map(({ dumpId }) => dumpId))
          const ended = new Set<number>()
          const running = new Set<Given>()
          let pass = 0
          for (const { what, entry } of log) {
            if (what === 'alone') ended.add(entry.dumpId)
            if (what === 'end') {
              running.delete(entry)
              ended.add(entry.dumpId)
            }
            if (what !== 'begin') continue
            if (isStream && isData(entry)) expect([...running].filter(isData)).toEqual([])
            const needed = dependenciesOf(entry, given)
            expect(needed.filter((id) => ids.has(id) && !ended.has(id))).toEqual([])
            for (const other of running) {
              const used = [dependenciesOf(other, given), needed]
              expect(locksOf(entry, given).filter((id) => used[0]?.includes(id))).toEqual([])
              expect(locksOf(other, given).filter((id) => used[1]?.includes(id))).toEqual([])
            }
            expect(passOf(entry)).toBeGreaterThanOrEqual(pass)
            pass = passOf(entry)
            running.add(entry)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('gives definitions to one session, and what has no section only before the first data', () => {
    const given: readonly Given[] = [
      { dumpId: 1, desc: 'COMMENT', section: 'none', dependencies: [] },
      { dumpId: 2, desc: 'TABLE', section: 'pre-data', dependencies: [] },
      { dumpId: 3, desc: 'ACL', section: 'none', dependencies: [] },
      { dumpId: 4, desc: 'TABLE DATA', section: 'data', dependencies: [2] },
      { dumpId: 5, desc: 'COMMENT', section: 'none', dependencies: [] },
      { dumpId: 6, desc: 'TABLE', section: 'pre-data', dependencies: [] },
    ]
    expect([...scheduleOf(given).beforeOthers()]).toEqual([0, 1, 5])
  })

  test('gives the most data first, then by id, and what follows large data before what follows small', () => {
    const data = (dumpId: number): Given => ({
      dumpId,
      desc: 'TABLE DATA',
      section: 'data',
      dependencies: [dumpId - 10],
    })
    const index = (dumpId: number, table: number): Given => ({
      dumpId,
      desc: 'INDEX',
      section: 'post-data',
      dependencies: [table],
    })
    const given = [data(13), data(12), data(11), index(21, 1), index(22, 3)]
    const log = goThrough(given, scheduleOf(given, new Map([[13, 7]])), 1, () => 0)
    const begun = log.filter(({ what }) => what === 'begin').map(({ entry }) => entry.dumpId)
    expect(begun).toEqual([13, 22, 11, 12, 21])
  })

  test('gives what acts upon rows of a partitioned table, at any depth, after those of its partitions', () => {
    const entry = (dumpId: number, desc: string, section: Section, ...dependencies: number[]): Given => ({
      dumpId,
      desc,
      section,
      dependencies,
    })
    const given = [
      entry(1, 'TABLE', 'pre-data'),
      entry(2, 'TABLE', 'pre-data'),
      // as pg_dump before 14 says it
      entry(3, 'TABLE', 'pre-data', 2),
      entry(4, 'TABLE ATTACH', 'pre-data', 2, 1),
      entry(13, 'TABLE DATA', 'data', 3),
      entry(20, 'INDEX', 'post-data', 1),
      entry(21, 'TRIGGER', 'post-data', 1),
      entry(22, 'FK CONSTRAINT', 'post-data', 2),
    ]
    const schedule = scheduleOf(given)
    expect([...schedule.beforeOthers()]).toEqual([0, 1, 2, 3])
    expect(schedule.nextPass()).toBe(true)
    expect([schedule.next(), schedule.next(), schedule.next()]).toEqual([4, 5, undefined])
    schedule.done(4)
    // the index is at work on the table of the trigger
    expect([schedule.next(), schedule.next()]).toEqual([7, undefined])
    schedule.done(5)
    // both alter the table that holds the rows
    expect(schedule.next()).toBe(undefined)
    schedule.done(7)
    expect(schedule.next()).toBe(6)
  })

  test('gives data of a stream as they come, one after the other, and meanwhile what follows those that have come', () => {
    const table = (dumpId: number): Given => ({ dumpId, desc: 'TABLE', section: 'pre-data', dependencies: [] })
    const data = (dumpId: number): Given => ({
      dumpId,
      desc: 'TABLE DATA',
      section: 'data',
      dependencies: [dumpId - 10],
    })
    const index = (dumpId: number, of: number): Given => ({
      dumpId,
      desc: 'INDEX',
      section: 'post-data',
      dependencies: [of],
    })
    const given = [table(1), table(2), table(3), data(12), data(11), data(13), index(21, 2), index(22, 1), index(23, 2)]
    const schedule = scheduleOf(given, new Map([[13, 7]]), isData)
    expect([...schedule.beforeOthers()]).toEqual([0, 1, 2])
    schedule.nextPass()
    expect([schedule.next(), schedule.next()]).toEqual([3, undefined])
    schedule.done(3)
    // the stream goes on first
    expect([schedule.next(), schedule.next(), schedule.next(), schedule.next()]).toEqual([4, 6, 8, undefined])
    schedule.done(6)
    expect(schedule.next()).toBeUndefined()
    schedule.done(4)
    expect([schedule.next(), schedule.next(), schedule.next()]).toEqual([5, 7, undefined])
  })

  test.each([
    ['CONSTRAINT', 'INDEX'],
    ['INDEX', 'CONSTRAINT'],
    ['FK CONSTRAINT', 'TRIGGER'],
  ])('lets no two be at work on one table of which one alters it: %s, then %s', (first, second) => {
    const after = (dumpId: number, desc: string, ...dependencies: number[]): Given => ({
      dumpId,
      desc,
      section: 'post-data',
      dependencies,
    })
    const tables = [1, 2].map((dumpId): Given => ({ dumpId, desc: 'TABLE', section: 'pre-data', dependencies: [] }))
    const given = [...tables, after(3, first, 1, 2), after(4, second, 2), after(5, 'CONSTRAINT', 1), after(6, 'INDEX')]
    const schedule = scheduleOf(given)
    expect([...schedule.beforeOthers()]).toEqual([0, 1])
    schedule.nextPass()
    expect([schedule.next(), schedule.next(), schedule.next()]).toEqual([2, 5, undefined])
    schedule.done(2)
    expect([schedule.next(), schedule.next()]).toEqual([3, 4])
  })

  test('leaves a circle, and what follows it, to the end', () => {
    const given: readonly Given[] = [
      { dumpId: 1, desc: 'CONSTRAINT', section: 'post-data', dependencies: [2] },
      { dumpId: 2, desc: 'CONSTRAINT', section: 'post-data', dependencies: [1] },
      { dumpId: 3, desc: 'INDEX', section: 'post-data', dependencies: [2] },
      { dumpId: 4, desc: 'INDEX', section: 'post-data', dependencies: [] },
    ]
    const log = goThrough(given, scheduleOf(given), 2, () => 0)
    expect(log.map(({ what, entry }) => `${what} ${entry.dumpId}`)).toEqual([
      'begin 4',
      'end 4',
      'alone 1',
      'alone 2',
      'alone 3',
    ])
  })

  test('lets comments on large objects follow them where archives do not say so', () => {
    const given: readonly Given[] = [
      { dumpId: 9, desc: 'BLOBS', section: 'data', dependencies: [] },
      { dumpId: 1, desc: 'BLOB COMMENTS', section: 'data', dependencies: [] },
    ]
    const schedule = new RestoreSchedule({
      entries: entriesOf(given),
      passOf,
      passes: 3,
      bytesOf: () => 0,
      commentsFollowObjects: true,
    })
    expect([...schedule.beforeOthers()]).toEqual([])
    schedule.nextPass()
    expect([schedule.next(), schedule.next()]).toEqual([0, undefined])
    schedule.done(0)
    expect(schedule.next()).toBe(1)
  })

  test('keeps no session waiting for which there is an entry', () => {
    const property = fc.property(archives, fc.array(fc.nat(3), { minLength: 1 }), (given, order) => {
      const schedule = scheduleOf(given)
      const done = new Set([...schedule.beforeOthers()].map((place) => given[place]?.dumpId))
      const begun = new Set(done)
      const there = new Set(given.map(({ dumpId }) => dumpId))
      for (let pass = 0; schedule.nextPass(); pass++) {
        const running: number[] = []
        for (let turn = 0; ; turn++) {
          for (let place = schedule.next(); place !== undefined; place = schedule.next()) {
            running.push(place)
            begun.add(given[place]?.dumpId)
          }
          const beside = running.flatMap((place) => given[place] ?? [])
          const missed = given.filter((entry) => {
            if (begun.has(entry.dumpId) || passOf(entry) !== pass) return false
            const uses = dependenciesOf(entry, given)
            if (uses.some((id) => there.has(id) && !done.has(id))) return false
            return beside.every((other) => {
              const used = dependenciesOf(other, given)
              return (
                !locksOf(entry, given).some((id) => used.includes(id)) &&
                !locksOf(other, given).some((id) => uses.includes(id))
              )
            })
          })
          expect(missed).toEqual([])
          const [place] = running.splice((order[turn % order.length] ?? 0) % Math.max(1, running.length), 1)
          if (place === undefined) break
          schedule.done(place)
          done.add(given[place]?.dumpId)
        }
      }
    })
    fc.assert(property, { numRuns: 500 })
  })
})

/** So many of what `make` makes. */
const times = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))
const table = (dumpId: number, ...dependencies: number[]): Given => ({
  dumpId,
  desc: 'TABLE',
  section: 'pre-data',
  dependencies,
})
const rowsOf = (dumpId: number, of: number): Given => ({
  dumpId,
  desc: 'TABLE DATA',
  section: 'data',
  dependencies: [of],
})
const after = (desc: string, dumpId: number, dependencies: readonly number[]): Given => ({
  dumpId,
  desc,
  section: 'post-data',
  dependencies,
})

describe('RestoreSchedule takes time and memory by the number of entries', { timeout: 30_000 }, () => {
  const size = 60_000
  const twoTables = [table(1), table(2), rowsOf(3, 1), rowsOf(4, 2)]
  const tables = times(size, (at) => table(at + 1))
  test.each<readonly [string, readonly Given[]]>([
    ['foreign keys to one table', [...twoTables, ...times(size, (at) => after('FK CONSTRAINT', at + 5, [1, 2]))]],
    [
      'foreign keys to one table from many',
      [...tables, ...times(size, (at) => after('FK CONSTRAINT', size + at + 1, [at + 1, 1]))],
    ],
    [
      'indexes of one table that is locked',
      [...twoTables, after('CONSTRAINT', 5, [1]), ...times(3 * size, (at) => after('INDEX', at + 6, [1]))],
    ],
    [
      'entries that attach one table',
      [
        ...twoTables,
        ...times(size, (at): Given => ({
          dumpId: at + 5,
          desc: 'TABLE ATTACH',
          section: 'pre-data',
          dependencies: [1, 2],
        })),
      ],
    ],
    [
      'a chain of tables',
      [
        ...times(size, (at) => table(at + 1, at)),
        ...times(size, (at) => rowsOf(size + at + 1, at + 1)),
        after('TRIGGER', 3 * size, [1]),
      ],
    ],
    [
      'a trigger that names one table again and again',
      [
        table(1),
        ...times(size, (at) => table(at + 2, 1)),
        ...times(size, (at) => rowsOf(size + at + 2, at + 2)),
        after(
          'TRIGGER',
          3 * size,
          times(size, () => 1),
        ),
      ],
    ],
    [
      'foreign keys with very many tables each',
      [
        ...tables,
        ...times(8, (at) =>
          after(
            'FK CONSTRAINT',
            size + at + 1,
            times(size / 2, (nth) => (at % 2) * (size / 2) + nth + 1),
          ),
        ),
      ],
    ],
  ])('%s', (_, given) => {
    const schedule = scheduleOf(given)
    let count = [...schedule.beforeOthers()].length
    while (schedule.nextPass()) {
      const running: number[] = []
      for (;;) {
        for (let place = schedule.next(); place !== undefined; place = running.length < 4 ? schedule.next() : undefined)
          running.push(place)
        const place = running.shift()
        if (place === undefined) break
        schedule.done(place)
        count++
      }
    }
    expect(count).toBe(given.length)
  })
})
