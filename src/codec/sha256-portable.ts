import type { Hash } from './sha256.ts'

const BLOCK = 64
const ROUNDS = 64

/** The first 32 bits of the fractional part of `root` of the first `count` primes, as FIPS 180-4 defines its constants. */
function fractions(count: number, root: (prime: number) => number): Int32Array {
  const words = new Int32Array(count)
  for (let prime = 2, found = 0; found < count; prime++) {
    let divisor = 2
    while (divisor * divisor <= prime && prime % divisor !== 0) divisor++
    if (divisor * divisor > prime) words[found++] = (root(prime) % 1) * 2 ** 32
  }
  return words
}

/** SHA-256 in plain TypeScript, where there is no synchronous hash (the Web's own is neither that nor incremental). */
class PortableSha256 implements Hash {
  readonly #state = fractions(8, Math.sqrt)
  readonly #constants = fractions(ROUNDS, Math.cbrt)
  readonly #words = new Int32Array(ROUNDS)
  readonly #rest = new Uint8Array(BLOCK)
  #resting = 0
  #length = 0

  update(bytes: Uint8Array): void {
    this.#length += bytes.length
    let at = 0
    if (this.#resting > 0) {
      at = Math.min(BLOCK - this.#resting, bytes.length)
      this.#rest.set(bytes.subarray(0, at), this.#resting)
      this.#resting += at
      if (this.#resting < BLOCK) return
      this.#blocks(this.#rest, 0, BLOCK)
    }
    const end = at + ((bytes.length - at) & -BLOCK)
    this.#blocks(bytes, at, end)
    this.#rest.set(bytes.subarray(end))
    this.#resting = bytes.length - end
  }

  digest(): Uint8Array {
    const bits = this.#length * 8
    // One bit, zeros, and the length in bits as 8 bytes up to the end of a block.
    const tail = new Uint8Array(((this.#resting + 8) & -BLOCK) + BLOCK - this.#resting)
    tail[0] = 0x80
    const view = new DataView(tail.buffer)
    view.setUint32(tail.length - 8, Math.floor(bits / 2 ** 32))
    view.setUint32(tail.length - 4, bits % 2 ** 32)
    this.update(tail)
    const digest = new DataView(new ArrayBuffer(32))
    this.#state.forEach((word, index) => digest.setInt32(index * 4, word))
    return new Uint8Array(digest.buffer)
  }

  #blocks(bytes: Uint8Array, from: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let at = from; at < end; at += BLOCK) this.#block(view, at)
  }

  #block(view: DataView, at: number): void {
    const words = this.#words
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + i * 4)
    for (let i = 16; i < ROUNDS; i++) {
      const before = words[i - 15] ?? 0
      const last = words[i - 2] ?? 0
      const low = rotate(before, 7) ^ rotate(before, 18) ^ (before >>> 3)
      const high = rotate(last, 17) ^ rotate(last, 19) ^ (last >>> 10)
      words[i] = (words[i - 16] ?? 0) + low + (words[i - 7] ?? 0) + high
    }
    const state = this.#state
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
    for (let i = 0; i < ROUNDS; i++) {
      const choice = (e & f) ^ (~e & g)
      const majority = (a & b) ^ (a & c) ^ (b & c)
      const fromE = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const fromA = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const next = (h + fromE + choice + (this.#constants[i] ?? 0) + (words[i] ?? 0)) | 0
      h = g
      g = f
      f = e
      e = (d + next) | 0
      d = c
      c = b
      b = a
      a = (next + fromA + majority) | 0
    }
    const sums = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) state[i] = (state[i] ?? 0) + (sums[i] ?? 0)
  }
}

function rotate(value: number, bits: number): number {
  return (value >>> bits) | (value << (32 - bits))
}

/** @returns SHA-256 without anything of the platform's */
export function openPortableSha256(): Hash {
  return new PortableSha256()
}
