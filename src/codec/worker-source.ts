import type { ChunkSource } from '../io/chunks.ts'
import { codecError } from './codec.ts'
import type { DecodeJob } from './local-source.ts'
import { BUFFER_BYTES, reviveError } from './worker-protocol.ts'
import type { FromWorker, ToWorker } from './worker-protocol.ts'
import { Reading } from './window-turns.ts'
import type { WindowHolder } from './window-turns.ts'
import type { WorkerThread } from './worker-thread.ts'
import { firstWindow } from './zstd-frame.ts'

/** Input pieces on their way at the same time: one being decoded, one ready. */
const INPUT_PIECES = 2

/** What a {@link WorkerSource} needs of the pool. */
export interface WorkerHost {
  /** A buffer from the stock, or `undefined` if there is none and a new one may be made. */
  reuse(): ArrayBuffer | undefined
  /** Buffers come back from a job, `lost` more of them never will. */
  giveBack(buffers: readonly ArrayBuffer[], lost: number): void
  /** Something has changed that lets jobs ask for room. */
  distribute(): void
  /** Resolves when a decoder with such a window may run. */
  windowTurn(source: WorkerSource, bytes: number): Promise<void>
  /** The thread is free for another job. */
  over(source: WorkerSource): void
}

interface Output {
  readonly buffer: ArrayBuffer
  readonly length: number
}

/** A stream decoded by a thread: pumps the input there, queues the output. */
export class WorkerSource implements ChunkSource, WindowHolder {
  readonly reading = new Reading()
  readonly job: DecodeJob
  /** Whether somebody reads it already; until then it works ahead, with what others leave. */
  consumed = false
  /** Buffers for output at the thread, in the queue and lent. */
  held = 0
  /** Those of them that the thread has and has not filled yet. */
  rooms = 0
  readonly #id: number
  readonly #thread: WorkerThread
  readonly #host: WorkerHost
  readonly #output: Output[] = []
  #lent: ArrayBuffer | undefined
  #inputs = 0 // pieces at the thread
  #threadDone = false // the thread has nothing of this job any more
  #cancelled = false
  #failure: { readonly error: unknown } | undefined
  #wakeConsumer: () => void = () => {}
  #wakePump: () => void = () => {}
  readonly #threadOver: Promise<void>
  #settleThread: () => void = () => {}

  constructor(id: number, job: DecodeJob, thread: WorkerThread, host: WorkerHost) {
    this.#id = id
    this.job = job
    this.#thread = thread
    this.#host = host
    this.#threadOver = new Promise((resolve) => {
      this.#settleThread = resolve
    })
    const { container, limits, context } = job
    this.#post({ type: 'open', id, container, limits, context }, [])
    void this.#pump()
  }

  /** Whether the thread may still want room. */
  get running(): boolean {
    return !this.#threadDone && !this.#cancelled
  }

  /** Lets the thread fill one more buffer. */
  grant(): void {
    const buffer = this.#host.reuse()
    this.held++
    this.rooms++
    this.#post({ type: 'room', id: this.#id, buffer }, buffer === undefined ? [] : [buffer])
  }

  async next(): Promise<Uint8Array | null> {
    this.reading.begin()
    try {
      return await this.#next()
    } finally {
      this.reading.end()
    }
  }

  async #next(): Promise<Uint8Array | null> {
    if (!this.consumed) {
      this.consumed = true
      this.#host.distribute()
    }
    this.#returnLent()
    this.#thread.hold()
    try {
      while (this.#output.length === 0 && !this.#threadDone && !this.#cancelled) {
        await new Promise<void>((resolve) => {
          this.#wakeConsumer = resolve
        })
      }
    } finally {
      this.#thread.release()
    }
    const output = this.#output.shift()
    if (output !== undefined) {
      this.#lent = output.buffer
      return new Uint8Array(output.buffer, 0, output.length)
    }
    const failure = this.#failure
    await this.cancel()
    if (failure !== undefined) throw failure.error
    return null
  }

  #returnLent(): void {
    const buffer = this.#lent
    if (buffer === undefined) return
    this.#lent = undefined
    this.held--
    this.#host.giveBack([buffer], 0)
  }

  async cancel(): Promise<void> {
    if (!this.#cancelled) {
      this.#cancelled = true
      this.#failure = undefined
      if (!this.#threadDone) this.#post({ type: 'cancel', id: this.#id }, [])
      this.#returnLent()
      const queued = this.#output.splice(0).map((output) => output.buffer)
      this.held -= queued.length
      this.#host.giveBack(queued, 0)
      this.#wakeConsumer()
      this.#wakePump()
    }
    this.#thread.hold()
    try {
      await this.job.input.cancel()
      await this.#threadOver
    } finally {
      this.#thread.release()
    }
  }

  /** A message of the thread that concerns this job. */
  receive(message: Exclude<FromWorker, { type: 'ready' }>): void {
    if (message.id !== this.#id || this.#threadDone) return
    if (message.type === 'used') {
      this.#inputs--
      this.#host.giveBack([message.buffer], 0)
      this.#wakePump()
    } else if (message.type === 'output') {
      this.rooms--
      if (this.#cancelled) {
        this.held--
        this.#host.giveBack([message.buffer], 0)
      } else {
        this.#output.push(message)
        this.#wakeConsumer()
        this.#host.distribute()
      }
    } else {
      if (message.failure !== undefined) this.#failure ??= { error: reviveError(message.failure) }
      this.#endThread([...message.inputs, ...message.outputs])
    }
  }

  /** The thread has died. */
  fail(reason: unknown): void {
    if (this.#threadDone) return
    const why = reason instanceof Error ? reason.message : String(reason)
    this.#failure = {
      error: codecError(this.job.context, 'CODEC_UNAVAILABLE', `the decoding thread broke down: ${why}`, {
        cause: reason,
        hint: 'Try again without decoding threads (workers: 0)',
      }),
    }
    this.#endThread([])
  }

  #endThread(buffers: readonly ArrayBuffer[]): void {
    this.#threadDone = true
    const here = this.#output.length + (this.#lent === undefined ? 0 : 1)
    const lost = this.#inputs + this.held - here - buffers.length
    this.#inputs = 0
    this.held = here
    this.#host.giveBack(buffers, lost)
    this.#wakeConsumer()
    this.#wakePump()
    this.#settleThread()
    this.#host.over(this)
  }

  /** Moves the input to the thread in full pieces, as fast as it is used up there. */
  async #pump(): Promise<void> {
    const { input, container } = this.job
    let broken = false
    try {
      let chunk: Uint8Array | null = new Uint8Array(0)
      let at = 0
      let first = true
      while (this.running && chunk !== null) {
        await this.#pieceTurn()
        if (!this.running) return
        const buffer = this.#host.reuse() ?? new ArrayBuffer(BUFFER_BYTES)
        this.#inputs++
        const piece = new Uint8Array(buffer)
        let length = 0
        try {
          while (length < piece.length) {
            if (at === chunk.length) {
              chunk = await input.next()
              at = 0
              if (chunk === null || !this.running) break
            }
            const part = chunk.subarray(at, at + piece.length - length)
            piece.set(part, length)
            at += part.length
            length += part.length
          }
          if (first && container === 'zstd' && this.running) {
            await this.#host.windowTurn(this, firstWindow(piece.subarray(0, length)))
          }
          first = false
        } finally {
          if (length > 0 && this.running) this.#post({ type: 'input', id: this.#id, buffer, length }, [buffer])
          else this.#keepPiece(buffer)
        }
      }
    } catch (error) {
      broken = true
      this.#failure ??= { error }
    }
    if (this.running) this.#post({ type: 'end-of-input', id: this.#id, broken }, [])
  }

  /** A piece was not sent after all. */
  #keepPiece(buffer: ArrayBuffer): void {
    if (this.#threadDone) return // counted as lost already
    this.#inputs--
    this.#host.giveBack([buffer], 0)
  }

  async #pieceTurn(): Promise<void> {
    while (this.running && this.#inputs >= INPUT_PIECES) {
      await new Promise<void>((resolve) => {
        this.#wakePump = resolve
      })
    }
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[]): void {
    this.#thread.post(message, transfer)
  }
}
