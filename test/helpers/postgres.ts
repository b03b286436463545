import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { inCi, root } from './paths.ts'

/** One installed version of PostgreSQL's own programs (test/postgres/install.sh). */
export interface PostgresTools {
  readonly major: 10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18
  /** As `pg_restore --version` says, like `18.6`. */
  readonly version: string
  /** Newest archive version that its pg_restore reads: the minor of 1.x. */
  readonly newestArchive: number
  readonly pgRestore: string
  readonly pgDump: string
  readonly psql: string
}

const folder = ((): string => {
  const value = process.env['PGDMP_POSTGRES'] ?? '.tools/postgres'
  return isAbsolute(value) ? value : join(root, value)
})()

const majors = [
  { major: 13, newestArchive: 14 },
  { major: 15, newestArchive: 14 },
  { major: 17, newestArchive: 16 },
  { major: 18, newestArchive: 16 },
] as const

/** Releases that Debian's suites do not have: compared with where they are installed, and never needed. */
const others = [
  { major: 14, newestArchive: 14 },
  { major: 16, newestArchive: 15 },
] as const

/** Releases whose rules of output are not followed, but for whose servers SQL can be written. */
const old = [
  { major: 10, newestArchive: 13 },
  { major: 11, newestArchive: 13 },
  { major: 12, newestArchive: 14 },
] as const

/** Why the real programs are not there, for the message of a skipped test. */
export const withoutPostgres = 'PostgreSQL is not there (run test/postgres/install.sh, or set PGDMP_POSTGRES)'

/** The versions that are installed. On a build machine all of them must be. */
export const postgres: readonly PostgresTools[] = majors.flatMap((release) => {
  const tools = installed(release)
  if (tools === undefined && inCi) throw new Error(`PostgreSQL ${release.major}: run test/postgres/install.sh`)
  return tools ?? []
})

/** Those of 14 and 16, where somebody put them beside the others. */
export const otherPostgres: readonly PostgresTools[] = others.flatMap((release) => installed(release) ?? [])

/** Those of 10 to 12, likewise. */
export const oldPostgres: readonly PostgresTools[] = old.flatMap((release) => installed(release) ?? [])

function installed(release: Pick<PostgresTools, 'major' | 'newestArchive'>): PostgresTools | undefined {
  const bin = join(folder, String(release.major), 'bin')
  const pgRestore = join(bin, 'pg_restore')
  if (!existsSync(pgRestore)) return undefined
  const text = execFileSync(pgRestore, ['--version'], { encoding: 'utf8' })
  const version = /\) (\d+\.\d+)/.exec(text)?.[1]
  if (version === undefined) throw new Error(`${pgRestore} --version says ${text}`)
  return { ...release, version, pgRestore, pgDump: join(bin, 'pg_dump'), psql: join(bin, 'psql') }
}

/** The message as one of pg_restore itself: getopt says the path by which the program was called. */
export function withoutPath(stderr: string): string {
  return stderr.replace(/^\S*\/pg_restore: /gm, 'pg_restore: ')
}
