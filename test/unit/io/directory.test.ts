import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkPlainName, openDirectory } from '../../../src/io/directory.ts'
import { openPaths } from './open-paths.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-directory-'))
  writeFileSync(join(directory, 'toc.dat'), 'PGDMP')
})
afterEach(() => {
  expect(openPaths(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

describe('openDirectory()', () => {
  it('lists, sizes and opens regular files', async () => {
    writeFileSync(join(directory, '3001.dat'), '')
    const access = await openDirectory(pathToFileURL(directory))
    expect(access.path).toBe(directory)
    expect(await access.list()).toEqual(['3001.dat', 'toc.dat'])
    expect(await access.stat('toc.dat')).toEqual({ size: 5, kind: 'file' })
    expect(await access.stat('none')).toBeUndefined()
    const file = await access.open('toc.dat')
    expect(new TextDecoder().decode(await file.read(0, 100))).toBe('PGDMP')
    await file.close()
  })

  it('refuses links, FIFOs and directories inside with UNSAFE_FILE_NAME', async () => {
    symlinkSync('toc.dat', join(directory, 'link'))
    symlinkSync('/etc/passwd', join(directory, 'outside'))
    mkdirSync(join(directory, 'sub'))
    execFileSync('mkfifo', [join(directory, 'fifo')])
    const access = await openDirectory(directory)
    for (const name of ['link', 'outside', 'sub', 'fifo']) {
      expect(await access.stat(name)).toEqual({ size: 0, kind: 'other' })
      await expect(access.open(name)).rejects.toMatchObject({ code: 'UNSAFE_FILE_NAME', file: name })
    }
  })

  it('never looks at names that are not plain', async () => {
    const access = await openDirectory(directory)
    for (const name of ['', '.', '..', '../x', 'a/b', '/etc/passwd', 'a\\b', 'a\0b']) {
      const unsafe = { code: 'UNSAFE_FILE_NAME', file: name }
      await expect(access.stat(name)).rejects.toMatchObject(unsafe)
      await expect(access.open(name)).rejects.toMatchObject(unsafe)
      expect(() => checkPlainName(name)).toThrow(expect.objectContaining(unsafe))
    }
    for (const name of ['a', '...', 'a b', 'ü', '.hidden']) expect(() => checkPlainName(name)).not.toThrow()
  })

  it('passes file-system errors through, and refuses a file with USAGE', async () => {
    await expect(openDirectory(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(openDirectory(join(directory, 'toc.dat'))).rejects.toMatchObject({ code: 'USAGE' })
    await expect((await openDirectory(directory)).open('none')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
