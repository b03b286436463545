import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readerOptions } from '../../src/archive.ts'
import { openArchive } from '../../src/format/open.ts'
import type { Receipt } from '../../src/inspect/receipt.ts'
import { verify } from '../../src/inspect/verify.ts'
import type { ArchiveInput } from '../../src/io/input.ts'
import { noLimits } from '../../src/limits.ts'
import { allArchives, fixtures } from '../helpers/corpus.ts'

/** A long run changes more bytes, of every archive at hand: for the figures in spec/verify.md. */
const isLong = process.env['PGDMP_MUTATIONS'] !== undefined
/** Bytes that are changed in each archive. */
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

/** Where data are stored: from the first block after the table of contents on. Of a tar archive it is all of it. */
async function firstDataOffset(bytes: Uint8Array): Promise<number> {
  const limits = noLimits
  const plan = { format: undefined, spool: false, forwardOnly: false, asPgRestore: false }
  const { reader, release } = await openArchive(bytes, readerOptions({ limits }), plan)
  try {
    if (reader.format === 'tar') return 0
    for await (const { offset } of reader.blocks({})) return offset ?? 0
    return bytes.length
  } finally {
    await reader.close()
    await release()
  }
}

async function judge(input: ArchiveInput, receipt: Receipt, figures: Figures): Promise<void> {
  const { findings } = await verify(input, { against: receipt, workers: 0 })
  const faults = findings.filter(({ severity }) => severity !== 'info')
  figures.tried++
  if (faults.some(({ code }) => !ofReceipt.test(code))) figures.found++
  else if (faults.length > 0) figures.missed++
  else figures.harmless++
  if (faults.length === 0 && !findings.some(({ code }) => code === 'STORED_BYTES_CHANGED')) figures.unseen++
}

async function receiptOf(input: ArchiveInput): Promise<Receipt> {
  const { receipt } = await verify(input, { receipt: true })
  if (receipt === null) throw new Error('an archive that can be read gave no receipt')
  return receipt
}

async function mutateFile(bytes: Uint8Array, count: number, figures: Figures): Promise<void> {
  const receipt = await receiptOf(bytes)
  const first = await firstDataOffset(bytes)
  if (first >= bytes.length) return
  const next = random(seed)
  const changed = bytes.slice()
  for (let index = 0; index < count; index++) {
    const at = first + next(bytes.length - first)
    const was = changed[at] ?? 0
    changed[at] = was ^ (1 + next(255))
    await judge(changed, receipt, figures)
    changed[at] = was
  }
}

/**
 * Changes bytes of all files of a directory but toc.dat, as if they lay one behind the other. Gives how many of those that
 * were missed are in the first two of a file, without which zlib, and so pg_restore, takes a .gz file as it is.
 */
async function mutateDirectory(directory: string, count: number, figures: Figures): Promise<number> {
  const receipt = await receiptOf(directory)
  const copy = join(scratch, 'changed')
  rmSync(copy, { recursive: true, force: true })
  cpSync(directory, copy, { recursive: true })
  const files = readdirSync(copy)
    .filter((name) => !name.startsWith('toc.dat'))
    .map((name) => ({ path: join(copy, name), bytes: readFileSync(join(copy, name)) }))
  const total = files.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const next = random(seed)
  let missedMagic = 0
  for (let index = 0; index < (total === 0 ? 0 : count); index++) {
    let at = next(total)
    const file = files.find(({ bytes }) => (at -= bytes.length) < 0)
    if (file === undefined) continue
    const changed = Uint8Array.from(file.bytes)
    at += file.bytes.length
    changed[at] = (changed[at] ?? 0) ^ (1 + next(255))
    writeFileSync(file.path, changed)
    const { missed } = figures
    await judge(copy, receipt, figures)
    if (at < 2) missedMagic += figures.missed - missed
    writeFileSync(file.path, file.bytes)
  }
  return missedMagic
}

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-mutations-'))
const totals = new Map<string, Figures>()
afterAll(() => {
  rmSync(scratch, { recursive: true, force: true })
  if (!isLong) return
  for (const [kind, figures] of totals) process.stdout.write(`all of ${kind}: ${JSON.stringify(figures)}\n`)
})

const names = new Set([
  '18/full-Fc.dump',
  '18/full-Fc-lz4.dump',
  '18/full-Fc-zstd.dump',
  '18/full-Fc-Z0.dump',
  '18/full-Ft.tar',
  '18/full-Fd.dir',
])
const archives = isLong ? allArchives() : fixtures().filter(({ path }) => names.has(path))

test('there are archives to change', () => {
  expect(archives.length).toBeGreaterThanOrEqual(names.size)
})

for (const archive of archives) {
  test(`verify() finds changed bytes in ${archive.path}`, { timeout: 3_600_000 }, async () => {
    const figures: Figures = { tried: 0, found: 0, harmless: 0, missed: 0, unseen: 0 }
    let missedMagic = 0
    if (archive.format === 'directory') missedMagic = await mutateDirectory(archive.file, tries, figures)
    else await mutateFile(readFileSync(archive.file), tries, figures)
    if (isLong) process.stdout.write(`${archive.path} ${JSON.stringify(figures)}\n`)
    const kind = `${archive.format} ${archive.compression.replace(/[:-].*/, '')}`
    const total = totals.get(kind) ?? { tried: 0, found: 0, harmless: 0, missed: 0, unseen: 0 }
    totals.set(kind, total)
    for (const name of ['tried', 'found', 'harmless', 'missed', 'unseen'] as const) total[name] += figures[name]
    expect(figures.unseen).toBe(0)
    // gzip has a checksum of its own
    if (archive.compression.startsWith('gzip')) expect(figures.missed - missedMagic).toBe(0)
  })
}
