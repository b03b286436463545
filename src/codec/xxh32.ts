const PRIME1 = 0x9e3779b1
const PRIME2 = 0x85ebca77
const PRIME3 = 0xc2b2ae3d
const PRIME4 = 0x27d4eb2f
const PRIME5 = 0x165667b1
const STRIPE = 16

/** xxHash with 32 bits and seed 0, the checksum of LZ4 frames. */
export class Xxh32 {
  #a = (PRIME1 + PRIME2) | 0
  #b = PRIME2 | 0
  #c = 0
  #d = -PRIME1 | 0
  #length = 0
  readonly #rest = new Uint8Array(STRIPE)
  #resting = 0

  update(bytes: Uint8Array): void {
    this.#length = (this.#length + bytes.length) >>> 0
    // From 16 bytes on the sum begins with the four lanes, which a length modulo 2^32 alone would not tell.
    if (this.#resting + bytes.length >= STRIPE) this.#striped = true
    let at = 0
    if (this.#resting > 0) {
      at = Math.min(STRIPE - this.#resting, bytes.length)
      this.#rest.set(bytes.subarray(0, at), this.#resting)
      this.#resting += at
      if (this.#resting < STRIPE) return
      this.#stripes(this.#rest, 0, STRIPE)
      this.#resting = 0
    }
    const end = at + ((bytes.length - at) & -STRIPE)
    this.#stripes(bytes, at, end)
    this.#rest.set(bytes.subarray(end))
    this.#resting = bytes.length - end
  }

  #striped = false

  #stripes(bytes: Uint8Array, from: number, end: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let a = this.#a
    let b = this.#b
    let c = this.#c
    let d = this.#d
    for (let at = from; at < end; at += STRIPE) {
      a = (a + Math.imul(view.getUint32(at, true), PRIME2)) | 0
      a = Math.imul((a << 13) | (a >>> 19), PRIME1)
      b = (b + Math.imul(view.getUint32(at + 4, true), PRIME2)) | 0
      b = Math.imul((b << 13) | (b >>> 19), PRIME1)
      c = (c + Math.imul(view.getUint32(at + 8, true), PRIME2)) | 0
      c = Math.imul((c << 13) | (c >>> 19), PRIME1)
      d = (d + Math.imul(view.getUint32(at + 12, true), PRIME2)) | 0
      d = Math.imul((d << 13) | (d >>> 19), PRIME1)
    }
    this.#a = a
    this.#b = b
    this.#c = c
    this.#d = d
  }

  /** The sum of all bytes so far, unsigned. */
  digest(): number {
    let sum = this.#striped
      ? (rotate(this.#a, 1) + rotate(this.#b, 7) + rotate(this.#c, 12) + rotate(this.#d, 18)) | 0
      : PRIME5 | 0
    sum = (sum + this.#length) | 0
    const view = new DataView(this.#rest.buffer)
    let at = 0
    for (; at + 4 <= this.#resting; at += 4) {
      sum = Math.imul(rotate(sum + Math.imul(view.getUint32(at, true), PRIME3), 17), PRIME4)
    }
    for (; at < this.#resting; at++) {
      sum = Math.imul(rotate(sum + Math.imul(view.getUint8(at), PRIME5), 11), PRIME1)
    }
    sum = Math.imul(sum ^ (sum >>> 15), PRIME2)
    sum = Math.imul(sum ^ (sum >>> 13), PRIME3)
    return (sum ^ (sum >>> 16)) >>> 0
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

/** xxHash with 32 bits and seed 0 of `bytes`. */
export function xxh32(bytes: Uint8Array): number {
  const hash = new Xxh32()
  hash.update(bytes)
  return hash.digest()
}
