import { isUtf8 } from 'node:buffer'
import { createHash, hash as hashOnce, randomFillSync } from 'node:crypto'
import { crc32 as zlibCrc32 } from 'node:zlib'
import { CodecFailure, HERE } from './codec.ts'
import type { Container, Engine, Place } from './codec.ts'
import type { Compressor } from './encoder.ts'
import { openStreamEngine } from './inflate-stream.ts'
import { hasNativeZstdEncoder, openNativeCompressor, openStreamCompressor } from './native-compressor.ts'
import type { CompressorSettings } from './native-compressor.ts'
import { hasNativeZstd, nativeThreadPoolWorks, openNativeEngine } from './native.ts'
import type { Hash } from './sha256.ts'
import { loadZstdPackage, openPackageCompressor } from './zstd-compressor.ts'
import type { ZstdSettings } from './zstd-compressor.ts'
import { loadZstdWasm, openWasmZstdEngine } from './zstd-wasm.ts'

export { serveThread, startThread } from './thread.ts'

/** CRC-32 as in gzip; goes on from `crc`. */
export function crc32(bytes: Uint8Array, crc: number): number {
  // zlib takes an array without memory, as an empty one may be, for the wish to begin anew.
  return bytes.length === 0 ? crc : zlibCrc32(bytes, crc)
}

/** Deflate by node:zlib: where it is wanted if its handle allows, else by its public API. */
export function createInflater(kind: 'raw' | 'zlib', place: Place): Engine {
  return openNativeEngine(kind, place) ?? openStreamEngine(kind)
}

/** Whether streams of a kind can be decoded in Node's thread pool. */
export async function threadPoolWorks(container: Container): Promise<boolean> {
  if (container === 'zstd' && !hasNativeZstd()) return false
  return container !== 'none' && container !== 'lz4' && (await nativeThreadPoolWorks())
}

let openWasm: (() => Engine) | undefined
let native = false

function openNativeZstd(place: Place): Engine | undefined {
  return hasNativeZstd() ? openNativeEngine('zstd', place) : undefined
}

/** Loads what zstd needs: nothing where Node.js has a decoder, else a WebAssembly module. */
export async function prepareZstd(): Promise<void> {
  if (native || openWasm !== undefined) return
  const probe = openNativeZstd(HERE)
  probe?.close()
  native = probe !== undefined
  if (native) return
  await loadZstdWasm()
  openWasm = openWasmZstdEngine
}

/** @throws CodecFailure CODEC_UNAVAILABLE if {@link prepareZstd} has not been awaited */
export function openZstdEngine(place: Place): Engine {
  const engine = openWasm === undefined ? openNativeZstd(place) : openWasm()
  if (engine === undefined) throw new CodecFailure('CODEC_UNAVAILABLE', 'the zstd decoder has not been loaded yet')
  return engine
}

function openCompressor(settings: CompressorSettings): Compressor {
  return openNativeCompressor(settings) ?? openStreamCompressor(settings)
}

/** Deflate by node:zlib, as {@link createInflater}. */
export function createDeflater(kind: 'raw' | 'zlib', level: number): Compressor {
  return openCompressor({ kind, level })
}

let openPackage: ((settings: ZstdSettings) => Compressor) | undefined

/** Loads what making zstd frames needs: nothing where Node.js has an encoder, else an optional package. */
export async function prepareZstdCompressor(): Promise<void> {
  if (openPackage !== undefined || hasNativeZstdEncoder()) return
  await loadZstdPackage()
  openPackage = openPackageCompressor
}

/** @throws CodecFailure CODEC_UNAVAILABLE */
export function openZstdCompressor(settings: ZstdSettings): Compressor {
  if (hasNativeZstdEncoder()) return openCompressor({ kind: 'zstd', ...settings })
  if (openPackage === undefined) throw new CodecFailure('CODEC_UNAVAILABLE', 'the zstd encoder has not been loaded yet')
  return openPackage(settings)
}

/** What is no longer is kept, and digested at once: a million large objects would leave a million native objects behind. */
const KEPT_BYTES = 4096

/** SHA-256 by node:crypto. */
export function openSha256(): Hash {
  let kept: Uint8Array | undefined
  let hash: ReturnType<typeof createHash> | undefined
  return {
    update(bytes) {
      if (hash === undefined && kept === undefined && bytes.length <= KEPT_BYTES) {
        kept = new Uint8Array(bytes) // slice() of a Buffer would share its memory
        return
      }
      hash ??= createHash('sha256')
      if (kept !== undefined) hash.update(kept)
      kept = undefined
      hash.update(bytes)
    },
    digest: () => new Uint8Array(hash?.digest() ?? hashOnce('sha256', kept ?? nothing, 'buffer')),
  }
}

const nothing = new Uint8Array(0)

/** Whether bytes are whole characters of UTF-8 (RFC 3629). */
export function isWholeUtf8(bytes: Uint8Array): boolean {
  return isUtf8(bytes)
}

/** Bytes that nobody can foresee; the Web's interface to them takes Node.js longer to load than all else of it. */
export function randomBytes(count: number): Uint8Array {
  return randomFillSync(new Uint8Array(count))
}
