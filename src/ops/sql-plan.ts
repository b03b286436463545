import type { CompatRules } from '../sql/compat.ts'
import { isAcl } from '../sql/entry.ts'
import { isDatabase } from '../sql/drop.ts'
import type { TocEntry } from '../toc/types.ts'
import type { FilteredView } from './selection.ts'

/** Which entries a script drops and prints, in the order of the script. */
export interface ScriptPlan {
  /** Entries to drop, last first. */
  drops(): readonly TocEntry[]
  /** Entries to print, pass by pass. */
  prints(): Iterable<TocEntry>
  /** Entries whose data is needed, in order. */
  readonly data: readonly TocEntry[]
  /** Some entry has a definition that is wanted. */
  readonly hasSchema: boolean
}

/** The passes of a serial restore, in order (RestorePass, pg_backup_archiver.h). */
export const passes = ['main', 'acl', 'post-acl'] as const
type Pass = (typeof passes)[number]

/** Sorts the selected entries into passes (RestoreArchive, pg_backup_archiver.c). */
export function planScript(view: FilteredView, rules: CompatRules): ScriptPlan {
  const byPass: Record<Pass, TocEntry[]> = { main: [], acl: [], 'post-acl': [] }
  const data: Record<Pass, TocEntry[]> = { main: [], acl: [], 'post-acl': [] }
  let hasSchema = false
  for (const entry of view.toc) {
    const parts = view.parts(entry)
    if (!parts.schema && !parts.data && !parts.statistics) continue
    hasSchema ||= parts.schema
    const pass = passOf(entry, rules)
    byPass[pass].push(entry)
    if (parts.data && storesData(entry)) data[pass].push(entry)
  }
  return {
    drops: () => dropped(view),
    // an archive may have millions of entries: no more is kept for each than that
    *prints() {
      for (const pass of passes) yield* byPass[pass]
    },
    data: passes.flatMap((pass) => data[pass]),
    hasSchema,
  }
}

function dropped(view: FilteredView): readonly TocEntry[] {
  const drops = view.toc.filter((entry) => {
    const { schema, data } = view.parts(entry)
    // with create, everything else goes with its database
    return (schema || data) && (view.selection.create !== true || isDatabase(entry.desc))
  })
  return drops.reverse()
}

/** Whether the entry's data can be read: an archive may know of data that it does not hold. */
export function storesData(entry: TocEntry): boolean {
  return entry.hadDumper && entry.data.state !== 'no-data'
}

/** _tocEntryRestorePass, pg_backup_archiver.c */
export function passOf(entry: TocEntry, rules: CompatRules): Pass {
  const { desc } = entry
  if (isAcl(desc)) return 'acl'
  if (desc === 'EVENT TRIGGER' || desc === 'MATERIALIZED VIEW DATA') return 'post-acl'
  if (desc === 'COMMENT' || (desc === 'SECURITY LABEL' && rules.labelsFollowEventTriggers)) {
    return (entry.raw.byteString('tag') ?? '').startsWith('EVENT TRIGGER ') ? 'post-acl' : 'main'
  }
  const isLate = desc === 'STATISTICS DATA' && entry.section === 'post-data' && rules.postDataStatisticsLast
  return isLate ? 'post-acl' : 'main'
}
