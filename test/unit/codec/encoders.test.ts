import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { buildSync } from 'esbuild'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import type { Container } from '../../../src/codec/codec.ts'
import { openPortableDeflater } from '../../../src/codec/deflate-portable.ts'
import type { Compressor, EncoderSettings } from '../../../src/codec/encoder.ts'
import { createEncoder, prepareEncoder } from '../../../src/codec/encoders.ts'
import {
  hasNativeZstdEncoder,
  openNativeCompressor,
  openStreamCompressor,
} from '../../../src/codec/native-compressor.ts'
import type { CompressorSettings } from '../../../src/codec/native-compressor.ts'
import * as browser from '../../../src/codec/platform.browser.ts'
import * as node from '../../../src/codec/platform.node.ts'
import { context, encode } from './encode.ts'
import { contents, decode, failure } from './streams.ts'

const containers = ['none', 'zlib', 'gzip', 'lz4', 'zstd'] as const

/** Every level worth telling apart; `long` only where this Node can do it. */
const settings: readonly EncoderSettings[] = [
  { container: 'none' },
  ...[-1, 1, 9].flatMap((level) => [
    { container: 'zlib' as const, level },
    { container: 'gzip' as const, level },
  ]),
  ...[0, 3, 9, 12].map((level) => ({ container: 'lz4' as const, level })),
  { container: 'lz4', checksum: false },
  ...[-131072, 1, 3, 9].map((level) => ({ container: 'zstd' as const, level })),
  { container: 'zstd', checksum: false },
  ...(hasNativeZstdEncoder() ? [{ container: 'zstd' as const, long: true }] : []),
]

/** Runs that repeat, as in real tables, and runs that do not. */
const content = fc
  .array(
    fc.oneof(
      fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 9000 })),
      fc.tuple(fc.uint8Array({ maxLength: 3000 }), fc.constant(1)),
      fc.tuple(
        fc.integer({ min: 0, max: 3000 }).map((from) => contents.rows.subarray(from)),
        fc.constant(1),
      ),
      fc.tuple(fc.constant<Uint8Array>(contents.random), fc.integer({ min: 1, max: 30 })),
    ),
    { maxLength: 6 },
  )
  .map((runs) => Buffer.concat(runs.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))))

const pieces = fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 400_000 })), {
  minLength: 1,
  maxLength: 4,
})

function label(one: EncoderSettings): string {
  return JSON.stringify(one)
}

describe('createEncoder() makes what createDecoder() reads', () => {
  for (const one of settings) {
    test(label(one), async () => {
      for (const bytes of Object.values(contents)) {
        expect((await decode(one.container, await encode(one, bytes, [1, 100, 70_000]))).equals(bytes)).toBe(true)
      }
      await fc.assert(
        fc.asyncProperty(content, pieces, async (bytes, cuts) => {
          expect((await decode(one.container, await encode(one, bytes, cuts))).equals(bytes)).toBe(true)
        }),
        { numRuns: 12 },
      )
    })
  }
})

/** The tools whose word counts: each reads a stream from standard input and tests it. */
const tools: readonly { container: Container; tool: string; args: readonly string[] }[] = [
  { container: 'gzip', tool: 'gzip', args: ['-dc'] },
  { container: 'lz4', tool: 'lz4', args: ['-dc'] },
  { container: 'zstd', tool: 'zstd', args: ['-dc'] },
]

describe('createEncoder() makes what other programs read', () => {
  for (const { container, tool, args } of tools) {
    test(tool, async (self) => {
      if (spawnSync(tool, ['--version']).status !== 0) self.skip(`${tool} is not there`)
      const [tested, large] = [Buffer.alloc(1_000_000), Buffer.concat([contents.rows, contents.random, contents.rows])]
      for (let i = 0; i < tested.length; i++) tested[i] = ((i * i) % 251) ^ (i >>> 14)
      for (const one of settings.filter((each) => each.container === container)) {
        for (const bytes of [...Object.values(contents), tested, large]) {
          const stored = await encode(one, bytes, [300, 100_000])
          const read = execFileSync(tool, args, { input: stored, maxBuffer: 2 ** 26 })
          expect(read.equals(bytes), label(one)).toBe(true)
        }
      }
    })
  }
})

describe('createEncoder()', () => {
  it('does not depend on how its input is cut', async () => {
    for (const one of settings.filter(({ container }) => container !== 'zstd')) {
      const whole = await encode(one, contents.rows, [contents.rows.length])
      expect((await encode(one, contents.rows, [7, 70_000])).equals(whole), label(one)).toBe(true)
    }
  })

  it('keeps its settings from one stream to the next', async () => {
    for (const one of settings) {
      const first = await encode(one, contents.rows)
      expect((await encode(one, contents.rows)).equals(first), label(one)).toBe(true)
    }
  })

  it('compresses the better the higher the level is', async () => {
    const size = async (container: Container, level: number): Promise<number> =>
      (await encode({ container, level }, contents.rows)).length
    for (const [container, low, high] of [
      ['gzip', 1, 9],
      ['zlib', 1, 9],
      ['lz4', 0, 3],
      ['lz4', 3, 9],
      ['zstd', -5, 9],
    ] as const) {
      expect(await size(container, high), container).toBeLessThan(await size(container, low))
    }
  })

  it('writes the header of a gzip file as gzopen does', async () => {
    const header = async (level?: number): Promise<string> =>
      (await encode({ container: 'gzip', level }, contents.rows)).toString('hex', 0, 10)
    expect(await header()).toBe('1f8b0800000000000003')
    expect(await header(1)).toBe('1f8b0800000000000403')
    expect(await header(9)).toBe('1f8b0800000000000203')
    const ours = await encode({ container: 'gzip', level: 6 }, contents.rows)
    const own = gzipSync(contents.rows, { level: 6 })
    expect(ours.subarray(10).equals(own.subarray(10))).toBe(true)
  })

  it('writes an lz4 frame as pg_dump does, and a checksum if wanted', async () => {
    const frame = async (checksum: boolean): Promise<string> =>
      (await encode({ container: 'lz4', checksum }, Buffer.alloc(0))).toString('hex')
    expect(await frame(false)).toBe('04224d184040c000000000')
    // With the xxHash of nothing.
    expect(await frame(true)).toBe('04224d1844405e00000000055dcc02')
  })

  it('has a checksum by default, which notices damage', async () => {
    for (const container of ['lz4', 'zstd'] as const) {
      if (container === 'zstd' && !hasNativeZstdEncoder()) continue
      // Random bytes are stored as they are: nothing but the checksum can tell.
      const stored = await encode({ container }, contents.random)
      stored[2000] = (stored[2000] ?? 0) ^ 1
      expect((await failure(decode(container, stored))).code).toBe('CHECKSUM_MISMATCH')
    }
  })

  it('refuses levels and options that the method does not have', async () => {
    const refused: readonly EncoderSettings[] = [
      { container: 'none', level: 1 },
      { container: 'gzip', level: 0 },
      { container: 'zlib', level: 10 },
      { container: 'gzip', level: -2 },
      { container: 'gzip', level: 1.5 },
      { container: 'lz4', level: 13 },
      { container: 'lz4', level: -1 },
      { container: 'zstd', level: 23 },
      { container: 'zstd', level: -131073 },
      { container: 'zstd', level: Number.NaN },
      { container: 'gzip', long: true },
    ]
    for (const one of refused) {
      const error = await failure((async () => createEncoder(one, context))())
      expect(error.code, label(one)).toBe('USAGE')
      expect(error.dumpId).toBe(12)
    }
  })

  it('cannot be used after close(), which may be called more than once', async () => {
    for (const container of containers) {
      await prepareEncoder(container, context)
      const first = createEncoder({ container }, context)
      const output: Uint8Array[] = []
      await first.finish((bytes) => void output.push(bytes.slice()))
      first.close()
      // The second may have the machine of the first.
      const second = createEncoder({ container }, context)
      first.close()
      const chunks: Uint8Array[] = []
      await second.write(contents.rows, (bytes) => void chunks.push(bytes.slice()))
      await second.finish((bytes) => void chunks.push(bytes.slice()))
      second.close()
      expect((await decode(container, Buffer.concat(chunks))).equals(contents.rows)).toBe(true)
      expect((await failure((async () => first.write(contents.rows, () => undefined))())).code).toBe('CLOSED')
    }
  })

  it('can be given up at any point', async () => {
    for (const container of containers) {
      const encoder = createEncoder({ container }, context)
      await encoder.write(contents.rows, () => undefined)
      encoder.close()
      expect((await decode(container, await encode({ container }, contents.rows))).equals(contents.rows)).toBe(true)
    }
  })

  it('says what is missing for the long-distance mode', async (self) => {
    if (hasNativeZstdEncoder()) self.skip('this Node.js has it')
    const error = await failure(encode({ container: 'zstd', long: true }, contents.rows))
    expect(error.code).toBe('CODEC_UNAVAILABLE')
    expect(error.message).toContain('22.15')
  })

  it('says what to do where neither Node.js nor a package can make zstd', (self) => {
    if (hasNativeZstdEncoder()) self.skip('this Node.js has it')
    // Below the temporary directory there are no packages.
    const folder = mkdtempSync(join(tmpdir(), 'pgdmp-no-zstd-'))
    try {
      const encoders = fileURLToPath(new URL('../../../src/codec/encoders.ts', import.meta.url))
      const source = `
        import { prepareEncoder } from ${JSON.stringify(encoders)}
        prepareEncoder('zstd', { action: 'write' }).catch((error) => console.log(error.code, error.message, error.hint))`
      const outfile = join(folder, 'program.mjs')
      const external = ['@cloudpss/zstd', 'zstddec']
      const stdin = { contents: source, resolveDir: folder }
      buildSync({ stdin, outfile, external, bundle: true, platform: 'node', format: 'esm', conditions: ['source'] })
      const told = execFileSync(process.execPath, [outfile], { encoding: 'utf8' })
      expect(told).toMatch(
        /^CODEC_UNAVAILABLE Cannot write: .*@cloudpss\/zstd cannot be loaded Use Node.js 22.15 or later, /,
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** Everything a compressor gives for `bytes` in large pieces. */
async function compress(compressor: Compressor, bytes: Uint8Array): Promise<Buffer> {
  const output: Buffer[] = []
  const emit = (chunk: Uint8Array): void => void output.push(Buffer.from(chunk))
  const middle = bytes.length >>> 1
  await compressor.run(bytes.subarray(0, middle), false, emit)
  await compressor.run(bytes.subarray(middle), true, emit)
  compressor.close()
  return Buffer.concat(output)
}

describe('compressors', () => {
  const kinds: readonly CompressorSettings[] = [
    { kind: 'zlib', level: 1 },
    { kind: 'zlib', level: 6 },
    ...(hasNativeZstdEncoder() ? [{ kind: 'zstd' as const, level: 3, checksum: true, long: true }] : []),
  ]

  it('on the public API make the same bytes as on the native handle', async () => {
    for (const one of kinds) {
      const native = openNativeCompressor(one)
      expect(native).toBeDefined()
      if (native === undefined) continue
      for (const bytes of Object.values(contents)) {
        const expected = await compress(openNativeCompressor(one) ?? native, bytes)
        expect((await compress(openStreamCompressor(one), bytes)).equals(expected)).toBe(true)
      }
      native.close()
    }
  })

  it('in plain JavaScript make what zlib reads', async () => {
    for (const level of [1, 6, 9]) {
      for (const bytes of Object.values(contents)) {
        const stored = await compress(openPortableDeflater('zlib', level), bytes)
        expect((await decode('zlib', stored)).equals(bytes)).toBe(true)
      }
    }
  })

  it('are the same set on every platform', () => {
    expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
  })

  it('for zstd are not to be had in browsers, and say so', async () => {
    await expect(browser.prepareZstdCompressor()).rejects.toMatchObject({ code: 'CODEC_UNAVAILABLE' })
  })
})
