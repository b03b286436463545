/** What {@link finish} did and found. */
export interface FinishReport {
  /** Whether nothing is wrong with what was restored. */
  readonly good: boolean
  /** Tables and materialized views that were analyzed. */
  readonly analyzed: number
  /** Tables whose rows were counted. */
  readonly counted: number
  /** Tables that do not have as many rows as the archive. */
  readonly rows: readonly RowDifference[]
  /** Tables whose rows were not all sent, so that nothing can be compared: their COPY was refused, or failed. */
  readonly incomplete: readonly string[]
  /** Sequences that were behind their column, and were set. */
  readonly sequences: readonly SequenceMended[]
  /** Constraints that were not valid, and were validated. */
  readonly validated: readonly string[]
  /** Constraints that are not valid in the archive either: they stay so. */
  readonly notValid: readonly string[]
  /** Indexes that the server does not use: invalid, or not ready. */
  readonly invalidIndexes: readonly string[]
  /** Indexes of partitioned tables that not every partition has, which they may not have had when they were dumped. */
  readonly incompleteIndexes: readonly string[]
  /** Materialized views without their rows, which the archive has the REFRESH of. */
  readonly unpopulated: readonly string[]
  /** Triggers that are off, and that the archive does not switch off: of a restore that broke off. */
  readonly disabledTriggers: readonly string[]
  /** What the server refused: a constraint that rows break, a table that may not be read, … */
  readonly refused: readonly FinishRefusal[]
}

/** A table with another number of rows than the archive. */
export interface RowDifference {
  readonly table: string
  readonly expected: number
  readonly found: number
}

/** A sequence that was behind. */
export interface SequenceMended {
  readonly sequence: string
  readonly column: string
  /** Its value before; null: it had not been called. */
  readonly from: string | null
  readonly to: string
}

/** Something that the server refused. */
export interface FinishRefusal {
  readonly step: 'sequence' | 'rows' | 'constraint' | 'analyze'
  readonly object: string
  readonly message: string
  readonly sqlState: string
}
