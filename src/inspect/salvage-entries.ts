import { encodeByteString } from '../bytes/byte-string.ts'
import { buildEntry, type BuiltFields } from '../toc/built-entry.ts'
import { entryKind } from '../toc/entry-kinds.ts'
import { encodingIn, stdStringsIn } from '../toc/settings.ts'
import type { ArchiveSettings, ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { assess, type Judging, type Kept } from './salvage-assess.ts'
import type { Gathered } from './salvage-gather.ts'

/** Name of the table that data without an entry come into. */
export function strayName(dumpId: DumpId): string {
  return `salvaged_${dumpId}`
}

/** An entry made of a type and a few fields, all of them ASCII. */
export function madeEntry(
  dumpId: DumpId,
  desc: string,
  tag: string,
  fields: Partial<Omit<BuiltFields, 'dumpId' | 'desc' | 'tag'>>,
): TocEntry {
  const kind = entryKind(desc)
  return buildEntry(
    {
      dumpId,
      desc,
      tag,
      hadDumper: false,
      catalogId: { tableoid: kind.tableoid, oid: kind.tableoid === 0 ? 0 : 16384 + dumpId },
      section: kind.section,
      defn: null,
      dropStmt: null,
      copyStmt: null,
      namespace: null,
      tablespace: kind.hasTablespace ? '' : null,
      tableam: null,
      relkind: undefined,
      owner: '',
      dependencies: [],
      ...fields,
    },
    (text) => encodeByteString(text),
  )
}

/** What the entries say about how to read them; of those that cannot be understood nothing. */
export function lenientSettings(
  entries: readonly TocEntry[],
  some: 'lost' | 'none-lost' = 'none-lost',
): ArchiveSettings {
  let encoding = 'SQL_ASCII'
  // of what is lost, what is usual holds
  let stdStrings = some === 'lost'
  let searchPath: string | null = null
  for (const { raw } of entries) {
    const defn = raw.byteString('defn') ?? ''
    switch (raw.byteString('desc')) {
      case 'ENCODING':
        encoding = encodingIn(defn) ?? encoding
        break
      case 'STDSTRINGS':
        stdStrings = stdStringsIn(defn) ?? stdStrings
        break
      case 'SEARCHPATH':
        searchPath = defn
        break
    }
  }
  return { encoding, stdStrings, searchPath }
}

/** Whether an ENCODING or STDSTRINGS entry is one that pg_restore takes. */
export function isSoundSetting({ raw }: TocEntry): boolean {
  const defn = raw.byteString('defn') ?? ''
  const desc = raw.byteString('desc')
  if (desc === 'ENCODING') return encodingIn(defn) !== undefined
  return desc !== 'STDSTRINGS' || stdStringsIn(defn) !== undefined
}

/**
 * The entries that are in every archive, those of them that were lost with the TOC: as nearly every server has them.
 * @param encoding that of the data, as far as they tell
 */
export function lostSettings(
  entries: readonly TocEntry[],
  ids: DumpIds,
  encoding: 'UTF8' | 'SQL_ASCII',
): readonly TocEntry[] {
  const has = (desc: string): boolean => entries.some(({ raw }) => raw.byteString('desc') === desc)
  const usual = [
    ['ENCODING', `SET client_encoding = '${encoding}';\n`],
    ['STDSTRINGS', "SET standard_conforming_strings = 'on';\n"],
    ['SEARCHPATH', "SELECT pg_catalog.set_config('search_path', '', false);\n"],
  ] as const
  return usual.flatMap(([desc, defn]) =>
    has(desc) ? [] : [madeEntry(ids.take(), desc, desc, { defn, section: 'pre-data' })],
  )
}

/** Ids that no entry has. */
export class DumpIds {
  #next: number
  readonly #taken: Set<DumpId>
  readonly #kept: ReadonlySet<DumpId>

  /** @param kept ids that somebody will claim */
  constructor(taken: Iterable<DumpId>, kept: Iterable<DumpId>) {
    this.#kept = new Set(kept)
    this.#taken = new Set(taken)
    this.#next = 1
    for (const id of this.#taken) this.#next = Math.max(this.#next, id + 1)
  }

  take(): DumpId {
    while (this.#taken.has(this.#next) || this.#kept.has(this.#next)) this.#next++
    this.#taken.add(this.#next)
    return this.#next++
  }

  /** The id that is wanted, if nobody has it. */
  claim(wanted: DumpId | undefined): DumpId {
    if (wanted === undefined || wanted < 1 || wanted > 2 ** 30 || this.#taken.has(wanted)) return this.take()
    this.#taken.add(wanted)
    return wanted
  }
}

/** Data that no entry is known for, with entries made for them. */
export interface Adopted {
  /** Entries in restore order. */
  readonly entries: readonly TocEntry[]
  /** The one of them that has the data. */
  readonly owner: TocEntry
  readonly kept: Kept
}

/** Columns that a table can have (MaxHeapAttributeNumber, htup_details.h). */
const mostColumns = 1600

/** Makes entries for data without one, so that they can be restored; for large objects only if none `declared` them. */
export async function adopt(
  { dumpId, data }: Gathered['strays'][number],
  ids: DumpIds,
  version: ArchiveVersion,
  judging: Judging,
  declared: ReadonlySet<number>,
): Promise<Adopted | undefined> {
  const kept = await assess(undefined, data, [], judging)
  if (kept.state === 'lost') return undefined
  return kept.kind === 'rows' ? adoptRows(dumpId, kept, ids) : adoptObjects(dumpId, kept, ids, version, declared)
}

function adoptRows(
  dumpId: DumpId | undefined,
  kept: Kept & { readonly kind: 'rows' },
  ids: DumpIds,
): Adopted | undefined {
  const count = kept.text === 'insert' ? 1 : (kept.columns ?? 0)
  if (count > mostColumns) return undefined
  const id = ids.claim(dumpId)
  const name = strayName(id)
  const columns = Array.from({ length: count }, (_, index) => (kept.text === 'insert' ? 'statement' : `c${index + 1}`))
  const table = madeEntry(ids.take(), 'TABLE', name, {
    namespace: 'public',
    defn: `CREATE TABLE public.${name} (\n${columns.map((column) => `    ${column} text`).join(',\n')}\n);\n`,
    dropStmt: `DROP TABLE public.${name};\n`,
  })
  const owner = madeEntry(id, 'TABLE DATA', name, {
    namespace: 'public',
    hadDumper: true,
    copyStmt: `COPY public.${name} ${count === 0 ? '' : `(${columns.join(', ')}) `}FROM stdin;\n`,
    dependencies: [table.dumpId],
  })
  return { entries: [table, owner], owner, kept }
}

function adoptObjects(
  dumpId: DumpId | undefined,
  kept: Kept & { readonly kind: 'objects' },
  ids: DumpIds,
  version: ArchiveVersion,
  declared: ReadonlySet<number>,
): Adopted | undefined {
  // those that are lost are not known to be in the database
  const objects = kept.objects.filter(({ payload }) => payload !== undefined)
  if (objects.length === 0) return undefined
  const left = { ...kept, objects }
  const oids = objects.map(({ oid }) => oid)
  const id = ids.claim(dumpId)
  const makers = makersOf(
    oids.filter((oid) => !declared.has(oid)),
    ids,
    version,
  )
  const [first = 0] = oids
  const last = oids.at(-1) ?? first
  const tag = !featuresOf(version).relkindAndBlobGroups ? 'BLOBS' : first === last ? String(first) : `${first}..${last}`
  const owner = madeEntry(id, 'BLOBS', tag, { hadDumper: true, dependencies: makers.map(({ dumpId: maker }) => maker) })
  return { entries: [...makers, owner], owner, kept: left }
}

/** An entry for the contents of the large objects that another one creates. */
export function emptyObjects({ dumpId, tag }: TocEntry, ids: DumpIds): TocEntry {
  return madeEntry(ids.take(), 'BLOBS', tag ?? 'BLOBS', { hadDumper: true, dependencies: [dumpId] })
}

/** Entries that create large objects; an archive of a version without them gets them when it is written. */
export function makersOf(oids: readonly number[], ids: DumpIds, version: ArchiveVersion): readonly TocEntry[] {
  if (oids.length === 0 || !featuresOf(version).blobEntries) return []
  if (!featuresOf(version).relkindAndBlobGroups) {
    return oids.map((oid) =>
      madeEntry(ids.take(), 'BLOB', String(oid), {
        defn: `SELECT pg_catalog.lo_create('${oid}');\n`,
        dropStmt: `SELECT pg_catalog.lo_unlink('${oid}');\n`,
        catalogId: { tableoid: 2613, oid },
      }),
    )
  }
  const [first = 0] = oids
  const last = oids.at(-1) ?? first
  const metadata = madeEntry(ids.take(), 'BLOB METADATA', first === last ? String(first) : `${first}..${last}`, {
    defn: oids.map((oid) => `${oid}\n`).join(''),
    dropStmt: '-- dummy',
    catalogId: { tableoid: 2613, oid: first },
  })
  return [metadata]
}
