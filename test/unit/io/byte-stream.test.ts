import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteStream, chunksOf, emptyStream } from '../../../src/io/byte-stream.ts'
import type { ChunkSource } from '../../../src/io/chunks.ts'
import { openPaths } from './open-paths.ts'

let directory = ''
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pgdmp-byte-stream-'))
})
afterAll(() => rmSync(directory, { recursive: true }))

/** Lends one buffer again and again, and counts how often it was cancelled. */
function lending(chunks: readonly Uint8Array[]): ChunkSource & { cancelled: number; asked: number } {
  const buffer = new Uint8Array(1 << 16)
  let index = 0
  return {
    cancelled: 0,
    asked: 0,
    async next() {
      this.asked++
      buffer.fill(0xee)
      const chunk = chunks[index++]
      if (chunk === undefined) return null
      buffer.set(chunk)
      return buffer.subarray(0, chunk.length)
    },
    async cancel() {
      this.cancelled++
    },
  }
}

const chunkLists = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 })

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))
}

describe('byteStream()', () => {
  it('gives the same bytes every way they can be read', async () => {
    await fc.assert(
      fc.asyncProperty(chunkLists, async (chunks) => {
        const all = joined(chunks)
        const open = () => byteStream(() => lending(chunks))
        expect(await open().bytes()).toEqual(all)
        const kept: Uint8Array[] = []
        for await (const chunk of open()) kept.push(chunk)
        expect(joined(kept)).toEqual(all)
        expect(joined((await open().readable().toArray()) as Uint8Array[])).toEqual(all) // a Readable of bytes
        const target = new PassThrough()
        const [written, piped] = await Promise.all([open().pipeTo(target), target.toArray()])
        expect(written).toBe(all.length)
        expect(joined(piped as Uint8Array[])).toEqual(all) // a PassThrough of bytes
        const path = join(directory, 'all')
        expect(await open().pipeTo(path)).toBe(all.length)
        expect(Uint8Array.from(readFileSync(path))).toEqual(all)
        const web: Uint8Array[] = []
        await open().pipeTo(new WritableStream({ write: (chunk) => void web.push(chunk) }))
        expect(joined(web)).toEqual(all)
      }),
      { numRuns: 20 },
    )
  })

  it('opens when it is first read, and cancels once at the end', async () => {
    const source = lending([Uint8Array.of(1)])
    let opened = 0
    const stream = byteStream(() => {
      opened++
      return source
    })
    const chunks = stream.borrow()
    expect(opened).toBe(0)
    await chunks.next()
    expect(await chunks.next()).toBeNull()
    expect(await chunks.next()).toBeNull()
    await chunks.cancel()
    expect([opened, source.cancelled, source.asked]).toEqual([1, 1, 2])
  })

  it('is read once: the second time fails with CLOSED', async () => {
    const stream = byteStream(() => lending([]))
    await stream.bytes()
    for (const again of [() => stream.borrow(), () => stream.readable(), () => stream[Symbol.asyncIterator]()]) {
      expect(again).toThrow(expect.objectContaining({ code: 'CLOSED' }))
    }
    expect(() => stream.bytes()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  it('borrow() lends without copies', async () => {
    const chunk = Uint8Array.of(1, 2)
    const chunks = byteStream(() => chunksOf([chunk])).borrow()
    expect(await chunks.next()).toBe(chunk)
    await chunks.cancel()
  })

  it('cancels on break, destroy, abort and failure', async () => {
    const many = Array.from({ length: 100 }, (_, index) => Uint8Array.of(index))
    const source = lending(many)
    for await (const chunk of byteStream(() => source)) {
      expect(chunk).toEqual(Uint8Array.of(0))
      break
    }
    expect(source.cancelled).toBe(1)

    const destroyed = lending(many)
    const readable = byteStream(() => destroyed).readable()
    await new Promise((resolve) => readable.once('data', resolve))
    readable.destroy()
    await new Promise((resolve) => readable.once('close', resolve))
    expect(destroyed.cancelled).toBe(1)

    const aborted = lending(many)
    const controller = new AbortController()
    const slow = new Writable({ highWaterMark: 1, write: () => controller.abort(new Error('enough')) })
    await expect(byteStream(() => aborted).pipeTo(slow, { signal: controller.signal })).rejects.toThrow('enough')
    expect(aborted.cancelled).toBe(1)
    expect(slow.destroyed).toBe(true)

    const failing: ChunkSource & { cancelled: number } = {
      cancelled: 0,
      next: async () => {
        throw new Error('broken')
      },
      async cancel() {
        this.cancelled++
      },
    }
    await expect(byteStream(() => failing).bytes()).rejects.toThrow('broken')
    expect(failing.cancelled).toBe(1)
  })

  it('pipeTo() ends at once on abort while the source is silent, and leaves no file', async () => {
    const controller = new AbortController()
    const path = join(directory, 'never')
    let cancelled = 0
    const silent: ChunkSource = {
      next: () => new Promise<never>(() => undefined),
      async cancel() {
        cancelled++
      },
    }
    const piping = byteStream(() => silent).pipeTo(path, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 20)
    await expect(piping).rejects.toThrow('enough')
    expect([cancelled, existsSync(path), openPaths(directory)]).toEqual([1, false, []])
  })

  it('cancel() while it is being opened closes what was opened', async () => {
    const source = lending([Uint8Array.of(1)])
    let opened = (_source: ChunkSource): void => undefined
    const chunks = byteStream(() => new Promise<ChunkSource>((resolve) => (opened = resolve))).borrow()
    const next = chunks.next()
    await chunks.cancel()
    opened(source)
    expect(await next).toBeNull()
    expect(source.cancelled).toBe(1)
  })

  it('bytes() stops at maxBytes with LIMIT_EXCEEDED', async () => {
    const source = lending([new Uint8Array(60), new Uint8Array(41)])
    await expect(byteStream(() => source).bytes({ maxBytes: 100 })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      details: { limit: 'maxBytes', max: 100, observed: 101 },
    })
    expect(source.cancelled).toBe(1)
    expect((await byteStream(() => lending([new Uint8Array(100)])).bytes({ maxBytes: 100 })).length).toBe(100)
  })

  it('readable() respects back-pressure', async () => {
    const source = lending(Array.from({ length: 1000 }, () => new Uint8Array(60_000)))
    const readable = byteStream(() => source).readable()
    readable.read(0)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(source.asked).toBeLessThan(10)
    readable.destroy()
  })

  it('readable() passes a failure on to a pipeline', async () => {
    const stream = byteStream(() => {
      throw new Error('cannot open')
    })
    await expect(pipeline(stream.readable(), new PassThrough())).rejects.toThrow('cannot open')
  })
})

describe('emptyStream()', () => {
  it('has no bytes', async () => {
    expect((await emptyStream().bytes()).length).toBe(0)
  })
})

describe('chunksOf()', () => {
  it('leaves empty chunks out', async () => {
    const chunks = chunksOf([new Uint8Array(0), Uint8Array.of(1), new Uint8Array(0)])
    expect(await chunks.next()).toEqual(Uint8Array.of(1))
    expect(await chunks.next()).toBeNull()
    expect(await chunks.next()).toBeNull()
  })

  it('cancel() returns the iterator: a file stream is closed', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, new Uint8Array(1_000_000))
    const chunks = chunksOf(createReadStream(path))
    await chunks.next()
    expect(openPaths(directory)).toEqual([path])
    await chunks.cancel()
    await expect.poll(() => openPaths(directory)).toEqual([])
  })
})
