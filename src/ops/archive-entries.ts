import { decoderFor } from '../toc/encoding.ts'
import { withFields, type EntryChanges } from '../toc/changed-entry.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import type { ArchiveView } from '../view.ts'
import { isFiltered } from './filter.ts'
import { mapEntries } from './map-entries.ts'
import { isDependent } from './required.ts'
import type { EntryParts, FilteredView } from './selection.ts'

/**
 * The entries of a view as an archive of their own has them: an entry of which only a part is kept loses the other, and
 * what depends on an entry that is not kept depends on what that one depends on. What is not filtered stays as it is.
 */
export function archiveEntries(view: ArchiveView): ArchiveView {
  if (!isFiltered(view)) return view
  const decode = decoderFor(view.settings.encoding)
  const dependencies = new KeptDependencies(view)
  return mapEntries(view, (entry) => {
    const changes = { ...partChanges(entry, view.parts(entry)), ...dependencies.changes(entry) }
    return Object.keys(changes).length === 0 ? entry : withFields(entry, changes, decode)
  })
}

/** What pg_dump puts before the rows of a partition that go to its parent: no definition (dumpTableData, pg_dump.c). */
const viaRoot = '-- load via partition root '

/** A definition without its data, or data without a definition, in an entry that has both. */
function partChanges(entry: TocEntry, parts: EntryParts): EntryChanges {
  if (!entry.hadDumper || parts.schema === parts.data) return {}
  if (!parts.data) return { hadDumper: false, data: { state: 'no-data' }, fields: { copyStmt: null } }
  const defn = entry.raw.byteString('defn') ?? ''
  return defn === '' || defn.startsWith(viaRoot) ? {} : { fields: { defn: '', dropStmt: '' } }
}

/**
 * Dependencies among kept entries, the way pg_dump leaves objects out (findDumpableDependencies, pg_dump.c). Ids that
 * the archive itself does not have stay: pg_restore passes over them.
 */
class KeptDependencies {
  readonly #kept: ReadonlySet<DumpId>
  readonly #left: ReadonlyMap<DumpId, TocEntry>

  constructor(view: FilteredView) {
    // before 1.8 dependencies are OIDs, which the writer resolves
    const known = featuresOf(view.header.version).tableoid
    this.#kept = new Set(view.toc.map(({ dumpId }) => dumpId))
    const left = known ? view.allEntries.filter(({ dumpId }) => !this.#kept.has(dumpId)) : []
    this.#left = new Map(left.map((entry) => [entry.dumpId, entry]))
  }

  changes(entry: TocEntry): EntryChanges {
    // pg_dump names the object of a comment or an ACL whether or not it is dumped
    if (this.#left.size === 0 || isDependent(entry)) return {}
    const { dependencies } = entry
    if (!dependencies.some((id) => this.#left.has(id))) return {}
    const found = new Set(dependencies.filter((id) => !this.#left.has(id)))
    const kept: DumpId[] = []
    for (const id of dependencies) {
      const left = this.#left.get(id)
      if (left === undefined) kept.push(id)
      else for (const beyond of this.#beyond(left, entry.dumpId, found)) kept.push(beyond)
    }
    return { dependencies: kept }
  }

  /** The kept entries that `left` needs and that are not found yet. */
  #beyond(left: TocEntry, dependent: DumpId, found: Set<DumpId>): DumpId[] {
    const result: DumpId[] = []
    const seen = new Set([left.dumpId])
    const pending = [left]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const id of next.dependencies) {
        const further = this.#left.get(id)
        if (further !== undefined && !seen.has(id)) pending.push(further)
        if (this.#kept.has(id) && !found.has(id) && id !== dependent) {
          found.add(id)
          result.push(id)
        }
        seen.add(id)
      }
    }
    return result
  }
}
