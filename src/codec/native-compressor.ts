import * as zlib from 'node:zlib'
import { CodecFailure } from './codec.ts'
import type { Compressor, Emit } from './encoder.ts'
import { openHandle } from './native-handle.ts'
import type { NativeHandle } from './native-handle.ts'

/** What a stream of node:zlib makes: bare deflate, deflate in a zlib wrapper, a zstd frame. */
export type CompressorKind = 'raw' | 'zlib' | 'zstd'

/** How it is made, all values given. */
export interface CompressorSettings {
  readonly kind: CompressorKind
  readonly level: number
  /** zstd only. */
  readonly long?: boolean
  /** zstd only. */
  readonly checksum?: boolean
}

/** Output per emitted piece, the size of pg_dump's own buffer since version 17. */
const OUTPUT_BYTES = 131072
/** Idle machines kept by settings: a new one costs 50 to 200 µs, much for thousands of small large objects. */
const MAX_IDLE = 2
/** From here on a zstd machine holds too much memory to be kept idle: 80 MB at level 19. */
const MAX_IDLE_LEVEL = 9

// Parameters and directives of zstd by number, as the types are those of a Node without it.
const ZSTD_COMPRESSION_LEVEL = 100
const ZSTD_WINDOW_LOG = 101
const ZSTD_LONG_DISTANCE = 160
const ZSTD_CHECKSUM = 201
const ZSTD_END = 2
/** What `long` means: all that a zstd reader accepts without being asked. */
const LONG_WINDOW_LOG = 27

/** The part of node:zlib that came with Node 22.15. */
interface ZstdPart {
  readonly createZstdCompress?: (options: {
    params: Record<number, number>
    chunkSize: number
  }) => ReturnType<typeof zlib.createDeflateRaw>
}

/** Whether this Node has a built-in zstd encoder (22.15 and later). */
export function hasNativeZstdEncoder(): boolean {
  // The types are those of the oldest Node supported; the feature is looked for at run time.
  return typeof (zlib as ZstdPart).createZstdCompress === 'function'
}

/** A stream object of the public API. @throws CodecFailure CODEC_UNAVAILABLE */
function createStream({ kind, level, long, checksum }: CompressorSettings): ReturnType<typeof zlib.createDeflateRaw> {
  const options = { level, chunkSize: OUTPUT_BYTES }
  if (kind === 'raw') return zlib.createDeflateRaw(options)
  if (kind === 'zlib') return zlib.createDeflate(options)
  const { createZstdCompress } = zlib as ZstdPart // see hasNativeZstdEncoder
  if (createZstdCompress === undefined) {
    throw new CodecFailure('CODEC_UNAVAILABLE', 'this Node.js has no built-in zstd encoder (22.15 and later have one)')
  }
  const params: Record<number, number> = { [ZSTD_COMPRESSION_LEVEL]: level, [ZSTD_CHECKSUM]: checksum === true ? 1 : 0 }
  if (long === true) {
    params[ZSTD_LONG_DISTANCE] = 1
    params[ZSTD_WINDOW_LOG] = LONG_WINDOW_LOG
  }
  try {
    return createZstdCompress({ params, chunkSize: OUTPUT_BYTES })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CodecFailure('CODEC_UNAVAILABLE', `the zstd encoder cannot be set up: ${reason}`)
  }
}

const idle = new Map<string, NativeCompressor[]>()

/** Compresses on the calling thread into one buffer that is used again and again. */
class NativeCompressor implements Compressor {
  readonly #handle: NativeHandle
  readonly #kind: CompressorKind
  /** Where to wait for the next stream, if at all. */
  readonly #key: string | undefined
  readonly #output = new Uint8Array(OUTPUT_BYTES)
  #filled = 0
  #state: 'open' | 'ended' | 'closed' = 'open'

  constructor(handle: NativeHandle, kind: CompressorKind, key: string | undefined) {
    this.#handle = handle
    this.#kind = kind
    this.#key = key
  }

  run(input: Uint8Array, last: boolean, emit: Emit): void {
    const output = this.#output
    const flush = last ? (this.#kind === 'zstd' ? ZSTD_END : zlib.constants.Z_FINISH) : 0
    let from = 0
    for (;;) {
      const step = this.#handle.step(input, from, output, this.#filled, flush)
      from = input.length - step.availableIn
      this.#filled = output.length - step.availableOut
      // Room left over: the machine has taken everything and has nothing more to give.
      if (step.availableOut > 0) break
      emit(output)
      this.#filled = 0
    }
    if (!last) return
    if (this.#filled > 0) emit(output.subarray(0, this.#filled))
    this.#filled = 0
    this.#state = 'ended'
  }

  /** Ready for the next stream. */
  reopen(): this {
    this.#state = 'open'
    return this
  }

  close(): void {
    if (this.#state === 'closed') return
    const ended = this.#state === 'ended'
    this.#state = 'closed'
    const others = this.#key === undefined ? undefined : idle.get(this.#key)
    // One that was given up in the middle is not worth thinking about.
    if (!ended || others === undefined || others.length >= MAX_IDLE) return this.#handle.close()
    // zstd goes on to another frame by itself; its `reset` would forget all settings.
    if (this.#kind !== 'zstd') this.#handle.reset()
    others.push(this)
  }
}

/** A compressor on the native handle, or `undefined` where this Node does not have it in the known shape. */
export function openNativeCompressor(settings: CompressorSettings): Compressor | undefined {
  const { kind, level, long, checksum } = settings
  const heavy = kind === 'zstd' && (long === true || level > MAX_IDLE_LEVEL)
  const key = heavy ? undefined : `${kind} ${level} ${checksum === true}`
  if (key !== undefined) {
    const kept = idle.get(key) ?? []
    idle.set(key, kept)
    const one = kept.pop()
    if (one !== undefined) return one.reopen()
  }
  const handle = openHandle(createStream(settings))
  return handle === undefined ? undefined : new NativeCompressor(handle, kind, key)
}

/** Compresses by the public API of node:zlib, for a Node whose native handle has changed. Every `run` is a promise. */
class StreamCompressor implements Compressor {
  readonly #stream: ReturnType<typeof createStream>
  #emit: Emit | undefined
  #failure: Error | undefined
  #fail: (error: Error) => void = () => undefined

  constructor(settings: CompressorSettings) {
    this.#stream = createStream(settings)
    this.#stream.on('data', (chunk: Uint8Array) => this.#emit?.(chunk))
    this.#stream.on('error', (error) => {
      this.#failure = error
      this.#fail(error)
    })
  }

  async run(input: Uint8Array, last: boolean, emit: Emit): Promise<void> {
    this.#emit = emit
    await new Promise<void>((resolve, reject) => {
      this.#fail = reject
      if (this.#failure !== undefined) return reject(this.#failure)
      if (!last) {
        this.#stream.write(input, () => resolve())
        return undefined
      }
      this.#stream.once('end', resolve)
      this.#stream.end(input)
      return undefined
    })
  }

  close(): void {
    this.#stream.destroy()
    // A `run` that is under way must not wait for ever.
    this.#fail(new CodecFailure('CLOSED', 'the encoder has been closed'))
  }
}

/** A compressor on the public stream objects of node:zlib. */
export function openStreamCompressor(settings: CompressorSettings): Compressor {
  return new StreamCompressor(settings)
}
