import { mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { create, type CreateOptions } from '../../src/create.ts'
import { verify } from '../../src/inspect/verify.ts'
import { random } from '../helpers/damage.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-verify-sweep-'))
afterAll(() => rmSync(scratch, { recursive: true }))

async function make(name: string, options: CreateOptions): Promise<string> {
  const file = join(scratch, name)
  const archive = await create(file, { ...options, createDate: new Date(0) })
  const table = archive.addEntry({
    desc: 'TABLE',
    tag: 't',
    namespace: 'public',
    defn: 'CREATE TABLE public.t (a text, b text);\n',
  })
  archive.addLargeObjects([{ oid: 77, data: Buffer.from('hello') }])
  archive.addEntry({
    desc: 'TABLE DATA',
    tag: 't',
    namespace: 'public',
    columns: ['a', 'b'],
    dependencies: [table],
    data: [
      ['x', null],
      ['é', 'y\n'],
    ],
  })
  await archive.finish()
  return file
}

const kinds: readonly (readonly [string, CreateOptions])[] = [
  ['gzip.dump', {}],
  ['none.dump', { compression: 'none' }],
  ['lz4.dump', { compression: 'lz4' }],
  ['zstd.dump', { compression: 'zstd' }],
  ['plain.tar', { format: 'tar' }],
]

/** Most of a tar file is padding. */
function stepOf(name: string): number {
  return name.endsWith('.tar') ? 53 : 1
}

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

for (const [name, options] of kinds) {
  test(`verify() takes no cut of ${name} for sound`, { timeout: 300_000 }, async () => {
    const bytes = readFileSync(await make(name, options))
    expect((await verify(bytes)).sound).toBe(true)
    expect((await verify(bytes, { level: 'quick' })).sound).toBe(true)
    expect((await verify(chunked(bytes, 100))).sound).toBe(true)
    const wrong: string[] = []
    const lengths = Array.from({ length: Math.ceil(bytes.length / stepOf(name)) }, (_, at) => at * stepOf(name))
    for (const length of [...lengths, bytes.length - 512, bytes.length - 1]) {
      const cut = bytes.subarray(0, length)
      for (const [how, report] of [
        ['deep', () => verify(cut, { workers: 0 })],
        ['quick', () => verify(cut, { level: 'quick', workers: 0 })],
        ['stream', () => verify(chunked(cut, 1000), { workers: 0 })],
        ['quick stream', () => verify(chunked(cut, 1000), { level: 'quick', workers: 0 })],
      ] as const) {
        try {
          if ((await report()).sound) wrong.push(`${how} ${length} of ${bytes.length}`)
        } catch (error) {
          wrong.push(`${how} ${length} threw ${error}`)
        }
      }
    }
    expect(wrong).toEqual([])
  })

  test(`verify() never throws when a byte of ${name} is changed`, { timeout: 300_000 }, async () => {
    const bytes = readFileSync(await make(`m-${name}`, options))
    const next = random(7)
    const wrong: string[] = []
    for (let at = 0; at < bytes.length; at += 7 * stepOf(name)) {
      const changed = Uint8Array.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ (1 + Math.floor(next() * 255))
      try {
        await verify(changed, { workers: 0 })
        await verify(changed, { level: 'quick', workers: 0 })
        await verify(chunked(changed, 1000), { workers: 0 })
      } catch (error) {
        wrong.push(`${at} threw ${error}`)
      }
    }
    expect(wrong).toEqual([])
  })
}

/** Cuts of a file that leave what could have been written as well, and which pg_restore reads without a word. */
function tellsTheSame(name: string, bytes: Buffer, length: number, compression: string): boolean {
  if (name.startsWith('blob_')) {
    // nothing says how long a large object must be, and pg_dump leaves no bytes at all of an empty one in lz4 or zstd
    return compression === 'none' || (length === 0 && compression !== 'gzip')
  }
  // the list, or the rows and their end mark, are all there: what is missing are line feeds
  const isText = name === 'blobs.toc' || (compression === 'none' && name.endsWith('.dat'))
  return isText && bytes.subarray(length).every((byte) => byte === 0x0a)
}

test('verify() takes no directory with a cut or missing file for sound', { timeout: 300_000 }, async () => {
  for (const compression of ['gzip', 'none', 'lz4', 'zstd'] as const) {
    const dir = await make(`dir-${compression}`, { format: 'directory', compression })
    expect(await verify(dir)).toMatchObject({ sound: true })
    const wrong: string[] = []
    for (const name of readdirSync(dir)) {
      const file = join(dir, name)
      const bytes = readFileSync(file)
      for (let length = bytes.length - 1; length >= -1; length -= length > 64 ? 5 : 1) {
        if (length < 0) rmSync(file)
        else truncateSync(file, length)
        if (length >= 0 && tellsTheSame(name, bytes, length, compression)) continue
        const levels = length < 0 || name === 'toc.dat' ? (['deep', 'quick'] as const) : (['deep'] as const)
        for (const level of levels) {
          try {
            const { sound } = await verify(dir, { level, workers: 0 })
            if (sound) wrong.push(`${level} ${name} ${length} of ${bytes.length}`)
          } catch (error) {
            wrong.push(`${level} ${name} ${length} threw ${error}`)
          }
        }
      }
      writeFileSync(file, bytes)
    }
    expect.soft(wrong, compression).toEqual([])
  }
})
