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
