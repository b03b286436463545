import { deflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DecodeAhead } from '../../../src/format/decode-ahead.ts'
import type { ReaderOptions } from '../../../src/format/reader.ts'
import { chunksOf } from '../../../src/io/byte-stream.ts'
import { defaultLimits, open, type TocEntry } from '../../../src/index.ts'
import { tocBytes } from './build-archive.ts'

const options: ReaderOptions = {
  limits: defaultLimits,
  onWarning: () => undefined,
  maxBufferBytes: 16 * 1024 * 1024,
  workers: 2,
  onPosition: undefined,
  signal: undefined,
}

const ids = [1, 2, 3, 4, 5, 6]

async function entriesOf(): Promise<readonly TocEntry[]> {
  await using archive = await open(tocBytes(ids.map((dumpId) => ({ dumpId }))))
  return archive.toc
}

/** Data of 12 MB stored each, as it were, with a record of what was opened and released. */
function access(failing?: number) {
  const opened: number[] = []
  const released = new Set<number>()
  return {
    opened,
    released,
    sizeOf: async () => 12_000_000,
    async open({ dumpId }: TocEntry) {
      opened.push(dumpId)
      if (dumpId === failing) throw new Error(`no ${dumpId}`)
      const chunks = chunksOf([deflateSync(`data of ${dumpId}`)])
      const input = {
        next: () => chunks.next(),
        cancel: async () => {
          released.add(dumpId)
          await chunks.cancel()
        },
      }
      return { input, container: 'zlib' as const, context: { action: 'read', dumpId }, storedBytes: 12_000_000 }
    },
  }
}

async function text(decoding: DecodeAhead, entry: TocEntry | undefined): Promise<string> {
  if (entry === undefined) throw new Error('no entry')
  const source = await decoding.take(entry)
  let all = ''
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) all += String(Buffer.from(chunk))
  return all
}

describe('DecodeAhead', () => {
  test('take() gives planned data in any order, and data not planned', async () => {
    const entries = await entriesOf()
    const decoding = new DecodeAhead(options, access())
    decoding.plan(entries.slice(0, 5))
    for (const index of [0, 1, 5, 3, 2, 4, 4]) expect(await text(decoding, entries[index])).toBe(`data of ${index + 1}`)
    await decoding.close()
  })

  test('take() begins the next planned streams, as many as there are threads', async () => {
    const entries = await entriesOf()
    const data = access()
    const decoding = new DecodeAhead(options, data)
    decoding.plan(entries)
    await text(decoding, entries[0])
    await expect.poll(() => data.opened).toEqual([1, 2, 3])
    await decoding.close()
  })

  test('take() releases streams that were begun and skipped', async () => {
    const entries = await entriesOf()
    const data = access()
    const decoding = new DecodeAhead(options, data)
    decoding.plan(entries)
    await text(decoding, entries[0])
    await expect.poll(() => data.opened).toEqual([1, 2, 3])
    await text(decoding, entries[4])
    await expect.poll(() => [...data.released]).toEqual(expect.arrayContaining([2, 3]))
    await decoding.close()
  })

  test('take() tells of a failure ahead only who takes that entry', async () => {
    const entries = await entriesOf()
    const decoding = new DecodeAhead(options, access(2))
    decoding.plan(entries)
    expect(await text(decoding, entries[0])).toBe('data of 1')
    await expect(text(decoding, entries[1])).rejects.toThrow('no 2')
    expect(await text(decoding, entries[2])).toBe('data of 3')
    await decoding.close()
  })

  test('close() releases what was begun', async () => {
    const entries = await entriesOf()
    const data = access()
    const decoding = new DecodeAhead(options, data)
    decoding.plan(entries)
    await text(decoding, entries[0])
    await expect.poll(() => data.opened).toEqual([1, 2, 3])
    await decoding.close()
    await expect.poll(() => [...data.released].sort()).toEqual(expect.arrayContaining([2, 3]))
  })

  test.each([{ workers: 0 }])('begins nothing ahead with %j', async (change) => {
    const entries = await entriesOf()
    const data = access()
    const decoding = new DecodeAhead({ ...options, ...change }, data)
    decoding.plan(entries)
    await text(decoding, entries[0])
    expect(data.opened).toEqual([1])
    await decoding.close()
  })
})
