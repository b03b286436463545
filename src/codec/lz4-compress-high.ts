import {
  LAST_LITERALS,
  MATCH_MARGIN,
  MAX_DISTANCE,
  MIN_MATCH,
  hashOf,
  matchLength,
  read32,
  writeLiterals,
  writeSequence,
} from './lz4-compress.ts'

const HASH_BITS = 15
/** From this length on the search is over. */
const LONG_ENOUGH = 128

/** Earlier places to look at, by level. */
const ATTEMPTS: readonly number[] = [0, 0, 0, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096]

/**
 * The thorough way (level 3 to 12): all earlier places of a hash are chained, so many of them are tried as the level
 * says, and a match gives way to a longer one that begins a byte later.
 */
export class HighCompressor {
  readonly #memory: Uint8Array
  readonly #attempts: number
  readonly #heads = new Int32Array(1 << HASH_BITS)
  /** By the low 16 bits of a place: how far back the one before lies. */
  readonly #chain = new Uint16Array(65536)
  #next = 0
  #from = 0

  constructor(memory: Uint8Array, level: number) {
    this.#memory = memory
    this.#attempts = ATTEMPTS[level] ?? 0
  }

  /** Everything so far has been moved down by `distance`, a multiple of 65536. */
  move(distance: number): void {
    const heads = this.#heads
    for (let i = 0; i < heads.length; i++) heads[i] = Math.max(0, (heads[i] ?? 0) - distance)
    this.#next -= distance
  }

  encode(start: number, end: number, output: number, low: number): number {
    const memory = this.#memory
    const lastStart = end - MATCH_MARGIN
    const limit = end - LAST_LITERALS
    let op = output
    let anchor = start
    let ip = start
    if (this.#next < low) this.#next = low
    while (ip <= lastStart) {
      let length = this.#longest(ip, limit, low, MIN_MATCH - 1)
      if (length === 0) {
        ip++
        continue
      }
      let from = this.#from
      while (ip < lastStart && length < LONG_ENOUGH) {
        const later = this.#longest(ip + 1, limit, low, length)
        if (later === 0) break
        ip++
        length = later
        from = this.#from
      }
      op = writeSequence(memory, op, anchor, ip, ip - from, length)
      ip += length
      anchor = ip
    }
    return writeLiterals(memory, op, anchor, end)
  }

  /** Finds a match at `at` that is longer than `least` and sets `#from`; gives its length, or 0. */
  #longest(at: number, limit: number, low: number, least: number): number {
    const memory = this.#memory
    this.#insert(at)
    const chain = this.#chain
    const word = read32(memory, at)
    let best = least
    let ref = at
    for (let attempt = this.#attempts; attempt > 0 && best < LONG_ENOUGH; attempt--) {
      const step = chain[ref & 0xffff] ?? 0
      ref -= step
      if (step === 0 || ref < low || at - ref > MAX_DISTANCE || at + best >= limit) break
      if (memory[ref + best] !== memory[at + best] || read32(memory, ref) !== word) continue
      const length = MIN_MATCH + matchLength(memory, at + MIN_MATCH, ref + MIN_MATCH, limit)
      if (length > best) {
        best = length
        this.#from = ref
      }
    }
    return best > least ? best : 0
  }

  /** Enters all places up to `at`. */
  #insert(at: number): void {
    const memory = this.#memory
    for (let place = this.#next; place <= at; place++) {
      const hash = hashOf(read32(memory, place), HASH_BITS)
      const step = place - (this.#heads[hash] ?? 0)
      this.#chain[place & 0xffff] = step > MAX_DISTANCE ? 0 : step
      this.#heads[hash] = place
    }
    this.#next = Math.max(this.#next, at + 1)
  }
}
