import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { open } from '../../../src/archive.ts'
import type { Archive, OpenOptions } from '../../../src/archive.ts'
import { openDirectoryArchive } from '../../../src/format/directory-reader.ts'
import { tarChecksum } from '../../../src/format/tar-header.ts'
import {
  convert,
  defaultLimits,
  digest,
  downgrade,
  filter,
  groupLargeObjects,
  listBytes,
  listJson,
  rewriteOwner,
  rewriteSchema,
  salvage,
  separateLargeObjects,
  toSql,
  verify,
} from '../../../src/index.ts'
import type { ArchiveView } from '../../../src/view.ts'
import type { Limits } from '../../../src/limits.ts'
import { archiveFields, type Mutator } from '../mutate.ts'
import { attempt, requireSame, type FuzzTarget } from '../target.ts'
import { MemoryDirectory, packFiles, unpackFiles } from './memory-directory.ts'

/** The default, but for what honest archives may ask for in hundreds of megabytes. */
export const limits: Limits = { ...defaultLimits, entryBytes: 1 << 20, zstdWindow: 8 << 20 }

const options: OpenOptions = { limits, workers: 0, maxBufferBytes: 8 << 20 }

const most = 65_536

/** Fixtures of one ending that are short enough to be changed many times a second. */
function fixtures(root: string, ending: string): Uint8Array[] {
  const folder = join(root, 'test/fixtures/corpus')
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => readFileSync(join(folder, name)))
    .filter(({ length }) => length > 0 && length <= most)
}

/** Bytes as they come from a pipe, in pieces of odd lengths. */
async function* trickle(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0, piece = 1; at < bytes.length; at += piece, piece = (piece * 7) % 509)
    yield bytes.subarray(at, at + piece)
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of chunks) bytes += chunk.length
  return bytes
}

async function withArchive<T>(
  input: Uint8Array | AsyncIterable<Uint8Array>,
  work: (archive: Archive) => Promise<T> | T,
  more: OpenOptions = {},
): Promise<T> {
  const archive = await open(input, { ...options, ...more })
  try {
    return await work(archive)
  } finally {
    await archive.close()
  }
}

/** What can be said of an archive without its data. */
function describe(archive: Archive): string {
  // an archive before 1.4 has no date, and pg_restore prints the time of the listing
  const listing = Buffer.from(listBytes(archive)).toString('latin1')
  return listing.replace(/^; Archive created at .*$/m, '') + listJson(archive)
}

/** The data of every entry, one after the other, whatever becomes of each. */
async function readAllData(archive: Archive): Promise<void> {
  for (const entry of archive.toc.slice(0, 20)) {
    await attempt(() => drain(archive.data(entry)))
    await attempt(() => drain(archive.data(entry, { raw: true })))
    await attempt(async () => {
      for await (const { data } of archive.largeObjects(entry)) await drain(data)
    })
  }
  await attempt(() => archive.storedSizes())
}

async function readBlocks(archive: Archive): Promise<void> {
  for await (const block of archive.blocks()) {
    if (block.kind === 'data') await drain(block.data)
    else for await (const { data } of block.objects) await drain(data)
  }
}

async function toc(input: Uint8Array): Promise<void> {
  const whole = await attempt(() => withArchive(input, describe))
  requireSame('TOC at once and in pieces', whole, await attempt(() => withArchive(trickle(input), describe)))
  if ('code' in whole) return
  await withArchive(input, async (archive) => {
    const print = (view: ArchiveView): Promise<unknown> =>
      attempt(() => drain(toSql(filter(view, { schemaOnly: true }), { clean: true, ifExists: true })))
    await print(archive)
    await print(filter(archive, { tables: ['*'], schemas: ['a*'], withDependencies: true }))
    await attempt(() => listBytes(filter(archive, { tables: ['customer'], excludeSchemas: ['pg_*'] })))
    for (const more of [{ withDependencies: true }, { withDependents: true }])
      await attempt(() => listBytes(filter(archive, { tables: ['t5'], ...more })))
    const names = (name: string): string => `${name}"x`
    await attempt(() => print(rewriteOwner(rewriteSchema(archive, names), names)))
    await attempt(async () => print(await groupLargeObjects(archive)))
    await attempt(() => print(separateLargeObjects(archive)))
    await attempt(() => print(downgrade(archive, { targetVersion: '13' })))
  })
}

async function blocks(input: Uint8Array): Promise<void> {
  await attempt(() => withArchive(input, readAllData))
  await attempt(() => withArchive(input, readBlocks))
  await attempt(() => withArchive(trickle(input), readBlocks))
  const random = await attempt(() => withArchive(input, async (archive) => (await digest(archive)).content))
  if ('code' in random) return
  const forward = await attempt(() => withArchive(trickle(input), async (archive) => (await digest(archive)).content))
  // a pipe comes by everything: data out of order, and defects in what no entry refers to
  if ('value' in forward) requireSame('digest of a file and of a pipe', random, forward)
}

async function converted(input: Uint8Array): Promise<void> {
  await attempt(() =>
    withArchive(input, async (archive) => {
      for (const format of ['custom', 'tar'] as const) {
        const parts: Uint8Array[] = []
        const output = new Writable({
          write(chunk: Uint8Array, _encoding, done) {
            parts.push(chunk.slice())
            done()
          },
        })
        const compression = { method: format === 'tar' ? 'none' : 'lz4' } as const
        const done = await attempt(() => convert(archive, output, { format, compression }))
        // a loss is told, and objects of before 1.12 are declared afterwards (spec/convert.md)
        if ('code' in done || done.value.warnings.some(({ severity }) => severity === 'error')) continue
        if (archive.header.version.minor < 12) continue
        const [before, after] = [await digest(archive), await withArchive(Buffer.concat(parts), (made) => digest(made))]
        requireSame(
          `content before and after conversion to ${format}`,
          { value: before.content },
          { value: after.content },
        )
      }
    }),
  )
}

async function verified(input: Uint8Array): Promise<void> {
  for (const level of ['quick', 'deep'] as const) {
    const { sound, findings } = await verify(input, { level, receipt: level === 'deep', limits, workers: 0 })
    const isSound = findings.every(({ severity }) => severity === 'info')
    if (sound !== isSound)
      throw new Error(`The archive is ${sound ? 'sound' : 'not sound'} with ${findings.length} findings`)
  }
}

async function salvaged(input: Uint8Array): Promise<void> {
  const parts: Uint8Array[] = []
  const output = new Writable({
    write(chunk: Uint8Array, _encoding, done) {
      parts.push(chunk.slice())
      done()
    },
  })
  const done = await attempt(() =>
    salvage(input, output, { format: 'custom', compression: { method: 'none' }, limits }),
  )
  if ('code' in done) return
  const { findings } = await verify(Buffer.concat(parts), { limits, workers: 0 })
  const damaged = findings.find(({ severity, code }) => severity === 'error' && damage.has(code))
  if (damaged !== undefined) throw new Error(`What was salvaged is damaged: ${damaged.code}, ${damaged.message}`)
}

/** What must not be in an archive that has just been written, whatever it was made of. */
const damage = new Set([
  'UNEXPECTED_EOF',
  'BAD_HEADER',
  'BAD_TOC',
  'BAD_BLOCK',
  'BLOCK_MISMATCH',
  'MISSING_BLOCK',
  'NOT_AN_ARCHIVE',
])

async function directory(input: Uint8Array): Promise<void> {
  const files = new MemoryDirectory(unpackFiles(input))
  await attempt(async () => {
    const { onWarning = () => undefined, maxBufferBytes = 0 } = options
    const reader = await openDirectoryArchive(files, {
      limits,
      onWarning,
      maxBufferBytes,
      workers: 0,
      signal: undefined,
      onPosition: undefined,
    })
    try {
      for (const entry of reader.toc.slice(0, 20)) {
        await attempt(() => drain(reader.data(entry, {})))
        await attempt(async () => {
          for await (const { data } of reader.largeObjects(entry, {})) await drain(data)
        })
      }
      await attempt(() => reader.storedSizes(undefined))
      for await (const block of reader.blocks({})) {
        if (block.kind === 'data') await drain(block.data)
        else for await (const { data } of block.objects) await drain(data)
      }
    } finally {
      await reader.close()
    }
  })
  if (files.openFiles !== 0) throw new Error(`${files.openFiles} files stay open`)
}

/** Writes a number into the header of a member. */
const changeTarField: Mutator = (input, random, { token }) => {
  if (input.length < 512) return input
  const out = input.slice()
  const at = 512 * random.below(Math.floor(out.length / 512))
  const [start, length] = random.pick([
    [0, 100],
    [124, 12],
    [156, 1],
    [257, 6],
    [345, 155],
  ] as const)
  const text = random.pick([
    token(),
    token(),
    new TextEncoder().encode(
      random
        .below(100_000)
        .toString(8)
        .padStart(length - 1, '0'),
    ),
  ])
  out.fill(0, at + start, at + start + length)
  out.set(text.subarray(0, length), at + start)
  return out
}

/** Headers with their right checksums: of every block that has the magic of one. */
function repairTar(input: Uint8Array): Uint8Array {
  const out = input.slice()
  for (let at = 0; at + 512 <= out.length; at += 512) {
    if (out[at + 257] !== 0x75 || out[at + 258] !== 0x73) continue
    const digits = tarChecksum(out, at).toString(8).padStart(6, '0')
    out.set(new TextEncoder().encode(`${digits}\0 `), at + 148)
  }
  return out
}

const words = [
  'PGDMP', 'PGDMP\x01\x10\x00\x04\x08\x01', 'TABLE', 'TABLE DATA', 'BLOBS', 'BLOB', 'BLOB METADATA', 'ENCODING', 'STDSTRINGS',
  "SET client_encoding = 'SJIS';\n", "SET client_encoding = 'UTF8';\n", 'SEARCHPATH', 'DATABASE', 'ACL', 'COMMENT', 'public',
  'COPY public.a (b) FROM stdin;\n', 'true', 'false', '1259', '4294967295', '-1', '\\.\n\n\n', '\0', '..', '../x', '/etc/passwd',
  'toc.dat', 'blobs.toc', 'blob_1.dat', '3000.dat', '3000.dat.gz', 'restore.sql', '\x01\x00\x00\x00\x80', 'CREATE TABLE a (b c.d);\n',
  'FUNCTION', 'OPERATOR', 'AGGREGATE', 'VIEW', "nextval('a.b'::regclass)", '$$', "E'\\'", '/*', '*/', '--', 'U&"\\0061"',
] // prettier-ignore

export const archiveTargets: readonly FuzzTarget[] = [
  {
    name: 'toc',
    seeds: (root) => [
      ...fixtures(root, '-Fc.dump').map((bytes) => bytes.subarray(0, 16_384)),
      readFileSync(join(root, 'test/fixtures/corpus/derived/small-Fd.dir/toc.dat')),
    ],
    tokens: words,
    maxBytes: most,
    mutators: archiveFields,
    run: toc,
  },
  {
    name: 'custom',
    seeds: (root) => fixtures(root, '-Fc.dump'),
    tokens: words,
    maxBytes: most,
    mutators: archiveFields,
    run: blocks,
  },
  {
    name: 'convert',
    seeds: (root) => fixtures(root, '.dump').filter(({ length }) => length < 20_000),
    tokens: words,
    maxBytes: most,
    mutators: archiveFields,
    run: converted,
  },
  {
    name: 'verify',
    seeds: (root) => [...fixtures(root, '-Fc.dump'), ...fixtures(root, '.tar')].filter(({ length }) => length < 20_000),
    tokens: words,
    maxBytes: most,
    mutators: archiveFields,
    run: verified,
  },
  {
    name: 'salvage',
    seeds: (root) => [...fixtures(root, '-Fc.dump'), ...fixtures(root, '.tar')].filter(({ length }) => length < 20_000),
    tokens: words,
    maxBytes: most,
    mutators: archiveFields,
    run: salvaged,
  },
  {
    name: 'tar',
    seeds: (root) => fixtures(root, '.tar'),
    tokens: words,
    maxBytes: most,
    mutators: [changeTarField, changeTarField, changeTarField, ...archiveFields],
    repair: repairTar,
    run: blocks,
  },
  {
    name: 'directory',
    seeds: (root) =>
      ['derived/small-Fd.dir', '18/sch1-Fd-zstd-long.dir', '13/sqlascii-Fd.dir', '18/noblobs-Fd-Z0.dir'].map((name) => {
        const folder = join(root, 'test/fixtures/corpus', name)
        const files = readdirSync(folder).sort().reverse()
        return packFiles(new Map(files.map((file) => [file, readFileSync(join(folder, file)).subarray(0, 20_000)])))
      }),
    tokens: [...words, 'toc.dat\0', 'blobs.toc\0', 'blob_16400.dat\0', '3000.dat.lz4\0', '16400 blob_16400.dat\n'],
    maxBytes: most,
    mutators: archiveFields,
    run: directory,
  },
]
