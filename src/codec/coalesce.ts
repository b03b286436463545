import type { Compressor, Emit, Encoder } from './encoder.ts'

/** Input per call of a compressor at least: a row costs a copy, not a call into native code. */
const INPUT_BYTES = 65536
const EMPTY = new Uint8Array(0)

/** Buffers of encoders that have finished, for the next ones: archives may have a million small large objects. */
const idle: Uint8Array[] = []
const MAX_IDLE = 2

/** Gathers small chunks for a {@link Compressor}; large ones go through as they are. */
export class CoalescingEncoder implements Encoder {
  readonly #compressor: Compressor
  #buffer: Uint8Array | undefined
  #filled = 0
  #finished = false

  constructor(compressor: Compressor) {
    this.#compressor = compressor
  }

  write(chunk: Uint8Array, emit: Emit): void | Promise<void> {
    if (this.#filled === 0) return this.#begin(chunk, emit)
    const buffer = this.#room()
    const length = Math.min(chunk.length, buffer.length - this.#filled)
    buffer.set(length === chunk.length ? chunk : chunk.subarray(0, length), this.#filled)
    this.#filled += length
    if (this.#filled < buffer.length) return undefined
    this.#filled = 0
    const running = this.#compressor.run(buffer, false, emit)
    const rest = chunk.subarray(length)
    return running === undefined ? this.#begin(rest, emit) : running.then(() => this.#begin(rest, emit))
  }

  /** Goes on with an empty buffer. */
  #begin(chunk: Uint8Array, emit: Emit): void | Promise<void> {
    if (chunk.length >= INPUT_BYTES) return this.#compressor.run(chunk, false, emit)
    if (chunk.length === 0) return undefined
    this.#room().set(chunk)
    this.#filled = chunk.length
    return undefined
  }

  #room(): Uint8Array {
    this.#buffer ??= idle.pop() ?? new Uint8Array(INPUT_BYTES)
    return this.#buffer
  }

  finish(emit: Emit): void | Promise<void> {
    const rest = this.#buffer?.subarray(0, this.#filled) ?? EMPTY
    this.#filled = 0
    const running = this.#compressor.run(rest, true, emit)
    if (running !== undefined) return running.then(() => void (this.#finished = true))
    this.#finished = true
    return undefined
  }

  close(): void {
    // after a failure something may still read it
    if (this.#buffer !== undefined && this.#finished && idle.length < MAX_IDLE) idle.push(this.#buffer)
    this.#buffer = undefined
    this.#compressor.close()
  }
}
