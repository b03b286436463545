import type { RandomAccess } from '../io/source.ts'

/** Bytes read at a time, ahead of where somebody looks. */
const windowBytes = 1024 * 1024

/** A window on a source that moves to where somebody looks; looks into it cost no promise. */
export class ByteWindow {
  /** Memory at hand; the byte at file offset `o` is `bytes[o - base]`. */
  bytes: Uint8Array = new Uint8Array(0)
  base = 0
  readonly size: number
  readonly #source: RandomAccess
  readonly #signal: AbortSignal | undefined

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

  /** Brings `length` bytes from `offset` on to hand; false when the source ends before. */
  async load(offset: number, length: number): Promise<boolean> {
    if (this.has(offset, length)) return true
    if (offset + length > this.size) return false
    this.#signal?.throwIfAborted()
    this.bytes = await this.#source.read(offset, Math.max(length, Math.min(windowBytes, this.size - offset)))
    this.base = offset
    return this.bytes.length >= length
  }
}
