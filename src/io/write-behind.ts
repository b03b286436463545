import { usesCallingThread } from './calling-thread.ts'

/**
 * Size of one buffer; a longer chunk is passed on in pieces. Linux keeps what one call writes in one piece of memory, and
 * takes pieces of 1 MiB from what it has not used lately, which on virtual machines the host has to find first: writing
 * takes five times as long there.
 */
const BUFFER_BYTES = 512 * 1024

/** Buffers in all: one being written, the others filled meanwhile. */
const BUFFERS = 8

/** Buffers that nobody uses: a directory of many small files needs a few, not one for each. */
const idle: Uint8Array[] = []

/**
 * Where the calling thread writes, it writes chunks from this size on, without a copy, and what is not more than that. What
 * has been gathered from small chunks is written behind its back: who makes those has enough to do.
 */
const SHORT_BYTES = 64 * 1024

/** The rate at which the calling thread writes is looked at for so many bytes at a time. */
const PACE_BYTES = 8 * 1024 * 1024

/** Bytes per millisecond below which it waits for the disk, and others could work meanwhile. */
const SLOW_PACE = 128 * 1024

/** Bytes written behind its back after that, before it is tried again. */
const BEHIND_BYTES = 256 * 1024 * 1024

/**
 * Writes behind the caller's back: a chunk is copied and the caller goes on while the kernel takes it. A failed write
 * is thrown by the next call, and by every one after it.
 *
 * Where nothing else waits for the calling thread (`useCallingThread`), that thread writes, as long as the kernel takes
 * the bytes as fast as memory does: a trip to the thread pool takes as long as writing 100 KiB. Bench case "sql none to a
 * file" made it so.
 */
export class WriteBehind {
  readonly #write: (bytes: Uint8Array, position: number) => Promise<void>
  readonly #writeNow: (bytes: Uint8Array, position: number) => void
  /** Writes under way, oldest first; each gives its buffer back. */
  readonly #writing: Promise<Uint8Array>[] = []
  #underWay = 0
  #made = 0
  #filling: Uint8Array | undefined
  #filled = 0
  #position = 0
  #last: Promise<Uint8Array> = Promise.resolve(new Uint8Array(0))
  #failure: { readonly error: unknown } | undefined
  #behindUntil = 0 // position from which the calling thread may write
  #pacedBytes = 0
  #pacedTime = 0

  /**
   * @param write writes all of `bytes` at `position`
   * @param writeNow the same on the calling thread
   */
  constructor(
    write: (bytes: Uint8Array, position: number) => Promise<void>,
    writeNow: (bytes: Uint8Array, position: number) => void,
  ) {
    this.#write = write
    this.#writeNow = writeNow
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position + this.#filled
  }

  /** Takes a chunk; the caller may reuse its bytes when the promise resolves. */
  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length >= SHORT_BYTES && this.#mayWriteNow()) {
      await this.drain()
      for (let at = 0; at < chunk.length; at += BUFFER_BYTES) this.#put(chunk.subarray(at, at + BUFFER_BYTES))
      return
    }
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
    if (this.#filling !== undefined) buffers.push(this.#filling)
    this.#filling = undefined
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

  #mayWriteNow(): boolean {
    return usesCallingThread() && this.#position >= this.#behindUntil
  }

  /** Writes on the calling thread; everything before has been written. */
  #put(bytes: Uint8Array): void {
    const began = performance.now()
    try {
      this.#writeNow(bytes, this.#position)
    } catch (error) {
      this.#failure = { error }
      throw error
    }
    this.#position += bytes.length
    this.#pacedBytes += bytes.length
    this.#pacedTime += performance.now() - began
    if (this.#pacedBytes < PACE_BYTES) return
    if (this.#pacedBytes < this.#pacedTime * SLOW_PACE) this.#behindUntil = this.#position + BEHIND_BYTES
    this.#pacedBytes = 0
    this.#pacedTime = 0
  }

  /** Hands the buffer being filled to the kernel. */
  #pass(): void {
    const buffer = this.#filling
    if (buffer === undefined) return
    const bytes = buffer.subarray(0, this.#filled)
    this.#filled = 0
    if (bytes.length <= SHORT_BYTES && this.#underWay === 0 && this.#mayWriteNow()) return this.#put(bytes)
    const position = this.#position
    this.#position += bytes.length
    this.#filling = undefined
    this.#underWay++
    this.#last = this.#last.then(async () => {
      try {
        if (this.#failure === undefined) await this.#write(bytes, position)
      } catch (error) {
        this.#failure ??= { error }
      }
      this.#underWay--
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
