import { ArchiveError } from '../errors.ts'
import { aclOfObject, mostInGroup, namesObjectThroughout } from '../sql/large-object-group.ts'
import { aSignal, checkOptions } from '../check-options.ts'
import type { LexerOptions } from '../sql/lexer.ts'
import { withFields, type EntryChanges } from '../toc/changed-entry.ts'
import { decoderFor, type Decode } from '../toc/encoding.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { mapEntries } from './map-entries.ts'
import { descOf, remarkDescs } from './ties.ts'

/**
 * Large objects as archives of 1.16 have them: those with the same owner and grants in groups of at most 1000, each made
 * by one BLOB METADATA entry behind the other data, with one entry for their grants. The contents stay in one BLOBS
 * entry, which pg_restore of 17 and newer reads as well as several. A view that has no BLOB entries comes back as it is.
 *
 * Asks the contents for the first object, by which pg_restore finds them in a tar archive.
 *
 * @throws ArchiveError DATA_OUT_OF_ORDER on forward-only input, where the data come after the table of contents
 */
export async function groupLargeObjects(
  view: ArchiveView,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ArchiveView> {
  checkOptions('group large objects', options, { signal: aSignal })
  const objects = view.toc.filter((entry) => descOf(entry) === 'BLOB')
  if (objects.length === 0) return view
  const contents = view.toc.find((entry) => entry.hadDumper && descOf(entry) === 'BLOBS')
  const grouping = new Grouping(view, objects, contents && (await firstObject(view, contents, options.signal)))
  return mapEntries(view, (entry) => grouping.change(entry), { arrange: (entries) => grouping.arrange(entries) })
}

async function firstObject(view: ArchiveView, contents: TocEntry, signal?: AbortSignal): Promise<number | undefined> {
  const { dumpId } = contents
  if (view.storage?.seekable === false) {
    throw new ArchiveError(
      'DATA_OUT_OF_ORDER',
      `Cannot group the large objects of TOC entry ${dumpId}: the first OID must come before all data, and the input cannot go back`,
      { dumpId, hint: 'Open the archive by its path, or with the option spool, to read data in any order' },
    )
  }
  for await (const { oid } of view.largeObjects(contents, signal === undefined ? {} : { signal })) return oid
  return undefined
}

interface Group {
  readonly first: TocEntry
  readonly oids: number[]
}

class Grouping {
  readonly #decode: Decode
  readonly #lexer: LexerOptions
  /** The group of each object, by the dump id of its BLOB. */
  readonly #groups = new Map<DumpId, Group>()
  /** The grants of each object, by the dump id of its BLOB. */
  readonly #grants = new Map<DumpId, TocEntry[]>()

  readonly #firstOid: number | undefined

  /** @param firstOid the object that the contents begin with */
  constructor(view: ArchiveView, objects: readonly TocEntry[], firstOid: number | undefined) {
    this.#firstOid = firstOid
    const { encoding, stdStrings } = view.settings
    this.#decode = decoderFor(encoding)
    this.#lexer = { encoding, stdStrings }
    const ids = new Set(objects.map(({ dumpId }) => dumpId))
    for (const entry of view.toc) {
      const object = descOf(entry) === 'ACL' ? entry.dependencies.find((id) => ids.has(id)) : undefined
      if (object === undefined) continue
      const grants = this.#grants.get(object)
      if (grants === undefined) this.#grants.set(object, [entry])
      else grants.push(entry)
    }
    const open = new Map<string, Group>()
    for (const entry of objects.toSorted((a, b) => oidOf(a) - oidOf(b))) {
      const key = this.#keyOf(entry)
      const known = open.get(key)
      const group = known === undefined || known.oids.length === mostInGroup ? { first: entry, oids: [] } : known
      group.oids.push(oidOf(entry))
      open.set(key, group)
      this.#groups.set(entry.dumpId, group)
    }
  }

  /** Equal for objects that may be in one group: of one owner, with the same grants. */
  #keyOf({ dumpId, raw }: TocEntry): string {
    const grants = this.#grants.get(dumpId) ?? []
    const texts = grants.map((entry) => entry.raw.byteString('defn') ?? '')
    if (!texts.every((text) => namesObjectThroughout(text, this.#lexer))) return String(dumpId)
    return ['', raw.byteString('owner') ?? '', ...texts.map((text) => aclOfObject(text, 0, this.#lexer))].join('\0')
  }

  change(entry: TocEntry): TocEntry | readonly TocEntry[] {
    const desc = descOf(entry)
    const group = this.#groups.get(entry.dumpId)
    if (desc === 'BLOB' && group !== undefined) return group.first === entry ? this.#metadata(group) : []
    const dependencies = this.#dependencies(entry)
    if (desc === 'BLOBS' && entry.hadDumper) return this.#contents(entry)
    if (dependencies === undefined) return entry
    const object = entry.dependencies.find((id) => this.#groups.has(id))
    const own = object === undefined ? undefined : this.#groups.get(object)
    if (desc !== 'ACL' || own === undefined || own.oids.length === 1) return this.#with(entry, { dependencies })
    if (own.first.dumpId !== object) return []
    return this.#with(entry, { dependencies, fields: { tag: `LARGE OBJECTS ${rangeOf(own.oids)}` } })
  }

  /** Groups go in front of the contents, or behind all other data, each followed by what is said about it. */
  arrange(entries: readonly TocEntry[]): readonly TocEntry[] {
    const moved = new Map<DumpId, TocEntry[]>()
    const others: TocEntry[] = []
    for (const entry of entries) {
      const desc = descOf(entry)
      const object = desc === 'BLOB METADATA' ? entry.dumpId : remarkDescs.has(desc) ? entry.dependencies[0] : undefined
      const group = object === undefined || !this.#groups.has(object) ? undefined : object
      const known = group === undefined ? others : moved.get(group)
      if (known === undefined) {
        if (group !== undefined) moved.set(group, [entry])
      } else if (desc === 'BLOB METADATA' && known !== others) known.unshift(entry)
      else known.push(entry)
    }
    const at = others.findIndex((entry) => descOf(entry) === 'BLOBS' || entry.section === 'post-data')
    const before = at === -1 ? others.length : at
    return [...others.slice(0, before), ...[...moved.values()].flat(), ...others.slice(before)]
  }

  /** dumpLO, pg_dump.c */
  #metadata({ first, oids }: Group): TocEntry {
    return this.#with(first, {
      section: 'data',
      relkind: '',
      fields: {
        tag: rangeOf(oids),
        desc: 'BLOB METADATA',
        defn: oids.map((oid) => `${oid}\n`).join(''),
        dropStmt: '-- dummy',
      },
    })
  }

  #contents(entry: TocEntry): TocEntry {
    const groups = new Set(this.#groups.values())
    const last = [...groups].reduce((highest, { oids }) => Math.max(highest, oids.at(-1) ?? 0), 0)
    const needed = Array.from(groups, ({ first }) => first.dumpId)
    return this.#with(entry, {
      dependencies: [...needed, ...entry.dependencies.filter((id) => !this.#groups.has(id))],
      relkind: '',
      fields: { tag: rangeOf([this.#firstOid ?? last, last]) },
    })
  }

  /** Dependencies on the groups of the objects; undefined where there are none on objects. */
  #dependencies({ dependencies }: TocEntry): readonly DumpId[] | undefined {
    if (!dependencies.some((id) => this.#groups.has(id))) return undefined
    return [...new Set(dependencies.map((id) => this.#groups.get(id)?.first.dumpId ?? id))]
  }

  #with(entry: TocEntry, changes: EntryChanges): TocEntry {
    return withFields(entry, changes, this.#decode)
  }
}

function oidOf({ catalogId }: TocEntry): number {
  return catalogId.oid >>> 0
}

function rangeOf(oids: readonly number[]): string {
  const [first] = oids
  const last = oids.at(-1)
  return first === last ? String(first) : `${first}..${last}`
}
