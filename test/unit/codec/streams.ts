import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Container, Decoder } from '../../../src/codec/codec.ts'
import { createDecoder, prepareDecoder } from '../../../src/codec/registry.ts'
import { isArchiveError } from '../../../src/errors.ts'
import type { ArchiveError } from '../../../src/errors.ts'
import { defaultLimits } from '../../../src/limits.ts'
import type { Limits } from '../../../src/limits.ts'
import type { ChunkSource } from '../../../src/io/chunks.ts'

/** A file of test/fixtures/codec. */
export function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../../fixtures/codec/${name}`, import.meta.url))
}

/** What the fixtures hold, by the first part of their names; unpacked by node:zlib's own one-shot function. */
export const contents = {
  rows: gunzipSync(fixture('rows.gz')),
  random: gunzipSync(fixture('random.gz')),
  zeros: Buffer.alloc(5_000_000),
  empty: Buffer.alloc(0),
}

/** Every valid fixture. */
export const valid: readonly { name: string; container: Container; content: Buffer; checksum: boolean }[] = [
  { name: 'rows.gz', container: 'gzip', content: contents.rows, checksum: true },
  { name: 'random.gz', container: 'gzip', content: contents.random, checksum: true },
  { name: 'empty.gz', container: 'gzip', content: contents.empty, checksum: true },
  { name: 'rows-linked.lz4', container: 'lz4', content: contents.rows, checksum: false },
  { name: 'rows-linked-best.lz4', container: 'lz4', content: contents.rows, checksum: false },
  { name: 'rows-independent.lz4', container: 'lz4', content: contents.rows, checksum: true },
  { name: 'rows-block-checksum.lz4', container: 'lz4', content: contents.rows, checksum: true },
  { name: 'rows-1m.lz4', container: 'lz4', content: contents.rows, checksum: true },
  { name: 'rows-content-size.lz4', container: 'lz4', content: contents.rows, checksum: true },
  { name: 'random.lz4', container: 'lz4', content: contents.random, checksum: true },
  { name: 'zeros.lz4', container: 'lz4', content: contents.zeros, checksum: true },
  { name: 'empty.lz4', container: 'lz4', content: contents.empty, checksum: true },
  { name: 'rows.zst', container: 'zstd', content: contents.rows, checksum: false },
  { name: 'rows-check.zst', container: 'zstd', content: contents.rows, checksum: true },
  { name: 'rows-long.zst', container: 'zstd', content: contents.rows, checksum: false },
  { name: 'rows-content-size.zst', container: 'zstd', content: contents.rows, checksum: true },
  { name: 'random.zst', container: 'zstd', content: contents.random, checksum: true },
  { name: 'zeros.zst', container: 'zstd', content: contents.zeros, checksum: true },
  { name: 'empty.zst', container: 'zstd', content: contents.empty, checksum: false },
  ...(['gz', 'lz4', 'zst'] as const).map((suffix) => ({
    name: `rows-random.${suffix}`,
    container: ({ gz: 'gzip', lz4: 'lz4', zst: 'zstd' } as const)[suffix],
    content: Buffer.concat([contents.rows, contents.random]),
    checksum: false,
  })),
]

/** How {@link decode} cuts up input and output. */
export interface Cuts {
  /** Sizes of input pieces, used in turn. */
  readonly pieces?: readonly number[]
  /** Sizes of output buffers, used in turn. */
  readonly targets?: readonly number[]
  readonly limits?: Partial<Limits>
}

/** Runs a decoder over `bytes`; input pieces are overwritten once they are used up, as a reused buffer is. */
export async function run(decoder: Decoder, bytes: Uint8Array, cuts: Cuts = {}): Promise<Buffer> {
  const { pieces = [65536], targets = [65536] } = cuts
  const output: Buffer[] = []
  let turn = 0
  try {
    for (let at = 0, piece = 0; at < bytes.length; piece++) {
      const chunk = Uint8Array.from(bytes.subarray(at, at + (pieces[piece % pieces.length] ?? 1)))
      at += chunk.length
      decoder.input(chunk)
      for (;;) {
        const target = new Uint8Array(targets[turn++ % targets.length] ?? 1)
        const written = await decoder.read(target)
        output.push(Buffer.from(target.subarray(0, written)))
        if (written < target.length) break
      }
      chunk.fill(0xa5)
    }
    await decoder.finish()
  } finally {
    decoder.close()
  }
  return Buffer.concat(output)
}

export const context = { action: 'read data of TOC entry 12', dumpId: 12, file: '12.dat' }

/** Decodes `bytes` with the decoder of a container. */
export async function decode(container: Container, bytes: Uint8Array, cuts: Cuts = {}): Promise<Buffer> {
  await prepareDecoder(container, context)
  return run(createDecoder(container, { limits: { ...defaultLimits, ...cuts.limits }, context }), bytes, cuts)
}

/** The ArchiveError that `work` fails with. */
export async function failure(work: Promise<unknown>): Promise<ArchiveError> {
  try {
    await work
  } catch (error) {
    if (isArchiveError(error)) return error
    throw error
  }
  throw new Error('This should have failed')
}

/** A source of lent chunks over `bytes`, which overwrites each chunk when the next is asked for. */
export class TestSource implements ChunkSource {
  readonly #bytes: Uint8Array
  readonly #size: number
  readonly #failAt: number
  #at = 0
  #lent: Uint8Array | undefined
  cancelled = 0

  constructor(bytes: Uint8Array, size = 65536, failAt = Infinity) {
    this.#bytes = bytes
    this.#size = size
    this.#failAt = failAt
  }

  async next(): Promise<Uint8Array | null> {
    this.#lent?.fill(0xa5)
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
    if (this.#at >= this.#failAt) throw new Error('EIO: i/o error, read')
    if (this.#at === this.#bytes.length) return null
    this.#lent = Uint8Array.from(this.#bytes.subarray(this.#at, this.#at + this.#size))
    this.#at += this.#lent.length
    return this.#lent
  }

  async cancel(): Promise<void> {
    this.cancelled++
  }
}

/** Everything a source gives. */
export async function collect(source: ChunkSource): Promise<Buffer> {
  const output: Buffer[] = []
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) output.push(Buffer.from(chunk))
  return Buffer.concat(output)
}
