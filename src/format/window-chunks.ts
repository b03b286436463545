import type { ArchiveError } from '../errors.ts'
import type { Pull } from '../io/pull.ts'
import { WindowStream } from './window-stream.ts'

/** The bytes from where a window stands as a stream, as large as they come, without copies. */
export class WindowChunks extends WindowStream {
  readonly #pull: Pull
  readonly #short: (() => ArchiveError) | undefined
  #left: number
  #lent = 0

  /**
   * @param length how many bytes; Infinity up to the end
   * @param short what to throw when the input ends before
   */
  constructor(pull: Pull, length = Infinity, short?: () => ArchiveError) {
    super()
    this.#pull = pull
    this.#left = length
    this.#short = short
  }

  protected get ended(): boolean {
    return this.#left === 0
  }

  protected async read(): Promise<Uint8Array | null> {
    const pull = this.#pull
    this.leave()
    if (this.#left === 0) return null
    if (pull.available === 0 && !(await pull.fill())) {
      if (this.#short !== undefined) throw this.#short()
      return null
    }
    this.#lent = Math.min(this.#left, pull.available)
    this.#left -= this.#lent
    return pull.buffer.subarray(pull.start, pull.start + this.#lent)
  }

  /** What was not read stays for the window's owner to pass. */
  protected leave(): void {
    this.#pull.consume(this.#lent)
    this.#lent = 0
  }
}
