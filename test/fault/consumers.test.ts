import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { convert, create, open, toSql } from '../../src/index.ts'
import type { Archive, ArchiveInput } from '../../src/index.ts'
import { collectingStream } from '../helpers/archives.ts'
import { fixture } from '../helpers/corpus.ts'
import { openFiles } from '../helpers/faults.ts'
import { cli, root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'

/*
 * Consumers that are slow, that stop, and that fail; sources that are stopped at each of their chunks. A source must not
 * be read ahead beyond the budget, and must be released.
 */

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-consumers-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const MiB = 2 ** 20
const budget = 2 * MiB
/** The windows through which input comes, and what a stream has at hand. */
const slack = 3 * MiB
const pieceBytes = 64 * 1024

/** Three tables of 8 MB, uncompressed; the same in gzip, which is a hundredth of that. */
const archives: { readonly name: string; readonly file: string; readonly size: number }[] = []

beforeAll(async () => {
  for (const compression of ['none', 'gzip'] as const) {
    const { stream, bytes } = collectingStream()
    const writer = await create(stream, { compression })
    for (const tag of ['a', 'b', 'c']) {
      const table = writer.addEntry({ desc: 'TABLE', tag, namespace: 'public' })
      const row = ['x'.repeat(997)]
      const data = Array.from({ length: 8000 }, () => row)
      writer.addEntry({ desc: 'TABLE DATA', tag, namespace: 'public', dependencies: [table], columns: ['v'], data })
    }
    await writer.finish()
    const file = join(scratch, `${compression}.dump`)
    writeFileSync(file, bytes())
    archives.push({ name: compression, file, size: bytes().length })
  }
})

/** A source that knows what has been taken of it. */
interface Source {
  readonly input: ArchiveInput
  /** Bytes handed over; undefined where nobody can tell. */
  readonly taken: () => number | undefined
  /** Whether it has been let go. */
  readonly released: () => boolean
}

/** Called with each chunk's number, from 1, before it is handed over. */
type OnChunk = (number: number) => void

function piecesOf(file: string, onChunk: OnChunk): { next: () => Uint8Array | undefined; taken: () => number } {
  const bytes = readFileSync(file)
  let at = 0
  let number = 0
  return {
    taken: () => Math.min(at, bytes.length),
    next: () => {
      onChunk(++number)
      if (at >= bytes.length) return undefined
      at += pieceBytes
      return new Uint8Array(bytes.subarray(at - pieceBytes, at))
    },
  }
}

const sources: Readonly<Record<string, (file: string, onChunk?: OnChunk) => Source>> = {
  'a path': (file) => ({ input: file, taken: () => undefined, released: () => !openFiles().includes(file) }),
  'a source of the caller': (file, onChunk = () => undefined) => {
    const bytes = readFileSync(file)
    let taken = 0
    let number = 0
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      onChunk(++number)
      const part = bytes.subarray(offset, offset + length)
      taken += part.length
      return new Uint8Array(part)
    }
    return { input: { size: bytes.length, read }, taken: () => taken, released: () => true }
  },
  'a Readable': (file, onChunk = () => undefined) => {
    const pieces = piecesOf(file, onChunk)
    const input = new Readable({
      highWaterMark: pieceBytes,
      read() {
        this.push(pieces.next() ?? null)
      },
    })
    return { input, taken: pieces.taken, released: () => input.destroyed }
  },
  'a file stream': (file) => {
    const input = createReadStream(file)
    return { input, taken: () => input.bytesRead, released: () => input.destroyed && !openFiles().includes(file) }
  },
  'a Web stream': (file, onChunk = () => undefined) => {
    const pieces = piecesOf(file, onChunk)
    let released = false
    const input = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const piece = pieces.next()
          if (piece !== undefined) return controller.enqueue(piece)
          released = true
          return controller.close()
        },
        cancel() {
          released = true
        },
      },
      { highWaterMark: 1 },
    )
    return { input, taken: pieces.taken, released: () => released }
  },
  'an iterable': (file, onChunk = () => undefined) => {
    const pieces = piecesOf(file, onChunk)
    let released = false
    const input: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({
        async next() {
          const value = pieces.next()
          if (value === undefined) released = true
          return value === undefined ? { done: true, value } : { done: false, value }
        },
        async return() {
          released = true
          return { done: true, value: undefined }
        },
      }),
    }
    return { input, taken: pieces.taken, released: () => released }
  },
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits until something holds, for ten seconds at most. */
async function eventually(holds: () => boolean): Promise<boolean> {
  for (let rounds = 0; rounds < 2000 && !holds(); rounds++) await sleep(5)
  return holds()
}

/** The ways in which all data of an archive come out, chunk by chunk. */
const readers: Readonly<Record<string, (archive: Archive, signal?: AbortSignal) => AsyncIterable<Uint8Array>>> = {
  'toSql()': (archive, signal) => toSql(archive, signal && { signal }),
  'toSql().readable()': (archive, signal) => toSql(archive, signal && { signal }).readable(),
  'blocks()': async function* (archive, signal) {
    for await (const block of archive.blocks(signal === undefined ? {} : { signal })) {
      if (block.kind === 'data') yield* block.data
    }
  },
  'data()': async function* (archive, signal) {
    for (const entry of archive.toc) {
      if (entry.hadDumper && entry.desc !== 'BLOBS') yield* archive.data(entry, signal === undefined ? {} : { signal })
    }
  },
}

const ways = Object.keys(sources).flatMap((source) => Object.keys(readers).map((reader) => [source, reader] as const))
const sourceOf = (name: string, file: string, onChunk?: OnChunk): Source => {
  const make = sources[name]
  if (make === undefined) throw new Error(`No source ${name}`)
  return make(file, onChunk)
}

describe.each(ways)('%s, read by %s', (sourceName, readerName) => {
  const reader = readers[readerName]
  if (reader === undefined) throw new Error(`No reader ${readerName}`)

  test.each([0, 2])(
    'is not read ahead of a slow consumer, and released when it stops (%i threads)',
    async (workers) => {
      for (const { file, size } of archives) {
        const { input, taken, released } = sourceOf(sourceName, file)
        const archive = await open(input, { maxBufferBytes: budget, workers })
        let given = 0
        for await (const chunk of reader(archive)) {
          given += chunk.length
          // of compressed data all fits into the budget
          if (size > budget && given < 3 * MiB) await sleep(10)
          expect(taken() ?? 0).toBeLessThanOrEqual(given + budget + slack)
          if (given > 5 * MiB) break
        }
        expect(given).toBeGreaterThan(5 * MiB)
        await archive.close()
        expect(await eventually(released)).toBe(true)
        const end = taken()
        await sleep(20)
        expect(taken()).toBe(end)
      }
    },
  )

  test('fails with what the signal says, whenever it comes, and is released', async () => {
    const { file } = fixture('derived/small-Fc.dump')
    for (const [archive, chunks] of [
      [file, 3],
      [archives[0]?.file ?? '', 40],
    ] as const) {
      for (let at = 1; at <= chunks; at += 1 + (at >> 2)) {
        const reason = new Error(`enough at ${at}`)
        const control = new AbortController()
        const stop: OnChunk = (number) => {
          if (number === at) control.abort(reason)
        }
        const { input, released, taken } = sourceOf(sourceName, archive, stop)
        const { signal } = control
        let seen = 0
        const reading = (async () => {
          await using opened = await open(input, { signal, workers: 0 })
          for await (const chunk of reader(opened, signal)) {
            expect(chunk.length).toBeGreaterThan(0)
            // what tells of no chunks of its own is stopped by those that come out
            if (sourceName.includes('path') || sourceName.includes('file')) stop(++seen)
          }
        })()
        const outcome = await reading.catch((error: unknown) => error)
        if (outcome !== undefined) expect(outcome, `stopped at ${at}`).toBe(reason)
        else expect(signal.aborted && (taken() ?? 0) > budget, `stopped at ${at}, but read on`).toBe(false)
        expect(await eventually(released)).toBe(true)
      }
    }
  })
})

describe.each(Object.keys(sources))('convert() from %s', (sourceName) => {
  test('waits for a slow output, and reads no further than the budget', async () => {
    const [big] = archives
    if (big === undefined) throw new Error('no archive')
    const { input, taken, released } = sourceOf(sourceName, big.file)
    let written = 0
    let most = 0
    const output = new Writable({
      highWaterMark: pieceBytes,
      write(chunk: Uint8Array, _encoding, done) {
        written += chunk.length
        most = Math.max(most, output.writableLength)
        expect(taken() ?? 0).toBeLessThanOrEqual(written + budget + slack)
        setTimeout(done, 1)
      },
    })
    {
      await using archive = await open(input, { maxBufferBytes: budget, workers: 0 })
      await convert(archive, output, { format: 'custom', reindex: true })
    }
    expect(written).toBeGreaterThan(big.size * 0.99)
    expect(most).toBeLessThan(2 * MiB)
    expect(await eventually(released)).toBe(true)
  })

  test('fails with the error of the output, whichever write it comes from, and lets go', async () => {
    const { file } = fixture('derived/small-Fc.dump')
    for (let failing = 1, done = false; !done; failing++) {
      const error = new Error(`write ${failing}`)
      const { input, released } = sourceOf(sourceName, file)
      let writes = 0
      const output = new Writable({
        write: (_chunk, _encoding, callback) => void setImmediate(callback, ++writes === failing ? error : null),
      })
      const outcome = await (async () => {
        await using archive = await open(input, { workers: 0 })
        await convert(archive, output, { format: 'custom', compression: { method: 'none' } })
      })().catch((failure: unknown) => failure)
      done = writes < failing
      if (!done) expect(outcome).toBe(error)
      else expect(outcome).toBeUndefined()
      expect(output.destroyed).toBe(true)
      expect(await eventually(released)).toBe(true)
    }
  })
})

test('a process ends by itself after whatever was begun, also with threads', { timeout: 120_000 }, async () => {
  const program = `
    import { open, digest, toSql } from ${JSON.stringify(join(root, 'dist/index.js'))}
    const [file, how] = process.argv.slice(1)
    const control = new AbortController()
    const archive = await open(file, { workers: 2, signal: control.signal })
    if (how === 'digest') await digest(archive)
    else for await (const chunk of toSql(archive)) if (chunk.length > 1000) break
    if (how === 'abort') control.abort(new Error('enough'))
    if (how !== 'forget') await archive.close()
    console.log('done')
  `
  for (const file of [
    fixture('18/full-Fc.dump').file,
    fixture('18/full-Fd.dir').file,
    ...archives.map(({ file: made }) => made),
  ]) {
    for (const how of ['digest', 'break', 'abort', 'forget']) {
      const args = ['--input-type=module', '-e', program, file, how]
      const { status, stdout, stderr } = await run(process.execPath, args, { timeout: 30_000 })
      expect([status, stdout.toString(), stderr], `${how} ${file}`).toEqual([0, 'done\n', ''])
    }
  }
})

test('the command ends by itself when its reader goes', async () => {
  for (const { file } of archives) {
    const child = await run(
      'bash',
      ['-c', '"$0" "$1" sql "$2" | head -c 100000 | wc -c; exit ${PIPESTATUS[0]}', process.execPath, cli, file],
      { timeout: 30_000 },
    )
    expect([child.status, child.stdout.toString().trim(), child.stderr]).toEqual([0, '100000', ''])
  }
})
