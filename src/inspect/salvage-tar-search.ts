import { decodeByteString } from '../bytes/byte-string.ts'
import { isArchiveError } from '../errors.ts'
import { readTarHeader, tarBlockBytes, tarDialect, type TarHeader } from '../format/tar-header.ts'
import { magic } from '../toc/header.ts'
import type { ByteWindow } from './salvage-bytes.ts'
import { ownName } from './salvage-files.ts'

/** Offset of the magic in a header. */
const magicAt = 257
const letterU = 0x75
/** Bytes that are looked through at a time. */
const searchBytes = 64 * 1024

/** A header and where it is. */
export interface PlacedHeader {
  readonly offset: number
  readonly header: TarHeader
}

/** Looks for headers of members that pg_dump writes, at any offset: by their magic, their name and their check sum. */
export class TarSearch {
  readonly #window: ByteWindow

  constructor(window: ByteWindow) {
    this.#window = window
  }

  /** The first header that begins from `from` on and before `to`. */
  async next(from: number, to: number): Promise<PlacedHeader | undefined> {
    const window = this.#window
    let at = from
    while (at < to && at + tarBlockBytes <= window.size) {
      await window.load(at, Math.min(searchBytes, window.size - at))
      const found = this.#inWindow(at, to)
      if (typeof found !== 'number') return found
      at = found
    }
    return undefined
  }

  /** A header in the window, or the offset from which on to look for one in the next. */
  #inWindow(from: number, to: number): PlacedHeader | number {
    const { bytes, base } = this.#window
    const last = Math.min(to - base, bytes.length - tarBlockBytes + 1)
    for (let at = from - base; ;) {
      const found = bytes.indexOf(letterU, at + magicAt)
      if (found < 0 || found - magicAt >= last) return base + Math.max(last, at)
      at = found - magicAt
      const header = this.#headerAt(at)
      if (header !== undefined) return { offset: base + at, header }
      at++
    }
  }

  #headerAt(at: number): TarHeader | undefined {
    const { bytes, base } = this.#window
    if (bytes[at + magicAt + 1] !== 0x73 || bytes[at + magicAt + 2] !== 0x74) return undefined
    const name = plainNameAt(bytes, at)
    if (!ownName.test(name) && name !== 'restore.sql') return undefined
    if (tarDialect(bytes.subarray(at, at + tarBlockBytes)) === undefined) return undefined
    try {
      return readTarHeader(bytes, at, base + at) ?? undefined
    } catch (error) {
      if (isArchiveError(error)) return undefined
      throw error
    }
  }
}

function plainNameAt(bytes: Uint8Array, at: number): string {
  const end = bytes.subarray(at, at + 100).indexOf(0)
  const name = decodeByteString(bytes, at, at + (end < 0 ? 100 : end))
  return name.slice(name.lastIndexOf('/') + 1)
}

/** What a header tells that is damaged, but is one: undefined for a block that is none. */
export function looksLikeTarHeader(
  block: Uint8Array,
): { readonly name: string; readonly size: number | undefined } | undefined {
  if (block.length < tarBlockBytes) return undefined
  const name = plainNameAt(block, 0)
  const isOwn = ownName.test(name)
  const size = octalAt(block, 124, 12)
  const isZero = (start: number, end: number): boolean => block.subarray(start, end).every((byte) => byte === 0)
  const signs = [
    isOwn,
    size !== undefined,
    octalAt(block, 136, 12) !== undefined,
    octalAt(block, 148, 8) !== undefined,
    decodeByteString(block, magicAt, magicAt + 5) === 'ustar',
    isZero(157, magicAt),
    isZero(345, tarBlockBytes),
  ]
  if (signs.filter(Boolean).length < 3) return undefined
  return { name: isOwn ? name : '', size }
}

function octalAt(block: Uint8Array, at: number, length: number): number | undefined {
  const digits = /^ *([0-7]{1,12})[ \0]/.exec(decodeByteString(block, at, at + length))?.[1]
  return digits === undefined ? undefined : Number.parseInt(digits, 8)
}

/** Zeros that a header has behind its last field; text has none. */
const tailZeros = 120
/** Bytes in which the end of a damaged header is looked for. */
const headerBytes = 2 * tarBlockBytes

/** Where data begin behind a damaged header that may have become longer or shorter: behind the zeros that end it. */
export async function startOfData(window: ByteWindow, from: number, end: number): Promise<number> {
  if (!(await window.load(from, Math.min(tarBlockBytes, end - from)))) return from
  const first = window.bytes.subarray(from - window.base, Math.min(from + tarBlockBytes, end) - window.base)
  if (isText(first) || decodeByteString(first.subarray(0, magic.length)) === magic) return from
  let run = 0
  for (let at = from; at < end; at++) {
    if (!window.has(at, 1) && !(await window.load(at, 1))) break
    if (window.byte(at) === 0) {
      run++
      continue
    }
    if (run >= tailZeros) return at
    run = 0
    if (at - from >= headerBytes) break
  }
  if (run >= tailZeros) return end
  if (!(await window.load(from, 1))) return from
  const block = window.bytes.subarray(from - window.base, from - window.base + tarBlockBytes)
  return block.includes(0) ? Math.min(end, from + tarBlockBytes) : from
}

/** Whether a block is text, and zeros behind it: no header, so that is gone. */
function isText(block: Uint8Array): boolean {
  const nul = block.indexOf(0)
  const text = nul < 0 ? block : block.subarray(0, nul)
  const isPlain = (byte: number): boolean => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d)
  return text.length > 0 && text.every(isPlain) && block.subarray(text.length).every((byte) => byte === 0)
}

/** How many zeros there are right before an offset, up to `most`. */
export async function zerosBefore(window: ByteWindow, offset: number, most: number): Promise<number> {
  let zeros = 0
  while (zeros < most) {
    const wanted = Math.min(most - zeros, searchBytes)
    const from = offset - zeros - wanted
    if (!(await window.load(from, wanted))) break
    for (let left = wanted; left > 0; left--) {
      if (window.byte(from + left - 1) !== 0) return zeros
      zeros++
    }
  }
  return zeros
}
