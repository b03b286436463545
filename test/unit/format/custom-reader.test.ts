import { describe, expect, test } from 'vitest'
import { open, type Archive, type ArchiveInput, type RandomAccess } from '../../../src/index.ts'
import { chunks, concat, copyEnd, dataBlock, int, objectsBlock, tocBytes, withOffsets } from './build-archive.ts'

/** As a stream, whatever it is. */
function stream(bytes: Uint8Array): ArchiveInput {
  return (async function* parts() {
    for (let at = 0; at < bytes.length; at += 50) yield bytes.subarray(at, at + 50)
  })()
}

async function text(archive: Archive, dumpId: number): Promise<string> {
  const entry = archive.entry(dumpId)
  if (entry === undefined) throw new Error(`no entry ${dumpId}`)
  return String(Buffer.from(await archive.data(entry).bytes()))
}

async function objects(archive: Archive, dumpId: number): Promise<[number, string][]> {
  const found: [number, string][] = []
  const entry = archive.entry(dumpId)
  if (entry === undefined) throw new Error(`no entry ${dumpId}`)
  for await (const { oid, data } of archive.largeObjects(entry))
    found.push([oid, String(Buffer.from(await data.bytes()))])
  return found
}

const blobs = { desc: 'BLOBS', tag: '5..3000000000', copyStmt: null }
const three = withOffsets([
  { entry: { dumpId: 1 }, bytes: dataBlock(1, 'one\n', copyEnd) },
  {
    entry: { dumpId: 2, ...blobs },
    bytes: objectsBlock(2, [
      [5, 'five'],
      [6, ''],
      [3_000_000_000, 'x'.repeat(3000)],
    ]),
  },
  { entry: { dumpId: 3 }, bytes: dataBlock(3, 'three\n', copyEnd) },
])
const threeUnset = concat(
  tocBytes([{ dumpId: 1 }, { dumpId: 2, ...blobs }, { dumpId: 3 }]),
  dataBlock(1, 'one\n', copyEnd),
  objectsBlock(2, [
    [5, 'five'],
    [6, ''],
    [3_000_000_000, 'x'.repeat(3000)],
  ]),
  dataBlock(3, 'three\n', copyEnd),
)
const allObjects = [
  [5, 'five'],
  [6, ''],
  [3_000_000_000, 'x'.repeat(3000)],
]

describe.each([
  ['with offsets', three],
  ['without offsets', threeUnset],
])('a custom archive %s', (_, bytes) => {
  test('gives data in archive order, from bytes and from a stream', async () => {
    for (const input of [bytes, stream(bytes)]) {
      await using archive = await open(input)
      expect(await text(archive, 1)).toBe(`one\n${copyEnd}`)
      expect(await objects(archive, 2)).toEqual(allObjects)
      expect(await text(archive, 3)).toBe(`three\n${copyEnd}`)
    }
  })

  test('gives data in any order and more than once when it can be read anywhere', async () => {
    await using archive = await open(bytes)
    expect(archive.seekable).toBe(true)
    for (const _again of [1, 2]) {
      expect(await text(archive, 3)).toBe(`three\n${copyEnd}`)
      expect(await objects(archive, 2)).toEqual(allObjects)
      expect(await text(archive, 1)).toBe(`one\n${copyEnd}`)
    }
  })

  test('gives two streams at the same time when it can be read anywhere', async () => {
    await using archive = await open(bytes)
    const both = await Promise.all([text(archive, 3), text(archive, 1), objects(archive, 2)])
    expect(both).toEqual([`three\n${copyEnd}`, `one\n${copyEnd}`, allObjects])
  })

  test('gives blocks() in archive order, whatever is left unread', async () => {
    for (const input of [bytes, stream(bytes)]) {
      await using archive = await open(input)
      const seen: unknown[] = []
      for await (const block of archive.blocks()) {
        seen.push([block.kind, block.dumpId, block.entry?.dumpId])
        if (block.dumpId === 3 && block.kind === 'data') seen.push(String(Buffer.from(await block.data.bytes())))
        if (block.kind === 'large-objects') {
          for await (const { oid } of block.objects) {
            seen.push(oid)
            if (oid === 6) break
          }
        }
      }
      expect(seen).toEqual([['data', 1, 1], ['large-objects', 2, 2], 5, 6, ['data', 3, 3], `three\n${copyEnd}`])
    }
  })

  test('skips large objects that are not read', async () => {
    for (const input of [bytes, stream(bytes)]) {
      await using archive = await open(input)
      const entry = archive.toc[1]
      if (entry === undefined) throw new Error('no entry')
      const oids: number[] = []
      for await (const { oid } of archive.largeObjects(entry)) oids.push(oid)
      expect(oids).toEqual([5, 6, 3_000_000_000])
      expect(await text(archive, 3)).toBe(`three\n${copyEnd}`)
    }
  })

  test('is DATA_OUT_OF_ORDER for a block behind, on forward-only input', async () => {
    await using archive = await open(stream(bytes))
    expect(archive.seekable).toBe(false)
    expect(await text(archive, 3)).toBe(`three\n${copyEnd}`)
    await expect(text(archive, 1)).rejects.toMatchObject({
      code: 'DATA_OUT_OF_ORDER',
      dumpId: 1,
      details: {
        dumpId: 1,
        pgRestore:
          'could not find block ID 1 in archive -- possibly due to out-of-order restore request, which cannot be handled due to non-seekable input file',
      },
    })
  })

  test('ends a stream whose block was left for another, on forward-only input', async () => {
    await using archive = await open(stream(bytes))
    const entry = archive.toc[0]
    if (entry === undefined) throw new Error('no entry')
    const first = archive.data(entry, { raw: true }).borrow()
    expect(Buffer.from((await first.next()) ?? []).length).toBeGreaterThan(0)
    expect(await text(archive, 3)).toBe(`three\n${copyEnd}`)
    expect(await first.next().catch((error: { code: string }) => error.code)).toSatisfy(
      (end) => end === null || end === 'CLOSED',
    )
  })

  test('is CLOSED after close()', async () => {
    const archive = await open(bytes)
    await archive.close()
    await expect(text(archive, 1)).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(objects(archive, 2)).rejects.toMatchObject({ code: 'CLOSED' })
    await archive.close()
  })
})

test('open() reads the complete archive of 262 bytes', async () => {
  // spec/custom.md shows it field by field
  const example = new Uint8Array(
    Buffer.from(
      '5047444d5001100004080100000100000000020000000003000000000400000000050000000065000000000000000000' +
        '050000006f6c6464620005000000382e302e310005000000382e302e3200010000000007000000000100000000010000' +
        '0030000100000039000100000074000a0000005441424c452044415441000300000001010000000101000000001e0000' +
        '00434f5059207075626c69632e74202878292046524f4d20737464696e3b0a00060000007075626c6963010100000001' +
        '01000000000000000000030000006a6f65000500000066616c7365000100000035010100000001000000000000000001' +
        '00070000000007000000310a5c2e0a0a0a0000000000',
      'hex',
    ),
  )
  expect(example.length).toBe(262)
  await using archive = await open(example)
  expect(archive.header.dbname).toBe('olddb')
  expect(archive.toc.map(({ dumpId, owner, dependencies }) => ({ dumpId, owner, dependencies }))).toEqual([
    { dumpId: 7, owner: 'joe', dependencies: [5] },
  ])
  expect(await text(archive, 7)).toBe(`1\n${copyEnd}`)
})

describe('a damaged custom archive', () => {
  async function code(
    bytes: Uint8Array,
    dumpId: number,
    input: (all: Uint8Array) => ArchiveInput = (all) => all,
  ): Promise<unknown> {
    await using archive = await open(input(bytes))
    return await text(archive, dumpId).catch((error: unknown) => error)
  }
  const toc = tocBytes([{ dumpId: 1 }, { dumpId: 2 }])
  const wanted = dataBlock(2, 'two\n', copyEnd)

  test.each([
    ['a negative chunk length', concat([1], int(1), int(-9), int(0)), 'BAD_BLOCK', 6],
    ['a chunk longer than the archive', concat([1], int(1), int(2_000_000_000), int(0)), 'BAD_BLOCK', 6],
    ['an unknown block type', concat([2], int(1), chunks('x')), 'BAD_BLOCK', 0],
  ])('is refused while a block is searched that lies behind %s', async (_, bad, expected, at) => {
    expect(await code(concat(toc, bad, wanted), 2)).toMatchObject({ code: expected, offset: toc.length + at })
  })

  test('passes blocks of ids that no entry has', async () => {
    expect(await code(concat(toc, dataBlock(99, 'x'), wanted), 2)).toBe(`two\n${copyEnd}`)
  })

  test('is BLOCK_MISMATCH when an offset leads to another block', async () => {
    const blocks = concat(dataBlock(1, copyEnd), wanted)
    const at = toc.length
    const bytes = concat(
      tocBytes([
        { dumpId: 1, offset: at },
        { dumpId: 2, offset: at },
      ]),
      blocks,
    )
    expect(await code(bytes, 2)).toMatchObject({
      code: 'BLOCK_MISMATCH',
      offset: at,
      dumpId: 2,
      details: { found: 1, pgRestore: 'found unexpected block ID (1) when reading data -- expected 2' },
    })
  })

  test('is BLOCK_MISMATCH when an offset leads to no block', async () => {
    const bytes = concat(
      tocBytes([{ dumpId: 1, offset: toc.length + 1 }, { dumpId: 2 }]),
      dataBlock(1, copyEnd),
      wanted,
    )
    expect(await code(bytes, 1)).toMatchObject({ code: 'BLOCK_MISMATCH', dumpId: 1 })
  })

  test('is BLOCK_MISMATCH when one stream is wanted of large objects', async () => {
    const bytes = concat(toc, objectsBlock(1, [[5, 'x']]))
    expect(await code(bytes, 1)).toMatchObject({ code: 'BLOCK_MISMATCH', dumpId: 1 })
  })

  test('is MISSING_BLOCK when no block has the id, with what pg_restore says of each input', async () => {
    const bytes = concat(toc, dataBlock(1, copyEnd))
    expect(await code(bytes, 2)).toMatchObject({
      code: 'MISSING_BLOCK',
      dumpId: 2,
      details: { pgRestore: 'could not find block ID 2 in archive -- possibly corrupt archive' },
    })
    expect(await code(bytes, 2, stream)).toMatchObject({
      code: 'MISSING_BLOCK',
      details: { pgRestore: expect.stringContaining('non-seekable') },
    })
  })

  test('is BAD_COPY_DATA when the COPY text has no end, after all of it was given', async () => {
    await using archive = await open(concat(toc, dataBlock(1, 'one\n', 'two\n')))
    const entry = archive.toc[0]
    if (entry === undefined) throw new Error('no entry')
    let given = ''
    const reading = (async () => {
      for await (const chunk of archive.data(entry)) given += String(Buffer.from(chunk))
    })()
    await expect(reading).rejects.toMatchObject({ code: 'BAD_COPY_DATA', dumpId: 1 })
    expect(given).toBe('one\ntwo\n')
  })

  test('is NO_DATA when the TOC says so, whatever blocks there are', async () => {
    const bytes = concat(tocBytes([{ dumpId: 1, offset: null }]), dataBlock(1, copyEnd))
    expect(await code(bytes, 1)).toMatchObject({ code: 'NO_DATA', dumpId: 1 })
  })

  test('is UNSUPPORTED_COMPRESSION for an algorithm that is not known', async () => {
    const bytes = concat(tocBytes([{ dumpId: 1 }], { algorithm: 7 }), dataBlock(1, copyEnd))
    expect(await code(bytes, 1)).toMatchObject({ code: 'UNSUPPORTED_COMPRESSION' })
  })

  test('cut anywhere is an error and never hangs', async () => {
    for (let length = 0; length < three.length; length++) {
      for (const input of [three.subarray(0, length), stream(three.subarray(0, length))]) {
        const outcome = await (async () => {
          await using archive = await open(input)
          await text(archive, 1)
          await objects(archive, 2)
          return await text(archive, 3)
        })().catch((error: { code: string }) => error.code)
        expect(outcome).toMatch(/^(?:UNEXPECTED_EOF|NOT_AN_ARCHIVE|MISSING_BLOCK)$/)
      }
    }
  })
})

describe('storedSizes()', () => {
  const blockBytes = three.length - tocBytes([{ dumpId: 1 }, { dumpId: 2, ...blobs }, { dumpId: 3 }]).length

  test.each([
    ['with offsets', three],
    ['without offsets, after a scan', threeUnset],
  ])('gives every block %s', async (_, bytes) => {
    await using archive = await open(bytes)
    const { archiveBytes, dataBytes } = await archive.storedSizes()
    expect(archiveBytes).toBe(bytes.length)
    expect(dataBytes.get(1)).toBe(dataBlock(1, 'one\n', copyEnd).length)
    expect([...dataBytes.keys()]).toEqual([1, 2, 3])
    expect([...dataBytes.values()].reduce((sum, size) => sum + size)).toBe(blockBytes)
    expect(await text(archive, 3)).toBe(`three\n${copyEnd}`)
    expect((await archive.storedSizes()).dataBytes).toEqual(dataBytes)
  })

  test('leaves out what lies behind the end or behind damage', async () => {
    const lastBytes = dataBlock(3, 'three\n', copyEnd).length
    for (const [bytes, known] of [
      [three.subarray(0, -lastBytes), [1, 2]],
      [threeUnset.subarray(0, -lastBytes), [1, 2]],
      [threeUnset.subarray(0, -1), [1, 2]],
      [threeUnset.with(-lastBytes, 7), [1, 2]],
    ] as const) {
      await using archive = await open(bytes)
      expect([...(await archive.storedSizes()).dataBytes.keys()]).toEqual(known)
    }
  })

  test('reads nothing of a stream', async () => {
    await using archive = await open(stream(three))
    expect(await archive.storedSizes()).toEqual({ archiveBytes: undefined, dataBytes: new Map() })
    expect(await text(archive, 1)).toBe(`one\n${copyEnd}`)
  })

  test('stops at a signal', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const slow: RandomAccess = {
      size: threeUnset.length,
      read: async (offset, length) => {
        if (offset > 0) controller.abort(reason)
        return threeUnset.slice(offset, offset + Math.min(length, 512))
      },
    }
    await using archive = await open(slow)
    await expect(archive.storedSizes({ signal: controller.signal })).rejects.toBe(reason)
  })
})
