import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { convert, open, reindex, salvage, verify, type VerifyReport } from '../../src/index.ts'
import { fixturesRoot } from '../helpers/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-second-toc-'))
afterAll(() => rmSync(folder, { recursive: true }))

const codes = ({ findings }: VerifyReport): string[] =>
  findings.filter(({ severity }) => severity !== 'info').map(({ code }) => code)

// pg_dump 16 and newer write so into a file that standard output was redirected to
describe.each(['16-Fc', '17-Fc-lz4', '18-Fc-Z0', '18-Fc-zstd'])(
  'an archive with its table of contents twice, %s',
  (name) => {
    const source = join(fixturesRoot, 'redirected', `${name}.dump`)
    const bytes = readFileSync(source)
    const stream = async function* (size: number): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }

    test('is sound, and verify() says where the second is', async () => {
      const report = await verify(source)
      expect(report.sound).toBe(true)
      const second = report.findings.find(({ code }) => code === 'SECOND_TOC')
      const offset = second?.offset ?? 0
      // as long as the first, which ends where the first block begins
      await using archive = await open(source)
      expect(second?.severity).toBe('info')
      expect(bytes.indexOf(bytes.subarray(offset, offset + 40))).toBeLessThan(200)
      expect(archive.toc.every(({ data }) => data.state !== 'set')).toBe(true)
      expect((await verify(stream(7))).sound).toBe(true)
    })

    test.each([1, 1000, 1 << 20])(
      'is copied byte for byte from a stream in chunks of %i bytes, and from a file',
      async (size) => {
        const copy = join(folder, `${name}-${size}.dump`)
        await using fromStream = await open(stream(size))
        await convert(fromStream, copy)
        expect(readFileSync(copy).equals(bytes)).toBe(true)
        await using fromFile = await open(source)
        await convert(fromFile, copy, { overwrite: 'replace' })
        expect(readFileSync(copy).equals(bytes)).toBe(true)
      },
    )

    test('gives all its blocks, from a file and from a stream', async () => {
      const ids = async (input: string | AsyncIterable<Uint8Array>): Promise<number[]> => {
        await using archive = await open(input)
        const found: number[] = []
        for await (const { dumpId } of archive.blocks()) found.push(dumpId)
        return found
      }
      const found = await ids(source)
      expect(found.length).toBeGreaterThan(2)
      expect(await ids(stream(100))).toEqual(found)
    })

    test('gets offsets by reindex(), and is sound afterwards', async () => {
      const copy = join(folder, `${name}-reindexed.dump`)
      copyFileSync(source, copy)
      expect((await reindex(copy)).set).toBeGreaterThan(2)
      await using archive = await open(copy)
      const offsets = archive.toc.flatMap(({ data }) => (data.state === 'set' ? [data.offset] : []))
      expect(offsets.length).toBeGreaterThan(2)
      expect((await verify(copy)).sound).toBe(true)
    })

    test('loses nothing to salvage()', async () => {
      const report = await salvage(source, join(folder, `${name}-saved.dump`))
      expect(report.findings).toEqual([])
      expect(report.whole).toBe(true)
    })

    test('is damaged when the second differs from the first in more than offsets, is cut, or is followed by more', async () => {
      const { findings } = await verify(source)
      const offset = findings.find(({ code }) => code === 'SECOND_TOC')?.offset ?? 0
      const changed = Buffer.from(bytes)
      const at = bytes.indexOf('ENCODING', offset)
      changed[at] = 'X'.charCodeAt(0)
      for (const damaged of [
        changed,
        bytes.subarray(0, -1),
        bytes.subarray(0, offset + 1),
        Buffer.concat([bytes, bytes.subarray(-1)]),
      ]) {
        const file = join(folder, `${name}-damaged.dump`)
        writeFileSync(file, damaged)
        const report = await verify(file)
        expect(report.sound).toBe(false)
        expect(codes(report)).not.toEqual([])
        expect((await verify(file, { level: 'quick' })).sound).toBe(false)
      }
    })
  },
)
