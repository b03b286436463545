import { execFile } from 'node:child_process'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { basename, delimiter, dirname, join } from 'node:path'
import { ArchiveError } from '../index.ts'
import { ProgramFailed } from './program.ts'
import { releaseOf } from './server-release.ts'
import type { Terminal } from './terminal.ts'

/** A pg_dump that can be run. */
export interface PgDump {
  readonly path: string
  /** As it says itself, such as `18.6`. */
  readonly version: string
  /** The same as servers count: 180006, 90624. */
  readonly number: number
  /** Found by PATH, or named: what the user means by `pg_dump`. */
  readonly isOwn: boolean
}

const program = process.platform === 'win32' ? 'pg_dump.exe' : 'pg_dump'

/** Folders with one below for each major, and what leads from there to the programs. */
const places: readonly { readonly folder: string; readonly name: RegExp; readonly bin: string }[] = [
  // Debian and its kin, with or without the packages of apt.postgresql.org
  { folder: '/usr/lib/postgresql', name: /^[\d.]+$/, bin: 'bin' },
  // the packages of yum.postgresql.org
  { folder: '/usr', name: /^pgsql-[\d.]+$/, bin: 'bin' },
  { folder: '/usr/local', name: /^pgsql$/, bin: 'bin' },
  // Homebrew
  { folder: '/opt/homebrew/opt', name: /^(?:libpq|postgresql(?:@\d+)?)$/, bin: 'bin' },
  { folder: '/usr/local/opt', name: /^(?:libpq|postgresql(?:@\d+)?)$/, bin: 'bin' },
  { folder: 'C:\\Program Files\\PostgreSQL', name: /^[\d.]+$/, bin: 'bin' },
]

/**
 * Finds every pg_dump: by PATH, then where packages put them. Debian's `pg_dump` in PATH is left out: it runs one of
 * those that are found, by rules about local clusters of its own.
 *
 * @param given what `--pg-dump` names; then there is only that one
 * @throws ProgramFailed when the one that is named cannot be run
 */
export async function findPgDumps(terminal: Terminal, given: string | undefined): Promise<readonly PgDump[]> {
  if (given !== undefined) {
    const found = await ask(terminal, given, true)
    if (typeof found !== 'string') return [found]
    throw new ProgramFailed(`Cannot use "${given}" as pg_dump: ${found}`, {
      hint: 'Name a program that can be run and calls itself pg_dump',
    })
  }
  const own = (terminal.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '')
  const others = places.flatMap(({ folder, name, bin }) =>
    listIfThere(folder)
      .filter((member) => name.test(member))
      .map((member) => join(folder, member, bin)),
  )
  const seen = new Set<string>()
  const candidates = [...own, ...others].flatMap((folder, index) => {
    const path = join(folder, program)
    if (!existsSync(path)) return []
    const real = realpathSync(path)
    if (seen.has(real) || basename(real) === 'pg_wrapper') return []
    seen.add(real)
    return { path, isOwn: index < own.length }
  })
  const found = await Promise.all(candidates.map(({ path, isOwn }) => ask(terminal, path, isOwn)))
  return found.filter((one) => typeof one !== 'string')
}

function listIfThere(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** @returns a text for what is no pg_dump */
function ask({ env, signal }: Terminal, path: string, isOwn: boolean): Promise<PgDump | string> {
  return new Promise((resolve) => {
    execFile(path, ['--version'], { env: { ...env }, signal }, (error, stdout) => {
      const [, version = ''] = /^pg_dump \(PostgreSQL\) (\S+)/.exec(stdout) ?? []
      if (error !== null) resolve(error.message)
      else if (version === '') resolve(`it says ${JSON.stringify(stdout.slice(0, 100))}`)
      else resolve({ path, version, number: versionNumber(version), isOwn })
    })
  })
}

/** `18.6` is 180006, `9.6.24` is 90624, `19beta1` is 190000. */
export function versionNumber(version: string): number {
  const [major = 0, second = 0, third = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0)
  return major >= 10 ? major * 10_000 + second : major * 10_000 + second * 100 + third
}

/** Whether a pg_dump takes a server (maxRemoteVersion, minRemoteVersion, pg_dump.c). */
function takes({ number }: PgDump, server: number): boolean {
  return server <= Math.floor(number / 100) * 100 + 99 && server >= (number >= 150_000 ? 90_200 : 80_000)
}

/**
 * Chooses among those that take the server: the user's own; else the one of the server's release, since the server's own
 * pg_restore reads what it writes; else the newest.
 *
 * @param server its number; undefined where it is not known, which leaves it to pg_dump to complain
 * @throws ArchiveError UNSUPPORTED when there is none, with advice
 */
export function choosePgDump(found: readonly PgDump[], server: number | undefined): PgDump {
  const newest = found.toSorted((a, b) => b.number - a.number)
  const fitting = server === undefined ? newest : newest.filter((one) => takes(one, server))
  const own = found.find((one) => one.isOwn && fitting.includes(one))
  const same = fitting.find(({ number }) => server !== undefined && releaseOf(number) === releaseOf(server))
  const chosen = own ?? same ?? fitting[0]
  if (chosen !== undefined) return chosen
  const [best] = newest
  if (best === undefined || server === undefined) {
    throw new ArchiveError('UNSUPPORTED', 'Cannot dump: there is no pg_dump', { hint: whereToGet(server) })
  }
  const what = server > best.number ? 'must be as new as the server' : 'takes no server as old'
  throw new ArchiveError(
    'UNSUPPORTED',
    `Cannot dump a server of PostgreSQL ${releaseOf(server)}: pg_dump is ${best.version} ("${best.path}"), ${what}`,
    { hint: whereToGet(server) },
  )
}

/** Where to get a pg_dump for a server, by its number or by what it calls itself. */
export function whereToGet(server: number | string | undefined): string {
  const number = typeof server === 'string' ? versionNumber(server) : server
  const major = number === undefined ? 'NN' : releaseOf(number)
  const install =
    process.platform === 'darwin'
      ? `brew install postgresql@${major}`
      : process.platform === 'win32'
        ? `install PostgreSQL ${major} from postgresql.org`
        : `install postgresql-client-${major} from apt.postgresql.org, or postgresql${major} from yum.postgresql.org`
  return `Get one of the server's release or newer (${install}), or name one with --pg-dump`
}

/** Another program of the same release. @throws ProgramFailed when it is not there */
export function besides({ path }: PgDump, name: string): string {
  const hint = `Name the pg_dump of an installation that has ${name} as well: --pg-dump`
  if (!basename(path).includes('pg_dump')) {
    throw new ProgramFailed(`Cannot tell where ${name} is beside "${path}"`, { hint })
  }
  const file = basename(path).replace('pg_dump', name)
  const folders = [dirname(path), ...(existsSync(path) ? [dirname(realpathSync(path))] : [])]
  const found = folders.map((folder) => join(folder, file)).find((candidate) => existsSync(candidate))
  if (found === undefined) throw new ProgramFailed(`Cannot find ${name} beside "${path}"`, { hint })
  return found
}
