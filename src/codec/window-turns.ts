/** A stream whose decoder may need a large window. */
export interface WindowHolder {
  /** Neither over nor cancelled. */
  readonly running: boolean
  /** How its reader stands to it. */
  readonly reading: Reading
}

/** Keeps in mind when a stream was read last. */
export class Reading {
  #wanted = 0
  #readAt = -Infinity

  /** A chunk has been asked for. */
  begin(): void {
    this.#wanted++
  }

  /** It has been given. */
  end(): void {
    this.#wanted--
    this.#readAt = performance.now()
  }

  /** Since when nothing has been asked for, milliseconds of `performance.now()`; `-Infinity` before the first chunk. */
  get idleSince(): number {
    return this.#wanted > 0 ? Infinity : this.#readAt
  }
}

/** Decoders with a larger zstd window take turns. */
const SMALL_WINDOW = 8 * 1048576
/** A stream left alone for so many milliseconds no longer keeps others waiting: its reader may wait for one of them. */
const PATIENCE = 1000

/**
 * Lets one decoder with a large window run at a time. A stream that nobody reads yet waits for all others. One that is
 * read waits for the others that are being read, but not for ever: a reader who reads two of them by turns leaves the
 * first alone until the second gives something, and then both run.
 */
export class WindowTurns {
  readonly #holders = new Map<WindowHolder, number>()
  #waiting: (() => void)[] = []
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Bytes of the large windows in use. */
  get bytes(): number {
    return Array.from(this.#holders.values()).reduce((sum, bytes) => sum + bytes, 0)
  }

  /** Resolves when a decoder with such a window may run, or when its stream has come to an end meanwhile. */
  async take(holder: WindowHolder, bytes: number): Promise<void> {
    if (bytes <= SMALL_WINDOW || this.#holders.has(holder)) return
    while (holder.running && this.#mustWait(holder)) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve)
        this.#timer ??= setTimeout(() => this.wake(), PATIENCE)
      })
    }
    if (holder.running) this.#holders.set(holder, bytes)
  }

  #mustWait({ reading }: WindowHolder): boolean {
    if (reading.idleSince === -Infinity) return this.#holders.size > 0
    const still = performance.now() - PATIENCE
    for (const other of this.#holders.keys()) if (other.reading.idleSince > still) return true
    return false
  }

  /** A stream is over: the next one may begin. */
  release(holder: WindowHolder): void {
    this.#holders.delete(holder)
    this.wake()
  }

  /** Something has changed that may let one begin. */
  wake(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
