import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'

/**
 * Data that are read from a window which others go on with: {@link WindowStream.finish} moves the window past them,
 * and whoever still reads is told.
 */
export abstract class WindowStream implements ChunkSource {
  #reading: Promise<Uint8Array | null> | undefined
  #passed = false

  /** @throws ArchiveError CLOSED after {@link WindowStream.finish} where there was more, and what reading throws */
  async next(): Promise<Uint8Array | null> {
    if (this.#passed) {
      throw new ArchiveError('CLOSED', 'Cannot read on: the archive has been moved past these data', {
        hint: 'Read the data of an entry or large object before asking for the next one',
      })
    }
    this.#reading = this.read()
    return await this.#reading
  }

  /** Gives the window back to whoever owns it, behind what was read or behind all of it. */
  async finish(): Promise<void> {
    await this.#reading?.catch(() => undefined)
    if (!this.ended) this.#passed = true
    await this.leave()
  }

  async cancel(): Promise<void> {
    // the window belongs to whoever opened it, and may go on behind these data
  }

  /** All of the data have been lent. */
  protected abstract get ended(): boolean

  /** The next chunk, lent out of the window; null at the end. */
  protected abstract read(): Promise<Uint8Array | null>

  /** Gives the chunk lent last back. */
  protected abstract leave(): void | Promise<void>
}
