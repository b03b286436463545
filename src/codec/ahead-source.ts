import type { ChunkSource } from '../io/chunks.ts'
import type { DecodeJob } from './decode-job.ts'
import { ReadAhead } from './read-ahead.ts'
import { StreamFiller } from './stream-filler.ts'
import { Reading } from './window-turns.ts'
import type { WindowHolder, WindowTurns } from './window-turns.ts'

/** What an {@link AheadSource} needs of the pool. */
export interface AheadHost {
  /** A buffer to fill; `undefined` = none now, `wake` says when to ask again. */
  room(source: AheadSource): Uint8Array | undefined
  /** A buffer comes back. */
  giveBack(buffer: Uint8Array): void
  /** The stream needs the thread pool no more. */
  over(source: AheadSource): void
}

interface Output {
  readonly buffer: Uint8Array
  readonly length: number
}

/** Decodes in the thread pool, ahead of its reader as far as the pool has buffers for it. */
export class AheadSource implements ChunkSource, WindowHolder {
  readonly reading = new Reading()
  /** Whether somebody reads it already; until then it works with what others leave. */
  consumed: boolean
  /** Buffers being filled, in the queue and lent. */
  held = 0
  readonly #filler: StreamFiller
  readonly #host: AheadHost
  readonly #queue: Output[] = []
  #lent: Uint8Array | undefined
  #failure: { readonly error: unknown } | undefined
  #decoded = false // everything, or up to the failure
  #cancelled = false
  readonly #decoding: Promise<void>
  #wakeReader: () => void = () => {}
  #wakeDecoder: () => void = () => {}

  constructor(job: DecodeJob, consumed: boolean, turns: WindowTurns, host: AheadHost) {
    this.consumed = consumed
    this.#host = host
    this.#filler = new StreamFiller({ ...job, input: new ReadAhead(job.input) }, turns, this, 'thread-pool')
    this.#decoding = this.#decode()
  }

  /** Whether it may still want room. */
  get running(): boolean {
    return !this.#decoded && !this.#cancelled
  }

  /** Something has changed that may make room. */
  wake(): void {
    this.#wakeDecoder()
  }

  async #decode(): Promise<void> {
    try {
      while (!this.#cancelled) {
        const buffer = await this.#room()
        if (buffer === undefined) break
        let length = 0
        try {
          length = await this.#filler.fill(buffer)
        } finally {
          if (length === 0 || this.#cancelled) this.#release(buffer)
          else this.#queue.push({ buffer, length })
        }
        this.#wakeReader()
        if (length === 0) break
      }
    } catch (error) {
      this.#failure = { error }
    }
    await this.#filler.close().catch(() => undefined)
    this.#decoded = true
    this.#wakeReader()
    this.#host.over(this)
  }

  async #room(): Promise<Uint8Array | undefined> {
    while (!this.#cancelled) {
      const buffer = this.#host.room(this)
      if (buffer !== undefined) {
        this.held++
        return buffer
      }
      await new Promise<void>((resolve) => {
        this.#wakeDecoder = resolve
      })
    }
    return undefined
  }

  #release(buffer: Uint8Array): void {
    this.held--
    this.#host.giveBack(buffer)
  }

  async next(): Promise<Uint8Array | null> {
    this.reading.begin()
    try {
      return await this.#next()
    } finally {
      this.reading.end()
    }
  }

  async #next(): Promise<Uint8Array | null> {
    if (!this.consumed) {
      this.consumed = true
      this.wake()
    }
    this.#returnLent()
    while (this.#queue.length === 0 && this.running) {
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
    const output = this.#queue.shift()
    if (output !== undefined) {
      this.#lent = output.buffer
      return output.length === output.buffer.length ? output.buffer : output.buffer.subarray(0, output.length)
    }
    const failure = this.#failure
    await this.cancel()
    if (failure !== undefined) throw failure.error
    return null
  }

  #returnLent(): void {
    const buffer = this.#lent
    if (buffer === undefined) return
    this.#lent = undefined
    this.#release(buffer)
  }

  async cancel(): Promise<void> {
    if (!this.#cancelled) {
      this.#cancelled = true
      this.#failure = undefined
      this.#returnLent()
      for (const { buffer } of this.#queue.splice(0)) this.#release(buffer)
      this.#wakeReader()
      this.#wakeDecoder()
    }
    // The pool may be writing to a buffer: the decoder is released after that.
    await this.#filler.close(this.#decoding)
    await this.#decoding
  }
}
