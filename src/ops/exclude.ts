import type { OnWarning } from '../errors.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { compilePattern, type NamePattern } from './pattern.ts'
import { reqData, type Required } from './required.ts'
import type { Selection } from './selection.ts'
import {
  dataDescs,
  describe,
  descOf,
  entriesById,
  followsAny,
  followsOwn,
  ownRelation,
  relationDescs,
  type EntriesById,
} from './ties.ts'

/** What `excludeTables` and `excludeTableData` take away after pg_restore's own rules have decided. */
export interface Exclusion {
  /** Whether the entry is, or belongs to, a relation of `excludeTables`. */
  removes(entry: TocEntry): boolean
  apply(entry: TocEntry, required: Required): Required
}

/** @throws ArchiveError USAGE for a pattern that cannot be read */
export function createExclusion(
  selection: Selection,
  entries: readonly TocEntry[],
  onWarning: OnWarning,
): Exclusion | undefined {
  const tables = compileAll(selection.excludeTables)
  const data = compileAll(selection.excludeTableData)
  if (tables.length === 0 && data.length === 0) return undefined
  const removed = tables.length === 0 ? noRemovals : findRemovals(entries, tables)
  const isData = (entry: TocEntry): boolean => dataDescs.has(descOf(entry))
  const withoutData = data.length === 0 ? new Set<TocEntry>() : namedEntries(entries, data, isData)
  warnUnmatched([...tables, ...data], onWarning)
  return {
    removes: (entry) => removed.own.has(entry),
    apply(entry, required) {
      if (removed.own.has(entry)) return 0
      const referred = removed.foreignKeys.get(entry)
      if (referred !== undefined) {
        onWarning({
          code: 'FOREIGN_KEY_EXCLUDED',
          severity: 'warning',
          message: `${describe(entry)} is left out: it refers to ${describe(referred)}, which is excluded`,
          dumpId: entry.dumpId,
        })
        return 0
      }
      const needed = removed.needy.get(entry)
      if (needed !== undefined) {
        onWarning({
          code: 'NEEDS_EXCLUDED',
          severity: 'warning',
          message: `${describe(entry)} needs ${describe(needed)}, which is excluded`,
          dumpId: entry.dumpId,
          hint: 'Exclude it too, or restore it where that exists',
        })
      }
      if (!withoutData.has(entry)) return required
      return descOf(entry) === 'TABLE DATA' ? required & ~reqData : 0
    },
  }
}

/** A pattern and whether it matched anything. */
interface ExclusionPattern {
  readonly pattern: NamePattern
  matched: boolean
}

function compileAll(patterns: readonly string[] = []): ExclusionPattern[] {
  return patterns.map((pattern) => ({ pattern: compilePattern(pattern), matched: false }))
}

function warnUnmatched(patterns: readonly ExclusionPattern[], onWarning: OnWarning): void {
  for (const { pattern, matched } of patterns) {
    if (matched) continue
    onWarning({
      code: 'PATTERN_UNMATCHED',
      severity: 'warning',
      message: `pattern ${JSON.stringify(pattern.source)} excludes nothing: no relation matches it`,
    })
  }
}

/** Entries whose tag is the name of their relation: an archive of data alone has no others. */
const namedByRelation: ReadonlySet<string> = new Set([
  ...relationDescs,
  ...dataDescs,
  'ROW SECURITY',
  'SEQUENCE OWNED BY',
])

function namedEntries(
  entries: readonly TocEntry[],
  patterns: readonly ExclusionPattern[],
  isNamed: (entry: TocEntry) => boolean,
): Set<TocEntry> {
  const found = new Set<TocEntry>()
  for (const entry of entries) {
    if (!isNamed(entry) || entry.tag === null) continue
    for (const candidate of patterns) {
      if (!candidate.pattern.matches(entry.namespace, entry.tag)) continue
      candidate.matched = true
      found.add(entry)
    }
  }
  return found
}

interface Removals {
  /** The relations and their parts. */
  readonly own: ReadonlySet<TocEntry>
  /** Foreign keys of relations that stay, and what they refer to. */
  readonly foreignKeys: ReadonlyMap<TocEntry, TocEntry>
  /** Entries that stay although they depend on a relation that goes, and that relation. */
  readonly needy: ReadonlyMap<TocEntry, TocEntry>
}

const noRemovals: Removals = { own: new Set(), foreignKeys: new Map(), needy: new Map() }

function findRemovals(entries: readonly TocEntry[], patterns: readonly ExclusionPattern[]): Removals {
  const byId = entriesById(entries)
  const own = namedEntries(entries, patterns, (entry) => {
    const desc = descOf(entry)
    // those of an index have its name: what they depend on tells, where it is there
    if (desc === 'STATISTICS DATA') return !entry.dependencies.some((dumpId) => byId.has(dumpId))
    return namedByRelation.has(desc)
  })
  const foreignKeys = new Map<TocEntry, TocEntry>()
  const rest = entries.filter(
    (entry) => !own.has(entry) && (followsAny.has(descOf(entry)) || followsOwn.has(descOf(entry))),
  )
  // what an entry depends on stands before it in the archives of pg_dump, but nothing makes sure of that
  for (let before = -1; before !== own.size + foreignKeys.size;) {
    before = own.size + foreignKeys.size
    for (const entry of rest) {
      if (own.has(entry) || foreignKeys.has(entry)) continue
      const needed = removedDependency(entry, byId, own, foreignKeys)
      if (needed === undefined) continue
      const owner = descOf(entry) === 'FK CONSTRAINT' ? ownRelation(entry, byId) : undefined
      if (owner !== undefined && !own.has(owner)) foreignKeys.set(entry, needed)
      else own.add(entry)
    }
  }
  return { own, foreignKeys, needy: findNeedy(entries, byId, own, foreignKeys) }
}

/** What an entry depends on that goes and takes it along. */
function removedDependency(
  entry: TocEntry,
  byId: EntriesById,
  own: ReadonlySet<TocEntry>,
  foreignKeys: ReadonlyMap<TocEntry, TocEntry>,
): TocEntry | undefined {
  if (followsOwn.has(descOf(entry))) {
    const owner = ownRelation(entry, byId)
    if (owner !== undefined && own.has(owner)) return owner
    return descOf(entry) === 'TRIGGER' ? removedTrigger(entry, byId, own) : undefined
  }
  for (const dumpId of entry.dependencies) {
    const needed = byId.get(dumpId)
    if (needed !== undefined && (own.has(needed) || foreignKeys.has(needed))) return needed
  }
  return undefined
}

/** A trigger that comes to a partition with that of its parent has an entry only to be switched on or off. */
function removedTrigger(entry: TocEntry, byId: EntriesById, own: ReadonlySet<TocEntry>): TocEntry | undefined {
  for (const dumpId of entry.dependencies) {
    const parent = byId.get(dumpId)
    if (parent !== undefined && own.has(parent) && descOf(parent) === 'TRIGGER') return parent
  }
  return undefined
}

function findNeedy(
  entries: readonly TocEntry[],
  byId: EntriesById,
  own: ReadonlySet<TocEntry>,
  foreignKeys: ReadonlyMap<TocEntry, TocEntry>,
): Map<TocEntry, TocEntry> {
  const needy = new Map<TocEntry, TocEntry>()
  if (own.size === 0) return needy
  // a partition depends on its parent in the TOC, but its definition stands alone without TABLE ATTACH
  const partitions = new Set<DumpId>()
  for (const entry of own) if (descOf(entry) === 'TABLE ATTACH') for (const id of entry.dependencies) partitions.add(id)
  for (const entry of entries) {
    if (own.has(entry) || foreignKeys.has(entry) || partitions.has(entry.dumpId)) continue
    for (const dumpId of entry.dependencies) {
      const needed = byId.get(dumpId)
      if (needed === undefined || !own.has(needed) || !relationDescs.has(descOf(needed))) continue
      needy.set(entry, needed)
      break
    }
  }
  return needy
}
