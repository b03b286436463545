import { withFields } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import type { Kept, KeptObject } from './salvage-assess.ts'
import { emptyObjects, makersOf, type DumpIds } from './salvage-entries.ts'
import { oidsOf, type GatheredData } from './salvage-gather.ts'
import type { Break } from './salvage-payload.ts'
import type { FoundToc } from './salvage-toc.ts'
import { declaredObjects, expectedOids } from './verify-objects.ts'

/**
 * The entry that each large object belongs to: the one with whose data it was found, else the first that must have it.
 * Entries and lists that are damaged may name objects of others, and no archive can have one twice.
 */
export function ownersOfObjects(
  entries: readonly TocEntry[],
  data: ReadonlyMap<TocEntry, GatheredData>,
  version: ArchiveVersion,
): ReadonlyMap<number, DumpId> {
  const owners = new Map<number, DumpId>()
  const add = ({ dumpId }: TocEntry, oids: readonly number[]): void => {
    for (const oid of oids) if (!owners.has(oid)) owners.set(oid, dumpId)
  }
  for (const entry of entries) {
    const found = data.get(entry)
    if (found?.kind === 'objects')
      add(
        entry,
        found.objects.map(({ oid }) => oid),
      )
  }
  for (const entry of entries) add(entry, expectedOids(entry, entries, version))
  for (const entry of entries) {
    const found = data.get(entry)
    if (found?.kind === 'objects') add(entry, found.absent ?? [])
  }
  return owners
}

/** The data of an entry without the large objects of others, and each object once. */
export function ownObjects(
  { dumpId }: TocEntry,
  data: GatheredData | undefined,
  owners: ReadonlyMap<number, DumpId>,
): GatheredData | undefined {
  if (data?.kind !== 'objects') return data
  const seen = new Set<number>()
  const objects = data.objects.filter(({ oid }) => {
    if (owners.get(oid) !== dumpId || seen.has(oid)) return false
    seen.add(oid)
    return true
  })
  return { ...data, objects, absent: (data.absent ?? []).filter((oid) => owners.get(oid) === dumpId) }
}

/** The table without large objects that damage has made: no OIDs, or those of others. */
export function withSoundObjects(toc: FoundToc): FoundToc {
  const seen = new Set<number>()
  const decode = decoderFor('SQL_ASCII')
  const breaks: Break[] = []
  const entries = toc.entries.flatMap((entry) => {
    const { dumpId, desc, raw } = entry
    const isGroup = desc === 'BLOB METADATA'
    if (desc !== 'BLOB' && !isGroup) return entry
    const lines = (raw.byteString(isGroup ? 'defn' : 'tag') ?? '').split('\n')
    // pg_restore passes over what no line feed ends
    const isEnded = !isGroup || lines.at(-1) === ''
    if (isGroup && isEnded) lines.pop()
    const sound = lines.filter((line) => {
      const oid = /^[1-9][0-9]{0,9}$/.test(line) ? Number(line) : Infinity
      return oid <= 0xffff_ffff && seen.size < seen.add(oid).size
    })
    const isSound = sound.length === lines.length
    if (isSound && isEnded) return entry
    const what = isSound ? 'its list lacks the end' : 'it names large objects that cannot be, which are left out'
    const reason = `TOC entry ${dumpId} is damaged: ${what}`
    breaks.push({ kind: 'damaged', offset: 0, reason, dumpId })
    if (sound.length === 0) return []
    return withFields(entry, { fields: { defn: sound.map((line) => `${line}\n`).join('') } }, decode)
  })
  return breaks.length === 0 ? toc : { ...toc, entries, breaks: [...toc.breaks, ...breaks] }
}

/** Entries for large objects whose own are lost; what is kept of objects that are lost as well goes. */
export function makersOfUndeclared(
  entries: readonly TocEntry[],
  ids: DumpIds,
  version: ArchiveVersion,
  kept: Map<TocEntry, Kept>,
): readonly TocEntry[] {
  if (!featuresOf(version).blobEntries) return []
  const declared = oidsOf(entries)
  const makers: TocEntry[] = []
  for (const [entry, each] of kept) {
    if (each.kind !== 'objects') continue
    const objects = each.objects.filter(({ oid, payload }) => declared.has(oid) || payload !== undefined)
    const undeclared = objects.flatMap(({ oid }) => (declared.has(oid) ? [] : [oid]))
    kept.set(entry, { ...each, objects })
    for (const maker of makersOf(undeclared, ids, version)) makers.push(maker)
  }
  return makers
}

/** Entries of empty contents for large objects that are created, and whose own were lost with the TOC. */
export function withoutContent(
  found: readonly TocEntry[],
  ids: DumpIds,
  kept: Map<TocEntry, Kept>,
): readonly { readonly entry: TocEntry; readonly lost: readonly KeptObject[] }[] {
  const stored = new Set<number>()
  for (const each of kept.values()) if (each.kind === 'objects') for (const { oid } of each.objects) stored.add(oid)
  // of definitions alone nothing is lost
  if (stored.size === 0) return []
  const broken: Break = { kind: 'cut', offset: 0, reason: 'its entry is lost with the table of contents' }
  return found.flatMap((maker) => {
    const oids = declaredObjects(maker).filter((oid) => !stored.has(oid))
    if (oids.length === 0) return []
    const entry = emptyObjects(maker, ids)
    const lost = oids.map((oid) => ({ oid, payload: undefined, bytes: 0, state: 'lost' as const, broken }))
    kept.set(entry, { kind: 'objects', state: 'lost', objects: lost, bytes: 0, broken })
    return { entry, lost }
  })
}
