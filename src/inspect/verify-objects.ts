import { NumberIndex } from '../ops/number-index.ts'
import { NumberList } from '../ops/number-list.ts'
import type { ArchiveVersion, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import type { Findings } from './findings.ts'
import { holdsStoredData } from './verify-data.ts'

/** Compares the large objects that entries declare with those whose content is stored. */
export function verifyLargeObjects(
  toc: readonly TocEntry[],
  stored: { has(oid: number): boolean; keys(): Iterable<number> },
  findings: Findings,
): void {
  const declared = new NumberIndex()
  const makers = new NumberList()
  for (const entry of toc) {
    verifyGroup(entry, findings)
    for (const oid of declaredObjects(entry)) {
      if (declared.has(oid)) twice(oid, entry.dumpId, findings)
      makers.set(declared.add(oid), entry.dumpId)
    }
  }
  // before 9.0 nothing declares them, nor in a part of an archive; one of definitions alone has no content
  const hasContent = toc.some((entry) => entry.desc === 'BLOBS' && holdsStoredData(entry))
  if (!hasContent || !toc.some(declaresObjects)) return
  for (const oid of declared.keys()) {
    if (stored.has(oid)) continue
    const dumpId = makers.at(declared.placeOf(oid))
    findings.add({
      code: 'LARGE_OBJECT_MISSING',
      severity: 'error',
      message: `Large object ${oid} is declared by entry ${dumpId}, its content is not in the archive`,
      dumpId,
      hint: 'A restore makes an empty one',
    })
  }
  for (const oid of stored.keys()) {
    if (declared.has(oid)) continue
    findings.add({
      code: 'LARGE_OBJECT_NOT_DECLARED',
      severity: 'error',
      message: `The content of large object ${oid} is in the archive, no entry declares it`,
      hint: 'A restore fails: nothing makes this object',
    })
  }
}

/** Whether an entry is there to declare large objects. */
export function declaresObjects({ desc }: TocEntry): boolean {
  return desc === 'BLOB' || desc === 'BLOB METADATA'
}

/**
 * pg_restore puts each line into SQL without looking, and passes over what no line feed ends (IssueCommandPerBlob,
 * pg_backup_db.c).
 */
function verifyGroup({ dumpId, desc, raw }: TocEntry, findings: Findings): void {
  if (desc !== 'BLOB METADATA') return
  const defn = raw.byteString('defn') ?? ''
  if (isListOfOids(defn)) return
  findings.add({
    code: 'NOT_LARGE_OBJECTS',
    severity: 'error',
    message: `Entry ${dumpId}, BLOB METADATA, must be a list of large objects, each ended by a line feed, and has something else`,
    dumpId,
    hint: 'It becomes SQL as it stands: a restore fails, makes less, or runs what somebody has put there',
  })
}

/** Whether each line is an OID, and ended. A list may have millions of them, too many for a regular expression. */
function isListOfOids(text: string): boolean {
  for (let start = 0; start < text.length;) {
    const end = text.indexOf('\n', start)
    if (end < 0 || end - start > MOST_DIGITS) return false
    const line = text.slice(start, end)
    if (!/^[1-9]\d*$/.test(line) || Number(line) > MOST_OID) return false
    start = end + 1
  }
  return true
}

const MOST_OID = 0xffff_ffff
const MOST_DIGITS = String(MOST_OID).length

function twice(oid: number, dumpId: number, findings: Findings): void {
  findings.add({
    code: 'DUPLICATE_LARGE_OBJECT',
    severity: 'error',
    message: `Large object ${oid} is declared twice, by entry ${dumpId} as well`,
    dumpId,
  })
}

/** OIDs of the large objects that an entry declares: one by its tag, or a group by its definition (dumpLO, pg_dump.c). */
export function declaredObjects({ desc, raw }: TocEntry): readonly number[] {
  if (desc === 'BLOB') {
    const tag = raw.byteString('tag') ?? ''
    return /^[0-9]{1,10}$/.test(tag) ? [Number(tag)] : []
  }
  if (desc !== 'BLOB METADATA') return []
  return (raw.byteString('defn') ?? '').match(/[0-9]{1,10}/g)?.map(Number) ?? []
}

/** OIDs that must be among the large objects of an entry: of groups, those whose entries it depends on. */
export function expectedOids(
  entry: TocEntry,
  entries: readonly TocEntry[],
  version: ArchiveVersion,
): readonly number[] {
  if (entry.desc !== 'BLOBS') return []
  const takesAll = !featuresOf(version).relkindAndBlobGroups
  const byId = makersById(entries)
  const makers = Array.from(new Set(entry.dependencies), (dumpId) => byId.get(dumpId) ?? []).flat()
  if (takesAll) for (const [place, { desc }] of entries.entries()) if (desc === 'BLOB') makers.push(place)
  makers.sort((one, other) => one - other)
  return makers.flatMap((place) => {
    const maker = entries[place]
    return maker === undefined ? [] : declaredObjects(maker)
  })
}

const makersOf = new WeakMap<readonly TocEntry[], { readonly length: number; readonly byId: Makers }>()
type Makers = ReadonlyMap<number, readonly number[]>

/** Where the entries of groups stand, by their ids: there may be as many as lists. */
function makersById(entries: readonly TocEntry[]): Makers {
  const known = makersOf.get(entries)
  if (known !== undefined && known.length === entries.length) return known.byId
  const byId = new Map<number, number[]>()
  for (const [place, { desc, dumpId }] of entries.entries()) {
    if (desc !== 'BLOB METADATA') continue
    const places = byId.get(dumpId)
    if (places === undefined) byId.set(dumpId, [place])
    else places.push(place)
  }
  makersOf.set(entries, { length: entries.length, byId })
  return byId
}
