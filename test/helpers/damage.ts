import { createHash } from 'node:crypto'
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { open, reindex, verify, type Archive, type DumpId, type TocEntry } from '../../src/index.ts'
import type { PlacedArchive } from './corpus.ts'

/** Numbers from 0 to below 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The data of an entry in a sound archive. */
export interface SoundData {
  readonly entry: TocEntry
  /** SHA-256 of the decompressed data: of a table's rows, or of all large objects with their OIDs. */
  readonly sha256: string
  /** Text of a table's data; undefined for large objects. */
  readonly rows: Buffer | undefined
  readonly objects: ReadonlyMap<number, string>
  /** Bytes of the archive that it needs; of a directory everything is in files. */
  readonly spans: readonly (readonly [start: number, end: number])[]
  /** Files that it needs, of a directory. */
  readonly files: readonly string[]
}

/** What is in a sound archive, and where. */
export interface SoundArchive {
  readonly archive: PlacedArchive
  /** Offset after header and TOC. */
  readonly tocEnd: number
  readonly data: ReadonlyMap<DumpId, SoundData>
  readonly entries: number
  /** Codes of what verify finds in it. */
  readonly findings: ReadonlySet<string>
}

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** All data of an archive, by dump id. */
export async function readAll(archive: Archive): Promise<Map<DumpId, Omit<SoundData, 'spans' | 'files'>>> {
  const found = new Map<DumpId, Omit<SoundData, 'spans' | 'files'>>()
  for (const entry of archive.toc) {
    if (!entry.hadDumper || entry.data.state === 'no-data') continue
    const objects = new Map<number, string>()
    if (entry.desc === 'BLOBS') {
      for await (const { oid, data } of archive.largeObjects(entry))
        objects.set(oid, sha256(await data.bytes({ maxBytes: Infinity })))
      found.set(entry.dumpId, { entry, sha256: sha256([...objects].join()), rows: undefined, objects })
    } else {
      const rows = Buffer.from(await archive.data(entry).bytes({ maxBytes: Infinity }))
      found.set(entry.dumpId, { entry, sha256: sha256(rows), rows, objects })
    }
  }
  return found
}

/** Reads a sound archive; `scratch` is the place for a copy. */
export async function readSound(archive: PlacedArchive, scratch: string): Promise<SoundArchive> {
  await using opened = await open(archive.file)
  const data = await readAll(opened)
  const placed = new Map<DumpId, SoundData>()
  const entries = opened.toc.length
  const findings = new Set((await verify(archive.file)).findings.map(({ code }) => code))
  if (archive.format === 'directory') {
    const names = readdirSync(archive.file)
    for (const [id, each] of data) {
      const own = each.entry.desc === 'BLOBS' ? [...each.objects.keys()].map((oid) => `blob_${oid}.dat`) : [`${id}.dat`]
      const files = names.filter((name) => own.some((file) => name === file || name.startsWith(`${file}.`)))
      placed.set(id, { ...each, spans: [], files })
    }
    return { archive, tocEnd: 0, data: placed, entries, findings }
  }
  if (archive.format === 'tar') {
    const members = tarMembers(readFileSync(archive.file))
    for (const [id, each] of data) {
      const own = each.entry.desc === 'BLOBS' ? [...each.objects.keys()].map((oid) => `blob_${oid}.dat`) : [`${id}.dat`]
      placed.set(id, { ...each, spans: own.flatMap((name) => [members.get(name) ?? [0, Infinity]]), files: [] })
    }
    return { archive, tocEnd: members.get('toc.dat')?.[1] ?? 0, data: placed, entries, findings }
  }
  // before 1.7 there are no offsets that could tell where data end
  if (Number(archive.archive_version.split('.')[1]) < 7) {
    for (const [id, each] of data) placed.set(id, { ...each, spans: [[0, archive.size]], files: [] })
    return { archive, tocEnd: 0, data: placed, entries, findings }
  }
  const copy = join(scratch, 'indexed.dump')
  cpSync(archive.file, copy)
  await reindex(copy)
  await using indexed = await open(copy)
  const { archiveBytes } = await indexed.storedSizes()
  const offsets = indexed.toc.flatMap((entry) =>
    entry.data.state === 'set' && data.has(entry.dumpId) ? [{ id: entry.dumpId, at: entry.data.offset }] : [],
  )
  offsets.sort((a, b) => a.at - b.at)
  offsets.forEach(({ id, at }, index) => {
    const each = data.get(id)
    if (each !== undefined)
      placed.set(id, { ...each, spans: [[at, offsets[index + 1]?.at ?? archiveBytes ?? at]], files: [] })
  })
  rmSync(copy)
  return { archive, tocEnd: offsets[0]?.at ?? archiveBytes ?? 0, data: placed, entries, findings }
}

/** Where each member of a tar file lies, its header included. */
function tarMembers(bytes: Buffer): Map<string, readonly [start: number, end: number]> {
  const members = new Map<string, readonly [number, number]>()
  for (let at = 0; at + 512 <= bytes.length;) {
    const name = bytes.toString('latin1', at, at + 100).replace(/\0.*$/s, '')
    if (name === '') {
      at += 512
      continue
    }
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8)
    members.set(name, [at, at + 512 + size])
    at += 512 + Math.ceil(size / 512) * 512
  }
  return members
}

/** Ways to damage bytes. */
export const damages = ['flip', 'zero', 'insert', 'remove', 'overwrite', 'page', 'range', 'several'] as const
export type Damage = (typeof damages)[number]

/** Damaged bytes, and which of the sound ones are concerned. */
export interface Damaged {
  readonly bytes: Buffer
  readonly spans: readonly (readonly [from: number, to: number])[]
}

export function damaged(bytes: Buffer, kind: Damage, at: number, next: () => number): Damaged {
  if (kind === 'several') return severalTimes(bytes, at, next)
  const changed = Buffer.from(bytes)
  if (kind === 'page') {
    const from = at - (at % 4096)
    const to = Math.min(from + 4096, bytes.length)
    return { bytes: changed.fill(0, from, to), spans: [[from, to]] }
  }
  const most = kind === 'flip' ? 1 : kind === 'range' ? bytes.length / 4 : 600
  const length = kind === 'flip' ? 1 : Math.min(1 + Math.floor(next() * most), bytes.length - at)
  const spans = [[at, at + length]] as const
  if (kind === 'remove' || kind === 'range')
    return { bytes: Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]), spans }
  const garbage = Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)))
  if (kind === 'insert')
    return { bytes: Buffer.concat([bytes.subarray(0, at), garbage, bytes.subarray(at)]), spans: [[at, at + 1]] }
  if (kind === 'flip') changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(next() * 8))
  else if (kind === 'zero') changed.fill(0, at, at + length)
  else garbage.copy(changed, at)
  return { bytes: changed, spans }
}

/** Three damages, the last one first: so offsets stay those of the sound bytes. */
function severalTimes(bytes: Buffer, at: number, next: () => number): Damaged {
  const places = [at, ...[1, 2].map(() => Math.floor(next() * bytes.length))].sort((a, b) => b - a)
  let found: Damaged = { bytes, spans: [] }
  for (const place of places) {
    const kind = damages[Math.floor(next() * 5)] ?? 'flip'
    const more = damaged(found.bytes, kind, place, next)
    found = { bytes: more.bytes, spans: [...found.spans, ...more.spans] }
  }
  return found
}

/** A copy of a directory in which one file is other than it was; without `content` it is missing. */
export function copyWith(directory: string, copy: string, name: string, content: Buffer | undefined): void {
  rmSync(copy, { recursive: true, force: true })
  cpSync(directory, copy, { recursive: true })
  if (content === undefined) rmSync(join(copy, name))
  else writeFileSync(join(copy, name), content)
}
