import { CodecFailure, type Container } from '../codec/codec.ts'
import { ZstdFrameWalker } from '../codec/zstd-frame.ts'

/** Bytes of a chunk's length: a sign byte and four of magnitude. */
const INT_BYTES = 5

/** Where chunks end: after so many bytes, the first one perhaps earlier, or after each line. */
export interface ChunkRule {
  readonly bytes: number
  readonly firstBytes?: number
  readonly lines?: boolean
}

/** The longest chunk of uncompressed text; longer rows are cut. */
const LINE_BYTES = 4 * 1024 * 1024

/**
 * Chunks as pg_dump cuts them (compress_gzip.c, compress_lz4.c, compress_zstd.c; uncompressed rows come from the server
 * one by one, and large objects in pieces of LOBBUFSIZE). The sizes mean nothing to a reader.
 */
export function chunkRule(container: Container, content: 'rows' | 'large-object'): ChunkRule {
  switch (container) {
    case 'none':
      return content === 'rows' ? { bytes: LINE_BYTES, lines: true } : { bytes: 16384 }
    case 'zlib':
    case 'gzip':
      return { bytes: 4096 }
    case 'lz4':
      return { firstBytes: 7, bytes: 65536 }
    case 'zstd':
      return { bytes: 131591 }
    default:
      return container satisfies never
  }
}

const LINE_FEED = 0x0a

/** Room at first: archives may have a million large objects of a few bytes. */
const FIRST_BYTES = 4096

/**
 * Cuts a stream into Chunks and gathers them (_CustomWriteFunc, pg_backup_custom.c): {@link ChunkFramer.add} takes bytes,
 * {@link ChunkFramer.take} lends what is complete.
 */
export class ChunkFramer {
  readonly #rule: ChunkRule
  #buffer = new Uint8Array(FIRST_BYTES)
  #end = 0
  /** Index of the length of the chunk being filled; −1 between chunks. */
  #open = -1
  #first = true

  constructor(rule: ChunkRule) {
    this.#rule = rule
  }

  /** Bytes gathered so far. */
  get length(): number {
    return this.#end
  }

  add(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    for (let at = 0; at < bytes.length;) {
      if (this.#open < 0) {
        this.#reserve(bytes.length - at + INT_BYTES)
        this.#open = this.#end
        this.#end += INT_BYTES
      }
      const { lines = false } = this.#rule
      const limit = this.#first ? (this.#rule.firstBytes ?? this.#rule.bytes) : this.#rule.bytes
      const room = limit - (this.#end - this.#open - INT_BYTES)
      let stop = Math.min(bytes.length, at + room)
      const lineFeed = lines ? bytes.indexOf(LINE_FEED, at) : -1
      const endsLine = lineFeed >= 0 && lineFeed < stop
      if (endsLine) stop = lineFeed + 1
      this.#buffer.set(bytes.subarray(at, stop), this.#end)
      this.#end += stop - at
      if (endsLine || stop - at === room) this.#close()
      at = stop
    }
  }

  /** What is added next begins a chunk. */
  cut(): void {
    this.#close()
  }

  /** Ends the stream: the last chunk, and the terminator. */
  end(): void {
    this.#close()
    this.#reserve(INT_BYTES)
    this.#buffer.fill(0, this.#end, this.#end + INT_BYTES)
    this.#end += INT_BYTES
    this.#first = true
  }

  /** The complete chunks, valid until the next `add`. */
  take(): Uint8Array {
    const ready = this.#open < 0 ? this.#end : this.#open
    const rest = this.#end - ready
    const taken = this.#buffer.subarray(0, ready)
    if (rest > 0) {
      // an unfinished chunk goes to a buffer of its own, and what is lent stays
      const next = new Uint8Array(this.#buffer.length)
      next.set(this.#buffer.subarray(ready, this.#end))
      this.#buffer = next
      this.#open = 0
    }
    this.#end = rest
    return taken
  }

  #close(): void {
    const open = this.#open
    this.#open = -1
    if (open < 0) return
    this.#first = false
    const length = this.#end - open - INT_BYTES
    this.#buffer[open] = 0
    for (let index = 0; index < 4; index++) this.#buffer[open + 1 + index] = (length >>> (8 * index)) & 255
  }

  /** Room for so many bytes and a length. */
  #reserve(bytes: number): void {
    const needed = this.#end + bytes + INT_BYTES
    if (needed <= this.#buffer.length) return
    const larger = new Uint8Array(Math.max(needed, 2 * this.#buffer.length))
    larger.set(this.#buffer.subarray(0, this.#end))
    this.#buffer = larger
  }
}

/**
 * Adds zstd data that others have compressed to a framer, each frame in chunks of its own: pg_restore passes over what
 * follows the end of a frame within a chunk (ReadDataFromArchiveZstd, compress_zstd.c).
 */
export function addingFrames(framer: ChunkFramer): (bytes: Uint8Array) => void {
  const walker = new ZstdFrameWalker(() => undefined)
  let isSound = true
  return (bytes) => {
    let from = 0
    const onEnd = (end: number): void => {
      framer.add(bytes.subarray(from, end))
      framer.cut()
      from = end
    }
    try {
      if (isSound) walker.walk(bytes, onEnd)
    } catch (error) {
      if (!(error instanceof CodecFailure)) throw error
      // data that are damaged are copied as they are
      isSound = false
    }
    framer.add(bytes.subarray(from))
  }
}
