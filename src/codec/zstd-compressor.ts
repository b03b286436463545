import { CodecFailure } from './codec.ts'
import type { Compressor, Emit } from './encoder.ts'
import { Xxh64 } from './xxh64.ts'

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

/** Where a frame's descriptor stands, after the magic number, and its bit for a checksum (RFC 8878, 3.1.1.1.1). */
const DESCRIPTOR_AT = 4
const HAS_CHECKSUM = 0x04

/** Gives a frame that was made without one the checksum of its content: a bit in front, four bytes at the end. */
class ChecksumAdder {
  readonly #hash = new Xxh64()
  #passed = 0

  take(input: Uint8Array): void {
    this.#hash.update(input)
  }

  /** What is emitted, with the bit set. */
  mark(output: Uint8Array): Uint8Array {
    const at = DESCRIPTOR_AT - this.#passed
    this.#passed += output.length
    if (at < 0 || at >= output.length) return output
    const marked = output.slice()
    marked[at] = (marked[at] ?? 0) | HAS_CHECKSUM
    return marked
  }

  end(emit: Emit): void {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, Number(this.#hash.digest() & 0xffffffffn), true)
    emit(bytes)
  }
}

/** A frame by the package, which knows levels only: no long-distance matching; the checksum is added here. */
class PackageCompressor implements Compressor {
  readonly #stream: NativeStream
  readonly #idle: NativeStream[]
  readonly #checksum: ChecksumAdder | undefined
  #ended = false

  constructor(stream: NativeStream, streams: NativeStream[], checksum: boolean) {
    this.#stream = stream
    this.#idle = streams
    this.#checksum = checksum ? new ChecksumAdder() : undefined
  }

  run(input: Uint8Array, last: boolean, emit: Emit): void {
    const checksum = this.#checksum
    const give: Emit = checksum === undefined ? emit : (output) => emit(checksum.mark(output))
    checksum?.take(input)
    if (input.length > 0) this.#stream.data(Buffer.from(input.buffer, input.byteOffset, input.length), give)
    if (!last) return
    this.#stream.end(give)
    checksum?.end(emit)
    this.#ended = true
  }

  close(): void {
    if (this.#ended && this.#idle.length < MAX_IDLE) this.#idle.push(this.#stream)
    this.#ended = false
  }
}

/** @throws CodecFailure CODEC_UNAVAILABLE */
export function openPackageCompressor({ level, long, checksum }: ZstdSettings): Compressor {
  if (Stream === undefined) throw unavailable('the zstd encoder has not been loaded yet')
  if (long) throw unavailable(`${MISSING}, which the long-distance mode needs`)
  const streams = idle.get(level) ?? []
  idle.set(level, streams)
  return new PackageCompressor(streams.pop() ?? new Stream(level), streams, checksum)
}
