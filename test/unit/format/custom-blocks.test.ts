import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockReader, type BlockLayout } from '../../../src/format/custom-blocks.ts'
import { bytesSource } from '../../../src/io/source.ts'
import { pullFrom, pullOver, type Pull } from '../../../src/io/pull.ts'
import { concat, int } from './build-archive.ts'

const layout: BlockLayout = { intSize: 4, signBytes: 1, typeBytes: 1, archiveBytes: Infinity }

async function payloadOf(pull: Pull, use: BlockLayout = layout): Promise<Buffer> {
  const payload = new BlockReader(pull, use).chunks()
  const parts: Buffer[] = []
  for (let chunk = await payload.next(); chunk !== null; chunk = await payload.next()) parts.push(Buffer.from(chunk))
  await payload.finish()
  return Buffer.concat(parts)
}

function chunked(parts: readonly Uint8Array[], size = 4): Uint8Array {
  return concat(
    ...parts.filter((part) => part.length > 0).map((part) => concat(int(part.length, size), part)),
    int(0, size),
  )
}

describe('BlockReader.chunks()', () => {
  test('joins chunks of any size, whatever the window', async () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 16, max: 400 }), async (chunks, windowBytes) => {
        const bytes = concat(chunked(chunks), [7])
        const pull = pullOver(bytesSource(bytes), { windowBytes })
        expect(await payloadOf(pull)).toEqual(Buffer.concat(chunks))
        expect(pull.position).toBe(bytes.length - 1)
      }),
    )
  })

  test('gives the same from single bytes', async () => {
    const bytes = chunked([Buffer.from('one'), Buffer.from('two')])
    const single = Array.from(bytes, (byte) => Uint8Array.of(byte))
    expect(String(await payloadOf(pullFrom(single)))).toBe('onetwo')
  })

  test.each([1, 2, 3, 5, 8, 32])('reads chunk lengths of %i bytes', async (intSize) => {
    const bytes = chunked([Buffer.from('one'), Buffer.from('two')], intSize)
    expect(String(await payloadOf(pullOver(bytesSource(bytes)), { ...layout, intSize }))).toBe('onetwo')
  })

  test('reads chunk lengths without a sign byte', async () => {
    const bytes = Uint8Array.of(2, 0, 0, 0, 0x61, 0x62, 0, 0, 0, 0)
    expect(String(await payloadOf(pullOver(bytesSource(bytes)), { ...layout, signBytes: 0 }))).toBe('ab')
  })

  test('does not change the bytes it reads from', async () => {
    const bytes = chunked([Buffer.from('one'), Buffer.from('two')])
    const before = bytes.slice()
    await payloadOf(pullOver(bytesSource(bytes)))
    expect(bytes).toEqual(before)
  })

  test('gives what comes before a negative length, then BAD_BLOCK with its offset', async () => {
    const bytes = concat(int(3), Buffer.from('one'), int(-5))
    const payload = new BlockReader(pullOver(bytesSource(bytes)), layout).chunks()
    expect(String(Buffer.from((await payload.next()) ?? []))).toBe('one')
    await expect(payload.next()).rejects.toMatchObject({ code: 'BAD_BLOCK', offset: 8 })
  })

  test('refuses a length beyond 32 bits', async () => {
    const bytes = concat([0, 0, 0, 0, 0, 1], new Uint8Array(8))
    const payload = new BlockReader(pullOver(bytesSource(bytes)), { ...layout, intSize: 8 }).chunks()
    await expect(payload.next()).rejects.toMatchObject({ code: 'BAD_BLOCK', offset: 0 })
  })

  test('refuses a chunk longer than the whole archive', async () => {
    const bytes = concat(int(2_000_000_000), Buffer.from('one'))
    const use = { ...layout, archiveBytes: bytes.length }
    const payload = new BlockReader(pullOver(bytesSource(bytes)), use).chunks()
    await expect(payload.next()).rejects.toMatchObject({ code: 'BAD_BLOCK', offset: 0 })
  })

  test('gives what is there of a chunk that is cut short, then UNEXPECTED_EOF', async () => {
    const payload = new BlockReader(pullFrom([concat(int(2_000_000_000), Buffer.from('one'))]), layout).chunks()
    expect(String(Buffer.from((await payload.next()) ?? []))).toBe('one')
    await expect(payload.next()).rejects.toMatchObject({ code: 'UNEXPECTED_EOF', offset: 8 })
  })

  test('is CLOSED once its reader has moved on', async () => {
    const bytes = concat(chunked([Buffer.alloc(500, 1)]), [9])
    const pull = pullOver(bytesSource(bytes), { windowBytes: 100 })
    const payload = new BlockReader(pull, layout).chunks()
    await payload.next()
    await payload.finish()
    expect(pull.position).toBe(bytes.length - 1)
    await expect(payload.next()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('BlockReader.readHeader()', () => {
  test('gives null only in front of a block', async () => {
    expect(await new BlockReader(pullFrom([]), layout).readHeader()).toBeNull()
    const cut = new BlockReader(pullFrom([Uint8Array.of(1, 0)]), layout)
    await expect(cut.readHeader()).rejects.toMatchObject({ code: 'UNEXPECTED_EOF', offset: 2 })
  })

  test('takes every block of archives before 1.3 for data', async () => {
    const reader = new BlockReader(pullFrom([int(12)]), { ...layout, typeBytes: 0 })
    expect(await reader.readHeader()).toEqual({ offset: 0, type: 1, dumpId: 12 })
  })

  test('refuses integers of no bytes, which would never end', async () => {
    const reader = new BlockReader(pullFrom([]), { ...layout, typeBytes: 0, signBytes: 0, intSize: 0 })
    await expect(reader.readHeader()).rejects.toMatchObject({ code: 'BAD_BLOCK' })
  })
})

describe('BlockReader.readOid()', () => {
  test.each([1, 2_147_483_647, 2_147_483_648, 3_000_000_000, 4_294_967_295])('reads %i', async (oid) => {
    expect(await new BlockReader(pullFrom([int(oid | 0)]), layout).readOid()).toBe(oid)
  })
})
