import { describe, expect, it } from 'vitest'
import { open } from '../../../src/archive.ts'
import { defaultLimits } from '../../../src/limits.ts'
import { filter } from '../../../src/ops/filter.ts'
import { separateLargeObjects } from '../../../src/ops/separate-objects.ts'
import { byteStream } from '../../../src/io/byte-stream.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import type { ArchiveView, DataBlock, LargeObject } from '../../../src/view.ts'
import { fixture } from '../../helpers/corpus.ts'
import { entryOf, viewOf } from '../../helpers/entries.ts'

const group = (dumpId: number, oids: readonly number[], fields = {}): TocEntry =>
  entryOf(dumpId, {
    desc: 'BLOB METADATA',
    tag: oids.length === 1 ? String(oids[0]) : `${oids[0]}..${oids.at(-1)}`,
    namespace: null,
    section: 'data',
    catalogId: { tableoid: 2613, oid: oids[0] ?? 0 },
    defn: oids.map((oid) => `${oid}\n`).join(''),
    dropStmt: '-- dummy',
    relkind: '',
    ...fields,
  })

const contents = (dumpId: number, metadata: number, fields = {}): TocEntry =>
  entryOf(dumpId, {
    desc: 'BLOBS',
    tag: 'x',
    namespace: null,
    section: 'data',
    defn: null,
    hadDumper: true,
    catalogId: { tableoid: 0, oid: 0 },
    data: { state: 'set', offset: 100 * dumpId },
    dependencies: [metadata, 999],
    ...fields,
  })

const said = (dumpId: number, desc: string, tag: string, defn: string, dependency: number): TocEntry =>
  entryOf(dumpId, { desc, tag, namespace: null, section: 'none', defn, dependencies: [dependency] })

const toc = [
  entryOf(1, { desc: 'TABLE' }),
  entryOf(2, { desc: 'TABLE DATA', section: 'data', hadDumper: true, data: { state: 'set', offset: 1 } }),
  group(3, [20, 100, 7], { owner: 'alice' }),
  said(4, 'COMMENT', 'LARGE OBJECT 100', "COMMENT ON LARGE OBJECT 100 IS 'LARGE OBJECT 20';\n", 3),
  said(
    5,
    'ACL',
    'LARGE OBJECTS 20..7',
    'GRANT SELECT ON LARGE OBJECT 20 TO "LARGE OBJECT 20";\nSET SESSION AUTHORIZATION b;\nGRANT ALL ON LARGE OBJECT 20 TO c;\n',
    3,
  ),
  group(6, [30]),
  said(7, 'ACL', 'LARGE OBJECT 30', 'GRANT SELECT ON LARGE OBJECT 30 TO PUBLIC;\n', 6),
  contents(8, 3),
  contents(9, 6),
  entryOf(10, { desc: 'INDEX', section: 'post-data', dependencies: [1, 9, 3] }),
]

const shown = ({ dumpId, desc, tag, dependencies }: TocEntry): unknown[] => [dumpId, desc, tag, [...dependencies]]

const e2 = entryOf(2, { desc: 'TABLE DATA', section: 'data', hadDumper: true, data: { state: 'set', offset: 1 } })
const never = { next: async () => null, cancel: async () => undefined }

/** Blocks of the contents, each of one object per OID whose data are the OID. */
function withContents(entries: readonly TocEntry[], groups: ReadonlyMap<number, readonly number[]>): ArchiveView {
  const objects = async function* (oids: readonly number[]): AsyncGenerator<LargeObject> {
    for (const oid of oids) {
      const bytes = new TextEncoder().encode(String(oid))
      let given = false
      const source = {
        next: async () => (given ? null : ((given = true), bytes)),
        cancel: async () => undefined,
      }
      yield { oid, data: byteStream(() => source) }
    }
  }
  const blocks = entries.flatMap((entry): DataBlock[] => {
    const { dumpId } = entry
    const oids = groups.get(dumpId)
    return oids === undefined ? [] : [{ kind: 'large-objects', dumpId, entry, objects: objects(oids) }]
  })
  return {
    ...viewOf(entries, { blocks }),
    largeObjects: ({ dumpId }) => objects(groups.get(dumpId) ?? []),
  }
}

async function read(objects: AsyncIterable<LargeObject>): Promise<string[]> {
  const found: string[] = []
  for await (const { oid, data } of objects) {
    found.push(`${oid}=${new TextDecoder().decode(await data.bytes({ maxBytes: 100 }))}`)
  }
  return found
}

describe('separateLargeObjects()', () => {
  it('gives each object entries of its own, in front of the data, and one entry with all contents', () => {
    expect(separateLargeObjects(viewOf(toc)).toc.map(shown)).toEqual([
      [1, 'TABLE', 't1', []],
      [11, 'BLOB', '100', []],
      [4, 'COMMENT', 'LARGE OBJECT 100', [11]],
      [13, 'ACL', 'LARGE OBJECT 100', [11]],
      [3, 'BLOB', '20', []],
      [5, 'ACL', 'LARGE OBJECT 20', [3]],
      [6, 'BLOB', '30', []],
      [7, 'ACL', 'LARGE OBJECT 30', [6]],
      [12, 'BLOB', '7', []],
      [14, 'ACL', 'LARGE OBJECT 7', [12]],
      [2, 'TABLE DATA', 't2', []],
      [8, 'BLOBS', 'BLOBS', []],
      [10, 'INDEX', 't10', [1, 8, 3, 11, 12]],
    ])
  })

  it('writes them as pg_dump before 17 does', () => {
    const view = separateLargeObjects(viewOf(toc))
    expect(view.entry(11)).toMatchObject({
      defn: "SELECT pg_catalog.lo_create('100');\n",
      dropStmt: "SELECT pg_catalog.lo_unlink('100');\n",
      section: 'pre-data',
      owner: 'alice',
      namespace: null,
      catalogId: { tableoid: 2613, oid: 100 },
      hadDumper: false,
    })
    expect(view.entry(13)?.defn).toBe(
      'GRANT SELECT ON LARGE OBJECT 100 TO "LARGE OBJECT 20";\nSET SESSION AUTHORIZATION b;\nGRANT ALL ON LARGE OBJECT 100 TO c;\n',
    )
    expect(view.entry(4)?.defn).toBe("COMMENT ON LARGE OBJECT 100 IS 'LARGE OBJECT 20';\n")
    expect(view.entry(8)).toMatchObject({ owner: null, hadDumper: true, section: 'data', defn: null })
  })

  it('leaves a view without groups as it is', () => {
    const view = viewOf([entryOf(1), contents(2, 1, { tag: 'BLOBS' })])
    expect(separateLargeObjects(view)).toBe(view)
  })

  it.each([
    ['1\nx\n', 'line 2 of its definition is "x"'],
    ['0\n', 'line 1'],
    ['4294967296\n', 'line 1'],
    ['1\n\n2\n', 'line 2'],
  ])('refuses a group %j', (defn, message) => {
    expect(() => separateLargeObjects(viewOf([group(1, [], { defn })]))).toThrow(message)
  })

  it('keeps to the limit of entries', () => {
    const view = { ...viewOf(toc), limits: { ...defaultLimits, tocEntries: 11 } }
    expect(() => separateLargeObjects(view)).toThrow('there would be 12 entries, the limit tocEntries is 11')
  })

  it('reads the objects of all groups one after the other', async () => {
    const groups = new Map([
      [8, [20, 100, 7]],
      [9, [30]],
    ])
    const view = separateLargeObjects(withContents(toc, groups))
    const entry = view.entry(8) ?? entryOf(0)
    expect(await read(view.largeObjects(entry))).toEqual(['20=20', '100=100', '7=7', '30=30'])
    const found: [number, string[]][] = []
    for await (const block of view.blocks()) {
      if (block.kind === 'large-objects') found.push([block.dumpId, await read(block.objects)])
    }
    expect(found).toEqual([[8, ['20=20', '100=100', '7=7', '30=30']]])
  })

  it('keeps a filtered view filtered, with the objects of the groups that are in it', async () => {
    const groups = new Map([
      [8, [20, 100, 7]],
      [9, [30]],
    ])
    const view = separateLargeObjects(filter(withContents(toc, groups), { list: [6, 7, 9] }))
    expect(view.toc.map(({ desc, tag }) => `${desc} ${tag}`)).toEqual(['BLOB 30', 'ACL LARGE OBJECT 30', 'BLOBS BLOBS'])
    const entry = view.entry(9) ?? entryOf(0)
    expect(await read(view.largeObjects(entry))).toEqual(['30=30'])
  })

  describe('on input that cannot go back', () => {
    const groups = new Map([
      [8, [20, 100, 7]],
      [9, [30]],
    ])
    const forwardOnly = (entries: readonly TocEntry[]): ArchiveView => {
      const view = withContents(entries, groups)
      const { header } = view
      const verbatim = async (): Promise<undefined> => undefined
      return { ...view, storage: { format: 'custom', seekable: false, header, toc: entries, verbatim } }
    }

    it('joins groups that follow each other, however much of them is read', async () => {
      for (const wanted of [0, 2, 4]) {
        let count = 0
        const dumpIds: number[] = []
        for await (const block of separateLargeObjects(forwardOnly(toc)).blocks()) {
          dumpIds.push(block.dumpId)
          if (block.kind !== 'large-objects' || wanted === 0) continue
          for await (const { oid, data } of block.objects) {
            expect(new TextDecoder().decode(await data.bytes({ maxBytes: 10 }))).toBe(String(oid))
            if (++count === wanted) break
          }
        }
        expect([dumpIds, count]).toEqual([[8], wanted])
      }
    })

    it('fails when other data stand between them', async () => {
      const [first, second, ...others] = [contents(8, 3), e2, contents(9, 6), group(3, [1]), group(6, [2])]
      const view = withContents([first, second, ...others], groups)
      const block: DataBlock = { kind: 'data', dumpId: 2, entry: e2, data: byteStream(() => never) }
      const blocks = async function* (): AsyncGenerator<DataBlock> {
        let index = 0
        for await (const one of view.blocks()) {
          if (index++ === 1) yield block
          yield one
        }
      }
      const base = { ...forwardOnly(view.toc), blocks }
      const readAll = async (): Promise<void> => {
        for await (const one of separateLargeObjects(base).blocks()) void one
      }
      await expect(readAll()).rejects.toMatchObject({ code: 'DATA_OUT_OF_ORDER', dumpId: 9 })
    })
  })

  it('gives what pg_dump 15 writes of the same objects', async () => {
    const about = ({ desc, tag, owner, defn, dropStmt, section, namespace, catalogId }: TocEntry): unknown =>
      Object.values({ desc, tag, owner, defn, dropStmt, section, namespace, catalogId })
    const isAbout = ({ desc, tag }: TocEntry): boolean =>
      desc.startsWith('BLOB') || (tag ?? '').startsWith('LARGE OBJECT')
    await using old = await open(fixture('15/full-Fc.dump').file)
    await using archive = await open(fixture('17/full-Fc.dump').file)
    const view = separateLargeObjects(archive)
    expect(view.toc.filter(isAbout).map(about)).toEqual(old.toc.filter(isAbout).map(about))
    const wanted = old.toc.find(({ desc }) => desc === 'BLOBS')
    const found = view.toc.find(({ desc }) => desc === 'BLOBS')
    if (wanted === undefined || found === undefined) throw new Error('no BLOBS')
    const objects = await read(old.largeObjects(wanted)).catch((error: unknown) => String(error))
    expect(objects).toEqual(await read(view.largeObjects(found)).catch((error: unknown) => String(error)))
  })
})
