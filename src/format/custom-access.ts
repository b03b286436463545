import type { ChunkSource } from '../io/chunks.ts'
import type { TocEntry } from '../toc/types.ts'
import type { BlockBody } from './custom-body.ts'
import type { ArchiveLayout } from './layout.ts'
import type { StoredSizes } from './stored-sizes.ts'

/** A block that may be read, by one reader at a time. */
export interface OpenBlock {
  readonly body: BlockBody
  /** Called when the body has been read to its end, which is at `end`. */
  ended(end: number): void
  /** Releases what was opened for this block. */
  release(): Promise<void>
}

/** A small block in memory, to be taken before anything else is asked for. */
export interface BlockAtHand {
  readonly payload: Uint8Array
  /** Moves past the block. */
  take(): void
}

/** Where blocks come from: a file that can be read anywhere, or a stream. */
export interface BlockAccess {
  readonly seekable: boolean
  /** @throws ArchiveError MISSING_BLOCK, BLOCK_MISMATCH, DATA_OUT_OF_ORDER, BAD_BLOCK, UNEXPECTED_EOF */
  open(entry: TocEntry): Promise<OpenBlock>
  /** The block of an entry, if all of it has been read into memory by now and is small. */
  atHand?(entry: TocEntry): BlockAtHand | undefined
  /** The blocks from the first (from the current one on forward-only input) to the last; null after it. */
  walk(): { next(): Promise<OpenBlock | null>; close(): Promise<void> }
  /** Bytes of an entry's block where they are known by now. */
  storedBytes(entry: TocEntry): number | undefined
  /** {@link FormatReader.storedSizes} */
  storedSizes(signal: AbortSignal | undefined): Promise<StoredSizes>
  /** What lies where, see FormatReader.layout. */
  layout(signal: AbortSignal | undefined): ArchiveLayout | undefined
  /** The archive byte for byte, see FormatReader.verbatim. */
  verbatim(): ChunkSource | undefined
  close(): Promise<void>
}
