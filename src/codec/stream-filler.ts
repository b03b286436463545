import type { DecodeJob } from './decode-job.ts'
import type { Decoder, Place, Where } from './codec.ts'
import { createDecoder, prepareDecoder } from './registry.ts'
import type { WindowHolder, WindowTurns } from './window-turns.ts'

/** Decodes the stream of a job into buffers of the caller's. */
export class StreamFiller implements Place {
  readonly #job: DecodeJob
  readonly #turns: WindowTurns
  readonly #holder: WindowHolder
  /** Where the next `fill` works. */
  where: Where
  #decoder: Decoder | undefined
  #fed = false // the decoder has input left
  #ended = false // the input is used up and its end mark has been seen
  #window = 0 // the largest that the input has asked for
  #failure: { readonly error: unknown } | undefined
  #closed = false

  /** @param holder who waits for a turn where the stream wants a large window */
  constructor(job: DecodeJob, turns: WindowTurns, holder: WindowHolder, where: Where) {
    this.#job = job
    this.#turns = turns
    this.#holder = holder
    this.where = where
  }

  /**
   * Fills `target` as far as the stream goes: 0 at its end, or when it has been closed meanwhile. What was decoded
   * before damage is given first, the error by the next call. `target` must not be used until the promise settles.
   */
  async fill(target: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure.error
    let filled = 0
    try {
      const decoder = this.#decoder ?? (await this.#open())
      while (filled < target.length && !this.#closed) {
        if (!this.#fed && !(await this.#feed(decoder))) break
        const reading = decoder.read(filled === 0 ? target : target.subarray(filled))
        filled += typeof reading === 'number' ? reading : await reading
        this.#fed = filled === target.length
      }
    } catch (error) {
      if (filled === 0 || this.#closed) throw error
      this.#failure = { error }
    }
    return this.#closed ? 0 : filled
  }

  async #open(): Promise<Decoder> {
    const { container, context } = this.#job
    await prepareDecoder(container, context)
    const onWindow = (bytes: number): void => {
      this.#window = Math.max(this.#window, bytes)
    }
    const decoder = createDecoder(container, { ...this.#job, onWindow, place: this })
    if (this.#closed) decoder.close()
    else this.#decoder = decoder
    return decoder
  }

  /** Gives the decoder its next input; false at the end of a complete stream. */
  async #feed(decoder: Decoder): Promise<boolean> {
    while (!this.#ended) {
      // a stream may have no end
      const chunk = decoder.isOver === true ? null : await this.#job.input.next()
      // `close` may come while something is awaited.
      if (this.#closed) return false
      if (chunk === null) {
        this.#ended = true
        await decoder.finish()
        return false
      }
      if (chunk.length > 0) {
        decoder.input(chunk)
        await this.#turns.take(this.#holder, this.#window)
        return !this.#closed
      }
    }
    return false
  }

  /** Ends the input, and with it a `fill` that waits for it; the decoder is released when no `fill` is under way. */
  async close(filling?: Promise<unknown>): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#failure = undefined
    this.#turns.release(this.#holder)
    const input = this.#job.input.cancel()
    await filling?.catch(() => undefined)
    this.#decoder?.close()
    await input
  }
}
