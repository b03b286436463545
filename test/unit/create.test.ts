import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { create, type CreateOptions, type NewEntry } from '../../src/create.ts'
import { list } from '../../src/ops/list.ts'
import { toSql } from '../../src/ops/to-sql.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-create-'))
let outputs = 0
const nextOutput = (): string => join(folder, String(outputs++))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function sqlOf(entries: readonly NewEntry[], options: CreateOptions = {}): Promise<string> {
  const output = nextOutput()
  const writer = await create(output, options)
  for (const entry of entries) writer.addEntry(entry)
  await writer.finish()
  await using archive = await open(output)
  return Buffer.from(await toSql(archive, { restrictKey: false }).bytes()).toString()
}

const table = { desc: 'TABLE', tag: 't', namespace: 'public', dumpId: 10 } as const
const tableData = { desc: 'TABLE DATA', tag: 't', namespace: 'public', dependencies: [10] } as const

describe('create()', () => {
  test('adds the entries that say how text is to be read', async () => {
    const output = nextOutput()
    await (await create(output, { encoding: 'latin1', stdStrings: false, searchPath: `"o'clock", public` })).finish()
    await using archive = await open(output)
    expect(archive.toc.map(({ desc }) => desc)).toEqual(['ENCODING', 'STDSTRINGS', 'SEARCHPATH'])
    expect(archive.settings).toEqual({
      encoding: 'LATIN1',
      stdStrings: false,
      searchPath: `SELECT pg_catalog.set_config('search_path', '"o''clock", public', false);\n`,
    })
  })

  test('writes what it was told into the header', async () => {
    const output = nextOutput()
    const createDate = { year: 2020, month: 2, day: 30, hour: 25, minute: 0, second: 61, isdst: -1 }
    await (
      await create(output, { dbname: 'dä', remoteVersion: '17.0', dumpVersion: 'x', createDate, format: 'tar' })
    ).finish()
    await using archive = await open(output)
    expect(archive.header).toMatchObject({
      version: { major: 1, minor: 14, rev: 0 },
      format: 'tar',
      compression: { algorithm: 'none' },
      createDate,
      dbname: 'dä',
      remoteVersion: '17.0',
      dumpVersion: 'x',
    })
  })

  test('writes rows as COPY text', async () => {
    const rows = [
      ['1', 'a\tb\\c\n\r\b\v\f', null, new Uint8Array([0x41, 0x5c])],
      ['\\.', '', 'ü', '\\N'],
    ]
    const sql = await sqlOf([table, { ...tableData, columns: ['id', 'Odd "col"', 'select', 'x'], data: rows }])
    expect(sql).toContain(
      'COPY public.t (id, "Odd ""col""", "select", x) FROM stdin;\n' +
        '1\ta\\tb\\\\c\\n\\r\\b\\v\\f\t\\N\tA\\\\\n' +
        '\\\\.\t\tü\t\\\\N\n\\.\n\n\n',
    )
  })

  test.each([
    ['', '\\.\n\n\n'],
    ['1', '1\n\\.\n\n\n'],
    ['1\n', '1\n\\.\n\n\n'],
    ['1\n\\.', '1\n\\.'],
    ['1\n\\.\n\n\n', '1\n\\.\n\n\n'],
    ['\\.\n', '\\.\n'],
  ])('ends COPY text %j as pg_dump does: %j', async (text, expected) => {
    const sql = await sqlOf([table, { ...tableData, columns: ['a'], data: [Buffer.from(text)] }])
    expect(sql).toContain(`COPY public.t (a) FROM stdin;\n${expected}`)
  })

  test('takes data without a COPY statement as SQL', async () => {
    const sql = await sqlOf([table, { ...tableData, data: [Buffer.from('INSERT INTO public.t VALUES (1);')] }])
    expect(sql).toContain('\nINSERT INTO public.t VALUES (1);\n\n')
  })

  test('reads data when it is finished, from an async iterable', async () => {
    let read = 0
    async function* rows(): AsyncGenerator<readonly [string]> {
      for (; read < 100_000; read++) yield [String(read)]
    }
    const output = nextOutput()
    const writer = await create(output)
    writer.addEntry(table)
    const id = writer.addEntry({ ...tableData, columns: ['n'], data: rows() })
    expect(read).toBe(0)
    await writer.finish()
    await using archive = await open(output)
    const entry = archive.entry(id)
    if (entry === undefined) throw new Error('no entry')
    const text = Buffer.from(await archive.data(entry).bytes()).toString()
    expect(text.split('\n').length).toBe(100_004)
    expect(entry.data.state).toBe('set')
  })

  test('takes more large objects at once than a function takes arguments', async () => {
    const writer = await create(nextOutput())
    const data = new Uint8Array(0)
    const ids = writer.addLargeObjects(Array.from({ length: 150_000 }, (_, index) => ({ oid: index + 1, data })))
    expect(ids.length).toBe(150_000)
    await writer.abort()
  })

  test.each([
    [{ archiveVersion: { major: 1, minor: 14, rev: 0 } }, ['BLOB 5', 'BLOB 3000000000', 'BLOBS BLOBS']],
    [{ archiveVersion: { major: 1, minor: 16, rev: 0 } }, ['BLOB METADATA 5..3000000000', 'BLOBS 5..3000000000']],
    [
      { archiveVersion: { major: 1, minor: 16, rev: 0 }, format: 'directory' as const },
      ['BLOB METADATA 5..3000000000', 'BLOBS 5..3000000000'],
    ],
  ])('adds large objects with the entries of the version: %j', async (options, entries) => {
    const output = nextOutput()
    const writer = await create(output, options)
    writer.addLargeObjects(
      [
        { oid: 3_000_000_000, data: Buffer.from('big') },
        { oid: 5, data: [] },
      ],
      { owner: 'bob' },
    )
    await writer.finish()
    await using archive = await open(output)
    expect(archive.toc.slice(3).map(({ desc, tag }) => `${desc} ${tag}`)).toEqual(entries)
    const blobs = archive.toc.at(-1)
    if (blobs === undefined) throw new Error('no entry')
    const objects: string[] = []
    for await (const { oid, data } of archive.largeObjects(blobs)) {
      objects.push(`${oid} ${Buffer.from(await data.bytes()).toString()}`)
    }
    expect(objects).toEqual(['5 ', '3000000000 big'])
  })

  test('lists like an archive of pg_dump', async () => {
    const output = nextOutput()
    const writer = await create(output, { dbname: 'd', createDate: new Date(2020, 0, 2, 3, 4, 5) })
    writer.addEntry({ ...table, owner: 'bob', defn: 'CREATE TABLE public.t (a text);\n' })
    await writer.finish()
    await using archive = await open(output)
    expect(list(archive)).toContain('10; 1259 16394 TABLE public t bob\n')
  })

  test.each([
    ['a tar archive with compression', { format: 'tar', compression: 'gzip' }, 'USAGE'],
    ['lz4 before 1.15', { compression: 'lz4', archiveVersion: { major: 1, minor: 14, rev: 0 } }, 'UNSUPPORTED'],
    ['a version that is not written', { archiveVersion: { major: 1, minor: 11, rev: 0 } }, 'USAGE'],
    ['a level that there is not', { compression: { method: 'gzip', level: 12 } }, 'USAGE'],
    ['an encoding that there is not', { encoding: 'utf-9' }, 'USAGE'],
    ['a directory archive to a stream', { format: 'directory' }, 'USAGE'],
  ] as const)('refuses %s, and leaves nothing', async (_, options, code) => {
    const output = nextOutput()
    const target = 'format' in options && options.format === 'directory' ? new WritableStream<Uint8Array>() : output
    await expect(create(target, options)).rejects.toMatchObject({ code })
    expect(readdirSync(folder)).not.toContain(output)
  })

  test('refuses an output that exists unless told to replace it', async () => {
    const output = nextOutput()
    await (await create(output)).finish()
    const hint = expect.stringContaining("overwrite: 'replace'")
    await expect(create(output)).rejects.toMatchObject({ code: 'USAGE', hint })
    await expect(create(folder, { format: 'directory' })).rejects.toMatchObject({ code: 'USAGE', hint })
    await (await create(output, { overwrite: 'replace' })).finish()
  })
})

describe('addEntry()', () => {
  test.each([
    ['a dump id twice', [table, table], 'USAGE'],
    ['dump id 0', [{ ...table, dumpId: 0 }], 'USAGE'],
    ['data of a table', [{ ...table, data: [] }], 'USAGE'],
    ['table data without data', [table, tableData], 'USAGE'],
    ['large objects of a table', [{ ...table, largeObjects: [] }], 'USAGE'],
    [
      'columns beside a COPY statement',
      [table, { ...tableData, data: [], columns: ['a'], copyStmt: 'COPY t' }],
      'USAGE',
    ],
    ['a NUL', [{ ...table, tag: 'a\0b' }], 'USAGE'],
    ['half of a character', [{ ...table, tag: '\uD800' }], 'USAGE'],
    ['no type', [{ ...table, desc: '' }], 'USAGE'],
  ] as const)('refuses %s', async (_, entries, code) => {
    const writer = await create(nextOutput())
    expect(() => entries.map((entry) => writer.addEntry(entry))).toThrow(expect.objectContaining({ code }))
    await writer.abort()
  })

  test('refuses text that the encoding does not have', async () => {
    const writer = await create(nextOutput(), { encoding: 'LATIN1' })
    expect(() => writer.addEntry({ ...table, tag: '日本' })).toThrow(expect.objectContaining({ code: 'USAGE' }))
    await writer.abort()
  })
})

describe('finish()', () => {
  test.each([
    ['a dependency that is not there', [{ ...table, dependencies: [99] }], 'USAGE'],
    [
      'rows of different lengths',
      [table, { ...tableData, copyStmt: 'COPY t FROM stdin;\n', data: [['1'], ['1', '2']] }],
      'BAD_COPY_DATA',
    ],
    [
      'rows of another length than the columns',
      [table, { ...tableData, columns: ['a'], data: [['1', '2']] }],
      'BAD_COPY_DATA',
    ],
    ['a NUL in a row', [table, { ...tableData, columns: ['a'], data: [['a\0']] }], 'BAD_COPY_DATA'],
    ['rows and bytes', [table, { ...tableData, columns: ['a'], data: [['1'], Buffer.from('2\n')] }], 'USAGE'],
    ['rows without a COPY statement', [table, { ...tableData, data: [['1']] }], 'USAGE'],
    ['a large object without an OID', [{ desc: 'BLOBS', tag: 'BLOBS', largeObjects: [{ oid: 0, data: [] }] }], 'USAGE'],
  ])('fails for %s, and leaves nothing', async (_, entries, code) => {
    for (const format of ['custom', 'directory', 'tar'] as const) {
      const place = mkdtempSync(join(folder, 'failing-'))
      const writer = await create(join(place, 'out'), { format })
      for (const entry of entries) writer.addEntry(entry as NewEntry) // some are wrong on purpose
      await expect(writer.finish()).rejects.toMatchObject({ code })
      expect(readdirSync(place)).toEqual([])
    }
  })

  test('hands on what the data throw, returns their iterators and leaves nothing', async () => {
    let returned = 0
    async function* failing(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('1\n')
        throw new Error('the data fail')
      } finally {
        returned++
      }
    }
    const place = mkdtempSync(join(folder, 'failing-'))
    const writer = await create(join(place, 'out'))
    writer.addEntry(table)
    writer.addEntry({ ...tableData, columns: ['a'], data: failing() })
    await expect(writer.finish()).rejects.toThrow('the data fail')
    expect(returned).toBe(1)
    expect(readdirSync(place)).toEqual([])
    expect(() => writer.addEntry(table)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })

  test('fails for options and fields that it does not have, and leaves nothing', async () => {
    const place = mkdtempSync(join(folder, 'wrong-'))
    const output = join(place, 'out')
    await expect(create(output, { format: 'zip' as 'tar' })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(create(output, { searchPath: 'a\0' })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(create(output, { searchPath: '€', encoding: 'LATIN1' })).rejects.toMatchObject({ code: 'USAGE' })
    const writer = await create(output)
    const slip = { ...table, dependancies: [1] }
    expect(() => writer.addEntry(slip)).toThrow(expect.objectContaining({ code: 'USAGE' }))
    await writer.abort()
    expect(readdirSync(place)).toEqual([])
  })

  test.each(['rows', 'large objects', 'a large object'])('ends while %s do not answer', async (what) => {
    async function* silent<T>(first: T): AsyncGenerator<T> {
      yield first
      await new Promise(() => undefined)
    }
    const oneByte = new Uint8Array(1)
    const dataOf = (): NewEntry => {
      if (what === 'rows') return { ...tableData, dependencies: [], columns: ['a'], data: silent(['1']) }
      const object = { oid: 1, data: what === 'large objects' ? oneByte : silent(oneByte) }
      return { desc: 'BLOBS', tag: 'BLOBS', largeObjects: what === 'large objects' ? silent(object) : [object] }
    }
    for (const way of ['signal', 'abort'] as const) {
      const place = mkdtempSync(join(folder, 'silent-'))
      const controller = new AbortController()
      const writer = await create(join(place, 'out'), { signal: controller.signal })
      writer.addEntry(dataOf())
      const finished = writer.finish()
      const rejected = expect(finished).rejects.toThrow('enough')
      await new Promise((resolve) => setTimeout(resolve, 50))
      if (way === 'signal') controller.abort(new Error('enough'))
      else await writer.abort(new Error('enough'))
      await rejected
      expect(readdirSync(place)).toEqual([])
    }
  })

  test('ends with the reason of its signal', async () => {
    const place = mkdtempSync(join(folder, 'aborted-'))
    const controller = new AbortController()
    const writer = await create(join(place, 'out'), { signal: controller.signal })
    writer.addEntry(table)
    async function* endless(): AsyncGenerator<readonly [string]> {
      for (let row = 0; ; row++) {
        if (row === 100_000) controller.abort(new Error('enough'))
        yield [String(row)]
      }
    }
    writer.addEntry({ ...tableData, columns: ['a'], data: endless() })
    await expect(writer.finish()).rejects.toThrow('enough')
    expect(readdirSync(place)).toEqual([])
  })
})
