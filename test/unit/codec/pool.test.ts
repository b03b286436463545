import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { deflateSync } from 'node:zlib'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Container } from '../../../src/codec/codec.ts'
import { DecodePool } from '../../../src/codec/pool.ts'
import type { DecodeJob } from '../../../src/codec/pool.ts'
import { BUFFER_BYTES, reviveError, sendError } from '../../../src/codec/worker-protocol.ts'
import { ArchiveError } from '../../../src/errors.ts'
import { defaultLimits } from '../../../src/limits.ts'
import { TestSource, collect, contents, context, failure, fixture } from './streams.ts'

/** Large enough to count as such for the pool, whatever the test streams have. */
const LARGE = 16 * 1048576
let directory = ''
let workerUrl: URL | undefined

beforeAll(async () => {
  // The thread cannot load TypeScript on every supported Node: it gets the sources as one bundle.
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-worker-'))
  const outfile = join(directory, 'worker.mjs')
  await build({
    entryPoints: [new URL('../../../src/codec/worker.ts', import.meta.url).pathname],
    bundle: true,
    platform: 'node',
    format: 'esm',
    conditions: ['source'],
    outfile,
    logLevel: 'error',
  })
  workerUrl = pathToFileURL(outfile)
})
afterAll(() => rmSync(directory, { recursive: true }))

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
  ['in one thread', 1],
  ['in two threads', 2],
] as const)('DecodePool %s', (_name, workers) => {
  const open = (maxBufferBytes?: number) =>
    new DecodePool({ workers, workerUrl, ...(maxBufferBytes === undefined ? {} : { maxBufferBytes }) })

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

describe('DecodePool with threads that do not work', () => {
  it('decodes on the calling thread when no thread can start', async () => {
    const pool = new DecodePool({ workers: 2, workerUrl: pathToFileURL(join(directory, 'missing.mjs')) })
    try {
      const sources = [0, 1, 2].map(() => pool.decode(job('zlib', manyDeflated, { ahead: true })))
      for (const source of sources) expect((await collect(source)).equals(many)).toBe(true)
    } finally {
      await pool.close()
    }
  })

  it('a thread that ends on the way is an error of its stream, and later streams are read', async () => {
    const file = join(directory, 'dying.mjs')
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', (message) => { if (message.type === 'input') process.exit(7) })
       parentPort.postMessage({ type: 'ready' })`,
    )
    const pool = new DecodePool({ workers: 1, workerUrl: pathToFileURL(file) })
    try {
      const decoding = job('zlib', manyDeflated)
      const error = await failure(collect(pool.decode(decoding)))
      expect(error).toMatchObject({ code: 'CODEC_UNAVAILABLE', dumpId: 12 })
      expect(error.message).toContain('exit code 7')
      expect(decoding.input.cancelled).toBeGreaterThan(0)
      expect((await collect(pool.decode(job('zlib', manyDeflated, { onMainThread: true })))).equals(many)).toBe(true)
    } finally {
      await pool.close()
    }
  })
})

describe('DecodePool decides where to decode', () => {
  const marking = async (bytes: number | undefined, expected: number, container: Container = 'zlib') => {
    // A thread that dies at once betrays that one was started.
    const file = join(directory, 'mark.mjs')
    writeFileSync(
      file,
      `import { parentPort } from 'node:worker_threads'
       parentPort.on('message', () => process.exit(9))
       parentPort.postMessage({ type: 'ready' })`,
    )
    const pool = new DecodePool({ workers: 1, workerUrl: pathToFileURL(file) })
    pool.expect(expected)
    try {
      const stored = container === 'zlib' ? manyDeflated : fixture('zeros.lz4')
      const decoding = job(container, stored, { storedBytes: bytes })
      return await collect(pool.decode(decoding)).then(
        () => 'here',
        () => 'thread',
      )
    } finally {
      await pool.close()
    }
  }

  it('small streams of small archives on the calling thread', async () => {
    expect(await marking(1_000_000, 2_000_000)).toBe('here')
  })
  it('large streams in a thread', async () => {
    expect(await marking(9_000_000, 0)).toBe('thread')
  })
  it('streams of some size in large archives, told by expect(), in a thread', async () => {
    expect(await marking(1_000_000, 50_000_000)).toBe('thread')
  })
  it('tiny streams on the calling thread, whatever the archive', async () => {
    expect(await marking(1000, 50_000_000)).toBe('here')
  })
  it('lz4, which is decoded faster than handed over, on the calling thread', async () => {
    expect(await marking(1_000_000_000, 0, 'lz4')).toBe('here')
  })
  it('streams of unknown size in a thread once they prove not to be small', async () => {
    expect(await marking(undefined, 0)).toBe('thread')
  })
})

describe('the lent chunk', () => {
  it('is at most one buffer, and full but for the last', async () => {
    for (const workers of [0, 1]) {
      const pool = new DecodePool({ workers, workerUrl })
      const source = pool.decode(job('zlib', manyDeflated))
      const sizes: number[] = []
      for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) sizes.push(chunk.length)
      await pool.close()
      expect(sizes.slice(0, -1).every((size) => size === BUFFER_BYTES)).toBe(true)
      expect(sizes.length).toBe(Math.ceil(many.length / BUFFER_BYTES))
    }
  })
})

describe('sendError() and reviveError()', () => {
  it('keep every field of an ArchiveError on the way through a structured clone', () => {
    const info = { offset: 5, dumpId: 6, file: 'f', hint: 'h', details: { limit: 'x' }, cause: new Error('why') }
    const revived = reviveError(structuredClone(sendError(new ArchiveError('BAD_BLOCK', 'Cannot', info))))
    expect(revived).toBeInstanceOf(ArchiveError)
    expect(revived).toMatchObject({ code: 'BAD_BLOCK', message: 'Cannot', ...info, cause: { message: 'why' } })
  })

  it('leave other errors as they are', () => {
    expect(reviveError(structuredClone(sendError(new RangeError('r'))))).toMatchObject({
      name: 'RangeError',
      message: 'r',
    })
  })
})
