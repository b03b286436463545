import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import type { Finding } from '../../../src/errors.ts'
import { convert } from '../../../src/ops/convert.ts'
import { downgrade } from '../../../src/ops/downgrade.ts'
import { digest } from '../../../src/ops/digest.ts'
import { filter } from '../../../src/ops/filter.ts'
import { rewriteOwner } from '../../../src/ops/rewrite-owner.ts'
import { toSql } from '../../../src/ops/to-sql.ts'
import type { ArchiveView } from '../../../src/view.ts'
import { collectingStream, fileStream } from '../../helpers/archives.ts'
import { fixture } from '../../helpers/corpus.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-convert-'))
let outputs = 0
const nextOutput = (): string => join(scratch, String(outputs++))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const dump = fixture('18/full-Fc.dump').file
const old = fixture('derived/v1.11-Fc.dump').file

async function digestOf(view: ArchiveView): Promise<string> {
  return (await digest(view)).sha256
}

describe('convert()', () => {
  test('copies an archive of which nothing is asked to change, also through views that change nothing', async () => {
    await using archive = await open(dump)
    const output = nextOutput()
    const result = await convert(rewriteOwner(archive, {}), output)
    const stored = readFileSync(dump)
    expect(result).toMatchObject({ verbatim: false, streams: { compressed: 0, rewrapped: 0 }, bytes: stored.length })
    expect(readFileSync(output).equals(stored)).toBe(true)
    const copied = await convert(archive, nextOutput())
    expect(copied).toMatchObject({
      verbatim: true,
      dropped: [],
      warnings: [],
      bytes: stored.length,
      compression: 'gzip',
    })
  })

  test('does not compress again what stays compressed as it is', async () => {
    await using archive = await open(dump)
    const some = filter(archive, { excludeTableData: ['plain.many_rows'], create: true })
    expect(await convert(some, nextOutput())).toMatchObject({ streams: { compressed: 0, rewrapped: 0 } })
    expect(await convert(some, nextOutput(), { format: 'directory' })).toMatchObject({
      streams: { copied: 0, compressed: 0 },
    })
    const level = await convert(some, nextOutput(), { compression: { method: 'gzip', level: 1 } })
    expect(level.streams).toMatchObject({ copied: 0, rewrapped: 0 })
  })

  test('tells what a downgrade took apart from what the selection left out', async () => {
    await using archive = await open(dump)
    const expected = downgrade(archive, { targetVersion: '9.6' }).losses()
    expect(expected.length).toBeGreaterThan(0)
    expect(await convert(archive, nextOutput(), { targetVersion: '9.6' })).toMatchObject({
      dropped: [],
      losses: expected,
    })
    const view = downgrade(archive, { targetVersion: '9.6' })
    expect(await convert(view, nextOutput())).toMatchObject({ dropped: [], losses: expected })
    expect((await convert(archive, nextOutput())).losses).toEqual([])
  })

  test('tells what was left out, and why where that is known', async () => {
    await using archive = await open(dump)
    const view = filter(archive, { tables: ['many_rows'], withDependents: true, create: true })
    const { dropped, entries } = await convert(view, nextOutput())
    expect(entries).toBe(view.toc.length)
    expect(dropped.length).toBe(archive.toc.length - entries)
    expect(dropped.find(({ entry }) => entry.tag === 'all_types')).not.toHaveProperty('reason')
  })

  test('reports progress: bytes up to those of the output, and entries', async () => {
    await using archive = await open(dump)
    const seen = new Set<number | undefined>()
    let last = 0
    const { bytes } = await convert(archive, nextOutput(), {
      format: 'tar',
      onProgress: ({ bytes: now, entry }) => {
        expect(now).toBeGreaterThanOrEqual(last)
        last = now
        seen.add(entry)
      },
    })
    expect(last).toBe(bytes)
    const withData = archive.toc.filter(({ hadDumper, desc }) => hadDumper && desc === 'TABLE DATA')
    for (const { dumpId } of withData) expect(seen).toContain(dumpId)
  })

  test.each(['custom', 'directory'] as const)('leaves nothing behind when it is aborted: %s', async (format) => {
    await using archive = await open(dump)
    const abort = new AbortController()
    const folder = mkdtempSync(join(scratch, 'aborted-'))
    const reason = new Error('enough')
    const running = convert(archive, join(folder, 'output'), {
      format,
      compression: { method: 'none' },
      signal: abort.signal,
      onProgress: ({ bytes }) => bytes > 100_000 && abort.abort(reason),
    })
    await expect(running).rejects.toBe(reason)
    expect(readdirSync(folder)).toEqual([])
  })

  test('adds what later versions need for the large objects of archives older than 1.12', async () => {
    await using archive = await open(old)
    const warnings: Finding[] = []
    const output = nextOutput()
    const result = await convert(archive, output, { onWarning: (finding) => warnings.push(finding) })
    expect(result.archiveVersion).toEqual({ major: 1, minor: 12, rev: 0 })
    expect(warnings.map(({ code, severity }) => ({ code, severity }))).toEqual([
      { code: 'VERSION_RAISED', severity: 'info' },
    ])
    expect(result.warnings).toEqual(warnings)
    await using written = await open(output)
    const stored: number[] = []
    for (const entry of written.toc.filter(({ desc }) => desc === 'BLOBS')) {
      for await (const { oid } of written.largeObjects(entry)) stored.push(oid)
    }
    const made = written.toc.filter(({ desc }) => desc === 'BLOB')
    expect(made.map(({ tag }) => Number(tag))).toEqual(stored)
    expect(stored.length).toBeGreaterThan(0)
    const ids = written.toc.map(({ dumpId }) => dumpId)
    expect(new Set(ids).size).toBe(ids.length)
    const sections = written.toc.map(({ section }) => section).filter((section) => section !== 'none')
    expect(sections.lastIndexOf('pre-data')).toBeLessThan(sections.indexOf('data'))
    const script = Buffer.from(await toSql(written).bytes()).toString()
    expect(script.indexOf(`lo_create('${stored[0]}')`)).toBeLessThan(script.indexOf(`lo_open('${stored[0]}'`))
  })

  test('refuses that on input which cannot go back', async () => {
    await using archive = await open(fileStream(old))
    await expect(convert(archive, nextOutput())).rejects.toMatchObject({ code: 'DATA_OUT_OF_ORDER' })
  })

  test('says that integers of another size become integers of 4 bytes', async () => {
    await using archive = await open(fixture('derived/v1.14-int8-off8-Fc.dump').file)
    const output = nextOutput()
    const { warnings, verbatim } = await convert(archive, output)
    expect(warnings.map(({ code }) => code)).toEqual(['INTEGERS_RESIZED'])
    expect(verbatim).toBe(false)
    await using written = await open(output)
    expect(written.header.intSize).toBe(4)
    expect(await digestOf(written)).toBe(await digestOf(archive))
  })

  test('refuses an output that exists', async () => {
    await using archive = await open(dump)
    const output = nextOutput()
    await convert(archive, output)
    await expect(convert(archive, output)).rejects.toMatchObject({ code: 'USAGE', file: output })
    await convert(filter(archive, { schemaOnly: true }), output, { overwrite: 'replace' })
    await using written = await open(output)
    expect(written.toc.some(({ desc }) => desc === 'TABLE DATA')).toBe(false)
  })

  test('lays out large objects as the version has them', async () => {
    await using archive = await open(dump)
    const output = nextOutput()
    const { warnings } = await convert(archive, output, { archiveVersion: { major: 1, minor: 14, rev: 0 } })
    expect(warnings.map(({ code }) => code)).toEqual(['ACCESS_METHOD_LOST'])
    await using written = await open(output)
    expect(written.toc.some(({ desc }) => desc === 'BLOB METADATA')).toBe(false)
    const objects = async (view: ArchiveView): Promise<unknown> => (await digest(view)).largeObjects
    expect(await objects(written)).toEqual(await objects(archive))
  })

  test('groups large objects in a tar archive of 1.16, where the reader looks for groups', async () => {
    await using archive = await open(fixture('13/full-Fc.dump').file)
    const output = nextOutput()
    const archiveVersion = { major: 1, minor: 16, rev: 0 }
    await convert(archive, output, { format: 'tar', archiveVersion })
    await using written = await open(output)
    expect(written.header.version).toEqual(archiveVersion)
    expect(written.toc.some(({ desc }) => desc === 'BLOB METADATA')).toBe(true)
    const contents = written.toc.find(({ desc }) => desc === 'BLOBS')
    expect(contents?.tag).toBe('100001..100016')
  })
})

describe('convert() of input that cannot go back', () => {
  const reversed = async (view: ArchiveView): Promise<ArchiveView> => {
    const rows = view.toc.filter(({ desc }) => desc === 'TABLE DATA').map(({ dumpId }) => dumpId)
    return filter(view, { list: rows.reverse() })
  }

  test.each(['custom', 'directory', 'tar'] as const)('keeps the content: %s', async (format) => {
    await using archive = await open(fileStream(dump))
    const output = nextOutput()
    await convert(archive, output, { format })
    await using written = await open(output)
    await using original = await open(dump)
    expect(await digestOf(written)).toBe(await digestOf(original))
  })

  test.each(['custom', 'directory'] as const)('takes any order of entries to a %s that goes back', async (format) => {
    await using archive = await open(fileStream(dump))
    const output = nextOutput()
    await convert(await reversed(archive), output, { format })
    await using written = await open(output)
    await using original = await open(dump)
    const rows = async (view: ArchiveView): Promise<unknown> =>
      (await digest(view)).entries.map(({ dumpId, data }) => `${dumpId} ${data}`)
    expect(await rows(written)).toEqual(await rows(await reversed(original)))
  })

  test('tells data that never come', async () => {
    await using whole = await open(dump)
    const offsets = whole.toc.flatMap(({ data }) => (data.state === 'set' ? [data.offset] : []))
    const cut = readFileSync(dump).subarray(0, Math.max(...offsets))
    const input = new Blob([cut]).stream()
    await using archive = await open(input)
    const output = nextOutput()
    await expect(convert(archive, output, { format: 'directory' })).rejects.toMatchObject({ code: 'MISSING_BLOCK' })
    expect(existsSync(output)).toBe(false)
  })

  test('refuses another order in a tar archive, and on output that cannot go back either', async () => {
    const expected = { code: 'DATA_OUT_OF_ORDER', hint: expect.stringMatching(/spool/) }
    await using first = await open(fileStream(dump))
    await expect(convert(await reversed(first), nextOutput(), { format: 'tar' })).rejects.toMatchObject(expected)
    await using second = await open(fileStream(dump))
    const { stream, bytes } = collectingStream()
    await expect(convert(await reversed(second), stream)).rejects.toMatchObject(expected)
    expect(bytes().length).toBe(0)
  })
})
