import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDirectorySink } from '../../../src/io/directory-sink.ts'
import type { DirectorySink, DirectorySinkOptions } from '../../../src/io/output.ts'
import { openPaths } from './open-paths.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pgdmp-directory-sink-'))
})
afterEach(() => {
  expect(openPaths(folder)).toEqual([])
  rmSync(folder, { recursive: true })
})

const hello = new TextEncoder().encode('hello')

async function addFile(directory: DirectorySink, name: string): Promise<void> {
  const sink = await directory.file(name)
  await sink.write(hello)
  await sink.commit()
}

async function make(path: string | URL, options?: DirectorySinkOptions): Promise<void> {
  const directory = await openDirectorySink(path, options)
  try {
    await addFile(directory, 'toc.dat')
    await directory.commit()
  } catch (error) {
    await directory.abort(error)
    throw error
  }
}

describe('openDirectorySink()', () => {
  it('makes a directory appear on commit, for its owner alone, with files of the umask', async () => {
    const path = join(folder, 'out')
    const directory = await openDirectorySink(pathToFileURL(path))
    const first = await directory.file('1.dat')
    const second = await directory.file('2.dat')
    await second.write(hello)
    await first.write(hello)
    await first.writeAt?.(Uint8Array.of(0x4a), 0)
    expect(first.position).toBe(5)
    await second.commit()
    await first.commit()
    await second.abort()
    expect(existsSync(path)).toBe(false)
    await directory.commit()
    await directory.abort()
    expect(readdirSync(folder)).toEqual(['out'])
    expect(readdirSync(path).sort()).toEqual(['1.dat', '2.dat'])
    expect(readFileSync(join(path, '1.dat'), 'utf8')).toBe('Jello')
    expect(readFileSync(join(path, '2.dat'), 'utf8')).toBe('hello')
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(statSync(join(path, '1.dat')).mode & 0o777).toBe(0o666 & ~process.umask())
  })

  it('takes an empty directory, also through a symbolic link, and keeps its mode', async () => {
    const path = join(folder, 'empty')
    mkdirSync(path)
    chmodSync(path, 0o2750)
    symlinkSync('empty', join(folder, 'link'))
    await make(`${join(folder, 'link')}/`)
    expect(readdirSync(path)).toEqual(['toc.dat'])
    expect(statSync(path).mode & 0o7777).toBe(0o2750)
    expect(readdirSync(folder).sort()).toEqual(['empty', 'link'])
  })

  it('refuses what is there already, and leaves it as it is', async () => {
    mkdirSync(join(folder, 'full'))
    writeFileSync(join(folder, 'full/file'), 'kept')
    writeFileSync(join(folder, 'file'), 'kept')
    symlinkSync('nowhere', join(folder, 'dangling'))
    const before = readdirSync(folder).sort()
    for (const name of ['full', 'file', 'dangling']) {
      const path = join(folder, name)
      await expect(openDirectorySink(path), name).rejects.toMatchObject({ code: 'USAGE', file: path })
      await expect(openDirectorySink(path, { overwrite: 'replace' }), name).rejects.toMatchObject({ code: 'USAGE' })
    }
    await expect(openDirectorySink(join(folder, 'missing/out'))).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(openDirectorySink('/')).rejects.toMatchObject({ code: 'USAGE' })
    expect(readdirSync(folder).sort()).toEqual(before)
    expect(readFileSync(join(folder, 'full/file'), 'utf8')).toBe('kept')
  })

  it('overwrite: replace takes the place of an archive, of nothing else', async () => {
    const path = join(folder, 'out')
    await make(path)
    chmodSync(path, 0o750)
    writeFileSync(join(path, 'old.dat'), 'old')
    await expect(make(path)).rejects.toMatchObject({ code: 'USAGE' })
    await make(path, { overwrite: 'replace' })
    expect(readdirSync(path)).toEqual(['toc.dat'])
    expect(statSync(path).mode & 0o777).toBe(0o750)
    expect(readdirSync(folder)).toEqual(['out'])
    mkdirSync(join(path, 'more'))
    await expect(make(path, { overwrite: 'replace' })).rejects.toMatchObject({ code: 'USAGE' })
    expect(readdirSync(path).sort()).toEqual(['more', 'toc.dat'])
  })

  it('does not replace what somebody has written meanwhile', async () => {
    const path = join(folder, 'out')
    const directory = await openDirectorySink(path)
    await addFile(directory, 'toc.dat')
    mkdirSync(path)
    writeFileSync(join(path, 'theirs'), 'theirs')
    await expect(directory.commit()).rejects.toMatchObject({ code: 'USAGE', file: path })
    await directory.abort()
    expect(readdirSync(folder)).toEqual(['out'])
    expect(readdirSync(path)).toEqual(['theirs'])
  })

  it('leaves nothing on abort, whatever is open', async () => {
    const directory = await openDirectorySink(join(folder, 'out'))
    await addFile(directory, 'whole')
    await (await directory.file('open')).write(hello)
    const given = await directory.file('given up')
    await given.write(hello)
    await given.abort()
    await directory.abort()
    await directory.abort()
    expect(readdirSync(folder)).toEqual([])
  })

  it('takes plain names only, each once, and no commit while a file is open', async () => {
    const directory = await openDirectorySink(join(folder, 'out'))
    for (const name of ['', '.', '..', 'a/b', '../a', 'a\\b', 'a\0b']) {
      await expect(directory.file(name), name).rejects.toMatchObject({ code: 'UNSAFE_FILE_NAME' })
    }
    const sink = await directory.file('a')
    await expect(directory.file('a')).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(directory.commit()).rejects.toMatchObject({ code: 'USAGE' })
    await sink.commit()
    await directory.commit()
    expect(readdirSync(join(folder, 'out'))).toEqual(['a'])
  })

  it('stops with the reason of the signal', async () => {
    const controller = new AbortController()
    const directory = await openDirectorySink(join(folder, 'out'), { signal: controller.signal })
    const sink = await directory.file('a')
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(sink.write(hello)).rejects.toBe(reason)
    await expect(directory.file('b')).rejects.toBe(reason)
    await expect(directory.commit()).rejects.toBe(reason)
    await directory.abort(reason)
    await expect(openDirectorySink(join(folder, 'out'), { signal: controller.signal })).rejects.toBe(reason)
    expect(readdirSync(folder)).toEqual([])
  })
})
