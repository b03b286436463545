import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isArchiveError, open, salvage, verify, type Finding, type SalvageReport } from '../../src/index.ts'
import { allArchives, fixtures, type PlacedArchive } from '../helpers/corpus.ts'
import { copyWith, damaged, damages, random, readAll, readSound, type SoundArchive } from '../helpers/damage.ts'
import { postgres } from '../helpers/postgres.ts'

/** Cuts and damages for each archive; a long run sets it, and takes the whole corpus. */
const long = process.env['PGDMP_SALVAGE']
const rounds = long === undefined ? 3 : Number(long)
const seed = Number(process.env['PGDMP_SALVAGE_SEED'] ?? 1)
/** The short run takes small archives of every kind. */
const isShort = ({ path, size }: PlacedArchive): boolean =>
  size < 60_000 && /^(?:18|13|derived)\/.*(?:latin1|small|inserts|v1\.8-Fc\.dump|v1\.12)/.test(path)
/** Of a long run: a part of the archives, so many of them, picked by the seed. */
const part = Number(process.env['PGDMP_SALVAGE_ARCHIVES'] ?? Infinity)
const archives = long === undefined ? fixtures().filter(isShort) : picked(allArchives())
const hasOids = ({ archive_version: version }: PlacedArchive): boolean => Number(version.split('.')[1]) >= 8

function picked(all: readonly PlacedArchive[]): readonly PlacedArchive[] {
  const next = random(seed)
  return all
    .map((archive) => ({ archive, at: next() }))
    .sort((a, b) => a.at - b.at)
    .slice(0, part)
    .map(({ archive }) => archive)
}

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-'))
const figures = {
  tried: 0,
  nothing: 0,
  untouched: 0,
  untouchedLost: 0,
  rowsOfTouched: 0,
  doubtful: 0,
  doubtfulWrong: 0,
  restored: 0,
  verified: 0,
  unsound: 0,
}
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
  if (long !== undefined) console.log(JSON.stringify(figures))
})

/** Of what is written, the findings of verify that the sound archive has not: none is allowed. */
async function newFindings(out: string, sound: SoundArchive): Promise<string[]> {
  const { findings } = await verify(out)
  const bad = findings.filter(({ severity, code }: Finding) => severity !== 'info' && !sound.findings.has(code))
  return bad.map(({ code, message }) => `${code}: ${message}`)
}

/** Every pg_restore that reads archives of this version reads it to the end. */
function restore(out: string, minor: number): void {
  for (const { pgRestore, newestArchive } of postgres) {
    if (newestArchive < minor) continue
    execFileSync(pgRestore, ['-f', '/dev/null', out], { stdio: ['ignore', 'ignore', 'pipe'] })
    figures.restored++
  }
}

/** Salvages, has verify read every byte of what came out, and now and then the real pg_restore. */
async function salvaged(
  input: string,
  sound: SoundArchive,
  sample: boolean,
): Promise<{ report: SalvageReport; data: Awaited<ReturnType<typeof readAll>>; unsound: string[] } | undefined> {
  const out = join(scratch, 'out')
  rmSync(out, { recursive: true, force: true })
  figures.tried++
  let report: SalvageReport
  try {
    report = await salvage(input, out)
  } catch (error) {
    if (!isArchiveError(error) || (error.code !== 'NOT_AN_ARCHIVE' && error.code !== 'PLAIN_SQL')) throw error
    figures.nothing++
    return undefined
  }
  await using archive = await open(out)
  const data = await readAll(archive)
  const unsound = await newFindings(out, sound)
  figures.verified++
  if (unsound.length > 0) figures.unsound++
  if (sample) restore(out, archive.header.version.minor)
  return { report, data, unsound }
}

/** Checks what must be there still, `isTouched` telling what cannot be asked for. */
function compare(
  sound: SoundArchive,
  found: NonNullable<Awaited<ReturnType<typeof salvaged>>> | undefined,
  isTouched: (spans: readonly (readonly [number, number])[], files: readonly string[]) => boolean,
  certain: boolean,
): string[] {
  const wrong: string[] = [...(found?.unsound ?? [])]
  for (const [id, { entry, sha256, rows, spans, files }] of sound.data) {
    const kept = found?.data.get(id)
    if (!isTouched(spans, files)) {
      figures.untouched++
      if (kept?.sha256 !== sha256) {
        figures.untouchedLost++
        wrong.push(`${id} ${entry.desc} ${entry.tag}`)
      }
      continue
    }
    if (rows === undefined || kept?.rows === undefined) continue
    const told = found?.report.entries.find(({ dumpId }) => dumpId === id)
    figures.rowsOfTouched += told?.rowsKept ?? 0
    if (told?.state === 'whole') continue
    // rows that are kept of a stream that is cut are the first ones
    const kind = rows.toString('latin1', 0, 12) === 'INSERT INTO ' ? '\n\n' : '\\.\n\n\n'
    const text = kept.rows.toString('latin1')
    const isPrefix = text.endsWith(kind) && rows.toString('latin1').startsWith(text.slice(0, -kind.length))
    if (told?.state === 'doubtful') {
      figures.doubtful++
      if (!isPrefix) figures.doubtfulWrong++
    } else if (certain && !isPrefix) wrong.push(`${id} rows are not the first ones`)
  }
  return wrong
}

function placesIn(length: number, next: () => number): number[] {
  const places = [0, 1, 5, 11, 40, length - 1].filter((place) => place < length)
  for (let round = 0; round < rounds; round++) places.push(Math.floor(next() * length))
  return long === undefined ? places.slice(-rounds - 1) : places
}

describe('salvage() of what is cut', () => {
  test.each(archives.filter(({ format }) => format !== 'directory'))('$path', async (archive: PlacedArchive) => {
    const next = random(seed)
    const sound = await readSound(archive, scratch)
    const bytes = readFileSync(archive.file)
    const input = join(scratch, 'cut')
    for (const [index, cut] of placesIn(bytes.length, next).entries()) {
      writeFileSync(input, bytes.subarray(0, cut))
      const found = await salvaged(input, sound, index % 4 === 0)
      const wrong = compare(sound, found, (spans) => spans.some(([, end]) => end > cut), true)
      expect(wrong, `cut at ${cut} of ${bytes.length}`).toEqual([])
      if (found !== undefined && cut < sound.tocEnd) expect(found.report.whole).toBe(false)
    }
  })

  test.each(archives.filter(({ format }) => format === 'directory'))('$path', async (archive: PlacedArchive) => {
    const next = random(seed)
    const sound = await readSound(archive, scratch)
    const names = readdirSync(archive.file)
    const input = join(scratch, 'cut.dir')
    for (let round = 0; round < rounds; round++) {
      const name = names[Math.floor(next() * names.length)] ?? 'toc.dat'
      const content = readFileSync(join(archive.file, name))
      const cut = round % 3 === 0 ? undefined : content.subarray(0, Math.floor(next() * content.length))
      copyWith(archive.file, input, name, cut)
      const found = await salvaged(input, sound, round % 4 === 0)
      const wrong = compare(sound, found, (_, files) => files.includes(name) || name.startsWith('toc'), true)
      expect(wrong, `${name} cut at ${cut?.length}`).toEqual([])
    }
  })
})

describe('salvage() of what is damaged', () => {
  test.each(archives.filter((archive) => archive.format !== 'directory' && hasOids(archive)))(
    '$path',
    async (archive: PlacedArchive) => {
      const next = random(seed + 1)
      const sound = await readSound(archive, scratch)
      const bytes = readFileSync(archive.file)
      const input = join(scratch, 'damaged')
      for (const [index, at] of placesIn(bytes.length, next).entries()) {
        const kind = damages[Math.floor(next() * damages.length)] ?? 'flip'
        const { bytes: changed, spans: hit } = damaged(bytes, kind, at, next)
        writeFileSync(input, changed)
        const found = await salvaged(input, sound, index % 4 === 0)
        const inToc = hit.some(([from]) => from < sound.tocEnd)
        const isTouched = (spans: readonly (readonly [number, number])[]): boolean =>
          inToc || spans.some(([start, end]) => hit.some(([from, to]) => from < end && to > start))
        const wrong = compare(sound, found, isTouched, false)
        expect(wrong, `${kind} at ${hit.join(', ')} of ${bytes.length}`).toEqual([])
      }
    },
  )
})
