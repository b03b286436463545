import { soon } from './turns.ts'

/** What gives up waiting for work when a signal is aborted; a signal has one listener for all of them. */
const waiting = new WeakMap<AbortSignal, Waiting>()

class Waiting {
  readonly #signal: AbortSignal
  readonly #stops = new Set<() => void>()
  #leaves = false

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#stop)
    waiting.set(signal, this)
  }

  add(stop: () => void): void {
    this.#stops.add(stop)
  }

  delete(stop: () => void): void {
    this.#stops.delete(stop)
    if (this.#stops.size > 0 || this.#leaves) return
    // work often follows on work; and a signal that is listened to may be kept for ever, as those of AbortSignal.any()
    this.#leaves = true
    soon(() => {
      this.#leaves = false
      if (this.#stops.size > 0) return
      this.#signal.removeEventListener('abort', this.#stop)
      waiting.delete(this.#signal)
    })
  }

  readonly #stop = (): void => {
    for (const stop of this.#stops) stop()
  }
}

/**
 * `work`, or a rejection with the signal's reason as soon as it is aborted. The work itself goes on: the caller cancels
 * what is behind it.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  if (signal.aborted) return await Promise.race([work, Promise.reject(signal.reason)])
  // to add and remove a listener each time takes longer than to read a small large object
  const stops = waiting.get(signal) ?? new Waiting(signal)
  let stop = (): void => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason)
    stops.add(stop)
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    stops.delete(stop)
  }
}

/** Node streams take an Error only; a signal's reason can be any value. */
export function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason), { cause: reason })
}
