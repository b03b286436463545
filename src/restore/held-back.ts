import type { DumpId, TocEntry } from '../toc/types.ts'
import { labelOf } from './entry-label.ts'
import { actsUponRows, tablesAbove } from './table-data.ts'

/**
 * What waits for rows that could not be loaded and that a later run of a journal will load: else a foreign key could
 * refuse them then, a trigger would do something for each, and a materialized view would be without them.
 */
export class HeldBack {
  readonly #tablesAbove: ReadonlyMap<DumpId, readonly DumpId[]>
  /** Tables that lack rows, with those that they are partitions of or inherit from. */
  readonly #tables = new Set<DumpId>()
  readonly #held = new Map<DumpId, string>()

  constructor(entries: readonly TocEntry[]) {
    this.#tablesAbove = tablesAbove(entries)
  }

  /** The rows of a TABLE DATA entry are to come later. */
  lacks({ dependencies }: TocEntry): void {
    const [table] = dependencies
    const found = table === undefined ? [] : [table]
    for (const id of found) {
      if (this.#tables.has(id)) continue
      this.#tables.add(id)
      found.push(...(this.#tablesAbove.get(id) ?? []))
    }
  }

  /** Whether an entry waits; it is one that a session is about to restore. */
  holds(entry: TocEntry): boolean {
    if (this.#tables.size === 0 || !this.#waits(entry)) return false
    this.#held.set(entry.dumpId, labelOf(entry))
    return true
  }

  #waits(entry: TocEntry): boolean {
    const { desc, dependencies } = entry
    // it may read any table, by way of functions too
    if (desc === 'MATERIALIZED VIEW DATA') return true
    if (dependencies.some((id) => this.#held.has(id))) return true
    return actsUponRows(entry) && dependencies.some((id) => this.#tables.has(id))
  }

  /** The entries that wait, for messages. */
  get labels(): readonly string[] {
    return [...this.#held.values()]
  }
}
