import type { DumpId, TocEntry } from '../toc/types.ts'
import { labelOf } from './entry-label.ts'
import { actsUponRows, tablesAbove } from './table-data.ts'

/** What makes an object: not what says whose it is, or who may use it. */
export const defines =
  /^\s*(?:CREATE\b|ALTER (?:TABLE|INDEX|DOMAIN)\b[^;]* (?:ADD|ATTACH) |SELECT pg_catalog\.lo_create\b)/

/** Objects that get default privileges when they are created. */
const getDefaultPrivileges: ReadonlySet<string> = new Set([
  'AGGREGATE',
  'BLOB',
  'BLOB METADATA',
  'DOMAIN',
  'FOREIGN TABLE',
  'FUNCTION',
  'MATERIALIZED VIEW',
  'PROCEDURE',
  'SCHEMA',
  'SEQUENCE',
  'TABLE',
  'TYPE',
  'VIEW',
])

/**
 * Objects in whose place others may be found, of the same name or for the same types: what is created without them is
 * accepted, and means something else.
 */
const haveOthers: ReadonlySet<string> = new Set([
  'AGGREGATE',
  'FUNCTION',
  'OPERATOR',
  'OPERATOR CLASS',
  'OPERATOR FAMILY',
  'PROCEDURE',
])

/** Duplicate function, object: it is there, whoever made it. */
const isThere: ReadonlySet<string> = new Set(['42723', '42710'])

/**
 * What waits for what failed, and will be tried again by a later run of a journal. Rows that come later could be refused
 * by a foreign key, and a trigger would do something for each; a materialized view would be without them. Objects that
 * come later would get default privileges, and an event trigger would do something for each. What uses a function or an
 * operator would use another one.
 */
export class HeldBack {
  readonly #tablesAbove: ReadonlyMap<DumpId, readonly DumpId[]>
  /** Tables that lack rows, with those that they are partitions of or inherit from. */
  readonly #tables = new Set<DumpId>()
  /** Of those the ones that could not be created. */
  readonly #missing = new Set<DumpId>()
  #lacksDefinitions = false
  #lacksPrivileged = false
  readonly #held = new Map<DumpId, string>()

  constructor(entries: readonly TocEntry[]) {
    this.#tablesAbove = tablesAbove(entries)
  }

  /** The rows of a TABLE DATA entry are to come later. */
  lacksRows({ dependencies }: TocEntry): void {
    const [table] = dependencies
    const found = table === undefined ? [] : [table]
    for (const id of found) {
      if (this.#tables.has(id)) continue
      this.#tables.add(id)
      for (const above of this.#tablesAbove.get(id) ?? []) found.push(above)
    }
  }

  /** A statement of an entry failed. */
  failed({ desc, dumpId }: TocEntry, statement: string, sqlState: string): void {
    if (!defines.test(statement)) return
    if (haveOthers.has(desc) && !isThere.has(sqlState)) this.#missing.add(dumpId)
    this.#lacksDefinitions = true
    if (getDefaultPrivileges.has(desc)) this.#lacksPrivileged = true
  }

  /** Whether an entry waits; it is one that a session is about to restore. */
  holds(entry: TocEntry): boolean {
    if (!this.#waits(entry)) return false
    this.#held.set(entry.dumpId, labelOf(entry))
    return true
  }

  #waits(entry: TocEntry): boolean {
    const { desc, dependencies } = entry
    const lacksRows = this.#tables.size > 0
    if (dependencies.some((id) => this.#held.has(id) || this.#missing.has(id))) return true
    switch (desc) {
      case 'DEFAULT ACL':
        return this.#lacksPrivileged
      case 'EVENT TRIGGER':
        return this.#lacksDefinitions || lacksRows
      // it may read any table, by way of functions too
      case 'MATERIALIZED VIEW DATA':
      // it may be that of a domain
      case 'CHECK CONSTRAINT':
        return lacksRows
      default:
        return actsUponRows(entry) && dependencies.some((id) => this.#tables.has(id))
    }
  }

  /** The entries that wait, for messages. */
  get labels(): readonly string[] {
    return [...this.#held.values()]
  }
}
