import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { open, salvage, verify, type SalvageReport, type TocEntry } from '../../src/index.ts'
import { fixture } from '../helpers/corpus.ts'
import { readAll, readSound } from '../helpers/damage.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-salvage-toc-'))
afterAll(() => rmSync(scratch, { recursive: true }))
const output = join(scratch, 'output')

interface Saved {
  readonly report: SalvageReport
  readonly names: readonly string[]
  readonly data: ReadonlyMap<number, string>
}

const nameOf = ({ dumpId, desc, tag, namespace, owner, section, dependencies }: TocEntry): string =>
  JSON.stringify([dumpId, desc, tag, namespace, owner, section, dependencies])

async function shown(path: string): Promise<Pick<Saved, 'names' | 'data'>> {
  await using archive = await open(path)
  const data = new Map([...(await readAll(archive))].map(([id, { sha256 }]) => [id, sha256]))
  return { names: archive.toc.map(nameOf), data }
}

/** What salvage makes of bytes; everything that verify finds, it finds in the sound archive too. */
async function saved(input: Buffer, known: ReadonlySet<string>): Promise<Saved> {
  rmSync(output, { recursive: true, force: true })
  const report = await salvage(input, output)
  const { findings } = await verify(output)
  const unsound = findings.filter(({ severity, code }) => severity !== 'info' && !known.has(code))
  expect(unsound.map(({ message }) => message)).toEqual([])
  return { report, ...(await shown(output)) }
}

const garbage = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => (index * 7919) % 251))

function overwritten(bytes: Buffer, at: number, length: number): Buffer {
  const changed = Buffer.from(bytes)
  garbage(length).copy(changed, at)
  return changed
}

describe('salvage() of an archive with a second table of contents behind the data', () => {
  const archive = fixture('redirected/18-Fc-zstd.dump')
  const bytes = readFileSync(archive.file)

  test('takes the entries from it that the first has lost, in their places', async () => {
    const { tocEnd, findings } = await readSound(archive, scratch)
    const all = await shown(archive.file)
    for (let at = 300; at + 500 < tocEnd; at += 900) {
      const { names, data, report } = await saved(overwritten(bytes, at, 500), findings)
      expect(names, `at ${at}`).toEqual(all.names)
      expect(data, `at ${at}`).toEqual(all.data)
      const told = report.findings.map(({ message }) => message).join('\n')
      expect(told).toMatch(/entries of the table of contents are damaged: they were taken from its copy/)
      expect(report.entriesLost).toBe(0)
    }
  })

  test('keeps the data when the beginning of the first is gone', async () => {
    const { findings } = await readSound(archive, scratch)
    const all = await shown(archive.file)
    for (const gone of [100, 2000]) {
      const { names, data } = await saved(bytes.subarray(gone), findings)
      // those that every archive has are there in any case
      expect(names.slice(-all.names.length + 3), String(gone)).toEqual(all.names.slice(3))
      expect(data, String(gone)).toEqual(all.data)
    }
  })
})

const older = ['1.8', '1.9', '1.10', '1.11', '1.12'].map((version) => `derived/v${version}-Fc.dump`)
const newer = ['legacy/v1.13-gzip-Fc.dump', '13/latin1-Fc.dump', 'legacy/v1.15-lz4-Fc.dump', '18/latin1-Fc.dump']

describe('salvage() of an archive whose header is damaged finds out how its entries are laid out', () => {
  test.each([...older, ...newer])('%s', async (path) => {
    const archive = fixture(path)
    const bytes = readFileSync(archive.file)
    const { findings } = await readSound(archive, scratch)
    const all = await shown(archive.file)
    const damages = [overwritten(bytes, 0, 40), Buffer.concat([Buffer.from('warning: …\n'), bytes])]
    for (const minor of [8, 10, 13, 14, 16]) {
      const changed = Buffer.from(bytes)
      changed[6] = minor
      damages.push(changed)
    }
    for (const [index, input] of damages.entries()) {
      const { names, data } = await saved(input, findings)
      // older ones come out with entries that they have not
      const ids = new Set(names.map((name) => name.split(',')[0]))
      expect(
        all.names.filter((name) => !ids.has(name.split(',')[0])),
        `damage ${index}`,
      ).toEqual([])
      if (newer.includes(path)) for (const name of all.names) expect(names).toContain(name)
      for (const [id, sha256] of all.data) expect(data.get(id), `damage ${index}, ${id}`).toBe(sha256)
    }
  })
})

test.each(['derived/v1.0-Fc.dump', 'derived/v1.1-Fc.dump'])(
  'salvage() of %s, cut anywhere: its version can say of no data that they are not compressed',
  async (path) => {
    const archive = fixture(path)
    const bytes = readFileSync(archive.file)
    const { findings } = await readSound(archive, scratch)
    for (let at = 216; at < bytes.length; at += 464) {
      const { names } = await saved(bytes.subarray(0, at), findings)
      expect(names.length, `at ${at}`).toBeGreaterThan(0)
    }
  },
)

test('salvage() leaves large objects out that damage has made in an entry of many', async () => {
  const archive = fixture('18/full-Fc.dump')
  const bytes = readFileSync(archive.file)
  const { findings } = await readSound(archive, scratch)
  const at = bytes.indexOf('100004\n100011\n')
  expect(at).toBeGreaterThan(0)
  for (const bad of ['0\n7;8\u0001 a', '100011\n100011', '99999999999\n\n']) {
    const changed = Buffer.from(bytes)
    changed.write(bad, at, 'latin1')
    const { report } = await saved(changed, findings)
    expect(report.findings.map(({ message }) => message).join()).toContain('names large objects that cannot be')
    expect(report.largeObjects.filter(({ oid }) => oid < 100_000 || oid > 200_000)).toEqual([])
  }
})

test('salvage() keeps the large objects behind zeros that look like the end of them', async () => {
  const archive = fixture('18/many_lo-Fc.dump')
  const bytes = readFileSync(archive.file)
  const { data, findings } = await readSound(archive, scratch)
  const group = [...data.values()].find(({ entry }) => entry.desc === 'BLOBS')
  const [start = 0, end = 0] = group?.spans[0] ?? []
  const changed = Buffer.from(bytes)
  const at = (start + end) >> 1
  changed.fill(0, at, at + 400)
  const { report } = await saved(changed, findings)
  expect(report.largeObjects.length).toBeGreaterThan(0)
  expect(report.largeObjects.length).toBeLessThan(30)
})

test('salvage() writes statements of a table that is lost as rows, whatever bytes their characters have', async () => {
  const archive = fixture('encodings/sjis-inserts-Fc.dump')
  const bytes = readFileSync(archive.file)
  const { findings, tocEnd } = await readSound(archive, scratch)
  // the last entries go, with some of the tables
  for (const at of [3626, 4000, 4200]) {
    expect(at + 500).toBeLessThan(tocEnd)
    const changed = Buffer.from(bytes)
    changed.fill(0, at, at + 500)
    const { report } = await saved(changed, findings)
    expect(
      report.entries.some(({ made }) => made === true),
      String(at),
    ).toBe(true)
  }
})
