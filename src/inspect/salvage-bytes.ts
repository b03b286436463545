import type { RandomAccess } from '../io/source.ts'

/** Bytes read where somebody looks: at first, and at most, when he goes on from there. */
const firstBytes = 16 * 1024
const mostBytes = 1024 * 1024

/**
 * A window on a source that moves to where somebody looks; looks into it cost no promise. Who looks here and there pays
 * for little, and who looks elsewhere and comes back finds what he left.
 */
export class ByteWindow {
  /** Memory at hand; the byte at file offset `o` is `bytes[o - base]`. */
  bytes: Uint8Array = new Uint8Array(0)
  base = 0
  readonly size: number
  readonly #source: RandomAccess
  readonly #signal: AbortSignal | undefined
  /** What was at hand before. */
  #left: { readonly bytes: Uint8Array; readonly base: number } = { bytes: new Uint8Array(0), base: 0 }

  constructor(source: RandomAccess, signal: AbortSignal | undefined) {
    this.#source = source
    this.#signal = signal
    this.size = source.size
  }

  /** Whether `length` bytes from `offset` on are at hand. */
  has(offset: number, length: number): boolean {
    return offset >= this.base && offset + length <= this.base + this.bytes.length
  }

  byte(offset: number): number {
    return this.bytes[offset - this.base] ?? 0
  }

  /** Where the zeros end that begin at `offset`, as far as they are at hand. */
  endOfZeros(offset: number): number {
    const { bytes, base } = this
    let at = offset - base
    while (at < bytes.length && bytes[at] === 0) at++
    return base + at
  }

  /** Brings `length` bytes from `offset` on to hand; false when the source ends before. */
  async load(offset: number, length: number): Promise<boolean> {
    if (this.has(offset, length)) return true
    if (offset + length > this.size) return false
    this.#signal?.throwIfAborted()
    const { bytes, base } = this
    const left = this.#left
    if (offset >= left.base && offset + length <= left.base + left.bytes.length) {
      this.#left = { bytes, base }
      this.bytes = left.bytes
      this.base = left.base
      return true
    }
    const goesOn = bytes.length > 0 && offset >= base && offset <= base + bytes.length
    const wanted = goesOn ? Math.min(mostBytes, 2 * bytes.length) : firstBytes
    const read = await this.#source.read(offset, Math.max(length, Math.min(wanted, this.size - offset)))
    this.#left = { bytes, base }
    this.bytes = read
    this.base = offset
    return read.length >= length
  }
}
