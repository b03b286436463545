const POLYNOMIAL = 0xedb88320
const ADLER_BASE = 65521
/** So many bytes can be summed up before the sums leave 32 bits. */
const ADLER_RUN = 3800

const table = new Uint32Array(256)
for (let byte = 0; byte < 256; byte++) {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 0 ? value >>> 1 : (value >>> 1) ^ POLYNOMIAL
  table[byte] = value >>> 0
}

/** CRC-32 as in gzip, in plain TypeScript; goes on from `crc`. */
export function crc32(bytes: Uint8Array, crc: number): number {
  let value = ~crc
  for (let i = 0; i < bytes.length; i++) value = (table[(value ^ (bytes[i] ?? 0)) & 255] ?? 0) ^ (value >>> 8)
  return ~value >>> 0
}

/** Adler-32 as in zlib streams, in plain TypeScript; begins with 1, goes on from `adler`. */
export function adler32(bytes: Uint8Array, adler: number): number {
  let low = adler & 0xffff
  let high = adler >>> 16
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + ADLER_RUN)
    for (; at < end; at++) {
      low += bytes[at] ?? 0
      high += low
    }
    low %= ADLER_BASE
    high %= ADLER_BASE
  }
  return ((high << 16) | low) >>> 0
}
