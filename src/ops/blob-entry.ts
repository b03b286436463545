import { ArchiveError } from '../errors.ts'
import { withFields } from '../toc/changed-entry.ts'
import type { Decode } from '../toc/encoding.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'

/** OID of the catalog pg_largeobject, which pg_dump names for large objects. */
export const LARGE_OBJECT_RELATION = 2613

const MOST_DUMP_ID = 2 ** 31 - 1

/** Dump ids that no entry has: those after the highest. */
export class FreeDumpIds {
  #last: DumpId

  constructor(entries: readonly TocEntry[]) {
    this.#last = entries.reduce((highest, { dumpId }) => Math.max(highest, dumpId), 0)
  }

  /** @throws ArchiveError UNSUPPORTED when there are no more */
  take(): DumpId {
    if (this.#last < MOST_DUMP_ID) return ++this.#last
    throw new ArchiveError(
      'UNSUPPORTED',
      `Cannot add an entry: the highest dump id is ${MOST_DUMP_ID}, the last there is`,
    )
  }
}

/** The entry of one large object in archives of 1.12 to 1.15 (dumpBlob, pg_dump.c); its owner is that of `like`. */
export function blobEntry(like: TocEntry, oid: number, dumpId: DumpId, decode: Decode): TocEntry {
  return withFields(
    like,
    {
      dumpId,
      catalogId: { tableoid: LARGE_OBJECT_RELATION, oid },
      hadDumper: false,
      section: 'pre-data',
      dependencies: [],
      data: { state: 'no-data' },
      fields: {
        tag: String(oid),
        desc: 'BLOB',
        defn: `SELECT pg_catalog.lo_create('${oid}');\n`,
        dropStmt: `SELECT pg_catalog.lo_unlink('${oid}');\n`,
        copyStmt: null,
        namespace: null,
      },
    },
    decode,
  )
}
