import { readFileSync, readdirSync } from 'node:fs'
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Container } from '../../../src/codec/codec.ts'
import { hasNativeZstd } from '../../../src/codec/native.ts'
import { createDecoder } from '../../../src/codec/registry.ts'
import { xxh32 } from '../../../src/codec/xxh32.ts'
import { defaultLimits, strictLimits } from '../../../src/limits.ts'
import { contents, context, decode, failure, fixture, valid } from './streams.ts'

const zlibStream = deflateSync(contents.rows)

describe('createDecoder() reads what the tools write', () => {
  it.each(valid)('$name', async ({ name, container, content }) => {
    expect((await decode(container, fixture(name))).equals(content)).toBe(true)
  })

  it('a zlib stream, the wrapping inside a custom archive', async () => {
    expect((await decode('zlib', zlibStream)).equals(contents.rows)).toBe(true)
  })

  it('raw data', async () => {
    expect((await decode('none', contents.random, { pieces: [7], targets: [5] })).equals(contents.random)).toBe(true)
  })
})

describe('createDecoder() reads the data files of real archives', () => {
  const corpus = new URL('../../fixtures/corpus/18/', import.meta.url)
  const files = (directory: string) => readdirSync(new URL(`${directory}/`, corpus))
  const read = (directory: string, name: string) => readFileSync(new URL(`${directory}/${name}`, corpus))

  it('lz4 and gzip directories of one database have the same tables', async () => {
    const names = files('full-Fd-lz4.dir').filter((name) => name.endsWith('.dat.lz4'))
    expect(names.length).toBeGreaterThan(50)
    for (const name of names) {
      const lz4 = await decode('lz4', read('full-Fd-lz4.dir', name))
      const gzip = gunzipSync(read('full-Fd.dir', name.replace('.lz4', '.gz')))
      expect(lz4.equals(gzip), name).toBe(true)
    }
  })

  it.each(['sch1-Fd-zstd-long.dir', 'statistics-Fd-zstd.dir'])('zstd files of %s', async (directory) => {
    const names = files(directory).filter((name) => /^\d+\.dat\.zst$/.test(name))
    expect(names.length).toBeGreaterThan(0)
    for (const name of names) {
      const data = await decode('zstd', read(directory, name), { pieces: [11] })
      expect(data.toString().endsWith('\\.\n\n\n'), name).toBe(true)
    }
  })
})

describe('createDecoder() gives the same for any cuts of input and output', () => {
  const small = { rows: contents.rows.subarray(0, 3000), random: contents.random.subarray(0, 500) }
  const streams: readonly (readonly [Container, string, Uint8Array, Buffer])[] = [
    ['zlib', 'zlib', deflateSync(small.rows), small.rows],
    [
      'gzip',
      'two members',
      Buffer.concat([gzipSync(small.rows), gzipSync(small.random)]),
      Buffer.concat([small.rows, small.random]),
    ],
    ...valid
      .filter(({ name }) => /^(rows-(random|block|content|long)|random|empty)/.test(name))
      .map(({ name, container, content }) => [container, name, fixture(name), content] as const),
  ]
  it.each(streams)('%s: %s', async (container, _name, bytes, content) => {
    const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 100_000 }))
    const sizes = fc.array(size, { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (pieces, targets) => {
        // Tiny cuts of large streams only cost time.
        const least = content.length > 10_000 ? 200 : 1
        const cuts = { pieces: pieces.map((n) => n + least - 1), targets: targets.map((n) => n + least - 1) }
        expect((await decode(container, bytes, cuts)).equals(content)).toBe(true)
      }),
      { numRuns: 15 },
    )
  })
})

describe('createDecoder() reports damage', () => {
  const text = contents.rows.subarray(0, 2000)
  const short: readonly (readonly [Container, string, Uint8Array])[] = [
    ['zlib', 'zlib', deflateSync(text)],
    ['gzip', 'gzip', gzipSync(text)],
    ['lz4', 'random.lz4', fixture('random.lz4')],
    ['lz4', 'empty.lz4', fixture('empty.lz4')],
    ['zstd', 'random.zst', fixture('random.zst')],
    ['zstd', 'zeros.zst', fixture('zeros.zst')],
    ['zstd', 'empty.zst', fixture('empty.zst')],
  ]

  it.each(short)('%s: %s broken off anywhere is UNEXPECTED_EOF', async (container, _name, bytes) => {
    const step = bytes.length > 2500 ? 13 : 1
    for (let length = 1; length < bytes.length; length += step) {
      const error = await failure(decode(container, bytes.subarray(0, length)))
      expect(error.code, `${length} bytes`).toBe('UNEXPECTED_EOF')
    }
  })

  it('a frame that breaks off after a complete one is UNEXPECTED_EOF', async () => {
    for (const [container, name] of [
      ['gzip', 'rows-random.gz'],
      ['lz4', 'rows-random.lz4'],
      ['zstd', 'rows-random.zst'],
    ] as const) {
      const error = await failure(decode(container, fixture(name).subarray(0, -3)))
      expect(error.code, name).toBe('UNEXPECTED_EOF')
    }
  })

  const summed: readonly (readonly [Container, string, Uint8Array])[] = [
    ...short.slice(0, 2),
    ...valid
      .filter(
        ({ name, checksum }) => checksum && /^(rows-(block|check|content)|random)/.test(name) && !name.endsWith('.gz'),
      )
      .map(({ name, container }) => [container, name, fixture(name)] as const),
  ]
  it.each(summed)(
    '%s: %s with one bit wrong anywhere is an error or no difference',
    async (container, _name, bytes) => {
      const good = await decode(container, bytes)
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 0, max: bytes.length * 8 - 1 }), async (bit) => {
          const bad = Uint8Array.from(bytes)
          bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7))
          // Bits that mean nothing exist (the time in a gzip header); what they must not do is change the data.
          if (container === 'gzip' && bit < 24) return // no gzip file any more: passed through
          const result = await decode(container, bad).catch((error: unknown) => error)
          if (result instanceof Buffer) expect(result.equals(good)).toBe(true)
          else expect(result).toMatchObject({ name: 'ArchiveError', dumpId: 12, file: '12.dat' })
        }),
        { numRuns: 150 },
      )
    },
  )

  it('names the action, the entry and the file, and keeps the words of zlib', async () => {
    const error = await failure(decode('zlib', Buffer.from('not compressed at all')))
    expect(error.message).toBe('Cannot read data of TOC entry 12: incorrect header check')
    expect(error).toMatchObject({ code: 'BAD_COMPRESSED_DATA', dumpId: 12, file: '12.dat' })
  })

  it.each(['lz4', 'zstd'] as const)('%s: something else entirely is BAD_COMPRESSED_DATA', async (container) => {
    const error = await failure(decode(container, Buffer.from('COPY public.t (x) FROM stdin;')))
    expect(error.code).toBe('BAD_COMPRESSED_DATA')
  })

  it('zlib: bytes after the end are TRAILING_DATA, wherever the pieces are cut', async () => {
    const bytes = Buffer.concat([deflateSync(text), Buffer.from([0])])
    for (const pieces of [[1], [bytes.length - 1], [bytes.length], [bytes.length - 3, 2, 1]]) {
      expect((await failure(decode('zlib', bytes, { pieces }))).code, String(pieces)).toBe('TRAILING_DATA')
    }
  })

  it('zlib, gzip, zstd, lz4: a wrong checksum is CHECKSUM_MISMATCH', async () => {
    const streams: readonly (readonly [Container, Uint8Array, number])[] = [
      ['zlib', deflateSync(text), 1],
      ['gzip', gzipSync(text), 8],
      ['gzip', gzipSync(text), 1],
      ['lz4', fixture('random.lz4'), 1],
      ['lz4', fixture('rows-block-checksum.lz4'), 9],
      ['zstd', fixture('random.zst'), 1],
    ]
    for (const [container, bytes, back] of streams) {
      const bad = Uint8Array.from(bytes)
      bad[bad.length - back] = (bad[bad.length - back] ?? 0) ^ 1
      expect((await failure(decode(container, bad))).code, `${container} ${back}`).toBe('CHECKSUM_MISMATCH')
    }
  })
})

describe('createDecoder() treats no input at all as the tools do', () => {
  it.each([
    ['gzip', undefined],
    ['lz4', undefined],
    ['zstd', undefined],
    ['none', undefined],
    ['zlib', 'UNEXPECTED_EOF'],
  ] as const)('%s: %s', async (container, code) => {
    const decoding = decode(container, new Uint8Array(0))
    if (code === undefined) expect((await decoding).length).toBe(0)
    else expect((await failure(decoding)).code).toBe(code)
  })
})

describe('GzipDecoder reads a file as zlib’s gz layer does', () => {
  const rows = contents.rows.subarray(0, 1000)

  it.each([[[1]], [[3, 1, 2]], [[10_000]]])('passes through what is no gzip file, in pieces of %s', async (pieces) => {
    for (const text of ['plain text', '\x1fplain', 'x']) {
      expect((await decode('gzip', Buffer.from(text, 'latin1'), { pieces, targets: [2] })).toString('latin1')).toBe(
        text,
      )
    }
  })

  it.each([[[1]], [[10_000]]])('ignores garbage and padding after a member, in pieces of %s', async (pieces) => {
    for (const garbage of ['\0\0\0\0', 'garbage', '\x1f', '\x1fx']) {
      const bytes = Buffer.concat([gzipSync(rows), Buffer.from(garbage, 'latin1')])
      expect((await decode('gzip', bytes, { pieces })).equals(rows), JSON.stringify(garbage)).toBe(true)
    }
  })

  it('reads a header with every optional field', async () => {
    const plain = gzipSync(rows)
    const header = Buffer.from('1f8b081e00000000000304006162636466696c6500636f6d6d656e7400', 'hex')
    // The CRC16 of the header is the low half of the CRC32 that a gzip trailer holds.
    const crc = gzipSync(header).readUInt16LE(gzipSync(header).length - 8)
    const sum = Buffer.from([crc & 255, crc >> 8])
    expect((await decode('gzip', Buffer.concat([header, sum, plain.subarray(10)]))).equals(rows)).toBe(true)
    const error = await failure(decode('gzip', Buffer.concat([header, Buffer.from([0, 0]), plain.subarray(10)])))
    expect(error.message).toContain('header crc mismatch')
  })

  it.each([
    [3, 0x20, 'unknown header flags set'],
    [2, 0x07, 'unknown compression method'],
  ])('refuses a header whose byte %i is %i', async (at, value, message) => {
    const bytes = Uint8Array.from(gzipSync(rows))
    bytes[at] = value
    expect((await failure(decode('gzip', bytes))).message).toContain(message)
  })
})

describe('Lz4Decoder and ZstdDecoder refuse by name what they do not read', () => {
  it('a legacy lz4 frame is UNSUPPORTED_COMPRESSION', async () => {
    const error = await failure(decode('lz4', fixture('rows-legacy.lz4')))
    expect(error.code).toBe('UNSUPPORTED_COMPRESSION')
    expect(error.message).toContain('legacy')
  })

  it('an lz4 frame with a dictionary id is UNSUPPORTED_COMPRESSION', async () => {
    const descriptor = Buffer.from([0x61, 0x40, 1, 0, 0, 0])
    const frame = Buffer.concat([
      Buffer.from('04224d18', 'hex'),
      descriptor,
      Buffer.from([(xxh32(descriptor) >>> 8) & 255, 0, 0, 0, 0]),
    ])
    const error = await failure(decode('lz4', frame))
    expect(error.code).toBe('UNSUPPORTED_COMPRESSION')
    expect(error.message).toContain('dictionary')
  })

  it('an lz4 stream made with a dictionary that its header does not tell is BAD_COMPRESSED_DATA', async () => {
    expect((await failure(decode('lz4', fixture('rows-dictionary.lz4')))).code).toBe('BAD_COMPRESSED_DATA')
  })

  it('a zstd frame with a dictionary id is UNSUPPORTED_COMPRESSION', async () => {
    const error = await failure(decode('zstd', fixture('rows-dictionary.zst')))
    expect(error.code).toBe('UNSUPPORTED_COMPRESSION')
    expect(error.message).toContain('dictionary')
  })

  it.each([
    ['version', 4, 0x80],
    ['reserved flag', 4, 0x42],
    ['reserved bit of the block descriptor', 5, 0x41],
    ['block size', 5, 0x30],
    ['header checksum', 6, 0x00],
  ])('an lz4 frame with a wrong %s', async (_what, at, value) => {
    const bytes = Uint8Array.from(fixture('rows-linked.lz4'))
    bytes[at] = value
    const { code } = await failure(decode('lz4', bytes))
    expect(['BAD_COMPRESSED_DATA', 'CHECKSUM_MISMATCH']).toContain(code)
  })
})

describe('createDecoder() keeps the limits', () => {
  it('entryBytes is inclusive', async () => {
    const limits = { entryBytes: contents.rows.length }
    for (const [container, name] of [
      ['gzip', 'rows.gz'],
      ['lz4', 'rows-linked.lz4'],
      ['zstd', 'rows.zst'],
    ] as const) {
      expect((await decode(container, fixture(name), { limits })).length).toBe(contents.rows.length)
      const less = { entryBytes: contents.rows.length - 1 }
      const error = await failure(decode(container, fixture(name), { limits: less }))
      expect(error).toMatchObject({
        code: 'LIMIT_EXCEEDED',
        dumpId: 12,
        details: { limit: 'entryBytes', max: contents.rows.length - 1 },
      })
    }
  })

  it('expansionRatio stops a bomb long before its end', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    const error = await failure(decode('gzip', bomb, { limits: { expansionRatio: 100 }, pieces: [1000] }))
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED', details: { limit: 'expansionRatio', max: 100 } })
    expect((await decode('gzip', bomb, { limits: { expansionRatio: 2000 } })).length).toBe(20_000_000)
  })

  it('zstdWindow is checked before anything is decoded', async () => {
    const error = await failure(decode('zstd', fixture('rows-long.zst'), { limits: strictLimits }))
    expect(error).toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'zstdWindow', max: 8 * 1048576, observed: 128 * 1048576 },
    })
    expect((await decode('zstd', fixture('rows-long.zst'))).length).toBe(contents.rows.length)
  })

  it('zstdWindow holds for later frames, and for a header cut in two', async () => {
    const bytes = Buffer.concat([fixture('rows.zst'), fixture('rows-long.zst')])
    for (const pieces of [[1], [bytes.length]]) {
      expect((await failure(decode('zstd', bytes, { limits: strictLimits, pieces }))).code).toBe('LIMIT_EXCEEDED')
    }
  })
})

// Memory of WebAssembly ends at 2 GiB; elsewhere there is no telling when there is none left.
describe('zstd in WebAssembly', () => {
  it('says which window there is no memory for', async ({ skip }) => {
    if (hasNativeZstd()) skip('this Node.js has a decoder of its own')
    await decode('zstd', new Uint8Array(0))
    const target = new Uint8Array(1000)
    const decoders = Array.from({ length: 20 }, () => createDecoder('zstd', { limits: defaultLimits, context }))
    try {
      const read = async (): Promise<void> => {
        for (const decoder of decoders) {
          decoder.input(fixture('rows-long.zst'))
          await decoder.read(target)
        }
      }
      expect(await failure(read())).toMatchObject({
        code: 'CODEC_UNAVAILABLE',
        message: 'Cannot read data of TOC entry 12: there is no memory for its zstd window of 134217728 bytes',
        hint: expect.stringContaining('fewer streams'),
      })
    } finally {
      for (const decoder of decoders) decoder.close()
    }
  })
})

describe('close()', () => {
  it.each(['none', 'zlib', 'gzip', 'lz4', 'zstd'] as const)(
    '%s: may be called at any time, and twice',
    async (container) => {
      await decode(container === 'zstd' ? 'zstd' : 'none', new Uint8Array(0))
      const decoder = createDecoder(container, { limits: defaultLimits, context })
      decoder.input(container === 'zlib' ? zlibStream : fixture('rows.gz').subarray(0, 1))
      decoder.close()
      decoder.close()
    },
  )
})
