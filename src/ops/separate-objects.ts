import { ArchiveError } from '../errors.ts'
import { raiseHint, type Limits } from '../limits.ts'
import { aclOfAnyObject, objectsOfGroup } from '../sql/large-object-group.ts'
import type { LexerOptions } from '../sql/lexer.ts'
import { withFields, type EntryChanges } from '../toc/changed-entry.ts'
import { decoderFor, type Decode } from '../toc/encoding.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { blobEntry, FreeDumpIds } from './blob-entry.ts'
import type { JoinedEntries } from './join-blocks.ts'
import { mapEntries } from './map-entries.ts'
import { everyEntry } from './rewrite.ts'
import { descOf, remarkDescs } from './ties.ts'

/**
 * Large objects as archives before 1.16 have them: a BLOB entry for each, in front of all data, with grants, comments and
 * labels of its own, and one BLOBS entry with the contents of all, in stored order. A view that has no groups comes back
 * as it is; nothing is lost in any case.
 *
 * On forward-only input the BLOBS of all groups must follow each other, as pg_dump writes them.
 *
 * @throws ArchiveError BAD_TOC for a group whose definition is no list of OIDs, LIMIT_EXCEEDED (tocEntries)
 */
export function separateLargeObjects(view: ArchiveView): ArchiveView {
  const groups = everyEntry(view).filter((entry) => descOf(entry) === 'BLOB METADATA')
  const contents = view.toc.filter(isContents)
  if (groups.length === 0 && contents.length < 2) return view
  const separation = new Separation(view, groups, contents)
  const { joined } = separation
  return mapEntries(view, (entry) => separation.change(entry), {
    arrange: (entries) => separation.arrange(entries),
    ...(joined === undefined ? {} : { joins: () => joined }),
  })
}

function isContents(entry: TocEntry): boolean {
  return entry.hadDumper && descOf(entry) === 'BLOBS'
}

/** A group of large objects and the entries that they get. */
interface Group {
  /** Dump id of each object's BLOB entry, by OID, in the order of the group. */
  readonly ids: ReadonlyMap<number, DumpId>
}

class Separation {
  readonly joined: JoinedEntries | undefined
  readonly #decode: Decode
  readonly #lexer: LexerOptions
  readonly #free: FreeDumpIds
  readonly #room: Room
  readonly #groups = new Map<DumpId, Group>()
  readonly #objects = new Set<DumpId>()
  readonly #contents: ReadonlySet<TocEntry>
  readonly #contentIds: ReadonlySet<DumpId>

  constructor(view: ArchiveView, groups: readonly TocEntry[], contents: readonly TocEntry[]) {
    const { encoding, stdStrings } = view.settings
    const entries = everyEntry(view)
    this.#decode = decoderFor(encoding)
    this.#lexer = { encoding, stdStrings }
    this.#free = new FreeDumpIds(entries)
    const [first, ...others] = contents
    this.joined = first === undefined ? undefined : [first, ...others]
    this.#contents = new Set(contents)
    this.#contentIds = new Set(contents.map(({ dumpId }) => dumpId))
    this.#room = new Room(view.limits, entries.length)
    for (const group of groups) {
      const oids = objectsOfGroup(group)
      this.#room.take(group, oids.length - 1, 0)
      const ids = new Map(oids.map((oid, index) => [oid, index === 0 ? group.dumpId : this.#free.take()]))
      this.#groups.set(group.dumpId, { ids })
      for (const id of ids.values()) this.#objects.add(id)
    }
  }

  change(entry: TocEntry): TocEntry | readonly TocEntry[] {
    const desc = descOf(entry)
    if (desc === 'BLOB METADATA') {
      const { ids } = this.#groups.get(entry.dumpId) ?? { ids: new Map<number, DumpId>() }
      return Array.from(ids, ([oid, id]) => blobEntry(entry, oid, id, this.#decode))
    }
    if (this.#contents.has(entry)) return entry === this.joined?.[0] ? this.#joinedContents(entry) : []
    if (!remarkDescs.has(desc)) return this.#withDependencies(entry)
    const tag = entry.raw.byteString('tag') ?? ''
    const group = this.#groupOf(entry)
    if (group === undefined) return this.#withDependencies(entry)
    if (tag.startsWith('LARGE OBJECTS ')) return this.#grants(entry, group)
    const id = group.ids.get(Number(/^LARGE OBJECT (\d+)$/.exec(tag)?.[1]))
    return id === undefined ? this.#withDependencies(entry) : this.#with(entry, this.#dependingOn(entry, [id]))
  }

  /**
   * BLOB entries go where the data begin, each followed by what is said about it, sorted by their OIDs as text, as pg_dump
   * does (DOTypeNameCompare, pg_dump_sort.c).
   */
  arrange(entries: readonly TocEntry[]): readonly TocEntry[] {
    const moved = new Map<string, TocEntry[]>()
    const others: TocEntry[] = []
    for (const entry of entries) {
      const object = this.#objectOf(entry)
      const known = object === undefined ? others : moved.get(object)
      if (known === undefined) {
        if (object !== undefined) moved.set(object, [entry])
      } else if (descOf(entry) === 'BLOB' && known !== others) known.unshift(entry)
      else known.push(entry)
    }
    const at = others.findIndex(({ section }) => section === 'data' || section === 'post-data')
    const before = at === -1 ? others.length : at
    const sorted = [...moved.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, object]) => object)
    return [...others.slice(0, before), ...sorted, ...others.slice(before)]
  }

  /** OID of the large object that an entry makes, or says something about. */
  #objectOf(entry: TocEntry): string | undefined {
    const desc = descOf(entry)
    const tag = entry.raw.byteString('tag') ?? ''
    if (desc === 'BLOB') return this.#objects.has(entry.dumpId) ? tag : undefined
    if (!remarkDescs.has(desc) || !entry.dependencies.some((id) => this.#objects.has(id))) return undefined
    return /^LARGE OBJECT (\d+)$/.exec(tag)?.[1]
  }

  #groupOf({ dependencies }: TocEntry): Group | undefined {
    const [first] = dependencies
    return first === undefined ? undefined : this.#groups.get(first)
  }

  /** As dumpLOs of the releases before 17: no dependencies, and nothing tells what is in it (pg_dump.c). */
  #joinedContents(entry: TocEntry): TocEntry {
    const { state } = entry.data
    return this.#with(entry, {
      dependencies: [],
      fields: { tag: 'BLOBS', owner: null },
      ...(state === 'file' ? { data: { state, filename: 'blobs.toc' } } : {}),
    })
  }

  /** The grants of a group are those of its first object, to be repeated for each (IssueACLPerBlob, pg_backup_db.c). */
  #grants(entry: TocEntry, { ids }: Group): readonly TocEntry[] {
    const text = entry.raw.byteString('defn') ?? ''
    this.#room.take(entry, ids.size - 1, ids.size * text.length)
    const aclOf = aclOfAnyObject(text, this.#lexer)
    return Array.from(ids, ([oid, id], index) =>
      this.#with(entry, {
        dumpId: index === 0 ? entry.dumpId : this.#free.take(),
        ...this.#dependingOn(entry, [id]),
        fields: {
          tag: `LARGE OBJECT ${oid}`,
          defn: (defn) => (typeof defn === 'string' ? aclOf(oid) : defn),
        },
      }),
    )
  }

  #withDependencies(entry: TocEntry): TocEntry {
    const isMoved = (id: DumpId): boolean => (this.#groups.get(id)?.ids.size ?? 1) !== 1 || this.#contentIds.has(id)
    if (!entry.dependencies.some(isMoved)) return entry
    const next = entry.dependencies.flatMap((id) => {
      const group = this.#groups.get(id)
      if (group !== undefined) {
        this.#room.take(entry, 0, group.ids.size * DEPENDENCY_BYTES)
        return [...group.ids.values()]
      }
      return this.#contentIds.has(id) ? (this.joined?.[0].dumpId ?? id) : id
    })
    return this.#with(entry, { dependencies: [...new Set(next)] })
  }

  /** Dependencies with these in place of the group, which is the first. */
  #dependingOn({ dependencies }: TocEntry, ids: readonly DumpId[]): EntryChanges {
    return { dependencies: [...ids, ...dependencies.slice(1)] }
  }

  #with(entry: TocEntry, changes: EntryChanges): TocEntry {
    return withFields(entry, changes, this.#decode)
  }
}

/** About what a dependency takes in a table of contents. */
const DEPENDENCY_BYTES = 16
/** What is repeated for each object is held in memory, whatever the limits. */
const MOST_BYTES = 1024 * 1024 * 1024

/** How much the table of contents may grow: what a few bytes say of a group is repeated for each object of it. */
class Room {
  readonly #limits: Limits
  #entries: number
  #bytes = 0

  constructor(limits: Limits, entries: number) {
    this.#limits = limits
    this.#entries = entries
  }

  /** @throws ArchiveError LIMIT_EXCEEDED */
  take(entry: TocEntry, entries: number, bytes: number): void {
    this.#entries += Math.max(0, entries)
    this.#bytes += bytes
    const { tocEntries } = this.#limits
    const tocBytes = Math.min(this.#limits.tocBytes, MOST_BYTES)
    if (this.#entries > tocEntries) throw tooMany(entry, 'entries', 'tocEntries', this.#entries, tocEntries)
    if (this.#bytes > tocBytes) throw tooMany(entry, 'more bytes', 'tocBytes', this.#bytes, tocBytes)
  }
}

function tooMany(
  { dumpId }: TocEntry,
  what: string,
  limit: 'tocEntries' | 'tocBytes',
  observed: number,
  max: number,
): ArchiveError {
  return new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot separate the large objects of TOC entry ${dumpId}: there would be ${observed} ${what}, the limit ${limit} is ${max}`,
    { dumpId, details: { limit, max, observed }, hint: raiseHint(limit) },
  )
}
