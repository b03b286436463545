import { DigestStore } from '../ops/digest-store.ts'
import { NumberIndex } from '../ops/number-index.ts'

/** What was found of a large object. */
export interface ReadObject {
  readonly bytes: number
  /** Null when not all could be read; in memory that is shared. */
  readonly digest: Uint8Array | null
}

/** What was found of all large objects, by OID: there may be millions of them. */
export class ReadObjects {
  readonly #oids = new NumberIndex()
  readonly #digests = new DigestStore()
  /** By place; most archives have a few. */
  #bytes = new Float64Array(16)

  get size(): number {
    return this.#oids.size
  }

  has(oid: number): boolean {
    return this.#oids.has(oid)
  }

  get(oid: number): ReadObject | undefined {
    const place = this.#oids.placeOf(oid)
    if (place < 0) return undefined
    return { bytes: this.#bytes[place] ?? 0, digest: this.#digests.borrow(place) ?? null }
  }

  /** The last one counts. */
  set(oid: number, { bytes, digest }: ReadObject): void {
    const place = this.#oids.add(oid)
    if (place >= this.#bytes.length) {
      const grown = new Float64Array(place * 2)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes[place] = bytes
    if (digest === null) this.#digests.remove(place)
    else this.#digests.set(place, digest)
  }

  keys(): Iterable<number> {
    return this.#oids.keys()
  }
}
