import { ArchiveError } from '../errors.ts'
import type { ArchiveErrorCode, ArchiveErrorInfo } from '../errors.ts'

/** The compression methods of pg_dump, by the names it prints. */
export type Algorithm = 'none' | 'gzip' | 'lz4' | 'zstd'

/**
 * How a stream is wrapped: `zlib` is RFC 1950 (gzip data inside a custom archive), `gzip` RFC 1952 (`.gz` files, any
 * number of members); `lz4` and `zstd` are frames (any number of them, skippable frames included); `none` is raw.
 */
export type Container = 'none' | 'zlib' | 'gzip' | 'lz4' | 'zstd'

/** What is being read, for error messages: `Cannot <action>: …`. */
export interface DecodeContext {
  /** The action, as in `read data of TOC entry 12`. */
  readonly action: string
  readonly dumpId?: number | undefined
  readonly file?: string | undefined
}

/**
 * A synchronous, pull-style decoder: the caller lends input and supplies the output buffer, so memory stays bounded
 * whatever a stream expands to.
 *
 * Use: `input(chunk)`, then `read(target)` until it gives less than `target.length` (the input is used up), then the
 * next `input`; at the end of input `finish()`, which throws if the end mark of the stream has not been seen.
 */
export interface Decoder {
  /** True: whatever follows belongs to nothing, and need not be read. */
  readonly isOver?: boolean
  /** Lends the next input; allowed only when the last `read` gave less than it was offered. Never empty. */
  input(chunk: Uint8Array): void
  /**
   * Fills `target` from its start and gives the number of bytes written; less than `target.length` means that all
   * input has been used. A promise only where the platform has no synchronous decoder.
   * @throws ArchiveError BAD_COMPRESSED_DATA, CHECKSUM_MISMATCH, TRAILING_DATA, UNSUPPORTED_COMPRESSION, LIMIT_EXCEEDED
   */
  read(target: Uint8Array): number | Promise<number>
  /**
   * Says that no input follows. A promise only where `read` gives promises.
   * @throws ArchiveError UNEXPECTED_EOF when the stream has no end mark yet.
   */
  finish(): void | Promise<void>
  /** Releases native memory; safe more than once. */
  close(): void
}

/**
 * The inner machine of a decoder: one call moves bytes from `input` to `target` and says how far it came. A machine
 * reads one stream (deflate) or any number of frames (zstd).
 */
export interface Engine {
  /** Bytes of input taken by the last `run`. */
  readonly used: number
  /** Bytes of output given by the last `run`. */
  readonly written: number
  /**
   * Whether the stream had ended at the point reached. An end that falls together with the end of the input may
   * be told by the following `run` only, which then uses and writes nothing.
   */
  readonly ended: boolean
  /**
   * Goes on with `input` from `from` and writes to `target` from `at`, until one of them is used up or the stream ends.
   * @throws CodecFailure for bytes that are no valid stream.
   */
  run(input: Uint8Array, from: number, target: Uint8Array, at: number): void | Promise<void>
  /** Whether the stream is complete, asked once, after the last input. */
  complete(): boolean | Promise<boolean>
  /** Makes the machine ready for another stream. */
  reset(): void
  close(): void
}

/** Where an engine works: on the calling thread, or in Node's thread pool, where every `run` is a promise. */
export type Where = 'here' | 'thread-pool'

/** Tells an engine where to work; asked before every `run`. */
export interface Place {
  readonly where: Where
}

/** The calling thread, always. */
export const HERE: Place = { where: 'here' }

/** What an {@link Engine} throws; the decoder above adds what was being read. */
export class CodecFailure extends Error {
  override readonly name = 'CodecFailure'
  readonly code: ArchiveErrorCode
  /** What to do next. */
  readonly hint: string | undefined

  constructor(
    code: ArchiveErrorCode,
    message: string,
    info: { readonly hint?: string; readonly cause?: unknown } = {},
  ) {
    super(message, info.cause === undefined ? undefined : { cause: info.cause })
    this.code = code
    this.hint = info.hint
  }
}

/** An {@link ArchiveError} `Cannot <action>: <what>` that carries the context's entry and file. */
export function codecError(
  context: DecodeContext,
  code: ArchiveErrorCode,
  what: string,
  info: ArchiveErrorInfo = {},
): ArchiveError {
  return new ArchiveError(code, `Cannot ${context.action}: ${what}`, {
    dumpId: context.dumpId,
    file: context.file,
    ...info,
  })
}

/** `error` with the context added when it is an engine's failure; anything else as it is. */
export function withContext(context: DecodeContext, error: unknown): unknown {
  if (!(error instanceof CodecFailure)) return error
  return codecError(context, error.code, error.message, { cause: error, hint: error.hint })
}

/** How a method's data is wrapped inside a custom archive (one stream per data block). */
export function blockContainerOf(algorithm: Algorithm): Container {
  return algorithm === 'gzip' ? 'zlib' : algorithm
}
