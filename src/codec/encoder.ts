import type { Container } from './codec.ts'

/** How data is to be compressed. */
export interface EncoderSettings {
  readonly container: Container
  /**
   * As in pg_dump's `-Z METHOD:LEVEL`: gzip (zlib) 1 to 9, or -1 for zlib's default, 6; lz4 0 (fast, the default) to 12;
   * zstd -131072 to 22, default 3. Default: pg_dump's default of the method. `none` has no levels.
   */
  readonly level?: number | undefined
  /** zstd: long-distance matching with a window of 128 MiB (`zstd:long`). */
  readonly long?: boolean | undefined
  /**
   * Add a checksum of the content where the container has it optional (lz4, zstd). Default true; pg_dump writes none,
   * and every pg_restore that reads the method verifies one.
   */
  readonly checksum?: boolean | undefined
}

/** Receives compressed bytes, never none; their memory is reused after it returns. */
export type Emit = (bytes: Uint8Array) => void

/**
 * The mirror of `Decoder`: takes chunks of any size and emits one complete stream. Calls follow each other: the next one
 * only after the promise of the one before, where there is a promise.
 */
export interface Encoder {
  /** Takes all of `chunk`. */
  write(chunk: Uint8Array, emit: Emit): void | Promise<void>
  /** Ends the stream. */
  finish(emit: Emit): void | Promise<void>
  /** Releases native memory; safe more than once. */
  close(): void
}

/** The inner machine of an encoder: takes input in large pieces. It may keep output back until it has more. */
export interface Compressor {
  /** Takes all of `input`; `last` ends the stream and brings all output. @throws CodecFailure */
  run(input: Uint8Array, last: boolean, emit: Emit): void | Promise<void>
  close(): void
}
