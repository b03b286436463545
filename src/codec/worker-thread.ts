import type { FromWorker, ToWorker } from './worker-protocol.ts'

/** A decoding thread, as the pool sees it. */
export interface WorkerThread {
  post(message: ToWorker, transfer: readonly ArrayBuffer[]): void
  /** Keeps the process alive while something is awaited of the thread; calls are counted. */
  hold(): void
  release(): void
  terminate(): Promise<void>
}

/** What a decoding thread calls. */
export interface WorkerEvents {
  onMessage(message: FromWorker): void
  /** The thread could not start, or ended; called at most once, and nothing follows. */
  onFailure(reason: unknown): void
}
