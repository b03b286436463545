import { ArchiveError, isArchiveError } from '../errors.ts'
import type { ArchiveErrorCode, ArchiveErrorInfo } from '../errors.ts'
import type { Limits } from '../limits.ts'
import type { Container, DecodeContext } from './codec.ts'

/** Size of every buffer that travels between the threads, in either direction. */
export const BUFFER_BYTES = 262144

/** To the worker; it works on one job at a time, `id` tells late messages of an earlier job apart. */
export type ToWorker =
  | {
      readonly type: 'open'
      readonly id: number
      readonly container: Container
      readonly limits: Limits
      readonly context: DecodeContext
    }
  | { readonly type: 'input'; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  /** No input follows; `broken` = the input failed: give what can be decoded, do not ask for an end mark. */
  | { readonly type: 'end-of-input'; readonly id: number; readonly broken: boolean }
  /** Leave to fill one more buffer: this one, or one that the worker makes. */
  | { readonly type: 'room'; readonly id: number; readonly buffer: ArrayBuffer | undefined }
  | { readonly type: 'cancel'; readonly id: number }

/** From the worker. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'used'; readonly id: number; readonly buffer: ArrayBuffer }
  | { readonly type: 'output'; readonly id: number; readonly buffer: ArrayBuffer; readonly length: number }
  /** The job is over: finished, failed or cancelled. All buffers that are still there come back. */
  | {
      readonly type: 'over'
      readonly id: number
      readonly failure: SentError | undefined
      readonly inputs: readonly ArrayBuffer[]
      readonly outputs: readonly ArrayBuffer[]
    }

/** An error on its way between threads, where only plain data survives. */
export interface SentError {
  readonly error: unknown
  readonly archive:
    | (Omit<ArchiveErrorInfo, 'cause'> & { readonly code: ArchiveErrorCode; readonly message: string })
    | undefined
}

/** Takes an error apart for {@link reviveError}. */
export function sendError(error: unknown): SentError {
  if (!isArchiveError(error)) return { error, archive: undefined }
  const { code, message, offset, dumpId, file, hint, details, cause } = error
  return { error: cause, archive: { code, message, offset, dumpId, file, hint, details } }
}

/** The error that {@link sendError} took apart, with all its fields. */
export function reviveError({ error, archive }: SentError): unknown {
  if (archive === undefined) return error
  return new ArchiveError(archive.code, archive.message, { ...archive, cause: error })
}
