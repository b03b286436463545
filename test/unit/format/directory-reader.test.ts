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

  test.each(['', '.lz4', '.zst'])('takes a %s file of no bytes for empty', async (suffix) => {
    const path = directory({
      'toc.dat': blobs('blobs_12.toc'),
      'blobs_12.toc': '5 blob_5.dat\n',
      [`blob_5.dat${suffix}`]: '',
    })
    await using archive = await open(path)
    expect(await objects(archive)).toEqual([[5, '']])
  })

  test('takes a .gz file of no bytes for one that was cut', async () => {
    const path = directory({ 'toc.dat': blobs('blobs_12.toc'), 'blobs_12.toc': '5 blob_5.dat\n', 'blob_5.dat.gz': '' })
    await using archive = await open(path)
    await expect(objects(archive)).rejects.toMatchObject({ code: 'UNEXPECTED_EOF', file: 'blob_5.dat.gz' })
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

  const metadata = { dumpId: 11, desc: 'BLOB METADATA', tag: '5..9', copyStmt: null, defn: '5\n7\n9\n' }
  const group = { dumpId: 12, desc: 'BLOBS', tag: '5..9', copyStmt: null, file: 'blobs_12.toc', dependencies: [11] }
  const single = ['5', '7', '9'].map((tag, at) => ({ dumpId: 20 + at, desc: 'BLOB', tag, copyStmt: null }))
  const ofAll = { dumpId: 12, desc: 'BLOBS', tag: 'BLOBS', copyStmt: null, file: 'blobs.toc' }
  const lines = ['5 blob_5.dat\n', '7 blob_7.dat\n', '9 blob_9.dat\n']
  const listing = (entries: readonly BuiltEntry[], minor: number, list: string): string =>
    directory({
      'toc.dat': toc(entries, minor),
      [minor === 16 ? 'blobs_12.toc' : 'blobs.toc']: list,
      ...Object.fromEntries(['5', '7', '9'].map((oid) => [`blob_${oid}.dat`, oid])),
    })

  test.each([
    ['1.16', [group, metadata], 16],
    ['1.16 without the entry that makes them', [group], 16],
    ['1.15', [ofAll, ...single], 15],
  ] as const)('of %s are UNEXPECTED_EOF where their list was cut between lines', async (_, entries, minor) => {
    for (const list of ['', lines[0], lines.slice(0, 2).join('')]) {
      await using cut = await open(listing(entries, minor, list ?? ''))
      await expect(objects(cut)).rejects.toMatchObject({ code: 'UNEXPECTED_EOF', dumpId: 12 })
    }
    await using whole = await open(listing(entries, minor, lines.join('')))
    expect(await objects(whole)).toHaveLength(3)
  })

  test('of 1.16 are UNEXPECTED_EOF where a line in the middle is missing', async () => {
    await using cut = await open(listing([group, metadata], 16, `${lines[0]}${lines[2]}`))
    await expect(objects(cut)).rejects.toThrow('lists 2 large objects, must list 3 or more')
  })

  test('may be more than the entries of 1.15 name', async () => {
    await using archive = await open(listing([ofAll, ...single.slice(0, 1)], 15, lines.join('')))
    expect(await objects(archive)).toHaveLength(3)
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

describe('storedSizes() of a directory', () => {
  const entries = [
    { dumpId: 10, file: '10.dat' },
    { dumpId: 11, file: '11.dat' },
    { dumpId: 12, desc: 'BLOBS', tag: '5', copyStmt: null, file: 'blobs_12.toc' },
    { dumpId: 13 },
  ]
  const files = {
    'toc.dat': toc(entries),
    '10.dat': rows,
    '10.dat.gz': 'not the one that counts',
    '11.dat.zst': 'eleven',
    'blobs_12.toc': '5 blob_5.dat\n6 blob_6.dat\n',
    'blob_5.dat': 'five',
    'blob_6.dat.lz4': '',
  }
  const total = (of: Readonly<Record<string, string | Uint8Array>>): number =>
    Object.values(of).reduce((sum, { length }) => sum + length, 0)

  test('are those of the files, large objects with their list', async () => {
    await using archive = await open(directory({ ...files, README: 'not of the archive', 'a\\b.dat': 'nor this' }))
    expect(await archive.storedSizes()).toEqual({
      archiveBytes: total(files),
      dataBytes: new Map([
        [10, rows.length],
        [11, 6],
        [12, files['blobs_12.toc'].length + 4],
      ]),
    })
  })

  test.each([
    ['10.dat', { '10.dat.gz': undefined, '10.dat': undefined }, [11, 12]],
    ['the list of large objects', { 'blobs_12.toc': undefined }, [10, 11]],
    ['a large object', { 'blob_5.dat': undefined }, [10, 11]],
    ['a good line in the list', { 'blobs_12.toc': 'x\n' }, [10, 11]],
  ])('leave out an entry without %s', async (_, changes, known) => {
    const changed = Object.entries({ ...files, ...changes }).flatMap(([name, data]) =>
      data === undefined ? [] : [[name, data] as const],
    )
    await using archive = await open(directory(Object.fromEntries(changed)))
    expect([...(await archive.storedSizes()).dataBytes.keys()]).toEqual(known)
  })

  test('are not known of a toc.dat alone', async () => {
    await using archive = await open(files['toc.dat'])
    expect(await archive.storedSizes()).toEqual({ archiveBytes: undefined, dataBytes: new Map() })
  })

  test('are refused after close()', async () => {
    const archive = await open(directory(files))
    await archive.close()
    await expect(archive.storedSizes()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
