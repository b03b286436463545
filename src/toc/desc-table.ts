import { decodeByteString, isAscii } from '../bytes/byte-string.ts'

/** Beyond this many different types, which no real archive has, types are no longer kept here. */
const most = 1024

/** Nor are longer ones. */
const mostBytes = 64

/** Nor are more of one hash: to look through all that somebody made up would take longer than not to know them. */
const mostOfOneHash = 8

/**
 * The few different `desc` values of an archive, each kept once: entries are compared by type all the time, and an
 * archive of 100,000 entries has some 20 of them.
 */
export class DescTable {
  readonly #texts: string[] = []
  readonly #asciiTexts: (string | undefined)[] = []
  readonly #bytes: Uint8Array[] = []
  readonly #byHash = new Map<number, number[]>()
  /** The number found last for the end of a hash: nearly always the right one. */
  readonly #recent = new Int16Array(256).fill(-1)

  /** The number of the desc in bytes [start, end); −1 for one that is not kept. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    if (end - start > mostBytes) return -1
    let hash = end - start
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0
    const recent = this.#recent[hash & 255] ?? -1
    if (recent >= 0 && this.#equals(recent, bytes, start, end)) return recent
    const candidates = this.#byHash.get(hash)
    if (candidates !== undefined) {
      for (const id of candidates) {
        if (this.#equals(id, bytes, start, end)) return (this.#recent[hash & 255] = id)
      }
    }
    if (this.#texts.length >= most || (candidates?.length ?? 0) >= mostOfOneHash) return -1
    const id = this.#texts.length
    this.#bytes.push(bytes.slice(start, end))
    const text = decodeByteString(bytes, start, end)
    this.#texts.push(text)
    this.#asciiTexts.push(isAscii(text) ? text : undefined)
    this.#byHash.set(hash, [...(candidates ?? []), id])
    return id
  }

  /** 1 at the number of each of these descs that has one. */
  numbersOf(descs: ReadonlySet<string>): Uint8Array {
    return Uint8Array.from(this.#texts, (text) => (descs.has(text) ? 1 : 0))
  }

  /** The desc of a number, as a byte string; undefined for −1. */
  text(id: number): string | undefined {
    return this.#texts[id]
  }

  /** The same of one that is ASCII, so that it need not be decoded. */
  asciiText(id: number): string | undefined {
    return this.#asciiTexts[id]
  }

  #equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const known = this.#bytes[id]
    if (known === undefined || known.length !== end - start) return false
    for (let index = 0; index < known.length; index++) if (known[index] !== bytes[start + index]) return false
    return true
  }
}
