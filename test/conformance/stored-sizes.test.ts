import { createReadStream, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import { describe, expect, test } from 'vitest'
import { open } from '../../src/index.ts'
import { allArchives, tocBytes, type PlacedArchive } from '../helpers/corpus.ts'
import { readIndependently, type IndependentEntry } from '../helpers/independent-reader.ts'

/** Files of a container by name, in its order. */
type Files = ReadonlyMap<string, number>

interface Sizes {
  readonly archiveBytes: number
  readonly dataBytes: ReadonlyMap<number, number>
}

function filesOf(directory: string): Files {
  return new Map(readdirSync(directory).map((name) => [name, statSync(join(directory, name)).size]))
}

async function membersOf(file: string): Promise<Files> {
  const sizes = new Map<string, number>()
  const members = extract()
  members.on('entry', ({ name, size = 0 }, data, next) => {
    sizes.set(name, size)
    data.on('end', next)
    data.resume()
  })
  await pipeline(createReadStream(file), members)
  return sizes
}

const withoutSuffix = (name: string): string => name.replace(/\.(?:gz|lz4|zst)$/, '')
const sumOf = (sizes: Iterable<number>): number => [...sizes].reduce((sum, size) => sum + size, 0)

/** Sizes by the names in the TOC; those of large objects by `groupOf`, which names a group's files. */
function sizesByName(
  entries: readonly IndependentEntry[],
  files: Files,
  groupOf: (entry: IndependentEntry) => readonly string[],
): Map<number, number> {
  const sizes = new Map<number, number>()
  for (const entry of entries) {
    const filename = entry.filename?.toString() ?? ''
    if (filename === '') continue
    const wanted = entry.desc?.toString() === 'BLOBS' ? groupOf(entry) : [filename]
    const found = [...files].filter(([name]) => wanted.includes(withoutSuffix(name)))
    expect(found).toHaveLength(wanted.length)
    sizes.set(entry.dumpId, sumOf(found.map(([, size]) => size)))
  }
  return sizes
}

function directorySizes(archive: PlacedArchive): Sizes {
  const files = filesOf(archive.file)
  const { entries, version } = readIndependently(tocBytes(archive), 'directory')
  const dataBytes = sizesByName(entries, files, (entry) => {
    const list = version.minor >= 16 ? String(entry.filename) : 'blobs.toc'
    const lines = readFileSync(join(archive.file, list), 'utf8').trim().split('\n')
    return [list, ...lines.filter((line) => line !== '').map((line) => line.split(' ')[1] ?? '')]
  })
  const ofToc = files.get('toc.dat') ?? 0
  expect(sumOf(dataBytes.values()) + ofToc).toBe(sumOf(files.values()))
  return { archiveBytes: sumOf(files.values()), dataBytes }
}

async function tarSizes(archive: PlacedArchive): Promise<Sizes> {
  const files = await membersOf(archive.file)
  const names = [...files.keys()]
  const { entries, version } = readIndependently(tocBytes(archive), 'tar')
  const dataBytes = sizesByName(entries, files, ({ dumpId }) => {
    const end = names.indexOf(version.minor >= 16 ? `blobs_${dumpId}.toc` : 'blobs.toc')
    const before = names.slice(0, end).findLastIndex((name) => !name.startsWith('blob_'))
    return names.slice(before + 1, end + 1).map(withoutSuffix)
  })
  const others = (files.get('toc.dat') ?? 0) + (files.get('restore.sql') ?? 0)
  expect(sumOf(dataBytes.values()) + others).toBe(sumOf(files.values()))
  return { archiveBytes: statSync(archive.file).size, dataBytes }
}

/** Walks every block, by offsets or not. */
function customSizes(archive: PlacedArchive): Sizes {
  const bytes = readFileSync(archive.file)
  const { version, intSize, end } = readIndependently(bytes, 'custom')
  let at = end
  const int = (): number => {
    const negative = version.minor > 0 && bytes[at++] !== 0
    const value = bytes.readUIntLE(at, Math.min(intSize, 6))
    at += intSize
    return negative ? -value : value
  }
  const skipChunks = (): void => {
    for (let length = int(); length !== 0; length = int()) at += length
  }
  const dataBytes = new Map<number, number>()
  while (at < bytes.length) {
    const start = at
    const type = version.minor >= 3 ? bytes[at++] : 1
    if (type === 0) {
      // the second table of contents, whose first Int begins with a sign
      expect(archive.version).toBe('redirected')
      break
    }
    const dumpId = int()
    if (type === 1) skipChunks()
    else while (int() !== 0) skipChunks()
    dataBytes.set(dumpId, at - start)
  }
  return { archiveBytes: bytes.length, dataBytes }
}

describe('storedSizes()', () => {
  const judges = { custom: customSizes, directory: directorySizes, tar: tarSizes }
  test.each(allArchives().map((archive) => [archive.path, archive] as const))('of %s', async (_, archive) => {
    await using opened = await open(archive.file)
    const { archiveBytes, dataBytes } = await opened.storedSizes()
    const expected = await judges[archive.format](archive)
    expect(archiveBytes).toBe(expected.archiveBytes)
    expect(new Map([...dataBytes].sort(([a], [b]) => a - b))).toEqual(
      new Map([...expected.dataBytes].sort(([a], [b]) => a - b)),
    )
  })
})
