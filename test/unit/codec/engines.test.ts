import { deflateRawSync, deflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { adler32, crc32 } from '../../../src/codec/checksum.ts'
import type { Engine } from '../../../src/codec/codec.ts'
import { openPortableInflater } from '../../../src/codec/inflate-portable.ts'
import { openStreamEngine } from '../../../src/codec/inflate-stream.ts'
import { hasNativeZstd, nativeThreadPoolWorks, openNativeEngine } from '../../../src/codec/native.ts'
import * as browser from '../../../src/codec/platform.browser.ts'
import * as node from '../../../src/codec/platform.node.ts'
import { loadZstdWasm, openWasmZstdEngine } from '../../../src/codec/zstd-wasm.ts'
import { contents, fixture } from './streams.ts'

interface Result {
  readonly output: Buffer
  /** Bytes of input that belong to the stream. */
  readonly used: number
  readonly complete: boolean
}

/** Runs an engine over one stream, as a decoder would. */
async function drive(engine: Engine, bytes: Uint8Array, piece: number, room: number): Promise<Result> {
  const output: Buffer[] = []
  let used = 0
  try {
    outer: for (let from = 0; from < bytes.length; from += piece) {
      const input = Uint8Array.from(bytes.subarray(from, from + piece))
      let at = 0
      for (let more = true; more || at < input.length;) {
        const target = new Uint8Array(room)
        await engine.run(input, at, target, 0)
        output.push(Buffer.from(target.subarray(0, engine.written)))
        at += engine.used
        used += engine.used
        if (engine.ended) break outer
        more = engine.written === room
      }
    }
    return { output: Buffer.concat(output), used, complete: await engine.complete() }
  } finally {
    engine.close()
  }
}

const inflaters: readonly (readonly [string, (kind: 'raw' | 'zlib') => Engine | undefined])[] = [
  ['the native handle', (kind) => openNativeEngine(kind)],
  ['the native handle in the thread pool', (kind) => openNativeEngine(kind, { where: 'thread-pool' })],
  ['the public streams of node:zlib', openStreamEngine],
  ['fflate', openPortableInflater],
]
const open = (make: (kind: 'raw' | 'zlib') => Engine | undefined, kind: 'raw' | 'zlib'): Engine => {
  const engine = make(kind)
  if (engine === undefined) throw new Error('This Node.js has no such engine')
  return engine
}

describe('openNativeEngine()', () => {
  it('finds the handle in its known shape on every supported Node', () => {
    for (const kind of hasNativeZstd() ? (['raw', 'zlib', 'zstd'] as const) : (['raw', 'zlib'] as const)) {
      const engine = openNativeEngine(kind)
      expect(engine).toBeDefined()
      engine?.close()
      engine?.close()
    }
  })

  it('leaves no handle behind that keeps the process alive, whether run or not', async () => {
    const before = process.getActiveResourcesInfo().length
    for (let i = 0; i < 100; i++) {
      const engine = open((kind) => openNativeEngine(kind), 'zlib')
      void engine.run(deflateSync('text'), 0, new Uint8Array(10), 0)
      if (i % 2 === 0) engine.close()
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 10)
    })
    expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before + 2)
  })
})

describe('nativeThreadPoolWorks()', () => {
  it('is true on every supported Node', async () => {
    expect(await nativeThreadPoolWorks()).toBe(true)
  })
})

describe('openNativeEngine() in the thread pool', () => {
  it('works beside others, each with its own stream', async () => {
    const outputs = await Promise.all(
      Array.from({ length: 12 }, (_, at) => {
        const data = contents.rows.subarray(at * 10_000, at * 10_000 + 150_000)
        const engine = open((kind) => openNativeEngine(kind, { where: 'thread-pool' }), 'zlib')
        return drive(engine, deflateSync(data), 7000, 40_000).then(({ output }) => output.equals(data))
      }),
    )
    expect(outputs).toEqual(Array.from({ length: 12 }, () => true))
  })

  it('may be closed while it works', async () => {
    for (let i = 0; i < 50; i++) {
      const engine = open((kind) => openNativeEngine(kind, { where: 'thread-pool' }), 'zlib')
      const working = engine.run(deflateSync(contents.rows), 0, new Uint8Array(1_000_000), 0)
      engine.close()
      await working
    }
  })
})

describe.each(inflaters)('inflating with %s', (_name, make) => {
  const text = contents.rows.subarray(0, 200_000)

  it('stops at the end of a stream and leaves what follows', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('raw' as const, 'zlib' as const),
        fc.integer({ min: 500, max: 60_000 }),
        fc.integer({ min: 500, max: 60_000 }),
        async (kind, piece, room) => {
          const stream = kind === 'raw' ? deflateRawSync(text) : deflateSync(text)
          const bytes = Buffer.concat([stream, Buffer.alloc(70_000, 7)])
          const result = await drive(open(make, kind), bytes, piece, room)
          expect(result.output.equals(text)).toBe(true)
          expect(result.used).toBe(stream.length)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('goes byte by byte as well', async () => {
    const small = text.subarray(0, 300)
    for (const kind of ['raw', 'zlib'] as const) {
      const stream = kind === 'raw' ? deflateRawSync(small) : deflateSync(small)
      const result = await drive(open(make, kind), Buffer.concat([stream, Buffer.from([1, 2])]), 1, 3)
      expect(result.output.equals(small)).toBe(true)
      expect(result.used).toBe(stream.length)
    }
  })

  it('reads stored blocks, runs and random bytes', async () => {
    for (const data of [contents.random, Buffer.alloc(300_000, 'ab')]) {
      for (const level of [0, 1, 9]) {
        const result = await drive(open(make, 'zlib'), deflateSync(data, { level }), 10_000, 70_000)
        expect(result.output.equals(data)).toBe(true)
        expect(result.complete).toBe(true)
      }
    }
  })

  it('complete() tells a stream that breaks off', async () => {
    const stream = deflateSync(text)
    for (const cut of [1, 2, 4, 5, 1000]) {
      const result = await drive(open(make, 'zlib'), stream.subarray(0, -cut), 5000, 70_000)
      expect(result.complete, `${cut} bytes less`).toBe(false)
    }
  })

  it('tells damage by code, in the words of zlib', async () => {
    const bytes = deflateSync(text)
    const wrongSum = Uint8Array.from(bytes)
    wrongSum[bytes.length - 1] = (wrongSum[bytes.length - 1] ?? 0) ^ 1
    const cases = [
      [wrongSum, 'CHECKSUM_MISMATCH', 'incorrect data check'],
      [Buffer.from([0x78, 0x9d]), 'BAD_COMPRESSED_DATA', 'incorrect header check'],
      [Buffer.from([0x79, 0x18]), 'BAD_COMPRESSED_DATA', 'unknown compression method'],
      [Buffer.from([0x78, 0x9c, 0x07]), 'BAD_COMPRESSED_DATA', 'invalid block type'],
    ] as const
    for (const [input, code, message] of cases) {
      await expect(drive(open(make, 'zlib'), input, 100_000, 70_000)).rejects.toMatchObject({ code, message })
    }
  })

  it('reset() begins another stream', async () => {
    const engine = open(make, 'raw')
    for (const data of [contents.random, text]) {
      const target = new Uint8Array(data.length + 1)
      let written = 0
      const input = deflateRawSync(data)
      for (let at = 0; at < input.length; at += engine.used) {
        await engine.run(input, at, target, written)
        written += engine.written
      }
      expect(Buffer.from(target.subarray(0, written)).equals(data)).toBe(true)
      engine.reset()
    }
    engine.close()
  })
})

describe('the zstd engine in WebAssembly', () => {
  it.each([
    ['rows.zst', contents.rows],
    ['rows-check.zst', contents.rows],
    ['rows-long.zst', contents.rows],
    ['zeros.zst', contents.zeros],
    ['rows-random.zst', Buffer.concat([contents.rows, contents.random])],
  ])('reads %s in any pieces', async (name, content) => {
    await loadZstdWasm()
    for (const [piece, room] of [
      [1_000_000, 1_000_000],
      [1000, 70_000],
      [7, 300_000],
    ] as const) {
      const result = await drive(openWasmZstdEngine(), fixture(name), piece, room)
      expect(result.output.equals(content)).toBe(true)
    }
  })

  it('tells damage by code, in the words of zstd', async () => {
    await loadZstdWasm()
    const bytes = Uint8Array.from(fixture('random.zst'))
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
    await expect(drive(openWasmZstdEngine(), bytes, 10_000, 10_000)).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      message: "Restored data doesn't match checksum",
    })
    await expect(drive(openWasmZstdEngine(), contents.rows, 10_000, 10_000)).rejects.toMatchObject({
      code: 'BAD_COMPRESSED_DATA',
      message: 'Unknown frame descriptor',
    })
  })
})

describe('crc32() and adler32()', () => {
  it('crc32() is that of node:zlib, in pieces too', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        const whole = node.crc32(bytes, 0)
        expect(crc32(crc32Bytes(bytes, cut), 0)).toBe(node.crc32(crc32Bytes(bytes, cut), 0))
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut), 0))).toBe(whole)
      }),
    )
  })

  it('crc32() of nothing more is what it was', () => {
    for (const sum of [crc32, node.crc32]) expect(sum(new Uint8Array(0), 0x12345678)).toBe(0x12345678)
  })

  it('adler32() is the one at the end of a zlib stream', () => {
    for (const data of [contents.rows, contents.random, Buffer.alloc(100_000, 255), Buffer.alloc(0)]) {
      const stream = deflateSync(data)
      const cut = data.length >> 1
      const sum = adler32(data.subarray(cut), adler32(data.subarray(0, cut), 1))
      expect(sum).toBe(stream.readUInt32BE(stream.length - 4))
    }
  })
})

function crc32Bytes(bytes: Uint8Array, cut: number): Uint8Array {
  return bytes.subarray(0, cut)
}

describe('the platform modules', () => {
  it('of Node and of browsers export the same names', () => {
    expect(Object.keys(browser).sort()).toEqual(Object.keys(node).sort())
  })

  it('of browsers has no thread pool', async () => {
    expect(await browser.threadPoolWorks()).toBe(false)
  })
})
