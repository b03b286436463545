import { InsertScanner } from '../copy/insert-scanner.ts'
import { isFiltered } from '../ops/filter.ts'
import { mapEntries } from '../ops/map-entries.ts'
import type { FilteredView } from '../ops/selection.ts'
import { seeing, type ByteStream } from '../io/byte-stream.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'

/** A view that counts what is read of it. */
export interface CountedRows<V extends ArchiveView> {
  readonly view: V
  /** Rows by the dump id of their TABLE DATA entry, for those whose data have been read to the end. */
  readonly rows: ReadonlyMap<DumpId, number>
}

/**
 * The same view, which counts rows as they are read, whether they are COPY text or INSERT statements, at next to no
 * cost: restore it, and hand the counts to {@link finish}.
 */
export function countRows(view: FilteredView): CountedRows<FilteredView>
export function countRows(view: ArchiveView): CountedRows<ArchiveView>
export function countRows(view: ArchiveView): CountedRows<ArchiveView> {
  const rows = new Map<DumpId, number>()
  const { stdStrings } = view.settings
  const changes = {
    data: (entry: TocEntry, data: ByteStream): ByteStream | undefined => {
      if (entry.desc !== 'TABLE DATA') return undefined
      const counter = entry.raw.byteString('copyStmt') ? new CopyLines() : insertedRows(stdStrings)
      return seeing(
        data,
        (chunk) => counter.push(chunk),
        () => void rows.set(entry.dumpId, counter.count()),
      )
    },
  }
  const same = (entry: TocEntry): TocEntry => entry
  return { view: isFiltered(view) ? mapEntries(view, same, changes) : mapEntries(view, same, changes), rows }
}

interface Counter {
  push(chunk: Uint8Array): void
  count(): number
}

/** Rows of INSERT statements, of which one may have many. */
function insertedRows(stdStrings: boolean): Counter {
  const scanner = new InsertScanner({ stdStrings })
  return { push: (chunk) => scanner.push(chunk), count: () => scanner.finish().rows }
}

const LINE_FEED = 0x0a

/** Bytes behind the rows: the line `\.`, and empty ones. */
const TAIL = 16

/** Rows of COPY text: its lines, but for those of the end mark. */
class CopyLines implements Counter {
  #lines = 0
  #tail = ''
  #unended = false

  push(chunk: Uint8Array): void {
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1)) this.#lines++
    this.#tail = (this.#tail + String.fromCharCode(...chunk.subarray(-TAIL))).slice(-TAIL)
    this.#unended = chunk.at(-1) !== LINE_FEED
  }

  count(): number {
    const [, end] = /(?:^|\n)(\\\.\n*|\n*)$/.exec(this.#tail) ?? []
    const behind = end === undefined || !end.startsWith('\\.') ? 0 : end.split('\n').length - 1
    // an end mark without a line feed is no row
    const last = this.#unended && end !== '\\.' ? 1 : 0
    return this.#lines - behind + last
  }
}
