import { Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { isArchiveError, open, salvage, type ArchiveInput } from '../../src/index.ts'
import { concat, copyEnd, dataBlock, int, tar, tocBytes, type BuiltEntry } from '../unit/format/build-archive.ts'

/* Streams that have no end, and inputs whose table of contents is lost among much else: bounded in disk, time and memory. */

const MiB = 1024 * 1024
const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })
const row: BuiltEntry = { dumpId: 1 }

/** A stream that goes on for as long as somebody reads it, up to far more than anybody should. */
class Endless {
  given = 0
  readonly #make: () => Uint8Array

  constructor(make: () => Uint8Array) {
    this.#make = make
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.given < 256 * MiB) {
      const chunk = this.#make()
      this.given += chunk.length
      yield chunk
    }
  }
}

async function outcomeOf(input: ArchiveInput, inputFormat?: 'custom' | 'tar'): Promise<unknown> {
  return await salvage(input, nowhere(), { inputFormat }).then(
    ({ entries }) => entries.map(({ rowsKept }) => rowsKept),
    (error: unknown) => {
      if (isArchiveError(error)) return error.code
      throw error
    },
  )
}

const zeros = new Uint8Array(MiB)
const noise = (): Uint8Array => {
  const bytes = new Uint8Array(MiB)
  for (let at = 0; at < bytes.length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536))
  // what begins by chance like SQL or a compressed file is another case
  bytes[0] = 0
  return bytes
}

describe('a stream without end', { timeout: 120_000 }, () => {
  test.each([
    ['zeros', () => zeros, undefined],
    ['zeros, said to be a custom archive', () => zeros, 'custom'],
    ['zeros, said to be a tar archive', () => zeros, 'tar'],
    ['noise', noise, undefined],
  ] as const)('salvage() gives up one of %s after 16 MiB', async (_, make, format) => {
    const stream = new Endless(make)
    expect(await outcomeOf(stream, format)).toBe('NOT_AN_ARCHIVE')
    expect(stream.given).toBeLessThan(20 * MiB)
  })

  test.each([
    ['SQL', 'SELECT 1;\n', 'PLAIN_SQL'],
    ['something else', 'PK\u0003\u0004', 'NOT_AN_ARCHIVE'],
  ])('salvage() and open() with spool give up one of %s at its first bytes', async (_, text, code) => {
    const chunk = Buffer.from(text.repeat(100_000))
    const [salvaged, opened] = [new Endless(() => chunk), new Endless(() => chunk)]
    expect(await outcomeOf(salvaged)).toBe(code)
    await expect(open(opened, { spool: true })).rejects.toMatchObject({ code })
    for (const { given } of [salvaged, opened]) expect(given).toBeLessThan(4 * MiB)
  })

  test('salvage() gives up what a gzip file inflates to', async () => {
    const bomb = gzipSync(new Uint8Array(64 * MiB))
    const error: unknown = await salvage(bomb, nowhere()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'NOT_AN_ARCHIVE' })
    expect(String(error)).toMatch(/the first \d+ bytes of what is inside of the gzip file hold nothing of an archive/)
    expect(Number(/first (\d+) bytes/.exec(String(error))?.[1])).toBeLessThan(20 * MiB)
  })
})

describe('a stream without end that begins with an archive', { timeout: 120_000 }, () => {
  const limits = { spoolBytes: 64 * MiB }
  const archives = [
    ['a custom archive', () => concat(tocBytes([row]), dataBlock(1, `a\n${copyEnd}`))],
    ['a tar archive', () => tar({ name: 'toc.dat', data: tocBytes([{ ...row, file: '1.dat' }], { formatByte: 3 }) }, { name: '1.dat', data: `a\n${copyEnd}` })], // prettier-ignore
    ['a compressed archive', () => gzipSync(concat(tocBytes([row]), dataBlock(1, `a\n${copyEnd}`)))],
  ] as const

  class Followed extends Endless {
    constructor(first: Uint8Array) {
      let isFirst = true
      super(() => {
        if (!isFirst) return zeros
        isFirst = false
        return first
      })
    }
  }

  test.each(archives)('salvage() saves %s, and says where it stopped', async (_, make) => {
    const stream = new Followed(make())
    const { entries, findings } = await salvage(stream, nowhere(), { limits })
    expect(entries).toMatchObject([{ state: 'whole', rowsKept: 1 }])
    expect(findings).toContainEqual(
      expect.objectContaining({
        code: 'CUT',
        message: expect.stringMatching(/only the first \d+ bytes were read: .*spoolBytes/),
      }),
    )
    expect(stream.given).toBeLessThan(70 * MiB)
  })

  test.each(archives)('open() with spool refuses %s', async (_, make) => {
    const stream = new Followed(make())
    await expect(open(stream, { limits, spool: true })).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
    expect(stream.given).toBeLessThan(70 * MiB)
  })
})

/* Much that belongs to nothing takes seconds: a look at each byte took minutes. */
test('salvage() passes over what belongs to nothing at a good pace', { timeout: 120_000 }, async () => {
  const objects = Array.from({ length: 4 }, (_, at) => ({
    dumpId: at + 2,
    desc: 'BLOB',
    tag: `${at + 16_384}`,
    offset: null,
    copyStmt: null,
  }))
  const beginning = concat(
    tocBytes([...objects, { dumpId: 9, desc: 'BLOBS', tag: 'BLOBS', copyStmt: null }]),
    // the objects break off in a chunk
    [3], int(9), int(16_384), int(2), Buffer.from('ab'), int(0), int(16_385), int(-5),
  ) // prettier-ignore
  const source = {
    size: beginning.length + 1024 * MiB,
    async read(offset: number, length: number): Promise<Uint8Array> {
      const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)))
      if (offset < beginning.length) bytes.set(beginning.subarray(offset, offset + bytes.length))
      return bytes
    },
  }
  const { largeObjects } = await salvage(source, nowhere())
  expect(largeObjects.map(({ oid }) => oid)).toContain(16_385)
})

describe('salvage() goes on with a stream that begins with', { timeout: 120_000 }, () => {
  const toc = tocBytes([row])
  const block = dataBlock(1, 'a\n')
  const padded = new Uint8Array(17 * MiB)

  async function* streamOf(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
    for (const part of parts) yield part
  }

  test('zeros, and then the table of contents', async () => {
    expect(await outcomeOf(streamOf(new Uint8Array(MiB), toc.subarray(8), block, padded))).toEqual([1])
  })

  test('zeros, and then the members of a tar archive', async () => {
    const members = tar({ name: 'toc.dat', data: tocBytes([{ ...row, file: '1.dat' }], { formatByte: 3 }) }, { name: '1.dat', data: `a\n${copyEnd}` }) // prettier-ignore
    expect(await outcomeOf(streamOf(new Uint8Array(MiB), members, padded))).toEqual([1])
  })

  test('zeros, and then a block of data', async () => {
    expect(await outcomeOf(streamOf(new Uint8Array(1000), block, padded))).toEqual([1])
  })
})

test('salvage() reads a member that has lost its name where it lies', { timeout: 120_000 }, async () => {
  const named = tar({ name: '1.dat', data: `a\n${copyEnd}` })
  const size = 160 * MiB
  const header = tar({ name: '2.dat', data: '', sizeField: Buffer.from(`${size.toString(8).padStart(11, '0')}\0`) })
  const lost = header.slice(0, 512).fill(0x7f, 0, 100)
  const start = concat(named.subarray(0, 1024), lost)
  let peak = 0
  const before = process.memoryUsage().arrayBuffers
  const source = {
    size: start.length + size,
    async read(offset: number, length: number): Promise<Uint8Array> {
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
      const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset))).fill(0x61)
      if (offset < start.length) bytes.set(start.subarray(offset, offset + bytes.length))
      return bytes
    },
  }
  await salvage(source, nowhere()).catch((error: unknown) => expect(isArchiveError(error)).toBe(true))
  expect(peak).toBeGreaterThan(0)
  expect(peak).toBeLessThan(100 * MiB)
})
