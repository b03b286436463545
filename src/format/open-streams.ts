import { ArchiveError } from '../errors.ts'
import { untilAborted } from '../io/abort.ts'
import { byteStream, type ByteStream } from '../io/byte-stream.ts'
import type { ChunkSource } from '../io/chunks.ts'

/** The streams that a reader has handed out: closing the reader ends them all. */
export class OpenStreams {
  readonly #open = new Set<ChunkSource>()
  readonly #signal: AbortSignal | undefined
  #closed = false

  /** @param signal the archive's: from when it is aborted on, no stream gives what it has left in its buffers */
  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
  }

  /** @throws ArchiveError CLOSED; the reason of the archive's signal */
  check(): void {
    this.#signal?.throwIfAborted()
    if (this.#closed) throw new ArchiveError('CLOSED', 'Cannot read on: the archive has been closed')
  }

  /** A stream over what `open` gives when it is first read; `signal` ends it at any time. */
  stream(open: () => Promise<ChunkSource>, signal: AbortSignal | undefined): ByteStream {
    return byteStream(() => this.source(open, signal))
  }

  /** The same as lent chunks. */
  async source(open: () => Promise<ChunkSource>, signal: AbortSignal | undefined): Promise<ChunkSource> {
    this.check()
    signal?.throwIfAborted()
    const opening = open()
    let source: ChunkSource
    try {
      source = await untilAborted(opening, signal)
      this.check()
    } catch (error) {
      // aborted or closed meanwhile: what is opened too late is released
      opening.then(
        (late) => late.cancel(),
        () => undefined,
      )
      throw error
    }
    this.#open.add(source)
    return {
      next: async () => {
        this.check()
        const chunk = await untilAborted(source.next(), signal)
        if (chunk === null) this.#open.delete(source)
        return chunk
      },
      cancel: async () => {
        this.#open.delete(source)
        await source.cancel()
      },
    }
  }

  /** Cancels every stream; afterwards reading any of them is CLOSED. */
  async close(): Promise<void> {
    this.#closed = true
    const sources = [...this.#open]
    this.#open.clear()
    await Promise.all(sources.map((source) => source.cancel()))
  }
}
