import { ArchiveError } from '../errors.ts'
import type { LargeObjectToWrite } from '../format/writer.ts'
import { chunksOf } from '../io/byte-stream.ts'
import type { NewEntry } from '../create.ts'
import type { ByteChunks } from './new-data.ts'
import { stoppableChunks, stoppableItems } from './stoppable.ts'
import type { BuiltFields } from '../toc/built-entry.ts'
import { entryKind } from '../toc/entry-kinds.ts'
import type { ArchiveVersion, DumpId, Section, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'

/** A large object for a new archive. */
export interface NewLargeObject {
  /** Unsigned 32-bit OID, not 0. */
  readonly oid: number
  /** Read once, when the archive is written. */
  readonly data: Uint8Array | ByteChunks
}

/** As many objects make a group (MAX_BLOBS_PER_ARCHIVE_ENTRY, pg_dump.c). */
const GROUP = 1000

/** The large objects of a new archive, with the entries that go with them. */
export class NewLargeObjects {
  readonly #grouped: boolean
  readonly #addEntry: (entry: NewEntry) => DumpId
  readonly #addFields: (fieldsOf: (dumpId: DumpId) => BuiltFields & NewEntry) => DumpId
  readonly #objects = new Map<TocEntry, Iterable<NewLargeObject> | AsyncIterable<NewLargeObject>>()
  /** Before 1.16: what goes into the one BLOBS entry. */
  readonly #single: NewLargeObject[] = []
  readonly #oids = new Set<number>()

  /**
   * @param add.entry adds any entry, checked
   * @param add.fields one of very many, whose fields may be computed
   */
  constructor(
    version: ArchiveVersion,
    add: {
      readonly entry: (entry: NewEntry) => DumpId
      readonly fields: (fieldsOf: (dumpId: DumpId) => BuiltFields & NewEntry) => DumpId
    },
  ) {
    this.#grouped = featuresOf(version).relkindAndBlobGroups
    this.#addEntry = add.entry
    this.#addFields = add.fields
  }

  /** The objects of an entry that the caller has made. */
  give(entry: TocEntry, objects: Iterable<NewLargeObject> | AsyncIterable<NewLargeObject>): void {
    this.#objects.set(entry, objects)
  }

  /** Adds objects and the entries that make them (dumpLO, pg_dump.c). */
  add(objects: Iterable<NewLargeObject>, owner: string | null): readonly DumpId[] {
    const sorted = [...objects].sort((a, b) => a.oid - b.oid)
    for (const { oid } of sorted) this.#claim(oid)
    if (!this.#grouped) {
      for (const object of sorted) this.#single.push(object)
      return sorted.map(({ oid }) => this.#addFields((dumpId) => new ObjectFields(dumpId, oid, owner)))
    }
    const ids: DumpId[] = []
    for (let at = 0; at < sorted.length; at += GROUP) ids.push(this.#addGroup(sorted.slice(at, at + GROUP), owner))
    return ids
  }

  /** All objects are known: before 1.16 their contents are in one entry. */
  complete(): void {
    if (this.#single.length === 0) return
    this.#addEntry({ desc: 'BLOBS', tag: 'BLOBS', largeObjects: this.#single.splice(0) })
  }

  /** @param signal ends the reading even of data that do not answer */
  of(entry: TocEntry, signal: AbortSignal): AsyncIterable<LargeObjectToWrite> | undefined {
    const objects = this.#objects.get(entry)
    return objects === undefined ? undefined : toWrite(objects, signal)
  }

  #addGroup(group: readonly NewLargeObject[], owner: string | null): DumpId {
    const first = group[0]?.oid ?? 0
    const last = group.at(-1)?.oid ?? 0
    const tag = first === last ? String(first) : `${first}..${last}`
    const metadata = this.#addEntry({
      desc: 'BLOB METADATA',
      tag,
      owner,
      // not SQL: pg_restore makes it from these numbers
      defn: group.map(({ oid }) => `${oid}\n`).join(''),
      dropStmt: '-- dummy',
      catalogId: { tableoid: 2613, oid: first },
    })
    this.#addEntry({ desc: 'BLOBS', tag, owner, dependencies: [metadata], largeObjects: group })
    return metadata
  }

  #claim(oid: number): void {
    if (!Number.isInteger(oid) || oid < 1 || oid > 0xffff_ffff) {
      throw new ArchiveError('USAGE', `Cannot add a large object: its OID is ${oid}, must be 1 to 4294967295`)
    }
    if (this.#oids.has(oid))
      throw new ArchiveError('USAGE', `Cannot add large object ${oid}: it has been added already`)
    this.#oids.add(oid)
  }
}

/** What the entry of one object says before 1.16: there may be a million, of which memory holds three values each. */
class ObjectFields implements BuiltFields {
  readonly dumpId: DumpId
  readonly #oid: number
  readonly owner: string | null

  constructor(dumpId: DumpId, oid: number, owner: string | null) {
    this.dumpId = dumpId
    this.#oid = oid
    this.owner = owner
  }

  get desc(): string {
    return 'BLOB'
  }

  get tag(): string {
    return String(this.#oid)
  }

  get defn(): string {
    return `SELECT pg_catalog.lo_create('${this.#oid}');\n`
  }

  get dropStmt(): string {
    return `SELECT pg_catalog.lo_unlink('${this.#oid}');\n`
  }

  get catalogId(): BuiltFields['catalogId'] {
    return { tableoid: 2613, oid: this.#oid }
  }

  get hadDumper(): boolean {
    return false
  }

  get section(): Section {
    return entryKind('BLOB').section
  }

  get tablespace(): string | null {
    return entryKind('BLOB').hasTablespace ? '' : null
  }

  get copyStmt(): null {
    return null
  }

  get namespace(): null {
    return null
  }

  get tableam(): null {
    return null
  }

  get relkind(): undefined {
    return undefined
  }

  get dependencies(): readonly DumpId[] {
    return none
  }
}

const none: readonly DumpId[] = []

async function* toWrite(
  objects: Iterable<NewLargeObject> | AsyncIterable<NewLargeObject>,
  signal: AbortSignal,
): AsyncGenerator<LargeObjectToWrite, void, void> {
  for await (const { oid, data } of stoppableItems(objects, signal)) {
    const chunks = stoppableChunks(chunksOf(data instanceof Uint8Array ? [data] : data), signal)
    yield { oid, data: { kind: 'content', chunks } }
  }
}
