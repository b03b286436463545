import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { open, type Archive, type OpenOptions } from '../../../src/archive.ts'
import { digest } from '../../../src/ops/digest.ts'
import type { ArchiveDigest } from '../../../src/ops/digest-whole.ts'
import { filter } from '../../../src/ops/filter.ts'
import type { TocEntry } from '../../../src/toc/types.ts'
import { derive, type ArchiveView } from '../../../src/view.ts'
import { fixture } from '../../helpers/corpus.ts'
import { entryOf, viewOf, type EntryFields } from '../../helpers/entries.ts'
import { archiveOf, bytes, rows, stream } from './sql-of.ts'

async function digestOf(path: string, options: OpenOptions = {}): Promise<ArchiveDigest> {
  await using archive = await open(fixture(path).file, options)
  return await digest(archive)
}

/** The digest of entries alone. */
const ofEntries = async (...toc: readonly TocEntry[]): Promise<string> => (await digest(viewOf(toc))).content

type Value = Uint8Array | string | number | null

const sha256 = (data: Uint8Array): Uint8Array => createHash('sha256').update(data).digest()
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

/** A record as the specification has it, written down once more. */
function record(...values: readonly Value[]): Uint8Array {
  const parts = values.map((value) => {
    if (value === null) return Buffer.of(0)
    const text = typeof value === 'object' ? value : Buffer.from(String(value))
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(text.length))
    return Buffer.concat([Buffer.of(1), length, text])
  })
  return sha256(Buffer.concat(parts))
}

const emptyRecord = async (): Promise<string> => (await digest(viewOf([]))).content

describe('digest()', () => {
  it('is the digest of the records that spec/digest.md names', async () => {
    const data = sha256(bytes('1\\n'))
    const entry = entryOf(7, { ...rows, tag: 'Größe', defn: null, copyStmt: 'COPY;', dependencies: [3, 3] })
    const view = archiveOf([entry], { data: { 7: stream(bytes('1\\n')) } })
    const pseudo = view.toc.slice(0, 2)
    const fields = (one: TocEntry): readonly Value[] =>
      (['tag', 'desc', 'defn', 'dropStmt', 'copyStmt', 'namespace'] as const).map((name) => one.raw.bytes(name) ?? null)
    const entryRecord = (one: TocEntry, found: Value): Uint8Array => {
      const { dumpId, catalogId, section, dependencies } = one
      const [tag = null, desc = null, ...texts] = fields(one)
      const ids = [dumpId, catalogId.tableoid, catalogId.oid]
      const places = [null, null, bytes('postgres'), 'false', dependencies.length, ...dependencies]
      return record('pgdmp entry 1', ...ids, tag, desc, section, ...texts, ...places, found)
    }
    const header = record('pgdmp header 1', 'app', '18.6', '18.6', '2026 11 22 20 33 6 0')
    const objects = record('pgdmp large objects 1', 0)
    const records = [...pseudo.map((one) => entryRecord(one, null)), entryRecord(entry, data)]
    const content = record('pgdmp content 1', records.length, ...records, objects)
    expect(await digest(view)).toMatchObject({
      sha256: hex(record('pgdmp archive 1', header, content)),
      header: hex(header),
      content: hex(content),
      largeObjects: { sha256: hex(objects), objects: [] },
      entries: records.map((one) => ({ sha256: hex(one) })),
    })
  })

  it('is the same for every container and compression', async () => {
    const paths = [
      '18/full-Fc.dump',
      '18/full-Fd.dir',
      '18/full-Fc-Z0.dump',
      '18/full-Fc-lz4.dump',
      '18/full-Fc-zstd.dump',
    ]
    const contents = await Promise.all(paths.map(async (path) => (await digestOf(path)).content))
    expect(new Set(contents).size).toBe(1)
  })

  it('is the same in one pass over input that can be read only once', async () => {
    const path = '18/full-Fc.dump'
    const whole = await digestOf(path)
    expect(await digestOf(path, { forwardOnly: true })).toEqual(whole)
    await using archive = await open(createReadStream(fixture(path).file))
    expect(await digest(archive)).toEqual(whole)
  })

  it('is the same with and without threads', async () => {
    expect(await digestOf('18/full-Fc.dump', { workers: 0 })).toEqual(await digestOf('18/full-Fc.dump', { workers: 2 }))
  })

  it('changes with each byte of data', async () => {
    const toc = [entryOf(10, rows)]
    const of = (text: string) => digest(archiveOf(toc, { data: { 10: stream(bytes(text)) } }))
    const [a, b, split] = [
      await of('ab'),
      await of('ac'),
      await digest(archiveOf(toc, { data: { 10: stream(bytes('a'), bytes('b')) } })),
    ]
    expect(a.sha256).not.toBe(b.sha256)
    expect(split).toEqual(a)
  })

  const differing: readonly EntryFields[] = [
    { tag: 'b' },
    { tag: null },
    { tag: '' },
    { desc: 'VIEW' },
    { namespace: null },
    { owner: '' },
    { defn: 'x' },
    { dropStmt: 'x' },
    { copyStmt: 'x' },
    { section: 'data' },
    { tablespace: '' },
    { tableam: 'heap2' },
    { dependencies: [1] },
    { dependencies: [1, 1] },
    { catalogId: { tableoid: 1, oid: 2 } },
  ]
  it('tells apart what differs in any field', async () => {
    const all = await Promise.all([{}, ...differing].map((fields) => ofEntries(entryOf(7, fields))))
    expect(new Set(all).size).toBe(all.length)
  })

  const same: readonly EntryFields[] = [
    { tableam: null },
    { tableam: 'heap' },
    { tablespace: null },
    { relkind: 'r' },
    { data: { state: 'set', offset: 99 } },
  ]
  it.each(same)('takes what a version lacks for its default: %o', async (fields) => {
    expect(await ofEntries(entryOf(7, fields))).toBe(await ofEntries(entryOf(7)))
  })

  it('minds the order of entries', async () => {
    const [a, b] = [entryOf(1), entryOf(2)]
    expect(await ofEntries(a, b)).not.toBe(await ofEntries(b, a))
  })

  it('digests what a filtered view shows', async () => {
    await using archive = await open(fixture('18/full-Fc.dump').file)
    const whole = await digest(archive)
    const schema = await digest(filter(archive, { schemaOnly: true, create: true }))
    expect(schema.entries.every(({ data }) => data === null)).toBe(true)
    const byId = new Map(whole.entries.map((entry) => [entry.dumpId, entry]))
    for (const entry of schema.entries) expect(byId.get(entry.dumpId)).toEqual(entry)
    expect(schema.largeObjects.objects).toEqual([])
  })

  it('fails when data of an entry is not there, in one pass as well', async () => {
    const view = derive(viewOf([entryOf(10, rows)]), { storage: { seekable: false } }) as unknown as ArchiveView
    await expect(digest(view)).rejects.toMatchObject({ code: 'MISSING_BLOCK', dumpId: 10 })
  })

  it('ends with the reason of its signal', async () => {
    await using archive = await open(fixture('18/full-Fc.dump').file)
    const abort = new AbortController()
    const running = digest(archive, { signal: abort.signal, onProgress: () => abort.abort(new Error('enough')) })
    await expect(running).rejects.toThrow('enough')
  })

  it('tells its progress by entry', async () => {
    await using archive: Archive = await open(readFileSync(fixture('18/full-Fc-Z0.dump').file))
    const seen = new Set<number>()
    let bytesSeen = 0
    await digest(archive, {
      onProgress: ({ bytes: done, entry }) => {
        expect(done).toBeGreaterThan(bytesSeen)
        bytesSeen = done
        seen.add(entry)
      },
    })
    const stored = archive.toc.filter(({ hadDumper }) => hadDumper)
    expect([...seen].every((id) => stored.some(({ dumpId }) => dumpId === id))).toBe(true)
  })
})

describe('digest() of large objects', () => {
  const lo = (dumpId: number, desc: string, tag: string, fields: EntryFields = {}): TocEntry =>
    entryOf(dumpId, { desc, tag, namespace: null, owner: 'bob', defn: '', ...fields })
  const blob = (dumpId: number, oid: number): TocEntry =>
    lo(dumpId, 'BLOB', String(oid), {
      defn: `SELECT pg_catalog.lo_create('${oid}');\n`,
      dropStmt: `SELECT pg_catalog.lo_unlink('${oid}');\n`,
    })
  const grant = (oid: number): string =>
    `SET SESSION AUTHORIZATION "a b";\nGRANT SELECT ON LARGE OBJECT ${oid} TO "LARGE OBJECT 5";\nRESET SESSION AUTHORIZATION;\n`
  const single = [
    blob(1, 5),
    blob(2, 12),
    lo(3, 'COMMENT', 'LARGE OBJECT 12', { defn: 'COMMENT …', dependencies: [2] }),
    lo(4, 'ACL', 'LARGE OBJECT 5', { defn: grant(5), dependencies: [1] }),
    lo(6, 'ACL', 'LARGE OBJECT 12', { defn: grant(12), dependencies: [2] }),
  ]
  const group = [
    lo(11, 'BLOB METADATA', '5..12', { defn: '5\n12\n', dropStmt: '-- dummy', section: 'data' }),
    lo(13, 'ACL', 'LARGE OBJECTS 5..12', { defn: grant(5), dependencies: [11] }),
    lo(12, 'COMMENT', 'LARGE OBJECT 12', { defn: 'COMMENT …', dependencies: [11] }),
  ]

  it('does not depend on how objects are grouped', async () => {
    const [a, b] = [await digest(viewOf(single)), await digest(viewOf(group))]
    expect(a.largeObjects.objects.map(({ oid }) => oid)).toEqual([5, 12])
    expect(a).toEqual(b)
  })

  it('is the same in archives of 13 and of 18, where the first has entries for each', async () => {
    const [old, recent] = [await digestOf('13/full-Fc.dump'), await digestOf('18/full-Fc.dump')]
    expect(old.largeObjects.objects.length).toBe(10)
    expect(old.largeObjects).toEqual(recent.largeObjects)
  })

  it.each([
    ['owner', [lo(11, 'BLOB METADATA', '5..12', { defn: '5\n12\n', owner: 'eve' }), ...group.slice(1)]],
    [
      'privileges',
      [
        ...group.slice(0, 1),
        lo(13, 'ACL', 'LARGE OBJECTS 5..12', { defn: 'x', dependencies: [11] }),
        ...group.slice(2),
      ],
    ],
    ['comment', [...group.slice(0, 2), lo(12, 'COMMENT', 'LARGE OBJECT 12', { defn: 'y', dependencies: [11] })]],
    ['objects', [lo(11, 'BLOB METADATA', '5..12', { defn: '5\n11\n12\n' }), ...group.slice(1)]],
  ] as const)('changes with the %s', async (_, toc) => {
    expect((await digest(viewOf(toc))).sha256).not.toBe((await digest(viewOf(group))).sha256)
  })

  it('digests entries that say something else as they are', async () => {
    const odd = lo(1, 'BLOB', '5', { defn: 'SELECT something_else();\n' })
    const { entries, largeObjects } = await digest(viewOf([odd]))
    expect(entries.map(({ dumpId }) => dumpId)).toEqual([1])
    expect(largeObjects.objects).toEqual([])
    expect((await digest(viewOf([odd]))).content).not.toBe(await emptyRecord())
  })
})
