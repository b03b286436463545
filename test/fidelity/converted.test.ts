import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../src/archive.ts'
import type { Algorithm } from '../../src/codec/codec.ts'
import { digest } from '../../src/ops/digest.ts'
import { restoreScript } from '../../src/ops/restore-script.ts'
import type { ArchiveFormat } from '../../src/toc/types.ts'
import { writeView } from '../../src/write-view.ts'
import { allArchives, type PlacedArchive } from '../helpers/corpus.ts'
import { postgres, withoutPostgres, type PostgresTools } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'

const seed = Number(process.env['PGDMP_SEED'] ?? Date.now() % 2 ** 31)
/** Conversions to try, or `all`. */
const wanted = process.env['PGDMP_CONVERSIONS'] ?? '60'
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

/** Entries of large objects are of two kinds: what makes one of the other is no matter of writing. */
const lastWithObjects = 15
const readable = allArchives().filter(({ path }) => !path.includes('unknown'))
const conversions: readonly Conversion[] = readable.flatMap((archive) =>
  targets.map((target) => ({ archive, ...target })),
)

async function convert({ archive: { file }, format, method, minor }: Conversion): Promise<string | undefined> {
  await using archive = await open(file)
  const stored = archive.header.version.minor
  if (archive.header.compression.algorithm === 'unknown') return undefined
  const groups = archive.toc.filter(({ desc }) => desc === 'BLOBS').length
  const hasObjects = archive.toc.some(({ desc }) => desc.startsWith('BLOB'))
  const grouped = archive.toc.some(({ desc }) => desc === 'BLOB METADATA')
  if (hasObjects && (stored < 12 || stored > lastWithObjects !== minor > lastWithObjects)) return undefined
  if (grouped && minor <= lastWithObjects) return undefined
  if (groups > 1 && minor <= lastWithObjects && format !== 'custom') return undefined
  const output = join(scratch, String(outputs++))
  await writeView(archive, output, {
    format,
    compression: { method },
    archiveVersion: { major: 1, minor, rev: 0 },
    restoreScript: (view) => restoreScript(view),
  })
  return output
}

async function contentOf(archive: Archive): Promise<unknown> {
  const { entries, largeObjects } = await digest(archive)
  return { data: entries.map(({ dumpId, data }) => `${dumpId} ${data}`), largeObjects }
}

const accepted = { status: 0, stderr: '' }

/** What pg_restore prints, without the lines that name versions. */
async function printed(tools: PostgresTools, args: readonly string[], file: string, isOurs: boolean): Promise<string> {
  const { status, stderr, stdout } = await run(tools.pgRestore, [...args, file], { env: { TZ: 'UTC', LC_ALL: 'C' } })
  if (isOurs) expect({ status, stderr: stderr.replaceAll(/.*WITH OIDS is not supported.*\n/g, '') }).toEqual(accepted)
  return stdout
    .toString('latin1')
    .replaceAll(/^\\(?:un)?restrict .*\n/gm, '')
    .replaceAll(/^-- Dumped (?:from|by) .*\n/gm, '')
    .replaceAll(/^; {5}(?:Compression|Dump Version|Format|Integer|Offset|Dumped by pg_dump version): .*\n/gm, '')
}

const accessMethods = /^(?:SET default_table_access_method = |ALTER TABLE \S+ SET ACCESS METHOD ).*;\n\n\n?/gm

const originals = new Map<string, Promise<string>>()

function original(tools: PostgresTools, args: readonly string[], { file }: PlacedArchive): Promise<string> {
  const key = `${tools.major} ${args.join(' ')} ${file}`
  const known = originals.get(key) ?? printed(tools, args, file, false)
  originals.set(key, known)
  return known
}

async function check(conversion: Conversion): Promise<void> {
  const output = await convert(conversion)
  if (output === undefined) return
  const { archive, minor } = conversion
  {
    await using before = await open(archive.file)
    await using after = await open(output)
    expect(after.header).toMatchObject({ format: conversion.format, compression: { algorithm: conversion.method } })
    expect(await contentOf(after)).toEqual(await contentOf(before))
  }
  for (const tools of postgres.filter(({ newestArchive }) => minor <= newestArchive)) {
    for (const args of tools.major === 18 ? [['-f', '-'], ['-l']] : [['-f', '-']]) {
      const text = await printed(tools, args, output, true)
      // OIDs of dependencies were taken for dump ids, and dates before 1.4 are those of reading
      const comparable = minorOf(archive) <= tools.newestArchive && minorOf(archive) >= 4
      // before 1.14 there are no access methods, before 1.16 none of partitioned tables
      const alike = (script: string): string => (minor >= 16 ? script : script.replaceAll(accessMethods, ''))
      if (comparable) expect(alike(text)).toBe(alike(await original(tools, args, archive)))
    }
  }
  rmSync(output, { recursive: true })
}

describe('writeView() in another format, compression or version', () => {
  if (postgres.length === 0) console.log(withoutPostgres)

  test.skipIf(wanted === 'all')('gives the same content to every reader', { timeout: 3_600_000 }, async () => {
    const property = fc.asyncProperty(fc.constantFrom(...conversions), check)
    await fc.assert(property, { seed, numRuns: Number(wanted), endOnFailure: true })
  })

  const shards = wanted === 'all' ? readable : []
  test.each(shards)('$path: every conversion', { timeout: 1_800_000 }, async (archive) => {
    for (const target of targets) await check({ archive, ...target })
  })
})
