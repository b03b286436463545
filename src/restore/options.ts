import { aBoolean, aFunction, aNumber, anyOf, type OptionKinds } from '../check-options.ts'
import { sqlOptionKinds, type SqlOptions } from '../ops/options.ts'
import type { JournalStore } from '../io/journal-file.ts'
import type { FailureGroup, RestoreFailure } from './failures.ts'

/** What to do about a failure. */
export type FailureDecision = 'stop' | 'continue'

/** Options of {@link restore}: those of pg_restore. */
export interface RestoreOptions extends Omit<
  SqlOptions,
  'restrictKey' | 'verbose' | 'safe' | 'timeZone' | 'asPgRestore' | 'onProgress'
> {
  /**
   * What to do when the server refuses something: `'continue'` (default) counts it and goes on, `'stop'` (-e) ends the
   * restore, a function is asked each time. With `singleTransaction` and `transactionSize` nothing goes on.
   */
  readonly onError?: FailureDecision | ((failure: RestoreFailure) => FailureDecision | Promise<FailureDecision>)
  /**
   * Told of each failure, before it is decided about. It does not make the restore wait for the answer to each statement
   * before it sends the next, as a function for `onError` does.
   */
  readonly onFailure?: (failure: RestoreFailure) => void
  /** Load no rows into tables that could not be created. */
  readonly noDataForFailedTables?: boolean
  /**
   * Sessions that restore at the same time (-j), default 1: definitions first, in one session; then data, the largest
   * first, and whatever depends on them. Of input that cannot go back, data are restored one after the other, as they
   * come, and the other sessions do what follows those that have come. The target needs {@link RestoreTarget.another}.
   * Not with `singleTransaction`.
   */
  readonly jobs?: number
  /**
   * Keeps a journal, in a file of this path or elsewhere, so that a restore that died can go on: restore the same view
   * into the same database with the same journal and options (`jobs`, `onError` and the transaction may differ). What is
   * done is marked in the database, in the transaction that does it, so every step is done once, and the data of a table
   * are there whole or not at all. What failed is tried again. See spec/restore.md.
   *
   * The target needs {@link RestoreTarget.rows}, and its role must be allowed to create a schema in the database, which is
   * dropped when the restore has ended. A journal whose restore has ended makes the restore do nothing but what failed.
   */
  readonly resume?: string | JournalStore
  /** Called as the restore goes on. */
  readonly onProgress?: (progress: RestoreProgress) => void
}

/** How far a restore is. */
export interface RestoreProgress {
  /** Bytes of rows and large objects sent so far. */
  readonly bytes: number
  /** The entry that is being restored; with `worker`, the one that it restores. Undefined between entries. */
  readonly entry: number | undefined
  /** Which of several workers tells this, from 1; absent where one session works alone. */
  readonly worker?: number
  /** The entry that each of several workers restores, the first worker's first; undefined for one that waits. */
  readonly workers?: readonly (number | undefined)[]
}

/** What became of a restore. */
export interface RestoreResult {
  /** Whether all was done: true also where statements failed and the restore went on. */
  readonly complete: boolean
  /** Entries of which something was restored. */
  readonly entries: number
  /** Those of them that an earlier run had restored; absent without `resume`. */
  readonly earlier?: number
  /** Bytes of rows and large objects that were sent. */
  readonly bytes: number
  /** Number of statements that the server refused. */
  readonly failed: number
  /** The first 10,000 of them. */
  readonly failures: readonly RestoreFailure[]
  /** All of them by cause, the most frequent first. */
  readonly groups: readonly FailureGroup[]
}

const { restrictKey: _, verbose: _v, safe: _s, timeZone: _t, asPgRestore: _a, ...sqlKinds } = sqlOptionKinds

/** All of {@link RestoreOptions}. */
export const restoreOptionKinds: OptionKinds<RestoreOptions> = {
  ...sqlKinds,
  onError: anyOf(
    'stop, continue or a function',
    (value) => value === 'stop' || value === 'continue' || typeof value === 'function',
  ),
  onFailure: aFunction,
  noDataForFailedTables: aBoolean,
  resume: anyOf<string | JournalStore>('the path of a file, or an object with name, read() and append()', isStore),
  jobs: aNumber('an integer, 1 or more', (value) => Number.isInteger(value) && value >= 1),
}

function isStore(value: unknown): boolean {
  if (typeof value === 'string') return value !== ''
  return typeof value === 'object' && value !== null && 'name' in value && 'read' in value && 'append' in value
}
