/** What gives up waiting for work when a signal is aborted; a signal has one listener for all of them. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>()

function waitingFor(signal: AbortSignal): Set<() => void> {
  const known = waiting.get(signal)
  if (known !== undefined) return known
  const stops = new Set<() => void>()
  waiting.set(signal, stops)
  signal.addEventListener('abort', () => {
    for (const stop of stops) stop()
    stops.clear()
  })
  return stops
}

/**
 * `work`, or a rejection with the signal's reason as soon as it is aborted. The work itself goes on: the caller cancels
 * what is behind it.
 */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  if (signal.aborted) return await Promise.race([work, Promise.reject(signal.reason)])
  // to add and remove a listener each time takes longer than to read a small large object
  const stops = waitingFor(signal)
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
