import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  convert,
  create,
  isArchiveError,
  open,
  toSql,
  type Archive,
  type ArchiveFormat,
  type TocEntry,
} from '../../../src/index.ts'
import { useCallingThread } from '../../../src/io/calling-thread.ts'

// Small data that have been read together with others are had without a stream. They are the same, and what is wrong
// with them is said by the stream. An archive that was just opened has nothing at hand but what it takes for a table of
// contents, so that its streams are what is compared with.

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-at-hand-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Kind = readonly [format: ArchiveFormat, compression: 'none' | 'gzip' | 'lz4' | 'zstd']
const kinds: readonly Kind[] = [
  ['custom', 'none'],
  ['custom', 'gzip'],
  ['custom', 'lz4'],
  ['custom', 'zstd'],
  ['tar', 'none'],
  ['directory', 'none'],
  ['directory', 'gzip'],
  ['directory', 'lz4'],
  ['directory', 'zstd'],
]

const pathOf = ([format, compression]: Kind): string => join(folder, `${format}-${compression}`)

beforeAll(async () => {
  useCallingThread()
  const source = join(folder, 'source')
  const archive = await create(source, { format: 'custom', compression: 'none' })
  for (let table = 1; table <= 40; table++) {
    // one is too long to be had at once
    const rows = table === 20 ? 20_000 : table % 7
    const data = Array.from({ length: rows }, (_, row) => [`row ${row} of ${table}`])
    archive.addEntry({
      dumpId: 10 + table,
      desc: 'TABLE DATA',
      tag: `t${table}`,
      namespace: 'public',
      columns: ['x'],
      data,
    })
  }
  await archive.finish()
  for (const kind of kinds) {
    const [format, compression] = kind
    await using from = await open(source)
    await convert(from, pathOf(kind), { format, compression: { method: compression } })
  }
})

const tablesOf = (archive: Archive): readonly TocEntry[] => archive.toc.filter(({ desc }) => desc === 'TABLE DATA')

/** What comes of reading: the bytes, or what the error says. */
async function outcome(read: () => Promise<Uint8Array>): Promise<string> {
  try {
    return Buffer.from(await read()).toString('latin1')
  } catch (error) {
    if (!isArchiveError(error)) throw error
    return `${error.code} ${error.message} ${error.offset} ${error.file}`
  }
}

/** What each entry's stream says when nothing was read before it. */
async function alone(path: string): Promise<readonly string[]> {
  const count = await (async () => {
    await using archive = await open(path)
    return tablesOf(archive).length
  })()
  const all: string[] = []
  for (let index = 0; index < count; index++) {
    await using archive = await open(path)
    const entry = tablesOf(archive)[index]
    if (entry !== undefined) all.push(await outcome(() => archive.data(entry).bytes()))
  }
  return all
}

describe.each(kinds)('%s, %s', (...kind) => {
  test('what is at hand are all data of an entry, and its stream can still be read', async () => {
    const expected = await alone(pathOf(kind))
    await using archive = await open(pathOf(kind))
    let had = 0
    for (const [index, entry] of tablesOf(archive).entries()) {
      const data = archive.data(entry)
      const bytes = data.atHand?.()
      if (bytes !== undefined) {
        had++
        expect(Buffer.from(bytes).toString('latin1')).toBe(expected[index])
      }
      expect(await outcome(() => data.bytes())).toBe(expected[index])
    }
    expect(had).toBeGreaterThan(20)
    expect(had).toBeLessThan(40)
  })

  test('nothing is at hand of what was asked for raw, nor when the archive has been closed', async () => {
    const archive = await open(pathOf(kind))
    const [first, second] = tablesOf(archive)
    if (first === undefined || second === undefined) throw new Error('no tables')
    await archive.data(first).bytes()
    expect(archive.data(second, { raw: true }).atHand?.()).toBeUndefined()
    expect(() => archive.data(second, { signal: AbortSignal.abort(new Error('enough')) }).atHand?.()).toThrow('enough')
    const data = archive.data(second)
    await archive.close()
    expect(() => data.atHand?.()).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  test('nothing is at hand of what a view makes of them', async () => {
    await using archive = await open(pathOf(kind))
    const [first, second] = tablesOf(archive)
    if (first === undefined || second === undefined) throw new Error('no tables')
    await archive.data(first).bytes()
    const copy = { ...archive.data(second) }
    expect('atHand' in copy).toBe(false)
    const { borrow } = copy
    expect((await borrow().next())?.length).toBeGreaterThan(0)
  })

  test('a script is the same whether data are at hand or not', async () => {
    await using archive = await open(pathOf(kind))
    const script = Buffer.from(await toSql(archive, { restrictKey: false }).bytes()).toString('latin1')
    let at = 0
    for (const rows of await alone(pathOf(kind))) {
      const found = script.indexOf(rows, at)
      expect(found).toBeGreaterThanOrEqual(at)
      at = found + rows.length
    }
  })
})

describe.each(kinds.filter(([format]) => format !== 'directory'))('damaged %s, %s', (...kind) => {
  test('what is wrong with small data is said as their stream says it', async () => {
    const sound = readFileSync(pathOf(kind))
    const toc = await (async () => {
      await using archive = await open(pathOf(kind))
      return archive.toc.length
    })()
    const path = join(folder, `damaged-${kind.join('-')}`)
    let differs = 0
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: sound.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, by) => {
          const bytes = Buffer.from(sound)
          bytes[at] = (bytes[at] ?? 0) ^ by
          writeFileSync(path, bytes)
          let expected: readonly string[]
          try {
            expected = await alone(path)
          } catch (error) {
            // the table of contents is damaged
            if (isArchiveError(error)) return
            throw error
          }
          await using archive = await open(path)
          if (archive.toc.length !== toc) return
          for (const [index, entry] of tablesOf(archive).entries()) {
            const found = await outcome(() => archive.data(entry).bytes())
            expect(found).toBe(expected[index])
            differs += found.startsWith('row') || found.startsWith('\\.') ? 0 : 1
          }
        },
      ),
      { numRuns: 120 },
    )
    expect(differs).toBeGreaterThan(0)
  })
})
