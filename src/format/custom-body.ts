import { BLK_BLOBS, BLK_DATA, type BlockHeader, type BlockReader, type ChunkPayload } from './custom-blocks.ts'
import { unknownBlockType } from './custom-errors.ts'
import { Turns } from './turns.ts'

/** A large object as stored within a BLK_BLOBS block. */
export interface StoredObject {
  /** Unsigned 32-bit OID. */
  readonly oid: number
  readonly payload: ChunkPayload
}

/** The body of the data block that a {@link BlockReader} has just come to: read forward, once. */
export class BlockBody {
  readonly header: BlockHeader
  readonly #reader: BlockReader
  #payload: ChunkPayload | undefined
  /** Every part of the body has been begun. */
  #last = false
  readonly #turns = new Turns()

  /** @throws ArchiveError BAD_BLOCK for an unknown type */
  constructor(reader: BlockReader, header: BlockHeader) {
    if (header.type !== BLK_DATA && header.type !== BLK_BLOBS) throw unknownBlockType(header, 'restore')
    this.header = header
    this.#reader = reader
  }

  get holdsLargeObjects(): boolean {
    return this.header.type === BLK_BLOBS
  }

  /** The one stream of a BLK_DATA block. */
  payload(): ChunkPayload {
    this.#last = true
    this.#payload ??= this.#reader.chunks()
    return this.#payload
  }

  /** The next object of a BLK_BLOBS block, null after the last; what is left of the one before is skipped. */
  nextObject(): Promise<StoredObject | null> {
    return this.#turns.run(() => this.#next())
  }

  /** Moves the reader to the end of the block and gives that offset. */
  finish(): Promise<number> {
    return this.#turns.run(async () => {
      if (!this.holdsLargeObjects) await this.payload().finish()
      else while ((await this.#next()) !== null);
      return this.#reader.pull.position
    })
  }

  async #next(): Promise<StoredObject | null> {
    await this.#payload?.finish()
    this.#payload = undefined
    if (this.#last) return null
    const oid = await this.#reader.readOid()
    if (oid === 0) {
      this.#last = true
      return null
    }
    this.#payload = this.#reader.chunks()
    return { oid, payload: this.#payload }
  }
}
