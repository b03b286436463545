import { decodeByteString } from '../bytes/byte-string.ts'

/** After so many texts in its way a text is not looked for any longer: somebody may have chosen them for that. */
const MOST_STEPS = 64

/**
 * Texts with a number each, found by their bytes: no string is made of what is known already, of which there may be as
 * much as there are definitions.
 */
export class ByteTexts {
  /** In the order in which they came. */
  readonly texts: string[] = []
  /** One more than the number of the text that belongs there, 0 where none does; a power of two of them. */
  #places = new Int32Array(256)

  /** The number of the text in these bytes, −1 where it is not known: then the next to be added may be it. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const places = this.#places
    const mask = places.length - 1
    let place = hashOf(bytes, start, end) & mask
    for (let step = 0; step < MOST_STEPS; step++, place = (place + 1) & mask) {
      const number = (places[place] ?? 0) - 1
      if (number === -1 || isSame(this.texts[number] ?? '', bytes, start, end)) return number
    }
    return -1
  }

  /** Takes up a text that is not known, and gives its number; −1 where there is no room for it. */
  add(bytes: Uint8Array, start: number, end: number): number {
    if (this.texts.length * 2 >= this.#places.length) this.#grow()
    const places = this.#places
    const mask = places.length - 1
    let place = hashOf(bytes, start, end) & mask
    for (let step = 0; step < MOST_STEPS; step++, place = (place + 1) & mask) {
      if (places[place] !== 0) continue
      places[place] = this.texts.push(decodeByteString(bytes, start, end))
      return this.texts.length - 1
    }
    return -1
  }

  #grow(): void {
    const mask = this.#places.length * 4 - 1
    const places = new Int32Array(mask + 1)
    for (let number = 0; number < this.texts.length; number++) {
      let place = hashOfText(this.texts[number] ?? '') & mask
      for (let step = 0; step < MOST_STEPS && places[place] !== 0; step++) place = (place + 1) & mask
      if (places[place] === 0) places[place] = number + 1
    }
    this.#places = places
  }
}

// Both give the same number for the same text.

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x5bd1e995)
  return mixed(hash)
}

function hashOfText(text: string): number {
  let hash = text.length
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1e995)
  return mixed(hash)
}

/** The lower bits, which count, of all. */
function mixed(hash: number): number {
  return hash ^ (hash >>> 15) ^ (hash >>> 24)
}

function isSame(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false
  return true
}
