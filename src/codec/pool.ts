import { startWorker, workerUrl } from '#codec/platform'
import type { ChunkSource } from '../io/chunks.ts'
import { codecError } from './codec.ts'
import { LocalSource, PlainSource } from './local-source.ts'
import type { BufferLender, DecodeJob } from './local-source.ts'
import { PooledSource } from './pooled-source.ts'
import type { DecodedSource } from './pooled-source.ts'
import { BUFFER_BYTES } from './worker-protocol.ts'
import { WorkerSource } from './worker-source.ts'
import type { WorkerHost } from './worker-source.ts'
import { WindowTurns } from './window-turns.ts'
import type { WorkerThread } from './worker-thread.ts'

export type { DecodeJob } from './local-source.ts'
export type { DecodedSource } from './pooled-source.ts'

/** How a {@link DecodePool} may work. */
export interface DecodePoolOptions {
  /** Threads; 0 = decode everything on the calling thread. */
  readonly workers: number
  /** Bytes for all buffers of an archive together, default 128 MiB; the pool takes half of it. */
  readonly maxBufferBytes?: number
  /** The compiled code of the decoding thread, if it is not where the pool looks for it: beside the pool. */
  readonly workerUrl?: URL | undefined
}

const MiB = 1048576
const DEFAULT_BUFFER_BYTES = 128 * MiB
/** Stored bytes from which on a thread, which takes some 20 ms to start, saves time. */
const THREAD_FROM = 8 * MiB
/** Streams with fewer stored bytes are decoded faster than handed over. */
const JOB_FROM = 262144
/** Buffers that a stream may hold while it is read, and those that streams decoded ahead leave for it. */
const CONSUMED_BUFFERS = 8
/** Buffers that a stream being read gets in any case: one to be filled, one to be read. */
const SURE_BUFFERS = 2
/** Empty buffers at a thread that decodes ahead: given as they are filled, for a stream may need few, or must wait. */
const AHEAD_ROOMS = 4
/** Buffers kept while nothing is decoded. */
const IDLE_BUFFERS = 4

interface Slot {
  readonly thread: WorkerThread
  readonly ready: Promise<boolean>
  source: WorkerSource | undefined
  taken: boolean
}

/**
 * Decodes streams, on the calling thread or in a few threads, in bounded memory. Small archives never start a
 * thread; large streams are decoded in threads, several ahead of the reader if they were started.
 *
 * Memory: all running streams share one stock of buffers of 256 KiB. A stream being read always gets two of them, so
 * that none waits for another; streams decoded ahead share what is left.
 */
export class DecodePool {
  readonly #workers: number
  readonly #url: URL | undefined
  readonly #maxBuffers: number
  readonly #slots: Slot[] = []
  readonly #sources = new Set<PooledSource>()
  readonly #waiting: PooledSource[] = [] // started, without a thread yet
  readonly #stock: ArrayBuffer[] = []
  #inUse = 0
  #seen = 0
  #ids = 0
  #broken = false // threads cannot be started here
  #closed = false
  readonly #turns = new WindowTurns()
  readonly #lender: BufferLender
  readonly #host: WorkerHost

  constructor(options: DecodePoolOptions) {
    this.#workers = options.workers
    this.#url = options.workerUrl ?? workerUrl()
    const bytes = options.maxBufferBytes ?? DEFAULT_BUFFER_BYTES
    this.#maxBuffers = Math.max(2 * CONSUMED_BUFFERS, Math.floor(bytes / 2 / BUFFER_BYTES))
    this.#lender = {
      take: () => this.#reuse() ?? new ArrayBuffer(BUFFER_BYTES),
      give: (buffer) => this.#giveBack([buffer], 0),
    }
    this.#host = {
      reuse: () => this.#reuse(),
      giveBack: (buffers, lost) => this.#giveBack(buffers, lost),
      distribute: () => this.#distribute(),
      windowTurn: (source, bytesOfWindow) => this.#turns.take(source, bytesOfWindow),
      over: (source) => this.#over(source),
    }
  }

  /** Says how many stored bytes will be asked for altogether, so that the first of many small streams counts as large. */
  expect(storedBytes: number): void {
    this.#seen = Math.max(this.#seen, storedBytes)
  }

  /** A stream to read; nothing happens before its first `next()` or `start()`, unless the job says `ahead`. */
  decode(job: DecodeJob): DecodedSource {
    this.#seen += job.storedBytes ?? 0
    const source: PooledSource = new PooledSource(job, {
      peekBytes: this.#workers === 0 || this.#url === undefined || job.onMainThread === true ? 0 : JOB_FROM,
      choose: (chosen, consumed) => this.#choose(source, chosen, consumed),
      leave: () => this.#leave(source),
    })
    this.#sources.add(source)
    if (job.ahead === true) source.start()
    return source
  }

  /** Cancels every stream and ends the threads. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(Array.from(this.#sources, (source) => source.close()))
    await Promise.all(this.#slots.splice(0).map((slot) => slot.thread.terminate()))
    this.#stock.length = 0
  }

  /** Where a stream is decoded; `undefined` = not now, which only a stream not being read can be told. */
  #choose(pooled: PooledSource, job: DecodeJob, consumed: boolean): Promise<ChunkSource> | ChunkSource | undefined {
    if (this.#closed) throw codecError(job.context, 'CLOSED', 'the archive has been closed')
    const threaded = this.#wantsThread(job)
    const slot = threaded ? this.#freeSlot() : undefined
    if (slot !== undefined) return this.#assign(slot, job, consumed)
    if (consumed)
      return job.container === 'none' ? new PlainSource(job) : new LocalSource(job, this.#lender, this.#turns)
    if (threaded && !this.#waiting.includes(pooled)) this.#waiting.push(pooled)
    return undefined
  }

  #wantsThread(job: DecodeJob): boolean {
    if (this.#workers === 0 || this.#url === undefined || this.#broken) return false
    // LZ4 decodes at 2 GB/s: handing the output over between threads costs as much again.
    if (job.container === 'none' || job.container === 'lz4' || job.onMainThread === true) return false
    const stored = job.storedBytes ?? 0
    return stored >= THREAD_FROM || (stored >= JOB_FROM && this.#seen >= THREAD_FROM)
  }

  #freeSlot(): Slot | undefined {
    const idle = this.#slots.find((slot) => !slot.taken)
    if (idle !== undefined || this.#slots.length >= this.#workers || this.#url === undefined) return idle
    try {
      return this.#startThread(this.#url)
    } catch {
      this.#broken = true // threads are forbidden here, by Node's permission model for one
      return undefined
    }
  }

  #startThread(url: URL): Slot {
    let tell: (ready: boolean) => void = () => {}
    const ready = new Promise<boolean>((resolve) => {
      tell = resolve
    })
    const thread = startWorker(url, {
      onMessage: (message) => {
        if (message.type === 'ready') tell(true)
        else slot.source?.receive(message)
      },
      onFailure: (reason) => {
        this.#slots.splice(this.#slots.indexOf(slot) >>> 0, 1)
        // Before it was ready: there are no threads here, and the stream is decoded on the calling one.
        if (slot.source === undefined) this.#broken ||= slot.taken
        slot.source?.fail(reason)
        tell(false)
      },
    })
    const slot: Slot = { thread, ready, source: undefined, taken: false }
    this.#slots.push(slot)
    return slot
  }

  async #assign(slot: Slot, job: DecodeJob, consumed: boolean): Promise<ChunkSource> {
    slot.taken = true
    slot.thread.hold()
    const ready = await slot.ready
    slot.thread.release()
    if (!ready || this.#closed) {
      slot.taken = false
      return new LocalSource(job, this.#lender, this.#turns)
    }
    const source = new WorkerSource(this.#ids++, job, slot.thread, this.#host)
    source.consumed = consumed
    slot.source = source
    this.#distribute()
    return source
  }

  #over(source: WorkerSource): void {
    this.#turns.release(source)
    const slot = this.#slots.find((other) => other.source === source)
    if (slot !== undefined) {
      slot.source = undefined
      slot.taken = false
    }
    this.#waiting.shift()?.start()
  }

  #leave(pooled: PooledSource): void {
    this.#sources.delete(pooled)
    const at = this.#waiting.indexOf(pooled)
    if (at >= 0) this.#waiting.splice(at, 1)
  }

  #reuse(): ArrayBuffer | undefined {
    this.#inUse++
    return this.#stock.pop()
  }

  #giveBack(buffers: readonly ArrayBuffer[], lost: number): void {
    this.#inUse -= buffers.length + lost
    this.#stock.push(...buffers)
    this.#distribute()
    const keep = this.#inUse === 0 ? IDLE_BUFFERS : Math.max(this.#maxBuffers - this.#inUse, 0)
    if (this.#stock.length > keep) this.#stock.length = keep
  }

  /** Gives the buffers that are left to the streams that want them: those being read first. */
  #distribute(): void {
    this.#turns.wake()
    const running = this.#slots.map((slot) => slot.source).filter((source) => source?.running === true)
    for (const source of running) if (source?.consumed === true) this.#feedConsumed(source)
    const left = this.#maxBuffers - CONSUMED_BUFFERS - Math.floor(this.#turns.bytes / BUFFER_BYTES)
    const share = Math.max(1, Math.floor(left / Math.max(1, this.#workers - 1)))
    for (const source of running) {
      if (source === undefined || source.consumed) continue
      while (source.rooms < AHEAD_ROOMS && source.held < share && this.#inUse < left) source.grant()
    }
  }

  #feedConsumed(source: WorkerSource): void {
    while (source.held < SURE_BUFFERS || (source.held < CONSUMED_BUFFERS && this.#inUse < this.#maxBuffers)) {
      source.grant()
    }
  }
}
