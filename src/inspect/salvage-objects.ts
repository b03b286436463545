import type { ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import type { GatheredData } from './salvage-gather.ts'
import { expectedOids } from './verify-objects.ts'

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
