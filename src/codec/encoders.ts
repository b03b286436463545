import { createDeflater, openZstdCompressor, prepareZstdCompressor } from '#codec/platform'
import type { ArchiveError } from '../errors.ts'
import { CoalescingEncoder } from './coalesce.ts'
import { codecError, withContext } from './codec.ts'
import type { Container, DecodeContext } from './codec.ts'
import type { Emit, Encoder, EncoderSettings } from './encoder.ts'
import { GzipCompressor } from './gzip-file.ts'
import { Lz4Encoder } from './lz4-encoder.ts'

interface Levels {
  readonly min: number
  readonly max: number
  /** May lie outside of the range: zlib's own default is -1. */
  readonly default: number
}

const DEFLATE_LEVELS: Levels = { min: 1, max: 9, default: -1 }

/** The levels of `validate_compress_specification, compression.c`. */
const LEVELS: Readonly<Record<Container, Levels>> = {
  none: { min: 0, max: 0, default: 0 },
  zlib: DEFLATE_LEVELS,
  gzip: DEFLATE_LEVELS,
  lz4: { min: 1, max: 12, default: 0 },
  zstd: { min: -131072, max: 22, default: 3 },
}

/** What level -1 means to zlib. */
const ZLIB_DEFAULT = 6

/** Raw bytes. */
class NoneEncoder implements Encoder {
  write(chunk: Uint8Array, emit: Emit): void {
    if (chunk.length > 0) emit(chunk)
  }

  finish(): void {
    // Raw data has no end mark.
  }

  close(): void {
    // Nothing is held.
  }
}

/** Adds the context of errors to any encoder, and closes it once only. */
class GuardedEncoder implements Encoder {
  readonly #inner: Encoder
  readonly #context: DecodeContext
  #open = true

  constructor(inner: Encoder, context: DecodeContext) {
    this.#inner = inner
    this.#context = context
  }

  write(chunk: Uint8Array, emit: Emit): void | Promise<void> {
    return this.#guard(() => this.#inner.write(chunk, emit))
  }

  finish(emit: Emit): void | Promise<void> {
    return this.#guard(() => this.#inner.finish(emit))
  }

  #guard(work: () => void | Promise<void>): void | Promise<void> {
    if (!this.#open) throw codecError(this.#context, 'CLOSED', 'the encoder is closed')
    try {
      return work()?.catch((error: unknown) => {
        throw withContext(this.#context, error)
      })
    } catch (error) {
      throw withContext(this.#context, error)
    }
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#inner.close()
  }
}

/** The level to use. @throws ArchiveError USAGE */
function checkedLevel({ container, level, long }: EncoderSettings, context: DecodeContext): number {
  const { min, max, default: standard } = LEVELS[container]
  if (long === true && container !== 'zstd') {
    throw usage(context, `${container} has no long-distance mode`, 'Only zstd has one')
  }
  const wanted = level ?? standard
  if (wanted !== standard && !(Number.isInteger(wanted) && wanted >= min && wanted <= max)) {
    const range = container === 'none' ? 'must be 0' : `must be ${min} to ${max} (default ${standard})`
    throw usage(context, `level ${wanted} of ${container} ${range}`)
  }
  return wanted
}

function usage(context: DecodeContext, what: string, hint?: string): ArchiveError {
  return codecError(context, 'USAGE', what, { hint })
}

function openEncoder(settings: EncoderSettings, level: number): Encoder {
  const { container, checksum = true } = settings
  const deflateLevel = level < 0 ? ZLIB_DEFAULT : level
  switch (container) {
    case 'none':
      return new NoneEncoder()
    case 'zlib':
      return new CoalescingEncoder(createDeflater('zlib', deflateLevel))
    case 'gzip':
      return new CoalescingEncoder(new GzipCompressor(createDeflater('raw', deflateLevel), deflateLevel))
    case 'lz4':
      return new Lz4Encoder(level, checksum)
    case 'zstd':
      return new CoalescingEncoder(openZstdCompressor({ level, long: settings.long === true, checksum }))
    default:
      return container satisfies never
  }
}

/**
 * Makes {@link createEncoder} possible for a container; at once for all but zstd where Node.js has no encoder of its own.
 * @throws ArchiveError CODEC_UNAVAILABLE
 */
export async function prepareEncoder(container: Container, context: DecodeContext): Promise<void> {
  if (container !== 'zstd') return
  try {
    await prepareZstdCompressor()
  } catch (error) {
    throw withContext(context, error)
  }
}

/**
 * An encoder for one stream. {@link prepareEncoder} must have been awaited once for the container.
 * @throws ArchiveError USAGE for a level that the container does not have, CODEC_UNAVAILABLE
 */
export function createEncoder(settings: EncoderSettings, context: DecodeContext): Encoder {
  const level = checkedLevel(settings, context)
  try {
    return new GuardedEncoder(openEncoder(settings, level), context)
  } catch (error) {
    throw withContext(context, error)
  }
}
