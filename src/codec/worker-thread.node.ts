import { Worker } from 'node:worker_threads'
import type { FromWorker, ToWorker } from './worker-protocol.ts'
import type { WorkerEvents, WorkerThread } from './worker-thread.ts'

/**
 * Where the code of the decoding thread is; `undefined` when this module runs as TypeScript source (under a test
 * runner), where a thread could not load it: everything is decoded on the calling thread then.
 */
export function workerUrl(): URL | undefined {
  return import.meta.url.endsWith('.ts') ? undefined : new URL('./worker.js', import.meta.url)
}

class NodeWorkerThread implements WorkerThread {
  readonly #worker: Worker
  #holds = 0

  constructor(url: URL, events: WorkerEvents) {
    // The arguments of the surrounding program and its Node.js options are none of the thread's business.
    const worker = new Worker(url, { name: 'pgdmp decoder', argv: [], execArgv: [], stdin: false })
    this.#worker = worker
    worker.unref()
    let over = false
    const fail = (reason: unknown): void => {
      if (over) return
      over = true
      events.onFailure(reason)
    }
    worker.on('message', (message: FromWorker) => {
      if (!over) events.onMessage(message)
    })
    worker.on('messageerror', fail)
    worker.on('error', fail)
    worker.on('exit', (code) => fail(new Error(`the thread ended with exit code ${code}`)))
  }

  post(message: ToWorker, transfer: readonly ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer)
  }

  hold(): void {
    if (this.#holds++ === 0) this.#worker.ref()
  }

  release(): void {
    if (--this.#holds === 0) this.#worker.unref()
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Starts a decoding thread. */
export function startWorker(url: URL, events: WorkerEvents): WorkerThread {
  return new NodeWorkerThread(url, events)
}
