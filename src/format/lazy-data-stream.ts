import type { Readable } from 'node:stream'
import type { ByteStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { ArchiveOutput } from '../io/sink.ts'
import type { DataStream, StoredForm } from './stored-data.ts'

/** What a {@link LazyDataStream} is made from. */
export interface DataWays {
  /** The stream, asked for once. */
  stream(): ByteStream
  stored(): Promise<StoredForm>
  atHand?(): Uint8Array | undefined
}

/** Data whose stream is made when it is used: most of very many small tables are had without one. */
export class LazyDataStream implements DataStream {
  readonly #ways: DataWays
  #made: ByteStream | undefined

  constructor(ways: DataWays) {
    this.#ways = ways
  }

  get #stream(): ByteStream {
    this.#made ??= this.#ways.stream()
    return this.#made
  }

  stored(): Promise<StoredForm> {
    return this.#ways.stored()
  }

  atHand(): Uint8Array | undefined {
    return this.#ways.atHand?.()
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#stream[Symbol.asyncIterator]()
  }

  borrow(): ChunkSource {
    return this.#stream.borrow()
  }

  readable(): Readable {
    return this.#stream.readable()
  }

  pipeTo(output: ArchiveOutput, options?: { readonly signal?: AbortSignal }): Promise<number> {
    return this.#stream.pipeTo(output, options)
  }

  bytes(options?: { readonly maxBytes?: number }): Promise<Uint8Array> {
    return this.#stream.bytes(options)
  }
}
