import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import {
  filter,
  isArchiveError,
  list,
  listBytes,
  open,
  salvage,
  toSql,
  type ArchiveInput,
  type OpenOptions,
} from '../../src/index.ts'
import { concat, copyEnd, dataBlock, int, str, tar, tocBytes, type BuiltEntry } from '../unit/format/build-archive.ts'

/* Archives that are made to harm who reads them, each opened every way. Only ArchiveError may come out. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-hostile-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let count = 0

function inputsOf(bytes: Uint8Array): readonly (readonly [string, () => ArchiveInput])[] {
  const path = join(folder, `${count++}`)
  writeFileSync(path, bytes)
  return [
    ['path', () => path],
    ['bytes', () => bytes],
    ['stream', () => Readable.from([bytes])],
    ['stream of single bytes', () => Readable.from(Array.from(bytes, (byte) => Uint8Array.of(byte)))],
  ]
}

/** Opens and reads all there is; the code of the ArchiveError that ends it. */
async function codeOf(input: ArchiveInput, options: OpenOptions = {}): Promise<string> {
  try {
    await using archive = await open(input, { ...options, workers: 0 })
    list(archive)
    for await (const chunk of toSql(archive, { restrictKey: false })) void chunk
    return 'good'
  } catch (error) {
    if (isArchiveError(error)) return error.code
    throw error
  }
}

async function codesOf(bytes: Uint8Array, options?: OpenOptions): Promise<string[]> {
  const codes: string[] = []
  for (const [, input] of inputsOf(bytes)) codes.push(await codeOf(input(), options))
  return [...new Set(codes)]
}

const head = tocBytes([]).subarray(0, -5)
const entry: BuiltEntry = { dumpId: 1 }
const plain = tocBytes([entry])

describe('numbers in the table of contents', () => {
  test.each([
    ['−1 entries', concat(head, int(-1)), ['BAD_TOC']],
    ['−1 entries and one more', concat(head, int(-1), plain.subarray(head.length + 5)), ['BAD_TOC']],
    ['no entries', concat(head, int(0)), ['good']],
    ['2^31 − 1 entries', concat(head, int(2 ** 31 - 1)), ['LIMIT_EXCEEDED']],
    ['40 million entries', concat(head, int(40_000_000)), ['UNEXPECTED_EOF']],
    [
      'a string of 100 MB',
      concat(head, int(1), int(1), int(0), str('0'), str('9'), int(100_000_000)),
      ['UNEXPECTED_EOF'],
    ],
    [
      'a string of 1 GB',
      concat(head, int(1), int(1), int(0), str('0'), str('9'), int(2 ** 30 - 1)),
      ['LIMIT_EXCEEDED'],
    ],
    [
      'a string of 2 GB',
      concat(head, int(1), int(1), int(0), str('0'), str('9'), int(2 ** 31 - 1)),
      ['LIMIT_EXCEEDED'],
    ],
  ])('%s', async (_, bytes, codes) => {
    expect(await codesOf(bytes)).toEqual(codes)
  })
})

test('a string that is longer than those of JavaScript is refused, whatever the limits', async () => {
  const claims = (bytes: number): Uint8Array => concat(head, int(1), int(1), int(0), str('0'), str('9'), int(bytes))
  expect(await codesOf(claims(2 ** 29 - 23), { limits: 'none' })).toEqual(['LIMIT_EXCEEDED'])
  expect(await codesOf(claims(2 ** 29 - 24), { limits: 'none' })).toEqual(['UNEXPECTED_EOF'])
})

describe('data', () => {
  test.each([
    ['a negative chunk length', concat(plain, [1], int(1), int(-100)), ['BAD_BLOCK']],
    ['a chunk of 2 GB', concat(plain, [1], int(1), int(2 ** 31 - 1)), ['BAD_BLOCK', 'UNEXPECTED_EOF']],
  ])('%s', async (_, bytes, codes) => {
    for (const code of await codesOf(bytes)) expect(codes).toContain(code)
  })

  test.each([0, 5, 40, 1e6, 2 ** 40])('an offset %d that is not that of the block', async (offset) => {
    const bytes = concat(tocBytes([{ dumpId: 1, offset }]), dataBlock(1, `a\n${copyEnd}`))
    for (const code of await codesOf(bytes))
      expect(code).toMatch(/^(?:BAD_BLOCK|BLOCK_MISMATCH|UNEXPECTED_EOF|MISSING_BLOCK|good)$/)
  })

  test('a bomb within a bomb ends at the limits for strangers', async () => {
    const inner = gzipSync(concat(head, int(1), int(1), int(0), str('0'), str('9'), str('a'.repeat(15_000_000))))
    expect(await codeOf(inner, { limits: { expansionRatio: 100 } })).toBe('LIMIT_EXCEEDED')
    expect(await codeOf(gzipSync(inner), { limits: 'strict' })).toBe('NOT_AN_ARCHIVE')
  })
})

describe('a table of contents that inflates to more than any that is known', () => {
  const limits = { tocBytes: 128 * 1024 * 1024 }
  const tag = 'a'.repeat(1_500_000)
  const inflated = (formatByte: number): Uint8Array =>
    gzipSync(
      tocBytes(
        Array.from({ length: 7 }, (_, at) => ({ dumpId: at + 1, tag, copyStmt: null, offset: null })),
        { formatByte },
      ),
    )

  test('around an archive, from a path, bytes or a stream', async () => {
    const bytes = inflated(1)
    for (const [, input] of inputsOf(bytes).slice(0, 3))
      expect(await codeOf(input(), { limits })).toBe('LIMIT_EXCEEDED')
    for (const one of ['default', 'none'] as const) await (await open(bytes, { limits: one })).close()
  })

  test('as a file of a directory and of a tar archive', async () => {
    const bytes = inflated(3)
    const path = join(folder, `${count++}.dir`)
    mkdirSync(path)
    writeFileSync(join(path, 'toc.dat.gz'), bytes)
    expect(await codeOf(path, { limits })).toBe('LIMIT_EXCEEDED')
    expect(await codeOf(tar({ name: 'toc.dat.gz', data: bytes }), { limits })).toBe('LIMIT_EXCEEDED')
  })
})

describe('names of limits', () => {
  test('an error names the limit and both ways to raise it', async () => {
    await expect(open(plain, { limits: { tocEntries: 0 } })).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      hint: 'Raise limits.tocEntries (--limit toc-entries=…) if the archive can be trusted',
      details: { limit: 'tocEntries', max: 0, observed: 1 },
    })
  })

  test('open() takes presets by name', async () => {
    for (const limits of ['default', 'strict', 'none'] as const) await (await open(plain, { limits })).close()
    // @ts-expect-error: no such preset
    await expect(open(plain, { limits: 'tight' })).rejects.toMatchObject({ code: 'USAGE' })
    await expect(open(plain, { limits: { tocEntries: Number.NaN } })).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe.skipIf(process.platform === 'win32')('what lies in a directory', () => {
  function directory(file?: string): string {
    const path = join(folder, `${count++}.dir`)
    mkdirSync(path)
    if (file !== undefined) writeFileSync(join(path, 'toc.dat'), tocBytes([{ dumpId: 1, file }], { formatByte: 3 }))
    return path
  }

  test('a FIFO as toc.dat does not hang', async () => {
    const path = directory()
    execFileSync('mkfifo', [join(path, 'toc.dat')])
    expect(await codeOf(path)).toBe('UNSAFE_FILE_NAME')
  })

  test('a symbolic link or a FIFO as a data file', async () => {
    const link = directory('1.dat')
    symlinkSync('toc.dat', join(link, '1.dat'))
    expect(await codeOf(link)).toBe('UNSAFE_FILE_NAME')
    const fifo = directory('1.dat')
    execFileSync('mkfifo', [join(fifo, '1.dat')])
    expect(await codeOf(fifo)).toBe('UNSAFE_FILE_NAME')
  })

  test.each(['../secret', '/etc/passwd', 'a\nb', '1.dat\0', '.', 'toc.dat', '1.dat/../../x'])(
    'a file by the name %j',
    async (name) => {
      expect(await codeOf(directory(name))).toBe('UNSAFE_FILE_NAME')
    },
  )
})

describe('members of a tar archive', () => {
  const toc = { name: 'toc.dat', data: tocBytes([{ dumpId: 1, file: '1.dat' }], { formatByte: 3 }) }

  test.each([
    ['a size beyond the end', { name: '1.dat', data: `a\n${copyEnd}`, sizeField: Buffer.from('77777777777\0') }],
    [
      'a negative size',
      { name: '1.dat', data: `a\n${copyEnd}`, sizeField: Uint8Array.from({ length: 12 }, () => 0xff) },
    ],
    ['a hard link', { name: '1.dat', type: '1' }],
    ['a symbolic link', { name: '1.dat', type: '2' }],
    ['a device', { name: '1.dat', type: '3' }],
    ['a FIFO', { name: '1.dat', type: '6' }],
  ])('%s', async (_, member) => {
    for (const code of await codesOf(tar(toc, member))) expect(code).not.toBe('good')
  })
})

describe('salvage() of a tar archive', () => {
  test('whose TOC is said to have no bytes ends in an ArchiveError or a report', async () => {
    const toc = { name: 'toc.dat', data: tocBytes([{ dumpId: 1, file: '1.dat' }], { formatByte: 3 }) }
    for (const size of ['00000000000\0', '-0000000010\0', '           \0']) {
      const bytes = tar({ ...toc, sizeField: Buffer.from(size) }, { name: '1.dat', data: `a\n${copyEnd}` })
      const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
      const outcome = await salvage(bytes, nowhere).then(
        () => true,
        (error: unknown) => isArchiveError(error),
      )
      expect(outcome).toBe(true)
    }
  })
})

describe('many entries that depend on each other', () => {
  const size = 20_000

  // that the work grows with their number alone is counted in test/fuzz/scaling.test.ts
  test('cycles and crowds are gone through to their end', async () => {
    const entries = Array.from({ length: size }, (_, at): BuiltEntry => {
      const dumpId = at + 1
      // one circle of all, and everything needs the first
      return {
        dumpId,
        desc: 'TABLE',
        tag: `t${dumpId}`,
        defn: 'SELECT 1;\n',
        copyStmt: null,
        offset: null,
        dependencies: [(dumpId % size) + 1, 1],
      }
    })
    await using archive = await open(tocBytes(entries))
    const needed = filter(archive, { tables: ['t5'], withDependencies: true })
    expect(needed.toc).toHaveLength(size)
    expect(filter(archive, { tables: ['t5'], withDependents: true }).toc.length).toBeGreaterThan(0)
    expect(list(needed).split('\n').length).toBeGreaterThan(size)
  })
})

describe('names for terminals', () => {
  const hostile = 'a\u001b[31m\u0007b\r\nc\u009bd\te'

  test('list() shows control characters; asPgRestore gives them as they are', async () => {
    await using archive = await open(
      tocBytes([
        { dumpId: 1, tag: hostile, desc: 'TA\u001bBLE\nx', defn: 'SELECT 1;\n', copyStmt: null, offset: null },
      ]),
    )
    const line = list(archive).split('\n').at(-2)
    expect(line).toBe(String.raw`1; 0 9 TA\x1bBLE x public a\x1b[31m\x07b  c\x9bd` + '\te joe')
    const exact = Buffer.from(listBytes(archive, { asPgRestore: true })).toString()
    expect(exact).toContain('TA\u001bBLE\nx public a\u001b[31m\u0007b  c\u009bd\te joe')
  })

  test('toSql() keeps a type on the line of its comment', async () => {
    await using archive = await open(
      tocBytes([{ dumpId: 1, desc: 'TABLE\nDROP TABLE x;\n', defn: 'SELECT 1;\n', offset: null }]),
    )
    expect(Buffer.from(await toSql(archive).bytes()).toString()).toContain('Type: TABLE DROP TABLE x; ; Schema: public')
  })

  test('list() shows what turns text around; Arabic and emoji stay', async () => {
    const tag = '\u202egnp.exe\u2069 \u2028x \u0645\u200f \u{1f469}\u200d\u{1f680}'
    await using archive = await open(tocBytes([{ dumpId: 1, tag, desc: 'TABLE', defn: 'SELECT 1;\n', offset: null }]))
    const line = list(archive).split('\n').at(-2)
    expect(line).toBe(
      String.raw`1; 0 9 TABLE public \u202egnp.exe\u2069 \u2028x ` + '\u0645\u200f \u{1f469}\u200d\u{1f680} joe',
    )
  })

  test('toSql() keeps out of a type what turns text around, and control characters of eight bits', async () => {
    const types = ['A\u202eB\u009b31mC\u2067D', 'Größe']
    const entries = types.map((desc, at) => ({ dumpId: at + 1, desc, defn: 'SELECT 1;\n', offset: null }))
    const latin1 = { dumpId: 3, desc: 'x12', defn: 'SELECT 1;\n', offset: null }
    const bytes = Buffer.from(tocBytes([...entries, latin1]))
    bytes.set([0xe9, 0x9b], bytes.indexOf('x12') + 1)
    await using archive = await open(bytes)
    const text = Buffer.from(await toSql(archive).bytes()).toString('latin1')
    const found = Array.from(text.matchAll(/Type: (.*?); Schema/g), ([, type = '']) => Buffer.from(type, 'latin1'))
    expect(found.map(String)).toEqual(['A B 31mC D', 'Größe', 'x\ufffd '])
  })
})
