import { decodeByteString } from '../bytes/byte-string.ts'

/** Longer texts are not compared: they are no names. */
const MOST_BYTES = 64

/**
 * The byte strings that entries had last in each field. Owners, schemas, tablespaces and access methods are the same for
 * many entries in a row: to compare them takes less time and memory than to make the string again (bench case audit).
 */
export class RecentTexts {
  readonly #texts: string[] = []

  /** Bytes [start, end) as a byte string. */
  get(field: number, bytes: Uint8Array, start: number, end: number): string {
    const known = this.#texts[field]
    if (known !== undefined && isSame(known, bytes, start, end)) return known
    const text = decodeByteString(bytes, start, end)
    if (text.length <= MOST_BYTES) this.#texts[field] = text
    return text
  }
}

function isSame(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false
  return true
}
