import type { Algorithm } from '../codec/codec.ts'
import type { Finding } from '../errors.ts'
import type { ArchiveFormat, DumpId, TocEntry } from '../toc/types.ts'
import type { DataState, Kept, KeptObject } from './salvage-assess.ts'

/** What became of the data of one entry. */
export interface SalvagedEntry {
  readonly dumpId: DumpId
  readonly desc: string
  readonly namespace: string | null
  readonly tag: string | null
  /**
   * `whole`; `partial`: what is kept is right, but something is missing; `doubtful`: the stream is damaged, and what is
   * kept may hold wrong values; `lost`: nothing is kept.
   */
  readonly state: DataState
  /** Rows kept; large objects kept of a BLOBS entry; null for data that are neither. */
  readonly rowsKept: number | null
  /** Decompressed bytes kept. */
  readonly bytesKept: number
  /** Rows left out because they cannot be right, as far as they can be counted. */
  readonly rowsDropped: number
  /** First bad offset in the archive, or in `file`. */
  readonly offset?: number
  /** File or tar member concerned. */
  readonly file?: string
  readonly reason?: string
  /** The entry was made for data that lost theirs; it is not in the damaged archive. */
  readonly made?: true
}

/** A large object that is not kept, or not whole. */
export interface LostLargeObject {
  readonly oid: number
  /** The entry with the data. */
  readonly dumpId: DumpId
  readonly state: DataState
  readonly bytesKept: number
  readonly offset?: number
  readonly file?: string
  readonly reason?: string
}

/** What {@link salvage} found, kept and lost. */
export interface SalvageReport {
  /** Container of the damaged archive. */
  readonly inputFormat: ArchiveFormat
  readonly format: ArchiveFormat
  readonly compression: Algorithm
  /** Nothing is lost and nothing doubtful. */
  readonly whole: boolean
  /** Entries in the archive that was written. */
  readonly entriesWritten: number
  /** Entries that the table of contents should have and that were not found; undefined where that is not known. */
  readonly entriesLost: number | undefined
  /** Every entry with data, in the order of the table of contents. */
  readonly entries: readonly SalvagedEntry[]
  readonly largeObjects: readonly LostLargeObject[]
  /** Damage outside of data: of header, table of contents, tar headers, lists of large objects. */
  readonly findings: readonly Finding[]
  /** Bytes written. */
  readonly bytes: number
}

/** What is told of an entry whose data were found. */
export function reportOf(entry: TocEntry, kept: Kept, made: boolean): SalvagedEntry {
  const broken = kept.broken
  const file = kept.kind === 'rows' ? kept.payload.file : undefined
  const rowsKept =
    kept.kind === 'objects'
      ? kept.objects.filter(({ state }) => state !== 'lost').length
      : kept.picker === undefined
        ? null
        : kept.rows
  return {
    ...namesOf(entry),
    state: kept.state,
    rowsKept,
    bytesKept: kept.bytes,
    rowsDropped: kept.kind === 'rows' ? kept.dropped : 0,
    ...(broken === undefined ? {} : { offset: broken.offset, reason: broken.reason }),
    ...(broken === undefined || file === undefined ? {} : { file }),
    ...(made ? { made } : {}),
  }
}

/** What is told of an entry whose data were not found. */
export function reportOfLost(
  entry: TocEntry,
  why: { readonly offset: number; readonly reason: string; readonly file?: string },
): SalvagedEntry {
  const { offset, reason, file } = why
  const where = file === undefined ? { offset } : { file }
  return { ...namesOf(entry), state: 'lost', rowsKept: 0, bytesKept: 0, rowsDropped: 0, ...where, reason }
}

/** What is told of a large object that is not whole. */
export function reportOfObject(dumpId: DumpId, { oid, state, bytes, broken, payload }: KeptObject): LostLargeObject {
  const file = payload?.file
  return {
    oid,
    dumpId,
    state,
    bytesKept: bytes,
    ...(broken === undefined ? {} : { offset: broken.offset, reason: broken.reason }),
    ...(file === undefined ? {} : { file }),
  }
}

function namesOf({
  dumpId,
  desc,
  namespace,
  tag,
}: TocEntry): Pick<SalvagedEntry, 'dumpId' | 'desc' | 'namespace' | 'tag'> {
  return { dumpId, desc, namespace, tag }
}
