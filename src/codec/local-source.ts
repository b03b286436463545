import type { ChunkSource } from '../io/chunks.ts'
import type { DecodeJob } from './decode-job.ts'
import { StreamMeter } from './registry.ts'
import { StreamFiller } from './stream-filler.ts'
import { Reading } from './window-turns.ts'
import type { WindowHolder, WindowTurns } from './window-turns.ts'

/** Lends and takes back output buffers. */
export interface BufferLender {
  take(): Uint8Array
  give(buffer: Uint8Array): void
}

/** Raw data: lent onwards as it comes. */
export class PlainSource implements ChunkSource {
  readonly #input: ChunkSource
  readonly #meter: StreamMeter

  constructor(job: DecodeJob) {
    this.#input = job.input
    this.#meter = new StreamMeter(job)
  }

  async next(): Promise<Uint8Array | null> {
    const chunk = await this.#input.next()
    if (chunk === null) {
      await this.cancel()
      return null
    }
    this.#meter.stored(chunk.length)
    try {
      this.#meter.decoded(chunk.length)
    } catch (error) {
      await this.cancel()
      throw error
    }
    return chunk
  }

  cancel(): Promise<void> {
    return this.#input.cancel()
  }
}

/** Decodes on the calling thread, into one buffer that is used again and again. */
export class LocalSource implements ChunkSource, WindowHolder {
  readonly reading = new Reading()
  readonly #filler: StreamFiller
  readonly #lender: BufferLender
  #buffer: Uint8Array | undefined
  #filling: Promise<number> | undefined
  #over = false

  constructor(job: DecodeJob, lender: BufferLender, turns: WindowTurns) {
    this.#filler = new StreamFiller(job, turns, this, 'here')
    this.#lender = lender
  }

  get running(): boolean {
    return !this.#over
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#over) return null
    this.reading.begin()
    try {
      const buffer = (this.#buffer ??= this.#lender.take())
      this.#filling = this.#filler.fill(buffer)
      const filled = await this.#filling
      if (filled > 0) return filled === buffer.length ? buffer : buffer.subarray(0, filled)
    } catch (error) {
      // a reader that has cancelled meanwhile does not want to hear of it
      if (this.#over) return null
      this.#filling = undefined
      await this.cancel()
      throw error
    } finally {
      this.reading.end()
      this.#filling = undefined
    }
    await this.cancel()
    return null
  }

  async cancel(): Promise<void> {
    if (this.#over) return
    this.#over = true
    await this.#filler.close(this.#filling)
    if (this.#buffer !== undefined) this.#lender.give(this.#buffer)
    this.#buffer = undefined
  }
}
