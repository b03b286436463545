import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../src/archive.ts'
import { create } from '../../src/create.ts'
import { filter } from '../../src/ops/filter.ts'
import type { TocEntry } from '../../src/toc/types.ts'
import { derive } from '../../src/view.ts'
import { writeView } from '../../src/write-view.ts'
import { collectingStream, fileStream } from '../helpers/archives.ts'
import { digest, fixture } from '../helpers/corpus.ts'
import { tarMembers } from '../helpers/tar.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-write-view-'))
let outputs = 0
const nextOutput = (): string => join(scratch, String(outputs++))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const full = fixture('18/full-Fc.dump').file
const gzipDirectory = fixture('derived/small-Fd.dir').file

async function dataOf(archive: Archive): Promise<Map<string, string>> {
  const data = new Map<string, string>()
  for (const entry of archive.toc) {
    if (!entry.hadDumper) continue
    if (entry.desc !== 'BLOBS') {
      data.set(String(entry.dumpId), Buffer.from(await archive.data(entry).bytes()).toString('latin1'))
      continue
    }
    for await (const { oid, data: object } of archive.largeObjects(entry)) {
      data.set(`object ${oid}`, Buffer.from(await object.bytes()).toString('latin1'))
    }
  }
  return data
}

/** All data of a file, in order. */
async function contentOf(file: string): Promise<Map<string, string>> {
  await using archive = await open(file)
  return await dataOf(archive)
}

const offsets = (toc: readonly TocEntry[]): (number | string)[] =>
  toc.map(({ data }) => (data.state === 'set' ? data.offset : data.state))

describe('writeView() to a custom archive', () => {
  test('sets offsets in a file, and leaves them not set in a pipe', async () => {
    const output = nextOutput()
    await using archive = await open(full)
    const view = filter(archive, { tables: ['child'] })
    await writeView(view, output)
    const { stream, bytes } = collectingStream()
    await writeView(view, stream)
    await using written = await open(output)
    await using piped = await open(bytes())
    expect(offsets(written.toc)).toContainEqual(expect.any(Number))
    expect(offsets(piped.toc).filter((offset) => offset === 'not-set').length).toBe(
      offsets(written.toc).filter((offset) => typeof offset === 'number').length,
    )
    expect(await dataOf(piped)).toEqual(await dataOf(written))
    const file = readFileSync(output)
    // nothing but the offsets differs
    let differing = 0
    file.forEach((byte, index) => (differing += byte === bytes()[index] ? 0 : 1))
    expect(bytes().length).toBe(file.length)
    expect(differing).toBeLessThanOrEqual(9 * written.toc.length)
  })

  test('gives offsets to an archive without when asked, and changes nothing else', async () => {
    const output = nextOutput()
    const pipe = fixture('derived/v1.12-Fc-pipe.dump').file
    await using archive = await open(pipe)
    expect((await writeView(archive, output, { reindex: true })).verbatim).toBe(false)
    expect(digest(output)).toBe(digest(fixture('derived/v1.12-Fc.dump').file))
  })

  test('copies the frames of selected blocks', async () => {
    const output = nextOutput()
    await using archive = await open(full)
    const view = filter(archive, { excludeTableData: ['*.child'] })
    const { streams, verbatim } = await writeView(view, output)
    expect(verbatim).toBe(false)
    expect(streams).toMatchObject({ rewrapped: 0, compressed: 0 })
    const [before, after] = [readFileSync(full), readFileSync(output)]
    await using written = await open(output)
    const stored = new Map(archive.toc.map(({ dumpId, data }) => [dumpId, data]))
    let blocks = 0
    for (const { dumpId, data } of written.toc) {
      const old = stored.get(dumpId)
      if (data.state !== 'set' || old?.state !== 'set') continue
      blocks++
      // type, id, and the length of the first chunk
      expect(after.subarray(data.offset, data.offset + 11)).toEqual(before.subarray(old.offset, old.offset + 11))
    }
    expect(blocks).toBeGreaterThan(5)
  })

  test('compresses again what is asked for with a level', async () => {
    const output = nextOutput()
    await using archive = await open(full)
    const { streams } = await writeView(archive, output, { compression: { method: 'gzip', level: 1 } })
    expect(streams.copied + streams.rewrapped).toBe(0)
    expect(streams.compressed).toBeGreaterThan(5)
    expect(await contentOf(output)).toEqual(await contentOf(full))
  })

  test('reads data of a view that has other data', async () => {
    const output = nextOutput()
    await using archive = await open(fixture('derived/small-Fc.dump').file)
    const view = derive(archive, {
      storage: undefined,
      data: (entry: TocEntry) => {
        const { stored: _, ...plain } = archive.data(entry)
        return plain
      },
    })
    const { streams } = await writeView(view, output)
    const tables = archive.toc.filter(({ desc }) => desc === 'TABLE DATA').length
    expect(streams).toMatchObject({ compressed: tables, rewrapped: 0 })
    expect(await contentOf(output)).toEqual(await contentOf(fixture('derived/small-Fc.dump').file))
  })
})

describe('writeView() between custom and directory', () => {
  test('wraps the same deflate data anew, there and back', async () => {
    const [directory, back] = [nextOutput(), nextOutput()]
    await using archive = await open(full)
    const there = await writeView(archive, directory, { format: 'directory' })
    expect(there.streams).toMatchObject({ copied: 0, compressed: 0 })
    expect(await contentOf(directory)).toEqual(await contentOf(full))
    for (const name of readdirSync(directory)) {
      expect(name).toMatch(/^(?:[0-9]+\.dat\.gz|blob_[0-9]+\.dat\.gz|blobs_[0-9]+\.toc|toc\.dat)$/)
      if (name.endsWith('.gz')) gunzipSync(readFileSync(join(directory, name)))
    }
    await using made = await open(directory)
    expect((await writeView(made, back, { format: 'custom' })).streams).toMatchObject({ copied: 0, compressed: 0 })
    expect(digest(back)).toBe(digest(full))
  })

  test('takes files however they are compressed', async () => {
    const [mixed, output] = [nextOutput(), nextOutput()]
    cpSync(gzipDirectory, mixed, { recursive: true })
    const [first = '', second = '', ...rest] = readdirSync(mixed).filter((name) => name.endsWith('.dat.gz'))
    const plain = gunzipSync(readFileSync(join(mixed, first)))
    rmSync(join(mixed, first))
    writeFileSync(join(mixed, first.replace('.gz', '')), plain)
    const members = gunzipSync(readFileSync(join(mixed, second)))
    writeFileSync(join(mixed, second), Buffer.concat([gzipSync(members.subarray(0, 5)), gzipSync(members.subarray(5))]))
    await using archive = await open(mixed)
    const { streams } = await writeView(archive, output, { format: 'custom' })
    expect(streams).toMatchObject({ copied: 0, compressed: 2, rewrapped: rest.length })
    expect(await contentOf(output)).toEqual(await contentOf(gzipDirectory))
  })

  test('keeps files that no entry knows in an unchanged copy', async () => {
    const [extra, output] = [nextOutput(), nextOutput()]
    cpSync(gzipDirectory, extra, { recursive: true })
    writeFileSync(join(extra, 'README'), 'made on Monday')
    await using archive = await open(extra)
    await writeView(archive, output)
    expect(digest(output)).toBe(digest(extra))
  })

  test('misses a file in an unchanged copy', async () => {
    const [incomplete, output] = [nextOutput(), nextOutput()]
    cpSync(gzipDirectory, incomplete, { recursive: true })
    const name = readdirSync(incomplete).find((file) => file.endsWith('.dat.gz')) ?? ''
    rmSync(join(incomplete, name))
    await using archive = await open(incomplete)
    await expect(writeView(archive, output)).rejects.toMatchObject({ code: 'MISSING_DATA_FILE' })
    expect(readdirSync(scratch)).not.toContain(output)
  })
})

describe('writeView() to a tar archive', () => {
  test('is the same from a file, from a stream, to a file and to a stream', async () => {
    const source = nextOutput()
    const writer = await create(source)
    writer.addEntry({ desc: 'TABLE', tag: 't', dumpId: 9 })
    const row = ['x'.repeat(999)]
    const rows = (count: number): string[][] => Array.from({ length: count }, () => row)
    for (const count of [0, 1, 1048, 1049, 5000]) {
      writer.addEntry({ desc: 'TABLE DATA', tag: `t${count}`, dependencies: [9], columns: ['a'], data: rows(count) })
    }
    await writer.finish()
    const made: Buffer[] = []
    for (const input of [source, fileStream(source)]) {
      await using archive = await open(input)
      const output = nextOutput()
      await writeView(archive, output, { format: 'tar', mtime: 1_700_000_000 })
      made.push(readFileSync(output))
    }
    await using archive = await open(source)
    const { stream, bytes } = collectingStream()
    await writeView(archive, stream, { format: 'tar', mtime: 1_700_000_000 })
    made.push(bytes())
    expect(made.every((tar) => tar.equals(made[0] ?? Buffer.alloc(0)))).toBe(true)
    expect(tarMembers(made[0] ?? Buffer.alloc(0)).map(({ name }) => name)).toEqual([
      'toc.dat',
      ...archive.toc.filter(({ hadDumper }) => hadDumper).map(({ dumpId }) => `${dumpId}.dat`),
    ])
    expect(made[0]?.subarray(-1024).equals(Buffer.alloc(1024))).toBe(true)
    const tar = nextOutput()
    writeFileSync(tar, made[0] ?? '')
    expect(await contentOf(tar)).toEqual(await contentOf(source))
  })

  test('copies members with their headers', async () => {
    const source = fixture('18/full-Ft.tar').file
    const output = nextOutput()
    await using archive = await open(source)
    const { streams } = await writeView(filter(archive, { excludeTableData: ['*.child'] }), output, { mtime: 5 })
    expect(streams).toMatchObject({ rewrapped: 0, compressed: 0 })
    const before = new Map(tarMembers(readFileSync(source)).map((member) => [member.name, member]))
    const members = tarMembers(readFileSync(output))
    expect(members.length).toBeGreaterThan(20)
    for (const { name, header, content } of members) {
      if (!/^(?:[0-9]+|blob_[0-9]+)\.dat$/.test(name)) continue
      expect(header.equals(before.get(name)?.header ?? Buffer.alloc(0))).toBe(true)
      expect(content.equals(before.get(name)?.content ?? Buffer.alloc(0))).toBe(true)
    }
  })

  test('refuses compression', async () => {
    await using archive = await open(full)
    const writing = writeView(archive, nextOutput(), { format: 'tar', compression: { method: 'gzip' } })
    await expect(writing).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('writeView() refuses', () => {
  test.each([
    [
      'lz4 before 1.15',
      { compression: { method: 'lz4' }, archiveVersion: { major: 1, minor: 14, rev: 0 } },
      'UNSUPPORTED',
    ],
    ['version 1.11', { archiveVersion: { major: 1, minor: 11, rev: 0 } }, 'USAGE'],
    ['version 1.17', { archiveVersion: { major: 1, minor: 17, rev: 0 } }, 'USAGE'],
    [
      'several groups of large objects before 1.16',
      { format: 'directory', archiveVersion: { major: 1, minor: 15, rev: 0 } },
      'UNSUPPORTED',
    ],
  ] as const)('%s', async (_, options, code) => {
    const output = nextOutput()
    await using archive = await open(full)
    await expect(writeView(archive, output, options)).rejects.toMatchObject({ code })
    expect(readdirSync(scratch)).not.toContain(output)
  })

  test('an output within the directory that is read, by whatever way, but not the directory itself', async () => {
    const folder = nextOutput()
    cpSync(gzipDirectory, folder, { recursive: true })
    const link = nextOutput()
    symlinkSync(folder, link)
    const before = readdirSync(folder)
    await using archive = await open(link)
    for (const output of [join(folder, 'toc.dat'), join(link, 'new.dump'), join(folder, '..', basename(link), 'new')]) {
      for (const format of ['custom', 'directory'] as const) {
        const writing = writeView(archive, output, { format, overwrite: 'replace' })
        await expect(writing).rejects.toMatchObject({ code: 'USAGE', message: expect.stringMatching(/lies within/) })
      }
    }
    expect(readdirSync(folder)).toEqual(before)
    const content = await contentOf(folder)
    await writeView(archive, folder, { overwrite: 'replace' })
    expect(await contentOf(folder)).toEqual(content)
  })

  test('an output that exists', async () => {
    const output = nextOutput()
    writeFileSync(output, 'mine')
    await using archive = await open(full)
    await expect(writeView(archive, output)).rejects.toMatchObject({ code: 'USAGE' })
    expect(readFileSync(output, 'utf8')).toBe('mine')
    await writeView(archive, output, { overwrite: 'replace' })
    expect(digest(output)).toBe(digest(full))
  })
})
