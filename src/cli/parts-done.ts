import type { Archive, ArchiveView, RestoreProgress, TocEntry } from '../index.ts'
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

/**
 * Which part of the stored data several workers have read, 0 to 1: told with every progress, it counts what each has
 * left behind.
 */
export async function jobsDone(
  archive: Archive,
  toc: readonly TocEntry[],
  hasData: (entry: TocEntry) => boolean,
  signal: AbortSignal,
): Promise<(progress: RestoreProgress) => number | undefined> {
  const { dataBytes } = await archive.storedSizes({ signal })
  const bytesOf = (dumpId: number | undefined): number => (dumpId === undefined ? 0 : (dataBytes.get(dumpId) ?? 0))
  const withData = toc.filter((entry) => entry.hadDumper && hasData(entry))
  const total = withData.reduce((sum, { dumpId }) => sum + bytesOf(dumpId), 0)
  let done = 0
  let before: readonly (number | undefined)[] = []
  return ({ workers = [] }) => {
    before.forEach((entry, at) => {
      if (entry !== workers[at]) done += bytesOf(entry)
    })
    before = workers
    return total === 0 ? undefined : done / total
  }
}

/** What each of several workers does, for a progress line. */
export function labelOfWorkers(view: ArchiveView, workers: readonly (number | undefined)[]): string {
  return workers.flatMap((entry, at) => (entry === undefined ? [] : [`${at + 1}: ${labelOf(view, entry)}`])).join('  ')
}

/** An entry as a progress line names it. */
export function labelOf(view: ArchiveView, dumpId: number | undefined): string {
  const entry = dumpId === undefined ? undefined : view.entry(dumpId)
  return entry === undefined ? '' : printable(`${entry.desc} ${entry.tag ?? ''}`)
}
