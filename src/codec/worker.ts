/** The decoding thread: one job at a time, told by messages, see worker-protocol.ts and pool.ts. */
import { parentPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Decoder } from './codec.ts'
import { createDecoder, prepareDecoder } from './registry.ts'
import { BUFFER_BYTES, sendError } from './worker-protocol.ts'
import type { FromWorker, ToWorker } from './worker-protocol.ts'

interface Piece {
  readonly buffer: ArrayBuffer
  readonly length: number
}

class WorkerJob {
  readonly #port: MessagePort
  readonly #open: Extract<ToWorker, { type: 'open' }>
  readonly #inputs: Piece[] = []
  readonly #rooms: (ArrayBuffer | undefined)[] = []
  #decoder: Decoder | undefined
  #ended: 'no' | 'complete' | 'broken' = 'no'
  #fed: Piece | undefined // lent to the decoder
  #target: Uint8Array<ArrayBuffer> | undefined
  #filled = 0
  #running = false
  #cancelled = false
  #over = false

  constructor(port: MessagePort, open: Extract<ToWorker, { type: 'open' }>) {
    this.#port = port
    this.#open = open
  }

  get id(): number {
    return this.#open.id
  }

  take(message: ToWorker): void {
    if (message.type === 'input') this.#inputs.push(message)
    else if (message.type === 'room') this.#rooms.push(message.buffer)
    else if (message.type === 'end-of-input') this.#ended = message.broken ? 'broken' : 'complete'
    else if (message.type === 'cancel') this.#cancelled = true
    void this.#run()
  }

  /** Decodes as far as input and room go; waits for a promise only where the decoder is not synchronous. */
  async #run(): Promise<void> {
    if (this.#running || this.#over) return
    this.#running = true
    try {
      if (this.#decoder === undefined) {
        await prepareDecoder(this.#open.container, this.#open.context)
        this.#decoder = createDecoder(this.#open.container, this.#open)
      }
      while (!this.#over && !this.#cancelled && this.#provide(this.#decoder)) {
        const waiting = this.#step(this.#decoder)
        if (waiting !== undefined) await waiting
      }
      // Not before the step under way has ended: it may use the buffers that are sent back now.
      if (this.#cancelled) this.#finish(undefined)
    } catch (error) {
      this.#flush()
      this.#finish(error)
    } finally {
      this.#running = false
    }
  }

  /** Sees to it that there is room and input; false if one of them has to be waited for. */
  #provide(decoder: Decoder): boolean {
    if (this.#fed === undefined) {
      this.#fed = this.#inputs.shift()
      if (this.#fed === undefined) return this.#ended !== 'no'
      decoder.input(new Uint8Array(this.#fed.buffer, 0, this.#fed.length))
    }
    if (this.#target === undefined) {
      if (this.#rooms.length === 0) return false
      this.#target = new Uint8Array(this.#rooms.shift() ?? new ArrayBuffer(BUFFER_BYTES))
      this.#filled = 0
    }
    return true
  }

  #step(decoder: Decoder): void | Promise<void> {
    if (this.#fed === undefined || this.#target === undefined) {
      const finishing = this.#ended === 'complete' ? decoder.finish() : undefined
      if (finishing !== undefined) return finishing.then(() => this.#complete())
      return this.#complete()
    }
    const reading = decoder.read(this.#filled === 0 ? this.#target : this.#target.subarray(this.#filled))
    return typeof reading === 'number' ? this.#took(reading) : reading.then((length) => this.#took(length))
  }

  #complete(): void {
    this.#flush()
    this.#finish(undefined)
  }

  #took(length: number): void {
    this.#filled += length
    if (this.#target === undefined || this.#fed === undefined) return
    if (this.#filled === this.#target.length) {
      this.#flush()
      return
    }
    const { buffer } = this.#fed
    this.#fed = undefined
    this.#post({ type: 'used', id: this.id, buffer }, [buffer])
  }

  #flush(): void {
    const target = this.#target
    if (target === undefined || this.#filled === 0 || this.#over) return
    this.#target = undefined
    this.#post({ type: 'output', id: this.id, buffer: target.buffer, length: this.#filled }, [target.buffer])
  }

  #finish(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#decoder?.close()
    const inputs = [...this.#inputs, ...(this.#fed === undefined ? [] : [this.#fed])].map((piece) => piece.buffer)
    const outputs = this.#rooms.filter((buffer) => buffer !== undefined)
    if (this.#target !== undefined) outputs.push(this.#target.buffer)
    const failure = error === undefined ? undefined : sendError(error)
    this.#post({ type: 'over', id: this.id, failure, inputs, outputs }, [...inputs, ...outputs])
  }

  #post(message: FromWorker, transfer: ArrayBuffer[]): void {
    this.#port.postMessage(message, transfer)
  }
}

function serve(port: MessagePort): void {
  let job: WorkerJob | undefined
  port.on('message', (message: ToWorker) => {
    if (message.type === 'open') job = new WorkerJob(port, message)
    if (job?.id === message.id) job.take(message)
  })
  port.postMessage({ type: 'ready' } satisfies FromWorker)
}

if (parentPort !== null) serve(parentPort)
