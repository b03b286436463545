import { openZstdEngine } from '#codec/platform'
import { CodecFailure, HERE } from './codec.ts'
import type { Decoder, Engine, Place } from './codec.ts'
import { ZstdFrameWalker } from './zstd-frame.ts'
import type { OnWindow } from './zstd-frame.ts'

const EMPTY = new Uint8Array(0)

/**
 * zstd frames, any number of them, skippable ones between (`ReadDataFromArchiveZstd` and `Zstd_read_internal,
 * compress_zstd.c`). No input at all is an empty stream, as the writer of the directory format leaves it. Unlike the
 * C reader, a frame that breaks off is an error, and no input is lost after the end of a frame.
 */
export class ZstdDecoder implements Decoder {
  readonly #engine: Engine
  readonly #walker: ZstdFrameWalker
  #input: Uint8Array = EMPTY
  #at = 0
  #more = false // the engine may hold output for which there was no room
  #window = 0 // of the latest frame
  #decoded = 0
  /** What is wrong with the input behind what the engine was given of it: thrown when that is decoded. */
  #failure: { readonly error: unknown } | undefined

  /** `onWindow` hears of each frame's window before the frame is decoded, and refuses it by throwing. */
  constructor(onWindow: OnWindow, place: Place = HERE) {
    this.#engine = openZstdEngine(place)
    this.#walker = new ZstdFrameWalker((bytes) => {
      onWindow(bytes)
      this.#window = bytes
    })
  }

  input(chunk: Uint8Array): void {
    this.#fail()
    this.#input = chunk
    this.#at = 0
    try {
      this.#walker.walk(chunk)
    } catch (error) {
      this.#failure = { error }
      this.#input = chunk.subarray(0, this.#walker.soundBytes)
    }
  }

  #fail(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  read(target: Uint8Array): number | Promise<number> {
    return this.#run(target, 0)
  }

  #run(target: Uint8Array, from: number): number | Promise<number> {
    let written = from
    while (written < target.length && (this.#more || this.#at < this.#input.length)) {
      const at = written
      const running = this.#step(target, at)
      if (running !== undefined) return running.then(() => this.#run(target, this.#take(target, at)))
      written = this.#take(target, at)
    }
    if (written === 0) this.#fail()
    return written
  }

  #step(target: Uint8Array, at: number): void | Promise<void> {
    try {
      return this.#engine.run(this.#input, this.#at, target, at)
    } catch (cause) {
      if (!(cause instanceof CodecFailure) || cause.code !== 'CODEC_UNAVAILABLE') throw cause
      throw new CodecFailure('CODEC_UNAVAILABLE', `there is no memory for its zstd window of ${this.#window} bytes`, {
        hint: 'Read fewer streams with such windows at a time, or give the program more memory',
        cause,
      })
    }
  }

  #take(target: Uint8Array, at: number): number {
    const written = at + this.#engine.written
    this.#decoded += this.#engine.written
    this.#at += this.#engine.used
    this.#more = written === target.length
    return written
  }

  finish(): void {
    this.#fail()
    const { complete, contentBytes } = this.#walker
    if (!complete) throw new CodecFailure('UNEXPECTED_EOF', 'the zstd frame ends before its last block')
    // The library looks at this in every case but one: a last block without content, when it comes in pieces.
    if (contentBytes === undefined || contentBytes === this.#decoded) return
    throw new CodecFailure(
      'BAD_COMPRESSED_DATA',
      `its zstd frames hold ${this.#decoded} bytes, must be the ${contentBytes} that their headers say`,
    )
  }

  close(): void {
    this.#engine.close()
  }
}
