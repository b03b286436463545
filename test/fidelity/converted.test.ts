import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../src/archive.ts'
import type { Algorithm } from '../../src/codec/codec.ts'
import { convert } from '../../src/ops/convert.ts'
import { digest } from '../../src/ops/digest.ts'
import type { ArchiveDigest } from '../../src/ops/digest-whole.ts'
import type { ArchiveFormat } from '../../src/toc/types.ts'
import { allArchives, type PlacedArchive } from '../helpers/corpus.ts'
import { postgres, withoutPostgres, type PostgresTools } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
/** Conversions to try; `all` of them; or `all:121`, those of the archives from the 121st on, the small ones first. */
const wanted = process.env['PGDMP_CONVERSIONS'] ?? '45'
const everyOne = /^all(?::(?<first>\d+))?$/.exec(wanted)
console.log(`PGDMP_SEED=${seed} PGDMP_CONVERSIONS=${wanted}`)

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-converted-'))
let outputs = 0
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** One archive written as another. */
interface Conversion {
  readonly archive: PlacedArchive
  readonly format: ArchiveFormat
  readonly method: Algorithm
  readonly minor: number
}

const targets: readonly Omit<Conversion, 'archive'>[] = (['custom', 'directory', 'tar'] as const).flatMap((format) =>
  (['none', 'gzip', 'lz4', 'zstd'] as const).flatMap((method) =>
    [12, 13, 14, 15, 16]
      .filter(
        (minor) => (format !== 'tar' || method === 'none') && (minor >= 15 || method === 'none' || method === 'gzip'),
      )
      .map((minor) => ({ format, method, minor })),
  ),
)

const minorOf = ({ archive_version: version }: PlacedArchive): number => Number(version.split('.')[1])

/** The last version without groups of large objects. */
const lastWithObjects = 15
// of an unknown method of compression no data can be read
const readable = allArchives().filter(({ path }) => !path.includes('unknown'))
/** So that a run that is interrupted has seen archives of every kind. */
const smallFirst = [...readable].sort((a, b) => a.size - b.size)
const conversions: readonly Conversion[] = readable.flatMap((archive) =>
  targets.map((target) => ({ archive, ...target })),
)

/** A tar archive of 1.16 has groups of large objects, and these are made of the entries that section-wise dumps lack. */
const hasNoPlace = (archive: Archive, { format, minor }: Conversion): boolean =>
  format === 'tar' &&
  minor > lastWithObjects &&
  archive.header.version.minor >= 12 &&
  archive.toc.some(({ desc }) => desc === 'BLOBS') &&
  !archive.toc.some(({ desc }) => desc === 'BLOB' || desc === 'BLOB METADATA')

const accepted = { status: 0, stderr: '' }

/** What pg_restore says to an original before 1.8 whose dependencies are OIDs; converted, it has none of those. */
const refused = 'pg_restore: error: bad table dumpId for TABLE DATA item'

/** What pg_restore prints, without the lines that name versions; undefined of an original that it refuses. */
async function printed(
  tools: PostgresTools,
  args: readonly string[],
  file: string,
  isOurs: boolean,
): Promise<string | undefined> {
  const { status, stderr, stdout } = await run(tools.pgRestore, [...args, file], { env: { TZ: 'UTC', LC_ALL: 'C' } })
  if (!isOurs && status === 1 && stderr.includes(refused)) return undefined
  if (isOurs) expect({ status, stderr: stderr.replaceAll(/.*WITH OIDS is not supported.*\n/g, '') }).toEqual(accepted)
  return stdout
    .toString('latin1')
    .replaceAll(/^\\(?:un)?restrict .*\n/gm, '')
    .replaceAll(/^-- Dumped (?:from|by) .*\n/gm, '')
    .replaceAll(/^; {5}(?:Compression|Dump Version|Format|Integer|Offset|Dumped by pg_dump version): .*\n/gm, '')
}

const accessMethods = /^(?:SET default_table_access_method = |ALTER TABLE \S+ SET ACCESS METHOD ).*;\n\n\n?/gm

/** Of archives before 1.12 one statement makes and opens a large object. */
const madeAndOpened = /^SELECT pg_catalog\.lo_open\(pg_catalog\.lo_create\(('\d+')\), 131072\);$/gm

/** What a script does, whatever the order: its lines without remarks, each once, sorted. */
function linesOf(script: string): string {
  const text = script.replaceAll(
    madeAndOpened,
    'SELECT pg_catalog.lo_create($1);\nSELECT pg_catalog.lo_open($1, 131072);',
  )
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('--'))
  return [...new Set(lines)].sort().join('\n')
}

/** How to read a script, so that it is that of the original. */
interface Reading {
  /** Before 1.14 there are no access methods, before 1.16 none of partitioned tables, which are not known for such. */
  readonly accessMethods: boolean
  /** Statements about large objects come in another order. */
  readonly ordered: boolean
}

function asRead(script: string, reading: Reading): string {
  const text = reading.accessMethods ? script : script.replaceAll(accessMethods, '')
  return reading.ordered ? text : linesOf(text)
}

/** What the original says, of the archive that is looked at and those beside it. */
const originals = new Map<string, Promise<string | undefined>>()

function original(
  tools: PostgresTools,
  args: readonly string[],
  { file }: PlacedArchive,
  reading: Reading,
): Promise<string | undefined> {
  const key = `${tools.major} ${args.join(' ')} ${file} ${reading.accessMethods} ${reading.ordered}`
  const known = originals.get(key)
  if (known !== undefined) return known
  const text = printed(tools, args, file, false).then((script) =>
    script === undefined ? undefined : asRead(script, reading),
  )
  originals.set(key, text)
  const [oldest] = originals.keys()
  if (originals.size > 200 && oldest !== undefined) originals.delete(oldest)
  return text
}

/** The entries about large objects: of two archives alike unless they had to be laid out in another way. */
const objectEntries = ({ toc }: Archive): string =>
  toc
    .flatMap(({ desc, tag }) =>
      desc.startsWith('BLOB') || tag?.startsWith('LARGE OBJECT') === true ? `${desc} ${tag}\n` : [],
    )
    .join('')

const dataOf = ({ entries }: ArchiveDigest): string[] => entries.map(({ dumpId, data }) => `${dumpId} ${data}`)
const oidsOf = ({ largeObjects: { objects } }: ArchiveDigest): number[] => objects.map(({ oid }) => oid)

/** Converts and compares; gives how many outputs of pg_restore were compared with those of the original. */
async function check(conversion: Conversion): Promise<number> {
  const { archive, format, method, minor } = conversion
  await using before = await open(archive.file)
  const output = join(scratch, String(outputs++))
  const options = { format, compression: { method }, archiveVersion: { major: 1, minor, rev: 0 } } as const
  if (hasNoPlace(before, conversion)) {
    const refusal = { code: 'USAGE', message: expect.stringContaining('without groups') }
    await expect(convert(before, output, options)).rejects.toMatchObject(refusal)
    return 0
  }
  const { warnings } = await convert(before, output, options)
  await using after = await open(output)
  expect(after.header).toMatchObject({ format, compression: { algorithm: method } })
  const [was, is] = [await digest(before), await digest(after)]
  expect(dataOf(is)).toEqual(dataOf(was))
  // before 1.4 the date is that of reading
  if (minorOf(archive) >= 4) expect(is.header).toBe(was.header)
  // before 1.12 large objects have no entries of their own
  if (minorOf(archive) < 12) expect(oidsOf(is)).toEqual(oidsOf(was))
  else expect(is.largeObjects).toEqual(was.largeObjects)
  if (minorOf(archive) >= 12 && !warnings.some(({ severity }) => severity === 'error')) {
    expect(is.content).toBe(was.content)
  }
  const laidOut = objectEntries(before) !== objectEntries(after)
  const readers = postgres.filter(({ newestArchive }) => minor <= newestArchive)
  const compared = await Promise.all(
    readers.flatMap((tools) => [['-f', '-'], ['-l']].map((args) => compare(conversion, output, laidOut, tools, args))),
  )
  rmSync(output, { recursive: true })
  return compared.filter(Boolean).length
}

/** Reads the output, and says whether what it says could be compared with the original's. */
async function compare(
  { archive, minor }: Conversion,
  output: string,
  laidOut: boolean,
  tools: PostgresTools,
  args: readonly string[],
): Promise<boolean> {
  const text = (await printed(tools, args, output, true)) ?? ''
  // OIDs of dependencies were taken for dump ids, and dates before 1.4 are those of reading
  const comparable = minorOf(archive) <= tools.newestArchive && minorOf(archive) >= 4
  if (!comparable || (laidOut && args.includes('-l'))) return false
  const reading: Reading = { accessMethods: Math.min(minor, minorOf(archive)) >= 16, ordered: !laidOut }
  const expected = await original(tools, args, archive, reading)
  const found = asRead(text, reading)
  if (expected !== undefined && found !== expected) expect(found).toBe(expected)
  return expected !== undefined
}

describe('convert() to another format, compression or version', () => {
  if (postgres.length === 0) console.log(withoutPostgres)

  test.skipIf(everyOne !== null)('gives the same content to every reader', { timeout: 3_600_000 }, async () => {
    const property = fc.asyncProperty(
      fc.constantFrom(...conversions),
      async (conversion) => void (await check(conversion)),
    )
    await fc.assert(property, { seed, numRuns: Number(wanted), endOnFailure: true })
  })

  const shards = everyOne === null ? [] : smallFirst.slice(Number(everyOne.groups?.['first'] ?? 1) - 1)
  let done = 0
  test.concurrent.each(shards)('$path: every conversion', { timeout: 10_800_000 }, async (archive) => {
    const started = performance.now()
    let read = 0
    for (const target of targets) read += await check({ archive, ...target })
    done += 1
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(
      `${done} of ${shards.length}: ${archive.path}: ${targets.length} conversions, ${read} outputs of pg_restore compared, ${seconds} s`,
    )
  })
})
