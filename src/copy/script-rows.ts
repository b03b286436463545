/** What makes COPY text something else than rows to psql. */
export type UnsafeRows = 'text after the end mark' | 'end mark within a line' | 'unknown escape' | 'nul'

/** A place in COPY text that psql, or a server that refuses the COPY, would not take for a row. */
export interface UnsafeRowSpot {
  readonly kind: UnsafeRows
  /** Bytes of the data before it. */
  readonly offset: number
}

const backslash = 0x5c
const dot = 0x2e
const lineFeed = 0x0a
const carriageReturn = 0x0d

/** What may follow a backslash in what COPY TO writes (CopyAttributeOutText, copyto.c). */
const escapes: ReadonlySet<number> = new Set(Array.from('bfnrtvN\\', (char) => char.charCodeAt(0)))

/**
 * Reads the rows of a script as psql does, in chunks of any size: it goes back to reading SQL behind the first line that
 * is `\.` (handleCopyIn, copy.c). Native searches find the few bytes that matter, so that honest rows cost next to nothing.
 */
export class ScriptRows {
  #offset = 0
  #atLineStart = true
  /** What was read last and waits for what follows. */
  #pending: 'none' | 'backslash' | 'mark' = 'none'
  /** The backslash begins a line. */
  #pendingAtStart = false
  #ended = false

  /** Whether the end mark was read. */
  get ended(): boolean {
    return this.#ended
  }

  /** Reads a chunk; gives the first unsafe place in it. Nothing more should be read then. */
  push(chunk: Uint8Array): UnsafeRowSpot | undefined {
    const found = this.#read(chunk)
    this.#offset += chunk.length
    return found === undefined ? undefined : { kind: found.kind, offset: this.#offset - chunk.length + found.at }
  }

  #read(chunk: Uint8Array): { readonly kind: UnsafeRows; readonly at: number } | undefined {
    let at = 0
    while (at < chunk.length) {
      if (this.#ended) {
        for (; at < chunk.length; at++) {
          if (chunk[at] !== lineFeed && chunk[at] !== carriageReturn) return { kind: 'text after the end mark', at }
        }
        return undefined
      }
      if (this.#pending === 'mark') {
        // the mark, and perhaps a carriage return, is a line
        if (chunk[at] === lineFeed) this.#ended = true
        else if (chunk[at] !== carriageReturn) return { kind: 'end mark within a line', at }
        at++
        continue
      }
      if (this.#pending === 'backslash') {
        const byte = chunk[at] ?? 0
        if (byte === dot) {
          if (!this.#pendingAtStart) return { kind: 'end mark within a line', at }
          this.#pending = 'mark'
        } else {
          if (!escapes.has(byte)) return { kind: 'unknown escape', at }
          this.#pending = 'none'
        }
        at++
        this.#atLineStart = false
        continue
      }
      const found = chunk.indexOf(backslash, at)
      const end = found === -1 ? chunk.length : found
      const nul = chunk.subarray(at, end).indexOf(0)
      if (nul !== -1) return { kind: 'nul', at: at + nul }
      if (end > at) this.#atLineStart = chunk[end - 1] === lineFeed
      if (found === -1) return undefined
      this.#pending = 'backslash'
      this.#pendingAtStart = this.#atLineStart
      at = found + 1
    }
    return undefined
  }
}
