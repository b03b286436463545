import { prepareZstd } from '#codec/platform'
import { raiseHint, type Limits } from '../limits.ts'
import { codecError, withContext } from './codec.ts'
import type { Container, DecodeContext, Decoder, Place } from './codec.ts'
import { GzipDecoder, ZlibDecoder } from './deflate.ts'
import { Lz4Decoder } from './lz4-frame.ts'
import type { OnWindow } from './zstd-frame.ts'
import { ZstdDecoder } from './zstd.ts'

/** What a decoder must respect, and what its errors name. */
export interface DecoderOptions {
  readonly limits: Limits
  readonly context: DecodeContext
  /** Hears of the window of each zstd frame, bytes, once it is within the limits and before it is allocated. */
  readonly onWindow?: OnWindow | undefined
  /** Where to decode; lz4 and what the platform cannot send to a thread pool is decoded here in any case. */
  readonly place?: Place | undefined
}

/** The ratio is looked at from here on: small tables of equal rows exceed any (6,349 of 1.2 MB in zstd). */
const RATIO_FROM = 8 * 1024 * 1024

/** Raw bytes. */
class NoneDecoder implements Decoder {
  #input: Uint8Array = new Uint8Array(0)
  #at = 0

  input(chunk: Uint8Array): void {
    this.#input = chunk
    this.#at = 0
  }

  read(target: Uint8Array): number {
    const length = Math.min(target.length, this.#input.length - this.#at)
    target.set(this.#input.subarray(this.#at, this.#at + length))
    this.#at += length
    return length
  }

  finish(): void {
    // Raw data has no end mark.
  }

  close(): void {
    // Nothing is held.
  }
}

/** Counts the bytes of one stream against the limits that concern it. */
export class StreamMeter {
  readonly #limits: Limits
  readonly #context: DecodeContext
  #stored = 0
  #decoded = 0

  constructor({ limits, context }: DecoderOptions) {
    this.#limits = limits
    this.#context = context
  }

  stored(bytes: number): void {
    this.#stored += bytes
  }

  /** @throws ArchiveError LIMIT_EXCEEDED */
  decoded(bytes: number): void {
    this.#decoded += bytes
    const { entryBytes, expansionRatio } = this.#limits
    if (this.#decoded > entryBytes) {
      throw limitError(this.#context, 'entryBytes', entryBytes, this.#decoded, 'decompressed bytes')
    }
    if (this.#decoded >= RATIO_FROM && this.#decoded > expansionRatio * this.#stored) {
      const ratio = Math.ceil(this.#decoded / this.#stored)
      throw limitError(
        this.#context,
        'expansionRatio',
        expansionRatio,
        ratio,
        'decompressed bytes for each stored byte',
      )
    }
  }

  /** The window of a zstd frame. @throws ArchiveError LIMIT_EXCEEDED */
  window(bytes: number): void {
    const { zstdWindow } = this.#limits
    if (bytes > zstdWindow) throw limitError(this.#context, 'zstdWindow', zstdWindow, bytes, 'bytes of zstd window')
  }
}

function limitError(context: DecodeContext, limit: keyof Limits, max: number, observed: number, what: string): Error {
  return codecError(context, 'LIMIT_EXCEEDED', `${observed} ${what} exceed the limit ${limit} of ${max}`, {
    details: { limit, max, observed },
    hint: raiseHint(limit),
  })
}

/** Adds the limits and the context of errors to any decoder. */
class GuardedDecoder implements Decoder {
  readonly #inner: Decoder
  readonly #meter: StreamMeter
  readonly #context: DecodeContext

  constructor(inner: Decoder, meter: StreamMeter, context: DecodeContext) {
    this.#inner = inner
    this.#meter = meter
    this.#context = context
  }

  get isOver(): boolean {
    return this.#inner.isOver === true
  }

  input(chunk: Uint8Array): void {
    this.#meter.stored(chunk.length)
    try {
      this.#inner.input(chunk)
    } catch (error) {
      throw withContext(this.#context, error)
    }
  }

  read(target: Uint8Array): number | Promise<number> {
    try {
      const written = this.#inner.read(target)
      if (typeof written !== 'number') return this.#later(written)
      this.#meter.decoded(written)
      return written
    } catch (error) {
      throw withContext(this.#context, error)
    }
  }

  async #later(reading: Promise<number>): Promise<number> {
    try {
      const written = await reading
      this.#meter.decoded(written)
      return written
    } catch (error) {
      throw withContext(this.#context, error)
    }
  }

  finish(): void | Promise<void> {
    try {
      const finishing = this.#inner.finish()
      if (finishing === undefined) return undefined
      return finishing.catch((error: unknown) => {
        throw withContext(this.#context, error)
      })
    } catch (error) {
      throw withContext(this.#context, error)
    }
  }

  close(): void {
    this.#inner.close()
  }
}

function openDecoder(container: Container, meter: StreamMeter, { onWindow, place }: DecoderOptions): Decoder {
  switch (container) {
    case 'none':
      return new NoneDecoder()
    case 'zlib':
      return new ZlibDecoder(place)
    case 'gzip':
      return new GzipDecoder(place)
    case 'lz4':
      return new Lz4Decoder()
    case 'zstd':
      return new ZstdDecoder((bytes) => {
        meter.window(bytes)
        onWindow?.(bytes)
      }, place)
    default:
      return container satisfies never
  }
}

/**
 * Makes {@link createDecoder} possible for a container; at once for all but zstd on platforms without a decoder of
 * their own, where a WebAssembly module is loaded.
 * @throws ArchiveError CODEC_UNAVAILABLE
 */
export async function prepareDecoder(container: Container, context: DecodeContext): Promise<void> {
  if (container !== 'zstd') return
  try {
    await prepareZstd()
  } catch (error) {
    throw withContext(context, error)
  }
}

/**
 * A decoder for one stream. {@link prepareDecoder} must have been awaited once for the container.
 * @throws ArchiveError CODEC_UNAVAILABLE
 */
export function createDecoder(container: Container, options: DecoderOptions): Decoder {
  const meter = new StreamMeter(options)
  try {
    return new GuardedDecoder(openDecoder(container, meter, options), meter, options.context)
  } catch (error) {
    throw withContext(options.context, error)
  }
}
