import { isArchiveError } from '../errors.ts'
import type { DumpId } from '../toc/types.ts'

/** What an archive takes, in bytes as stored: compressed data as they are. */
export interface StoredSizes {
  /**
   * The archive as a whole: its file, or the files of its directory together. Undefined on forward-only input. Of an
   * archive that was compressed afterwards and spooled, the size after decompressing.
   */
  readonly archiveBytes: number | undefined
  /**
   * The data of entries by dump id. Custom: blocks with the headers of block and chunks. Directory and tar: the data
   * file; of large objects their files and the list of them. Data that are missing or damaged have no size, and on
   * forward-only input none have.
   */
  readonly dataBytes: ReadonlyMap<DumpId, number>
}

/** What `work` gives; undefined where the archive is at fault: who reads the data will be told. */
export async function ifReadable<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isArchiveError(error) && error.code !== 'CLOSED') return undefined
    throw error
  }
}
