import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../../src/index.ts'
import { copyEnd, tocBytes, type BuiltEntry } from './build-archive.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-directory-'))
afterAll(() => rmSync(scratch, { recursive: true }))

let made = 0
function directory(files: Readonly<Record<string, string | Uint8Array>>): string {
  const path = join(scratch, `${made++}.dir`)
  mkdirSync(path)
  for (const [name, data] of Object.entries(files)) writeFileSync(join(path, name), data)
  return path
}

const toc = (entries: readonly BuiltEntry[], minor = 16): Uint8Array => tocBytes(entries, { formatByte: 3, minor })
const one = toc([{ dumpId: 10, file: '10.dat' }])
const rows = `ten\n${copyEnd}`
const blobs = (file: string, minor = 16): Uint8Array =>
  toc([{ dumpId: 12, desc: 'BLOBS', tag: '5', copyStmt: null, file }], minor)

async function text(archive: Archive): Promise<string> {
  const [entry] = archive.toc
  if (entry === undefined) throw new Error('no entry')
  return String(Buffer.from(await archive.data(entry).bytes()))
}

async function objects(archive: Archive): Promise<unknown[]> {
  const [entry] = archive.toc
  if (entry === undefined) throw new Error('no entry')
  const found: unknown[] = []
  for await (const { oid, data } of archive.largeObjects(entry))
    found.push([oid, String(Buffer.from(await data.bytes()))])
  return found
}

describe('open() of a directory', () => {
  test.each([
    ['plain files', { 'toc.dat': one, '10.dat': rows }],
    ['a compressed data file', { 'toc.dat': one, '10.dat.gz': gzipSync(rows) }],
    ['a compressed toc.dat', { 'toc.dat.gz': gzipSync(one), '10.dat': rows }],
    ['a .gz file that is not compressed', { 'toc.dat': one, '10.dat.gz': rows }],
    ['both, of which the plain one counts', { 'toc.dat': one, '10.dat': rows, '10.dat.gz': gzipSync('other') }],
  ])('reads %s', async (_, files) => {
    await using archive = await open(directory(files))
    expect(archive.format).toBe('directory')
    expect(await text(archive)).toBe(rows)
    expect(await text(archive)).toBe(rows)
  })

  test.each(['.gz', '.lz4', '.zst'])('takes a %s file of no bytes for empty', async (suffix) => {
    const path = directory({
      'toc.dat': blobs('blobs_12.toc'),
      'blobs_12.toc': '5 blob_5.dat\n',
      [`blob_5.dat${suffix}`]: '',
    })
    await using archive = await open(path)
    expect(await objects(archive)).toEqual([[5, '']])
  })

  test.each(['toc.dat', 'toc.dat.gz'])('reads the directory that a path to %s lies in', async (name) => {
    const path = directory({ [name]: name.endsWith('gz') ? gzipSync(one) : one, '10.dat': rows })
    await using archive = await open(join(path, name))
    expect(archive.format).toBe('directory')
    expect(await text(archive)).toBe(rows)
  })

  test('reads a toc.dat alone, whose data are missing', async () => {
    await using archive = await open(one)
    expect(archive.format).toBe('directory')
    await expect(text(archive)).rejects.toMatchObject({ code: 'MISSING_DATA_FILE' })
  })

  test('is NOT_AN_ARCHIVE without toc.dat', async () => {
    const path = directory({ '10.dat': rows })
    await expect(open(path)).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      file: 'toc.dat',
      details: { pgRestore: `directory "${path}" does not appear to be a valid archive ("toc.dat" does not exist)` },
    })
  })

  test('names the data file that is missing, and all names it can have', async () => {
    const path = directory({ 'toc.dat': one })
    await using archive = await open(path)
    await expect(text(archive)).rejects.toMatchObject({
      code: 'MISSING_DATA_FILE',
      dumpId: 10,
      details: {
        file: '10.dat',
        tried: ['10.dat', '10.dat.gz', '10.dat.lz4', '10.dat.zst'],
        pgRestore: `could not open input file "${path}/10.dat": No such file or directory`,
      },
    })
  })

  test.each(['../secret', '/etc/passwd', 'secret', '10.dat/../../x', '', 'toc.dat', '10.DAT', '..\\10.dat'])(
    'refuses the file name %j',
    async (file) => {
      await using archive = await open(directory({ 'toc.dat': toc([{ dumpId: 10, file }]), secret: rows }))
      await expect(text(archive)).rejects.toMatchObject({
        code: file === '' ? 'NO_DATA' : 'UNSAFE_FILE_NAME',
        dumpId: 10,
      })
    },
  )

  test('refuses a data file that is a symbolic link', async () => {
    const path = directory({ 'toc.dat': one, secret: rows })
    symlinkSync(join(path, 'secret'), join(path, '10.dat'))
    await using archive = await open(path)
    await expect(text(archive)).rejects.toMatchObject({ code: 'UNSAFE_FILE_NAME' })
  })
})

describe('large objects of a directory', () => {
  test.each([
    ['1.16', 'blobs_12.toc', 'blobs_12.toc', 16],
    ['1.16, unpacked from tar', '12.dat', 'blobs_12.toc', 16],
    ['1.15', 'blobs.toc', 'blobs.toc', 15],
    ['1.15, whatever name is recorded', '12.dat', 'blobs.toc', 15],
  ])('are listed by %s', async (_, recorded, stored, minor) => {
    const path = directory({
      'toc.dat': blobs(recorded, minor),
      [stored]: '5 blob_5.dat\n4294967295 blob_4294967295.dat and more\n',
      'blob_5.dat': 'five',
      'blob_4294967295.dat.gz': gzipSync('last'),
    })
    await using archive = await open(path)
    expect(await objects(archive)).toEqual([
      [5, 'five'],
      [4294967295, 'last'],
    ])
  })

  test.each([
    ['x blob_5.dat\n', 'BAD_LARGE_OBJECT_TOC'],
    ['5\n', 'BAD_LARGE_OBJECT_TOC'],
    ['\n', 'BAD_LARGE_OBJECT_TOC'],
    ['0 blob_0.dat\n', 'BAD_LARGE_OBJECT_TOC'],
    ['4294967296 blob_5.dat\n', 'BAD_LARGE_OBJECT_TOC'],
    ['5'.repeat(2000), 'BAD_LARGE_OBJECT_TOC'],
    ['5 ../blob_5.dat\n', 'UNSAFE_FILE_NAME'],
    ['5 /etc/passwd\n', 'UNSAFE_FILE_NAME'],
    ['5 blob_6.dat\n', 'MISSING_DATA_FILE'],
  ])('are refused for the line %j', async (line, code) => {
    const path = directory({ 'toc.dat': blobs('blobs_12.toc'), 'blobs_12.toc': line, 'blob_5.dat': 'five' })
    await using archive = await open(path)
    await expect(objects(archive)).rejects.toMatchObject({ code, dumpId: 12 })
  })

  test('are MISSING_DATA_FILE without their list', async () => {
    const path = directory({ 'toc.dat': blobs('blobs_12.toc') })
    await using archive = await open(path)
    await expect(objects(archive)).rejects.toMatchObject({
      code: 'MISSING_DATA_FILE',
      details: {
        pgRestore: `could not open large object TOC file "${path}/blobs_12.toc" for input: No such file or directory`,
      },
    })
  })
})
