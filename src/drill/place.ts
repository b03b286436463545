import type { CopyInput, RestoreTarget } from '../restore/target.ts'

/** A target that can be asked what it holds. */
export interface DrillTarget extends RestoreTarget {
  readonly rows: NonNullable<RestoreTarget['rows']>
  readonly copyTo: NonNullable<RestoreTarget['copyTo']>
  copyFrom(copyStatement: Uint8Array): Promise<CopyInput>
}

/** What `drill` wants of a throw-away database. */
export interface WantedDatabase {
  /** The archive's encoding, as in `UTF8`. */
  readonly encoding: string
  /** What the archive says behind `CREATE DATABASE name WITH TEMPLATE = template0`; empty where it does not tell. */
  readonly databaseOptions: string
  /** Extensions that the archive creates. */
  readonly extensions: readonly string[]
  readonly signal?: AbortSignal | undefined
}

/** A throw-away database. */
export interface DrillDatabase {
  readonly target: DrillTarget
  /** Nothing of the server lasts, so that roles may be made in it. */
  readonly ownsServer: boolean
  /** The target converts from the archive's encoding to UTF8, in which it gives the rows. */
  readonly convertsToUtf8: boolean
  /** What is not as the archive wants it, in words: its locale. */
  readonly differences: readonly string[]
  /**
   * Takes the database away, whatever state it is in.
   * @param roles those that `drill` made, or may have made where the server did not answer
   * @throws an error that names what stays, of which `drill` tells
   */
  close(roles: readonly string[]): Promise<void>
}

/** Where `drill` restores to: gives a new database each time. */
export interface DrillPlace {
  /** For the report, as in `pglite`. Must not hold a password. */
  readonly name: string
  open(wanted: WantedDatabase): Promise<DrillDatabase>
}
