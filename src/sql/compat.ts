import { ArchiveError } from '../errors.ts'

/** A PostgreSQL major release whose pg_restore is reproduced. */
export type Major = 13 | 14 | 15 | 16 | 17 | 18

/** A PostgreSQL release whose pg_restore is reproduced. */
export interface Release {
  readonly major: Major
  readonly minor: number
}

/** The release a bare major stands for: the one whose real output the test oracles hold. */
const defaultMinors: Readonly<Record<Major, number>> = { 13: 16, 14: 24, 15: 18, 16: 15, 17: 11, 18: 6 }

/** Releases whose real output this project compares with, byte for byte. */
const provenReleases: readonly Release[] = Object.freeze([
  { major: 13, minor: 16 },
  { major: 14, minor: 24 },
  { major: 15, minor: 18 },
  { major: 16, minor: 15 },
  { major: 17, minor: 11 },
  { major: 18, minor: 6 },
])

/** The release whose pg_restore is reproduced when nothing else is asked for. */
const defaultRelease: Release = Object.freeze({ major: 18, minor: 6 })

/** When a rule came: with a major release, and in which minors of older ones it was brought back. */
interface Since {
  readonly major: Major
  /** Minor of that major itself; 0 when absent. */
  readonly minor?: number
  readonly minors?: Readonly<Partial<Record<Major, number>>>
}

const since = (major: Major, minors: Since['minors'] = {}): Since => ({ major, minors })

/** The minors of one day of updates, the way the release notes list them. */
const may2024 = since(17, { 13: 16, 14: 13, 15: 8, 16: 4 })
const november2023 = since(17, { 13: 13, 14: 10, 15: 5, 16: 1 })
const february2025 = since(18, { 13: 19, 14: 16, 15: 11, 16: 7, 17: 3 })
const august2025 = since(18, { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 })
const november2025 = since(18, { 13: 23, 14: 20, 15: 15, 16: 11, 17: 7 })

/**
 * Every rule that depends on the release of pg_restore: name and the release that brought it. Nothing else in the
 * project compares release numbers.
 */
const rules = {
  // The script (spec/sql.md)
  /** `\restrict` and `\unrestrict` lines, and no empty line after `\connect` (CVE-2025-8714). */
  restrictKey: august2025,
  /** `SET transaction_timeout = 0;` whatever server or archive. */
  setsTransactionTimeout: since(17),
  /** `ALTER VIEW|SEQUENCE|MATERIALIZED VIEW … OWNER TO` instead of `ALTER TABLE`. */
  ownerKeywordIsOwnType: since(16),
  /** An entry of unknown type with owner and dropStmt ends the run; before it was a warning. */
  unknownOwnerTypeIsFatal: since(16),
  /** With ifExists, a dropStmt that starts with `--` is printed as it is. */
  keepsCommentDropStmt: since(15),
  /** A SCHEMA whose defn starts with `--` keeps it with noOwner, and gets ALTER OWNER with session authorization. */
  keepsCommentSchema: since(15),
  /** With ifExists, only desc BLOB is dropped through pg_largeobject_metadata; before, every desc starting with it. */
  dropsOnlyBlobByMetadata: since(17),
  /** Security labels of event triggers are printed after the ACLs, as their comments are. */
  labelsFollowEventTriggers: november2025,
  /** The table access method is unknown again after `\connect`. */
  forgetsAccessMethodOnConnect: since(14),
  /** `\encoding SQL_ASCII` before a `\connect` that needs a connection string. */
  setsEncodingBeforeConnect: february2025,
  /** Bytes that are no character of the archive's encoding come out as an invalid sequence (CVE-2025-1094). */
  replacesInvalidCharacters: february2025,
  /** Statistics are a part of their own, with a `Statistics for` comment; before, they count as schema. */
  hasStatisticsPart: since(18),
  /** Statistics of section post-data are printed after the ACLs. */
  postDataStatisticsLast: since(18),
  /** The message is `implied no-schema restore`; before, `implied data-only restore`. */
  saysImpliedNoSchema: since(18),

  // Selection (spec/selection.md)
  /** Statistics follow the table or index they belong to when names are selected. */
  statisticsFollowRelations: { major: 18, minor: 5 },
  /** Comments and labels of publications and subscriptions go with noPublications and noSubscriptions. */
  skipsCommentsOfSkipped: november2025,
  /** noPublications covers PUBLICATION TABLES IN SCHEMA. */
  skipsPublicationSchemas: since(15),
  /** noSubscriptions covers SUBSCRIPTION TABLE. */
  skipsSubscriptionTables: since(17),
  /** BLOB METADATA counts as data. */
  blobMetadataIsData: since(17),
  /** `LARGE OBJECTS n..m` counts as data: the test is for `LARGE OBJECT` without the blank. */
  largeObjectGroupsAreData: since(17),
  /** The ACL of a column follows its table, not the table's ACL. */
  ignoresAclDependencies: november2023,
  /** Comments, ACLs and labels follow their object in a listing too. */
  listsDependents: may2024,

  // List (spec/list.md)
  /** The list names the algorithm of compression; before, the number of the header. */
  listsCompressionByName: since(16),
  /** A line of a list file is read whole; before, only its first 99 bytes count. */
  readsLongListLines: since(14),

  // Reading
  /** Archives of version 1.15 (compression by algorithm). */
  readsVersion15: since(16),
  /** Archives of version 1.16 (relkind, grouped large objects). */
  readsVersion16: since(17),

  // Command line
  /** -F takes whole words in any case; before, only the first letter counts. */
  formatIsWord: since(18),
  /** -F p: `archive format "%s" is not supported; please use psql`. */
  knowsPlainFormat: since(18),
  /** Hints are prefixed (`pg_restore: hint: `); before, they stand alone. */
  prefixesHints: since(15),
  /** -j is checked while options are read, with its range; before, late, and read as atoi(3) does. */
  checksJobsRange: since(15),
  /** What is no archive is called no valid *tar* archive; before, no valid archive. */
  missesTarArchive: since(18),
  /** A failed write is `could not write to file`; before, `could not write to output file`. */
  writesToFile: since(17),
  /** With -d, which entry failed and what the server remarks is said with -v only; before, always. */
  notesNeedVerbose: since(15),
  /** `could not set "default_tablespace" to …`; before, without quotes. */
  quotesSettings: since(16),
  /** With -d, a connection that fails is told in libpq's words alone; before, behind the name of the database. */
  leavesConnectionToLibpq: since(14),
  /** The same of a connection to the database that was created; before, behind `reconnection failed: `. */
  leavesReconnectionToLibpq: since(18),
  /** -v tells of the command that secures the search path. */
  tellsOfSearchPath: since(18),
  /** A second -v says more (pg_log_debug; run: 14.24 does). */
  verboseTwice: since(14),
  /** A keyword of a filter file ends at white space; before, at the first other character too. */
  filterKeywordEndsAtSpace: august2025,
} as const satisfies Readonly<Record<string, Since>>

/** Name of a rule that depends on the release. */
export type RuleName = keyof typeof rules

/** Long options of pg_restore that not every release has. Those absent here are in all of them. */
const options: Readonly<Record<string, Since>> = {
  'no-table-access-method': since(15),
  'restrict-key': august2025,
  filter: since(17),
  'transaction-size': since(17),
  'no-data': since(18),
  'no-policies': since(18),
  'no-schema': since(18),
  'no-statistics': since(18),
  statistics: since(18),
  'statistics-only': since(18),
}

/** The rules of one release: `rules.restrictKey` says whether that release follows the rule. */
export interface CompatRules extends Readonly<Record<RuleName, boolean>> {
  readonly release: Release
  /** Whether output was compared with the real pg_restore of exactly this release. */
  readonly proven: boolean
  /** Whether pg_restore of this release has the long option `--name`. */
  hasOption(name: string): boolean
}

function applies(rule: Since, release: Release): boolean {
  if (release.major > rule.major) return true
  if (release.major === rule.major) return release.minor >= (rule.minor ?? 0)
  const minor = rule.minors?.[release.major]
  return minor !== undefined && release.minor >= minor
}

function isMajor(value: number): value is Major {
  return value in defaultMinors
}

/**
 * Reads a release name: `'18'`, `'17.11'`, a {@link Release}. A bare major stands for the newest release of it that
 * output was compared with.
 *
 * @throws ArchiveError USAGE for a release whose pg_restore is not reproduced
 */
export function parseRelease(compat: string | Release = defaultRelease): Release {
  const text = typeof compat === 'string' ? compat : textOf(compat)
  const match = /^(\d{1,2})(?:\.(\d{1,3}))?$/.exec(text)
  const major = Number(match?.[1])
  if (match === null || !isMajor(major)) {
    throw new ArchiveError(
      'USAGE',
      `Cannot follow release ${JSON.stringify(text)}: must be 13 to 18, or a minor of them`,
      {
        hint: 'Name a major release such as "17" or a minor such as "17.11"',
        details: { supported: Object.keys(defaultMinors).map(Number) },
      },
    )
  }
  return { major, minor: match[2] === undefined ? defaultMinors[major] : Number(match[2]) }
}

/** Of what the types allow, and of what they do not. */
function textOf(compat: unknown): string {
  if (typeof compat !== 'object' || compat === null) return String(compat)
  const major = 'major' in compat ? compat.major : undefined
  const minor = 'minor' in compat ? compat.minor : undefined
  return typeof major === 'number' && typeof minor === 'number' ? `${major}.${minor}` : JSON.stringify(compat)
}

/** `17.11` */
export function formatRelease(release: Release): string {
  return `${release.major}.${release.minor}`
}

/**
 * The rules of a release, as {@link parseRelease} reads it.
 *
 * @throws ArchiveError USAGE for a release whose pg_restore is not reproduced
 */
export function compatRules(compat: string | Release = defaultRelease): CompatRules {
  const release = parseRelease(compat)
  // Object.entries widens the keys of a table whose keys are exactly RuleName.
  const values = Object.fromEntries(
    Object.entries(rules).map(([name, rule]) => [name, applies(rule, release)]),
  ) as Record<RuleName, boolean>
  return Object.freeze({
    ...values,
    release: Object.freeze(release),
    proven: provenReleases.some(({ major, minor }) => major === release.major && minor === release.minor),
    hasOption(name: string): boolean {
      const rule = options[name]
      return rule === undefined || applies(rule, release)
    },
  })
}
