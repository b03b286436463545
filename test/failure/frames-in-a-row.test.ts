import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { deflateSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { convert, open, salvage, toSql, verify } from '../../src/index.ts'
import { postgres } from '../helpers/postgres.ts'
import { concat, copyEnd, int, tocBytes, type BuiltEntry } from '../unit/format/build-archive.ts'

/*
 * Several compressed streams where pg_dump writes one. pg_restore passes over what follows the end of a zstd frame
 * within a chunk of a custom archive, and never ends at what follows a zlib stream; in the files of a directory it reads
 * one frame after the other.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-frames-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const path = (): string => join(folder, String(count++))

const encoder = new TextEncoder()
const readers = postgres.filter(({ newestArchive }) => newestArchive === 16)

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

/** A zstd frame of one block that is not compressed. */
function zstd(text: string): Uint8Array {
  const content = encoder.encode(text)
  return concat(u32(0xfd2fb528), [0, 7 << 3], u32((content.length << 3) | 1).subarray(0, 3), content)
}

const zstdOfNothing = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x20, 0, 1, 0, 0)
const skippable = concat(u32(0x184d2a53), u32(5), encoder.encode('hello'))
const zlib = (text: string): Uint8Array => deflateSync(encoder.encode(text))

const first = 'a\nb\n'
const rest = `c\n${copyEnd}`
const rows = first + rest

const chunked = (chunks: readonly Uint8Array[]): Uint8Array =>
  concat(...chunks.map((chunk) => concat(int(chunk.length), chunk)), int(0))

/** A custom archive of one table whose data are these chunks. */
function custom(algorithm: number, ...chunks: readonly Uint8Array[]): Uint8Array {
  return concat(tocBytes([{ dumpId: 1 }], { algorithm }), [1], int(1), chunked(chunks))
}

/** A custom archive of one large object whose data are these chunks. */
function customObject(algorithm: number, ...chunks: readonly Uint8Array[]): Uint8Array {
  const made: BuiltEntry = {
    dumpId: 1,
    desc: 'BLOB METADATA',
    tag: '16400',
    defn: '16400\n',
    copyStmt: null,
    offset: null,
  }
  const data: BuiltEntry = { dumpId: 3, desc: 'BLOBS', tag: '16400', copyStmt: null, dependencies: [1] }
  return concat(tocBytes([made, data], { algorithm }), [3], int(3), int(16400), chunked(chunks), int(0))
}

/** A directory of one table whose file in zstd is this. */
function directory(file: Uint8Array): string {
  const place = path()
  mkdirSync(place)
  writeFileSync(join(place, 'toc.dat'), tocBytes([{ dumpId: 1, file: '1.dat' }], { formatByte: 3, algorithm: 3 }))
  writeFileSync(join(place, '1.dat.zst'), file)
  return place
}

/** What each pg_restore prints of the rows, or of the large object. */
function restored(archive: string): string[] {
  const print = (pgRestore: string): string =>
    execFileSync(pgRestore, ['-f', '-', archive], { encoding: 'latin1', timeout: 20_000, killSignal: 'SIGKILL' })
  return readers.map(({ pgRestore }) => printed(print(pgRestore)))
}

function printed(sql: string): string {
  return /FROM stdin;\n([^]*?\\\.\n)/.exec(sql)?.[1] ?? /lowrite\(0, '([^']*)'/.exec(sql)?.[1] ?? ''
}

const all = <T>(value: T): T[] => readers.map(() => value)
const codesOf = (findings: readonly { readonly code: string }[]): string[] => findings.map(({ code }) => code)

/** Frames by which nothing but the first, or nothing at all, is read where they are one chunk. */
const joined: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ['two frames', [zstd(first), zstd(rest)]],
  ['an empty frame between', [zstd(first), zstdOfNothing, zstd(rest)]],
  ['an empty frame before', [zstdOfNothing, zstd(rows)]],
  ['a skippable frame between', [zstd(first), skippable, zstd(rest)]],
  ['a skippable frame before', [skippable, zstd(rows)]],
]

describe.each(joined)('zstd data that are %s', (_, frames) => {
  test('verify() says that pg_restore passes over a part where they are one chunk', async () => {
    const archive = path()
    writeFileSync(archive, custom(3, concat(...frames)))
    expect(restored(archive)).not.toContain(`${first}c\n\\.\n`)
    for (const input of [archive, Readable.from([custom(3, concat(...frames))])]) {
      const { sound, findings } = await verify(input)
      expect([sound, findings.map(({ code, dumpId }) => [code, dumpId])[0]]).toEqual([false, ['FRAME_WITHIN_CHUNK', 1]])
    }
  })

  test('verify() says nothing of them in chunks of their own, which pg_restore reads', async () => {
    const archive = path()
    writeFileSync(archive, custom(3, ...frames))
    expect(restored(archive)).toEqual(all(`${first}c\n\\.\n`))
    expect(codesOf((await verify(archive)).findings)).toEqual(['NO_CHECKSUMS'])
  })

  test('convert() of a directory puts each into a chunk of its own', async () => {
    const source = directory(concat(...frames))
    const target = path()
    await using archive = await open(source)
    await convert(archive, target, { format: 'custom' })
    expect([restored(source), restored(target)]).toEqual([all(`${first}c\n\\.\n`), all(`${first}c\n\\.\n`)])
    expect((await verify(target)).sound).toBe(true)
  })

  test('salvage() keeps all of them, so that pg_restore reads them', async () => {
    for (const chunks of [frames, [concat(...frames)]]) {
      const target = path()
      const { whole } = await salvage(custom(3, ...chunks), target)
      expect([whole, restored(target), (await verify(target)).sound]).toEqual([true, all(`${first}c\n\\.\n`), true])
    }
  })
})

test('convert() takes zstd data that are damaged as they are', async () => {
  const target = path()
  await using archive = await open(directory(concat(zstd(first), encoder.encode('junk'))))
  await convert(archive, target, { format: 'custom' })
  expect(codesOf((await verify(target)).findings)).toContain('BAD_COMPRESSED_DATA')
})

describe('bytes behind a zlib stream', () => {
  test.each([
    ['in its chunk', [concat(zlib(rows), encoder.encode('junk'))]],
    ['in another chunk', [zlib(rows), encoder.encode('junk')]],
    ['that are a stream', [zlib(rows), zlib('d\n')]],
  ])('%s are left out by salvage(), which says so', async (_name, chunks) => {
    const target = path()
    const { whole, entries, findings } = await salvage(custom(1, ...chunks), target)
    expect([whole, entries.map(({ state }) => state)]).toEqual([false, ['whole']])
    expect(findings.map(({ code, dumpId, offset }) => [code, dumpId, typeof offset])).toEqual([
      ['DAMAGED', 1, 'number'],
    ])
    expect((await verify(target)).sound).toBe(true)
    expect(restored(target)).toEqual(all(`${first}c\n\\.\n`))
  })

  test('of a large object are left out by salvage(), which says so', async () => {
    const target = path()
    const { whole, findings } = await salvage(customObject(1, zlib('ab'), zlib('cd')), target)
    expect([whole, codesOf(findings)]).toEqual([false, ['DAMAGED']])
    expect((await verify(target)).sound).toBe(true)
    expect(restored(target)).toEqual(all(String.raw`\\x6162`))
  })
})

test('what comes before zstd data that are damaged is read, and kept by salvage()', async () => {
  const damaged = custom(3, concat(zstd(rows), encoder.encode('junk')))
  const text: Uint8Array[] = []
  await using archive = await open(damaged)
  const reading = async (): Promise<void> => {
    for await (const chunk of toSql(archive, { restrictKey: false })) text.push(chunk)
  }
  await expect(reading()).rejects.toMatchObject({ code: 'BAD_COMPRESSED_DATA', dumpId: 1 })
  expect(Buffer.concat(text).toString()).toContain(`FROM stdin;\n${first}c\n\\.\n`)
  const { entries } = await salvage(damaged, path())
  expect(entries.map(({ state, rowsKept }) => [state, rowsKept])).toEqual([['doubtful', 3]])
})
