import { crc32 } from 'node:zlib'
import { CodecFailure } from './codec.ts'
import type { Engine } from './codec.ts'
import { openStreamEngine } from './inflate-stream.ts'
import { hasNativeZstd, openNativeEngine } from './native.ts'

export { crc32 }

/** Deflate by node:zlib: on the calling thread where its handle allows, else by its public API. */
export function createInflater(kind: 'raw' | 'zlib'): Engine {
  return openNativeEngine(kind) ?? openStreamEngine(kind)
}

let openWasm: (() => Engine) | undefined

function openNativeZstd(): Engine | undefined {
  return hasNativeZstd() ? openNativeEngine('zstd') : undefined
}

/** Loads what zstd needs: nothing where Node.js has a decoder, else a WebAssembly module. */
export async function prepareZstd(): Promise<void> {
  if (openWasm !== undefined) return
  const native = openNativeZstd()
  native?.close()
  if (native !== undefined) return
  const wasm = await import('./zstd-wasm.ts')
  await wasm.loadZstdWasm()
  openWasm = wasm.openWasmZstdEngine
}

/** @throws CodecFailure CODEC_UNAVAILABLE if {@link prepareZstd} has not been awaited */
export function openZstdEngine(): Engine {
  const engine = openWasm === undefined ? openNativeZstd() : openWasm()
  if (engine === undefined) throw new CodecFailure('CODEC_UNAVAILABLE', 'the zstd decoder has not been loaded yet')
  return engine
}

export { startWorker, workerUrl } from './worker-thread.node.ts'
