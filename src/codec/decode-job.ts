import type { ChunkSource } from '../io/chunks.ts'
import type { Limits } from '../limits.ts'
import type { Container, DecodeContext } from './codec.ts'

/** One stream to decode. */
export interface DecodeJob {
  readonly container: Container
  /** The stored bytes of the stream and nothing else, in chunks of any size; taken over: the pool cancels it. */
  readonly input: ChunkSource
  readonly limits: Limits
  readonly context: DecodeContext
  /** About how many bytes `input` has, if known; decides whether the thread pool is worth while. */
  readonly storedBytes?: number | undefined
  /** Begin at once, not with the first `next()`, as `start()` does. */
  readonly ahead?: boolean | undefined
  /** Never use the thread pool. */
  readonly onMainThread?: boolean | undefined
}
