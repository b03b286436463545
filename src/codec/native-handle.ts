import type { InflateRaw } from 'node:zlib'
import { CodecFailure } from './codec.ts'
import type { ArchiveErrorCode } from '../errors.ts'

/** Room and input left over by one call of the native code, which writes them to an array shared with the stream. */
export interface NativeStep {
  readonly availableOut: number
  readonly availableIn: number
}

/** One stream of zlib or zstd, either direction, on the calling thread. */
export interface NativeHandle {
  /**
   * Goes on with `input` from `from` and writes to `target` from `at`; `flush` as the method numbers it.
   * @throws CodecFailure
   */
  step(input: Uint8Array, from: number, target: Uint8Array, at: number, flush: number): NativeStep
  /** The same in Node's thread pool; one at a time. Both arrays must be left alone until the promise settles. */
  stepInThreadPool(input: Uint8Array, from: number, target: Uint8Array, at: number, flush: number): Promise<NativeStep>
  reset(): void
  close(): void
}

/** What an undocumented handle must look like to be used. */
function isHandle(value: unknown): value is {
  writeSync(...args: unknown[]): unknown
  write(...args: unknown[]): unknown
  reset(): void
  close(): void
} {
  if (typeof value !== 'object' || value === null) return false
  return ['writeSync', 'write', 'reset', 'close', 'onerror'].every(
    (name) => typeof Reflect.get(value, name) === 'function',
  )
}

/**
 * The native handle under a stream object of node:zlib, which is taken over. Its `writeSync` works on the calling thread
 * and its `write` in the thread pool, both into a buffer of the caller's, which no public function does; it is the
 * difference between half and twice the speed of pg_restore. They are undocumented, so everything about them is in this
 * one function, and `undefined` (some day) means that the caller has to do with the public API.
 */
export function openHandle(stream: InflateRaw): NativeHandle | undefined {
  const handle: unknown = Reflect.get(stream, '_handle')
  const state: unknown = Reflect.get(stream, '_writeState')
  if (!isHandle(handle) || !(state instanceof Uint32Array) || state.length < 2) {
    stream.destroy()
    return undefined
  }
  let failure: CodecFailure | undefined
  let settle: (() => void) | undefined
  Reflect.set(handle, 'onerror', (message: string, _errno: number, code: string) => {
    failure = new CodecFailure(failureCode(message, code), message)
    settle?.()
  })
  // What `write` calls when it is done belongs to the stream, and calls `cb` at once for one that is destroyed.
  Object.defineProperty(stream, 'destroyed', { value: true })
  Reflect.set(handle, 'cb', () => settle?.())
  return {
    step(input, from, target, at, flush) {
      failure = undefined
      handle.writeSync(flush, input, from, input.length - from, target, at, target.length - at)
      if (failure !== undefined) throw failure
      return { availableOut: state[0] ?? 0, availableIn: state[1] ?? 0 }
    },
    async stepInThreadPool(input, from, target, at, flush) {
      failure = undefined
      // The native code keeps the memory's address only: the handle, which is kept while it works, keeps the rest.
      Reflect.set(handle, 'lent', [input, target])
      await new Promise<void>((resolve) => {
        settle = resolve
        handle.write(flush, input, from, input.length - from, target, at, target.length - at)
      })
      settle = undefined
      Reflect.set(handle, 'lent', undefined)
      if (failure !== undefined) throw failure
      return { availableOut: state[0] ?? 0, availableIn: state[1] ?? 0 }
    },
    reset() {
      handle.reset()
    },
    close() {
      // Closes the handle too; a stream that was never written to has nothing else to release.
      stream.destroy()
    },
  }
}

/** zlib and zstd number their errors differently; the names and messages tell them apart. */
export function failureCode(message: string, code: string): ArchiveErrorCode {
  if (code === 'Z_BUF_ERROR') return 'UNEXPECTED_EOF'
  if (code === 'Z_NEED_DICT' || code === 'ZSTD_error_dictionary_wrong') return 'UNSUPPORTED_COMPRESSION'
  if (code === 'ZSTD_error_checksum_wrong' || message === 'incorrect data check') return 'CHECKSUM_MISMATCH'
  // Missing memory is not the data's fault.
  if (code === 'ZSTD_error_memory_allocation' || code === 'Z_MEM_ERROR') return 'CODEC_UNAVAILABLE'
  return 'BAD_COMPRESSED_DATA'
}
