const FEWEST = 16

/** Unsigned numbers of 32 bits by place, 0 where none was set: what an array holds in a half to a tenth of the memory. */
export class NumberList {
  #numbers = new Uint32Array(FEWEST)

  at(place: number): number {
    return this.#numbers[place] ?? 0
  }

  set(place: number, number: number): void {
    if (place >= this.#numbers.length) {
      const numbers = new Uint32Array(Math.max(place + 1, this.#numbers.length * 2))
      numbers.set(this.#numbers)
      this.#numbers = numbers
    }
    this.#numbers[place] = number
  }
}
