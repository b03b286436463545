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

/**
 * Whether rows of a partition are loaded by way of the partitioned table, so that other entries may have put some into
 * the partition (is_load_via_partition_root, pg_backup_archiver.c).
 */
export function goesThroughRoot({ raw }: TocEntry, table: string): boolean {
  if (saysViaRoot(raw)) return true
  const copyStmt = raw.byteString('copyStmt')
  return Boolean(copyStmt) && copyStmt?.startsWith(`COPY ${table} `) !== true
}

/** Whether pg_dump has left word that the rows go through the root (16 and later). */
export function saysViaRoot(raw: TocEntry['raw']): boolean {
  return raw.byteString('defn')?.startsWith('-- load via partition root ') === true
}

/** How the data of an entry are read. */
export function dataOptions(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal }
}
