import { fmtQualifiedId } from '../sql/quote.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { RestoreSession } from './session.ts'

/** Ids of TABLE DATA entries by that of their table; of several the last one counts (buildTocEntryArrays, pg_backup_archiver.c). */
export function dataIdsOf(entries: readonly TocEntry[]): ReadonlyMap<DumpId, DumpId> {
  const ids = new Map<DumpId, DumpId>()
  for (const { desc, dumpId, dependencies } of entries) {
    const table = dependencies[0]
    if (desc === 'TABLE DATA' && table !== undefined) ids.set(table, dumpId)
  }
  return ids
}

/** What may refuse rows of its table, or do something for each. */
const uponRows: ReadonlySet<string> = new Set(['CHECK CONSTRAINT', 'FK CONSTRAINT', 'ROW SECURITY', 'RULE', 'TRIGGER'])

/** Whether rows that come when the entry is there are not loaded as they are without it. */
export function actsUponRows({ desc, tag }: TocEntry): boolean {
  // what makes a view of a table does nothing to rows
  return uponRows.has(desc) && !(desc === 'RULE' && tag?.endsWith(' _RETURN') === true)
}

/** Of each table those that it is a partition of, or inherits from. */
export function tablesAbove(entries: readonly TocEntry[]): ReadonlyMap<DumpId, readonly DumpId[]> {
  const tables = new Set(entries.filter(({ desc }) => desc === 'TABLE').map(({ dumpId }) => dumpId))
  const above = new Map<DumpId, DumpId[]>()
  for (const { desc, dumpId, dependencies } of entries) {
    // a partition is attached by an entry of its own, which depends on it first
    const table = desc === 'TABLE ATTACH' ? dependencies[0] : dumpId
    if (table === undefined || (desc !== 'TABLE' && desc !== 'TABLE ATTACH')) continue
    const others = dependencies.filter((id) => id !== table && tables.has(id))
    const found = above.get(table)
    if (found === undefined) above.set(table, others)
    else for (const id of others) found.push(id)
  }
  return above
}

/** How many tables may lie below others, in all: partitions lie at some few levels, and no chain of them is long. */
export function mostBelow(entries: readonly TocEntry[]): number {
  return 100_000 + 32 * entries.length
}

/** Of each table the TABLE DATA entries of its partitions and of tables that inherit from it, at any depth. */
export function dataBelow(
  entries: readonly TocEntry[],
  dataIds: ReadonlyMap<DumpId, DumpId>,
): ReadonlyMap<DumpId, readonly DumpId[]> {
  const above = tablesAbove(entries)
  const below = new Map<DumpId, DumpId[]>()
  let room = mostBelow(entries)
  for (const [table, data] of dataIds) {
    const found = new Set(above.get(table))
    for (const id of found) {
      if (room-- <= 0) return below
      for (const next of above.get(id) ?? []) found.add(next)
      const list = below.get(id)
      if (list === undefined) below.set(id, [data])
      else list.push(data)
    }
  }
  return below
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

/** Switches the triggers of a table (_disableTriggersIfNecessary, _enableTriggersIfNecessary, pg_backup_archiver.c). */
export function putTriggers(session: RestoreSession, entry: TocEntry, what: 'DISABLE' | 'ENABLE'): void {
  const { options, quote, report } = session.context
  report(entry, (name) => `${what === 'ENABLE' ? 'enabling' : 'disabling'} triggers for ${name('tag')}`)
  session.becomeUser(options.superuser)
  const table = fmtQualifiedId(quote, entry.raw.byteString('namespace'), entry.raw.byteString('tag') ?? '')
  session.put(`ALTER TABLE ${table} ${what} TRIGGER ALL;\n\n`)
}
