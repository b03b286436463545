import { pack } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { open, type Archive, type ArchiveInput } from '../../../src/index.ts'
import { concat, copyEnd, tar, tarMember, tocBytes, type BuiltEntry, type BuiltMember } from './build-archive.ts'

function stream(bytes: Uint8Array, step = 700): ArchiveInput {
  return (async function* parts() {
    for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step)
  })()
}

const both: readonly (readonly [string, (bytes: Uint8Array) => ArchiveInput])[] = [
  ['as a file', (bytes) => bytes],
  ['as a stream', (bytes) => stream(bytes)],
]

const group: Omit<BuiltEntry, 'dumpId'> = { desc: 'BLOBS', copyStmt: null }
const entries: readonly BuiltEntry[] = [
  { dumpId: 10, file: '10.dat' },
  { dumpId: 11, file: '11.dat' },
  { dumpId: 12, file: '12.dat', tag: '5..7', ...group },
  { dumpId: 13, file: '13.dat', tag: '6', ...group },
]
const toc: BuiltMember = { name: 'toc.dat', data: tocBytes(entries, { formatByte: 3 }) }
const data: readonly BuiltMember[] = [
  { name: '10.dat', data: `ten\n${copyEnd}` },
  { name: '11.dat', data: `${'eleven\n'.repeat(500)}${copyEnd}` },
  { name: 'blob_5.dat', data: 'five' },
  { name: 'blob_7.dat', data: '' },
  { name: 'blobs_12.toc', data: '5 blob_5.dat\n7 blob_7.dat\n' },
  { name: 'blob_6.dat', data: 'six' },
  { name: 'blobs_13.toc', data: '6 blob_6.dat\n' },
  { name: 'restore.sql', data: '--\n' },
]
const expected = {
  10: `ten\n${copyEnd}`,
  11: `${'eleven\n'.repeat(500)}${copyEnd}`,
  12: [
    [5, 'five'],
    [7, ''],
  ],
  13: [[6, 'six']],
}

const changed = (member: BuiltMember, changes: Partial<BuiltMember>): BuiltMember => ({ ...member, ...changes })

async function contents(archive: Archive): Promise<Record<number, unknown>> {
  const all: Record<number, unknown> = {}
  for (const entry of archive.toc) all[entry.dumpId] = await content(archive, entry.dumpId)
  return all
}

async function content(archive: Archive, dumpId: number): Promise<unknown> {
  const entry = archive.entry(dumpId)
  if (entry === undefined) throw new Error(`no entry ${dumpId}`)
  if (entry.desc !== 'BLOBS') return String(Buffer.from(await archive.data(entry).bytes()))
  const objects: unknown[] = []
  for await (const object of archive.largeObjects(entry)) {
    objects.push([object.oid, String(Buffer.from(await object.data.bytes()))])
  }
  return objects
}

describe.each(both)('a tar archive %s', (_, input) => {
  test.each([
    ['as pg_dump writes it', [toc, ...data]],
    [
      'with ./ before each name',
      [{ name: './', type: '5' }, ...[toc, ...data].map((m) => changed(m, { name: `./${m.name}` }))],
    ],
    [
      'in a folder',
      [{ name: 'dump/', type: '5' }, ...[toc, ...data].map((m) => changed(m, { name: `dump/${m.name}` }))],
    ],
    ['with the folder in the prefix field', [toc, ...data].map((m) => changed(m, { prefix: 'a/b' }))],
    ['with AppleDouble members', [toc, ...data].flatMap((m) => [{ name: `./._${m.name}`, data: 'junk' }, m])],
    ['in GNU format', [toc, ...data].map((m) => changed(m, { magic: 'ustar  \0' }))],
    ['of pg_dump before 9.3', [toc, ...data].map((m) => changed(m, { magic: 'ustar00\0' }))],
    ['with type flag NUL', [toc, ...data].map((m) => changed(m, { type: '\0' }))],
    [
      'with GNU long names',
      [toc, ...data].flatMap((m) => [
        { name: '././@LongLink', type: 'L', data: `${m.name}\0` },
        changed(m, { name: 'cut' }),
      ]),
    ],
    [
      'with pax names',
      [toc, ...data].flatMap((m) => {
        const record = ` path=${m.name}\n`
        return [{ name: 'PaxHeaders/x', type: 'x', data: `${record.length + 2}${record}` }, changed(m, { name: 'cut' })]
      }),
    ],
    [
      'with a global pax header',
      [{ name: 'pax_global_header', type: 'g', data: '19 comment=nothing\n' }, toc, ...data],
    ],
  ])('is read %s', async (__, members) => {
    await using archive = await open(input(tar(...members)))
    expect(archive.format).toBe('tar')
    expect(await contents(archive)).toEqual(expected)
  })

  test('is read as tar-stream packs it', async () => {
    const packed = pack()
    for (const { name, data: body = '' } of [toc, ...data]) packed.entry({ name }, Buffer.from(body as string))
    packed.finalize()
    const parts: Buffer[] = []
    // without an encoding every chunk is a Buffer
    for await (const part of packed) parts.push(part as Buffer)
    await using archive = await open(input(Buffer.concat(parts)))
    expect(await contents(archive)).toEqual(expected)
  })

  test('reads base-256 sizes', async () => {
    const sized = [toc, ...data].map((member) => {
      const sizeField = new Uint8Array(12)
      sizeField[0] = 0x80
      new DataView(sizeField.buffer).setUint32(8, Buffer.from((member.data ?? '') as string).length)
      return changed(member, { sizeField })
    })
    await using archive = await open(input(tar(...sized)))
    expect(await contents(archive)).toEqual(expected)
  })

  test('reads a packed directory archive with compressed members', async () => {
    const { gzipSync } = await import('node:zlib')
    const packed = [toc, ...data.slice(0, 2).map((m) => ({ name: `${m.name}.gz`, data: gzipSync(m.data as string) }))]
    await using archive = await open(input(tar(...packed)))
    expect(await content(archive, 10)).toBe(expected[10])
    expect(await content(archive, 11)).toBe(expected[11])
  })

  test('gives blocks() in archive order', async () => {
    await using archive = await open(input(tar(toc, ...data)))
    const seen: unknown[] = []
    for await (const block of archive.blocks()) {
      seen.push(block.dumpId)
      if (block.dumpId === 11 || block.kind === 'data') continue
      for await (const { oid } of block.objects) seen.push(`object ${oid}`)
    }
    expect(seen).toEqual([10, 11, 12, 'object 5', 'object 7', 13, 'object 6'])
  })

  test('is MISSING_DATA_FILE for a member that is not there', async () => {
    await using archive = await open(input(tar(toc, ...data.slice(1))))
    await expect(content(archive, 10)).rejects.toMatchObject({
      code: 'MISSING_DATA_FILE',
      dumpId: 10,
      details: { file: '10.dat', pgRestore: 'could not find header for file "10.dat" in tar archive' },
    })
  })

  test('refuses a link as data', async () => {
    await using archive = await open(input(tar(toc, { name: '10.dat', type: '2' }, ...data.slice(1))))
    await expect(content(archive, 10)).rejects.toMatchObject({ code: 'BAD_TAR', file: '10.dat' })
  })

  test('is BAD_TAR with the offset of a header whose checksum is wrong', async () => {
    const bytes = tar(toc, ...data)
    const at = tarMember(toc).length
    bytes[at + 1] = 0x78
    await using archive = await open(input(bytes))
    await expect(content(archive, 10)).rejects.toMatchObject({
      code: 'BAD_TAR',
      offset: at,
      details: {
        pgRestore: expect.stringMatching(
          /^corrupt tar header found in 1x\.dat \(expected \d+, computed \d+\) file position/,
        ),
      },
    })
  })

  test.each([
    ['of no length', 'x', '0 path=x\n'],
    ['longer than the header', 'x', '99 path=x\n'],
    ['of negative length', 'x', '-5 =x'],
    ['with a size that is no number', 'x', '11 size=-1\n'],
  ])('is BAD_TAR for a pax record %s', async (__, type, record) => {
    await expect(open(input(tar({ name: 'x', type, data: record }, toc, ...data)))).rejects.toMatchObject({
      code: 'BAD_TAR',
    })
  })

  test('names the member that is cut short', async () => {
    const bytes = tar(toc, ...data)
    const cut = concat(tarMember(toc), tarMember(data[0] as BuiltMember)).length + 512 + 100
    await using archive = await open(input(bytes.subarray(0, cut)))
    await expect(content(archive, 11)).rejects.toMatchObject({ code: 'UNEXPECTED_EOF', file: '11.dat', offset: cut })
  })

  test('does not take a group of large objects that was cut short for a whole one', async () => {
    const whole = concat(...[toc, ...data.slice(0, 3)].map((member) => tarMember(member)))
    await using archive = await open(input(whole))
    await expect(content(archive, 12)).rejects.toMatchObject({ code: 'UNEXPECTED_EOF', dumpId: 12 })
  })

  test('is NOT_AN_ARCHIVE without toc.dat', async () => {
    await expect(open(input(tar()), { format: 'tar' })).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' })
  })
})

describe('a tar archive on forward-only input', () => {
  test('is DATA_OUT_OF_ORDER when it comes past a planned member', async () => {
    await using archive = await open(stream(tar(toc, ...data)))
    archive.plan([...archive.toc].reverse())
    await expect(content(archive, 11)).rejects.toMatchObject({
      code: 'DATA_OUT_OF_ORDER',
      details: {
        found: '10.dat',
        wanted: '11.dat',
        pgRestore:
          'restoring data out of order is not supported in this archive format: "10.dat" is required, but comes before "11.dat" in the archive file.',
      },
    })
  })

  test('passes members that are not planned', async () => {
    await using archive = await open(stream(tar(toc, ...data)))
    archive.plan(archive.toc.slice(1, 2))
    expect(await content(archive, 11)).toBe(expected[11])
  })

  test('is DATA_OUT_OF_ORDER for a member behind', async () => {
    await using archive = await open(stream(tar(toc, ...data)))
    await content(archive, 11)
    await expect(content(archive, 10)).rejects.toMatchObject({ code: 'DATA_OUT_OF_ORDER', dumpId: 10 })
  })

  test('is DATA_OUT_OF_ORDER when toc.dat is not the first member, with the way out', async () => {
    await expect(open(stream(tar(...data, toc)))).rejects.toMatchObject({
      code: 'DATA_OUT_OF_ORDER',
      hint: expect.stringContaining('spool'),
    })
    await using archive = await open(stream(tar(...data, toc)), { spool: true })
    expect(await contents(archive)).toEqual(expected)
  })

  test('can be asked for with a file', async () => {
    await using archive = await open(tar(toc, ...data), { forwardOnly: true })
    expect(archive.seekable).toBe(false)
    expect(await contents(archive)).toEqual(expected)
  })
})

describe('a tar archive as a file', () => {
  test('gives members in any order, also with toc.dat last', async () => {
    await using archive = await open(tar(...[...data].slice(5), ...data.slice(0, 5), toc))
    for (const dumpId of [13, 11, 12, 10, 11] as const) expect(await content(archive, dumpId)).toEqual(expected[dumpId])
  })

  test('finds the large objects of a group by its list, wherever they lie', async () => {
    const byName = [...data].sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const order of [byName, byName.toReversed()]) {
      await using archive = await open(tar(toc, ...order))
      expect(await contents(archive)).toEqual(expected)
    }
    const old = [{ dumpId: 12, file: '12.dat', tag: 'BLOBS', ...group }]
    const oldToc = { name: 'toc.dat', data: tocBytes(old, { formatByte: 3, minor: 15 }) }
    const list = { name: 'blobs.toc', data: '5 blob_5.dat\n7 blob_7.dat\n' }
    await using archive = await open(tar(list, ...data.slice(2, 3), oldToc, ...data.slice(3, 4)))
    expect(await content(archive, 12)).toEqual(expected[12])
  })

  test('of several members with one name the first counts', async () => {
    await using archive = await open(tar(toc, ...data, { name: '10.dat', data: 'other' }))
    expect(await contents(archive)).toEqual(expected)
    const seen: number[] = []
    for await (const block of archive.blocks()) seen.push(block.dumpId)
    expect(seen).toEqual([10, 11, 12, 13])
  })

  test('names what a tar file without toc.dat holds', async () => {
    await expect(open(tar({ name: 'backup.dump', data: 'PGDMP' }))).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      hint: 'Extract backup.dump and open that',
    })
  })
})

describe('storedSizes() of a tar archive', () => {
  const sizeOf = ({ data: body = '' }: BuiltMember): number => body.length
  const [ten, eleven, ...others] = data.map(sizeOf)
  const sizes = new Map([
    [10, ten],
    [11, eleven],
    [12, others.slice(0, 3).reduce((sum, size) => sum + size)],
    [13, others.slice(3, 5).reduce((sum, size) => sum + size)],
  ])

  test('are those of the members, large objects with their list', async () => {
    const bytes = tar(toc, ...data)
    await using archive = await open(bytes)
    expect(await archive.storedSizes()).toEqual({ archiveBytes: bytes.length, dataBytes: sizes })
  })

  test('of a packed directory are found in any order', async () => {
    const listed = entries.map((entry) =>
      entry.desc === 'BLOBS' ? Object.assign({}, entry, { file: `blobs_${entry.dumpId}.toc` }) : entry,
    )
    const listing: BuiltMember = { name: 'toc.dat', data: tocBytes(listed, { formatByte: 3 }) }
    await using archive = await open(tar(listing, ...[...data].reverse()))
    expect((await archive.storedSizes()).dataBytes).toEqual(sizes)
  })

  test('leave out what is missing and what lies behind damage', async () => {
    await using incomplete = await open(tar(toc, ...data.slice(1, 4)))
    expect([...(await incomplete.storedSizes()).dataBytes.keys()]).toEqual([11])
    const whole = tar(toc, ...data.slice(0, 2))
    await using damaged = await open(concat(whole.subarray(0, -1024), new Uint8Array(512).fill(65)))
    expect([...(await damaged.storedSizes()).dataBytes.keys()]).toEqual([10, 11])
  })

  test('are not known of a stream, which stays where it is', async () => {
    await using archive = await open(stream(tar(toc, ...data)))
    expect(await archive.storedSizes()).toEqual({ archiveBytes: undefined, dataBytes: new Map() })
    expect(await content(archive, 10)).toBe(expected[10])
  })
})
