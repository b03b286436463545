import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { create, type CreateOptions, type NewEntry } from '../../src/create.ts'
import { verify } from '../../src/inspect/verify.ts'
import type { ArchiveInput } from '../../src/io/input.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-verify-findings-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const [table, data, other, otherData] = [1000001, 1000002, 1000003, 1000004]
const rows = 'first\tA=A\nsecond\tB=B\n\\.\n'
const otherRows = 'third\tC=C\nfourth\tD=D\n\\.\n'
let made = 0

/** A small archive that is sound but for what its entries are given. */
async function make(
  options: CreateOptions = {},
  change: Readonly<Record<number, Partial<NewEntry>>> = {},
): Promise<string> {
  const file = join(scratch, `${++made}`)
  const archive = await create(file, { compression: 'none', dbname: 'shop', remoteVersion: '18.1', ...options })
  const named = { namespace: 'public', owner: 'ann' }
  const add = (entry: NewEntry): number => archive.addEntry({ ...named, ...entry, ...change[entry.dumpId ?? 0] })
  const defn = 'CREATE TABLE public.t (a text, b text);\n'
  add({ desc: 'TABLE', tag: 't', dumpId: table, defn })
  add({ desc: 'TABLE', tag: 'u', dumpId: other, defn: defn.replace('.t', '.u') })
  archive.addLargeObjects([
    { oid: 7777777, data: Buffer.from('hello') },
    { oid: 8888888, data: Buffer.from('world') },
  ])
  const columns = ['a', 'b']
  add({ desc: 'TABLE DATA', tag: 't', dumpId: data, columns, dependencies: [table], data: [Buffer.from(rows)] })
  add({
    desc: 'TABLE DATA',
    tag: 'u',
    dumpId: otherData,
    columns,
    dependencies: [other],
    data: [Buffer.from(otherRows)],
  })
  await archive.finish()
  return file
}

type Bytes = string | readonly number[]
const asBytes = (bytes: Bytes): Buffer => (typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes))

/** An integer as an archive has it: sign and four bytes. */
const int = (value: number): number[] => [0, ...[0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff)]
/** A string as an archive has it. */
const string = (text: string): number[] => [...int(text.length), ...Buffer.from(text)]

/** Replaces bytes by as many others, where they stand the `nth` time. */
function patch(bytes: Buffer, from: Bytes, to: Bytes, nth = 1): Buffer {
  const [is, must] = [asBytes(from), asBytes(to)]
  expect(must.length).toBe(is.length)
  let at = -1
  for (let count = 0; count < nth; count++) at = bytes.indexOf(is, at + 1)
  expect(at).toBeGreaterThanOrEqual(0)
  return Buffer.concat([bytes.subarray(0, at), must, bytes.subarray(at + is.length)])
}

/** Replaces bytes by others, where they stand first. */
function replaced(bytes: Buffer, from: Bytes, to: Bytes): Buffer {
  const at = bytes.indexOf(asBytes(from))
  expect(at).toBeGreaterThan(0)
  return Buffer.concat([bytes.subarray(0, at), asBytes(to), bytes.subarray(at + asBytes(from).length)])
}

async function patched(from: Bytes, to: Bytes, options?: CreateOptions, nth?: number): Promise<Buffer> {
  return patch(readFileSync(await make(options)), from, to, nth)
}

/** The block of a table in an archive that is not compressed: kind, dump id, and chunks up to an empty one. */
function blockOf(bytes: Buffer, dumpId: number): { readonly at: number; readonly block: Buffer } {
  const at = bytes.indexOf(Buffer.from([1, ...int(dumpId)]))
  expect(at).toBeGreaterThanOrEqual(0)
  let end = at + 6
  for (let size = bytes.readUInt32LE(end + 1); size > 0; size = bytes.readUInt32LE(end + 1)) end += 5 + size
  return { at, block: bytes.subarray(at, end + 5) }
}

async function found(input: ArchiveInput, level: 'deep' | 'quick' = 'deep'): Promise<readonly string[]> {
  const { findings, sound } = await verify(input, { level, workers: 0 })
  const faults = findings.filter(({ severity }) => severity !== 'info')
  expect(sound).toBe(faults.length === 0)
  return findings.filter(({ code }) => code !== 'NO_CHECKSUMS').map(({ code, severity }) => `${severity} ${code}`)
}

test('the archive that is damaged here is sound in every format', async () => {
  for (const options of [{}, { format: 'directory' }, { format: 'tar' }, { compression: 'lz4' }] as const) {
    expect(await found(await make(options))).toEqual([])
    expect(await found(await make(options), 'quick')).toEqual([])
  }
})

describe('verify() tells of the table of contents:', () => {
  test.each<readonly [string, () => Promise<ArchiveInput>]>([
    ['error DUPLICATE_DUMP_ID', () => patched(int(other), int(table))],
    ['error UNKNOWN_SECTION', () => patched([...string('TABLE'), ...int(2)], [...string('TABLE'), ...int(9)])],
    ['error WRONG_SECTION', () => patched([...string('TABLE'), ...int(2)], [...string('TABLE'), ...int(4)])],
    ['warning SECTION_OUT_OF_ORDER', () => patched([...string('TABLE'), ...int(2)], [...string('TABLE'), ...int(4)])],
    [
      'error DEPENDENCY_CYCLE',
      () => make({}, { [table]: { dependencies: [other] }, [other]: { dependencies: [table] } }),
    ],
    ['error DEPENDENCY_CYCLE', () => make({}, { [table]: { dependencies: [table] } })],
    ['error UNSAFE_TEXT', () => make({}, { [table]: { desc: 'TABLE\u009b2J' } })],
    ['error OWNER_REFUSED', () => make({}, { [table]: { desc: 'TRANSFORM', dropStmt: 'DROP TRANSFORM t;\n' } })],
    ['info DEPENDENCY_NOT_IN_ARCHIVE', () => patched(string(`${table}`), string('2000001'))],
    ['error UNSAFE_TEXT', () => patched(string('18.1'), string('18\n1'))],
    ['error UNSAFE_TEXT', () => patched(string('TABLE'), string('TA\u001bLE'))],
    ['error NO_OIDS_FLAG', async () => replaced(readFileSync(await make()), string('false'), [1, 1, 0, 0, 0])],
    ['error BAD_COPY_STATEMENT', () => patched('COPY public.t', 'COPX public.t')],
    ['error BAD_COPY_STATEMENT', () => patched('COPY public.t (a, b)', 'COPY public.t (a, a)')],
  ])('%s', async (finding, build) => {
    const input = await build()
    expect(await found(input)).toContain(finding)
    expect(await found(input, 'quick')).toContain(finding)
  })
})

describe('verify() tells of rows:', () => {
  test.each<readonly [string, Bytes, Bytes]>([
    ['error COPY_FIELD_COUNT', 'first\tA', 'first-A'],
    ['error COPY_FIELD_COUNT', 'first\tA', 'fi\tst\tA'],
    ['warning COPY_UNUSUAL_ESCAPE', 'first', 'fi\\qt'],
    ['error COPY_MISPLACED_END', 'first', 'fi\\.t'],
    ['error COPY_CARRIAGE_RETURN', 'first', 'fi\rst'],
    ['error COPY_NUL', 'first', 'fi\0st'],
    ['error COPY_AFTER_END', 'second\tB=B\n', '\\.\nxxxxxxx\n'],
    ['error COPY_NO_END', '\\.\n', 'x\t\n'],
    ['error INVALID_TEXT', 'first', [0x66, 0xc3, 0x28, 0x73, 0x74]],
  ])('%s', async (finding, from, to) => {
    expect(await found(await patched(from, to))).toContain(finding)
    const dir = await make({ format: 'directory' })
    const file = join(dir, `${data}.dat`)
    writeFileSync(file, patch(readFileSync(file), from, to))
    expect(await found(dir)).toContain(finding)
  })

  test('error COPY_PARTIAL_ROW', async () => {
    const dir = await make({ format: 'directory' })
    writeFileSync(join(dir, `${data}.dat`), 'a\tb\nc\td')
    expect(await found(dir)).toContain('error COPY_PARTIAL_ROW')
  })

  test.each<readonly [string, string]>([
    ['error SQL_NOT_INSERT', "INSERT INTO t VALUES ('a');\nDROP TABLE t;\n"],
    ['error SQL_BACKSLASH', 'INSERT INTO t VALUES (1);\n\\! true\n'],
    ['error SQL_UNUSUAL', "INSERT INTO t VALUES ($$'$$); \\! true\n -- '\n;"],
    ['error SQL_NOT_ENDED', "INSERT INTO t VALUES ('a"],
    ['error SQL_NUL', "INSERT INTO t VALUES ('a\0');\n"],
  ])('%s', async (finding, sql) => {
    const file = await make({}, { [data]: { columns: undefined, copyStmt: null, data: [Buffer.from(sql)] } })
    expect(await found(file)).toContain(finding)
  })

  test.each<readonly [string, Bytes, boolean]>([
    ['LATIN1', [0xe9, 0xff, 0x80, 0x41, 0x42], true],
    ['SQL_ASCII', [0xe9, 0xff, 0x80, 0x41, 0x42], true],
    ['SJIS', [0x95, 0x5c, 0x93, 0xfa, 0x41], true],
    ['SJIS', [0x41, 0x95, 0x20, 0x41, 0x42], false],
    ['EUC_JP', [0xc6, 0xfc, 0xcb, 0xdc, 0x41], true],
    ['EUC_JP', [0x41, 0xc6, 0x20, 0x41, 0x42], false],
  ])('of an archive in %s, by its encoding', async (encoding, text, isValid) => {
    const bytes = await patched('first', text, { encoding })
    expect(await found(bytes)).toEqual(isValid ? [] : ['error INVALID_TEXT'])
  })
})

describe('verify() tells of blocks:', () => {
  const levels = ['deep', 'quick'] as const

  test.each(levels)('a block that is there twice (%s)', async (level) => {
    const bytes = readFileSync(await make())
    const twice = Buffer.concat([bytes, blockOf(bytes, data).block])
    expect(await found(twice, level)).toEqual(['warning DUPLICATE_BLOCK'])
    expect(await found(new Blob([twice]).stream(), level)).toEqual(['warning DUPLICATE_BLOCK'])
  })

  test.each(levels)('a block of no entry (%s)', async (level) => {
    const bytes = readFileSync(await make())
    const more = Buffer.concat([bytes, patch(Buffer.from(blockOf(bytes, data).block), int(data), int(2000000))])
    expect(await found(more, level)).toEqual(['warning BLOCK_WITHOUT_ENTRY'])
    expect(await found(new Blob([more]).stream(), level)).toEqual(['warning BLOCK_WITHOUT_ENTRY'])
  })

  test.each(levels)('bytes after the last (%s)', async (level) => {
    const bytes = readFileSync(await make())
    for (const more of ['\u0007', '\u0001', 'PGDMP', '\0'.repeat(600)]) {
      const input = Buffer.concat([bytes, Buffer.from(more)])
      expect(await found(input, level), JSON.stringify(more)).not.toEqual([])
      expect(await found(new Blob([input]).stream(), level), JSON.stringify(more)).not.toEqual([])
    }
    expect(await found(Buffer.concat([bytes, Buffer.from('PGDMP')]), level)).toContain('error TRAILING_BYTES')
  })

  test.each(levels)('two blocks that have changed places (%s)', async (level) => {
    const bytes = readFileSync(await make())
    const [one, two] = [blockOf(bytes, data), blockOf(bytes, otherData)]
    const swapped = Buffer.concat([
      bytes.subarray(0, one.at),
      two.block,
      bytes.subarray(one.at + one.block.length, two.at),
      one.block,
      bytes.subarray(two.at + two.block.length),
    ])
    expect(swapped.length).toBe(bytes.length)
    const faults = await found(swapped, level)
    expect(faults.filter((fault) => fault.startsWith('error')).length).toBeGreaterThan(0)
    expect(await found(new Blob([swapped]).stream(), level)).toContain('error BLOCK_MISMATCH')
  })

  test.each(levels)('an offset into another block (%s)', async (level) => {
    const bytes = readFileSync(await make())
    const { at } = blockOf(bytes, otherData)
    const offset = (value: number): number[] => [2, ...int(value).slice(1), 0, 0, 0, 0]
    const moved = patch(bytes, offset(at), offset(at + 7))
    const faults = await found(moved, level)
    expect(faults).toContain('error OVERLAPPING_BLOCKS')
    expect(await found(new Blob([Uint8Array.from(moved)]).stream(), level)).toEqual(['error BLOCK_MISMATCH'])
  })

  test.each(levels)('a block that is not there (%s)', async (level) => {
    const bytes = readFileSync(await make())
    const { at } = blockOf(bytes, otherData)
    expect(await found(bytes.subarray(0, at), level)).not.toEqual([])
    expect(await found(new Blob([bytes.subarray(0, at)]).stream(), level)).toContain('error MISSING_BLOCK')
  })
})

describe('verify() tells of large objects:', () => {
  test.each<readonly [string, CreateOptions]>([
    ['declared one by one', { archiveVersion: { major: 1, minor: 14, rev: 0 } }],
    ['declared together', { archiveVersion: { major: 1, minor: 16, rev: 0 } }],
  ])('one that is stored under another OID, %s', async (_, options) => {
    const bytes = await patched(int(7777777), int(6666666), options)
    for (const level of ['deep', 'quick'] as const) {
      expect([...(await found(bytes, level))].sort()).toEqual([
        'error LARGE_OBJECT_MISSING',
        'error LARGE_OBJECT_NOT_DECLARED',
      ])
    }
    const twice = await patched(int(7777777), int(8888888), options)
    expect(await found(twice)).toEqual(
      expect.arrayContaining(['error DUPLICATE_LARGE_OBJECT', 'error LARGE_OBJECT_MISSING']),
    )
  })
})

describe('verify() tells of files and members:', () => {
  test('a file too much, twice there, missing, or none', async () => {
    for (const level of ['deep', 'quick'] as const) {
      const dir = await make({ format: 'directory' })
      const file = join(dir, `${data}.dat`)
      writeFileSync(join(dir, '99.dat'), 'x')
      expect(await found(dir, level)).toEqual(['warning UNREFERENCED_FILE'])
      rmSync(join(dir, '99.dat'))
      writeFileSync(`${file}.gz`, 'x')
      expect(await found(dir, level)).toContain('error DUPLICATE_FILE')
      rmSync(`${file}.gz`)
      mkdirSync(join(dir, 'more'))
      expect(await found(dir, level)).toEqual(['warning NOT_A_FILE'])
      rmSync(join(dir, 'more'), { recursive: true })
      renameSync(file, join(scratch, 'elsewhere'))
      expect(await found(dir, level)).not.toEqual([])
      symlinkSync(join(scratch, 'elsewhere'), file)
      expect(await found(dir, level)).toContain('warning NOT_A_FILE')
    }
  })

  test('a member too much, twice there or missing, and the end', async () => {
    const bytes = readFileSync(await make({ format: 'tar' }))
    let at = 0
    while (!bytes.toString('latin1', at).startsWith(`${otherData}.dat`)) at += 512
    const member = bytes.subarray(at, at + 1024)
    const renamed = Buffer.from(member)
    renamed.write('2', 0)
    // the sum of the bytes of the header: a 1 became a 2
    const sum = Number.parseInt(member.toString('latin1', 148, 156), 8) + 1
    renamed.write(sum.toString(8).padStart(7, '0').slice(-7), 148)
    const before = bytes.subarray(0, at)
    const after = bytes.subarray(at)
    for (const level of ['deep', 'quick'] as const) {
      expect(await found(Buffer.concat([before, renamed, after]), level)).toEqual(['warning UNREFERENCED_FILE'])
      expect(await found(Buffer.concat([before, member, after]), level)).toContain('error DUPLICATE_FILE')
      expect(await found(Buffer.concat([before, bytes.subarray(at + 1024)]), level)).not.toEqual([])
      expect(await found(bytes.subarray(0, -1024), level)).toEqual(['warning NO_END_MARK'])
      expect(await found(new Blob([Uint8Array.from(bytes.subarray(0, -1024))]).stream(), level)).toEqual([
        'warning NO_END_MARK',
      ])
      expect(await found(new Blob([Buffer.concat([bytes, Buffer.alloc(512, 'x')])]).stream(), level)).toEqual([
        'error TRAILING_BYTES',
      ])
      expect(await found(Buffer.concat([bytes, Buffer.alloc(512, 'x')]), level)).toEqual(['error TRAILING_BYTES'])
    }
  })
})
