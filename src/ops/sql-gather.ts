import { writeByteString } from '../bytes/byte-string.ts'
import type { ChunkSource } from '../io/chunks.ts'
import { ObjectWriter } from '../sql/large-object.ts'

/** Bytes gathered before they go out: few calls for whoever writes, and still in the cache of a core. */
const BUFFER_BYTES = 256 * 1024

/** Chunks from this size on are passed through as they are; smaller ones are cheaper to copy than to hand on. */
const PASS_THROUGH_BYTES = 64 * 1024

/**
 * Gathers text and small chunks of data into one reused buffer and lends it when it is full; large chunks pass through
 * uncopied. Every generator yields chunks that are valid until it is resumed.
 */
export class SqlGatherer {
  readonly #buffer = new Uint8Array(BUFFER_BYTES)
  #used = 0

  #copy(chunk: Uint8Array): void {
    this.#buffer.set(chunk, this.#used)
    this.#used += chunk.length
  }

  /** Adds a byte string. */
  *text(text: string): Generator<Uint8Array, void, void> {
    for (let at = 0; at < text.length;) {
      const count = Math.min(BUFFER_BYTES - this.#used, text.length - at)
      const piece = count === text.length ? text : text.slice(at, at + count)
      writeByteString(piece, this.#buffer, this.#used)
      this.#used += count
      at += count
      if (this.#used === BUFFER_BYTES) yield* this.flush()
    }
  }

  /** Adds all that a source lends. The caller cancels the source. */
  async *data(source: ChunkSource): AsyncGenerator<Uint8Array, void, void> {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
      if (chunk.length > BUFFER_BYTES - this.#used || chunk.length >= PASS_THROUGH_BYTES) yield* this.flush()
      if (chunk.length >= PASS_THROUGH_BYTES) yield chunk
      else this.#copy(chunk)
    }
  }

  /** Adds the bytes of a large object as lowrite() calls. The caller cancels the source. */
  async *largeObject(source: ChunkSource, stdStrings: boolean): AsyncGenerator<Uint8Array, void, void> {
    const writer = new ObjectWriter(stdStrings)
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) {
      for (let at = 0; at < chunk.length;) {
        const { taken, written } = writer.write(chunk, at, this.#buffer, this.#used)
        this.#used += written
        at += taken
        if (at < chunk.length) yield* this.flush()
      }
    }
    if (BUFFER_BYTES - this.#used < writer.minimumRoom) yield* this.flush()
    this.#used += writer.end(this.#buffer, this.#used)
  }

  /** Drops what has been gathered. */
  forget(): void {
    this.#used = 0
  }

  /** Lends what has been gathered. */
  *flush(): Generator<Uint8Array, void, void> {
    if (this.#used === 0) return
    const { length } = this.#buffer.subarray(0, this.#used)
    this.#used = 0
    yield this.#buffer.subarray(0, length)
  }
}
