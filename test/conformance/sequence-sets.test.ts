import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { convert, open, salvage, verify } from '../../src/index.ts'
import { isEarlySequenceSet } from '../../src/inspect/verify-toc.ts'
import { fixture } from '../helpers/corpus.ts'
import { postgres } from '../helpers/postgres.ts'

/*
 * SEQUENCE SET in pre-data: where pg_dump before 9.2 writes it, and where pg_restore takes it to be in archives that
 * store no sections.
 */

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-sequence-sets-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const olds = ['derived/v1.4-Fc.dump', 'derived/v1.9-Fc.dump', 'derived/v1.10-Fc.dump']

/** What pg_restore prints, without what tells the versions apart: large objects have entries from 1.12 on. */
function printed(pgRestore: string, file: string, ...options: string[]): string[] {
  const script = execFileSync(pgRestore, [...options, '-f', '-', file], { stdio: ['ignore', 'pipe', 'ignore'] })
  const others = /^$|^--$|^-- Dumped by|^\\(?:un)?restrict|lo_(?:create|open)|; Type: BLOB;/
  return script
    .toString()
    .split('\n')
    .filter((line) => !others.test(line))
}

describe.each(olds)('SEQUENCE SET of %s', (name) => {
  const { file } = fixture(name)
  const outputs: readonly (readonly [string, (out: string) => Promise<unknown>])[] = [
    ['convert()', async (out) => await convertTo(file, out)],
    ['salvage()', async (out) => await salvage(file, out)],
  ]

  test.each(outputs)('%s keeps its section, and verify() calls the result sound', async (made, make) => {
    const out = join(scratch, `${name.replaceAll('/', '-')}-${made}`)
    await make(out)
    const { sound, findings } = await verify(out)
    expect(findings.filter(({ severity }) => severity !== 'info')).toEqual([])
    expect(sound).toBe(true)
    await using before = await open(file)
    await using after = await open(out)
    const sections = (archive: typeof before): string[] =>
      archive.toc.filter(({ desc }) => desc !== 'BLOB').map(({ desc, section }) => `${desc} ${section}`)
    expect(sections(after)).toEqual(sections(before))
    expect(sections(after)).toContain('SEQUENCE SET pre-data')
    for (const { pgRestore } of postgres)
      for (const options of [[], ['--section=pre-data'], ['--section=data'], ['--section=post-data']])
        expect(printed(pgRestore, out, ...options)).toEqual(printed(pgRestore, file, ...options))
  })
})

async function convertTo(file: string, out: string): Promise<void> {
  await using archive = await open(file)
  await convert(archive, out)
}

test('isEarlySequenceSet() goes by the release that wrote the archive', async () => {
  await using archive = await open(fixture('derived/v1.9-Fc.dump').file)
  const entry = archive.toc.find(({ desc }) => desc === 'SEQUENCE SET')
  if (entry === undefined) throw new Error('no SEQUENCE SET')
  const early = (minor: number, dumpVersion: string | null): boolean =>
    isEarlySequenceSet(entry, { version: { major: 1, minor, rev: 0 }, dumpVersion })
  expect(early(12, '9.1.24')).toBe(true)
  expect(early(12, '9.2.24')).toBe(true)
  expect(early(16, null)).toBe(true)
  expect(early(16, '8.4.22')).toBe(true)
  expect(early(16, '9.2.24')).toBe(false)
  expect(early(16, '18.6')).toBe(false)
})
