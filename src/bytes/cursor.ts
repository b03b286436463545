import { ArchiveError } from '../errors.ts'
import { raiseHint } from '../limits.ts'

/** Sizes and flags that decide how primitive values are laid out; from the header (and constant before it is read). */
export interface Layout {
  /** Bytes of an Int's magnitude, 0–32. */
  readonly intSize: number
  /** Bytes of an Offset's position. */
  readonly offSize: number
  /** An Int begins with a sign byte: every version but 1.0. */
  readonly signByte: boolean
}

/** Flag of an Offset (pg_backup_archiver.h: K_OFFSET_…). */
export type OffsetFlag = 'not-set' | 'set' | 'no-data'

/** What {@link Cursor} throws when the window ends within a value: the caller gets more bytes and starts again. */
export class NeedMoreBytes extends Error {
  override readonly name = 'NeedMoreBytes'
  constructor() {
    super('the window ends within a value')
  }
}

/**
 * Reads the primitive values of an archive from a window of bytes (ReadInt, ReadStr, ReadOffset,
 * pg_backup_archiver.c). Synchronous; {@link NeedMoreBytes} when the window is too short.
 */
export class Cursor {
  readonly bytes: Uint8Array
  /** Index of the next byte in the window. */
  position: number
  /** Index after the last byte of the window. */
  readonly end: number
  /** What to add to an index to get the offset in the file. */
  readonly origin: number
  layout: Layout

  constructor(bytes: Uint8Array, layout: Layout, origin = 0, position = 0, end: number = bytes.length) {
    this.bytes = bytes
    this.layout = layout
    this.origin = origin
    this.position = position
    this.end = end
  }

  /** Offset in the file of the next byte. */
  get offset(): number {
    return this.origin + this.position
  }

  readByte(): number {
    this.#need(1)
    return this.bytes[this.position++] ?? 0
  }

  /**
   * A signed 32-bit Int: sign byte (any non-zero is negative), then the magnitude, least significant byte first.
   * Arithmetic is C's: an OID ≥ 2^31 comes out negative and is reduced modulo 2^32 by whoever knows it is an OID.
   * @throws ArchiveError BAD_TOC when bytes beyond the fourth are not zero
   */
  readInt(): number {
    const { intSize, signByte } = this.layout
    this.#need(signByte ? intSize + 1 : intSize)
    const start = this.offset
    const negative = signByte && this.bytes[this.position++] !== 0
    let value = 0
    for (let index = 0; index < intSize; index++) {
      const byte = this.bytes[this.position++] ?? 0
      if (byte === 0) continue
      if (index >= 4) {
        throw new ArchiveError('BAD_TOC', `Cannot read an integer: it does not fit 32 bits at offset ${start}`, {
          offset: start,
        })
      }
      value |= byte << (8 * index)
    }
    return negative ? -value | 0 : value
  }

  /** A Str: null for a negative length, else a view on the window. */
  readStr(maxBytes: number): Uint8Array | null {
    const start = this.offset
    const length = this.readInt()
    if (length < 0) return null
    checkStringBytes(length, maxBytes, start)
    this.#need(length)
    const from = this.position
    this.position += length
    return this.bytes.subarray(from, this.position)
  }

  /**
   * An Offset of archives ≥ 1.7: flag byte and position; the position bytes are there whatever the flag says.
   * @throws ArchiveError BAD_TOC for an unknown flag or a position that is no safe integer
   */
  readOffset(): { flag: OffsetFlag; position: number } {
    this.#need(1 + this.layout.offSize)
    const start = this.offset
    const code = this.bytes[this.position++] ?? 0
    const position = this.#readPosition(start)
    return { flag: offsetFlag(code, start), position }
  }

  #readPosition(start: number): number {
    let value = 0
    let scale = 1
    for (let index = 0; index < this.layout.offSize; index++) {
      value += (this.bytes[this.position++] ?? 0) * scale
      scale *= 256
    }
    if (!Number.isSafeInteger(value)) {
      throw new ArchiveError('BAD_TOC', `Cannot read a data offset: ${value} at offset ${start} is too large`, {
        offset: start,
        details: { pgRestore: 'file offset in dump file is too large' },
      })
    }
    return value
  }

  #need(length: number): void {
    if (this.end - this.position < length) throw new NeedMoreBytes()
  }
}

function offsetFlag(code: number, offset: number): OffsetFlag {
  if (code === 1) return 'not-set'
  if (code === 2) return 'set'
  if (code === 3) return 'no-data'
  throw new ArchiveError(
    'BAD_TOC',
    `Cannot read a data offset: flag is ${code} at offset ${offset}, must be 1, 2 or 3`,
    {
      offset,
      details: { pgRestore: `unexpected data offset flag ${code}` },
    },
  )
}

/** @throws ArchiveError LIMIT_EXCEEDED when a string is longer than `maxBytes` */
export function checkStringBytes(length: number, maxBytes: number, offset: number): void {
  if (length <= maxBytes) return
  throw new ArchiveError(
    'LIMIT_EXCEEDED',
    `Cannot read a string: it claims ${length} bytes at offset ${offset}, the limit stringBytes is ${maxBytes}`,
    { offset, details: { limit: 'stringBytes', max: maxBytes, observed: length }, hint: raiseHint('stringBytes') },
  )
}
