import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Container } from '../../../src/codec/codec.ts'
import { hasNativeZstd } from '../../../src/codec/native.ts'
import { AHEAD_BUFFER_BYTES, DecodePool, LOCAL_BUFFER_BYTES } from '../../../src/codec/pool.ts'
import type { DecodeJob } from '../../../src/codec/pool.ts'
import { ArchiveError } from '../../../src/errors.ts'
import { defaultLimits } from '../../../src/limits.ts'
import { TestSource, collect, contents, context, failure, fixture } from './streams.ts'

/** Large enough to count as such for the pool, whatever the test streams have. */
const LARGE = 16 * 1048576
function job(
  container: Container,
  bytes: Uint8Array,
  more: Partial<DecodeJob> = {},
): DecodeJob & { input: TestSource } {
  const base = { container, input: new TestSource(bytes), limits: defaultLimits, context, storedBytes: LARGE }
  return { ...base, ...more, input: more.input instanceof TestSource ? more.input : base.input }
}

const many = Buffer.concat(Array.from({ length: 40 }, () => contents.rows)) // 12 MB, 46 buffers
const manyDeflated = deflateSync(many, { level: 1 })
const streams: readonly (readonly [Container, Uint8Array, Buffer])[] = [
  ['none', contents.rows, contents.rows],
  ['zlib', manyDeflated, many],
  ['gzip', fixture('rows-random.gz'), Buffer.concat([contents.rows, contents.random])],
  ['lz4', fixture('zeros.lz4'), contents.zeros],
  ['lz4', fixture('rows-random.lz4'), Buffer.concat([contents.rows, contents.random])],
  ['zstd', fixture('rows-check.zst'), contents.rows],
  ['zstd', fixture('empty.zst'), contents.empty],
]

describe.each([
  ['on the calling thread', 0],
  ['with one stream in the thread pool', 1],
  ['with two streams in the thread pool', 2],
] as const)('DecodePool %s', (_name, workers) => {
  const open = (maxBufferBytes?: number) =>
    new DecodePool({ workers, ...(maxBufferBytes === undefined ? {} : { maxBufferBytes }) })

  it.each(streams)(
    'decode() %s gives every byte in order and releases the input',
    async (container, bytes, content) => {
      const pool = open()
      try {
        for (const storedBytes of [LARGE, bytes.length, undefined]) {
          const decoding = job(container, bytes, { storedBytes })
          expect((await collect(pool.decode(decoding))).equals(content)).toBe(true)
          expect(decoding.input.cancelled).toBeGreaterThan(0)
        }
      } finally {
        await pool.close()
      }
    },
  )

  it('start() decodes many streams ahead within the smallest budget, read in order', async () => {
    const pool = open(1)
    try {
      const sources = Array.from({ length: 8 }, () => pool.decode(job('zlib', manyDeflated)))
      for (const source of sources) source.start()
      for (const source of sources) expect((await collect(source)).equals(many)).toBe(true)
    } finally {
      await pool.close()
    }
  })

  it('streams started may be read in any order, and by turns', async () => {
    const pool = open(1)
    try {
      const sources = Array.from({ length: 4 }, () => pool.decode(job('zlib', manyDeflated, { ahead: true })))
      const backwards = sources.slice(2).reverse()
      for (const source of backwards) expect((await collect(source)).equals(many)).toBe(true)
      const turns = sources.slice(0, 2).map((source) => ({ source, parts: [] as Buffer[], over: false }))
      while (turns.some(({ over }) => !over)) {
        for (const turn of turns) {
          const chunk = turn.over ? null : await turn.source.next()
          if (chunk === null) turn.over = true
          else turn.parts.push(Buffer.from(chunk))
        }
      }
      for (const { parts } of turns) expect(Buffer.concat(parts).equals(many)).toBe(true)
    } finally {
      await pool.close()
    }
  })

  it('zstd streams with large windows may be started together and read by turns', async () => {
    const pool = open()
    try {
      const sources = [0, 1, 2].map(() => pool.decode(job('zstd', fixture('rows-long.zst'), { ahead: true })))
      const first = await Promise.all(sources.map(async (source) => Buffer.from((await source.next()) ?? [])))
      for (const [i, source] of sources.entries()) {
        const output = Buffer.concat([first[i] ?? Buffer.alloc(0), await collect(source)])
        expect(output.equals(contents.rows)).toBe(true)
      }
    } finally {
      await pool.close()
    }
  })

  it('zstd streams with large windows read side by side take turns: all of them at once would not fit', async () => {
    const pool = open()
    try {
      const sources = Array.from({ length: 24 }, (_, at) => {
        return pool.decode(job('zstd', fixture('rows-long.zst'), { storedBytes: at % 2 === 0 ? LARGE : 1000 }))
      })
      const outputs = await Promise.all(sources.map((source) => collect(source)))
      expect(outputs.every((output) => output.equals(contents.rows))).toBe(true)
    } finally {
      await pool.close()
    }
  })

  it('gives what comes before damage, then the error with all its fields', async () => {
    const pool = open()
    try {
      const bad = manyDeflated.subarray(0, manyDeflated.length - 100_000)
      const source = pool.decode(job('zlib', bad))
      let length = 0
      const reading = (async () => {
        for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) length += chunk.length
      })()
      const error = await failure(reading)
      expect(error).toBeInstanceOf(ArchiveError)
      expect(error).toMatchObject({ code: 'UNEXPECTED_EOF', dumpId: 12, file: '12.dat' })
      expect(length).toBeGreaterThan(many.length * 0.8)
      expect(await source.next()).toBeNull()
    } finally {
      await pool.close()
    }
  })

  it('passes on LIMIT_EXCEEDED with its details', async () => {
    const pool = open()
    try {
      const limits = { ...defaultLimits, entryBytes: 1_000_000 }
      for (const [container, bytes] of [
        ['zlib', manyDeflated],
        ['none', many],
      ] as const) {
        const error = await failure(collect(pool.decode(job(container, bytes, { limits }))))
        expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 'entryBytes', max: 1_000_000 } })
        expect(error.hint).toContain('entryBytes')
      }
    } finally {
      await pool.close()
    }
  })

  it('passes an error of the input through as it is', async () => {
    const pool = open()
    try {
      for (const container of ['none', 'zlib'] as const) {
        const input = new TestSource(manyDeflated, 65536, 300_000)
        const source = pool.decode(job(container, manyDeflated, { input }))
        await expect(collect(source)).rejects.toThrow('EIO: i/o error, read')
        expect(input.cancelled).toBeGreaterThan(0)
      }
    } finally {
      await pool.close()
    }
  })

  it('cancel() before, during and after reading frees the way for other streams', async () => {
    const pool = open(1)
    try {
      for (let chunks = 0; chunks < 5; chunks++) {
        const decoding = job('zlib', manyDeflated, { ahead: chunks % 2 === 0 })
        const source = pool.decode(decoding)
        for (let i = 0; i < chunks; i++) await source.next()
        await source.cancel()
        await source.cancel()
        expect(await source.next()).toBeNull()
        expect(decoding.input.cancelled).toBeGreaterThan(0)
      }
      expect((await collect(pool.decode(job('zlib', manyDeflated)))).equals(many)).toBe(true)
    } finally {
      await pool.close()
    }
  })

  it('cancel() ends a next() that is pending', async () => {
    const pool = open()
    try {
      const source = pool.decode(job('zlib', manyDeflated))
      const pending = source.next()
      await source.cancel()
      await pending
      expect(await source.next()).toBeNull()
    } finally {
      await pool.close()
    }
  })

  it('close() cuts off what is being read with CLOSED, never as a short stream', async () => {
    const pool = open()
    const sources = [0, 1, 2].map(() => pool.decode(job('zlib', manyDeflated, { ahead: true })))
    await sources[0]?.next()
    await pool.close()
    for (const source of sources) expect((await failure(source.next())).code).toBe('CLOSED')
    expect((await failure(pool.decode(job('zlib', manyDeflated)).next())).code).toBe('CLOSED')
    await pool.close()
  })
})

describe('DecodePool decides where to decode', () => {
  /** Where the first chunk comes from: the buffers of the two places differ in size. */
  const placeOf = async (storedBytes: number | undefined, container: Container, bytes: Uint8Array) => {
    const pool = new DecodePool({ workers: 1 })
    try {
      const source = pool.decode(job(container, bytes, { storedBytes }))
      const first = (await source.next())?.length
      await source.cancel()
      return first === AHEAD_BUFFER_BYTES ? 'thread pool' : first === LOCAL_BUFFER_BYTES ? 'here' : first
    } finally {
      await pool.close()
    }
  }

  it('small streams on the calling thread', async () => {
    expect(await placeOf(100_000, 'zlib', manyDeflated)).toBe('here')
  })
  it('large streams in the thread pool', async () => {
    expect(await placeOf(1_000_000, 'zlib', manyDeflated)).toBe('thread pool')
    expect(await placeOf(1_000_000, 'gzip', gzipSync(many, { level: 1 }))).toBe('thread pool')
  })
  it('lz4, which is decoded faster than handed over, on the calling thread', async () => {
    expect(await placeOf(1_000_000_000, 'lz4', fixture('zeros.lz4'))).toBe('here')
  })
  it('zstd in the thread pool where Node.js has it built in', async () => {
    const frames = Buffer.concat(Array.from({ length: 10 }, () => fixture('rows-check.zst')))
    expect(await placeOf(1_000_000_000, 'zstd', frames)).toBe(hasNativeZstd() ? 'thread pool' : 'here')
  })
  it('streams of unknown size in the thread pool once they prove not to be small', async () => {
    expect(await placeOf(undefined, 'zlib', manyDeflated)).toBe('thread pool')
  })
})

describe('the lent chunk', () => {
  it('is at most one buffer, and full but for the last', async () => {
    for (const [workers, size] of [
      [0, LOCAL_BUFFER_BYTES],
      [1, AHEAD_BUFFER_BYTES],
    ] as const) {
      const pool = new DecodePool({ workers })
      const source = pool.decode(job('zlib', manyDeflated))
      const sizes: number[] = []
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) sizes.push(chunk.length)
      await pool.close()
      expect(sizes.slice(0, -1).every((length) => length === size)).toBe(true)
      expect(sizes.length).toBe(Math.ceil(many.length / size))
    }
  })
})
