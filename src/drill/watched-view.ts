import { createSha256, toHex } from '../codec/sha256.ts'
import { InsertRows, type InsertTarget } from '../copy/insert-rows.ts'
import { InsertScanner } from '../copy/insert-scanner.ts'
import { seeing, type ByteStream } from '../io/byte-stream.ts'
import type { FilteredView } from '../ops/selection.ts'
import type { ToUtf8 } from '../restore/pglite-encoding.ts'
import { isServerError } from '../restore/target.ts'
import { charLengthOf } from '../sql/multibyte.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { derive, type ArchiveView, type DataOptions, type LargeObject } from '../view.ts'
import { RowDigest, RowSplitter } from './row-digest.ts'

/** What INSERT statements say. */
export interface InsertedRows {
  readonly rows: number
  /** As COPY text; undefined where they cannot be read. */
  readonly digest: RowDigest | undefined
  /** Undefined where they cannot be read, or there are none. */
  readonly target: InsertTarget | undefined
}

/** What the archive's data are, seen as they were restored. */
export class WatchedData {
  /** Rows of tables that are copied; those of a table that cannot be converted are not here. */
  readonly rows = new Map<DumpId, RowDigest>()
  /** Rows of tables that are INSERT statements. */
  readonly inserted = new Map<DumpId, InsertedRows>()
  /** SHA-256 of large objects by OID. */
  readonly objects = new Map<number, { readonly sha256: string; readonly entry: TocEntry }>()
}

/** A view with the same data, digested on their way: archives that can be read only once are read once. */
export function watched(view: FilteredView, convert: ToUtf8 | undefined): { view: FilteredView; data: WatchedData } {
  const data = new WatchedData()
  const seen = derive(view, {
    base: view.base,
    selection: view.selection,
    release: view.release,
    unmatched: view.unmatched,
    get allEntries() {
      return view.allEntries
    },
    ...(view.scan === undefined ? {} : { scan: view.scan.bind(view) }),
    parts: (entry: TocEntry) => view.parts(entry),
    reason: (entry: TocEntry) => view.reason(entry),
    data: (entry: TocEntry, options?: DataOptions) => {
      const stream = view.data(entry, options)
      if (entry.desc !== 'TABLE DATA') return stream
      return entry.copyStmt === null
        ? digestInserts(view, entry, stream, data, convert)
        : digestRows(entry, stream, data, convert)
    },
    largeObjects: (entry: TocEntry, options?: DataOptions) => digestObjects(view, entry, options, data),
  })
  return { view: seen, data }
}

function digestRows(entry: TocEntry, stream: ByteStream, data: WatchedData, convert: ToUtf8 | undefined): ByteStream {
  const digest = new RowDigest()
  const splitter = new RowSplitter((row) => digest.add(row))
  data.rows.set(entry.dumpId, digest)
  const push = (chunk: Uint8Array): void => {
    if (!data.rows.has(entry.dumpId)) return
    try {
      splitter.push(convert === undefined ? chunk : convert(chunk))
    } catch (error) {
      if (!isServerError(error)) throw error
      // the target converts the same bytes, and says so itself
      data.rows.delete(entry.dumpId)
    }
  }
  return seeing(stream, push, () => splitter.finish())
}

function digestInserts(
  view: ArchiveView,
  entry: TocEntry,
  stream: ByteStream,
  data: WatchedData,
  convert: ToUtf8 | undefined,
): ByteStream {
  const { encoding, stdStrings } = view.settings
  const scanner = new InsertScanner({ stdStrings })
  const digest = new RowDigest()
  const charLength = convert === undefined ? charLengthOf(encoding) : undefined
  let rows: InsertRows | undefined = new InsertRows({ stdStrings, charLength }, (row) => digest.add(row))
  const push = (chunk: Uint8Array): void => {
    scanner.push(chunk)
    try {
      rows?.push(convert === undefined ? chunk : convert(chunk))
    } catch (error) {
      if (!isServerError(error)) throw error
      // as above
      rows = undefined
    }
  }
  return seeing(stream, push, () => {
    const target = rows?.finish()
    data.inserted.set(entry.dumpId, {
      rows: scanner.finish().rows,
      digest: target === undefined ? undefined : digest,
      target: target === 'none' ? undefined : target,
    })
  })
}

async function* digestObjects(
  view: ArchiveView,
  entry: TocEntry,
  options: DataOptions | undefined,
  { objects }: WatchedData,
): AsyncGenerator<LargeObject, void, void> {
  for await (const { oid, data } of view.largeObjects(entry, options)) {
    const hash = createSha256()
    const end = (): void => void objects.set(oid, { sha256: toHex(hash.digest()), entry })
    yield { oid, data: seeing(data, (chunk) => hash.update(chunk), end) }
  }
}
