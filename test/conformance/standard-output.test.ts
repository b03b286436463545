import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { cli, fixturesRoot } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

/* Standard output that is a file gets the offsets of a custom archive, as pg_dump sets them (checkSeek). */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-standard-output-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const source = join(fixturesRoot, '18/full-Fc-pipe.dump')

async function shell(script: string): Promise<void> {
  const { status, stderr } = await run('sh', ['-c', script, 'sh', process.execPath, cli, source], { cwd: folder })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
}

async function statesIn(file: string | Uint8Array): Promise<Set<string>> {
  await using archive = await open(file)
  return new Set(archive.toc.filter(({ hadDumper }) => hadDumper).map(({ data }) => data.state))
}

describe.runIf(process.platform === 'linux')('pgdmp convert to standard output', () => {
  test('sets offsets in a file, as in one that it names itself', { timeout: 120_000 }, async () => {
    await shell('"$1" "$2" convert -Fc -Z none "$3" named && "$1" "$2" convert -Fc -Z none "$3" - > shell')
    const bytes = readFileSync(join(folder, 'shell'))
    expect(bytes.equals(readFileSync(join(folder, 'named')))).toBe(true)
    expect(await statesIn(join(folder, 'shell'))).toEqual(new Set(['set']))
  })

  test('counts them from where it begins', { timeout: 120_000 }, async () => {
    await shell('{ printf before; "$1" "$2" convert -Fc -Z none "$3" -; printf after; } > within')
    const bytes = readFileSync(join(folder, 'within'))
    expect(bytes.subarray(0, 6).toString() + bytes.subarray(-5).toString()).toBe('beforeafter')
    expect(bytes.subarray(6, -5).equals(readFileSync(join(folder, 'named')))).toBe(true)
  })

  test('sets none in a file that is appended to, or a pipe', { timeout: 120_000 }, async () => {
    writeFileSync(join(folder, 'appended'), 'before')
    await shell('"$1" "$2" convert -Fc -Z none "$3" - >> appended; "$1" "$2" convert -Fc -Z none "$3" - | cat > piped')
    const piped = readFileSync(join(folder, 'piped'))
    const appended = readFileSync(join(folder, 'appended'))
    expect(appended.subarray(0, 6).toString()).toBe('before')
    expect(appended.subarray(6).equals(piped)).toBe(true)
    expect(await statesIn(piped)).toEqual(new Set(['not-set']))
  })
})
