import { CodecFailure } from './codec.ts'
import type { Engine } from './codec.ts'
import { failureCode } from './native-handle.ts'
import { createZlibStream } from './native.ts'

const EMPTY = new Uint8Array(0)
/** Output per trip to the thread pool: with the default of 16 KiB the trips cost five times the decoding. */
const CHUNK = 262144

/** Deflate by the public API of node:zlib, for a Node whose native handle has changed. Every `run` is a promise. */
class StreamEngine implements Engine {
  used = 0
  written = 0
  ended = false
  readonly #kind: 'raw' | 'zlib'
  #stream: ReturnType<typeof createZlibStream>
  #output: Uint8Array = EMPTY // read from the stream, not given yet
  #lent = false // an input has been written, `used` has not told it yet
  #busy = false // the stream works on that input
  #over = false
  #before = 0 // bytes the stream had used before that input
  #failure: CodecFailure | undefined
  #wake: () => void = () => {}

  constructor(kind: 'raw' | 'zlib') {
    this.#kind = kind
    this.#stream = this.#open()
  }

  #open(): ReturnType<typeof createZlibStream> {
    const stream = createZlibStream(this.#kind, CHUNK)
    stream.on('readable', () => this.#wake())
    stream.on('end', () => {
      this.#over = true
      this.#wake()
    })
    stream.on('error', (error) => {
      const code: unknown = Reflect.get(error, 'code')
      this.#failure = new CodecFailure(failureCode(error.message, String(code)), error.message)
      this.#wake()
    })
    return stream
  }

  async run(input: Uint8Array, from: number, target: Uint8Array, at: number): Promise<void> {
    if (!this.#lent && !this.#over && from < input.length) this.#write(input.subarray(from))
    let room = at
    for (;;) {
      // Before looking for output: what comes afterwards calls it, and is not missed.
      const woken = this.#sleep()
      if (this.#output.length === 0) this.#output = this.#read()
      const length = Math.min(this.#output.length, target.length - room)
      target.set(this.#output.subarray(0, length), room)
      this.#output = this.#output.subarray(length)
      room += length
      if (room === target.length || this.#over) break
      if (this.#failure !== undefined) throw this.#failure
      if (length > 0) continue
      if (!this.#busy) break
      await woken
    }
    this.written = room - at
    this.used = this.#settle(input.length - from)
    this.ended = this.#over && this.#output.length === 0 && this.#stream.readableLength === 0
  }

  #sleep(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #write(chunk: Uint8Array): void {
    this.#lent = true
    this.#busy = true
    this.#before = this.#stream.bytesWritten
    this.#stream.write(chunk, () => {
      this.#busy = false
      this.#wake()
    })
  }

  #read(): Uint8Array {
    const chunk: unknown = this.#stream.read()
    return chunk instanceof Uint8Array ? chunk : EMPTY
  }

  /** Bytes of the lent input that the stream has used, told once; fewer than offered = the stream is over. */
  #settle(offered: number): number {
    if (!this.#lent || (this.#busy && !this.#over)) return 0
    this.#lent = false
    const used = this.#stream.bytesWritten - this.#before
    this.#over ||= used < offered
    return used
  }

  async complete(): Promise<boolean> {
    const woken = this.#sleep()
    if (!this.#over && this.#failure === undefined) {
      this.#stream.end()
      this.#stream.resume()
      await woken
    }
    if (this.#failure !== undefined && this.#failure.code !== 'UNEXPECTED_EOF') throw this.#failure
    return this.#failure === undefined
  }

  reset(): void {
    this.#stream.destroy()
    this.#output = EMPTY
    this.#lent = false
    this.#busy = false
    this.#over = false
    this.#failure = undefined
    this.#stream = this.#open()
  }

  close(): void {
    this.#stream.destroy()
    this.#over = true // a `run` that is under way must not wait for ever
    this.#wake()
  }
}

/** An engine on the public stream objects of node:zlib. */
export function openStreamEngine(kind: 'raw' | 'zlib'): Engine {
  return new StreamEngine(kind)
}
