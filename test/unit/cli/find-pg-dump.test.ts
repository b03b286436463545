import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { choosePgDump, findPgDumps, versionNumber, type PgDump } from '../../../src/cli/find-pg-dump.ts'
import type { Terminal } from '../../../src/cli/terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-find-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const one = (version: string, isOwn = false): PgDump => ({
  path: `/${version}/pg_dump`,
  version,
  number: versionNumber(version),
  isOwn,
})

test('versionNumber() counts as servers do', () => {
  expect(['18.6', '10.23', '9.6.24', '19beta1', '18devel'].map(versionNumber)).toEqual([
    180_006, 100_023, 90_624, 190_000, 180_000,
  ])
})

test.each([
  ['the own one, if it takes the server', [one('18.6', true), one('17.1')], 170_004, '18.6'],
  [
    'of several of its own the first that does',
    [one('13.1', true), one('18.6', true), one('17.1', true)],
    170_004,
    '18.6',
  ],
  ['else that of the release of the server', [one('13.1', true), one('18.6'), one('17.1')], 170_004, '17.1'],
  ['also with an older minor', [one('17.1')], 170_099, '17.1'],
  ['else the newest', [one('16.1'), one('18.6')], 150_001, '18.6'],
  ['the own one of an unknown server', [one('13.1', true), one('18.6')], undefined, '13.1'],
  ['the newest for an unknown server', [one('13.1'), one('18.6')], undefined, '18.6'],
  ['no newer one for a server before 9.2', [one('18.6', true), one('14.1')], 90_124, '14.1'],
])('choosePgDump() takes %s', (_, found, server, version) => {
  expect(choosePgDump(found, server).version).toBe(version)
})

test.each([
  [
    [one('15.1'), one('13.1')],
    160_002,
    'Cannot dump a server of PostgreSQL 16: pg_dump is 15.1 ("/15.1/pg_dump"), must be',
  ],
  [
    [one('18.6')],
    90_124,
    'Cannot dump a server of PostgreSQL 9.1: pg_dump is 18.6 ("/18.6/pg_dump"), takes no server as old',
  ],
  [[], 160_002, 'Cannot dump: there is no pg_dump'],
])('choosePgDump() gives advice where none fits: %#', (found, server, message) => {
  expect(() => choosePgDump(found, server)).toThrow(
    expect.objectContaining({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(message),
      hint: expect.stringMatching(/Get one of the server's release or newer \(.*\), or name one with --pg-dump/),
    }),
  )
})

test('findPgDumps() takes each program once, in the order of PATH, and leaves out what is none', async () => {
  const program = (name: string, text: string): string => {
    const bin = join(folder, name)
    mkdirSync(bin)
    writeFileSync(join(bin, 'pg_dump'), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, 'pg_dump'), 0o755)
    return bin
  }
  const bins = [
    program('a', 'echo "pg_dump (PostgreSQL) 16.3 (Debian 16.3-1)"'),
    program('b', 'exit 1'),
    program('c', 'echo hello'),
    program('d', 'echo "pg_dump (PostgreSQL) 13.1"'),
  ]
  const again = join(folder, 'again')
  mkdirSync(again)
  symlinkSync(join(folder, 'a', 'pg_dump'), join(again, 'pg_dump'))
  // what Debian has in PATH
  const debian = join(folder, 'debian')
  mkdirSync(debian)
  writeFileSync(join(debian, 'pg_wrapper'), '#!/bin/sh\necho "pg_dump (PostgreSQL) 17.1"\n')
  chmodSync(join(debian, 'pg_wrapper'), 0o755)
  symlinkSync(join(debian, 'pg_wrapper'), join(debian, 'pg_dump'))
  const path = [debian, ...bins, again, join(folder, 'nowhere')].join(delimiter)
  const terminal = { env: { PATH: path }, signal: new AbortController().signal } as unknown as Terminal // all that it reads
  const found = await findPgDumps(terminal, undefined)
  expect(found.filter(({ isOwn }) => isOwn)).toEqual([
    { path: join(folder, 'a', 'pg_dump'), version: '16.3', number: 160_003, isOwn: true },
    { path: join(folder, 'd', 'pg_dump'), version: '13.1', number: 130_001, isOwn: true },
  ])
  await expect(findPgDumps(terminal, join(folder, 'c', 'pg_dump'))).rejects.toThrow('it says "hello\\n"')
  await expect(findPgDumps(terminal, '/nowhere/pg_dump')).rejects.toThrow('Cannot use "/nowhere/pg_dump" as pg_dump')
})
