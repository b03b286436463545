import { ArchiveError } from '../errors.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { hints } from './hints.ts'
import { holdsData } from './writer.ts'

/** Holds data that come in the order of an input that cannot go back against the order that an output needs. */
export class DataOrder {
  readonly #places = new Map<DumpId, number>()
  #last: { readonly place: number; readonly dumpId: DumpId } | undefined

  /** @param toc in the order in which data must come; what is not among them may come at any time */
  constructor(toc: readonly TocEntry[]) {
    for (const entry of toc) if (holdsData(entry)) this.#places.set(entry.dumpId, this.#places.size)
  }

  /** Foresees what will happen if the data come in the order of the input's own TOC, as pg_dump writes them. */
  checkAll(stored: readonly TocEntry[]): void {
    for (const entry of stored) if (holdsData(entry)) this.pass(entry)
    this.#last = undefined
  }

  /** @throws ArchiveError DATA_OUT_OF_ORDER for an entry whose data were needed before those that have come */
  pass({ dumpId }: TocEntry): void {
    const place = this.#places.get(dumpId)
    if (place === undefined) return
    if (this.#last !== undefined && place < this.#last.place) {
      throw new ArchiveError(
        'DATA_OUT_OF_ORDER',
        `Cannot write data of TOC entry ${dumpId}: they come after those of entry ${this.#last.dumpId}, must come before them, and neither input nor output can go back`,
        { dumpId, hint: hints.anyOrder },
      )
    }
    this.#last = { place, dumpId }
  }
}
