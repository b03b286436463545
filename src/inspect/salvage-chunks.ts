import type { BlockLayout } from '../format/custom-blocks.ts'
import type { RandomAccess } from '../io/source.ts'
import type { Break, LenientSource } from './salvage-payload.ts'
import { ByteWindow } from './salvage-bytes.ts'

/** Chunks from `start` on: where they end, and where their lengths cannot be believed. */
export interface ChunkChain {
  /** Offset of the first chunk's length. */
  readonly start: number
  /** Offset after the chunk of length 0, or after what belongs to the data. */
  readonly end: number
  /** Where a length is damaged, and where the chain goes on: up to there the bytes are data. */
  readonly repairs: ReadonlyMap<number, number>
  /** Why the chain does not come to its end. */
  readonly broken: Break | undefined
}

/** Reads Ints of data blocks anywhere in an archive. */
export class BlockBytes {
  readonly window: ByteWindow
  readonly intBytes: number
  readonly typeBytes: number
  readonly size: number
  readonly #layout: BlockLayout
  /** Chunk lengths that may still be looked at: a few times as many as there can be. */
  #budget: number

  constructor(source: RandomAccess, layout: BlockLayout, signal: AbortSignal | undefined) {
    this.window = new ByteWindow(source, signal)
    this.#layout = layout
    this.intBytes = layout.intSize + layout.signBytes
    this.typeBytes = layout.typeBytes
    this.size = source.size
    this.#budget = 10_000 + source.size
  }

  /** The Int at an offset that is at hand, as C reads it; NaN for one that does not fit 32 bits. */
  int(offset: number): number {
    const { window } = this
    const { intSize, signBytes } = this.#layout
    let value = 0
    for (let index = 0; index < intSize; index++) {
      const byte = window.byte(offset + signBytes + index)
      if (byte === 0) continue
      if (index >= 4) return Number.NaN
      value |= byte << (8 * index)
    }
    return signBytes === 1 && window.byte(offset) !== 0 ? -value | 0 : value
  }

  /** Follows a chain of chunks by their lengths, up to `limit`. */
  async walk(start: number, limit: number = this.size): Promise<ChunkChain> {
    const { window, intBytes } = this
    const repairs = noRepairs
    let at = start
    for (;;) {
      if (at + intBytes > limit || !(window.has(at, intBytes) || (await window.load(at, intBytes)))) {
        return { start, end: limit, repairs, broken: cutAt(limit) }
      }
      const length = this.int(at)
      if (length === 0) return { start, end: at + intBytes, repairs, broken: undefined }
      if (!(length > 0 && length <= limit - at - intBytes) || this.#budget-- <= 0) {
        // a chunk that is longer than what is left may just be the last of a file that was cut
        const isCut = length > 0 && length <= mostPlausible && limit === this.size
        const broken: Break = isCut ? cutAt(limit) : badLength(at, length)
        return { start, end: isCut ? limit : at, repairs, broken }
      }
      at += intBytes + length
    }
  }

  /** Whether a chain from `start` comes to its end at exactly `end`. */
  async leadsTo(start: number, end: number): Promise<boolean> {
    const chain = await this.walk(start, end)
    return chain.broken === undefined && chain.end === end
  }

  /** The offset of the length of the chunk that reaches over `limit`, or is none. */
  async lastLength(start: number, limit: number): Promise<number> {
    const { window, intBytes } = this
    let at = start
    while (at + intBytes <= limit && (window.has(at, intBytes) || (await window.load(at, intBytes)))) {
      const length = this.int(at)
      if (!(length > 0 && length <= limit - at - intBytes) || this.#budget-- <= 0) return at
      at += intBytes + length
    }
    return at
  }
}

/** One for all chains that need none: there is a chain for each large object. */
export const noRepairs: ReadonlyMap<number, number> = new Map()

/** Longer chunks than this are rather damage than the last one of an archive that was cut. */
const mostPlausible = 1024 ** 3

function cutAt(offset: number): Break {
  return { kind: 'cut', offset, reason: `the archive ends within the data, at offset ${offset}` }
}

export function badLength(offset: number, length: number): Break {
  const shown = Number.isNaN(length) ? 'does not fit 32 bits' : `is ${length}`
  return { kind: 'damaged', offset, reason: `the chunk length at offset ${offset} ${shown}` }
}

/** The bytes in a chain of chunks, as far as it goes. */
export class ChainSource implements LenientSource {
  offset: number
  #ending: Break | undefined
  readonly #bytes: BlockBytes
  readonly #chain: ChunkChain
  #at: number
  #left = 0
  #over = false

  constructor(bytes: BlockBytes, chain: ChunkChain) {
    this.#bytes = bytes
    this.#chain = chain
    this.#at = chain.start
    this.offset = chain.start
  }

  get ending(): Break | undefined {
    return this.#ending
  }

  async next(): Promise<Uint8Array | null> {
    const { window, intBytes } = this.#bytes
    while (!this.#over) {
      if (this.#left > 0) return await this.#payload()
      if (this.#at + intBytes > this.#chain.end || !(await window.load(this.#at, intBytes))) return this.#finish()
      const repaired = this.#chain.repairs.get(this.#at)
      const broken = this.#chain.broken
      if (broken !== undefined && broken.offset === this.#at && repaired === undefined) return this.#finish()
      const length = repaired === undefined ? this.#bytes.int(this.#at) : repaired - this.#at - intBytes
      this.#at += intBytes
      if (length === 0) return this.#finish()
      this.#left = Math.min(length, this.#chain.end - this.#at)
      if (!(this.#left > 0)) return this.#finish()
    }
    return null
  }

  async cancel(): Promise<void> {
    this.#over = true
  }

  #finish(): null {
    this.#over = true
    this.#ending = this.#chain.broken
    this.offset = this.#at
    return null
  }

  async #payload(): Promise<Uint8Array | null> {
    const { window } = this.#bytes
    if (!(await window.load(this.#at, 1))) return this.#finish()
    const from = this.#at - window.base
    const length = Math.min(this.#left, window.bytes.length - from)
    this.offset = this.#at
    this.#at += length
    this.#left -= length
    return window.bytes.subarray(from, from + length)
  }
}
