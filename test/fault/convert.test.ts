import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { convert, digest, open } from '../../src/index.ts'
import type { ArchiveFormat, ArchiveInput } from '../../src/index.ts'
import { digest as digestOfFiles, fixture } from '../helpers/corpus.ts'
import { FaultySource } from '../helpers/faults.ts'
import { breakDisk, type FaultyDisk } from '../helpers/faulty-disk.ts'
import { cli } from '../helpers/paths.ts'
import { openPaths } from '../unit/io/open-paths.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-fault-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let disk: FaultyDisk | undefined
afterEach(() => disk?.restore())

const source = fixture('derived/small-Fc.dump').file
/** One that takes several reads. */
const larger = fixture('18/full-Fc.dump').file

async function contentOf(path: string): Promise<string> {
  await using archive = await open(path)
  return (await digest(archive)).sha256
}

/** Converts into a folder of its own, where nothing but the whole output may be afterwards. */
async function attempt(
  input: ArchiveInput,
  format: ArchiveFormat,
  original = source,
): Promise<{ readonly error: unknown }> {
  const folder = mkdtempSync(join(scratch, 'folder-'))
  const output = join(folder, 'out')
  let failure: unknown
  try {
    await using archive = await open(input, { workers: 0 })
    await convert(archive, output, { format, compression: { method: 'none' } })
  } catch (error) {
    failure = error
  } finally {
    disk?.restore()
  }
  const names = readdirSync(folder)
  // a failure after the rename is told, though the output is whole
  if (names.length > 0 || failure === undefined) {
    expect(names).toEqual(['out'])
    expect(await contentOf(output)).toBe(await contentOf(original))
  }
  expect(openPaths(folder)).toEqual([])
  rmSync(folder, { recursive: true })
  return { error: failure }
}

describe.each(['custom', 'directory', 'tar'] as const)(
  'convert() to %s leaves the whole output or nothing',
  (format) => {
    test('whichever call to the disk fails', { timeout: 300_000 }, async () => {
      const before = digestOfFiles(source)
      disk = breakDisk(() => false)
      await attempt(source, format)
      const { calls } = disk
      for (const needed of ['open', 'write', 'fsync', 'close']) expect(calls).toContain(needed)
      let failures = 0
      for (let call = 1; call <= calls.length; call++) {
        disk = breakDisk((number) => number === call)
        const { error } = await attempt(source, format)
        if (error === undefined) continue
        failures++
        expect(error).toMatchObject({ code: expect.stringMatching(/^(?:EIO|NOT_AN_ARCHIVE)$/) })
      }
      expect(failures).toBeGreaterThan(calls.length / 2)
      expect(digestOfFiles(source)).toBe(before)
    })

    test('whichever read of the archive fails', { timeout: 300_000 }, async () => {
      const bytes = readFileSync(larger)
      const counting = new FaultySource(bytes)
      await attempt(counting, format, larger)
      expect(counting.reads).toBeGreaterThan(2)
      for (let read = 1; read <= counting.reads; read++) {
        const { error } = await attempt(new FaultySource(bytes, read), format, larger)
        expect(error).toBe(FaultySource.error)
      }
    })
  },
)

test('killed at any moment, the command leaves the whole output or nothing, and a later run tidies up', async () => {
  const folder = mkdtempSync(join(scratch, 'killed-'))
  const output = join(folder, 'out')
  const dump = fixture('18/full-Fc.dump').file
  const before = digestOfFiles(dump)
  const start = (): ReturnType<typeof spawn> =>
    spawn(process.execPath, [cli, 'convert', '--force', '-Fd', '-Z', 'none', dump, output], { stdio: 'ignore' })
  const began = performance.now()
  await once(start(), 'close')
  const duration = performance.now() - began
  const content = await contentOf(output)
  rmSync(output, { recursive: true })
  for (let round = 0; round < 12; round++) {
    const child = start()
    setTimeout(() => child.kill('SIGKILL'), duration * (0.3 + 0.7 * Math.random()))
    await once(child, 'close')
    if (existsSync(output)) expect(await contentOf(output)).toBe(content)
  }
  const aside = readdirSync(folder).filter((name) => name.startsWith('out.pgdmp-old-'))
  await once(start(), 'close')
  expect(await contentOf(output)).toBe(content)
  expect(readdirSync(folder).sort()).toEqual(['out', ...aside].sort())
  expect(digestOfFiles(dump)).toBe(before)
})
