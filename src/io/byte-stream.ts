import type { Readable as NodeReadable } from 'node:stream'
import { Readable } from '#io/platform'
import { ArchiveError } from '../errors.ts'
import { asError, untilAborted } from './abort.ts'
import type { ChunkSource } from './chunks.ts'
import { collect } from './collect.ts'
import { openSink, type ArchiveOutput } from './sink.ts'

/**
 * A stream of bytes that is read once: as an async iterable, a Node Readable, into an output, or whole.
 * Stopping early (break, destroy, abort) releases every handle behind it.
 */
export interface ByteStream extends AsyncIterable<Uint8Array> {
  /** As a Node.js Readable (not in browsers). */
  readable(): NodeReadable
  /** Writes everything to `output` and gives the number of bytes. A path appears by rename after a successful close. */
  pipeTo(output: ArchiveOutput, options?: { readonly signal?: AbortSignal }): Promise<number>
  /** Everything as one array; `maxBytes` (default 64 MiB) guards the memory. @throws ArchiveError LIMIT_EXCEEDED */
  bytes(options?: { readonly maxBytes?: number }): Promise<Uint8Array>
  /**
   * The same stream as lent chunks, for code that neither keeps nor changes them; no copies are made.
   * See {@link ChunkSource}.
   */
  borrow(): ChunkSource
}

/** Default bound of {@link ByteStream.bytes}. */
const MAX_BYTES = 64 * 1024 * 1024

/** Bytes that a Node Readable keeps ready: as large as the chunks that decoders lend. */
const READABLE_BYTES = 256 * 1024

/**
 * A {@link ByteStream} over what `open` gives. `open` is called when the stream is first read, so a stream that nobody
 * reads holds nothing.
 */
export function byteStream(open: () => ChunkSource | Promise<ChunkSource>): ByteStream {
  let taken = false
  const borrow = (): ChunkSource => {
    if (taken) {
      throw new ArchiveError('CLOSED', 'Cannot read the stream: it has been read already, must be read once', {
        hint: 'Ask the archive for the data again',
      })
    }
    taken = true
    return openedLazily(open)
  }
  return {
    borrow,
    [Symbol.asyncIterator]: () => copies(borrow()),
    readable: () => asReadable(borrow()),
    pipeTo: (output, options = {}) => pipe(borrow(), output, options.signal),
    bytes: (options = {}) => collect(borrow(), 'collect the stream', options.maxBytes ?? MAX_BYTES),
  }
}

/** A {@link ByteStream} of no bytes. */
export function emptyStream(): ByteStream {
  return byteStream(() => ({ next: async () => null, cancel: async () => undefined }))
}

/** The chunks of an iterable, lent; empty ones are left out. `cancel` returns its iterator. */
export function chunksOf(input: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): ChunkSource {
  const iterator = Symbol.asyncIterator in input ? input[Symbol.asyncIterator]() : input[Symbol.iterator]()
  let ended = false
  return {
    async next() {
      while (!ended) {
        const step = await iterator.next()
        if (step.done === true) ended = true
        else if (step.value.length > 0) return step.value
      }
      return null
    },
    async cancel() {
      if (ended) return
      ended = true
      await iterator.return?.()
    },
  }
}

/** Opens at the first `next`; after an error, `cancel` or the end nothing is open. */
function openedLazily(open: () => ChunkSource | Promise<ChunkSource>): ChunkSource {
  let source: ChunkSource | undefined
  let ended = false

  async function close(): Promise<void> {
    ended = true
    const opened = source
    source = undefined
    await opened?.cancel()
  }

  return {
    async next() {
      if (ended) return null
      try {
        if (source === undefined) {
          const opened = await open()
          // cancel() may have come while it was being opened.
          if (ended) {
            await opened.cancel()
            return null
          }
          source = opened
        }
        const chunk = await source.next()
        if (chunk === null) await close()
        return chunk
      } catch (error) {
        // The first error is the one to report, whatever fails while releasing.
        await close().catch(() => undefined)
        throw error
      }
    },
    cancel: close,
  }
}

async function* copies(source: ChunkSource): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) yield chunk.slice()
  } finally {
    await source.cancel()
  }
}

function asReadable(source: ChunkSource): NodeReadable {
  return new Readable({
    highWaterMark: READABLE_BYTES,
    read() {
      source.next().then(
        (chunk) => this.push(chunk === null ? null : chunk.slice()),
        (error: unknown) => this.destroy(asError(error)),
      )
    },
    destroy(error, done) {
      void release(source, error, done)
    },
  })
}

/** Cancels, and reports the first error. */
async function release(source: ChunkSource, error: Error | null, done: (error: Error | null) => void): Promise<void> {
  let failure = error
  try {
    await source.cancel()
  } catch (cause) {
    failure ??= asError(cause)
  }
  done(failure)
}

async function pipe(source: ChunkSource, output: ArchiveOutput, signal: AbortSignal | undefined): Promise<number> {
  try {
    const sink = await openSink(output, { signal })
    try {
      for (;;) {
        const chunk = await untilAborted(source.next(), signal)
        if (chunk === null) break
        await sink.write(chunk)
      }
      await sink.commit()
      return sink.position
    } catch (error) {
      await sink.abort(error)
      throw error
    }
  } finally {
    await source.cancel()
  }
}

/** The same stream, whose chunks somebody else sees as well; `onEnd` is called when it was read to its end. */
export function seeing(stream: ByteStream, onChunk: (chunk: Uint8Array) => void, onEnd?: () => void): ByteStream {
  return byteStream(() => {
    const source = stream.borrow()
    return {
      async next() {
        const chunk = await source.next()
        if (chunk === null) onEnd?.()
        else onChunk(chunk)
        return chunk
      },
      cancel: () => source.cancel(),
    }
  })
}
