import { untilAborted } from '../io/abort.ts'
import type { ChunkSource } from '../io/chunks.ts'

/**
 * The same chunks, until the signal: then `next` fails with its reason even if what is below never answers, and `cancel`
 * does not wait for it.
 */
export function stoppableChunks(source: ChunkSource, signal: AbortSignal): ChunkSource {
  return {
    next: () => untilAborted(source.next(), signal),
    async cancel() {
      const cancelled = source.cancel()
      if (!signal.aborted) return await cancelled
      cancelled.catch(() => undefined)
    },
  }
}

/** The same items, until the signal; as {@link stoppableChunks} does it. */
export async function* stoppableItems<T>(
  items: Iterable<T> | AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T, void, void> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]()
  let ended = false
  try {
    for (;;) {
      const step = await untilAborted(Promise.resolve(iterator.next()), signal).catch((error: unknown) => {
        ended = !signal.aborted
        throw error
      })
      if (step.done === true) {
        ended = true
        return
      }
      yield step.value
    }
  } finally {
    if (!ended) {
      const returned = Promise.resolve(iterator.return?.())
      if (signal.aborted) returned.catch(() => undefined)
      else await returned
    }
  }
}
