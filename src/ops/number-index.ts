const FEWEST_SLOTS = 16

/**
 * Unsigned numbers of 32 bits, such as OIDs, and the place at which each came, from 0: what a Map holds in four times
 * the memory. What is known of a number lies in arrays by its place.
 */
export class NumberIndex {
  /** By place. */
  #numbers = new Uint32Array(FEWEST_SLOTS)
  /** Place + 1 of the number that a slot is taken by; a power of two of them, at most half of which are taken. */
  #slots = new Uint32Array(FEWEST_SLOTS * 2)
  #size = 0
  /** So that nobody can choose numbers that all fall into one slot. */
  readonly #seed = Math.floor(Math.random() * 2 ** 32)

  get size(): number {
    return this.#size
  }

  /** The place of a number; −1 if it is not there. */
  placeOf(number: number): number {
    return (this.#slots[this.#slotOf(number)] ?? 0) - 1
  }

  has(number: number): boolean {
    return this.placeOf(number) >= 0
  }

  /** The place of a number, which is added if it is not there. */
  add(number: number): number {
    const slot = this.#slotOf(number)
    const taken = this.#slots[slot] ?? 0
    if (taken > 0) return taken - 1
    if (this.#size === this.#numbers.length) {
      this.#grow()
      return this.add(number)
    }
    this.#numbers[this.#size] = number
    this.#slots[slot] = ++this.#size
    return this.#size - 1
  }

  /** The number at a place. */
  at(place: number): number {
    return this.#numbers[place] ?? 0
  }

  *keys(): Generator<number, void, void> {
    for (let place = 0; place < this.#size; place++) yield this.at(place)
  }

  /** Where a number is, or may be put. */
  #slotOf(number: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    for (let slot = this.#hash(number) & mask; ; slot = (slot + 1) & mask) {
      const taken = slots[slot] ?? 0
      if (taken === 0 || this.#numbers[taken - 1] === number) return slot
    }
  }

  /** The finalizer of MurmurHash3, over the number and the seed. */
  #hash(number: number): number {
    let hash = number ^ this.#seed
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  #grow(): void {
    const numbers = new Uint32Array(this.#numbers.length * 2)
    numbers.set(this.#numbers)
    this.#numbers = numbers
    this.#slots = new Uint32Array(numbers.length * 2)
    for (let place = 0; place < this.#size; place++) this.#slots[this.#slotOf(this.at(place))] = place + 1
  }
}
