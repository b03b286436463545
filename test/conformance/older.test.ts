import { describe, expect, test } from 'vitest'
import { list, open, toSql } from '../../src/index.ts'
import type { Oracle, PlacedArchive } from '../helpers/corpus.ts'
import { digest, expectedOutput, fixtures } from '../helpers/corpus.ts'
import { expectSameBytes } from '../helpers/oracles.ts'

/** Written by 9.5, 10 and 12; what their own pg_restore printed stands beside the oracles whose rules are followed. */
const archives = fixtures().filter(({ own }) => own !== undefined)

function answer({ own }: PlacedArchive, label: string): Oracle {
  const found = own?.find((oracle) => oracle.label === label)
  if (found === undefined) throw new Error(`no answer ${label}`)
  return found
}

/** The parts of a script that hold rows and large objects, which no release prints otherwise. */
const dataOf = (script: string): string[] => [
  ...[...script.matchAll(/^COPY [^\n]* FROM stdin;\n[^]*?^\\\.\n/gm)].map(([block]) => block),
  ...[...script.matchAll(/^SELECT pg_catalog\.lo_open\([^]*?^SELECT pg_catalog\.lo_close\(0\);\n/gm)].map(
    ([block]) => block,
  ),
]

describe('archives of releases before 13', () => {
  test('are there', () => {
    expect([...new Set(archives.map(({ pg_dump_version: version }) => version))]).toEqual(['10.23', '12.22', '9.5.25'])
  })

  for (const archive of archives) {
    test(`${archive.path} is the one that its release wrote`, () => {
      expect(digest(archive.file)).toBe(archive.sha256)
    })

    test(`${archive.path} is listed as by its own pg_restore`, async () => {
      await using opened = await open(archive.file)
      // The time zone of the first line is another test's business.
      const withoutTime = (text: string): string => text.replace(/^; Archive created at .*/m, '')
      const theirs = withoutTime(expectedOutput(archive, answer(archive, 'list')).toString())
      const ours = withoutTime(list(opened, { compat: '13.16' }))
      if (archive.pg_dump_version.startsWith('12.')) expect(ours).toBe(theirs)
      // Before 11 what belongs to the database itself is listed, and restored, without --create
      const database = /^\d+; \d+ \d+ (?:DATABASE - |COMMENT - DATABASE ).*\n/gm
      expect(theirs.replace(database, '')).toBe(ours)
    })

    test(`${archive.path} gives the rows that its own pg_restore prints`, async () => {
      await using opened = await open(archive.file)
      const theirs = expectedOutput(archive, answer(archive, 'sql'))
      const ours = Buffer.from(await toSql(opened, { compat: '13.16' }).bytes())
      if (archive.pg_dump_version.startsWith('12.')) expectSameBytes(ours, theirs)
      expect(dataOf(theirs.toString()).length).toBeGreaterThan(10)
      expect(dataOf(ours.toString())).toEqual(dataOf(theirs.toString()))
    })
  }
})
