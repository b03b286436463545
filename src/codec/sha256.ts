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

const hexDigits: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Bytes as lower-case hexadecimal digits, the way digests are shown. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += hexDigits[byte] ?? ''
  return text
}
