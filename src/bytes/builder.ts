import type { Layout, OffsetFlag } from './cursor.ts'

/**
 * Writes the primitive values of an archive, the mirror of Cursor (WriteInt, WriteStr, WriteOffset,
 * pg_backup_archiver.c).
 */
export class Builder {
  #bytes = new Uint8Array(1024)
  #length = 0
  readonly layout: Layout

  constructor(layout: Layout) {
    this.layout = layout
  }

  /** Number of bytes written. */
  get length(): number {
    return this.#length
  }

  writeByte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** A signed 32-bit Int: sign and magnitude, or two's complement where the version has no sign byte. */
  writeInt(value: number): void {
    const { intSize, signByte } = this.layout
    if (signByte) this.writeByte(value < 0 ? 1 : 0)
    let magnitude = signByte ? Math.abs(value) : value >>> 0
    for (let index = 0; index < intSize; index++) {
      this.writeByte(magnitude % 256)
      magnitude = Math.floor(magnitude / 256)
    }
  }

  /** A Str; null is length −1. */
  writeStr(value: Uint8Array | null): void {
    if (value === null) return this.writeInt(-1)
    this.writeInt(value.length)
    this.writeBytes(value)
  }

  /** An Offset: flag and position. */
  writeOffset(flag: OffsetFlag, position: number): void {
    this.writeByte({ 'not-set': 1, set: 2, 'no-data': 3 }[flag])
    let rest = position
    for (let index = 0; index < this.layout.offSize; index++) {
      this.writeByte(rest % 256)
      rest = Math.floor(rest / 256)
    }
  }

  writeBytes(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
  }

  /** A copy of what has been written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /** What has been written, lent until the next write, which begins anew. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#length = 0
    return taken
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + length))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}
