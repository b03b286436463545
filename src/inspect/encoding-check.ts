import { isWholeUtf8 } from '#codec/platform'
import { decodeByteString } from '../bytes/byte-string.ts'
import { charLength, charLengthOf, isValidChar } from '../sql/multibyte.ts'

/** No encoding has characters of more bytes. */
const longest = 4

/**
 * Whether text is valid in an encoding as the server checks it (pg_verify_mbstr, wchar.c), as the text comes. Only the
 * first fault is told.
 */
export class EncodingCheck {
  readonly #encoding: string
  readonly #isMultibyte: boolean
  /** The begin of a character that the last chunk ended in. */
  #carry: Uint8Array = new Uint8Array(0)
  #passed = 0
  #fault: number | undefined

  constructor(encoding: string) {
    this.#encoding = encoding
    this.#isMultibyte = charLengthOf(encoding) !== undefined
  }

  push(chunk: Uint8Array): void {
    if (!this.#isMultibyte || this.#fault !== undefined || chunk.length === 0) return
    if (this.#carry.length === 0) return this.#whole(chunk)
    const head = Math.min(chunk.length, longest)
    const joined = new Uint8Array(this.#carry.length + head)
    joined.set(this.#carry)
    joined.set(chunk.subarray(0, head), this.#carry.length)
    const carried = this.#carry.length
    const length = charLength(this.#encoding, decodeByteString(joined), 0)
    if (length > joined.length) {
      this.#carry = joined
      return
    }
    this.#carry = new Uint8Array(0)
    if (length <= carried || !isValidChar(this.#encoding, decodeByteString(joined), 0, length)) {
      this.#fault = this.#passed
      return
    }
    this.#passed += length
    this.#whole(chunk.subarray(length - carried))
  }

  /** Offset of the first character that is not valid; undefined when all are. Nothing may follow. */
  finish(): number | undefined {
    if (this.#fault === undefined && this.#carry.length > 0) this.#fault = this.#passed
    return this.#fault
  }

  /** Text that begins with a character. */
  #whole(bytes: Uint8Array): void {
    if (this.#encoding !== 'UTF8') return this.#walk(bytes)
    const end = lastStart(bytes)
    if (!isWholeUtf8(bytes.subarray(0, end))) return this.#walk(bytes)
    this.#carry = bytes.slice(end)
    this.#passed += end
  }

  #walk(bytes: Uint8Array): void {
    const text = decodeByteString(bytes)
    let at = 0
    while (at < text.length) {
      if (text.charCodeAt(at) < 0x80) {
        at++
        continue
      }
      // in GB18030 the second byte tells the length
      const length = at + 1 === text.length ? 2 : charLength(this.#encoding, text, at)
      const isSingle = at + 1 === text.length && charLength(this.#encoding, text, at) === 1
      if (at + length > text.length && !isSingle) break
      if (!isValidChar(this.#encoding, text, at, isSingle ? 1 : length)) {
        this.#fault = this.#passed + at
        return
      }
      at += isSingle ? 1 : length
    }
    this.#carry = bytes.slice(at)
    this.#passed += at
  }
}

/** Where the last character begins if it is not whole; else the end. */
function lastStart(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if (byte < 0x80) return bytes.length
    if (byte < 0xc0) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
