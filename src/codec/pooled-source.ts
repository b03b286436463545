import type { ChunkSource } from '../io/chunks.ts'
import { codecError } from './codec.ts'
import type { DecodeJob } from './decode-job.ts'

/** A stream that can be told to begin before it is read. */
export interface DecodedSource extends ChunkSource {
  /**
   * Says that the stream will be read later: a free thread may decode it ahead, as far as the buffers go. Streams
   * started should be read in the order in which they were started.
   */
  start(): void
}

/** What a {@link PooledSource} asks of its pool. */
export interface PoolSide {
  /** Bytes to look at before it is decided where a stream of unknown size is decoded; 0 = no need to look. */
  readonly peekBytes: number
  /** Where the stream is decoded; `undefined` = not now, only for a stream that is not read yet. */
  choose(job: DecodeJob, consumed: boolean): Promise<ChunkSource> | ChunkSource | undefined
  /** The stream is over. */
  leave(): void
}

/** Chunks that were read already, then the rest of their source. */
class PeekedSource implements ChunkSource {
  readonly #rest: ChunkSource
  #peeked: Uint8Array | undefined
  #ended: boolean

  constructor(peeked: Uint8Array, rest: ChunkSource, ended: boolean) {
    this.#peeked = peeked
    this.#rest = rest
    this.#ended = ended
  }

  async next(): Promise<Uint8Array | null> {
    const peeked = this.#peeked
    this.#peeked = undefined
    if (peeked !== undefined) return peeked
    return this.#ended ? null : this.#rest.next()
  }

  cancel(): Promise<void> {
    this.#peeked = undefined
    this.#ended = true
    return this.#rest.cancel()
  }
}

/** Copies what comes until it is more than `bytes`, or all. */
async function peek(input: ChunkSource, bytes: number): Promise<{ chunk: Uint8Array; ended: boolean }> {
  const parts: Uint8Array[] = []
  let length = 0
  let ended = false
  while (!ended && length <= bytes) {
    const part = await input.next()
    if (part === null) ended = true
    else {
      parts.push(part.slice())
      length += part.length
    }
  }
  const chunk = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    chunk.set(part, at)
    at += part.length
  }
  return { chunk, ended }
}

/** A stream of a pool; where it is decoded is decided when it starts, or is read first. */
export class PooledSource implements DecodedSource {
  readonly #job: DecodeJob
  readonly #pool: PoolSide
  #chosen: Promise<ChunkSource> | undefined
  #inner: ChunkSource | undefined
  #state: 'open' | 'over' | 'closed' = 'open'

  constructor(job: DecodeJob, pool: PoolSide) {
    this.#job = job
    this.#pool = pool
  }

  start(): void {
    // How much a stream of unknown size has can only be seen by reading it, which its reader has to begin.
    if (this.#state !== 'open' || this.#chosen !== undefined || this.#job.storedBytes === undefined) return
    const chosen = this.#pool.choose(this.#job, false)
    if (chosen !== undefined) this.#chosen = Promise.resolve(chosen)
  }

  async next(): Promise<Uint8Array | null> {
    try {
      if (this.#state === 'open') {
        this.#chosen ??= this.#choose()
        this.#inner ??= await this.#chosen
        const chunk = await this.#inner.next()
        if (chunk !== null) return chunk
      }
    } catch (error) {
      await this.cancel()
      throw error
    }
    // A stream that its archive has cut off must not look like one that is complete.
    if (this.#state === 'closed') throw codecError(this.#job.context, 'CLOSED', 'the archive has been closed')
    this.#end('over')
    return null
  }

  async #choose(): Promise<ChunkSource> {
    const { peekBytes } = this.#pool
    let job = this.#job
    if (job.storedBytes === undefined && job.container !== 'none' && peekBytes > 0) {
      const { chunk, ended } = await peek(job.input, peekBytes)
      const input = new PeekedSource(chunk, job.input, ended)
      // What does not end within the first bytes is taken for large.
      job = { ...job, input, storedBytes: ended ? chunk.length : Infinity }
    }
    const chosen = this.#pool.choose(job, true)
    if (chosen === undefined) throw new TypeError('a stream that is read must be decoded somewhere')
    return chosen
  }

  #end(state: 'over' | 'closed'): void {
    if (this.#state !== 'open') return
    this.#state = state
    this.#pool.leave()
  }

  /** As `cancel`, and whoever reads on gets an error. */
  close(): Promise<void> {
    this.#end('closed')
    return this.cancel()
  }

  async cancel(): Promise<void> {
    this.#end('over')
    if (this.#chosen === undefined) {
      // Not begun: nobody but the input holds anything, and nothing may begin any more.
      await this.#job.input.cancel()
      return
    }
    try {
      const inner = await this.#chosen
      await inner.cancel()
    } catch {
      await this.#job.input.cancel() // choosing has failed and told its reader so
    }
  }
}
