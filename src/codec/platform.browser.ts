import { CodecFailure } from './codec.ts'

export { crc32 } from './checksum.ts'
export { openPortableInflater as createInflater } from './inflate-portable.ts'
export { loadZstdWasm as prepareZstd, openWasmZstdEngine as openZstdEngine } from './zstd-wasm.ts'

/** No threads: everything is decoded on the calling one. */
export function workerUrl(): URL | undefined {
  return undefined
}

/** Never called, as there is no {@link workerUrl}. */
export function startWorker(): never {
  throw new CodecFailure('CODEC_UNAVAILABLE', 'there are no decoding threads here')
}
