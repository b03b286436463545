import { CodecFailure } from '../codec/codec.ts'
import { ZstdFrameWalker } from '../codec/zstd-frame.ts'

/**
 * Tells whether pg_restore passes over a part of zstd data in a custom archive: it takes no more of a chunk once a frame
 * has ended in it (ReadDataFromArchiveZstd, compress_zstd.c).
 */
export class ChunkFrames {
  readonly #walker = new ZstdFrameWalker(() => undefined)
  /** A frame has ended in the chunk that is being read. */
  #hasEnded = false
  #over = false

  /**
   * Takes what comes next of a stream; to be called with bytes of one chunk at a time.
   * @param endsChunk they are the last of it
   * @returns whether they are the first that are passed over
   */
  see(bytes: Uint8Array, endsChunk: boolean): boolean {
    if (this.#over || bytes.length === 0) return false
    let firstEnd = this.#hasEnded ? 0 : bytes.length
    let ended = this.#hasEnded
    const onEnd = (end: number): void => {
      ended = true
      firstEnd = Math.min(firstEnd, end)
    }
    try {
      this.#walker.walk(bytes, onEnd)
    } catch (error) {
      if (!(error instanceof CodecFailure)) throw error
      // whoever decodes it tells what is wrong
      this.#over = true
      return false
    }
    this.#hasEnded = ended && !endsChunk
    this.#over = firstEnd < bytes.length
    return this.#over
  }
}
