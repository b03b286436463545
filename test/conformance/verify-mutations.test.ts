import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { open } from '../../src/archive.ts'
import { verify } from '../../src/inspect/verify.ts'
import { fixtures } from '../helpers/corpus.ts'
import { tarMembers } from '../helpers/tar.ts'

/** Bytes that are changed in each archive; more with PGDMP_MUTATIONS, for the figures in spec/verify.md. */
const tries = Number(process.env['PGDMP_MUTATIONS'] ?? 12)
const seed = 20_261_127

/** Findings of a comparison with the receipt, not of the archive by itself. */
const ofReceipt =
  /^(?:HEADER_CHANGED|CONTENT_CHANGED|DEFINITION_CHANGED|DATA_CHANGED|ENTRY_MISSING|ENTRY_ADDED|LARGE_OBJECT_(?:ADDED|REMOVED|CHANGED)|NOT_COMPARED)$/

interface Figures {
  tried: number
  /** Found by the archive alone. */
  found: number
  /** The content is the same, and nothing was found. */
  harmless: number
  /** The content differs, and the archive alone did not tell. */
  missed: number
  /** Neither alone nor with a receipt. */
  unseen: number
}

function random(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Where data are stored: from the first block or member after the table of contents on. */
async function firstDataOffset(bytes: Uint8Array): Promise<number> {
  await using archive = await open(bytes)
  const offsets = archive.toc.flatMap(({ data }) => (data.state === 'set' ? [data.offset] : []))
  if (offsets.length > 0) return Math.min(...offsets)
  const toc = tarMembers(Buffer.from(bytes)).find(({ name }) => name === 'toc.dat')
  if (toc === undefined) throw new Error('there are neither offsets nor members')
  return 512 + Math.ceil(toc.content.length / 512) * 512
}

async function mutate(bytes: Uint8Array, count: number): Promise<Figures> {
  const { receipt, sound } = await verify(bytes, { receipt: true })
  expect(sound).toBe(true)
  if (receipt === null) throw new Error('a sound archive gave no receipt')
  const first = await firstDataOffset(bytes)
  const next = random(seed)
  const figures: Figures = { tried: 0, found: 0, harmless: 0, missed: 0, unseen: 0 }
  const changed = bytes.slice()
  for (let index = 0; index < count; index++) {
    const at = first + next(bytes.length - first)
    const was = changed[at] ?? 0
    changed[at] = was ^ (1 + next(255))
    const { findings } = await verify(changed, { against: receipt, workers: 0 })
    changed[at] = was
    const faults = findings.filter(({ severity }) => severity !== 'info')
    figures.tried++
    if (faults.some(({ code }) => !ofReceipt.test(code))) figures.found++
    else if (faults.length > 0) figures.missed++
    else figures.harmless++
    if (faults.length === 0 && !findings.some(({ code }) => code === 'STORED_BYTES_CHANGED')) figures.unseen++
  }
  return figures
}

const names = new Set([
  '18/full-Fc.dump',
  '18/full-Fc-lz4.dump',
  '18/full-Fc-zstd.dump',
  '18/full-Fc-Z0.dump',
  '18/full-Ft.tar',
])
const archives = fixtures().filter(({ path }) => names.has(path))

test('there are archives to change', () => {
  expect(archives.length).toBe(names.size)
})

for (const archive of archives) {
  test(`verify() finds changed bytes in ${archive.path}`, { timeout: 3_600_000 }, async () => {
    const figures = await mutate(readFileSync(archive.file), tries)
    if (process.env['PGDMP_MUTATIONS'] !== undefined)
      process.stdout.write(`${archive.path} ${JSON.stringify(figures)}\n`)
    expect(figures.unseen).toBe(0)
    // gzip has a checksum of its own
    if (archive.compression.startsWith('gzip')) expect(figures.missed).toBe(0)
  })
}
