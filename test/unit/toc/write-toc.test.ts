import { describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import type { RawTocEntry, TocEntry } from '../../../src/toc/types.ts'
import { headerCompression, writeHead } from '../../../src/toc/write-head.ts'
import { tocPieces, writeToc } from '../../../src/toc/write-toc.ts'
import { fixtures, tocBytes } from '../../helpers/corpus.ts'
import { entryOf, headerOf } from '../../helpers/entries.ts'

/** The entry without the bytes it was read from, so that every field is written. */
function withoutRecord(entry: TocEntry): TocEntry {
  const { raw } = entry
  const bare: RawTocEntry = {
    bytes: (field) => raw.bytes(field),
    byteString: (field) => raw.byteString(field),
    ...(raw.number === undefined ? {} : { number: raw.number.bind(raw) }),
  }
  return new Proxy(entry, {
    get: (target, name) => (name === 'raw' ? bare : (Reflect.get(target, name, target) as unknown)),
  })
}

const readable = fixtures().filter(({ path }) => !path.includes('unknown'))

describe('writeHead() and writeToc()', () => {
  test.each(readable)('write $path as it was read', async (archive) => {
    const stored = tocBytes(archive)
    await using opened = await open(archive.file)
    const head = writeHead(opened.header)
    expect(Buffer.from(head).equals(stored.subarray(0, head.length))).toBe(true)
    const { bytes } = writeToc(opened.toc, opened.header, () => ({ kind: 'stored' }))
    expect(Buffer.from(bytes).equals(stored.subarray(head.length, head.length + bytes.length))).toBe(true)
  })

  test.each(readable)('write every field of $path as it was read', async (archive) => {
    const stored = tocBytes(archive)
    await using opened = await open(archive.file)
    const { header } = opened
    const { bytes } = writeToc(opened.toc.map(withoutRecord), header, ({ data }) => {
      switch (data.state) {
        case 'file':
          return { kind: 'file', name: data.filename }
        case 'set':
          return { kind: 'offset', flag: 'set', position: data.offset }
        default:
          if (header.format !== 'custom') return { kind: 'file', name: '' }
          return { kind: 'offset', flag: data.state, position: 0 }
      }
    })
    const { length } = writeHead(header)
    expect(Buffer.from(bytes).equals(stored.subarray(length, length + bytes.length))).toBe(true)
  })

  test('gives fields that a version before lacked what pg_dump writes', () => {
    const partitioned = 'CREATE TABLE public.p (\n    a integer\n)\nPARTITION BY RANGE (a);\n'
    const entries = [
      entryOf(1, { desc: 'TABLE' }),
      entryOf(2, { desc: 'TABLE', defn: partitioned }),
      entryOf(3, { desc: 'VIEW' }),
      entryOf(4, { desc: 'INDEX' }),
      entryOf(5, { desc: 'TABLE', relkind: 't' }),
    ]
    const { bytes } = writeToc(entries, headerOf(), () => ({ kind: 'offset', flag: 'no-data', position: 0 }))
    // the Int before the owner, which has 8 bytes
    const text = Buffer.from(bytes).toString('latin1')
    const kinds = text
      .split('postgres')
      .slice(0, -1)
      .map((before) => before.at(-9))
    expect(kinds).toEqual(['r', 'p', 'v', '\0', 't'])
  })
})

describe('headerCompression()', () => {
  const version = (minor: number): { major: number; minor: number; rev: number } => ({ major: 1, minor, rev: 0 })
  test.each([
    ['gzip', 14, null, -1],
    ['gzip', 14, 9, 9],
    ['none', 14, null, 0],
    ['gzip', 15, 9, 1],
    ['lz4', 15, null, 2],
    ['zstd', 16, 19, 3],
    ['none', 16, null, 0],
    ['gzip', 3, null, 6],
    ['gzip', 1, null, null],
  ] as const)('says %s in 1.%i at level %s as %s', (algorithm, minor, level, stored) => {
    expect(headerCompression(algorithm, version(minor), level)).toMatchObject({ algorithm, stored })
  })

  test.each([
    ['lz4', 14],
    ['zstd', 12],
    ['none', 1],
  ] as const)('refuses %s in 1.%i', (algorithm, minor) => {
    expect(() => headerCompression(algorithm, version(minor))).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
  })

  test('give a long table of contents in short pieces', () => {
    const entries = Array.from({ length: 5_000 }, (_, index) => entryOf(index + 1, { defn: 'x'.repeat(100) }))
    const extra = { kind: 'offset', flag: 'no-data', position: 0 } as const
    const pieces = Array.from(
      tocPieces(entries, headerOf(), () => extra),
      (piece) => piece.slice(),
    )
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(66_000)
    expect(pieces.length).toBeGreaterThan(10)
    const noted: number[] = []
    const again = [
      ...tocPieces(
        entries,
        headerOf(),
        () => extra,
        (at) => noted.push(at),
      ),
    ]
    const { bytes, offsets } = writeToc(entries, headerOf(), () => extra)
    expect(again.length).toBe(pieces.length)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    expect(noted).toEqual(offsets)
    expect(offsets.every((at) => bytes[at] === 3)).toBe(true)
  })
})
