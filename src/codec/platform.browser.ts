import { CodecFailure } from './codec.ts'

export { crc32 } from './checksum.ts'
export { openPortableDeflater as createDeflater } from './deflate-portable.ts'
export { openPortableInflater as createInflater } from './inflate-portable.ts'
export { openPortableSha256 as openSha256 } from './sha256-portable.ts'
export { loadZstdWasm as prepareZstd, openWasmZstdEngine as openZstdEngine } from './zstd-wasm.ts'

const NO_ZSTD = 'zstd cannot be written here: browsers have no encoder for it'

/** @throws CodecFailure CODEC_UNAVAILABLE */
export async function prepareZstdCompressor(): Promise<never> {
  throw new CodecFailure('CODEC_UNAVAILABLE', NO_ZSTD, { hint: 'Choose another compression' })
}

/** @throws CodecFailure CODEC_UNAVAILABLE */
export function openZstdCompressor(): never {
  throw new CodecFailure('CODEC_UNAVAILABLE', NO_ZSTD, { hint: 'Choose another compression' })
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Whether bytes are whole characters of UTF-8 (RFC 3629). */
export function isWholeUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes)
    return true
  } catch {
    return false
  }
}

/** There is no thread pool: everything is decoded on the calling thread. */
export async function threadPoolWorks(): Promise<boolean> {
  return false
}

/** Bytes that nobody can foresee. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count))
}
