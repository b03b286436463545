import { cpSync, linkSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-output-over-input-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const dump = fixture('18/full-Fc.dump').file
cpSync(dump, join(folder, 'a.dump'))
linkSync(join(folder, 'a.dump'), join(folder, 'hard.dump'))
symlinkSync('a.dump', join(folder, 'soft.dump'))
cpSync(fixture('18/full-Fd.dir').file, join(folder, 'a.dir'), { recursive: true })

async function pgdmp(args: readonly string[]): Promise<{ readonly status: number | null; readonly stderr: string }> {
  return await run(process.execPath, [cli, ...args], { cwd: folder, env: { TZ: 'UTC', LC_ALL: 'C' } })
}

describe.each([
  ['sql', 2],
  ['pg_restore', 1],
] as const)('%s -f', (command, refused) => {
  test.each(['a.dump', './a.dump', 'hard.dump', 'soft.dump'])('refuses the archive itself, as %s', async (file) => {
    const { status, stderr } = await pgdmp([command, '-f', file, 'a.dump'])
    expect(stderr).toContain(`Cannot write "${file}": it is the archive that is read`)
    expect(status).toBe(refused)
    expect(readFileSync(join(folder, 'a.dump')).equals(readFileSync(dump))).toBe(true)
  })

  test('refuses the file that is standard input', async () => {
    const input = openSync(join(folder, 'a.dump'), 'r')
    const archive = command === 'sql' ? ['-'] : []
    const child = spawn(process.execPath, [cli, command, '-f', 'a.dump', ...archive], {
      cwd: folder,
      stdio: [input, 'ignore', 'ignore'],
    })
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(refused)
    closeSync(input)
    expect(readFileSync(join(folder, 'a.dump')).equals(readFileSync(dump))).toBe(true)
  })

  test('refuses a file of a directory archive, but no new one in it', async () => {
    const toc = readFileSync(join(folder, 'a.dir/toc.dat'))
    const { status, stderr } = await pgdmp([command, '-f', 'a.dir/toc.dat', 'a.dir'])
    expect(stderr).toContain('Cannot write "a.dir/toc.dat": it is a file in the archive "a.dir"')
    expect(status).toBe(refused)
    expect(readFileSync(join(folder, 'a.dir/toc.dat')).equals(toc)).toBe(true)
    expect(await pgdmp([command, '-f', 'a.dir/new.sql', 'a.dir'])).toMatchObject({ status: 0, stderr: '' })
    rmSync(join(folder, 'a.dir/new.sql'))
  })
})

test('pg_restore -l -f refuses the archive itself', async () => {
  expect(await pgdmp(['pg_restore', '-l', '-f', 'a.dump', 'a.dump'])).toMatchObject({ status: 1 })
  expect(readFileSync(join(folder, 'a.dump')).equals(readFileSync(dump))).toBe(true)
})

test.each([['audit'], ['audit', '--roles-sql']])('%s … -f refuses the archive itself', async (...command) => {
  const { status, stderr } = await pgdmp([...command, '-f', 'soft.dump', 'a.dump'])
  expect(stderr).toContain('Cannot write "soft.dump": it is the archive that is read')
  expect(status).toBe(2)
  expect(readFileSync(join(folder, 'a.dump')).equals(readFileSync(dump))).toBe(true)
})
