/** Bytes of memory for one key: two halves of a hash, in a table that is at most half full. */
const BYTES_PER_KEY = 16

/** Most tables of many are small. */
const FEWEST_PLACES = 16

const none = new Uint32Array(0)

/** Memory that all sets of an audit share. */
export class KeyBudget {
  #left: number

  /** @param bytes of memory */
  constructor(bytes: number) {
    this.#left = bytes
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
  }
}

/** A set of keys by 64 bits of a hash of them: of n keys two different ones meet with a chance of n² / 2⁶⁵. */
export class KeySet {
  readonly #budget: KeyBudget
  #high: Uint32Array
  #low: Uint32Array
  #count = 0
  #taken = 0

  constructor(budget: KeyBudget) {
    this.#budget = budget
    this.#high = none
    this.#low = none
  }

  has(high: number, low: number): boolean {
    return this.#count > 0 && this.#find(high, low || 1) < 0
  }

  /** True for a new key, false for one that was there, undefined when there is no memory left. */
  add(high: number, low: number): boolean | undefined {
    if (this.#count * 2 >= this.#low.length && !this.#grow()) return undefined
    const place = this.#find(high, low || 1)
    if (place < 0) return false
    this.#high[place] = high
    this.#low[place] = low || 1
    this.#count++
    return true
  }

  /** Gives the memory back. */
  clear(): void {
    this.#budget.give(this.#taken)
    this.#taken = 0
    this.#count = 0
    this.#high = none
    this.#low = none
  }

  /** A free place, or −1 − the place where the key is. An empty place has 0 in its lower half. */
  #find(high: number, low: number): number {
    const mask = this.#low.length - 1
    let place = low & mask
    while (this.#low[place] !== 0) {
      if (this.#low[place] === low >>> 0 && this.#high[place] === high >>> 0) return -1 - place
      place = (place + 1) & mask
    }
    return place
  }

  #grow(): boolean {
    const places = Math.max(FEWEST_PLACES, this.#low.length * 2)
    const bytes = (places / 2) * BYTES_PER_KEY
    // the old tables live until the keys have moved
    if (!this.#budget.take(bytes)) return false
    const [high, low] = [this.#high, this.#low]
    this.#high = new Uint32Array(places)
    this.#low = new Uint32Array(places)
    for (let at = 0; at < low.length; at++) {
      const half = low[at] ?? 0
      if (half === 0) continue
      const place = this.#find(high[at] ?? 0, half)
      this.#high[place] = high[at] ?? 0
      this.#low[place] = half
    }
    this.#budget.give(this.#taken)
    this.#taken = bytes
    return true
  }
}
