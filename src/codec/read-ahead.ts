import type { ChunkSource } from '../io/chunks.ts'

/** Input for one trip to the thread pool: what deflate makes of it fills a buffer, or nearly. */
const PIECE_BYTES = 256 * 1024

interface Piece {
  readonly buffer: Uint8Array
  readonly length: number
}

/**
 * Reads one piece ahead: while the thread pool decodes one, the next is read and gathered from the chunks of the input,
 * which may be small. Bench case "sql gzip to /dev/null" made it so.
 */
export class ReadAhead implements ChunkSource {
  readonly #input: ChunkSource
  readonly #idle: Uint8Array[] = []
  #reading: Promise<Piece> | undefined
  #lent: Uint8Array | undefined
  #rest: Uint8Array = new Uint8Array(0) // of the chunk that the input has lent
  #ended = false
  #failure: { readonly error: unknown } | undefined

  constructor(input: ChunkSource) {
    this.#input = input
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#lent !== undefined) this.#idle.push(this.#lent)
    this.#lent = undefined
    const reading = this.#reading ?? this.#read()
    const { buffer, length } = await reading
    if (length === 0) {
      this.#reading = undefined
      if (this.#failure !== undefined) throw this.#failure.error
      return null
    }
    this.#lent = buffer
    this.#reading = this.#read()
    return length === buffer.length ? buffer : buffer.subarray(0, length)
  }

  /** Never rejects: what came before a failure is given first. */
  async #read(): Promise<Piece> {
    const buffer = this.#idle.pop() ?? new Uint8Array(PIECE_BYTES)
    let length = 0
    try {
      while (length < buffer.length && !this.#ended) {
        if (this.#rest.length === 0) {
          const chunk = await this.#input.next()
          if (chunk === null) this.#ended = true
          else this.#rest = chunk
        }
        const part = this.#rest.subarray(0, buffer.length - length)
        buffer.set(part, length)
        length += part.length
        this.#rest = this.#rest.subarray(part.length)
      }
    } catch (error) {
      this.#ended = true
      this.#failure = { error }
    }
    return { buffer, length }
  }

  async cancel(): Promise<void> {
    this.#ended = true
    this.#rest = new Uint8Array(0)
    await this.#input.cancel()
    await this.#reading
  }
}
