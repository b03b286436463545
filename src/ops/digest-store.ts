const DIGEST_BYTES = 32
const FEWEST = 16

/** Digests by number, from 0, in one piece of memory: a million of their own would take four times as much. */
export class DigestStore {
  #bytes = new Uint8Array(FEWEST * DIGEST_BYTES)
  /** 1 where there is one. */
  #known = new Uint8Array(FEWEST)

  set(place: number, digest: Uint8Array): void {
    if (place >= this.#known.length) this.#grow(Math.max(place + 1, this.#known.length * 2))
    this.#bytes.set(digest, place * DIGEST_BYTES)
    this.#known[place] = 1
  }

  remove(place: number): void {
    if (place < this.#known.length) this.#known[place] = 0
  }

  /** The digest at a place, in memory that is shared. */
  borrow(place: number): Uint8Array | undefined {
    if (this.#known[place] !== 1) return undefined
    return this.#bytes.subarray(place * DIGEST_BYTES, (place + 1) * DIGEST_BYTES)
  }

  #grow(count: number): void {
    const bytes = new Uint8Array(count * DIGEST_BYTES)
    bytes.set(this.#bytes)
    this.#bytes = bytes
    const known = new Uint8Array(count)
    known.set(this.#known)
    this.#known = known
  }
}
