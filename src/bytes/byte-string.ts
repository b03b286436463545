/**
 * Byte strings: one UTF-16 unit 0–255 for each byte. Text composed of them comes out as the original bytes whatever
 * encoding those are in, and V8 keeps them at one byte a character.
 */

/** The part of Node.js' Buffer used here where it exists: an order of magnitude faster than a loop. */
interface Latin1Methods {
  latin1Slice(this: Uint8Array, start: number, end: number): string
  latin1Write(this: Uint8Array, text: string, offset: number, length: number): number
}

const nodeBuffer = (globalThis as { readonly Buffer?: { readonly prototype: Latin1Methods } }).Buffer
const latin1 = nodeBuffer?.prototype
const latin1Slice = latin1?.latin1Slice
const latin1Write = latin1?.latin1Write

/** Bytes [start, end) as a byte string. */
export function decodeByteString(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (latin1Slice !== undefined) return latin1Slice.call(bytes, start, end)
  let text = ''
  // fromCharCode takes its arguments on the stack: 8 KiB at a time is safe everywhere
  for (let at = start; at < end; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 8192, end)))
  }
  return text
}

/** Writes a byte string into `target` at `offset`, which must have room; gives the number of bytes. */
export function writeByteString(text: string, target: Uint8Array, offset: number): number {
  if (latin1Write !== undefined) return latin1Write.call(target, text, offset, text.length)
  for (let index = 0; index < text.length; index++) target[offset + index] = text.charCodeAt(index)
  return text.length
}

/** A byte string as bytes of its own. */
export function encodeByteString(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  writeByteString(text, bytes, 0)
  return bytes
}

const utf8 = new TextEncoder()

/** JavaScript text as the byte string of its UTF-8 form: what a terminal would have sent. */
export function utf8ToByteString(text: string): string {
  return isAscii(text) ? text : decodeByteString(utf8.encode(text))
}

const nonAscii = /[\u0080-\uffff]/

/** Whether every unit is below 128. */
export function isAscii(text: string): boolean {
  return !nonAscii.test(text)
}

/** The same text in memory of its own: a slice of a long text keeps all of it. */
export function copyOf(text: string): string {
  return ` ${text}`.slice(1)
}
