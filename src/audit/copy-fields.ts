const TAB = 0x09
const LINE_FEED = 0x0a
const BACKSLASH = 0x5c
const LETTER_N = 0x4e

/** Receives each row of COPY text: the fields as stored lie in `bytes` from `starts[i]` up to `ends[i]`, until it returns. */
export type OnRow = (bytes: Uint8Array, starts: Int32Array, ends: Int32Array, fields: number) => void

/** Fields of a row that can be told apart: PostgreSQL's limit. */
const MAX_FIELDS = 1664

/** Where the fields of a row lie: of the one that was read last, whichever entry's. An archive may have many entries. */
const fieldStarts = new Int32Array(MAX_FIELDS)
const fieldEnds = new Int32Array(MAX_FIELDS)

/**
 * Takes COPY text apart into rows and fields, escapes left as they are: pg_dump writes the same value the same way, so
 * stored fields compare as values do. A row that is in several chunks is joined, up to `maxRowBytes`; a longer one is counted
 * and left out.
 */
export class CopyFields {
  readonly #onRow: OnRow
  readonly #maxRowBytes: number
  #rest: Uint8Array[] = []
  #restBytes = 0
  #isEnded = false
  rows = 0
  /** Rows among them that were too long to be taken apart. */
  tooLong = 0

  constructor(onRow: OnRow, maxRowBytes: number) {
    this.#onRow = onRow
    this.#maxRowBytes = maxRowBytes
  }

  push(chunk: Uint8Array): void {
    let at = 0
    while (at < chunk.length && !this.#isEnded) {
      const end = chunk.indexOf(LINE_FEED, at)
      if (end === -1) {
        this.#keep(chunk.subarray(at))
        return
      }
      if (this.#restBytes > 0) this.#joined(chunk.subarray(at, end))
      else this.#row(chunk, at, end)
      at = end + 1
    }
  }

  #keep(part: Uint8Array): void {
    this.#restBytes += part.length
    // what is too long is counted, not kept
    if (this.#restBytes <= this.#maxRowBytes) this.#rest.push(part.slice())
    else this.#rest = []
  }

  #joined(last: Uint8Array): void {
    const total = this.#restBytes + last.length
    if (total > this.#maxRowBytes) {
      this.rows++
      this.tooLong++
    } else {
      const row = new Uint8Array(total)
      let at = 0
      for (const part of this.#rest) {
        row.set(part, at)
        at += part.length
      }
      row.set(last, at)
      this.#row(row, 0, total)
    }
    this.#rest = []
    this.#restBytes = 0
  }

  #row(bytes: Uint8Array, from: number, to: number): void {
    if (to - from === 2 && bytes[from] === BACKSLASH && bytes[from + 1] === 0x2e) {
      this.#isEnded = true
      return
    }
    let fields = 0
    let start = from
    for (let at = from; at <= to && fields < MAX_FIELDS; at++) {
      if (at < to && bytes[at] !== TAB) continue
      fieldStarts[fields] = start
      fieldEnds[fields] = at
      fields++
      start = at + 1
    }
    this.rows++
    this.#onRow(bytes, fieldStarts, fieldEnds, fields)
  }
}

/** `\N` */
export function isNull(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start === 2 && bytes[start] === BACKSLASH && bytes[start + 1] === LETTER_N
}

/** Where `1.50` ends that is to be `1.5`: numbers that are equal may have been given with other places. */
export function endOfNumber(bytes: Uint8Array, start: number, end: number): number {
  let point = start
  while (point < end && bytes[point] !== 0x2e) point++
  if (point === end) return end
  let last = end
  while (bytes[last - 1] === 0x30) last--
  return last - 1 === point ? point : last
}

/** The halves of a hash of several fields, by two independent multipliers (FNV-1a and a Murmur-like mix). */
export class KeyHash {
  high = 0
  low = 0

  /**
   * @param takesNull whether NULL is a value like any other; no other is written like it
   * @returns false when one of the fields is null, and that is none
   */
  of(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, columns: readonly number[], takesNull = false): boolean {
    let a = 0x811c9dc5
    let b = 0x9747b28c
    for (const column of columns) {
      const start = starts[column] ?? 0
      const end = ends[column] ?? 0
      if (!takesNull && isNull(bytes, start, end)) return false
      for (let at = start; at < end; at++) {
        const byte = bytes[at] ?? 0
        a = Math.imul(a ^ byte, 0x01000193)
        b = Math.imul(b ^ byte, 0x5bd1e995)
        b ^= b >>> 13
      }
      // a field ends: ('a', 'b') is another key than ('ab', '')
      a = Math.imul(a ^ 0x109, 0x01000193)
      b = Math.imul(b ^ 0x10a, 0x5bd1e995)
    }
    this.high = mix(a)
    this.low = mix(b)
    return true
  }
}

function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
