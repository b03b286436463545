import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { HISTORY, releaseArena, takeArena } from '../../../src/codec/lz4-arena.ts'
import { decodeBlock } from '../../../src/codec/lz4-block.ts'
import { SLACK } from '../../../src/codec/lz4-wasm.ts'
import { Xxh32, xxh32 } from '../../../src/codec/xxh32.ts'
import { contents, fixture } from './streams.ts'

const BLOCK = 65536
const HISTORY_FILL = 0x5a

/** Decodes `block` after `history` bytes of output: with both decoders, which must agree in everything. */
function decodeBoth(block: Uint8Array, history: number, limit: number): Buffer | undefined {
  const arena = takeArena(BLOCK)
  try {
    const start = arena.outputAt + history
    const end = start + limit
    const run = (decode: typeof arena.decode) => {
      arena.memory.fill(0xee, arena.inputAt)
      arena.memory.set(block, arena.inputAt)
      for (let i = arena.outputAt; i < start; i++) arena.memory[i] = HISTORY_FILL ^ (i & 7)
      const from = arena.memory.slice(arena.outputAt, start)
      const result = decode(arena.inputAt, arena.inputAt + block.length, start, end, arena.outputAt)
      // Nothing but the output area and the slack behind it is ever written.
      expect(arena.memory.subarray(arena.outputAt, start)).toEqual(from)
      expect(arena.memory.subarray(end + SLACK).every((byte) => byte === 0xee)).toBe(true)
      expect(result).toBeLessThanOrEqual(end)
      return { result, output: Buffer.from(arena.memory.subarray(start, Math.max(result, start))) }
    }
    const wasm = run(arena.decode)
    const plain = run((...at) => decodeBlock(arena.memory, ...at))
    expect(plain.result).toBe(wasm.result)
    expect(plain.output.equals(wasm.output)).toBe(true)
    return wasm.result < 0 ? undefined : wasm.output
  } finally {
    releaseArena(arena)
  }
}

/** Sequences of a block written down: literals, then a match. */
interface Sequence {
  readonly literals: Uint8Array
  readonly offset: number
  readonly length: number
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = []
  for (let rest = length - 15; rest >= 0; rest -= 255) bytes.push(Math.min(rest, 255))
  return bytes
}

function encode(sequences: readonly Sequence[], last: Uint8Array): { block: Uint8Array; output: Uint8Array } {
  const block: number[] = []
  const output: number[] = []
  for (const { literals, offset, length } of sequences) {
    const match = length - 4
    block.push((Math.min(literals.length, 15) << 4) | Math.min(match, 15), ...lengthBytes(literals.length), ...literals)
    block.push(offset & 255, offset >> 8, ...lengthBytes(match))
    output.push(...literals)
    for (let i = 0; i < length; i++) output.push(output[output.length - offset] ?? 0)
  }
  block.push(Math.min(last.length, 15) << 4, ...lengthBytes(last.length), ...last)
  output.push(...last)
  return { block: Uint8Array.from(block), output: Uint8Array.from(output) }
}

/** Blocks with matches within their own output; all distances from 1 on, overlapping or not. */
const blocks = fc
  .tuple(
    fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), fc.integer({ min: 4, max: 600 })), {
      maxLength: 12,
    }),
    fc.uint8Array({ maxLength: 40 }),
  )
  .map(([parts, last]) => {
    let produced = 0
    const sequences = parts.map(([literals, distance, length]) => {
      produced += literals.length
      // Short distances, where copies overlap, as often as long ones.
      const bound = distance % 2 === 0 ? Math.min(produced, 20) : produced
      const offset = 1 + ((distance >> 1) % bound)
      produced += length
      return { literals, offset, length }
    })
    return encode(sequences, last)
  })

describe('the LZ4 block decoders, in WebAssembly and in TypeScript', () => {
  it('decode every block of the block format', () => {
    fc.assert(
      fc.property(blocks, ({ block, output }) => {
        expect(decodeBoth(block, 0, BLOCK)?.equals(output)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  it('decode every distance up to 20 and every length, where copies overlap', () => {
    for (let offset = 1; offset <= 20; offset++) {
      for (let length = 4; length < 70; length += 3) {
        const { block, output } = encode(
          [{ literals: Buffer.from('abcdefghijklmnopqrstuvwxyz'), offset, length }],
          Buffer.from('.'),
        )
        expect(decodeBoth(block, 0, BLOCK)?.equals(output), `${offset} ${length}`).toBe(true)
      }
    }
  })

  it('fill the output to its last byte and not further', () => {
    const { block, output } = encode([{ literals: Buffer.from('abc'), offset: 3, length: 61 }], Buffer.from('12345'))
    expect(decodeBoth(block, 0, output.length)?.equals(output)).toBe(true)
    expect(decodeBoth(block, 0, output.length - 1)).toBeUndefined()
  })

  it('reach back into the history, but not behind its beginning', () => {
    const match = (offset: number) => Uint8Array.from([0x00, offset & 255, offset >> 8, 0x00])
    expect(decodeBoth(match(100), 100, BLOCK)?.length).toBe(4)
    expect(decodeBoth(match(101), 100, BLOCK)).toBeUndefined()
    expect(decodeBoth(match(65535), HISTORY, BLOCK)?.length).toBe(4)
    expect(decodeBoth(match(0), 100, BLOCK)).toBeUndefined()
  })

  it('stay within bounds and agree whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(300), fc.nat(BLOCK), (block, history, limit) => {
        decodeBoth(block, history, limit)
      }),
      { numRuns: 400 },
    )
  })

  it('stay within bounds and agree on damaged blocks', () => {
    const stored = fixture('rows-linked.lz4')
    const block = stored.subarray(11, 11 + Buffer.from(stored).readUInt32LE(7))
    expect(decodeBoth(block, 0, BLOCK)?.equals(contents.rows.subarray(0, BLOCK))).toBe(true)
    fc.assert(
      fc.property(
        fc.nat(block.length - 1),
        fc.nat(255),
        fc.integer({ min: 1, max: block.length }),
        (at, byte, length) => {
          const bad = Uint8Array.from(block.subarray(0, length))
          bad[at % length] = byte
          decodeBoth(bad, 1000, BLOCK)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('takeArena()', () => {
  it('uses a returned arena again, and a fresh one meanwhile', () => {
    const first = takeArena(BLOCK)
    const second = takeArena(BLOCK)
    expect(second.memory.buffer).not.toBe(first.memory.buffer)
    releaseArena(first)
    releaseArena(second)
    const again = [takeArena(BLOCK), takeArena(BLOCK)].map((arena) => arena.memory.buffer)
    expect(again).toContain(first.memory.buffer)
    expect(again).toContain(second.memory.buffer)
  })

  it('holds a block of 4 MiB, its history and the slack', () => {
    const arena = takeArena(4 * 1048576)
    expect(arena.outputAt - arena.inputAt).toBeGreaterThanOrEqual(4 * 1048576 + SLACK)
    expect(arena.outputEnd - arena.outputAt).toBeGreaterThanOrEqual(HISTORY + 4 * 1048576)
    expect(arena.memory.length).toBeGreaterThanOrEqual(arena.outputEnd + SLACK)
  })
})

describe('xxh32()', () => {
  it('gives the published values', () => {
    expect(xxh32(new Uint8Array(0))).toBe(0x02cc5d05)
    expect(xxh32(Buffer.from('a'))).toBe(0x550d7456)
    expect(xxh32(Buffer.from('abc'))).toBe(0x32d153ff)
    expect(xxh32(Buffer.from('Nobody inspects the spammish repetition'))).toBe(0xe2293b2f)
  })

  it('gives the checksum that the lz4 tool writes at the end of a frame', () => {
    const frame = Buffer.from(fixture('rows-independent.lz4'))
    expect(xxh32(contents.rows)).toBe(frame.readUInt32LE(frame.length - 4))
  })

  it('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(40), { minLength: 1 }), (bytes, cuts) => {
        const hash = new Xxh32()
        let at = 0
        for (const cut of cuts) {
          hash.update(bytes.subarray(at, at + cut))
          at += Math.min(cut, bytes.length - at)
        }
        hash.update(bytes.subarray(at))
        expect(hash.digest()).toBe(xxh32(bytes))
      }),
    )
  })
})
