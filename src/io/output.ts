import { ArchiveError } from '../errors.ts'
import type { Writable } from 'node:stream'
import type { RandomAccess } from './source.ts'

/** Where output goes: a path, a Node Writable or a Web WritableStream. */
export type ArchiveOutput = string | URL | Writable | WritableStream<Uint8Array>

/** @throws ArchiveError USAGE for what is no way to treat an output that exists */
export function checkOverwrite(given: unknown): void {
  if (given === undefined || given === 'replace' || given === 'refuse') return
  const shown = typeof given === 'string' ? JSON.stringify(given) : typeof given === 'boolean' ? given : typeof given
  throw new ArchiveError('USAGE', `Cannot open the output: overwrite is ${shown}, must be "replace" or "refuse"`, {
    details: { option: 'overwrite' },
  })
}

/** What is to be done about a file that exists. */
export const overwriteHint = "Choose another name, or allow it to be replaced: overwrite: 'replace' (--force)"

/** How to open an output. */
export interface SinkOptions {
  /** What to do with a file that exists: `replace` it (default) or `refuse`. Special files are written in any case. */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  /**
   * Write a regular file under its own name from the first byte, as pg_restore does: what has been written stays after
   * an error. Default false: the file appears by rename when it is complete.
   */
  readonly direct?: boolean | undefined
  /** fsync a regular file before it gets its name. Default true. */
  readonly sync?: boolean | undefined
  /** Permission bits of the file, also of one that is replaced. Default: 0o666 less the umask, or those of the other. */
  readonly mode?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * An open output. One call at a time; after `commit` or `abort` (or an error and then `abort`) nothing is held.
 * File-system errors and `signal.reason` come through unwrapped.
 */
export interface Sink {
  /** Number of bytes written so far. */
  readonly position: number
  /** Takes all of `chunk`; its memory may be reused once the promise is settled. */
  write(chunk: Uint8Array): Promise<void>
  /** Overwrites bytes before `position`; absent where the output cannot go back. */
  readonly writeAt?: (chunk: Uint8Array, offset: number) => Promise<void>
  /**
   * What has been written so far, to be read until `commit` or `abort`; absent where the output cannot be read back.
   */
  readonly written?: () => Promise<RandomAccess>
  /**
   * Everything has been written: makes it durable. What is left to `commit` hardly fails, and a signal does not stop it,
   * for outputs that belong together. Absent where there is no such step.
   */
  readonly flush?: () => Promise<void>
  /** Everything has been written: makes it durable and visible. */
  commit(): Promise<void>
  /** Gives up: a file that was being made disappears, a stream is destroyed with `reason`. Never throws. */
  abort(reason?: unknown): Promise<void>
}

/** How to open an output directory. */
export interface DirectorySinkOptions {
  /**
   * What to do with a directory that exists and is not empty: `refuse` it (default), or `replace` it if it holds an
   * archive and nothing else. An empty one is taken in any case, and keeps its mode.
   */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  /** fsync every file and the directory before it gets its name. Default true. */
  readonly sync?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/** A directory that is being made: it gets its name by `commit`, with all its files whole. */
export interface DirectorySink {
  /**
   * A new file in it; its own `commit` says that it is whole, its `abort` removes it. Several may be open at a time.
   * @throws ArchiveError UNSAFE_FILE_NAME for a name that is not plain
   */
  file(name: string): Promise<Sink>
  /** All files have been committed: makes everything durable and visible. */
  commit(): Promise<void>
  /** Gives up and removes everything. Never throws. */
  abort(reason?: unknown): Promise<void>
}
