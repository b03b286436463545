import { fieldCount, parseCopyStatement } from '../copy/copy-statement.ts'
import { withFields, type EntryChanges } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { ArchiveHeader, DumpId, Section, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import {
  cyclesIn,
  hasControls,
  isEarlySequenceSet,
  lacksOidsFlag,
  sectionOf,
  sectionOrder,
  stopsAtOwner,
} from './verify-toc.ts'

/** A header without texts that cannot be right. */
export function mendedHeader(header: ArchiveHeader): ArchiveHeader {
  const { dbname, remoteVersion, dumpVersion, raw } = header
  const isSound = (text: string | null): boolean => text === null || !hasControls(text)
  const noServer = isSound(remoteVersion) ? {} : { remoteVersion: null }
  const noDump = isSound(dumpVersion) ? {} : { dumpVersion: null }
  const lost = { ...noServer, ...noDump }
  if (Object.keys(lost).length === 0) return header
  return { ...header, dbname, ...lost, raw: { ...raw, ...lost } }
}

/** An entry that was changed, by its dump id, and in what. */
export interface Mended {
  readonly entry: TocEntry
  readonly was: TocEntry
  readonly what: readonly string[]
}

/**
 * Corrects what damage has made of entries that are otherwise whole, where there is only one thing that it can have
 * been, or where anything else cannot be restored: sections, COPY statements, circles of dependencies, types with
 * control characters, owners of what has none. Sound entries stay as they are, and are
 * undefined in what is given.
 */
export function mendedEntries(
  entries: readonly TocEntry[],
  header: ArchiveHeader,
  encoding: string,
): readonly (Mended | undefined)[] {
  const decode = decoderFor(encoding)
  const sections = soundSections(entries, header)
  // what is not stored cannot be damaged; the archive that is written has sections whatever this one had
  const hasSections = featuresOf(header.version).section
  const circular = circularDependencies(entries)
  return entries.map((was, index) => {
    const section = sections[index] ?? was.section
    const cut = circular.get(index)
    const dependencies = cut === undefined ? undefined : was.dependencies.filter((id) => !cut.has(id))
    const copyStmt = soundCopy(was)
    const desc = hasControls(was.desc) ? printableDesc(was.desc) : undefined
    const disowned = stopsAtOwner(was)
    const crashes = lacksOidsFlag(was)
    const what: string[] = []
    if (hasSections && section !== was.section) what.push(`its section is ${section} now, was ${was.section}`)
    if (dependencies !== undefined) what.push('it depends on what depends on it: that dependency is left out')
    if (copyStmt !== undefined) what.push('its COPY statement is damaged, and was made anew without a list of columns')
    if (desc !== undefined) what.push(`its type is ${desc} now, had control characters`)
    if (disowned) what.push('it has an owner, which nothing of its type has: that is left out')
    if (crashes) what.push('it lacks a field that every entry has, at which pg_restore would crash')
    if (what.length === 0 && section === was.section) return undefined
    const fields = {
      ...(copyStmt === undefined ? {} : { copyStmt }),
      ...(desc === undefined ? {} : { desc }),
      ...(disowned ? { owner: '' } : {}),
      ...(crashes ? { withOids: 'false' } : {}),
    }
    const changes: EntryChanges = {
      ...(section === was.section ? {} : { section }),
      ...(dependencies === undefined ? {} : { dependencies }),
      ...(Object.keys(fields).length === 0 ? {} : { fields }),
    }
    return { entry: withFields(was, changes, decode), was, what }
  })
}

/** The section of each entry: that of its type, or one that does not stand before those of others. */
function soundSections(entries: readonly TocEntry[], header: ArchiveHeader): readonly Section[] {
  const early = entries.map((entry) => isEarlySequenceSet(entry, header))
  const fixed = entries.map(({ desc }, index) => (early[index] === true ? undefined : sectionOf(desc)))
  const before: Section[] = []
  let last: Section = 'pre-data'
  for (const section of fixed) before.push((last = section ?? last))
  let next: Section = 'post-data'
  const found: Section[] = []
  for (let index = entries.length - 1; index >= 0; index--) {
    const own = entries[index]?.section ?? 'unknown'
    const must = fixed[index]
    const least = before[index] ?? 'pre-data'
    if (must !== undefined) found[index] = next = must
    else if (own === 'none' || early[index] === true) found[index] = own
    else if (own === 'unknown' || sectionOrder[own] < sectionOrder[least]) found[index] = least
    else found[index] = sectionOrder[own] > sectionOrder[next] && sectionOrder[next] >= sectionOrder[least] ? next : own
  }
  return found
}

const none: readonly number[] = []

/** Dependencies that close a circle, by the index of their entry: pg_dump writes what others depend on first. */
function circularDependencies(entries: readonly TocEntry[]): ReadonlyMap<number, ReadonlySet<DumpId>> {
  const places = new Map(entries.map(({ dumpId }, index) => [dumpId, index]))
  const edges = entries.map(({ dependencies }) =>
    dependencies.length === 0 ? none : dependencies.flatMap((id) => places.get(id) ?? []),
  )
  const cut = new Map<number, ReadonlySet<DumpId>>()
  for (const cycle of cyclesIn(edges)) {
    const within = new Set(cycle)
    for (const index of cycle) {
      const later = (edges[index] ?? []).filter((on) => within.has(on) && on >= index)
      if (later.length > 0) cut.set(index, new Set(later.flatMap((on) => entries[on]?.dumpId ?? [])))
    }
  }
  return cut
}

/** A COPY statement instead of one that is none; undefined where there is nothing to mend. */
function soundCopy({ desc, raw }: TocEntry): string | undefined {
  const copyStmt = raw.byteString('copyStmt') ?? ''
  if (desc !== 'TABLE DATA' || copyStmt === '') return undefined
  const statement = parseCopyStatement(copyStmt)
  if (statement !== undefined) {
    const { columns = [] } = statement
    if (fieldCount(statement) === undefined || new Set(columns).size === columns.length) return undefined
  }
  const name = [raw.byteString('namespace'), raw.byteString('tag')].filter((part) => part != null && part !== '')
  return `COPY ${name.map((part) => `"${String(part).replaceAll('"', '""')}"`).join('.')} FROM stdin;\n`
}

function printableDesc(desc: string): string {
  return [...desc].map((char) => (hasControls(char) ? '?' : char)).join('')
}

/** Entries in the order of their sections, `made` behind the others of the same section. */
export function placed(entries: readonly TocEntry[], made: readonly TocEntry[]): readonly TocEntry[] {
  if (made.length === 0) return entries
  let left = entries
  for (const section of ['pre-data', 'data'] as const) {
    const own = made.filter((entry) => entry.section === section)
    const next = left.findIndex((entry) => sectionOrder[entry.section] > sectionOrder[section])
    const at = next < 0 ? left.length : next
    left = [...left.slice(0, at), ...own, ...left.slice(at)]
  }
  return left
}
