import { createReadStream, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { open, toSql } from '../../src/index.ts'
import { fixture } from '../helpers/corpus.ts'
import { FaultySource, openFiles, readEverything } from '../helpers/faults.ts'

const files = [
  'derived/small-Fc.dump',
  'derived/v1.6-Fc-pipe.dump',
  'derived/small-Ft.tar',
  '18/many_lo-Fc.dump',
  '18/full-Fc-zstd.dump',
]

describe('a read that fails comes through unwrapped, whichever it is', () => {
  for (const name of files) {
    test(name, async () => {
      const bytes = new Uint8Array(readFileSync(fixture(name).file))
      const counting = new FaultySource(bytes)
      {
        await using archive = await open(counting)
        await readEverything(archive)
      }
      expect(counting.reads).toBeGreaterThan(0)
      for (let n = 1; n <= counting.reads; n += 1) {
        const source = new FaultySource(bytes, n)
        const reading = (async () => {
          await using archive = await open(source)
          await readEverything(archive)
        })()
        await expect(reading, `read ${n} of ${counting.reads}`).rejects.toBe(FaultySource.error)
      }
    })
  }

  test('of a stream', async () => {
    const bytes = readFileSync(fixture('18/full-Fc.dump').file)
    for (const length of [0, 3, 1000, 100_000, bytes.length - 1]) {
      const failing = Readable.from(
        (function* () {
          yield bytes.subarray(0, length)
          throw FaultySource.error
        })(),
      )
      const reading = (async () => {
        await using archive = await open(failing)
        await readEverything(archive)
      })()
      await expect(reading, `after ${length} bytes`).rejects.toBe(FaultySource.error)
      expect(failing.destroyed).toBe(true)
    }
  })
})

const paths = ['18/full-Fc.dump', '18/full-Fc-pipe.dump', '18/full-Fd.dir', '18/full-Ft.tar'].map(
  (name) => fixture(name).file,
)

describe('no file stays open', () => {
  for (const path of paths) {
    const settle = async (): Promise<string[]> => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return openFiles()
    }

    test(`after everything was read: ${path.split('/').slice(-2).join('/')}`, async () => {
      const before = openFiles()
      {
        await using archive = await open(path)
        await readEverything(archive)
      }
      expect(await settle()).toEqual(before)
    })

    test(`after the consumer stopped early: ${path.split('/').slice(-2).join('/')}`, async () => {
      const before = openFiles()
      {
        await using archive = await open(path)
        for await (const chunk of toSql(archive)) {
          expect(chunk.length).toBeGreaterThan(0)
          break
        }
        const readable = toSql(archive).readable()
        await new Promise((resolve) => readable.once('data', resolve))
        readable.destroy()
        for (const entry of archive.toc) {
          if (!entry.hadDumper || entry.desc === 'BLOBS') continue
          for await (const chunk of archive.data(entry)) {
            expect(chunk.length).toBeGreaterThan(0)
            break
          }
        }
      }
      expect(await settle()).toEqual(before)
    })

    test(`after close() in the midst of reading: ${path.split('/').slice(-2).join('/')}`, async () => {
      const before = openFiles()
      const archive = await open(path)
      const chunks = toSql(archive)[Symbol.asyncIterator]()
      await chunks.next()
      await archive.close()
      await expect(
        (async () => {
          for (let step = await chunks.next(); step.done !== true; step = await chunks.next());
        })(),
      ).rejects.toMatchObject({ code: 'CLOSED' })
      expect(await settle()).toEqual(before)
    })

    test(`after the signal: ${path.split('/').slice(-2).join('/')}`, async () => {
      const before = openFiles()
      const reason = new Error('enough')
      await expect(open(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
      const control = new AbortController()
      {
        await using archive = await open(path)
        const reading = (async () => {
          for await (const chunk of toSql(archive, { signal: control.signal })) {
            expect(chunk.length).toBeGreaterThan(0)
            control.abort(reason)
          }
        })()
        await expect(reading).rejects.toBe(reason)
      }
      expect(await settle()).toEqual(before)
    })
  }

  test('of a stream that was handed over and not read to its end', async () => {
    const before = openFiles()
    const stream = createReadStream(fixture('18/full-Fc.dump').file)
    {
      await using archive = await open(stream)
      expect(archive.seekable).toBe(false)
    }
    expect(stream.destroyed).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(openFiles()).toEqual(before)
  })
})
