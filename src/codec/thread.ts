import { availableParallelism } from 'node:os'
import { parentPort, Worker } from 'node:worker_threads'
import type { Thread } from './thread-types.ts'

const READY = 'ready'
/** Threads of all archives together: the calling thread has a core of its own. */
let running = 0

/**
 * Starts a thread that runs a script which calls {@link serveThread}; undefined where there is no core for it, or no
 * such thing as threads. It keeps no process alive, but while it is asked something.
 */
export function startThread(script: URL): Thread | undefined {
  if (running >= availableParallelism() - 1) return undefined
  try {
    return new NodeThread(new Worker(script, { execArgv: [] }))
  } catch {
    return undefined // without permission, or where something else than Node.js provides the module
  }
}

class NodeThread implements Thread {
  readonly ready: Promise<boolean>
  readonly #worker: Worker
  readonly #ended: Promise<never>
  #hasEnded = false

  constructor(worker: Worker) {
    running++
    this.#worker = worker
    this.#ended = new Promise((_resolve, reject) => {
      worker.once('error', (error) => {
        this.#hasEnded = true
        reject(new Error('A thread has failed', { cause: error }))
      })
      worker.once('exit', (code) => {
        running--
        this.#hasEnded = true
        reject(new Error(`A thread has ended with ${code}`))
      })
    })
    this.#ended.catch(() => undefined)
    const answered = new Promise<boolean>((resolve) => worker.once('message', (message) => resolve(message === READY)))
    this.ready = Promise.race([answered, this.#ended.catch(() => false)]).finally(() => worker.unref())
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  async ask(question: unknown): Promise<unknown> {
    const answer = new Promise((resolve) => this.#worker.once('message', resolve))
    this.#worker.ref()
    try {
      this.#worker.postMessage(question)
      return await Promise.race([answer, this.#ended])
    } finally {
      this.#worker.unref()
    }
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** In the script of a thread: answers what it is asked. */
export function serveThread(answer: (question: unknown) => unknown): void {
  parentPort?.on('message', (question) => parentPort?.postMessage(answer(question)))
  parentPort?.postMessage(READY)
}
