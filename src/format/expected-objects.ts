import type { EntryTable } from '../toc/table.ts'
import type { ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'

/** What must be in a list of large objects, as far as the table of contents tells. */
export interface ExpectedObjects {
  /** At least so many. */
  readonly count: number
  /** OIDs among them: the last one of those that pg_dump writes in order. */
  readonly oids: readonly number[]
}

/** The large objects that the entries of an archive make, for a check that none is missing in their lists. */
export class ObjectsOfToc {
  readonly #table: EntryTable
  readonly #grouped: boolean
  #counts: ReadonlyMap<DumpId, number> | undefined
  #all: ExpectedObjects | undefined
  #declared: ReadonlySet<number> | undefined

  constructor(table: EntryTable, version: ArchiveVersion) {
    this.#table = table
    this.#grouped = featuresOf(version).relkindAndBlobGroups
  }

  /** What the data of a BLOBS entry must have. */
  of(entry: TocEntry): ExpectedObjects {
    return this.#grouped ? this.#ofGroup(entry) : (this.#all ??= this.#ofAll())
  }

  /** Whether an entry makes an object with this OID. */
  declares(oid: number): boolean {
    if (this.#declared === undefined) {
      const declared = new Set<number>()
      this.#table.scanTypes(new Set(['BLOB', 'BLOB METADATA']), ({ desc, tag, defn }) => {
        const texts = desc === 'BLOB' ? [tag ?? ''] : (defn?.match(/[0-9]+/g) ?? [])
        for (const text of texts) declared.add(Number(text))
      })
      this.#declared = declared
    }
    return this.#declared.has(oid)
  }

  /** dumpLO, pg_dump.c, since 17: the tag is the first and the last OID, and the metadata entry lists them all. */
  #ofGroup({ tag, dependencies }: TocEntry): ExpectedObjects {
    const ends = /^([0-9]{1,10})(?:\.\.([0-9]{1,10}))?$/.exec(tag ?? '')
    if (ends === null) return { count: 0, oids: [] }
    this.#counts ??= this.#countGroups()
    const oids = [...new Set(ends.slice(1).filter((oid) => oid !== undefined))]
    let count = oids.length
    for (const dumpId of dependencies) count = Math.max(count, this.#counts.get(dumpId) ?? 0)
    return { count, oids: oids.map(Number) }
  }

  #countGroups(): ReadonlyMap<DumpId, number> {
    const counts = new Map<DumpId, number>()
    this.#table.scanTypes(new Set(['BLOB METADATA']), ({ dumpId, defn }) => {
      counts.set(dumpId, defn?.match(/[0-9]+/g)?.length ?? 0)
    })
    return counts
  }

  /** dumpBlob, pg_dump.c, of 9.0 to 16: one entry for each object, and one for the data of all; before, only that. */
  #ofAll(): ExpectedObjects {
    let count = 0
    let last = 0
    this.#table.scanTypes(new Set(['BLOB']), ({ tag }) => {
      const oid = /^[0-9]{1,10}$/.test(tag ?? '') ? Number(tag) : 0
      if (oid === 0) return
      count++
      last = Math.max(last, oid)
    })
    return { count, oids: last === 0 ? [] : [last] }
  }
}
