import { execFileSync } from 'node:child_process'
import { createReadStream, existsSync, mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resolveInput, type ArchiveInput } from '../../../src/io/input.ts'
import { pullFrom } from '../../../src/io/pull.ts'
import { openPaths } from './open-paths.ts'

let directory = ''
let path = ''
const content = new TextEncoder().encode('PGDMP and more')
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-input-'))
  path = join(directory, 'file')
  writeFileSync(path, content)
})
afterEach(async () => {
  await expect.poll(() => openPaths(directory)).toEqual([])
  rmSync(directory, { recursive: true })
})

/** The bytes of an input that must be of this kind. */
async function read(input: ArchiveInput, kind: 'random' | 'stream'): Promise<string> {
  const resolved = await resolveInput(input)
  expect(resolved.kind).toBe(kind)
  if (resolved.kind === 'random') {
    const bytes = await resolved.source.read(0, resolved.source.size)
    if (resolved.owned) await resolved.source.close?.()
    return new TextDecoder().decode(bytes)
  }
  if (resolved.kind === 'directory') return ''
  const parts: Uint8Array[] = []
  for await (const chunk of resolved.iterable) parts.push(chunk.slice())
  return Buffer.concat(parts).toString()
}

describe('resolveInput()', () => {
  const text = new TextDecoder().decode(content)

  it('gives random access to files, bytes, Blobs and sources', async () => {
    for (const input of [path, pathToFileURL(path), content, new Blob([content])]) {
      expect(await read(input, 'random')).toBe(text)
    }
    let closed = false
    const own = { size: 14, read: async () => content, close: async () => void (closed = true) }
    expect(await read(own, 'random')).toBe(text)
    expect(closed).toBe(false)
  })

  it('gives streams of Readables, web streams and iterables', async () => {
    async function* chunks(): AsyncGenerator<Uint8Array, void, void> {
      yield content.subarray(0, 3)
      yield content.subarray(3)
    }
    const readable = createReadStream(path, { highWaterMark: 4 })
    for (const input of [readable, Readable.from([content]), new Blob([content]).stream(), chunks()]) {
      expect(await read(input, 'stream')).toBe(text)
    }
  })

  it('gives the files of a directory', async () => {
    const resolved = await resolveInput(directory)
    expect(resolved).toMatchObject({ kind: 'directory', path: directory })
    expect(resolved.kind === 'directory' && (await resolved.dir.list())).toEqual(['file'])
  })

  it('reads FIFOs and devices as streams', async () => {
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    const reading = read(fifo, 'stream')
    await writeFile(fifo, content)
    expect(await reading).toBe(text)
    expect(await read('/dev/null', 'stream')).toBe('')
    const zero = await resolveInput('/dev/zero')
    const pull = pullFrom(zero.kind === 'stream' ? zero.iterable : [])
    expect(await pull.fill(1_000_000)).toBe(true)
    await pull.close()
    // A read that was under way is awaited first.
    await expect.poll(() => openPaths('/dev/zero')).toEqual([])
  })

  it('releases everything at once when a stream is given up while it is silent', async () => {
    const fifo = join(directory, 'fifo')
    execFileSync('mkfifo', [fifo])
    const writer = openSync(fifo, 'r+')
    let cancelled = false
    const web = new ReadableStream<Uint8Array>({ cancel: () => void (cancelled = true) })
    const readable = new Readable({ read: () => undefined })
    for (const input of [fifo, web, readable]) {
      const controller = new AbortController()
      const resolved = await resolveInput(input)
      const pull = pullFrom(resolved.kind === 'stream' ? resolved.iterable : [], { signal: controller.signal })
      const filling = pull.fill()
      controller.abort(new Error('enough'))
      await expect(filling).rejects.toThrow('enough')
      await pull.close()
    }
    expect([cancelled, readable.destroyed]).toEqual([true, true])
    closeSync(writer)
  })

  it('passes the failure of a stream on', async () => {
    const failing = new Readable({
      read() {
        this.destroy(new Error('broken'))
      },
    })
    await expect(read(failing, 'stream')).rejects.toThrow('broken')
    const web = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('broken')) })
    await expect(read(web, 'stream')).rejects.toThrow('broken')
  })

  it('passes file-system errors through, and refuses other things with USAGE', async () => {
    await expect(resolveInput(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT', syscall: 'stat' })
    const other: unknown = 42
    await expect(resolveInput(other as ArchiveInput)).rejects.toMatchObject({ code: 'USAGE' }) // from untyped code
    await expect(resolveInput({} as never)).rejects.toMatchObject({ code: 'USAGE' }) // from untyped code
    expect(existsSync(path)).toBe(true)
  })
})
