import { aBoolean, aFunction, anyOf, aSignal, aString, aTimeZone, type OptionKinds } from '../check-options.ts'
import type { OnWarning } from '../errors.ts'
import type { Release } from '../sql/compat.ts'
import type { TimeZone } from '../toc/types.ts'

/** Options shared by `filter`, `list` and `toSql`. */
export interface CompatOptions {
  /**
   * Whose pg_restore to reproduce: `'17'`, `'15.18'`, … A bare major means the newest release of it that the output was
   * proven against; default: the newest of all.
   */
  readonly compat?: string | Release
  /** Receives what pg_restore prints as warnings, and warnings of our own. */
  readonly onWarning?: OnWarning
}

/** Options of `list`. */
export interface ListOptions extends CompatOptions {
  /** -v: every entry whatever is selected, each with a line of its dependencies. */
  readonly verbose?: boolean
  /**
   * Print every string as it is stored, as pg_restore does. Default false: control characters are shown, which no name
   * in an honest archive has but tabs and line breaks.
   */
  readonly asPgRestore?: boolean
  /** Default: the zone of this process as Intl names it; `loadTimeZone()` gives glibc's names. */
  readonly timeZone?: TimeZone
}

/** Options of `toSql`: pg_restore's output options. */
export interface SqlOptions extends CompatOptions {
  /** -c */ readonly clean?: boolean
  /** --if-exists */ readonly ifExists?: boolean
  /** -O */ readonly noOwner?: boolean
  /** -S */ readonly superuser?: string
  /** --role */ readonly role?: string
  readonly useSetSessionAuthorization?: boolean
  readonly disableTriggers?: boolean
  readonly noTablespaces?: boolean
  readonly noTableAccessMethod?: boolean
  /** -1 */ readonly singleTransaction?: boolean
  readonly transactionSize?: number
  readonly enableRowSecurity?: boolean
  /** Key of `\restrict`; random when absent, `false` = no such lines (always none for releases without them). */
  readonly restrictKey?: string | false
  /** -v: more comments in the script. */
  readonly verbose?: boolean
  /**
   * Refuse to write what would make psql do more than send it: commands of psql's own in any text of the archive, text
   * after the end of rows, quotes that do not end. The error comes before any such byte goes out. See {@link findUnsafeSql}.
   */
  readonly safe?: boolean
  /**
   * Print version strings and descs in comments as they are stored, as pg_restore does. Default false: control characters
   * in them, which no honest archive has, become blanks, as pg_restore does it with line breaks in names.
   */
  readonly asPgRestore?: boolean
  /**
   * Receives pg_restore's progress messages of -v (without the prefix `pg_restore: `): as text, and as the bytes that
   * pg_restore writes, with names in the archive's own encoding.
   */
  readonly onMessage?: (message: string, bytes: Uint8Array) => void
  /**
   * SQL that this server release accepts (`'9.6'` … `'18'`): what it lacks is dropped where that loses nothing, and
   * reported through `onWarning` where it would.
   */
  readonly targetVersion?: string
  readonly timeZone?: TimeZone
  readonly signal?: AbortSignal
  /** Called as data goes out: bytes of SQL so far, and the dump id of the entry that is being written. */
  readonly onProgress?: (progress: { readonly bytes: number; readonly entry: number | undefined }) => void
}

/** All of {@link CompatOptions}. */
export const compatOptionKinds: OptionKinds<CompatOptions> = {
  compat: anyOf<string | Release>('a release such as "17" or "17.11", or {major, minor}', isRelease),
  onWarning: aFunction,
}

/** All of {@link ListOptions}. */
export const listOptionKinds: OptionKinds<ListOptions> = {
  ...compatOptionKinds,
  verbose: aBoolean,
  asPgRestore: aBoolean,
  timeZone: aTimeZone,
}

/** A release, which whoever uses it looks at. */
export const aTargetVersion = anyOf<string>('a string such as "13"', (value) => typeof value === 'string')

/** All of {@link SqlOptions}. */
export const sqlOptionKinds: OptionKinds<SqlOptions> = {
  ...compatOptionKinds,
  clean: aBoolean,
  ifExists: aBoolean,
  noOwner: aBoolean,
  superuser: aString,
  role: aString,
  useSetSessionAuthorization: aBoolean,
  disableTriggers: aBoolean,
  noTablespaces: aBoolean,
  noTableAccessMethod: aBoolean,
  singleTransaction: aBoolean,
  transactionSize: true,
  enableRowSecurity: aBoolean,
  restrictKey: anyOf<string | false>(
    'a string of letters and digits, or false',
    (value) => value === false || typeof value === 'string',
  ),
  verbose: aBoolean,
  safe: aBoolean,
  asPgRestore: aBoolean,
  onMessage: aFunction,
  targetVersion: aTargetVersion,
  timeZone: aTimeZone,
  signal: aSignal,
  onProgress: aFunction,
}

function isRelease(value: unknown): boolean {
  if (typeof value === 'string') return true
  return typeof value === 'object' && value !== null && 'major' in value && 'minor' in value
}
