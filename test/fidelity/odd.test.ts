import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { Builder } from '../../src/bytes/builder.ts'
import { decoderFor } from '../../src/toc/encoding.ts'
import { withFields } from '../../src/toc/changed-entry.ts'
import type { TocEntry } from '../../src/toc/types.ts'
import { derive } from '../../src/view.ts'
import { writeView } from '../../src/write-view.ts'
import { collectingStream } from '../helpers/archives.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-odd-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1')
const layout = { intSize: 4, offSize: 8, signByte: true }

/** An archive with everything that a reader takes and no pg_dump writes. */
function oddArchive(): Buffer {
  const builder = new Builder(layout)
  const str = (value: string | null): void => builder.writeStr(value === null ? null : text(value))
  builder.writeBytes(text('PGDMP\x01\x10\x07\x04\x08\x01\0')) // revision 7
  for (const value of [61, -1, 99, 0, 12, -1900, -7]) builder.writeInt(value)
  for (const value of [null, '', 'pg_dump \xff\xfe']) str(value)
  builder.writeInt(5)
  const entry = (
    id: number,
    hadDumper: number,
    fields: readonly (string | null)[],
    section: number,
    relkind: number,
  ): void => {
    builder.writeInt(id)
    builder.writeInt(hadDumper)
    const [tableoid = null, oid = null, tag = null, desc = null, ...rest] = fields
    for (const field of [tableoid, oid, tag, desc]) str(field)
    builder.writeInt(section)
    const [
      defn = null,
      dropStmt = null,
      copyStmt = null,
      namespace = null,
      tablespace = null,
      tableam = null,
      ...last
    ] = rest
    for (const field of [defn, dropStmt, copyStmt, namespace, tablespace, tableam]) str(field)
    builder.writeInt(relkind)
    const [owner = null, withOids = null, ...dependencies] = last
    for (const field of [owner, withOids, ...dependencies, null]) str(field)
  }
  entry(1, 0, ['12 apples', '-5', null, '', null, '', null, '', '', 'heap', '', 'TRUE'], 9, 370)
  builder.writeOffset('no-data', 77)
  entry(
    7,
    -3,
    [
      '0',
      '9',
      'a\xffb\0c',
      'TABLE DATA',
      '',
      null,
      'COPY t FROM stdin;\n',
      null,
      null,
      null,
      null,
      null,
      '+1',
      ' 1',
      '1 x',
      '5000',
    ],
    3,
    -2,
  )
  builder.writeOffset('not-set', 0)
  entry(7, 1, ['0', '9', 'again', 'NEW KIND', '', null, null, null, null, null, null, 'false'], 0, 0)
  builder.writeOffset('no-data', 0)
  entry(2_147_483_647, 1, ['0', '9', 'b', 'TABLE DATA', '', null, '', null, null, null, null, 'false'], 3, 0)
  builder.writeOffset('set', 0)
  const offsetAt = builder.length - 8
  entry(8, 0, ['4294967295', '0', '', 'X'.repeat(5000), '\r\n', '', '', 'n', '', '', 'o', 'false'], -4, 0)
  builder.writeOffset('not-set', 2 ** 40)
  const block = (type: number, id: number): void => {
    builder.writeByte(type)
    builder.writeInt(id)
  }
  const chunks = (...payloads: readonly string[]): void => {
    for (const payload of payloads) {
      builder.writeInt(payload.length)
      builder.writeBytes(text(payload))
    }
    builder.writeBytes(text('\x01\0\0\0\0')) // minus nothing
  }
  block(1, 7)
  chunks('1', '\n\\', '.\n\n\n')
  block(1, 4000) // nobody's
  chunks('lost')
  block(3, 4001)
  builder.writeInt(3_000_000_000 | 0)
  chunks('object')
  builder.writeInt(0)
  const position = builder.length
  block(1, 2_147_483_647)
  chunks('INSERT INTO b;\n\n')
  const bytes = Buffer.from(builder.bytes())
  bytes.writeBigUInt64LE(BigInt(position), offsetAt)
  return bytes
}

test('writeView() of an odd archive: same bytes, from memory and from a stream', async () => {
  const bytes = oddArchive()
  for (const [name, input] of [
    ['memory', bytes],
    ['stream', Readable.from([bytes])],
  ] as const) {
    await using archive = await open(input)
    const output = join(folder, name)
    expect((await writeView(archive, output)).verbatim).toBe(true)
    expect(readFileSync(output).equals(bytes)).toBe(true)
  }
})

test('writeView() keeps everything else of an entry that was changed', async () => {
  const bytes = oddArchive()
  await using archive = await open(bytes)
  const decode = decoderFor('SQL_ASCII')
  // the same bytes once more, but every field is written anew
  const toc = archive.toc.filter((entry) => entry.dumpId !== 7 || entry.desc !== 'NEW KIND')
  const changed = toc.map((entry) =>
    withFields(entry, { fields: { tag: entry.raw.byteString('tag') ?? null } }, decode),
  )
  const { stream, bytes: written } = collectingStream()
  const view = derive(archive, {
    toc: changed,
    data: (entry: TocEntry) => archive.data(toc[changed.indexOf(entry)] ?? entry),
  })
  expect((await writeView(view, stream)).verbatim).toBe(false)
  await using again = await open(written())
  const fieldsOf = ({ raw, dependencies }: TocEntry): unknown => [
    (
      [
        'tableoid',
        'oid',
        'tag',
        'desc',
        'defn',
        'dropStmt',
        'copyStmt',
        'namespace',
        'tablespace',
        'tableam',
        'owner',
        'withOids',
      ] as const
    ).map((field) => raw.byteString(field)),
    (['hadDumper', 'section', 'relkind'] as const).map((field) => raw.number?.(field)),
    dependencies,
  ]
  expect(again.toc.map((entry) => fieldsOf(entry))).toEqual(toc.map((entry) => fieldsOf(entry)))
  expect(again.header.createDate).toEqual(archive.header.createDate)
  expect(again.header.raw).toEqual(archive.header.raw)
})
