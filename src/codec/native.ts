import * as zlib from 'node:zlib'
import { CodecFailure } from './codec.ts'
import type { Engine } from './codec.ts'
import { openHandle } from './native-handle.ts'
import type { NativeHandle } from './native-handle.ts'

/** A stream of node:zlib by what it decodes: bare deflate, deflate in a zlib wrapper, zstd frames. */
export type NativeKind = 'raw' | 'zlib' | 'zstd'

const EMPTY = new Uint8Array(0)
const WINDOW_LOG_MAX = 31

/** The parts of node:zlib that came with Node 22.15 and that the types of Node 20 lack. */
interface ZstdPart {
  readonly createZstdDecompress?: (options: { params: Record<number, number> }) => zlib.InflateRaw
}

/** Whether this Node has a built-in zstd decoder (22.15 and later). */
export function hasNativeZstd(): boolean {
  // The types are those of the oldest Node supported; the feature is looked for at run time.
  return typeof (zlib as ZstdPart).createZstdDecompress === 'function'
}

/** A stream object of the public API. @throws CodecFailure CODEC_UNAVAILABLE for zstd on a Node without it. */
export function createZlibStream(kind: NativeKind, chunkSize?: number): zlib.InflateRaw {
  const options = chunkSize === undefined ? {} : { chunkSize }
  if (kind === 'raw') return zlib.createInflateRaw(options)
  if (kind === 'zlib') return zlib.createInflate(options)
  const { createZstdDecompress } = zlib as ZstdPart // see hasNativeZstd
  if (createZstdDecompress === undefined) {
    throw new CodecFailure('CODEC_UNAVAILABLE', 'this Node.js has no built-in zstd decoder (22.15 and later have one)')
  }
  // ZSTD_d_windowLogMax = 100, set to all that zstd can do: the window is checked against the limit before.
  return createZstdDecompress({ params: { 100: WINDOW_LOG_MAX }, ...options })
}

class NativeEngine implements Engine {
  used = 0
  written = 0
  ended = false
  readonly #handle: NativeHandle

  constructor(handle: NativeHandle) {
    this.#handle = handle
  }

  run(input: Uint8Array, from: number, target: Uint8Array, at: number): void {
    const step = this.#handle.step(input, from, target, at, zlib.constants.Z_NO_FLUSH)
    this.used = input.length - from - step.availableIn
    this.written = target.length - at - step.availableOut
    // Input and room left over at the same time: the decoder wants nothing more.
    this.ended = step.availableIn > 0 && step.availableOut > 0
  }

  complete(): boolean {
    try {
      // With Z_FINISH and no input the handle answers "unexpected end of file" unless the stream is complete.
      this.#handle.step(EMPTY, 0, new Uint8Array(1), 0, zlib.constants.Z_FINISH)
      return true
    } catch (error) {
      if (error instanceof CodecFailure && error.code === 'UNEXPECTED_EOF') return false
      throw error
    }
  }

  reset(): void {
    this.#handle.reset()
  }

  close(): void {
    this.#handle.close()
  }
}

/** An engine on the native handle, or `undefined` where this Node does not have it in the known shape. */
export function openNativeEngine(kind: NativeKind): Engine | undefined {
  const handle = openHandle(createZlibStream(kind))
  return handle === undefined ? undefined : new NativeEngine(handle)
}
