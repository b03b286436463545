import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBlock } from '../../../src/codec/lz4-block.ts'
import { HASH_BITS, blockBound, encodeBlock } from '../../../src/codec/lz4-compress.ts'
import type { BlockEncode } from '../../../src/codec/lz4-compress.ts'
import { HighCompressor } from '../../../src/codec/lz4-compress-high.ts'
import { openWasmEncoder } from '../../../src/codec/lz4-compress-wasm.ts'
import { contents } from './streams.ts'

const TABLE = 4 << HASH_BITS
const INPUT = TABLE
const OUTPUT = INPUT + 262144
const MEMORY = 2 * 262144 + INPUT

interface Way {
  readonly memory: Uint8Array
  readonly encode: BlockEncode
}

function fast(): Way {
  const memory = new Uint8Array(MEMORY)
  const table = new Int32Array(memory.buffer, 0, 1 << HASH_BITS)
  return { memory, encode: (...at) => encodeBlock(memory, table, ...at) }
}

function wasm(): Way {
  let memory: Uint8Array | undefined
  const encode = openWasmEncoder(() => {
    const own = new WebAssembly.Memory({ initial: Math.ceil(MEMORY / 65536) })
    memory = new Uint8Array(own.buffer)
    return own
  })
  if (memory === undefined || encode === undefined) throw new Error('WebAssembly does not run here')
  return { memory, encode }
}

function high(level: number): Way {
  const memory = new Uint8Array(MEMORY)
  const compressor = new HighCompressor(memory, level)
  return { memory, encode: (...at) => compressor.encode(...at) }
}

/** Blocks that follow one another, as they come to an encoder. */
const blocks = fc.array(
  fc
    .array(
      fc.oneof(
        fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 30 }), fc.integer({ min: 1, max: 400 })),
        fc.tuple(fc.uint8Array({ maxLength: 600 }), fc.constant(1)),
        fc.tuple(
          fc.tuple(fc.nat(290_000), fc.nat(6000)).map(([from, length]) => contents.rows.subarray(from, from + length)),
          fc.constant(1),
        ),
      ),
      { maxLength: 4 },
    )
    .map((runs) =>
      Buffer.concat(runs.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))).subarray(0, 65536),
    ),
  { maxLength: 3 },
)

/** Encodes the blocks one after another and checks that they decode to themselves; gives what was stored. */
function check({ memory, encode }: Way, parts: readonly Uint8Array[]): Buffer {
  const stored: Buffer[] = []
  let at = INPUT
  for (const part of parts) {
    memory.set(part, at)
    // What lies behind the block must not matter.
    memory.fill(0x20, at + part.length, at + part.length + 64)
    const end = encode(at, at + part.length, OUTPUT, INPUT)
    expect(end - OUTPUT).toBeLessThanOrEqual(blockBound(part.length))
    const block = memory.slice(OUTPUT, end)
    stored.push(Buffer.from(block))
    const target = new Uint8Array(MEMORY + block.length)
    target.set(memory.subarray(0, at))
    target.set(block, MEMORY)
    const decoded = decodeBlock(
      target,
      MEMORY,
      MEMORY + block.length,
      at,
      at + part.length,
      Math.max(INPUT, at - 65536),
    )
    expect(decoded).toBe(at + part.length)
    expect(Buffer.compare(target.subarray(at, decoded), part)).toBe(0)
    at += part.length
  }
  return Buffer.concat(stored)
}

describe('LZ4 block encoders', () => {
  it('make the same bytes in TypeScript and in WebAssembly', () => {
    fc.assert(
      fc.property(blocks, (parts) => {
        expect(check(wasm(), parts).equals(check(fast(), parts))).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('make blocks that decode to their input at every level', () => {
    fc.assert(
      fc.property(blocks, fc.integer({ min: 3, max: 12 }), (parts, level) => {
        check(high(level), parts)
      }),
      { numRuns: 30 },
    )
  })

  it('keep the rules for the end of a block at every length', () => {
    for (let length = 0; length < 80; length++) {
      const zeros = new Uint8Array(length)
      const block = check(wasm(), [zeros])
      expect(check(fast(), [zeros]).equals(block)).toBe(true)
      check(high(9), [zeros])
      // Less than 13 bytes are literals only.
      if (length < 13) expect(block.length).toBe(length + 1)
    }
  })

  it('write lengths of any size', () => {
    for (const length of [14, 15, 16, 18, 19, 20, 269, 270, 273, 274, 275, 524, 525, 529, 5000]) {
      const literals = contents.random.subarray(0, length)
      const parts = [Buffer.concat([literals, Buffer.alloc(length + 20), literals])]
      expect(check(wasm(), parts).equals(check(fast(), parts))).toBe(true)
      check(high(5), parts)
    }
  })
})
