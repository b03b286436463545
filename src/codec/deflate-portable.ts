import { Deflate, Zlib } from 'fflate'
import type { Compressor, Emit } from './encoder.ts'

type Level = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9

/** Deflate with fflate, bare or in a zlib wrapper, where there is no Node.js. */
class FflateCompressor implements Compressor {
  readonly #stream: Deflate | Zlib
  #emit: Emit | undefined

  constructor(kind: 'raw' | 'zlib', level: number) {
    const options = { level: level as Level } // checked by createEncoder
    this.#stream = kind === 'raw' ? new Deflate(options) : new Zlib(options)
    this.#stream.ondata = (chunk: Uint8Array) => {
      if (chunk.length > 0) this.#emit?.(chunk)
    }
  }

  run(input: Uint8Array, last: boolean, emit: Emit): void {
    this.#emit = emit
    this.#stream.push(input, last)
  }

  close(): void {
    this.#emit = undefined
  }
}

/** A compressor in plain JavaScript; `level` 1 to 9. */
export function openPortableDeflater(kind: 'raw' | 'zlib', level: number): Compressor {
  return new FflateCompressor(kind, level)
}
