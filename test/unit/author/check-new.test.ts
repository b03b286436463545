import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { create, type CreateOptions, type NewEntry } from '../../../src/create.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-check-new-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const table = { desc: 'TABLE', tag: 't', namespace: 'public' }
const date = { year: 2020, month: 2, day: 30, hour: 25, minute: 0, second: 61, isdst: -1 }

describe('create() refuses what no type checker has seen', () => {
  test.each([
    ['createDate', new Date('nonsense'), 'Invalid Date'],
    ['createDate', 'yesterday', '"yesterday"'],
    ['createDate', null, 'null'],
    ['createDate', { ...date, month: undefined }, 'createDate.month is undefined'],
    ['createDate', { ...date, second: 1.5 }, 'createDate.second is 1.5'],
    ['createDate', { ...date, year: -2_147_483_648 }, 'createDate.year is -2147483648'],
    ['createDate', new Date(8.64e15), undefined],
    ['overwrite', 'yes', '"yes"'],
    ['overwrite', true, 'true'],
    ['dbname', 7, '7'],
    ['dumpVersion', Symbol('x'), 'Symbol(x)'],
    ['remoteVersion', {}, '{}'],
    ['searchPath', ['public'], '["public"]'],
    ['stdStrings', 'off', '"off"'],
    ['encoding', 5, '5'],
    ['archiveVersion', '1.14', '"1.14"'],
    ['archiveVersion', { major: 1, minor: 14 }, 'archiveVersion.rev is undefined'],
    ['compression', 'brotli', '"brotli"'],
    ['compression', { method: 'gzip', level: '6' }, '"6"'],
    ['compression', 3, '3'],
  ])('%s: %j', async (option, value, told) => {
    const output = join(folder, 'never')
    const options: CreateOptions = { [option]: value }
    if (told === undefined) return void (await (await create(output, options)).abort())
    await expect(create(output, options)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(told),
    })
    await expect(create(output, options)).rejects.toThrow(option)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('addEntry() refuses what no type checker has seen', () => {
  test.each([
    ['section', 'predata', '"predata", must be none, pre-data, data or post-data'],
    ['section', 'unknown', '"unknown"'],
    ['relkind', 'x', '"x"'],
    ['relkind', 'rr', '"rr"'],
    ['desc', undefined, 'desc is undefined'],
    ['tag', null, 'tag is null'],
    ['namespace', 5, 'namespace is 5'],
    ['owner', true, 'owner is true'],
    ['columns', 'a,b', 'columns is "a,b"'],
    ['columns', ['a', 1], 'columns[1] is 1'],
    ['dependencies', 7, 'dependencies is 7'],
    ['dependencies', [1, '2'], 'dependencies[1] is "2"'],
    ['catalogId', { tableoid: -1, oid: 0 }, 'catalogId.tableoid is -1'],
    ['catalogId', 1259, 'catalogId is 1259'],
    ['dumpId', '9', '"9"'],
    ['dumpId', null, 'null'],
    ['data', 'a\tb\n', 'data is "a\\tb\\n"'],
    ['data', 17, 'data is 17'],
    ['largeObjects', 17, 'largeObjects is 17'],
  ])('%s: %j', async (field, value, told) => {
    const writer = await create(join(folder, 'never'))
    const desc = field === 'largeObjects' ? 'BLOBS' : ['data', 'columns'].includes(field) ? 'TABLE DATA' : 'TABLE'
    const entry: NewEntry = { ...table, desc, ...(desc === 'TABLE DATA' ? { data: [] } : {}), [field]: value }
    expect(() => writer.addEntry(entry)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(told) }),
    )
    await writer.abort()
  })

  test.each(['ENCODING', 'STDSTRINGS', 'SEARCHPATH'])('a second %s entry', async (desc) => {
    const writer = await create(join(folder, 'never'))
    const again = { desc, tag: desc, defn: "SET client_encoding = 'LATIN1';\n" }
    expect(() => writer.addEntry(again)).toThrow(
      expect.objectContaining({ code: 'USAGE', hint: expect.stringContaining('create()') }),
    )
    await writer.abort()
  })

  test('takes every relkind and section that there is', async () => {
    const writer = await create(join(folder, 'never'))
    for (const relkind of ['', ...'rtSvmcfpIi']) writer.addEntry({ ...table, relkind })
    for (const section of ['none', 'pre-data', 'data', 'post-data'] as const) writer.addEntry({ ...table, section })
    await writer.abort()
  })
})
