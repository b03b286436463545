import { joinBytes } from '../bytes/join-bytes.ts'
import { createSha256, toHex } from '../codec/sha256.ts'

const LINE_FEED = 0x0a
const BACKSLASH = 0x5c
const DOT = 0x2e

/** Calls with each row of a text in COPY's format, which comes in pieces, up to the line `\.`; rows are lent. */
export class RowSplitter {
  readonly #onRow: (row: Uint8Array) => void
  /** The beginning of a row. */
  #pieces: Uint8Array[] = []
  #ended = false

  constructor(onRow: (row: Uint8Array) => void) {
    this.#onRow = onRow
  }

  push(chunk: Uint8Array): void {
    let start = 0
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      if (this.#ended) return
      this.#row(chunk.subarray(start, end))
      start = end + 1
    }
    if (!this.#ended && start < chunk.length) this.#pieces.push(chunk.slice(start))
  }

  /** The text is over: the last row may lack its line feed. */
  finish(): void {
    if (!this.#ended && this.#pieces.length > 0) this.#row(new Uint8Array(0))
    this.#ended = true
  }

  #row(end: Uint8Array): void {
    const row = this.#pieces.length === 0 ? end : joinBytes([...this.#pieces, end])
    if (this.#pieces.length > 0) this.#pieces = []
    if (row.length === 2 && row[0] === BACKSLASH && row[1] === DOT) this.#ended = true
    else this.#onRow(row)
  }
}

/**
 * A digest of rows that does not depend on their order: the sum of the rows' SHA-256, taken as eight numbers of 32
 * bits, each modulo 2^32 (spec/drill.md). Rows that are there twice count twice.
 */
export class RowDigest {
  readonly #sum = new Uint32Array(8)
  rows = 0

  add(row: Uint8Array): void {
    const digest = rowHash(row)
    for (let at = 0; at < 8; at++) this.#sum[at] = (this.#sum[at] ?? 0) + (digest[at] ?? 0)
    this.rows++
  }

  /** All rows of another one, too. */
  addAll(other: RowDigest): void {
    for (let at = 0; at < 8; at++) this.#sum[at] = (this.#sum[at] ?? 0) + (other.#sum[at] ?? 0)
    this.rows += other.rows
  }

  equals(other: RowDigest): boolean {
    return this.rows === other.rows && this.hex() === other.hex()
  }

  /** 64 hexadecimal digits. */
  hex(): string {
    const bytes = new Uint8Array(32)
    const view = new DataView(bytes.buffer)
    this.#sum.forEach((word, at) => view.setUint32(4 * at, word))
    return toHex(bytes)
  }
}

/** SHA-256 of a row without its line feed, as eight big-endian numbers. */
export function rowHash(row: Uint8Array): Uint32Array {
  const hash = createSha256()
  hash.update(row)
  const bytes = hash.digest()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return Uint32Array.from({ length: 8 }, (_, at) => view.getUint32(4 * at))
}
