import { crc32 } from '#codec/platform'
import type { Compressor, Emit } from './encoder.ts'

const UNIX = 3

/**
 * The 10 bytes before the deflate data of a `.gz` file as `gzopen` writes them on Unix: no name, no time. `level` 1 to 9
 * shows in one byte; others count as the default.
 */
export function gzipHeader(level: number): Uint8Array {
  // 2 bytes magic, 1 byte method, 1 byte flags, 4 bytes time, 1 byte extra flags, 1 byte operating system
  return Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, UNIX)
}

/** The 8 bytes after the deflate data of a `.gz` file: CRC-32 of the content and its size modulo 2^32. */
export function gzipTrailer(crc: number, size: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, crc, true)
  view.setUint32(4, size % 2 ** 32, true)
  return bytes
}

/** RFC 1952 around a compressor of bare deflate. */
export class GzipCompressor implements Compressor {
  readonly #deflate: Compressor
  readonly #level: number
  #begun = false
  #crc = 0
  #size = 0

  constructor(deflate: Compressor, level: number) {
    this.#deflate = deflate
    this.#level = level
  }

  run(input: Uint8Array, last: boolean, emit: Emit): void | Promise<void> {
    if (!this.#begun) emit(gzipHeader(this.#level))
    this.#begun = true
    this.#crc = crc32(input, this.#crc)
    this.#size += input.length
    const running = this.#deflate.run(input, last, emit)
    if (!last) return running
    if (running !== undefined) return running.then(() => emit(gzipTrailer(this.#crc, this.#size)))
    return emit(gzipTrailer(this.#crc, this.#size))
  }

  close(): void {
    this.#deflate.close()
  }
}
