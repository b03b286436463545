import { CodecFailure } from './codec.ts'
import type { Compressor, Emit } from './encoder.ts'

/** How a zstd frame is to be made. */
export interface ZstdSettings {
  readonly level: number
  readonly long: boolean
  readonly checksum: boolean
}

const MISSING = 'this Node.js has no built-in zstd encoder (22.15 and later have one)'

/** The part of the package's native module that is used: both calls are done on the calling thread. */
interface NativeStream {
  data(input: Buffer, give: (output: Uint8Array) => void): void
  end(give: (output: Uint8Array) => void): void
}

type NativeStreamClass = new (level: number) => NativeStream

let Stream: NativeStreamClass | undefined

/**
 * Streams that have ended, by level: they go on to another frame by themselves. The memory of one, some MB, is freed by
 * the garbage collector alone, which does not know how much it is: thousands of small large objects would take gigabytes.
 */
const idle = new Map<number, NativeStream[]>()
const MAX_IDLE = 2

/**
 * Loads the optional package @cloudpss/zstd, for a Node.js without an encoder of its own.
 * @throws CodecFailure CODEC_UNAVAILABLE if it is not installed
 */
export async function loadZstdPackage(): Promise<void> {
  if (Stream !== undefined) return
  let found: unknown
  try {
    const { _NapiBindings: bindings } = await import('@cloudpss/zstd/napi')
    found = bindings.Compressor
  } catch (error) {
    throw new CodecFailure('CODEC_UNAVAILABLE', `${MISSING} and the package @cloudpss/zstd cannot be loaded`, {
      hint: 'Use Node.js 22.15 or later, install the package @cloudpss/zstd, or choose another compression',
      cause: error,
    })
  }
  if (typeof found !== 'function')
    throw unavailable(`${MISSING} and the package @cloudpss/zstd is of an unknown version`)
  Stream = found as NativeStreamClass // the version is pinned; tests use it
}

function unavailable(what: string, cause?: unknown): CodecFailure {
  return new CodecFailure('CODEC_UNAVAILABLE', what, { hint: 'Use Node.js 22.15 or later', cause })
}

/** A frame by the package, which knows levels only: no checksum, no long-distance matching. */
class PackageCompressor implements Compressor {
  readonly #stream: NativeStream
  readonly #idle: NativeStream[]
  #ended = false

  constructor(stream: NativeStream, streams: NativeStream[]) {
    this.#stream = stream
    this.#idle = streams
  }

  run(input: Uint8Array, last: boolean, emit: Emit): void {
    if (input.length > 0) this.#stream.data(Buffer.from(input.buffer, input.byteOffset, input.length), emit)
    if (!last) return
    this.#stream.end(emit)
    this.#ended = true
  }

  close(): void {
    if (this.#ended && this.#idle.length < MAX_IDLE) this.#idle.push(this.#stream)
    this.#ended = false
  }
}

/** @throws CodecFailure CODEC_UNAVAILABLE */
export function openPackageCompressor({ level, long }: ZstdSettings): Compressor {
  if (Stream === undefined) throw unavailable('the zstd encoder has not been loaded yet')
  if (long) throw unavailable(`${MISSING}, which the long-distance mode needs`)
  const streams = idle.get(level) ?? []
  idle.set(level, streams)
  return new PackageCompressor(streams.pop() ?? new Stream(level), streams)
}
