import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { create, type CreateOptions } from '../../src/create.ts'
import { writeView } from '../../src/write-view.ts'
import { digest } from '../helpers/corpus.ts'
import { postgres } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
const runs = Number(process.env['PGDMP_RUNS'] ?? 40)
console.log(`PGDMP_SEED=${seed} PGDMP_RUNS=${runs}`)

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-random-'))
let outputs = 0
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** Text as a server may hold it: anything but NUL and halves of characters. */
const text = fc
  .string({
    unit: fc.oneof(
      { weight: 8, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }) },
      fc.constantFrom('\\', '\t', '\n', '\r', '"', "'", '$', ';', '\u{1F418}'),
    ),
  })
  .filter((value) => !/[\0\uD800-\uDFFF]/u.test(value))
const field = fc.oneof({ weight: 6, arbitrary: text }, fc.constant(null), fc.uint8Array({ min: 1, max: 127 }))

/** Sizes around every buffer: 4 KiB chunks, 64 KiB of text, 256 KiB windows, 1 MiB of members. */
const size = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.constantFrom(
    4095,
    4096,
    4097,
    16384,
    65535,
    65536,
    131072,
    262143,
    262144,
    262145,
    1048575,
    1048576,
    1048577,
    3_000_000,
  ),
)

interface Table {
  readonly name: string
  readonly owner: string | null
  readonly rows: readonly (readonly (string | Uint8Array | null)[])[]
  readonly filling: number
  readonly dependencies: readonly number[]
}

const table: fc.Arbitrary<Table> = fc.record({
  name: text,
  owner: fc.option(text),
  rows: fc
    .integer({ min: 0, max: 4 })
    .chain((columns) => fc.array(fc.array(field, { minLength: columns, maxLength: columns }), { maxLength: 12 })),
  filling: size,
  dependencies: fc.array(fc.nat({ max: 2 }), { maxLength: 4 }),
})

const object = fc.record({ oid: fc.integer({ min: 1, max: 0xffff_ffff }), bytes: size })

const options: fc.Arbitrary<CreateOptions> = fc
  .record({
    format: fc.constantFrom('custom', 'directory', 'tar'),
    method: fc.constantFrom('none', 'gzip', 'lz4', 'zstd'),
    minor: fc.integer({ min: 12, max: 16 }),
    dbname: text,
    stdStrings: fc.boolean(),
    searchPath: text,
  })
  .map(({ format, method, minor, dbname, stdStrings, searchPath }) => ({
    format,
    compression: format === 'tar' ? 'none' : method,
    archiveVersion: { major: 1, minor: method === 'lz4' || method === 'zstd' ? Math.max(minor, 15) : minor, rev: 0 },
    dbname,
    stdStrings,
    searchPath,
  }))

const noise = Uint8Array.from({ length: 3_000_000 }, (_, index) => (index * 2654435761) >>> (index % 24))

test('create() makes what everybody reads', { timeout: 600_000 }, async () => {
  const property = fc.asyncProperty(
    options,
    fc.array(table, { maxLength: 5 }),
    fc.uniqueArray(object, { maxLength: 4, selector: ({ oid }) => oid }),
    async (how, tables, objects) => {
      const output = join(scratch, String(outputs++))
      const writer = await create(output, how)
      const expected = new Map<number, string>()
      for (const { name, owner, rows, filling, dependencies } of tables) {
        const made = writer.addEntry({
          desc: 'TABLE',
          tag: name,
          owner,
          namespace: 'public',
          defn: `-- ${name}\n`,
          dependencies: dependencies.map((id) => id + 1),
        })
        const copyStmt = 'COPY t FROM stdin;\n'
        const data = rows.length > 0 ? rows : [Buffer.from(`${'x'.repeat(filling)}\n`)]
        const id = writer.addEntry({ desc: 'TABLE DATA', tag: name, copyStmt, data, dependencies: [made] })
        expected.set(id, rows.length > 0 ? copyText(rows) : `${'x'.repeat(filling)}\n\\.\n\n\n`)
      }
      writer.addLargeObjects(objects.map(({ oid, bytes }) => ({ oid, data: noise.subarray(0, bytes) })))
      await writer.finish()
      await using archive = await open(output)
      for (const entry of archive.toc) {
        if (entry.desc === 'TABLE DATA') {
          expect(Buffer.from(await archive.data(entry).bytes()).toString()).toBe(expected.get(entry.dumpId))
        }
        if (entry.desc !== 'BLOBS') continue
        const sorted = [...objects].sort((a, b) => a.oid - b.oid)
        let at = 0
        for await (const { oid, data } of archive.largeObjects(entry)) {
          expect(oid).toBe(sorted[at]?.oid)
          expect(Buffer.from(await data.bytes()).equals(noise.subarray(0, sorted[at++]?.bytes))).toBe(true)
        }
        expect(at).toBe(objects.length)
      }
      const names = archive.toc.filter(({ desc }) => desc === 'TABLE').map(({ tag, owner }) => [tag, owner])
      expect(names).toEqual(tables.map(({ name, owner }) => [name, owner]))
      const copy = join(scratch, String(outputs++))
      expect((await writeView(archive, copy)).verbatim).toBe(true)
      expect(digest(copy)).toBe(digest(output))
      for (const tools of postgres) {
        if ((how.archiveVersion?.minor ?? 0) > tools.newestArchive) continue
        const { status, stderr } = await run(tools.pgRestore, ['-f', '/dev/null', output])
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      }
      rmSync(output, { recursive: true })
      rmSync(copy, { recursive: true })
    },
  )
  await fc.assert(property, { seed, numRuns: runs, endOnFailure: true })
})

/** COPY text as its documentation has it. */
function copyText(rows: Table['rows']): string {
  const line = (row: readonly (string | Uint8Array | null)[]): string =>
    row
      .map((value) =>
        value === null ? '\\N' : escaped(typeof value === 'string' ? value : Buffer.from(value).toString('latin1')),
      )
      .join('\t')
  return `${rows.map((row) => `${line(row)}\n`).join('')}\\.\n\n\n`
}

function escaped(value: string): string {
  return value
    .replaceAll('\\', '\\\\')
    .replaceAll('\b', '\\b')
    .replaceAll('\f', '\\f')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r')
    .replaceAll('\t', '\\t')
    .replaceAll('\v', '\\v')
}
