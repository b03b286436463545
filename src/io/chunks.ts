/**
 * The inner currency of every pipeline: large chunks, lent, not given.
 *
 * `next()` lends a chunk that is valid only until the next call of `next()` or `cancel()`, so that a producer can
 * reuse its buffers; a consumer that keeps bytes copies them. `null` is the end. After an error or `cancel()` every
 * handle is released. One call at a time: never call `next()` while one is pending.
 */
export interface ChunkSource {
  next(): Promise<Uint8Array | null>
  /** Releases everything at once; safe at any time, more than once, and after the end. */
  cancel(): Promise<void>
}

/** A source of one chunk, of none where it is empty. */
export function oneChunk(chunk: Uint8Array): ChunkSource {
  let left: Uint8Array | null = chunk.length === 0 ? null : chunk
  return {
    async next() {
      const next = left
      left = null
      return next
    },
    async cancel() {
      left = null
    },
  }
}
