import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blobSource, bytesSource, fileSource, isRandomAccess } from '../../../src/io/source.ts'
import { openPaths } from './open-paths.ts'

let directory = ''
let path = ''
const content = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251)
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-source-'))
  path = join(directory, 'file')
  writeFileSync(path, content)
})
afterAll(() => rmSync(directory, { recursive: true }))

describe('RandomAccess', () => {
  it('read() gives the same part over a file, bytes and a Blob', async () => {
    const file = await fileSource(pathToFileURL(path))
    const sources = [file, bytesSource(content), blobSource(new Blob([content]))]
    await fc.assert(
      fc.asyncProperty(fc.nat(11_000), fc.nat(11_000), async (offset, length) => {
        const part = content.slice(offset, offset + length)
        for (const source of sources) {
          expect(source.size).toBe(content.length)
          expect(Buffer.compare(await source.read(offset, length), part)).toBe(0)
          if (source.readInto === undefined) continue
          const target = new Uint8Array(length)
          expect(await source.readInto(target, offset)).toBe(part.length)
          expect(Buffer.compare(target.subarray(0, part.length), part)).toBe(0)
        }
      }),
      { numRuns: 50 },
    )
    await file.close()
  })

  it("bytes given by read() stay the caller's", async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const part = await bytesSource(bytes).read(0, 3)
    bytes.fill(0)
    expect(part).toEqual(Uint8Array.of(1, 2, 3))
  })
})

describe('fileSource()', () => {
  it('close() waits for reads under way, then reads fail with CLOSED', async () => {
    const file = await fileSource(path)
    expect(file.path).toBe(path)
    const reads = [file.read(0, 5000), file.read(5000, 5000)]
    await file.close()
    expect((await Promise.all(reads)).map((part) => part.length)).toEqual([5000, 5000])
    await file.close()
    await expect(file.read(0, 1)).rejects.toMatchObject({ code: 'CLOSED', file: path })
    expect(openPaths(directory)).toEqual([])
  })

  it('refuses what is no regular file', async () => {
    await expect(fileSource(directory)).rejects.toMatchObject({ code: 'USAGE' })
    await expect(fileSource('/dev/null')).rejects.toMatchObject({ code: 'USAGE' })
    expect(openPaths(directory)).toEqual([])
  })

  it('passes file-system errors through', async () => {
    await expect(fileSource(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT', syscall: 'open' })
  })
})

describe('isRandomAccess()', () => {
  it('knows the shape, and no streams or Blobs', () => {
    expect(isRandomAccess(bytesSource(content))).toBe(true)
    expect(isRandomAccess({ size: 3, read: async () => content })).toBe(true)
    for (const other of [null, undefined, 'x', content, new Blob(), new ReadableStream(), process.stdin, { size: 3 }]) {
      expect(isRandomAccess(other)).toBe(false)
    }
  })
})
