import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { convert, digest, open, toSql, verify } from '../../src/index.ts'
import { concat, objectsBlock, tocBytes, type BuiltEntry } from '../unit/format/build-archive.ts'

/*
 * A group of large objects has its grants once, and every reader repeats them for each object: a few bytes may be made
 * into more than there is memory. pg_dump writes groups of at most 1,000 objects.
 */

const times = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join('')

function entriesOf(objects: number, grants: number): readonly BuiltEntry[] {
  const none = { copyStmt: null, offset: null }
  const first = `LARGE OBJECTS 1..${objects}`
  return [
    { dumpId: 1, desc: 'BLOB METADATA', tag: `1..${objects}`, defn: times(objects, (at) => `${at + 1}\n`), ...none },
    {
      dumpId: 2,
      desc: 'ACL',
      tag: first,
      defn: times(grants, (at) => `GRANT SELECT ON LARGE OBJECT 1 TO r${at};\n`),
      dependencies: [1],
      ...none,
    },
  ]
}

const groupOf = (objects: number, grants: number): Uint8Array => tocBytes(entriesOf(objects, grants))

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() })

describe('grants of a group that are a gigabyte when they are repeated for each object', () => {
  const bomb = groupOf(50_000, 700)

  test('toSql() ends in LIMIT_EXCEEDED', async () => {
    await using archive = await open(bomb)
    await expect(toSql(archive).pipeTo(nowhere())).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'stringBytes' },
    })
  })

  test('convert() to single objects ends in LIMIT_EXCEEDED', async () => {
    await using archive = await open(bomb)
    await expect(
      convert(archive, nowhere(), { archiveVersion: { major: 1, minor: 15, rev: 0 } }),
    ).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'tocBytes' },
    })
  })

  test('convert() counts the entries that grants become', async () => {
    await using archive = await open(groupOf(1000, 1), { limits: { tocEntries: 1500 } })
    await expect(
      convert(archive, nowhere(), { archiveVersion: { major: 1, minor: 15, rev: 0 } }),
    ).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'tocEntries', observed: 2000 },
    })
  })
})

test('a thousand objects with grants to two hundred roles are written, under the limits for strangers', async () => {
  await using archive = await open(groupOf(1000, 180), { limits: 'strict' })
  const text = Buffer.from(await toSql(archive).bytes()).toString()
  expect(text.match(/^GRANT SELECT ON LARGE OBJECT /gm)).toHaveLength(180_000)
})

test('digest() and verify() take time by the length of a group, not by its square', { timeout: 20_000 }, async () => {
  const objects = 300_000
  const contents = { dumpId: 3, desc: 'BLOBS', tag: 'BLOBS', copyStmt: null, dependencies: [1] }
  const stored = objectsBlock(
    3,
    Array.from({ length: 100 }, (_, at) => [at + 1, 'x'] as const),
  )
  const bytes = concat(tocBytes([...entriesOf(objects, 1), contents]), stored)
  await using archive = await open(bytes)
  // no group of pg_dump's: digested as other entries are
  expect((await digest(archive)).entries.map(({ dumpId }) => dumpId)).toEqual([1, 2])
  const { findings } = await verify(bytes)
  expect(findings.at(-1)?.message).toBe(`${objects - 100 - 1000} more findings LARGE_OBJECT_MISSING are not shown`)
})
