import { ArchiveError } from '../errors.ts'
import { untilAborted } from './abort.ts'
import type { RandomAccess } from './source.ts'
import { nextTurn } from './turns.ts'

const KiB = 1024

/** Default size of the window. */
const WINDOW_BYTES = 1024 * KiB

/** The first read of a random-access source; it quadruples up to the window, so that small entries stay cheap. */
const FIRST_READ_BYTES = 64 * KiB

/** A stream's chunks are gathered up to this much when they are at hand without waiting. */
const COALESCE_BYTES = 256 * KiB

/** Room in front of a window that is read ahead, for what the one before leaves: seldom it is more than one value. */
const HEADROOM_BYTES = 64 * KiB

/** Microtasks within which an iterator that has its chunk at hand answers. */
const READY_TICKS = 8

/** Where a {@link Pull} gets its bytes: the difference between streams and random access. */
interface Feed {
  /** Whether the next read may begin before anybody has come to need it. */
  readonly readsAhead: boolean
  /** Bytes that the next read would like to have room for. */
  readonly preferredBytes: number
  /** Reads 1 to `target.length` bytes into `target`; 0 at the end. */
  read(target: Uint8Array): Promise<number>
  /** The same without waiting, when bytes are at hand at once; −1 when they are not. */
  readReady?(target: Uint8Array): Promise<number>
  /** Moves past up to `length` bytes without reading them. */
  skip?(length: number): number
  close(): Promise<void>
}

/** A window that is being read while the one before is looked at. */
interface Ahead {
  /** Bytes come to `HEADROOM_BYTES` and after. */
  readonly buffer: Uint8Array
  readonly reading: Promise<number>
}

/** How to open a {@link Pull} over a stream. */
export interface PullFromOptions {
  /** Size of the window in bytes. Default 1 MiB. */
  readonly windowBytes?: number | undefined
  /** Absolute offset of the first byte. Default 0. */
  readonly position?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How to open a {@link Pull} over a part of a random-access source. */
export interface PullOverOptions {
  /** Offset of the first byte. Default 0. */
  readonly start?: number | undefined
  /** Offset after the last byte. Default the size of the source. */
  readonly end?: number | undefined
  /** Largest read in bytes. Default 1 MiB. */
  readonly windowBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Forward-only window over bytes: `buffer[start, end)` is what is at hand.
 *
 * Parsers look at the window synchronously, `consume` what they used and await {@link Pull.fill} only when the window
 * has too little: there is no promise per field. `fill` and `skip` may move the bytes to another place or buffer, so
 * `buffer`, `start` and `end` are read again after them. One call at a time.
 */
export class Pull {
  /** Changes with {@link Pull.fill}. */
  buffer: Uint8Array = new Uint8Array(0)
  /** Index of the first byte at hand. Changed only through {@link Pull.consume}. */
  start = 0
  /** Index after the last byte at hand. */
  end = 0
  /** No byte follows `end`. False only says that the end has not been seen. */
  ended = false
  /** Absolute offset of `buffer[0]`. */
  #base: number
  #closed = false
  #ahead: Ahead | undefined
  readonly #feed: Feed
  readonly #windowBytes: number
  readonly #signal: AbortSignal | undefined

  /** @internal use {@link pullFrom} or {@link pullOver} */
  constructor(feed: Feed, position: number, windowBytes: number, signal: AbortSignal | undefined) {
    this.#feed = feed
    this.#base = position
    this.#windowBytes = windowBytes
    this.#signal = signal
  }

  /** Absolute offset of `buffer[start]`. */
  get position(): number {
    return this.#base + this.start
  }

  /** Number of bytes at hand. */
  get available(): number {
    return this.end - this.start
  }

  /** Moves past `length` bytes that are at hand. */
  consume(length: number): void {
    if (!(length >= 0 && length <= this.end - this.start)) {
      throw new ArchiveError('USAGE', `Cannot consume ${length} bytes: ${this.end - this.start} are available`)
    }
    this.start += length
  }

  /**
   * Moves past `length` bytes that are at hand, and gives them for keeps: as they lie in the window, which gets other
   * memory then, or as a copy when they are the smaller part of it.
   */
  take(length: number): Uint8Array {
    const { buffer, start, end } = this
    this.consume(length)
    if (length <= buffer.length >> 1) return buffer.slice(start, start + length)
    this.#base += this.start
    this.start = 0
    this.end -= start + length
    if (this.#ahead === undefined) {
      this.buffer = new Uint8Array(Math.max(this.end, Math.min(buffer.length, this.#windowBytes)))
      this.buffer.set(buffer.subarray(start + length, end))
    } else {
      // only to be looked at: the next fill copies it in front of what is being read
      this.buffer = buffer.subarray(start + length, end)
    }
    return buffer.subarray(start, start + length)
  }

  /**
   * Begins to read what follows the window, where the input is at hand anywhere and reads have become large: for who
   * will need it after having taken what is there. Bench case "list of 120,000 entries".
   */
  readAhead(): void {
    const feed = this.#feed
    if (!feed.readsAhead || this.#ahead !== undefined || this.ended || this.#closed) return
    if (feed.preferredBytes < this.#windowBytes) return
    const buffer = new Uint8Array(HEADROOM_BYTES + this.#windowBytes)
    const reading = feed.read(buffer.subarray(HEADROOM_BYTES))
    // whoever needs the bytes is told
    reading.catch(() => undefined)
    this.#ahead = { buffer, reading }
  }

  /**
   * Makes at least `atLeast` bytes available (default: one more than there are) and gives false when the input ends
   * before. The window grows when more is asked for than it holds, but only as bytes really arrive: a length found in
   * a damaged file costs no memory.
   */
  async fill(atLeast: number = this.end - this.start + 1): Promise<boolean> {
    this.#check()
    if (this.end - this.start >= atLeast) return true
    if (this.#ahead !== undefined) await this.#join(this.#ahead)
    while (this.end - this.start < atLeast) {
      if (this.ended) return false
      this.#makeRoom(atLeast)
      this.#took(await this.#feed.read(this.buffer.subarray(this.end)))
    }
    if (this.#feed.readReady === undefined) return true
    const enough = Math.min(COALESCE_BYTES, this.#windowBytes)
    while (!this.ended && this.end - this.start < enough && this.end < this.buffer.length) {
      const count = await this.#feed.readReady(this.buffer.subarray(this.end))
      if (count < 0) break
      this.#took(count)
    }
    return true
  }

  /**
   * Moves past `length` bytes and gives the number skipped: fewer only at the end. Random access seeks, a stream
   * reads and discards.
   */
  async skip(length: number): Promise<number> {
    this.#check()
    let left = length
    while (left > 0) {
      const step = Math.min(left, this.end - this.start)
      this.start += step
      left -= step
      if (left === 0 || this.ended) break
      if (this.#ahead !== undefined) {
        await this.#join(this.#ahead)
        continue
      }
      if (this.#feed.skip === undefined) {
        if (!(await this.fill())) break
        continue
      }
      const moved = this.#feed.skip(left)
      this.#base += this.end + moved
      this.start = 0
      this.end = 0
      left -= moved
      if (left > 0) this.ended = true
    }
    return length - left
  }

  /** Releases a stream's iterator; a random-access source stays open. Safe more than once. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.ended = true
    await this.#ahead?.reading.catch(() => undefined)
    this.#ahead = undefined
    await this.#feed.close()
  }

  /** Goes on with what was read ahead, what is left of the window in front of it. */
  async #join({ buffer, reading }: Ahead): Promise<void> {
    let count = 0
    try {
      count = await reading
    } finally {
      this.#ahead = undefined
    }
    const { available } = this
    const left = this.buffer.subarray(this.start, this.end)
    const fits = available <= HEADROOM_BYTES
    const start = fits ? HEADROOM_BYTES - available : 0
    this.#base += this.start - start
    this.buffer = fits ? buffer : new Uint8Array(available + this.#windowBytes)
    this.buffer.set(left, start)
    if (!fits) this.buffer.set(buffer.subarray(HEADROOM_BYTES, HEADROOM_BYTES + count), available)
    this.start = start
    this.end = start + available
    this.#took(count)
  }

  #check(): void {
    this.#signal?.throwIfAborted()
    if (this.#closed) throw new ArchiveError('CLOSED', 'Cannot read on: the input has been closed')
  }

  #took(count: number): void {
    // An abort while the read was under way wins over its result.
    this.#check()
    if (count === 0) this.ended = true
    this.end += count
  }

  /** Leaves room after `end`, by moving the bytes to the front or into a larger buffer. */
  #makeRoom(atLeast: number): void {
    const { buffer, start, end } = this
    const available = end - start
    const preferred = Math.min(this.#feed.preferredBytes, this.#windowBytes)
    // What is asked for has to fit in the end, but the buffer grows to no more than twice of what has arrived.
    const capacity = Math.max(preferred, Math.min(atLeast, 2 * available))
    if (buffer.length < capacity) {
      this.buffer = new Uint8Array(capacity)
      this.buffer.set(buffer.subarray(start, end))
    } else if (start > 0 && (available <= start || buffer.length - start < atLeast)) {
      // Moving pays when it frees as much as it moves.
      buffer.copyWithin(0, start, end)
    } else {
      return
    }
    this.#base += start
    this.start = 0
    this.end = available
  }
}

/** A {@link Pull} over a stream of chunks; a chunk is copied before the next one is asked for. */
export function pullFrom(input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, options: PullFromOptions = {}): Pull {
  const windowBytes = options.windowBytes ?? WINDOW_BYTES
  return new Pull(new StreamFeed(input, options.signal), options.position ?? 0, windowBytes, options.signal)
}

/** A {@link Pull} over bytes `start` to `end` of `source`, which it does not close. */
export function pullOver(source: RandomAccess, options: PullOverOptions = {}): Pull {
  const start = options.start ?? 0
  const end = Math.min(options.end ?? source.size, source.size)
  return new Pull(new SourceFeed(source, start, end), start, options.windowBytes ?? WINDOW_BYTES, options.signal)
}

class SourceFeed implements Feed {
  readonly readsAhead = true
  #wanted = FIRST_READ_BYTES
  #offset: number
  readonly #source: RandomAccess
  readonly #end: number

  constructor(source: RandomAccess, start: number, end: number) {
    this.#source = source
    this.#offset = start
    this.#end = end
  }

  /** No more than there is: a directory may have very many files of a few bytes. */
  get preferredBytes(): number {
    return Math.min(this.#wanted, Math.max(1, this.#end - this.#offset))
  }

  async read(target: Uint8Array): Promise<number> {
    const length = Math.min(target.length, this.#end - this.#offset)
    if (length <= 0) return 0
    const count = await readAt(this.#source, target.subarray(0, length), this.#offset)
    this.#offset += count
    this.#wanted *= 4
    return count
  }

  skip(length: number): number {
    const moved = Math.max(0, Math.min(length, this.#end - this.#offset))
    this.#offset += moved
    return moved
  }

  async close(): Promise<void> {
    // The source belongs to the caller.
  }
}

async function readAt(source: RandomAccess, target: Uint8Array, offset: number): Promise<number> {
  if (source.readInto !== undefined) return await source.readInto(target, offset)
  const bytes = await source.read(offset, target.length)
  target.set(bytes)
  return bytes.length
}

type Step = IteratorResult<Uint8Array, unknown>

class StreamFeed implements Feed {
  readonly readsAhead = false
  preferredBytes = FIRST_READ_BYTES
  readonly #iterator: AsyncIterator<Uint8Array, unknown> | Iterator<Uint8Array, unknown>
  readonly #signal: AbortSignal | undefined
  /** The chunk being copied, from `#taken` on. */
  #chunk: Uint8Array = new Uint8Array(0)
  #taken = 0
  /** A `next()` whose result has not been accepted yet. */
  #pending: Promise<Step> | undefined
  #pendingSettled = false
  #ended = false

  constructor(input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, signal: AbortSignal | undefined) {
    this.#iterator = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]()
    this.#signal = signal
  }

  async read(target: Uint8Array): Promise<number> {
    while (this.#taken === this.#chunk.length && !this.#ended) {
      this.#accept(await untilAborted(this.#next(), this.#signal))
    }
    this.preferredBytes *= 4
    return this.#copy(target)
  }

  async readReady(target: Uint8Array): Promise<number> {
    while (this.#taken === this.#chunk.length && !this.#ended) {
      const next = this.#next()
      for (let turn = 0; turn < READY_TICKS && !this.#pendingSettled; turn++) await Promise.resolve()
      if (!this.#pendingSettled) await nextTurn()
      if (!this.#pendingSettled) return -1
      try {
        this.#accept(await next)
      } catch {
        // The bytes before a failure are good: it is reported by the read that needs more, from `#pending`.
        return -1
      }
    }
    return this.#copy(target)
  }

  async close(): Promise<void> {
    const stuck = this.#pending !== undefined && !this.#pendingSettled
    if (this.#ended) return
    this.#ended = true
    const returned = this.#iterator.return?.()
    // A generator answers return() only after the next() under way, which may never settle.
    if (stuck && returned instanceof Promise) returned.catch(() => undefined)
    else await returned
  }

  #next(): Promise<Step> {
    if (this.#pending === undefined) {
      const settled = (): void => {
        this.#pendingSettled = true
      }
      this.#pendingSettled = false
      // Whoever lent it may take it back from here on, and even detach it.
      this.#chunk = new Uint8Array(0)
      this.#taken = 0
      this.#pending = Promise.resolve(this.#iterator.next())
      this.#pending.then(settled, settled)
    }
    return this.#pending
  }

  #accept(step: Step): void {
    this.#pending = undefined
    this.#taken = 0
    if (step.done === true) {
      this.#ended = true
      this.#chunk = new Uint8Array(0)
    } else {
      this.#chunk = asBytes(step.value)
    }
  }

  #copy(target: Uint8Array): number {
    const count = Math.min(target.length, this.#chunk.length - this.#taken)
    target.set(this.#chunk.subarray(this.#taken, this.#taken + count))
    this.#taken += count
    return count
  }
}

function asBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk
  const found = chunk === null ? 'null' : typeof chunk
  throw new ArchiveError('USAGE', `Cannot read the input: a chunk is of type ${found}, must be Uint8Array`, {
    hint: 'Open the stream without an encoding and not in object mode',
  })
}
