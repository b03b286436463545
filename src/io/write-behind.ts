const MiB = 1024 * 1024

/** Size of one buffer; a longer chunk is passed on in pieces. */
const BUFFER_BYTES = MiB

/** Buffers in all: one being written, the others filled meanwhile. */
const BUFFERS = 4

/** Buffers that nobody uses: a directory of many small files needs a few, not one for each. */
const idle: Uint8Array[] = []

/**
 * Writes behind the caller's back: a chunk is copied and the caller goes on while the kernel takes it. A failed write
 * is thrown by the next call, and by every one after it. Bench case "sql none to a file" made it so.
 */
export class WriteBehind {
  readonly #write: (bytes: Uint8Array, position: number) => Promise<void>
  /** Writes under way, oldest first; each gives its buffer back. */
  readonly #writing: Promise<Uint8Array>[] = []
  #made = 0
  #filling: Uint8Array | undefined
  #filled = 0
  #position = 0
  #last: Promise<Uint8Array> = Promise.resolve(new Uint8Array(0))
  #failure: { readonly error: unknown } | undefined

  /** @param write writes all of `bytes` at `position` */
  constructor(write: (bytes: Uint8Array, position: number) => Promise<void>) {
    this.#write = write
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position + this.#filled
  }

  /** Takes a chunk; the caller may reuse its bytes when the promise resolves. */
  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length;) {
      this.#check()
      const buffer = (this.#filling ??= await this.#take())
      const length = Math.min(chunk.length - at, buffer.length - this.#filled)
      buffer.set(chunk.subarray(at, at + length), this.#filled)
      this.#filled += length
      at += length
      if (this.#filled === buffer.length) this.#pass()
    }
  }

  /** Gives the buffers to others, once everything taken has been written; nothing may follow. */
  async release(): Promise<void> {
    const buffers = await Promise.all(this.#writing.splice(0))
    if (idle.length < BUFFERS) idle.push(...buffers)
  }

  /** Waits until everything taken has been written. */
  async drain(): Promise<void> {
    if (this.#filled > 0) this.#pass()
    await this.#last
    this.#check()
  }

  /** Waits for what is under way and forgets the rest. */
  async stop(): Promise<void> {
    this.#failure ??= { error: new Error('the output was given up') }
    await this.#last
  }

  /** Hands the buffer being filled to the kernel. */
  #pass(): void {
    const buffer = this.#filling
    if (buffer === undefined) return
    const bytes = buffer.subarray(0, this.#filled)
    const position = this.#position
    this.#position += this.#filled
    this.#filling = undefined
    this.#filled = 0
    this.#last = this.#last.then(async () => {
      try {
        if (this.#failure === undefined) await this.#write(bytes, position)
      } catch (error) {
        this.#failure ??= { error }
      }
      return buffer
    })
    this.#writing.push(this.#last)
  }

  /** A buffer to fill: a new one, or the one whose write ends first. */
  async #take(): Promise<Uint8Array> {
    if (this.#writing.length < BUFFERS - 1 && this.#made < BUFFERS) {
      this.#made++
      return idle.pop() ?? new Uint8Array(BUFFER_BYTES)
    }
    const buffer = await this.#writing.shift()
    this.#check()
    return buffer ?? new Uint8Array(BUFFER_BYTES)
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
