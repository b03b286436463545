import type { DumpId, TocEntry } from '../toc/types.ts'
import { partsOf, type Required } from './required.ts'
import type { EntryParts } from './selection.ts'

const allParts: readonly EntryParts[] = Array.from({ length: 16 }, (_, required) => Object.freeze(partsOf(required)))
const noParts: EntryParts = Object.freeze(partsOf(0))

/** Where entries are found by their ids. */
interface Index {
  /** The highest id in use. */
  readonly maxDumpId: DumpId
  readonly byId: ReadonlyMap<DumpId, number>
  /** Only of ids that are used twice. */
  readonly byTwin: ReadonlyMap<TocEntry, number>
}

/**
 * What has been decided for each entry of an archive; of entries with one id, the later one is found by it. Entries as
 * objects, and the index over their ids, are made when somebody asks for them: a plain listing needs neither.
 */
export class Decisions {
  readonly #required: Uint8Array
  readonly #list: () => readonly TocEntry[]
  #index: Index | undefined

  constructor(count: number, entries: () => readonly TocEntry[]) {
    this.#required = new Uint8Array(count)
    this.#list = entries
  }

  get entries(): readonly TocEntry[] {
    return this.#list()
  }

  /** The highest id in use. */
  get maxDumpId(): DumpId {
    return this.#indexed.maxDumpId
  }

  /** Place of the entry with this id, −1 when there is none. */
  indexOf(dumpId: DumpId): number {
    return this.#indexed.byId.get(dumpId) ?? -1
  }

  entry(dumpId: DumpId): TocEntry | undefined {
    return this.entries[this.indexOf(dumpId)]
  }

  /** The decision already made for the entry with this id; 0 when there is none yet. */
  get(dumpId: DumpId): Required {
    return this.#required[this.indexOf(dumpId)] ?? 0
  }

  set(index: number, required: Required): void {
    this.#required[index] = required
  }

  /** The decision for the entry at a place. */
  at(index: number): Required {
    return this.#required[index] ?? 0
  }

  partsAt(index: number): EntryParts {
    return allParts[this.at(index)] ?? noParts
  }

  /** By identity where that matters, else by id, so that entries rewritten on the way still find theirs. */
  parts(entry: TocEntry): EntryParts {
    return this.partsAt(this.#indexed.byTwin.get(entry) ?? this.indexOf(entry.dumpId))
  }

  get #indexed(): Index {
    this.#index ??= createIndex(this.entries)
    return this.#index
  }
}

function createIndex(entries: readonly TocEntry[]): Index {
  const byId = new Map<DumpId, number>()
  const byTwin = new Map<TocEntry, number>()
  let maxDumpId = 0
  for (let index = 0; index < entries.length; index++) {
    const dumpId = entries[index]?.dumpId ?? 0
    if (dumpId > maxDumpId) maxDumpId = dumpId
    byId.set(dumpId, index)
  }
  if (byId.size < entries.length) {
    for (const [index, entry] of entries.entries()) if (byId.get(entry.dumpId) !== index) byTwin.set(entry, index)
  }
  return { maxDumpId, byId, byTwin }
}
