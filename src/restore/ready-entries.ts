import type { TocEntry } from '../toc/types.ts'

/** Entries that may be restored, the one with the most data first, of equals the one with the lower id; by their places. */
export class ReadyEntries {
  readonly #entries: readonly TocEntry[]
  readonly #bytes: Float64Array
  /** A binary heap. */
  readonly #heap: number[] = []

  /** @param bytes of each entry's data */
  constructor(entries: readonly TocEntry[], bytes: Float64Array) {
    this.#entries = entries
    this.#bytes = bytes
  }

  add(place: number): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(place)
    while (at > 0) {
      const parent = (at - 1) >> 1
      const above = heap[parent] ?? place
      if (!this.#comesBefore(place, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = place
  }

  /** Takes the first one out. */
  take(): number | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && this.#comesBefore(heap[child + 1] ?? 0, heap[child] ?? 0)) child++
      const below = heap[child] ?? 0
      if (!this.#comesBefore(below, last)) break
      heap[at] = below
      at = child
    }
    heap[at] = last
    return first
  }

  /** TocEntrySizeCompareQsort, pg_backup_archiver.c */
  #comesBefore(a: number, b: number): boolean {
    const more = (this.#bytes[a] ?? 0) - (this.#bytes[b] ?? 0)
    if (more !== 0) return more > 0
    return (this.#entries[a]?.dumpId ?? 0) < (this.#entries[b]?.dumpId ?? 0)
  }
}
