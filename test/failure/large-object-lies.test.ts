import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { salvage, verify } from '../../src/index.ts'
import { postgres } from '../helpers/postgres.ts'
import { tocBytes } from '../unit/format/build-archive.ts'

/* Lists of large objects that do not say what is there: in the table of contents, and in the files of a directory. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-lies-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

const group = '16400\n16401\n'
const list = '16400 blob_16400.dat\n16401 blob_16401.dat\n'

/** A directory with two large objects; `declared` is the definition of their group, `listed` the list of their files. */
function directory(declared: string, listed: string): string {
  const place = join(folder, String(count++))
  mkdirSync(place)
  const toc = tocBytes(
    [
      { dumpId: 2, desc: 'BLOB METADATA', tag: '16400..16401', defn: declared, copyStmt: null },
      { dumpId: 3, desc: 'BLOBS', tag: '16400..16401', copyStmt: null, dependencies: [2], file: 'blobs_3.toc' },
    ],
    { formatByte: 3 },
  )
  writeFileSync(join(place, 'toc.dat'), toc)
  writeFileSync(join(place, 'blobs_3.toc'), listed)
  writeFileSync(join(place, 'blob_16400.dat'), 'hello')
  writeFileSync(join(place, 'blob_16401.dat'), 'world')
  return place
}

async function errorsOf(archive: string): Promise<string[]> {
  const { findings } = await verify(archive)
  return [...new Set(findings.flatMap(({ severity, code }) => (severity === 'info' ? [] : code)))]
}

/** The large objects that the newest pg_restore makes. */
function made(archive: string): string[] {
  const sql = execFileSync(postgres.at(-1)?.pgRestore ?? '', ['-f', '-', archive], { encoding: 'latin1' })
  return Array.from(sql.matchAll(/lo_create\('([^']*)'\)/g), ([, oid]) => oid ?? '').sort()
}

test('verify() finds nothing wrong with a list that is right', async () => {
  expect(await errorsOf(directory(group, list))).toEqual([])
})

test('verify() goes through a group of more objects than any release writes', async () => {
  const many = directory('4294967295\n'.repeat(600_000), list)
  expect((await errorsOf(many)).sort()).toEqual([
    'DUPLICATE_LARGE_OBJECT',
    'LARGE_OBJECT_MISSING',
    'LARGE_OBJECT_NOT_DECLARED',
    'UNEXPECTED_EOF',
  ])
})

describe.each([
  ['SQL', "16400\n16401'); DROP TABLE x; --\n", 'NOT_LARGE_OBJECTS'],
  ['a line of NUL', '16400\n\0\n16401\n', 'NOT_LARGE_OBJECTS'],
  ['an empty line', '16400\n\n16401\n', 'NOT_LARGE_OBJECTS'],
  ['a number that is no OID', '16400\n4294967296\n16401\n', 'NOT_LARGE_OBJECTS'],
  ['no line feed at the end, so that pg_restore makes one less', '16400\n16401', 'NOT_LARGE_OBJECTS'],
  ['one object alone', '16400\n', 'LARGE_OBJECT_NOT_DECLARED'],
  ['nothing', '', 'LARGE_OBJECT_NOT_DECLARED'],
])('a group with %s', (_, declared, code) => {
  test('is told by verify()', async () => {
    expect(await errorsOf(directory(declared, list))).toContain(code)
  })

  test('is mended by salvage(), so that pg_restore makes both objects', async () => {
    const target = join(folder, String(count++))
    await salvage(directory(declared, list), target)
    expect([await errorsOf(target), made(target)]).toEqual([[], ['16400', '16401']])
  })
})

describe.each([
  ['the file of another object', '16400 blob_16401.dat\n16401 blob_16400.dat\n'],
  ['one file for two objects', '16400 blob_16400.dat\n16401 blob_16400.dat\n'],
])('a list with %s', (_, listed) => {
  test('is told by verify()', async () => {
    for (const level of ['deep', 'quick'] as const) {
      const { sound, findings } = await verify(directory(group, listed), { level })
      expect(sound).toBe(false)
      expect(findings).toContainEqual(
        expect.objectContaining({ code: 'LARGE_OBJECT_FILE', severity: 'warning', dumpId: 3 }),
      )
    }
  })

  test('is left aside by salvage(), which says so', async () => {
    const target = join(folder, String(count++))
    const { whole, findings } = await salvage(directory(group, listed), target)
    expect([whole, findings.map(({ dumpId }) => dumpId)]).toEqual([true, [3]])
    expect(await errorsOf(target)).toEqual([])
  })
})
