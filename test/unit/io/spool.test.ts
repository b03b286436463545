import { execFileSync } from 'node:child_process'
import fs, { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { spool } from '../../../src/io/spool.ts'
import { defaultLimits, noLimits } from '../../../src/limits.ts'
import { openPaths } from './open-paths.ts'

let directory = ''
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-spool-'))
})
afterEach(() => {
  expect(readdirSync(directory)).toEqual([])
  expect(openPaths(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

async function* chunks(count: number, failure?: Error): AsyncGenerator<Uint8Array, void, void> {
  for (let index = 0; index < count; index++) yield new Uint8Array(3000).fill(index)
  if (failure !== undefined) throw failure
}

describe('spool()', () => {
  it('gives random access to a stream', async () => {
    const source = await spool(chunks(700), { directory })
    expect(source.size).toBe(2_100_000)
    for (const index of [0, 1, 350, 699]) {
      const part = await source.read(index * 3000, 3000)
      expect(part.length === 3000 && part.every((byte) => byte === index % 256)).toBe(true)
    }
    await source.close()
  })

  it.skipIf(process.platform === 'win32')('has no name while it is used', async () => {
    const source = await spool(chunks(1), { directory })
    expect(existsSync(source.path)).toBe(false)
    expect(openPaths(directory).length).toBe(existsSync('/proc/self/fd') ? 1 : 0)
    await source.close()
  })

  it('leaves nothing when the stream fails or is aborted', async () => {
    await expect(spool(chunks(5, new Error('broken')), { directory })).rejects.toThrow('broken')
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(spool(chunks(5), { directory, signal })).rejects.toThrow('enough')
  })

  it('takes spoolBytes, and not one more', async () => {
    const limits = { ...defaultLimits, spoolBytes: 9000 }
    await (await spool(chunks(3), { directory, limits })).close()
    await expect(spool(chunks(4), { directory, limits })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'spoolBytes', max: 9000 },
      hint: expect.stringContaining('--limit spool-bytes='),
    })
  })

  it('takes spoolPercent of what is free, however much others have written meanwhile', async () => {
    let free = 1_000_000_000
    const status = await fs.promises.statfs(directory)
    const statfs = vi.spyOn(fs.promises, 'statfs')
    // the mock of an overloaded function is typed by its last signature
    statfs.mockImplementation((async () => ({ ...status, blocks: 1e9, bsize: 1, bavail: free })) as never)
    async function* endless(): AsyncGenerator<Uint8Array, void, void> {
      while (free > 0) {
        free -= 2 ** 21
        yield new Uint8Array(2 ** 20)
      }
    }
    try {
      await expect(spool(endless(), { directory })).rejects.toMatchObject({
        code: 'LIMIT_EXCEEDED',
        details: { limit: 'spoolPercent', max: 90 },
        hint: expect.stringContaining('TMPDIR'),
      })
      expect(free).toBeGreaterThan(0)
    } finally {
      statfs.mockRestore()
    }
  })

  it('keeps the beginning where that is wanted', async () => {
    const onLimit = vi.fn()
    const source = await spool(chunks(700), { directory, limits: { ...defaultLimits, spoolBytes: 2_000_000 }, onLimit })
    expect(source.size).toBeGreaterThan(1_000_000)
    expect(source.size).toBeLessThanOrEqual(2_000_000)
    expect(onLimit).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
    await source.close()
  })

  it('leaves room on a small disk, and fills it where no limit is', async (context) => {
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'none', directory], { stdio: 'pipe' })
    } catch {
      context.skip('no file system can be mounted here')
    }
    try {
      await expect(spool(chunks(10_000), { directory })).rejects.toMatchObject({ details: { limit: 'spoolPercent' } })
      const filling = spool(chunks(10_000), { directory, limits: noLimits })
      await expect(filling).rejects.toMatchObject({ code: 'ENOSPC', path: expect.stringContaining(directory) })
      expect(fs.statfsSync(directory).bavail).toBe(fs.statfsSync(directory).blocks)
      expect(readdirSync(directory)).toEqual([])
    } finally {
      execFileSync('umount', [directory])
    }
  })

  it('passes file-system errors through', async () => {
    await expect(spool(chunks(1), { directory: join(directory, 'none') })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
