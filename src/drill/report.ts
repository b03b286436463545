/** `proven`: looked at, and as the archive says. `failed`: it is not. `unproven`: could not be told here. */
export type DrillStatus = 'proven' | 'failed' | 'unproven'

/** Something that is not proven. */
export interface DrillProblem {
  readonly status: 'failed' | 'unproven'
  /** The entry; undefined for what belongs to none. */
  readonly dumpId: number | undefined
  /** As in `TABLE public.orders`. */
  readonly object: string
  readonly reason: string
  /** The reason may hold values of rows, or what a sequence is at: a receipt leaves it out. */
  readonly tellsValues: boolean
}

/** What became of a table's rows. */
export interface DrillTable {
  readonly table: string
  readonly dumpIds: readonly number[]
  readonly status: DrillStatus
  /**
   * What was compared: `text`: the rows as the archive has them; `values`: what the archive's rows are once the
   * database has read them, as it prints them otherwise; `count`: their number alone; `nothing`.
   */
  readonly compared: 'text' | 'values' | 'count' | 'nothing'
  readonly archiveRows: number | undefined
  readonly databaseRows: number | undefined
  /** Of the archive's rows (spec/drill.md); undefined where they cannot be read, or are of several forms. */
  readonly digest: string | undefined
  /** The first row on either side that the other does not have, at most 500 characters. */
  readonly difference: { readonly archive: string | undefined; readonly database: string | undefined } | undefined
}

/** What a statement of the user's own checks said. */
export interface DrillCheckResult {
  readonly name: string
  /** Its first line, at most 200 characters. */
  readonly statement: string
  readonly status: 'proven' | 'failed'
  /** Why it failed. */
  readonly reason: string | undefined
}

/** What a drill proved: also its receipt. */
export interface DrillReport {
  /** Layout of this object: 1. */
  readonly drill: number
  /** What wrote it, as in `pgdmp 1.2.0`. */
  readonly tool: string
  /** `failed` when anything failed, `incomplete` when something could not be proven, else `proven`. */
  readonly verdict: 'proven' | 'incomplete' | 'failed'
  /** When it began, ISO 8601 in UTC. */
  readonly time: string
  readonly seconds: { readonly start: number; readonly restore: number; readonly proof: number }
  readonly archive: {
    readonly dbname: string | null
    readonly serverVersion: string | null
    readonly pgDumpVersion: string | null
    readonly entries: number
  }
  readonly place: {
    readonly name: string
    /** What the server says of itself: `PostgreSQL 18.3 …`. */
    readonly version: string
  }
  /** Entries by what became of them. */
  readonly entries: { readonly [S in DrillStatus]: number }
  readonly rows: number
  readonly tables: readonly DrillTable[]
  readonly sequences: { readonly [S in DrillStatus]: number }
  readonly largeObjects: { readonly [S in DrillStatus]: number }
  /** Constraints and indexes that were looked at. */
  readonly constraints: number
  readonly indexes: number
  readonly checks: readonly DrillCheckResult[]
  /** All that is not proven: what failed first. */
  readonly problems: readonly DrillProblem[]
  /** What of the drill could not be taken away, and why, in words; undefined where nothing is left. */
  readonly left: string | undefined
}
