import { usesCallingThread } from '../io/calling-thread.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { nextTurn } from '../io/turns.ts'
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

/**
 * A reader that takes less than this part of the time of decoding is quick: handing over what it waits for takes longer
 * than what it could do meanwhile.
 */
const QUICK = 0.25

/** An average of the last few times, milliseconds. */
class Pace {
  #average: number | undefined

  get average(): number | undefined {
    return this.#average
  }

  add(time: number): void {
    this.#average = this.#average === undefined ? time : this.#average + (time - this.#average) / 4
  }
}

/**
 * Decodes in the thread pool, ahead of its reader as far as the pool has buffers for it. A reader that is quick gets it
 * decoded on the calling thread when it wants it, where nothing else waits for that: see `useCallingThread`.
 */
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
  /** How long a buffer takes to be filled, and to be read. */
  readonly #filling = new Pace()
  readonly #handling = new Pace()
  #wanted = false // the reader waits for the next buffer
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
        const here = this.#readerIsQuick()
        if (here) await this.#untilWanted()
        const buffer = await this.#room()
        if (buffer === undefined) break
        let length = 0
        this.#filler.where = here ? 'here' : 'thread-pool'
        try {
          const began = performance.now()
          length = await this.#filler.fill(buffer)
          this.#filling.add(performance.now() - began)
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

  #readerIsQuick(): boolean {
    const filling = this.#filling.average
    const handling = this.#handling.average
    if (!usesCallingThread() || !this.consumed || filling === undefined || handling === undefined) return false
    return handling < filling * QUICK
  }

  /** Waits until the reader has nothing else to do, and until the event loop has had its turn. */
  async #untilWanted(): Promise<void> {
    while (!this.#wanted && !this.#cancelled) await this.#woken()
    await nextTurn()
  }

  async #room(): Promise<Uint8Array | undefined> {
    while (!this.#cancelled) {
      const buffer = this.#host.room(this)
      if (buffer !== undefined) {
        this.held++
        return buffer
      }
      await this.#woken()
    }
    return undefined
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wakeDecoder = resolve
    })
  }

  #release(buffer: Uint8Array): void {
    this.held--
    this.#host.giveBack(buffer)
  }

  async next(): Promise<Uint8Array | null> {
    const { idleSince } = this.reading
    if (Number.isFinite(idleSince)) this.#handling.add(performance.now() - idleSince)
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
      this.#wanted = true
      this.#wakeDecoder()
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve
      })
    }
    this.#wanted = false
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
