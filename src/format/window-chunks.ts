import { ArchiveError } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Pull } from '../io/pull.ts'

/** The bytes from where a window stands as a stream, as large as they come, without copies. */
export class WindowChunks implements ChunkSource {
  readonly #pull: Pull
  readonly #short: (() => ArchiveError) | undefined
  #left: number
  #lent = 0
  #reading: Promise<Uint8Array | null> | undefined
  #skipped = false

  /**
   * @param length how many bytes; Infinity up to the end
   * @param short what to throw when the input ends before
   */
  constructor(pull: Pull, length = Infinity, short?: () => ArchiveError) {
    this.#pull = pull
    this.#left = length
    this.#short = short
  }

  /** @throws ArchiveError CLOSED after {@link WindowChunks.finish} */
  async next(): Promise<Uint8Array | null> {
    if (this.#skipped) {
      throw new ArchiveError('CLOSED', 'Cannot read on: the archive has been moved past these data', {
        hint: 'Read the data of an entry or large object before asking for the next one',
      })
    }
    this.#reading = this.#read()
    return await this.#reading
  }

  /** Gives the chunk lent last back, so that whoever owns the window may go on with it. */
  async finish(): Promise<void> {
    await this.#reading?.catch(() => undefined)
    this.#skipped = this.#left > 0
    this.#release()
  }

  async cancel(): Promise<void> {
    // the window belongs to whoever opened it
  }

  async #read(): Promise<Uint8Array | null> {
    const pull = this.#pull
    this.#release()
    if (this.#left === 0) return null
    if (pull.available === 0 && !(await pull.fill())) {
      if (this.#short !== undefined) throw this.#short()
      return null
    }
    this.#lent = Math.min(this.#left, pull.available)
    this.#left -= this.#lent
    return pull.buffer.subarray(pull.start, pull.start + this.#lent)
  }

  #release(): void {
    this.#pull.consume(this.#lent)
    this.#lent = 0
  }
}
