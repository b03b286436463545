import { decodeByteString, encodeByteString } from '../bytes/byte-string.ts'
import { openSha256 } from '#codec/platform'

/** A digest that takes its input in pieces. */
export interface Hash {
  update(bytes: Uint8Array): void
  /** The digest of everything, once: nothing may follow. */
  digest(): Uint8Array
}

/** SHA-256 (FIPS 180-4), 32 bytes. */
export function createSha256(): Hash {
  return openSha256()
}

const hexDigits = encodeByteString('0123456789abcdef')

/** Bytes as lower-case hexadecimal digits, the way digests are shown. */
export function toHex(bytes: Uint8Array): string {
  const digits = new Uint8Array(bytes.length * 2)
  for (const [at, byte] of bytes.entries()) {
    digits[at * 2] = hexDigits[byte >> 4] ?? 0
    digits[at * 2 + 1] = hexDigits[byte & 15] ?? 0
  }
  // as a sum of strings it would take a kilobyte
  return decodeByteString(digits)
}
