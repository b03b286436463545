import type { Container } from '../codec/codec.ts'
import { createDecoder, prepareDecoder } from '../codec/registry.ts'
import { isArchiveError, type ArchiveErrorCode } from '../errors.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { Limits } from '../limits.ts'
import type { DumpId } from '../toc/types.ts'

/** Why bytes end before they should. */
export interface Break {
  /** `cut`: what follows is missing, what came is right. `damaged`: what came shortly before may be wrong as well. */
  readonly kind: 'cut' | 'damaged'
  /** First bad offset, in the archive or in the file. */
  readonly offset: number
  readonly reason: string
  /** What to do about it, as one sentence without a final period. */
  readonly hint?: string | undefined
  /** Bytes of the stream's check sum say that something in it is wrong, but not where. */
  readonly checksum?: boolean
  /** What is there is not taken. */
  readonly isLeft?: boolean
  /** The entry concerned. */
  readonly dumpId?: DumpId | undefined
}

/** Stored bytes that are read as far as they go: never an error for damage. */
export interface LenientSource extends ChunkSource {
  /** Offset of the first byte of the chunk given last. */
  readonly offset: number
  /** After the end: why there is no more; undefined when the stream is complete. */
  readonly ending: Break | undefined
}

/** One stream as it is stored, whole or not. */
export interface Payload {
  readonly container: Container
  /** File or member that it lies in. */
  readonly file?: string | undefined
  /** Offset of its first byte. */
  readonly offset: number
  /** Damage that could be mended, and may have changed the bytes next to it. */
  readonly mended?: Break | undefined
  /** The same up to where text ends, where there is more than that: right if it is whole by itself. */
  readonly told?: Payload
  open(): Promise<LenientSource>
}

/** What is wrong with data, and not with the machine or the caller. */
const damageCodes: ReadonlySet<ArchiveErrorCode> = new Set<ArchiveErrorCode>([
  'BAD_COMPRESSED_DATA',
  'CHECKSUM_MISMATCH',
  'TRAILING_DATA',
  'UNSUPPORTED_COMPRESSION',
  'LIMIT_EXCEEDED',
  'UNEXPECTED_EOF',
])

/** Bytes asked for at a time; after a failure everything is read again in smaller steps, to come closer to it. */
const steps = [256 * 1024, 1024, 1] as const

/** Bytes handed to a decoder at a time in the smallest steps, so that the place of a failure is known. */
const fineInput = 128

/**
 * Decompresses as far as that goes. A decoder that fails does not tell what it made before in the same call, so the
 * stream is read again up to there, in steps that end at a single byte.
 */
export class TolerantSource implements LenientSource {
  readonly #payload: Payload
  readonly #limits: Limits
  readonly #signal: AbortSignal | undefined
  #reading: DecodingRun | undefined
  #step = 0
  #given = 0
  #over = false
  #ending: Break | undefined
  #excess: Break | undefined

  constructor(payload: Payload, limits: Limits, signal: AbortSignal | undefined) {
    this.#payload = payload
    this.#limits = limits
    this.#signal = signal
  }

  get offset(): number {
    return this.#reading?.offset ?? this.#payload.offset
  }

  get ending(): Break | undefined {
    return this.#ending
  }

  /** After the end: there are bytes behind that of the stream, with which pg_restore does not come to an end. */
  get excess(): Break | undefined {
    return this.#excess
  }

  async next(): Promise<Uint8Array | null> {
    while (!this.#over) {
      this.#signal?.throwIfAborted()
      const size = steps[this.#step] ?? 1
      this.#reading ??= await this.#open(size)
      // given up while it was being opened
      if (this.#over) break
      try {
        const chunk = await this.#reading.read(size)
        if (chunk.length > 0) {
          this.#given += chunk.length
          return chunk
        }
        await this.#end(this.#reading.ending)
      } catch (error) {
        if (!isArchiveError(error) || !damageCodes.has(error.code)) throw error
        if (this.#step + 1 < steps.length && error.code !== 'UNEXPECTED_EOF') {
          this.#step++
          await this.#close()
        } else {
          await this.#end(this.#breakOf(error.code, error.message))
        }
      }
    }
    return null
  }

  async cancel(): Promise<void> {
    this.#over = true
    await this.#close()
  }

  /** A decoder that stands where the one before failed. */
  async #open(size: number): Promise<DecodingRun> {
    const run = await DecodingRun.open(this.#payload, this.#limits, size === 1 ? fineInput : Infinity)
    if (this.#over) await run.close()
    if (this.#over) return run
    this.#reading = run
    for (let left = this.#given; left > 0;) {
      this.#signal?.throwIfAborted()
      const passed = (await run.read(Math.min(left, steps[0]))).length
      if (passed === 0) break
      left -= passed
    }
    return run
  }

  #breakOf(code: ArchiveErrorCode, message: string): Break | undefined {
    const reason = message.replace(/^Cannot [^:]*: /, '')
    const stored = this.#reading?.ending
    const offset = this.offset
    if (code === 'UNEXPECTED_EOF') return stored ?? { kind: 'cut', offset, reason }
    if (code === 'TRAILING_DATA') {
      this.#excess = { kind: 'damaged', offset, reason, isLeft: true }
      return undefined
    }
    return { kind: 'damaged', offset, reason, checksum: code === 'CHECKSUM_MISMATCH' }
  }

  async #end(ending: Break | undefined): Promise<void> {
    this.#ending = ending
    this.#over = true
    await this.#close()
  }

  async #close(): Promise<void> {
    const reading = this.#reading
    this.#reading = undefined
    await reading?.close()
  }
}

/** Memory of decoders that are closed: an archive may have a million of large objects, each with a decoder of its own. */
const buffers: Uint8Array[] = []
const mostBuffers = 4

/** One decoder over one opening of the stored bytes. */
class DecodingRun {
  readonly #input: LenientSource
  readonly #decoder: ReturnType<typeof createDecoder>
  readonly #mostInput: number
  readonly #buffer = buffers.pop() ?? new Uint8Array(steps[0])
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  #fed = false
  #ended = false
  #closed = false
  #isReading = false
  offset: number

  static async open(payload: Payload, limits: Limits, mostInput: number): Promise<DecodingRun> {
    const context = { action: 'read data' }
    await prepareDecoder(payload.container, context)
    const decoder = createDecoder(payload.container, { limits, context })
    try {
      return new DecodingRun(await payload.open(), decoder, mostInput, payload.offset)
    } catch (error) {
      decoder.close()
      throw error
    }
  }

  private constructor(
    input: LenientSource,
    decoder: ReturnType<typeof createDecoder>,
    mostInput: number,
    offset: number,
  ) {
    this.#input = input
    this.#decoder = decoder
    this.#mostInput = mostInput
    this.offset = offset
  }

  /** Why the stored bytes ended. */
  get ending(): Break | undefined {
    return this.#input.ending
  }

  /** Up to `size` bytes, lent; none at the end of a complete stream. */
  async read(size: number): Promise<Uint8Array> {
    const target = this.#buffer.subarray(0, size)
    let filled = 0
    while (filled < size) {
      if (!this.#fed && !(await this.#feed(filled))) break
      this.#isReading = true
      const reading = this.#decoder.read(filled === 0 ? target : target.subarray(filled))
      filled += typeof reading === 'number' ? reading : await reading
      this.#isReading = false
      this.#fed = filled === size
      // what is there already is handed on before anything can fail
      if (filled > 0) break
    }
    return target.subarray(0, filled)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#decoder.close()
    // a decoder in the thread pool may still write into it
    if (!this.#isReading && buffers.length < mostBuffers) buffers.push(this.#buffer)
    await this.#input.cancel()
  }

  async #feed(filled: number): Promise<boolean> {
    while (!this.#ended) {
      if (this.#at < this.#chunk.length) {
        const end = Math.min(this.#chunk.length, this.#at + this.#mostInput)
        this.offset = this.#input.offset + this.#at
        this.#decoder.input(this.#chunk.subarray(this.#at, end))
        this.#at = end
        return true
      }
      if (filled > 0) return false
      const chunk = await this.#input.next()
      this.#chunk = chunk ?? new Uint8Array(0)
      this.#at = 0
      if (chunk === null) {
        this.#ended = true
        this.offset = this.#input.ending?.offset ?? this.offset
        await this.#decoder.finish()
      }
    }
    return false
  }
}
