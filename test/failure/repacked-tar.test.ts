import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import type { Finding } from '../../src/errors.ts'
import { verify } from '../../src/inspect/verify.ts'
import { fixture } from '../helpers/corpus.ts'
import { tarMembers, type PlainMember } from '../helpers/tar.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-repacked-tar-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** What pg_dump -Ft of PostgreSQL 18 wrote, with groups of large objects. */
const members = tarMembers(readFileSync(fixture('18/full-Ft.tar').file))
const isList = ({ name }: PlainMember): boolean => /^blobs.*\.toc$/.test(name)
const isObject = ({ name }: PlainMember): boolean => name.startsWith('blob_')
const isScript = ({ name }: PlainMember): boolean => name === 'restore.sql'

function pack(packed: readonly PlainMember[]): Buffer {
  const parts = packed.flatMap(({ header, content }) => [header, content, Buffer.alloc(-content.length & 511)])
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

async function defects(input: Buffer | Readable, spool = false): Promise<readonly Finding[]> {
  return (await verify(input, { spool })).findings.filter(({ severity }) => severity !== 'info')
}

const codesOf = (findings: readonly Finding[]): readonly string[] => [...new Set(findings.map(({ code }) => code))]

describe('verify() of an unpacked tar archive', () => {
  const dir = join(scratch, 'unpacked')
  mkdirSync(dir)
  for (const { name, content } of members) writeFileSync(join(dir, name), content)

  test.each([dir, join(dir, 'toc.dat')])('finds it sound, with the script that pg_dump wrote: %s', async (path) => {
    expect(members.some(isScript)).toBe(true)
    const { sound, format, findings } = await verify(path)
    expect({ sound, format, codes: codesOf(findings.filter(({ severity }) => severity !== 'info')) }).toEqual({
      sound: true,
      format: 'directory',
      codes: [],
    })
  })

  test('finds a stray file', async () => {
    const other = join(scratch, 'stray')
    cpSync(dir, other, { recursive: true })
    writeFileSync(join(other, 'restore.txt'), 'x')
    const { findings } = await verify(other)
    expect(findings.filter(({ severity }) => severity !== 'info')).toMatchObject([
      { code: 'UNREFERENCED_FILE', file: 'restore.txt' },
    ])
  })
})

describe('verify() of a tar archive that was packed again', () => {
  const lists = members.filter(isList)

  test('says of a group whose list was left out that it is missing', async () => {
    expect(lists.length).toBeGreaterThan(1)
    const bytes = pack(members.filter((member) => !isList(member)))
    const findings = await defects(bytes)
    expect(codesOf(findings)).toEqual(['MISSING_DATA_FILE'])
    expect(findings.map(({ file }) => file).sort()).toEqual(lists.map(({ name }) => name).sort())
  })

  const rest = members.filter((member) => !isList(member) && !isScript(member))
  const behind = { lists: [...rest, ...lists], objects: [] as PlainMember[] }
  // the objects of each group backwards: the one by which pg_restore finds it comes last
  behind.objects = [...rest.filter((member) => !isObject(member)), ...rest.filter(isObject).toReversed(), ...lists]

  test.each(['lists', 'objects'] as const)(
    'says of a pipe that the order of %s is wrong, not what is missing',
    async (what) => {
      const bytes = pack(behind[what])
      expect(await defects(bytes)).toEqual([])
      const findings = await defects(Readable.from([bytes]))
      expect(findings.map(({ message }) => message).join()).not.toContain('not in the archive')
      expect(findings[0]).toMatchObject({ code: 'DATA_OUT_OF_ORDER', hint: expect.stringContaining('--spool') })
      expect(await defects(Readable.from([bytes]), true)).toEqual([])
    },
  )

  test('finds nothing wrong with the order that pg_dump chose', async () => {
    expect(await defects(Readable.from([pack(members)]))).toEqual([])
  })
})
