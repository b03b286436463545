import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import {
  isArchiveError,
  open,
  type Archive,
  type ArchiveInput,
  type Finding,
  type OpenOptions,
  type RandomAccess,
} from '../../src/index.ts'
import { fixture } from '../helpers/corpus.ts'
import { FaultySource, openFiles } from '../helpers/faults.ts'
import { concat, copyEnd, dataBlock, tar, tocBytes } from './format/build-archive.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-archive-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** All data of an archive, by dump id and OID. */
async function everything(archive: Archive): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  archive.plan(archive.toc)
  for (const entry of archive.toc) {
    if (entry.data.state === 'no-data') continue
    if (entry.desc !== 'BLOBS') all.set(String(entry.dumpId), latin1(await archive.data(entry).bytes()))
    else {
      for await (const { oid, data } of archive.largeObjects(entry)) {
        all.set(`${entry.dumpId}/${oid}`, latin1(await data.bytes()))
      }
    }
  }
  return all
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')

async function readAll(input: ArchiveInput, options: OpenOptions = {}): Promise<Map<string, string>> {
  await using archive = await open(input, options)
  return await everything(archive)
}

async function* single(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (const byte of bytes) yield Uint8Array.of(byte)
}

const inputs: readonly (readonly [string, (path: string, bytes: Uint8Array) => ArchiveInput])[] = [
  ['a path', (path) => path],
  ['a URL', (path) => pathToFileURL(path)],
  ['bytes', (_, bytes) => bytes],
  ['a Blob', (_, bytes) => new Blob([new Uint8Array(bytes)])],
  ['random access', (_, bytes) => new FaultySource(bytes)],
  ['a Readable', (path) => createReadStream(path, { highWaterMark: 1000 })],
  ['a web stream', (path) => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>],
  ['an async iterable', (_, bytes) => Readable.from([bytes.subarray(0, 7), bytes.subarray(7)])],
  ['single bytes', (_, bytes) => single(bytes)],
]

describe.each([
  'derived/small-Fc.dump',
  'derived/v1.0-Fc.dump',
  'derived/v1.3-Fc.dump',
  'derived/v1.6-int8-off8-Fc.dump',
  'derived/v1.14-int2-off4-Fc.dump',
  'derived/v1.12-Fc-pipe.dump',
  '18/latin1-Fc.dump',
  '18/filter-Fc.dump',
  'derived/small-Ft.tar',
  'derived/v1.12-Ft.tar',
  '18/latin1-Ft.tar',
])('open() of %s', (name) => {
  const path = fixture(name).file
  const bytes = new Uint8Array(readFileSync(path))

  test.each(inputs)('gives the same data from %s', async (_, input) => {
    const whole = await readAll(path)
    expect(whole.size).toBeGreaterThan(0)
    expect(await readAll(input(path, bytes))).toEqual(whole)
  })

  test('gives the same data forward only, spooled and without threads', async () => {
    const whole = await readAll(path)
    expect(await readAll(path, { forwardOnly: true })).toEqual(whole)
    expect(await readAll(createReadStream(path), { spool: true })).toEqual(whole)
    expect(await readAll(path, { workers: 0 })).toEqual(whole)
  })

  test.each(['gzip'])('reads it inside of a %s file', async () => {
    const warnings: Finding[] = []
    const packed = gzipSync(bytes)
    const onWarning = (finding: Finding): number => warnings.push(finding)
    expect(await readAll(packed, { onWarning })).toEqual(await readAll(path))
    expect(warnings).toContainEqual(expect.objectContaining({ code: 'COMPRESSED_ARCHIVE', severity: 'info' }))
    await using spooled = await open(packed, { spool: true })
    expect(spooled.seekable).toBe(true)
    expect(await everything(spooled)).toEqual(await readAll(path))
  })

  test('opens and reads with a failure at any read, or tells of it', async () => {
    const counting = new FaultySource(bytes)
    await readAll(counting)
    for (let failAt = 1; failAt <= Math.min(counting.reads, 60); failAt++) {
      const outcome = await readAll(new FaultySource(bytes, failAt)).catch((error: unknown) => error)
      expect(outcome).toBe(FaultySource.error)
    }
  })
})

test.each(['derived/small-Fd.dir', 'derived/v1.12-Fd.dir'])(
  'open() of %s gives what the custom archive holds',
  async (name) => {
    const custom = fixture(name.replace('Fd.dir', 'Fc.dump')).file
    expect([...(await readAll(fixture(name).file)).values()]).toEqual([...(await readAll(custom)).values()])
  },
)

describe('open()', () => {
  test('reads header and table of contents only', async () => {
    const entry = { dumpId: 1 }
    const bytes = concat(tocBytes([entry]), dataBlock(1, 'x'.repeat(8_000_000), copyEnd))
    let read = 0
    const source: RandomAccess = {
      size: bytes.length,
      read: async (offset, length) => {
        const part = bytes.slice(offset, offset + length)
        read += part.length
        return part
      },
    }
    await using archive = await open(source)
    expect(archive.toc).toHaveLength(1)
    expect(read).toBeLessThanOrEqual(65_536)
  })

  test.each([
    ['nothing', '', 'NOT_AN_ARCHIVE', 'input file is too short (read 0, expected 5)'],
    ['four bytes', 'PGDM', 'NOT_AN_ARCHIVE', 'input file is too short (read 4, expected 5)'],
    ['a few bytes', 'what is this', 'NOT_AN_ARCHIVE', 'input file does not appear to be a valid archive (too short?)'],
    [
      'other bytes',
      'what is this'.repeat(50),
      'NOT_AN_ARCHIVE',
      'input file does not appear to be a valid tar archive',
    ],
    [
      'a ZIP file',
      `PK\x03\x04${'x'.repeat(600)}`,
      'NOT_AN_ARCHIVE',
      'input file does not appear to be a valid tar archive',
    ],
    [
      'a script of pg_dump',
      '--\n-- PostgreSQL database dump\n--\n\nSET x = 1;\n',
      'PLAIN_SQL',
      'input file appears to be a text format dump. Please use psql.',
    ],
    ['another script', 'SET x = 1;\n', 'PLAIN_SQL', 'input file does not appear to be a valid archive (too short?)'],
  ])('refuses %s with a hint', async (_, text, code, pgRestore) => {
    const bytes = Buffer.from(text, 'latin1')
    for (const input of [bytes, single(bytes)]) {
      const error = await open(input).catch((caught: unknown) => caught)
      expect(error).toMatchObject({ code, hint: expect.any(String), details: { pgRestore } })
    }
  })

  test('says how to run a compressed script', async () => {
    const path = join(scratch, 'dump.sql.gz')
    writeFileSync(path, gzipSync('--\n-- PostgreSQL database dump\n--\n\n'))
    await expect(open(path)).rejects.toMatchObject({
      code: 'PLAIN_SQL',
      hint: `Run it with psql: gunzip -c ${path} | psql`,
    })
  })

  test('refuses what is compressed twice', async () => {
    await expect(open(gzipSync(gzipSync('PGDMP')))).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' })
  })

  test('sends who opens a data file to its directory', async () => {
    const path = join(scratch, '3045.dat')
    writeFileSync(path, '1\t2\n')
    await expect(open(path)).rejects.toMatchObject({
      hint: 'This is a file of a directory archive: open the directory',
    })
  })

  test('is VERSION_TOO_NEW for an archive of a later version', async () => {
    const bytes = tocBytes([], { minor: 17 })
    await expect(open(bytes)).rejects.toMatchObject({ code: 'VERSION_TOO_NEW' })
  })

  test('tells the format by the content, not by the name', async () => {
    const path = join(scratch, 'custom.tar')
    writeFileSync(path, concat(tocBytes([{ dumpId: 1 }]), dataBlock(1, copyEnd)))
    await using archive = await open(path)
    expect(archive.format).toBe('custom')
  })

  test('takes a format that is given at its word', async () => {
    const custom = tocBytes([])
    await expect(open(custom, { format: 'tar' })).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      cause: { code: 'UNEXPECTED_EOF' },
    })
    await expect(open(tar({ name: 'toc.dat', data: custom }), { format: 'custom' })).rejects.toMatchObject({
      code: 'NOT_AN_ARCHIVE',
      details: { pgRestore: 'did not find magic string in file header' },
    })
    await expect(open(custom, { format: 'directory' })).rejects.toMatchObject({ code: 'NOT_AN_ARCHIVE' })
    await expect(open(scratch, { format: 'custom' })).rejects.toMatchObject({
      details: { pgRestore: 'could not read from input file: Is a directory' },
    })
  })

  test.each([{ workers: -1 }, { workers: 1.5 }, { maxBufferBytes: 10 }, { format: 'zip' as 'tar' }])(
    'refuses the options %j',
    async (options) => expect(open(tocBytes([]), options)).rejects.toMatchObject({ code: 'USAGE' }),
  )

  test('passes file-system errors on', async () => {
    await expect(open(join(scratch, 'missing.dump'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

test.each([
  ['custom', 'tar', '18/full-Ft.tar'],
  ['tar', 'custom', '18/full-Fc.dump'],
] as const)('open() as %s says that an archive is a %s archive', async (format, found, path) => {
  await expect(open(fixture(path).file, { format })).rejects.toMatchObject({
    code: 'NOT_AN_ARCHIVE',
    message: expect.stringContaining(`as a ${format} archive: it is a ${found} archive`),
    hint: 'Leave out the format to have it found out',
  })
})

describe('handles', () => {
  const path = fixture('derived/small-Fc.dump').file

  test('are closed when opening fails', async () => {
    const before = openFiles()
    const bad = join(scratch, 'bad.dump')
    writeFileSync(bad, tocBytes([{ dumpId: 1 }]).subarray(0, 100))
    await expect(open(bad)).rejects.toSatisfy(isArchiveError)
    expect(openFiles()).toEqual(before)
  })

  test('are closed by close(), with streams half read', async () => {
    const before = openFiles()
    for (const file of [path, fixture('derived/small-Fd.dir').file, fixture('derived/small-Ft.tar').file]) {
      const archive = await open(file)
      archive.plan(archive.toc)
      const streams = archive.toc
        .filter((entry) => entry.data.state !== 'no-data' && entry.desc !== 'BLOBS')
        .map((entry) => archive.data(entry).borrow())
      await Promise.all(streams.map((stream) => stream.next()))
      await archive.close()
      await expect(Promise.all(streams.map((stream) => stream.next()))).rejects.toMatchObject({ code: 'CLOSED' })
    }
    expect(openFiles()).toEqual(before)
  })

  test('of the caller stay open', async () => {
    const source = new FaultySource(readFileSync(path))
    await (await open(source)).close()
    expect(source.closes).toBe(0)
  })

  test('of a stream are released by close()', async () => {
    const stream = createReadStream(path, { highWaterMark: 100 })
    await (await open(stream)).close()
    expect(stream.destroyed).toBe(true)
  })
})

describe('signal', () => {
  test('ends the opening of a stream that gives nothing', async () => {
    const control = new AbortController()
    const stuck = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) })
    const opening = open(stuck, { signal: control.signal })
    control.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
  })

  test('of open() ends reads also where the input has been taken in whole', async () => {
    const control = new AbortController()
    const input = Readable.from([readFileSync(fixture('18/full-Fc.dump').file)])
    await using archive = await open(input, { signal: control.signal })
    control.abort(new Error('enough'))
    await expect(everything(archive)).rejects.toThrow('enough')
  })

  test('that is aborted already opens nothing', async () => {
    await expect(open('/nowhere', { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
  })

  test('ends a read of data that does not come', async () => {
    const bytes = concat(tocBytes([{ dumpId: 1 }]), dataBlock(1, 'one\n', copyEnd).subarray(0, 12))
    for (const where of ['open', 'data'] as const) {
      const control = new AbortController()
      const { signal } = control
      const stuck = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(bytes),
        pull: () => new Promise(() => undefined),
      })
      const archive = await open(stuck, where === 'open' ? { signal } : {})
      const [entry] = archive.toc
      if (entry === undefined) throw new Error('no entry')
      const reading = archive.data(entry, where === 'data' ? { signal } : {}).bytes()
      setTimeout(() => control.abort(new Error('enough')), 10)
      await expect(reading).rejects.toThrow('enough')
      await archive.close()
    }
  })
})
