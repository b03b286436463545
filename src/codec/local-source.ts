import type { ChunkSource } from '../io/chunks.ts'
import type { Limits } from '../limits.ts'
import type { Container, DecodeContext, Decoder } from './codec.ts'
import { StreamMeter, createDecoder, prepareDecoder } from './registry.ts'
import { Reading } from './window-turns.ts'
import type { WindowHolder, WindowTurns } from './window-turns.ts'

/** One stream to decode. */
export interface DecodeJob {
  readonly container: Container
  /** The stored bytes of the stream and nothing else, in chunks of any size; taken over: the pool cancels it. */
  readonly input: ChunkSource
  readonly limits: Limits
  readonly context: DecodeContext
  /** About how many bytes `input` has, if known; decides whether a thread is worth while. */
  readonly storedBytes?: number | undefined
  /** Begin at once, not with the first `next()`, as `start()` does. */
  readonly ahead?: boolean | undefined
  /** Never use a thread. */
  readonly onMainThread?: boolean | undefined
}

/** Lends and takes back output buffers. */
export interface BufferLender {
  take(): ArrayBuffer
  give(buffer: ArrayBuffer): void
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
  readonly #job: DecodeJob
  readonly #lender: BufferLender
  readonly #turns: WindowTurns
  #decoder: Decoder | undefined
  #buffer: ArrayBuffer | undefined
  #fed = false // the decoder has input left
  #ended = false // the input is used up and its end mark has been seen
  #over = false
  #window = 0 // the largest that the input has asked for
  #failure: { readonly error: unknown } | undefined

  constructor(job: DecodeJob, lender: BufferLender, turns: WindowTurns) {
    this.#job = job
    this.#lender = lender
    this.#turns = turns
  }

  get running(): boolean {
    return !this.#over
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
    let filled = 0
    let target: Uint8Array | undefined
    try {
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#over) return null
      const decoder = this.#decoder ?? (await this.#open())
      // `cancel` may come while something is awaited.
      if (this.#over) return null
      this.#buffer ??= this.#lender.take()
      target = new Uint8Array(this.#buffer)
      while (filled < target.length) {
        if (!this.#fed && !(await this.#feed(decoder))) break
        const reading = decoder.read(filled === 0 ? target : target.subarray(filled))
        filled += typeof reading === 'number' ? reading : await reading
        if (this.#over) return null
        this.#fed = filled === target.length
      }
    } catch (error) {
      // What has been decoded before the damage is given first.
      if (target === undefined || filled === 0 || this.#over) return this.#fail(error)
      this.#failure = { error }
    }
    if (filled > 0 && target !== undefined) return filled === target.length ? target : target.subarray(0, filled)
    await this.cancel()
    return null
  }

  async #open(): Promise<Decoder> {
    const { container, context } = this.#job
    await prepareDecoder(container, context)
    const onWindow = (bytes: number): void => {
      this.#window = Math.max(this.#window, bytes)
    }
    const decoder = createDecoder(container, { ...this.#job, onWindow })
    if (this.#over) decoder.close()
    else this.#decoder = decoder
    return decoder
  }

  /** Gives the decoder its next input; false at the end of a complete stream. */
  async #feed(decoder: Decoder): Promise<boolean> {
    while (!this.#ended) {
      const chunk = await this.#job.input.next()
      if (this.#over) return false
      if (chunk === null) {
        this.#ended = true
        await decoder.finish()
        return false
      }
      if (chunk.length > 0) {
        decoder.input(chunk)
        await this.#turns.take(this, this.#window)
        return true
      }
    }
    return false
  }

  async #fail(error: unknown): Promise<never> {
    await this.cancel()
    throw error
  }

  async cancel(): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.#failure = undefined
    this.#decoder?.close()
    this.#turns.release(this)
    if (this.#buffer !== undefined) this.#lender.give(this.#buffer)
    this.#buffer = undefined
    await this.#job.input.cancel()
  }
}
