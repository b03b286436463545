import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateSync, gunzipSync, inflateSync } from 'node:zlib'
import type { Container } from '../../../src/codec/codec.ts'
import { openPortableInflater } from '../../../src/codec/inflate-portable.ts'
import { decodeBlock, type BlockDecode } from '../../../src/codec/lz4-block.ts'
import { TABLE_BYTES, openWasmDecoder, writeTables } from '../../../src/codec/lz4-wasm.ts'
import { createDecoder, prepareDecoder } from '../../../src/codec/registry.ts'
import { xxh32 } from '../../../src/codec/xxh32.ts'
import { limits } from './archives.ts'
import { attempt, requireSame, type Attempt, type FuzzTarget } from '../target.ts'

const context = { action: 'decode' }

/** Everything that a stream decodes to, handed over in pieces of these sizes. */
async function decode(container: Container, input: Uint8Array, piece: number, room: number): Promise<Uint8Array> {
  await prepareDecoder(container, context)
  const decoder = createDecoder(container, { limits, context })
  const parts: Uint8Array[] = []
  try {
    for (let at = 0; at < input.length; at += piece) {
      decoder.input(input.slice(at, at + piece))
      for (let full = true; full;) {
        const target = new Uint8Array(room)
        const written = await decoder.read(target)
        parts.push(target.subarray(0, written))
        full = written === room
      }
    }
    await decoder.finish()
    return Buffer.concat(parts)
  } finally {
    decoder.close()
  }
}

function short(attempted: Attempt<Uint8Array>): Attempt<string> {
  if ('code' in attempted) return attempted
  return { value: `${attempted.value.length} bytes, ${xxh32(attempted.value)}` }
}

/** A stream decoded at once and in small pieces comes out the same. */
async function inPieces(container: Container, input: Uint8Array): Promise<Attempt<Uint8Array>> {
  const whole = await attempt(() => decode(container, input, Math.max(1, input.length), 65_536))
  // a piece of one byte costs a call for each
  const piece = input.length < 2000 ? 1 : 97
  const pieces = await attempt(() => decode(container, input, piece, 4099))
  // which of several defects is met first depends on how far a decoder looks ahead
  if (!('code' in whole && 'code' in pieces))
    requireSame(`${container} at once and in pieces`, short(whole), short(pieces))
  return whole
}

/** What a second decoder says, which throws anything for bad input. */
function oracle(decodeAll: () => Uint8Array): Uint8Array | undefined {
  try {
    return decodeAll()
  } catch {
    return undefined
  }
}

function requireAgreement(what: string, ours: Attempt<Uint8Array>, theirs: Uint8Array | undefined): void {
  if ('code' in ours) {
    if (theirs === undefined || ['LIMIT_EXCEEDED', 'UNSUPPORTED_COMPRESSION', 'TRAILING_DATA'].includes(ours.code))
      return
    throw new Error(`${what} is ${ours.code} (${ours.message}), but a second decoder gives ${theirs.length} bytes`)
  }
  if (theirs === undefined) throw new Error(`${what} gives ${ours.value.length} bytes, but a second decoder fails`)
  if (Buffer.compare(ours.value, theirs) !== 0) throw new Error(`${what}: two decoders give different bytes`)
}

const maxOutputLength = limits.entryBytes

async function zlib(input: Uint8Array): Promise<void> {
  const ours = await inPieces('zlib', input)
  requireAgreement(
    'zlib',
    ours,
    oracle(() => inflateSync(input, { maxOutputLength })),
  )
  const portable = openPortableInflater('zlib')
  try {
    const target = new Uint8Array(1 << 20)
    portable.run(input, 0, target, 0)
    const whole = portable.ended && portable.used === input.length
    if (
      'value' in ours &&
      ours.value.length < target.length &&
      (!whole || xxh32(target.subarray(0, portable.written)) !== xxh32(ours.value))
    ) {
      throw new Error('The portable decoder gives something else than the native one')
    }
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'CodecFailure') throw error
    if ('value' in ours) throw new Error('The portable decoder fails where the native one does not', { cause: error })
  } finally {
    portable.close()
  }
}

async function gzip(input: Uint8Array): Promise<void> {
  const ours = await inPieces('gzip', input)
  // what is no gzip file goes through as it is, and what follows the last member is ignored, as by gzread(3)
  const theirs = oracle(() => gunzipSync(input, { maxOutputLength }))
  if ('value' in ours && theirs !== undefined) requireAgreement('gzip', ours, theirs)
}

const room = 1 << 17
const wasm = ((): { readonly bytes: Uint8Array; readonly decode: BlockDecode } => {
  const memory = new WebAssembly.Memory({ initial: 8, maximum: 8 })
  const made = openWasmDecoder(() => memory)
  if (made === undefined) throw new Error('There is no WebAssembly')
  const bytes = new Uint8Array(memory.buffer)
  writeTables(bytes)
  return { bytes, decode: made }
})()
const plain = new Uint8Array(wasm.bytes.length)
const zeros = Buffer.alloc(wasm.bytes.length)
const inputAt = 65_536
const outputAt = 2 * 65_536 + 65_536

/** A block: the first byte says how much room and history there is. */
function lz4Block(input: Uint8Array): void {
  const size = Math.min(input.length, 65_536)
  const history = input[0] === undefined ? 0 : input[0] & 0x3f
  const end = outputAt + ((input[0] ?? 0) & 0x40 ? room : 300)
  for (const memory of [wasm.bytes, plain]) {
    memory.fill(0, TABLE_BYTES)
    memory.fill(0x5a, outputAt - 64, outputAt)
    memory.set(input.subarray(0, size), inputAt)
  }
  const from = inputAt + Math.min(1, size)
  const ends = [
    wasm.decode(from, inputAt + size, outputAt, end, outputAt - history),
    decodeBlock(plain, from, inputAt + size, outputAt, end, outputAt - history),
    slowBlock(input.subarray(Math.min(1, size), size), history, end - outputAt),
  ]
  const slow = ends[2] === undefined || typeof ends[2] === 'number' ? undefined : ends[2]
  const expected = slow === undefined ? -1 : outputAt + slow.length
  if (ends[0] !== expected || ends[1] !== expected)
    throw new Error(`An LZ4 block ends at ${String(ends.slice(0, 2))}, not at ${expected}`)
  if (slow !== undefined) {
    for (const memory of [wasm.bytes, plain]) {
      if (Buffer.compare(memory.subarray(outputAt, expected), slow) !== 0)
        throw new Error('Two LZ4 decoders give different bytes')
    }
  }
  for (const memory of [wasm.bytes, plain]) {
    for (const [start, stop] of [
      [TABLE_BYTES, inputAt],
      [inputAt + size, outputAt - 64],
      [end + 32, wasm.bytes.length],
    ] as const) {
      if (zeros.compare(memory, start, stop, 0, stop - start) !== 0) {
        throw new Error(`An LZ4 block writes outside of ${outputAt} to ${end}, between ${start} and ${stop}`)
      }
    }
  }
}

/** A block decoded as the format's description says, byte by byte, without a thought for speed. */
function slowBlock(input: Uint8Array, history: number, most: number): Uint8Array | undefined {
  const out: number[] = Array.from({ length: history }, () => 0x5a)
  const giving = (): number => out.length - history
  let at = 0
  const length = (nibble: number): number => {
    let sum = nibble
    for (let byte = nibble === 15 ? 255 : 0; byte === 255; sum += byte) {
      if (at >= input.length) return Infinity
      byte = input[at++] ?? 0
    }
    return sum
  }
  while (at < input.length) {
    const token = input[at++] ?? 0
    const literals = length(token >>> 4)
    if (literals > input.length - at || giving() + literals > most) return undefined
    for (let count = 0; count < literals; count++) out.push(input[at++] ?? 0)
    if (at === input.length) return Uint8Array.from(out.slice(history))
    if (input.length - at < 2) return undefined
    const distance = (input[at] ?? 0) + 256 * (input[at + 1] ?? 0)
    at += 2
    if (distance === 0 || distance > out.length) return undefined
    const match = length(token & 15) + 4
    if (giving() + match > most) return undefined
    for (let count = 0; count < match; count++) out.push(out[out.length - distance] ?? 0)
  }
  return undefined
}

/** Frames with the right checksum of their header. */
function repairLz4(input: Uint8Array): Uint8Array {
  const out = input.slice()
  for (let at = 0; at + 7 < out.length; at++) {
    if (out[at] !== 0x04 || out[at + 1] !== 0x22 || out[at + 2] !== 0x4d || out[at + 3] !== 0x18) continue
    const length = ((out[at + 4] ?? 0) & 8) === 0 ? 2 : 10
    if (at + 4 + length < out.length) out[at + 4 + length] = (xxh32(out.subarray(at + 4, at + 4 + length)) >>> 8) & 0xff
  }
  return out
}

function codecFixtures(root: string, suffix: string): Uint8Array[] {
  const names = [
    'empty',
    'random',
    'rows',
    'rows-check',
    'rows-content-size',
    'rows-linked',
    'rows-independent',
    'rows-block-checksum',
    'zeros',
  ]
  return names.flatMap((name) => {
    try {
      return [readFileSync(join(root, 'test/fixtures/codec', `${name}.${suffix}`)).subarray(0, 20_000)]
    } catch {
      return []
    }
  })
}

const text = new TextEncoder().encode('1\tone row\t\\N\n2\tanother row\t\\N\n'.repeat(20))

export const codecTargets: readonly FuzzTarget[] = [
  {
    name: 'lz4-block',
    seeds: (root) => [
      Uint8Array.of(0x40, 0x50, 104, 101, 108, 108, 111),
      Uint8Array.of(0x7f, 0x1f, 97, 1, 0, 200, 0x50, 104, 101, 108, 108, 111),
      ...codecFixtures(root, 'lz4').map((frame) => Uint8Array.of(0x7f, ...frame.subarray(11, 3000))),
    ],
    tokens: ['\xff\xff\xff', '\x00\x00', '\x01\x00', '\xf0', '\x0f', '\xff\xff\x01'],
    maxBytes: 16_384,
    run: lz4Block,
  },
  {
    name: 'lz4-frame',
    seeds: (root) => codecFixtures(root, 'lz4'),
    tokens: [
      '\x04\x22\x4d\x18',
      '\x50\x2a\x4d\x18',
      '\x00\x00\x00\x00',
      '\x02\x21\x4c\x18',
      '\x60\x40',
      '\x64\x40',
      '\xff\xff\xff\x7f',
    ],
    maxBytes: 32_768,
    repair: repairLz4,
    run: async (input) => void (await inPieces('lz4', input)),
  },
  {
    name: 'zstd-frame',
    seeds: (root) => codecFixtures(root, 'zst'),
    tokens: ['\x28\xb5\x2f\xfd', '\x50\x2a\x4d\x18', '\x00\x00\x00', '\xff\xff\xff', '\x01\x00\x00'],
    maxBytes: 32_768,
    run: async (input) => void (await inPieces('zstd', input)),
  },
  {
    name: 'gzip',
    seeds: (root) => codecFixtures(root, 'gz'),
    tokens: ['\x1f\x8b\x08\x00', '\x1f\x8b\x08\x1f', '\x03\x00', '\x00\x00\xff\xff'],
    maxBytes: 32_768,
    run: gzip,
  },
  {
    name: 'zlib',
    seeds: () => [
      deflateSync(text),
      deflateSync(text, { level: 0 }),
      deflateSync(new Uint8Array(3000)),
      deflateSync(new Uint8Array(0)),
    ],
    tokens: ['\x78\x9c', '\x78\x01', '\x03\x00', '\x00\x00\xff\xff', '\x01\x00\x00\xff\xff'],
    maxBytes: 16_384,
    run: zlib,
  },
]
