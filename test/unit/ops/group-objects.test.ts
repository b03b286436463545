import { describe, expect, it } from 'vitest'
import { groupLargeObjects } from '../../../src/ops/group-objects.ts'
import { separateLargeObjects } from '../../../src/ops/separate-objects.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const blob = (dumpId: number, oid: number, owner = 'alice'): TocEntry =>
  entryOf(dumpId, {
    desc: 'BLOB',
    tag: String(oid),
    namespace: null,
    owner,
    catalogId: { tableoid: 2613, oid },
    defn: `SELECT pg_catalog.lo_create('${oid}');\n`,
    dropStmt: `SELECT pg_catalog.lo_unlink('${oid}');\n`,
  })

const about = (dumpId: number, desc: string, oid: number, defn: string, dependency: number): TocEntry =>
  entryOf(dumpId, {
    desc,
    tag: `LARGE OBJECT ${oid}`,
    namespace: null,
    section: 'none',
    defn,
    dependencies: [dependency],
  })

const rows = { section: 'data', hadDumper: true, data: { state: 'not-set' }, defn: null } as const
const data = entryOf(90, { desc: 'TABLE DATA', ...rows })
const contents = entryOf(91, { desc: 'BLOBS', tag: 'BLOBS', namespace: null, ...rows })
const index = entryOf(92, { desc: 'INDEX', section: 'post-data' })

/** A view whose large objects begin with this one. */
function beginningWith(oid: number, entries: readonly TocEntry[]): ArchiveView {
  return {
    ...viewOf(entries),
    async *largeObjects() {
      yield { oid, data: viewOf([]) as never }
    },
  }
}

const shown = ({ dumpId, desc, tag, dependencies }: TocEntry): unknown[] => [dumpId, desc, tag, [...dependencies]]
const grant = (oid: number): string => `GRANT SELECT ON LARGE OBJECT ${oid} TO "LARGE OBJECT 1";\n`

const toc = [
  blob(1, 100),
  about(2, 'COMMENT', 100, "COMMENT ON LARGE OBJECT 100 IS 'x';\n", 1),
  blob(3, 20),
  blob(4, 30, 'bob'),
  blob(5, 40),
  about(6, 'ACL', 40, grant(40), 5),
  blob(7, 9),
  about(8, 'ACL', 9, grant(9), 7),
  data,
  contents,
  index,
]

describe('groupLargeObjects()', () => {
  it('names a single object once, in the group and in its contents', async () => {
    const view = await groupLargeObjects(beginningWith(9, [blob(1, 9), contents]))
    expect(view.toc.map(shown)).toEqual([
      [1, 'BLOB METADATA', '9', []],
      [91, 'BLOBS', '9', [1]],
    ])
  })

  it('puts objects with the same owner and grants together, in front of their contents', async () => {
    const view = await groupLargeObjects(beginningWith(9, toc))
    expect(view.toc.map(shown)).toEqual([
      [90, 'TABLE DATA', 't90', []],
      [3, 'BLOB METADATA', '20..100', []],
      [2, 'COMMENT', 'LARGE OBJECT 100', [3]],
      [4, 'BLOB METADATA', '30', []],
      [7, 'BLOB METADATA', '9..40', []],
      [8, 'ACL', 'LARGE OBJECTS 9..40', [7]],
      [91, 'BLOBS', '9..100', [7, 3, 4]],
      [92, 'INDEX', 't92', []],
    ])
    expect(view.entry(3)).toMatchObject({ defn: '20\n100\n', dropStmt: '-- dummy', section: 'data', owner: 'alice' })
    expect(view.entry(8)?.defn).toBe(grant(9))
  })

  it('names the contents by the object that they begin with', async () => {
    const view = await groupLargeObjects(beginningWith(30, toc))
    expect(view.entry(91)?.tag).toBe('30..100')
  })

  it('leaves objects alone whose grants pg_restore would not repeat', async () => {
    const chain = (oid: number): string => `SET SESSION AUTHORIZATION b;\n${grant(oid)}RESET SESSION AUTHORIZATION;\n`
    const entries = [blob(1, 1), about(2, 'ACL', 1, chain(1), 1), blob(3, 2), about(4, 'ACL', 2, chain(2), 3)]
    const view = await groupLargeObjects(viewOf(entries))
    expect(view.toc.map(({ desc, tag }) => `${desc} ${tag}`)).toEqual([
      'BLOB METADATA 1',
      'ACL LARGE OBJECT 1',
      'BLOB METADATA 2',
      'ACL LARGE OBJECT 2',
    ])
  })

  it('makes groups of at most 1000', async () => {
    const view = await groupLargeObjects(viewOf(Array.from({ length: 1001 }, (_, at) => blob(at + 1, at + 1))))
    expect(view.toc.map(({ tag }) => tag)).toEqual(['1..1000', '1001'])
  })

  it('is undone by separateLargeObjects()', async () => {
    const view = separateLargeObjects(await groupLargeObjects(beginningWith(9, toc)))
    const said = ({ desc, tag, defn, owner, section }: TocEntry): string => [desc, tag, defn, owner, section].join('|')
    expect(view.toc.map(said).sort()).toEqual(
      toc.map((entry) => (entry === contents ? 'BLOBS|BLOBS|||data' : said(entry))).sort(),
    )
  })

  it('leaves a view without single objects as it is', async () => {
    const view = viewOf([data])
    expect(await groupLargeObjects(view)).toBe(view)
  })

  it('needs input that can go back', async () => {
    const base = beginningWith(9, toc)
    const verbatim = async (): Promise<undefined> => undefined
    const storage = { format: 'custom', seekable: false, header: base.header, toc, verbatim } as const
    await expect(groupLargeObjects({ ...base, storage })).rejects.toMatchObject({ code: 'DATA_OUT_OF_ORDER' })
  })
})
