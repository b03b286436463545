import type { Archive, ArchiveView, TocEntry } from '../index.ts'
import { printable } from './layout.ts'

/**
 * Which part of the stored data lies before an entry's, 0 to 1; undefined where sizes are not known without
 * reading everything twice.
 *
 * @param toc the entries in the order in which their data is read
 * @param hasData whether the data of an entry is read at all
 */
export async function partsDone(
  archive: Archive,
  toc: readonly TocEntry[],
  hasData: (entry: TocEntry) => boolean,
  signal: AbortSignal,
): Promise<(dumpId: number | undefined) => number | undefined> {
  if (archive.toc.some(({ data }) => data.state === 'not-set')) return () => undefined
  const { dataBytes } = await archive.storedSizes({ signal })
  const before = new Map<number, number>()
  let total = 0
  for (const entry of toc) {
    before.set(entry.dumpId, total)
    if (!entry.hadDumper || !hasData(entry)) continue
    const bytes = dataBytes.get(entry.dumpId)
    if (bytes === undefined) return () => undefined
    total += bytes
  }
  return (dumpId) => (dumpId === undefined || total === 0 ? undefined : (before.get(dumpId) ?? 0) / total)
}

/** An entry as a progress line names it. */
export function labelOf(view: ArchiveView, dumpId: number | undefined): string {
  const entry = dumpId === undefined ? undefined : view.entry(dumpId)
  return entry === undefined ? '' : printable(`${entry.desc} ${entry.tag ?? ''}`)
}
