import { ArchiveError } from '../errors.ts'
import { canonicalEncoding } from './encoding.ts'
import type { EntryTable } from './table.ts'
import type { ArchiveSettings, TocEntry } from './types.ts'

const settingTypes: ReadonlySet<string> = new Set(['ENCODING', 'STDSTRINGS', 'SEARCHPATH'])

/**
 * What the pseudo entries ENCODING, STDSTRINGS and SEARCHPATH say; of several of a kind the last one counts
 * (processEncodingEntry, processStdStringsEntry, processSearchPathEntry, pg_backup_archiver.c).
 * @throws ArchiveError BAD_TOC
 */
export function readSettings(table: EntryTable): ArchiveSettings {
  let encoding = 'SQL_ASCII'
  let stdStrings = false
  let searchPath: string | null = null
  table.scanTypes(settingTypes, (entry) => {
    switch (entry.raw.byteString('desc')) {
      case 'ENCODING':
        encoding = readEncoding(entry)
        break
      case 'STDSTRINGS':
        stdStrings = readStdStrings(entry)
        break
      case 'SEARCHPATH':
        searchPath = entry.raw.byteString('defn') ?? null
        break
    }
  })
  return { encoding, stdStrings, searchPath }
}

/** The encoding that an ENCODING entry names, whether there is such a one or not; undefined when it names none. */
function namedIn(defn: string): string | undefined {
  return /'([^']*)'/.exec(defn)?.[1]
}

/** The encoding that the definition of an ENCODING entry means; undefined for one that pg_restore refuses. */
export function encodingIn(defn: string): string | undefined {
  const name = namedIn(defn)
  return name === undefined ? undefined : canonicalEncoding(name)
}

/** What the definition of an STDSTRINGS entry says; undefined for one that pg_restore refuses. */
export function stdStringsIn(defn: string): boolean | undefined {
  const value = /'(?:on|off)'/y
  value.lastIndex = Math.max(0, defn.indexOf("'"))
  const found = value.exec(defn)?.[0]
  return found === undefined ? undefined : found === "'on'"
}

function readEncoding(entry: TocEntry): string {
  const defn = entry.raw.byteString('defn') ?? ''
  const name = namedIn(defn)
  if (name === undefined) throw invalidItem(entry, defn, 'names no encoding', `invalid ENCODING item: ${defn}`)
  const canonical = encodingIn(defn)
  if (canonical === undefined) {
    throw invalidItem(entry, defn, `names the unknown encoding "${name}"`, `unrecognized encoding "${name}"`)
  }
  return canonical
}

function readStdStrings(entry: TocEntry): boolean {
  const defn = entry.raw.byteString('defn') ?? ''
  const on = stdStringsIn(defn)
  if (on === undefined) throw invalidItem(entry, defn, 'is neither on nor off', `invalid STDSTRINGS item: ${defn}`)
  return on
}

function invalidItem(entry: TocEntry, defn: string, what: string, pgRestore: string): ArchiveError {
  return new ArchiveError('BAD_TOC', `Cannot read TOC entry ${entry.dumpId}: its ${entry.desc} item ${what}: ${defn}`, {
    dumpId: entry.dumpId,
    details: { pgRestore },
  })
}
