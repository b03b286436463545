import {
  copyFileSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { temporaryName } from '../../../src/io/temporary.ts'
import { reindex } from '../../../src/inspect/reindex.ts'
import { digest } from '../../../src/ops/digest.ts'
import { fixture, fixtures } from '../../helpers/corpus.ts'
import { breakDisk, type FaultyDisk } from '../../helpers/faulty-disk.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-reindex-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let disk: FaultyDisk | undefined
afterEach(() => disk?.restore())

let copies = 0

/** A copy in a folder of its own. */
function copyOf(path: string): { readonly folder: string; readonly file: string } {
  const folder = mkdtempSync(join(scratch, `${copies++}-`))
  const file = join(folder, 'a.dump')
  copyFileSync(fixture(path).file, file)
  return { folder, file }
}

async function missing(file: string): Promise<number> {
  await using archive = await open(file)
  return archive.toc.filter(({ data }) => data.state === 'not-set').length
}

async function contentOf(file: string): Promise<string> {
  await using archive = await open(file)
  return (await digest(archive)).sha256
}

const pipe = '18/full-Fc-pipe.dump'
const small = 'derived/v1.12-Fc-pipe.dump'

describe('reindex()', () => {
  const pipes = fixtures().filter(({ path }) => path.endsWith('-Fc-pipe.dump') || path.endsWith('-Fc-pipe-Z0.dump'))
  const modern = pipes.filter(({ archive_version: version }) => Number(version.split('.')[1]) >= 7)

  test.each(modern)('$path gets every offset and stays what it is', async ({ path }) => {
    const { folder, file } = copyOf(path)
    const before = readFileSync(file)
    const lacking = await missing(file)
    const content = await contentOf(file)
    expect(lacking).toBeGreaterThan(0)
    expect(await reindex(file)).toEqual({ set: lacking, completed: false })
    expect(await missing(file)).toBe(0)
    expect(await contentOf(file)).toBe(content)
    expect(readFileSync(file).length).toBe(before.length)
    expect(readdirSync(folder)).toEqual(['a.dump'])
    expect(await reindex(file)).toEqual({ set: 0, completed: false })
  })

  test('gives the bytes that pg_dump writes to a file', async () => {
    const { file } = copyOf(pipe)
    const original = fixture('18/full-Fc.dump').file
    await reindex(file)
    await using indexed = await open(file)
    await using written = await open(original)
    expect(indexed.toc.map(({ data }) => data)).toEqual(written.toc.map(({ data }) => data))
  })

  test('leaves an archive alone that lacks nothing', async () => {
    const { file } = copyOf('18/full-Fc.dump')
    const before = readFileSync(file)
    expect(await reindex(file)).toEqual({ set: 0, completed: false })
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test('goes by what a symbolic link points to', async () => {
    const { folder, file } = copyOf(small)
    const link = join(folder, 'link')
    symlinkSync(file, link)
    expect((await reindex(link)).set).toBeGreaterThan(0)
    expect(await missing(file)).toBe(0)
  })

  test('refuses an archive that was cut short, and does not touch it', async () => {
    const { folder, file } = copyOf(small)
    truncateSync(file, readFileSync(file).length - 3)
    const before = readFileSync(file)
    await expect(reindex(file)).rejects.toMatchObject({ name: 'ArchiveError' })
    expect(readFileSync(file).equals(before)).toBe(true)
    expect(readdirSync(folder)).toEqual(['a.dump'])
  })

  test.each(['18/full-Ft.tar', '18/full-Fd.dir/toc.dat'])('refuses %s', async (path) => {
    const file = path.endsWith('.tar') ? fixture(path).file : join(fixture('18/full-Fd.dir').file, 'toc.dat')
    await expect(reindex(file)).rejects.toMatchObject({ name: 'ArchiveError' })
  })

  test('refuses versions without offsets', async () => {
    const { file } = copyOf('derived/v1.6-Fc-pipe.dump')
    await expect(reindex(file)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  test('refuses what it may not write', async () => {
    await expect(reindex(scratch)).rejects.toMatchObject({ code: 'EISDIR' })
    await expect(reindex(join(scratch, 'nothing'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('reindex() on a disk that fails', () => {
  test('whichever call fails, the next run completes it', async () => {
    const reference = copyOf(small)
    disk = breakDisk(() => false)
    await reindex(reference.file)
    disk.restore()
    const { calls } = disk
    const expected = readFileSync(reference.file)
    expect(calls).toContain('fsync')
    for (let call = 1; call <= calls.length; call++) {
      const { folder, file } = copyOf(small)
      disk = breakDisk((number) => number === call)
      await reindex(file).catch(() => undefined)
      disk.restore()
      await reindex(file)
      expect(readFileSync(file).equals(expected)).toBe(true)
      expect(readdirSync(folder)).toEqual(['a.dump'])
    }
  })

  test('a table of contents that is half written is completed', async () => {
    const whole = copyOf(small).file
    const before = readFileSync(whole)
    await reindex(whole)
    const after = readFileSync(whole)
    const { folder, file } = copyOf(small)
    const start = before.findIndex((byte, index) => byte !== after[index])
    const end = before.findLastIndex((byte, index) => byte !== after[index]) + 1
    const torn = Buffer.from(before)
    after.copy(torn, start, start, start + Math.floor((end - start) / 2))
    const patch = (name: string, size: number): void =>
      writeFileSync(
        `${name}.pgdmp-patch`,
        Buffer.concat([
          Buffer.from(`pgdmp-patch 1 ${start} ${end - start} ${size}\n`),
          before.subarray(start, end),
          after.subarray(start, end),
        ]),
      )
    writeFileSync(file, torn)
    patch(file, before.length)
    // as of a process of the same number that is gone: the name that the patch had before
    const leftover = (await temporaryName()).replace(/\d+-([0-9a-f]{16}\.tmp)$/, '1-$1')
    if (process.platform === 'linux') linkSync(`${file}.pgdmp-patch`, join(folder, leftover))
    expect(await reindex(file)).toEqual({ set: 0, completed: true })
    expect(readFileSync(file).equals(after)).toBe(true)
    expect(readdirSync(folder)).toEqual(['a.dump'])
  })

  test('a patch of another file is not used', async () => {
    const { folder, file } = copyOf(small)
    const before = readFileSync(file)
    const refused = { code: 'CHECKSUM_MISMATCH', hint: expect.stringMatching(/remove/) }
    const patches = [
      'pgdmp-patch 1 9 1 7\nab',
      `pgdmp-patch 1 0 1 ${before.length}\nab`,
      `pgdmp-patch 1 0 5 ${before.length}\nPGDMP`,
      'something else',
      '',
    ]
    for (const patch of patches) {
      writeFileSync(`${file}.pgdmp-patch`, patch)
      await expect(reindex(file)).rejects.toMatchObject(refused)
      expect(readFileSync(file).equals(before)).toBe(true)
    }
    expect(readdirSync(folder)).toEqual(['a.dump', 'a.dump.pgdmp-patch'])
  })
})
