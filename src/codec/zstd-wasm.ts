import { CodecFailure } from './codec.ts'
import type { Engine } from './codec.ts'

/** The part of libzstd that the module of zstddec exports. Pointers and sizes are 32-bit. */
interface ZstdExports {
  readonly memory: WebAssembly.Memory
  malloc(size: number): number
  free(pointer: number): void
  ZSTD_createDCtx(): number
  ZSTD_freeDCtx(context: number): number
  ZSTD_decompressStream(context: number, output: number, input: number): number
}

const IN_BYTES = 131072
const OUT_BYTES = 262144
const BUFFER_STRUCT = 12 // ZSTD_inBuffer, ZSTD_outBuffer: pointer, size, position
const LONG = 0x7fffffff // ms, the longest that a timer takes
const LARGEST_ERROR = 120 // ZSTD_error_maxCode: results of -120 to -1 are errors

/** The errors that damage can lead to, by ZSTD_ErrorCode, in libzstd's words. */
const ERRORS: Readonly<Record<number, string>> = {
  10: 'Unknown frame descriptor',
  12: 'Version not supported',
  14: 'Unsupported frame parameter',
  16: 'Frame requires too much memory for decoding',
  20: 'Data corruption detected',
  22: "Restored data doesn't match checksum",
  24: "Header of Literals' block doesn't respect format specification",
  30: 'Dictionary is corrupted',
  32: 'Dictionary mismatch',
  64: 'Allocation error : not enough memory',
  70: 'Destination buffer is too small',
  72: 'Src size is incorrect',
}

let exports: ZstdExports | undefined
let loading: Promise<void> | undefined

/** zstddec's decoder hands its module to `_init`: from there on this file talks to libzstd itself. */
async function load(): Promise<void> {
  const { ZSTDDecoder } = await import('zstddec/stream')
  class Loader extends ZSTDDecoder {
    override _init(result: WebAssembly.WebAssemblyInstantiatedSource): void {
      exports = result.instance.exports as unknown as ZstdExports // checked below
      super._init(result)
    }
  }
  // With nothing else to wait for, Node.js would go on with us only between two waits for all of V8's threads: for the
  // second one they first optimise the decoder, 0.1 s.
  const alive = setTimeout(() => undefined, LONG)
  try {
    await new Loader().init()
  } finally {
    clearTimeout(alive)
  }
  if (exports === undefined || typeof exports.ZSTD_decompressStream !== 'function') {
    throw new CodecFailure('CODEC_UNAVAILABLE', 'the package zstddec was loaded before by another part of the program')
  }
}

/**
 * Loads the WebAssembly decoder, once. zstddec's own streaming function neither reports errors nor can be fed piece by
 * piece, so only its module is used.
 * @throws CodecFailure CODEC_UNAVAILABLE
 */
export function loadZstdWasm(): Promise<void> {
  loading ??= load()
  return loading
}

class WasmZstdEngine implements Engine {
  used = 0
  written = 0
  readonly ended = false
  readonly #zstd: ZstdExports
  #context: number
  readonly #block: number
  readonly #in: number
  readonly #out: number
  readonly #inStruct: number
  readonly #outStruct: number
  #view: DataView
  #bytes: Uint8Array

  constructor(zstd: ZstdExports) {
    this.#zstd = zstd
    this.#context = zstd.ZSTD_createDCtx()
    this.#block = zstd.malloc(IN_BYTES + OUT_BYTES + 2 * BUFFER_STRUCT)
    if (this.#context === 0 || this.#block === 0) {
      throw new CodecFailure('CODEC_UNAVAILABLE', 'no memory is left for a zstd decoder')
    }
    this.#in = this.#block
    this.#out = this.#in + IN_BYTES
    this.#inStruct = this.#out + OUT_BYTES
    this.#outStruct = this.#inStruct + BUFFER_STRUCT
    this.#bytes = new Uint8Array(zstd.memory.buffer)
    this.#view = new DataView(zstd.memory.buffer)
    this.#setBuffer(this.#inStruct, this.#in, 0)
  }

  #setBuffer(struct: number, pointer: number, size: number): void {
    this.#view.setUint32(struct, pointer, true)
    this.#view.setUint32(struct + 4, size, true)
    this.#view.setUint32(struct + 8, 0, true)
  }

  #position(struct: number): number {
    return this.#view.getUint32(struct + 8, true)
  }

  /** Memory that has grown has a new buffer. */
  #refresh(): void {
    const { buffer } = this.#zstd.memory
    if (this.#bytes.buffer === buffer) return
    this.#bytes = new Uint8Array(buffer)
    this.#view = new DataView(buffer)
  }

  run(input: Uint8Array, from: number, target: Uint8Array, at: number): void {
    this.#refresh()
    let next = from
    let room = at
    while (room < target.length) {
      if (this.#position(this.#inStruct) === this.#view.getUint32(this.#inStruct + 4, true)) {
        const slice = input.subarray(next, next + IN_BYTES)
        this.#bytes.set(slice, this.#in)
        this.#setBuffer(this.#inStruct, this.#in, slice.length)
        next += slice.length
      }
      const size = Math.min(OUT_BYTES, target.length - room)
      this.#setBuffer(this.#outStruct, this.#out, size)
      const result = this.#zstd.ZSTD_decompressStream(this.#context, this.#outStruct, this.#inStruct) | 0
      this.#refresh()
      if (result < 0 && result >= -LARGEST_ERROR) throw failure(-result)
      const got = this.#position(this.#outStruct)
      target.set(this.#bytes.subarray(this.#out, this.#out + got), room)
      room += got
      const drained = this.#position(this.#inStruct) === this.#view.getUint32(this.#inStruct + 4, true)
      if (drained && next === input.length && got < size) break
    }
    this.used = next - from
    this.written = room - at
  }

  complete(): boolean {
    return true // whether a frame is complete is the frame walker's business
  }

  reset(): void {
    // Frames follow one another without being asked for.
  }

  close(): void {
    if (this.#context === 0) return
    this.#zstd.ZSTD_freeDCtx(this.#context)
    this.#zstd.free(this.#block)
    this.#context = 0
  }
}

function failure(code: number): CodecFailure {
  const message = ERRORS[code] ?? `zstd error ${code}`
  if (code === 22) return new CodecFailure('CHECKSUM_MISMATCH', message)
  return new CodecFailure(code === 64 ? 'CODEC_UNAVAILABLE' : 'BAD_COMPRESSED_DATA', message)
}

/** An engine on the loaded module. @throws CodecFailure CODEC_UNAVAILABLE if {@link loadZstdWasm} has not been awaited */
export function openWasmZstdEngine(): Engine {
  if (exports === undefined) {
    throw new CodecFailure('CODEC_UNAVAILABLE', 'the zstd decoder has not been loaded yet')
  }
  return new WasmZstdEngine(exports)
}
