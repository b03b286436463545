import { isFiltered } from '../ops/filter.ts'
import { mapEntries } from '../ops/map-entries.ts'
import type { FilteredView } from '../ops/selection.ts'
import { byteStream, type ByteStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
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
      const counter = entry.raw.byteString('copyStmt') ? new CopyLines() : new InsertedRows(stdStrings)
      return byteStream(() => counted(data.borrow(), counter, (count) => rows.set(entry.dumpId, count)))
    },
  }
  const same = (entry: TocEntry): TocEntry => entry
  return { view: isFiltered(view) ? mapEntries(view, same, changes) : mapEntries(view, same, changes), rows }
}

interface Counter {
  push(chunk: Uint8Array): void
  count(): number
}

function counted(source: ChunkSource, counter: Counter, tell: (count: number) => void): ChunkSource {
  return {
    async next() {
      const chunk = await source.next()
      if (chunk === null) tell(counter.count())
      else counter.push(chunk)
      return chunk
    },
    cancel: () => source.cancel(),
  }
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

const QUOTE = 0x27
const DOUBLE_QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x28
const CLOSE = 0x29
const SEMICOLON = 0x3b
const COMMA = 0x2c
const values = 'values'

/** Rows of INSERT statements, of which one may have many. */
class InsertedRows implements Counter {
  readonly #stdStrings: boolean
  #rows = 0
  #place: 'code' | 'string' | 'name' = 'code'
  #escapes = false
  #escaped = false
  #depth = 0
  /** The word that is being read, or was last, in lower case. */
  #word = ''
  /** After VALUES and the lists that follow it. */
  #inValues = false
  #rowsBefore = 0
  #last = 0

  constructor(stdStrings: boolean) {
    this.#stdStrings = stdStrings
  }

  push(chunk: Uint8Array): void {
    for (const byte of chunk) {
      if (this.#place === 'string') {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH && this.#escapes) this.#escaped = true
        else if (byte === QUOTE) this.#place = 'code'
      } else if (this.#place === 'name') {
        if (byte === DOUBLE_QUOTE) this.#place = 'code'
      } else this.#code(byte)
    }
  }

  #code(byte: number): void {
    const letter = byte | 0x20
    const isWord = (letter >= 0x61 && letter <= 0x7a) || byte === 0x5f || byte > 0x7f || (byte >= 0x30 && byte <= 0x39)
    if (isWord) {
      const isFirst = this.#last !== 1
      this.#word = isFirst ? String.fromCharCode(letter) : `${this.#word}${String.fromCharCode(letter)}`.slice(0, 8)
      this.#last = 1
      return
    }
    switch (byte) {
      case QUOTE:
        this.#place = 'string'
        this.#escapes = !this.#stdStrings || (this.#last === 1 && this.#word === 'e')
        break
      case DOUBLE_QUOTE:
        this.#place = 'name'
        this.#word = ''
        break
      case OPEN:
        if (this.#depth === 0 && (this.#inValues || this.#word === values)) {
          this.#inValues = true
          this.#rows++
        }
        this.#depth++
        this.#word = ''
        break
      case CLOSE:
        this.#depth--
        break
      case SEMICOLON:
        // INSERT … DEFAULT VALUES
        if (this.#depth === 0 && this.#word === values && this.#rows === this.#rowsBefore) this.#rows++
        this.#inValues = false
        this.#word = ''
        this.#rowsBefore = this.#rows
        break
      case COMMA:
        this.#word = ''
        break
    }
    this.#last = 0
  }

  count(): number {
    return this.#rows
  }
}
