import type { Pull } from '../io/pull.ts'
import type { ArchiveHeader, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { writeToc, type WrittenToc } from '../toc/write-toc.ts'

/**
 * The second table of contents, which some archives have after their data. pg_dump writes the offsets by going back and
 * writing the table again; from 16 on it opens standard output to append, so that `pg_dump -Fc > file`, the commonest way
 * of all, puts the table with offsets at the end and leaves the first as it was (_CloseArchive, pg_backup_custom.c).
 * pg_restore never comes to it.
 */
export class SecondToc {
  readonly #header: ArchiveHeader
  readonly #entries: () => readonly TocEntry[]
  #first: WrittenToc | undefined

  /** @param entries those of the first, as read */
  constructor(header: ArchiveHeader, entries: () => readonly TocEntry[]) {
    this.#header = header
    this.#entries = entries
  }

  /**
   * Whether what follows in the window is the same table, but for its offsets, and then the end of the input. Nothing is
   * consumed; the window grows by as much as is alike.
   */
  async follows(pull: Pull): Promise<boolean> {
    if (!featuresOf(this.#header.version).offsets) return false
    const { bytes, offsets } = (this.#first ??= this.#written())
    const offsetBytes = 1 + this.#header.offSize
    let compared = 0
    let next = 0
    while (compared < bytes.length) {
      if (pull.available <= compared && !(await pull.fill())) return false
      const { buffer, start } = pull
      const end = Math.min(bytes.length, pull.available)
      while (compared < end) {
        const offset = offsets[next] ?? Infinity
        if (compared >= offset) {
          compared = offset + offsetBytes
          next++
        } else if (buffer[start + compared] === bytes[compared]) {
          compared++
        } else {
          return false
        }
      }
    }
    // the last offset may be cut
    if (pull.available < bytes.length && !(await pull.fill(bytes.length))) return false
    return pull.available === bytes.length && !(await pull.fill())
  }

  #written(): WrittenToc {
    return writeToc(this.#entries(), this.#header, () => ({ kind: 'stored' }))
  }
}
