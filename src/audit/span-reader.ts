import type { ByteSpan } from '../toc/types.ts'

/** What bytes may be in names that need no quotes: 1 first, 2 further on; 4 in a list of such names. */
const nameBytes = Uint8Array.from({ length: 256 }, (_, code) => {
  const char = String.fromCharCode(code)
  return (/[a-z_]/.test(char) ? 1 : 0) | (/[a-z0-9_]/.test(char) ? 2 : 0) | (/[a-z0-9_, ]/.test(char) ? 4 : 0)
})

/** Whether the bytes [start, end) are a name that needs no quotes, unless it is a key word. */
export function isPlainName(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end || ((nameBytes[bytes[start] ?? 0] ?? 0) & 1) === 0) return false
  for (let at = start; at < end; at++) if (((nameBytes[bytes[at] ?? 0] ?? 0) & 2) === 0) return false
  return true
}

/**
 * Goes through bytes, comparing them part by part with what they are to be: to make strings of the texts of many entries
 * takes most of the time that it takes to look at them (bench case audit).
 */
export class SpanReader implements ByteSpan {
  bytes: Uint8Array = new Uint8Array(0)
  /** Where the next part is looked for. */
  start = 0
  end = 0

  /** Begins anew, with these bytes. */
  read({ bytes, start, end }: ByteSpan): this {
    this.bytes = bytes
    this.start = start
    this.end = end
    return this
  }

  get isOver(): boolean {
    return this.start === this.end
  }

  /** Goes over a text, if it is what comes next. */
  says(text: string): boolean {
    const { bytes, start } = this
    const { length } = text
    if (start + length > this.end) return false
    for (let at = 0; at < length; at++) if (text.charCodeAt(at) !== bytes[start + at]) return false
    this.start = start + length
    return true
  }

  /** Goes over the bytes of a span, if they are what comes next. */
  has(span: ByteSpan): boolean {
    const { bytes, start } = this
    const length = span.end - span.start
    if (start + length > this.end) return false
    for (let at = 0; at < length; at++) if (span.bytes[span.start + at] !== bytes[start + at]) return false
    this.start = start + length
    return true
  }

  /** Whether the text is the end of what is left. */
  endsWith(text: string): boolean {
    const from = this.end - text.length
    if (from < this.start) return false
    for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) !== this.bytes[from + at]) return false
    return true
  }

  /** Goes over names, commas and blanks, as many as there are. */
  overList(): boolean {
    while (this.start < this.end && ((nameBytes[this.bytes[this.start] ?? 0] ?? 0) & 4) !== 0) this.start++
    return true
  }

  /** Goes over a name that needs no quotes, and notes where it is. */
  overName(span: ByteSpan): boolean {
    const { bytes, start, end } = this
    if (start >= end || ((nameBytes[bytes[start] ?? 0] ?? 0) & 1) === 0) return false
    let at = start + 1
    while (at < end && ((nameBytes[bytes[at] ?? 0] ?? 0) & 2) !== 0) at++
    span.bytes = bytes
    span.start = start
    span.end = at
    this.start = at
    return true
  }

  /** Goes on to this byte, which must be there before any of `but`. */
  upTo(code: number, but: number): boolean {
    for (let at = this.start; at < this.end; at++) {
      if (this.bytes[at] === code) {
        this.start = at
        return true
      }
      if (this.bytes[at] === but) return false
    }
    return false
  }
}
