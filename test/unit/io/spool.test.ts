import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { spool } from '../../../src/io/spool.ts'
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

  it('passes file-system errors through', async () => {
    await expect(spool(chunks(1), { directory: join(directory, 'none') })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
