/** Places of the counters, 32-bit integers before the bytes. */
const SIGNAL = 0
const WRITTEN = 1
const READ = 2
const END = 3
const HEAD_BYTES = 64

/** What the last byte of a stream is followed by. */
const END_MARKS = { whole: 1, cut: 2 } as const

/** Largest piece that a reader is lent: what it does with it goes on in its core's cache. */
const PIECE_BYTES = 262144

/**
 * Bytes that one thread hands to another, through memory that both see: a stream after the other, with waiting on both
 * sides. A thread that gave a whole stream begins the next one only when the other has said that it read it.
 */
export class ByteRing {
  readonly memory: SharedArrayBuffer
  readonly #control: Int32Array
  readonly #bytes: Uint8Array
  readonly #mask: number

  /** @param memory what {@link ByteRing.allocate} gave, here or in another thread */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory
    this.#control = new Int32Array(memory, 0, HEAD_BYTES / Int32Array.BYTES_PER_ELEMENT)
    this.#bytes = new Uint8Array(memory, HEAD_BYTES)
    this.#mask = this.#bytes.length - 1
  }

  /** Memory for a ring. @param bytes that it holds, a power of two */
  static allocate(bytes: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD_BYTES + bytes)
  }

  /** Begins a stream; only where nobody reads. */
  begin(): void {
    for (const place of [WRITTEN, READ, END]) Atomics.store(this.#control, place, 0)
  }

  /** Gives as many bytes as there is room for. @returns how many */
  write(chunk: Uint8Array): number {
    const written = Atomics.load(this.#control, WRITTEN)
    const room = this.#bytes.length - ((written - Atomics.load(this.#control, READ)) | 0)
    const count = Math.min(room, chunk.length)
    if (count === 0) return 0
    const at = written & this.#mask
    const first = Math.min(count, this.#bytes.length - at)
    this.#bytes.set(chunk.subarray(0, first), at)
    if (first < count) this.#bytes.set(chunk.subarray(first, count), 0)
    Atomics.store(this.#control, WRITTEN, (written + count) | 0)
    this.#signal()
    return count
  }

  /** Blocks until there is room, at most so long. @returns whether there is */
  waitForRoom(milliseconds: number): boolean {
    const read = Atomics.load(this.#control, READ)
    if (((Atomics.load(this.#control, WRITTEN) - read) | 0) < this.#bytes.length) return true
    return Atomics.wait(this.#control, READ, read, milliseconds) !== 'timed-out'
  }

  /** Ends the stream. */
  end(how: 'whole' | 'cut'): void {
    Atomics.store(this.#control, END, END_MARKS[how])
    this.#signal()
  }

  /** Whether the stream that was read ended as it should. */
  get isWhole(): boolean {
    return Atomics.load(this.#control, END) === END_MARKS.whole
  }

  /** Hands every byte of a stream to `take` as it comes; blocks until the stream has ended. */
  readAll(take: (piece: Uint8Array) => void): void {
    for (;;) {
      // in this order: what is written before the end is there when the end is seen
      const signal = Atomics.load(this.#control, SIGNAL)
      const hasEnded = Atomics.load(this.#control, END) !== 0
      const read = Atomics.load(this.#control, READ)
      const there = (Atomics.load(this.#control, WRITTEN) - read) | 0
      if (there > 0) {
        const at = read & this.#mask
        const count = Math.min(there, PIECE_BYTES, this.#bytes.length - at)
        take(this.#bytes.subarray(at, at + count))
        Atomics.store(this.#control, READ, (read + count) | 0)
        Atomics.notify(this.#control, READ)
      } else if (hasEnded) return
      else Atomics.wait(this.#control, SIGNAL, signal)
    }
  }

  #signal(): void {
    Atomics.add(this.#control, SIGNAL, 1)
    Atomics.notify(this.#control, SIGNAL)
  }
}
