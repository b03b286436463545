import { createSha256, toHex } from '../codec/sha256.ts'
import { InsertScanner } from '../copy/insert-scanner.ts'
import { seeing, type ByteStream } from '../io/byte-stream.ts'
import type { FilteredView } from '../ops/selection.ts'
import type { ToUtf8 } from '../restore/pglite-encoding.ts'
import { isServerError } from '../restore/target.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { derive, type ArchiveView, type DataOptions, type LargeObject } from '../view.ts'
import { RowDigest, RowSplitter } from './row-digest.ts'

/** What the archive's data are, seen as they were restored. */
export class WatchedData {
  /** Rows of tables that are copied; those of a table that cannot be converted are not here. */
  readonly rows = new Map<DumpId, RowDigest>()
  /** Rows of tables that are INSERT statements. */
  readonly inserted = new Map<DumpId, number>()
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
        ? countInserts(view, entry, stream, data)
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

function countInserts(view: ArchiveView, entry: TocEntry, stream: ByteStream, data: WatchedData): ByteStream {
  const scanner = new InsertScanner({ stdStrings: view.settings.stdStrings })
  return seeing(
    stream,
    (chunk) => scanner.push(chunk),
    () => void data.inserted.set(entry.dumpId, scanner.finish().rows),
  )
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
