import type { DumpId, TocEntry } from '../toc/types.ts'

/** Ids of TABLE DATA entries by that of their table; of several the last one counts (buildTocEntryArrays, pg_backup_archiver.c). */
export function dataIdsOf(entries: readonly TocEntry[]): ReadonlyMap<DumpId, DumpId> {
  const ids = new Map<DumpId, DumpId>()
  for (const { desc, dumpId, dependencies } of entries) {
    const table = dependencies[0]
    if (desc === 'TABLE DATA' && table !== undefined) ids.set(table, dumpId)
  }
  return ids
}
