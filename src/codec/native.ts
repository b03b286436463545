import * as zlib from 'node:zlib'
import { CodecFailure, HERE } from './codec.ts'
import type { Engine, Place } from './codec.ts'
import { openHandle } from './native-handle.ts'
import type { NativeHandle, NativeStep } from './native-handle.ts'

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

/** The stream object's own buffer, which nobody uses: as small as zlib allows, since there may be one for each object. */
const LEAST_CHUNK = zlib.constants.Z_MIN_CHUNK

/** Handles that wait for another stream: to make one takes longer than to decode a small large object. */
const idle: Record<Exclude<NativeKind, 'zstd'>, NativeHandle[]> = { raw: [], zlib: [] }
const MAX_IDLE = 2

class NativeEngine implements Engine {
  used = 0
  written = 0
  ended = false
  readonly #handle: NativeHandle
  readonly #kind: NativeKind
  readonly #place: Place
  #state: 'working' | 'good' | 'closed' = 'good'

  constructor(handle: NativeHandle, kind: NativeKind, place: Place) {
    this.#handle = handle
    this.#kind = kind
    this.#place = place
  }

  run(input: Uint8Array, from: number, target: Uint8Array, at: number): void | Promise<void> {
    const { Z_NO_FLUSH } = zlib.constants
    this.#state = 'working'
    const inRoom = input.length - from
    const outRoom = target.length - at
    if (this.#place.where === 'here')
      return this.#took(this.#handle.step(input, from, target, at, Z_NO_FLUSH), inRoom, outRoom)
    return this.#handle
      .stepInThreadPool(input, from, target, at, Z_NO_FLUSH)
      .then((step) => this.#took(step, inRoom, outRoom))
  }

  #took({ availableIn, availableOut }: NativeStep, inRoom: number, outRoom: number): void {
    this.#state = 'good'
    this.used = inRoom - availableIn
    this.written = outRoom - availableOut
    // Input and room left over at the same time: the decoder wants nothing more.
    this.ended = availableIn > 0 && availableOut > 0
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
    if (this.#state === 'closed') return
    const good = this.#state === 'good'
    this.#state = 'closed'
    // one that met an error, or was given up while it worked, is not worth thinking about; zstd forgets its settings
    const others = this.#kind === 'zstd' || !good ? undefined : idle[this.#kind]
    if (others === undefined || others.length >= MAX_IDLE) return this.#handle.close()
    this.#handle.reset()
    others.push(this.#handle)
  }
}

/** An engine on the native handle, or `undefined` where this Node does not have it in the known shape. */
export function openNativeEngine(kind: NativeKind, place: Place = HERE): Engine | undefined {
  const waiting = kind === 'zstd' ? undefined : idle[kind].pop()
  const handle = waiting ?? openHandle(createZlibStream(kind, LEAST_CHUNK))
  return handle === undefined ? undefined : new NativeEngine(handle, kind, place)
}

/** Milliseconds after which a trip to the thread pool counts as one without return. */
const PROBE_MS = 2000

let probe: Promise<boolean> | undefined

/** Whether native engines work in the thread pool: tried once, since their way there is undocumented. */
export function nativeThreadPoolWorks(): Promise<boolean> {
  probe ??= tryThreadPool()
  return probe
}

async function tryThreadPool(): Promise<boolean> {
  const handle = openHandle(createZlibStream('raw', LEAST_CHUNK))
  if (handle === undefined) return false
  let timer: NodeJS.Timeout | undefined
  try {
    const stored = Uint8Array.of(0x4b, 0x04, 0x00) // the letter "a", deflated
    const target = new Uint8Array(2)
    const step = handle.stepInThreadPool(stored, 0, target, 0, zlib.constants.Z_NO_FLUSH)
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), PROBE_MS)
    })
    return (await Promise.race([step, late]))?.availableOut === 1 && target[0] === 0x61
  } catch {
    return false
  } finally {
    clearTimeout(timer)
    handle.close()
  }
}
