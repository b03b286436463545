import { randomBytes } from 'node:crypto'
import { constants, deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { gzipToZlib, scanGzip, zlibToGzip } from '../../../src/codec/rewrap.ts'
import { chunksOf } from '../../../src/io/byte-stream.ts'
import type { ChunkSource } from '../../../src/io/chunks.ts'

const context = { action: 'write data of TOC entry 1', dumpId: 1 }

function inPieces(bytes: Uint8Array, size: number): ChunkSource {
  const pieces: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return chunksOf(pieces)
}

async function all(source: ChunkSource): Promise<Buffer> {
  const chunks: Buffer[] = []
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) chunks.push(Buffer.from(chunk))
  await source.cancel()
  return Buffer.concat(chunks)
}

const contents: readonly (readonly [string, Buffer])[] = [
  ['nothing', Buffer.alloc(0)],
  ['a byte', Buffer.from('x')],
  ['text', Buffer.from('row\n'.repeat(100_000))],
  ['noise', randomBytes(1_000_003)],
]
const sizes = [1, 7, 4096, 1_000_000]

describe.each(contents)('%s', (_, content) => {
  const step = content.length > 1000 ? sizes.slice(2) : sizes

  test.each(step)('zlibToGzip() keeps the deflate data, in pieces of %i bytes', async (size) => {
    const zlib = deflateSync(content)
    const gzip = await all(zlibToGzip(inPieces(zlib, size), context))
    expect(gunzipSync(gzip).equals(content)).toBe(true)
    expect(gzip.subarray(10, -8).equals(zlib.subarray(2, -4))).toBe(true)
  })

  test.each(step)('gzipToZlib() keeps the deflate data, in pieces of %i bytes', async (size) => {
    const gzip = gzipSync(content)
    const found = await scanGzip(inPieces(gzip, size))
    if (found === undefined) throw new Error('not recognised')
    const zlib = await all(gzipToZlib(inPieces(gzip, size), found, context))
    expect(inflateSync(zlib).equals(content)).toBe(true)
    expect(zlib.subarray(2, -4).equals(gzip.subarray(10, -8))).toBe(true)
  })

  test.each([1, 6, 9])('there and back is the same at level %i', async (level) => {
    const zlib = deflateSync(content, { level })
    const gzip = await all(zlibToGzip(chunksOf([zlib]), context))
    const found = await scanGzip(chunksOf([gzip]))
    if (found === undefined) throw new Error('not recognised')
    expect((await all(gzipToZlib(chunksOf([gzip]), found, context))).equals(zlib)).toBe(true)
  })
})

test('scanGzip() passes over the optional fields of a header', async () => {
  const plain = gzipSync('content')
  const fields = Buffer.from('\x05\0extraname\0comment\0\x12\x34', 'latin1')
  const header = Buffer.from(plain.subarray(0, 10))
  header[3] = 0x04 | 0x08 | 0x10 | 0x02
  const gzip = Buffer.concat([header, fields, plain.subarray(10)])
  for (const size of sizes) {
    const found = await scanGzip(inPieces(gzip, size))
    expect(found?.start).toBe(10 + fields.length)
    if (found !== undefined) {
      expect(inflateSync(await all(gzipToZlib(inPieces(gzip, size), found, context))).toString()).toBe('content')
    }
  }
})

describe('scanGzip() leaves to a decoder', () => {
  const gzip = gzipSync('content of it')
  const changed = (at: number): Buffer => {
    const bytes = Buffer.from(gzip)
    bytes[at < 0 ? bytes.length + at : at] = (bytes.at(at) ?? 0) ^ 1
    return bytes
  }
  const stored = gzipSync(randomBytes(1000), { strategy: constants.Z_FIXED })
  test.each([
    ['two members', Buffer.concat([gzip, gzip])],
    ['an empty member before', Buffer.concat([gzipSync(''), gzip])],
    ['an empty member after', Buffer.concat([gzip, gzipSync('')])],
    ['garbage after it', Buffer.concat([gzip, Buffer.from('garbage')])],
    ['zeros after it', Buffer.concat([gzip, Buffer.alloc(100)])],
    ['no gzip', Buffer.from('plain text that is long enough')],
    ['nothing', Buffer.alloc(0)],
    ['a wrong checksum', changed(-5)],
    ['a wrong size', changed(-1)],
    ['damaged data', changed(12)],
    ['a file that breaks off', gzip.subarray(0, -3)],
    ['a file that breaks off in its data', stored.subarray(0, 500)],
    ['a header alone', gzip.subarray(0, 10)],
    ['another method', changed(2)],
  ])('%s', async (_, bytes) => {
    for (const size of sizes) expect(await scanGzip(inPieces(bytes, size))).toBeUndefined()
  })
})

describe('zlibToGzip() fails for', () => {
  const zlib = deflateSync('content of it')
  test.each([
    ['a stream that breaks off', zlib.subarray(0, -2), 'UNEXPECTED_EOF'],
    ['no stream', Buffer.alloc(0), 'UNEXPECTED_EOF'],
    ['bytes after it', Buffer.concat([zlib, Buffer.from('x')]), 'TRAILING_DATA'],
    ['what is no stream', Buffer.from('plain text'), 'BAD_COMPRESSED_DATA'],
  ])('%s', async (_, bytes, code) => {
    await expect(all(zlibToGzip(chunksOf([bytes]), context))).rejects.toMatchObject({ code, dumpId: 1 })
  })
})
