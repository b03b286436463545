import { describe, expect, test } from 'vitest'
import { ChunkFramer, chunkRule } from '../../../src/format/chunk-framer.ts'

/** Payloads of Chunks; the terminator must be last. */
function chunksIn(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    expect(bytes[at]).toBe(0)
    const length = bytes.readUInt32LE(at + 1)
    at += 5
    if (length === 0) {
      expect(at).toBe(bytes.length)
      return chunks
    }
    chunks.push(bytes.subarray(at, at + length))
    at += length
  }
}

function framed(rule: ConstructorParameters<typeof ChunkFramer>[0], pieces: readonly Uint8Array[]): Buffer[] {
  const framer = new ChunkFramer(rule)
  const out: Buffer[] = []
  for (const [index, piece] of pieces.entries()) {
    framer.add(piece)
    if (index % 2 === 0) out.push(Buffer.from(framer.take()))
  }
  framer.end()
  out.push(Buffer.from(framer.take()))
  return chunksIn(Buffer.concat(out))
}

describe('ChunkFramer', () => {
  test('frames nothing as the terminator alone', () => {
    expect(framed({ bytes: 10 }, [])).toEqual([])
    expect(framed({ bytes: 10 }, [new Uint8Array(0)])).toEqual([])
  })

  test.each([1, 3, 10, 11, 100])('cuts after so many bytes whatever pieces of %i come', (size) => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index))
    const pieces = Array.from({ length: Math.ceil(100 / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    )
    const chunks = framed({ bytes: 30 }, pieces)
    expect(chunks.map(({ length }) => length)).toEqual([30, 30, 30, 10])
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    expect(framed({ firstBytes: 7, bytes: 50 }, pieces).map(({ length }) => length)).toEqual([7, 50, 43])
  })

  test('cuts after each line, and long lines where they are too long', () => {
    const text = 'a\n\nlonger line\nthe rest'
    for (const size of [1, 2, 5, 100]) {
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g'))?.map((piece) => Buffer.from(piece)) ?? []
      expect(framed({ bytes: 8, lines: true }, pieces).map(String)).toEqual([
        'a\n',
        '\n',
        'longer l',
        'ine\n',
        'the rest',
      ])
    }
  })

  test('takes pieces that are larger than its buffer', () => {
    const bytes = Buffer.alloc(1_000_000, 'x')
    const chunks = framed({ bytes: 4096 }, [bytes, bytes])
    expect(chunks.length).toBe(489)
    expect(Buffer.concat(chunks).length).toBe(2_000_000)
  })

  test('begins anew after an end', () => {
    const framer = new ChunkFramer(chunkRule('lz4', 'rows'))
    for (let stream = 0; stream < 2; stream++) {
      framer.add(Buffer.alloc(100))
      framer.end()
      expect(chunksIn(Buffer.from(framer.take())).map(({ length }) => length)).toEqual([7, 93])
    }
  })
})
