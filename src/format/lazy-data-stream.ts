import type { ByteStream } from '../io/byte-stream.ts'
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

  // of the object itself, since a view may take them to make other data of these
  readonly stored = (): Promise<StoredForm> => this.#ways.stored()
  readonly borrow: ByteStream['borrow'] = () => this.#stream().borrow()
  readonly readable: ByteStream['readable'] = () => this.#stream().readable()
  readonly pipeTo: ByteStream['pipeTo'] = (output, options) => this.#stream().pipeTo(output, options)
  readonly bytes: ByteStream['bytes'] = (options) => this.#stream().bytes(options)
  readonly [Symbol.asyncIterator] = (): AsyncIterator<Uint8Array> => this.#stream()[Symbol.asyncIterator]()

  constructor(ways: DataWays) {
    this.#ways = ways
  }

  /** Of the class: who makes other data of these need not know of it, and does not hand it on. */
  atHand(): Uint8Array | undefined {
    return this.#ways.atHand?.()
  }

  #stream(): ByteStream {
    this.#made ??= this.#ways.stream()
    return this.#made
  }
}
