import { threadPoolWorks } from '#codec/platform'
import type { ChunkSource } from '../io/chunks.ts'
import { AheadSource } from './ahead-source.ts'
import type { AheadHost } from './ahead-source.ts'
import { codecError } from './codec.ts'
import type { DecodeJob } from './decode-job.ts'
import { LocalSource, PlainSource } from './local-source.ts'
import type { BufferLender } from './local-source.ts'
import { PooledSource } from './pooled-source.ts'
import type { DecodedSource } from './pooled-source.ts'
import { WindowTurns } from './window-turns.ts'

export type { DecodeJob } from './decode-job.ts'
export type { DecodedSource } from './pooled-source.ts'

/** How a {@link DecodePool} may work. */
export interface DecodePoolOptions {
  /** Streams decoded in Node's thread pool at the same time; 0 = everything on the calling thread. */
  readonly workers: number
  /** Bytes for all buffers of an archive together, default 128 MiB; the pool takes half of it. */
  readonly maxBufferBytes?: number
}

const KiB = 1024
const MiB = 1024 * KiB
const DEFAULT_BUFFER_BYTES = 128 * MiB
/** What is decoded on the calling thread is used while it is in the core's cache. */
export const LOCAL_BUFFER_BYTES = 256 * KiB
/** A trip to the thread pool costs some 50 µs: as much as decoding 30 KiB. Bench case "sql gzip to /dev/null". */
export const AHEAD_BUFFER_BYTES = MiB
/** Streams with fewer stored bytes are decoded faster than handed over. */
const AHEAD_FROM = 256 * KiB
/** Buffers that a stream may hold while it is read, and those that streams decoded ahead leave for it. */
const CONSUMED_BUFFERS = 4
/** Buffers that a stream being read gets in any case: one to be filled, one to be read. */
const SURE_BUFFERS = 2
/** Buffers for work ahead at the start, and buffers decoded for each more of them: see {@link DecodePool}. */
const FIRST_AHEAD_BUFFERS = 8
const DECODED_FOR_ONE = 8
/** Buffers kept while nothing is decoded. */
const IDLE_BUFFERS = 2

/**
 * Decodes streams, on the calling thread or in Node's thread pool, in bounded memory. Large streams are decoded in the
 * pool, several ahead of the reader if they were started.
 *
 * Memory: all running streams share one stock of buffers of 1 MiB. A stream being read always gets two of them, so
 * that none waits for another; streams decoded ahead share what is left. Memory that is new to the process costs as much
 * as decoding does, on virtual machines several times as much: the more has been decoded, the more is used for work ahead.
 */
export class DecodePool {
  readonly #workers: number
  readonly #maxBuffers: number
  readonly #running = new Set<AheadSource>() // in the thread pool
  #starting = 0 // about to be there
  readonly #sources = new Set<PooledSource>()
  readonly #waiting: PooledSource[] = [] // started, without a place in the thread pool yet
  readonly #stock: Uint8Array[] = []
  readonly #localStock: Uint8Array[] = []
  #inUse = 0
  #decoded = 0 // buffers so far
  #closed = false
  readonly #turns = new WindowTurns()
  readonly #lender: BufferLender
  readonly #host: AheadHost

  constructor(options: DecodePoolOptions) {
    this.#workers = options.workers
    const bytes = options.maxBufferBytes ?? DEFAULT_BUFFER_BYTES
    this.#maxBuffers = Math.max(CONSUMED_BUFFERS, Math.floor(bytes / 2 / AHEAD_BUFFER_BYTES))
    this.#lender = {
      take: () => this.#localStock.pop() ?? new Uint8Array(LOCAL_BUFFER_BYTES),
      give: (buffer) => {
        if (this.#localStock.length < IDLE_BUFFERS) this.#localStock.push(buffer)
      },
    }
    this.#host = {
      room: (source) => this.#room(source),
      giveBack: (buffer) => this.#giveBack(buffer),
      over: (source) => this.#over(source),
    }
  }

  /** A stream to read; nothing happens before its first `next()` or `start()`, unless the job says `ahead`. */
  decode(job: DecodeJob): DecodedSource {
    const source: PooledSource = new PooledSource(job, {
      peekBytes: this.#workers === 0 || job.onMainThread === true ? 0 : AHEAD_FROM,
      choose: (chosen, consumed) => this.#choose(source, chosen, consumed),
      leave: () => this.#leave(source),
    })
    this.#sources.add(source)
    if (job.ahead === true) source.start()
    return source
  }

  /** Cancels every stream. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#sources, (source) => source.close()))
    this.#stock.length = 0
    this.#localStock.length = 0
  }

  /** Where a stream is decoded; `undefined` = not now, which only a stream not being read can be told. */
  #choose(pooled: PooledSource, job: DecodeJob, consumed: boolean): Promise<ChunkSource> | ChunkSource | undefined {
    if (this.#closed) throw codecError(job.context, 'CLOSED', 'the archive has been closed')
    const ahead = this.#wantsThreadPool(job)
    if (ahead && this.#running.size + this.#starting < this.#workers) return this.#begin(job, consumed)
    if (consumed) return this.#local(job)
    if (ahead && !this.#waiting.includes(pooled)) this.#waiting.push(pooled)
    return undefined
  }

  #local(job: DecodeJob): ChunkSource {
    return job.container === 'none' ? new PlainSource(job) : new LocalSource(job, this.#lender, this.#turns)
  }

  #wantsThreadPool({ container, onMainThread, storedBytes = 0 }: DecodeJob): boolean {
    // LZ4 decodes at 2 GB/s: handing the output over between threads costs as much again.
    if (this.#workers === 0 || container === 'none' || container === 'lz4' || onMainThread === true) return false
    return storedBytes >= AHEAD_FROM
  }

  async #begin(job: DecodeJob, consumed: boolean): Promise<ChunkSource> {
    this.#starting++
    const works = await threadPoolWorks(job.container).finally(() => this.#starting--)
    if (!works || this.#closed) return this.#local(job)
    const source = new AheadSource(job, consumed, this.#turns, this.#host)
    this.#running.add(source)
    return source
  }

  #over(source: AheadSource): void {
    this.#turns.release(source)
    this.#running.delete(source)
    this.#waiting.shift()?.start()
  }

  #leave(pooled: PooledSource): void {
    this.#sources.delete(pooled)
    const at = this.#waiting.indexOf(pooled)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  /** A buffer for a stream that may have one more: those being read first. */
  #room(source: AheadSource): Uint8Array | undefined {
    if (!this.#mayHold(source)) return undefined
    this.#inUse++
    return this.#stock.pop() ?? new Uint8Array(AHEAD_BUFFER_BYTES)
  }

  #mayHold({ consumed, held }: AheadSource): boolean {
    if (consumed) return held < SURE_BUFFERS || (held < CONSUMED_BUFFERS && this.#inUse < this.#maxBuffers)
    const earned = FIRST_AHEAD_BUFFERS + Math.floor(this.#decoded / DECODED_FOR_ONE)
    const budget = this.#maxBuffers - CONSUMED_BUFFERS - Math.floor(this.#turns.bytes / AHEAD_BUFFER_BYTES)
    const left = Math.min(budget, earned)
    const share = Math.max(1, Math.floor(left / Math.max(1, this.#workers - 1)))
    return held < share && this.#inUse < left
  }

  #giveBack(buffer: Uint8Array): void {
    this.#inUse--
    this.#decoded++
    this.#stock.push(buffer)
    const keep = this.#inUse === 0 ? IDLE_BUFFERS : Math.max(this.#maxBuffers - this.#inUse, 0)
    if (this.#stock.length > keep) this.#stock.length = keep
    this.#turns.wake()
    for (const source of this.#running) source.wake()
  }
}
