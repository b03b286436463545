import type { DumpId, TocEntry } from '../toc/types.ts'
import { partsOf, type Required } from './required.ts'
import type { EntryParts } from './selection.ts'

const allParts: readonly EntryParts[] = Array.from({ length: 16 }, (_, required) => Object.freeze(partsOf(required)))
const noParts: EntryParts = Object.freeze(partsOf(0))

/** The entries of an archive with what has been decided for each; of entries with one id, the later one is found by it. */
export class Decisions {
  readonly entries: readonly TocEntry[]
  /** The highest id in use. */
  readonly maxDumpId: DumpId
  readonly #required: Uint8Array
  readonly #indexById = new Map<DumpId, number>()
  /** Only of ids that are used twice. */
  readonly #indexByTwin = new Map<TocEntry, number>()

  constructor(entries: readonly TocEntry[]) {
    this.entries = entries
    this.#required = new Uint8Array(entries.length)
    let maxDumpId = 0
    for (let index = 0; index < entries.length; index++) {
      const dumpId = entries[index]?.dumpId ?? 0
      if (dumpId > maxDumpId) maxDumpId = dumpId
      this.#indexById.set(dumpId, index)
    }
    this.maxDumpId = maxDumpId
    if (this.#indexById.size < entries.length) {
      for (const [index, entry] of entries.entries()) {
        if (this.#indexById.get(entry.dumpId) !== index) this.#indexByTwin.set(entry, index)
      }
    }
  }

  /** Place of the entry with this id, −1 when there is none. */
  indexOf(dumpId: DumpId): number {
    return this.#indexById.get(dumpId) ?? -1
  }

  entry(dumpId: DumpId): TocEntry | undefined {
    const index = this.#indexById.get(dumpId)
    return index === undefined ? undefined : this.entries[index]
  }

  /** The decision already made for the entry with this id; 0 when there is none yet. */
  get(dumpId: DumpId): Required {
    return this.#required[this.indexOf(dumpId)] ?? 0
  }

  set(index: number, required: Required): void {
    this.#required[index] = required
  }

  /** By identity where that matters, else by id, so that entries rewritten on the way still find theirs. */
  parts(entry: TocEntry): EntryParts {
    const index = this.#indexByTwin.get(entry) ?? this.indexOf(entry.dumpId)
    return allParts[this.#required[index] ?? 0] ?? noParts
  }
}
