/**
 * What an {@link ArchiveError} is about. Callers branch on this, never on the message.
 *
 * | family | codes |
 * | --- | --- |
 * | not this format | NOT_AN_ARCHIVE, PLAIN_SQL, UNEXPECTED_EOF, BAD_HEADER, BAD_TOC, BAD_BLOCK, BAD_TAR, BAD_LARGE_OBJECT_TOC |
 * | parts disagree | DUPLICATE_DUMP_ID, BLOCK_MISMATCH, MISSING_BLOCK, MISSING_DATA_FILE, UNSAFE_FILE_NAME, CHECKSUM_MISMATCH |
 * | valid but unsupported | VERSION_TOO_NEW, UNSUPPORTED_COMPRESSION, CODEC_UNAVAILABLE, UNSUPPORTED |
 * | codec | BAD_COMPRESSED_DATA, TRAILING_DATA |
 * | order | DATA_OUT_OF_ORDER |
 * | limits | LIMIT_EXCEEDED |
 * | text | BAD_COPY_DATA, BAD_LIST, BAD_FILTER, BAD_RECEIPT, BAD_CONFIG, BAD_JOURNAL |
 * | rules of somebody's own | RULE_FAILED |
 * | look-ups | NAME_NOT_FOUND, ENTRY_NOT_FOUND, NO_DATA |
 * | rewriting | UNDECIDED_REFERENCE |
 * | safety | UNSAFE_SQL |
 * | servers | CONNECTION_FAILED, CONNECTION_LOST, JOURNAL_MISMATCH, JOURNAL_REFUSED |
 * | usage | USAGE, CLOSED |
 */
export type ArchiveErrorCode =
  | 'NOT_AN_ARCHIVE'
  | 'PLAIN_SQL'
  | 'UNEXPECTED_EOF'
  | 'BAD_HEADER'
  | 'BAD_TOC'
  | 'BAD_BLOCK'
  | 'BAD_TAR'
  | 'BAD_LARGE_OBJECT_TOC'
  | 'DUPLICATE_DUMP_ID'
  | 'BLOCK_MISMATCH'
  | 'MISSING_BLOCK'
  | 'MISSING_DATA_FILE'
  | 'UNSAFE_FILE_NAME'
  | 'CHECKSUM_MISMATCH'
  | 'VERSION_TOO_NEW'
  | 'UNSUPPORTED_COMPRESSION'
  | 'CODEC_UNAVAILABLE'
  | 'UNSUPPORTED'
  | 'BAD_COMPRESSED_DATA'
  | 'TRAILING_DATA'
  | 'DATA_OUT_OF_ORDER'
  | 'LIMIT_EXCEEDED'
  | 'BAD_COPY_DATA'
  | 'BAD_LIST'
  | 'BAD_FILTER'
  | 'BAD_RECEIPT'
  | 'BAD_CONFIG'
  | 'BAD_JOURNAL'
  | 'RULE_FAILED'
  | 'NAME_NOT_FOUND'
  | 'ENTRY_NOT_FOUND'
  | 'NO_DATA'
  | 'UNDECIDED_REFERENCE'
  | 'UNSAFE_SQL'
  | 'CONNECTION_FAILED'
  | 'CONNECTION_LOST'
  | 'JOURNAL_MISMATCH'
  | 'JOURNAL_REFUSED'
  | 'USAGE'
  | 'CLOSED'

/** Where and why: all optional, all kept on the error. */
export interface ArchiveErrorInfo {
  /** Byte offset in the archive (custom, tar) or in {@link ArchiveErrorInfo.file} (directory). */
  readonly offset?: number | undefined
  /** The TOC entry concerned. */
  readonly dumpId?: number | undefined
  /** The file or tar member concerned. */
  readonly file?: string | undefined
  /** What to do next, as one sentence without a final period. */
  readonly hint?: string | undefined
  /** Values a program may want, by code: `{limit, max, observed}` for LIMIT_EXCEEDED, `{kind, name}` for NAME_NOT_FOUND, … */
  readonly details?: Readonly<Record<string, unknown>> | undefined
  readonly cause?: unknown
}

/**
 * Every failure that pgdmp itself detects. File-system errors and `signal.reason` pass through unwrapped.
 *
 * The message names the action and both values, without a final period:
 * `Cannot read TOC entry 214: dump id is -3 at offset 20481, must be > 0`.
 */
export class ArchiveError extends Error {
  override readonly name = 'ArchiveError'
  readonly code: ArchiveErrorCode
  readonly offset: number | undefined
  readonly dumpId: number | undefined
  readonly file: string | undefined
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(code: ArchiveErrorCode, message: string, info: ArchiveErrorInfo = {}) {
    super(message, info.cause === undefined ? undefined : { cause: info.cause })
    this.code = code
    this.offset = info.offset
    this.dumpId = info.dumpId
    this.file = info.file
    this.hint = info.hint
    this.details = info.details
  }
}

/** Whether `value` is an {@link ArchiveError}, also one from another copy of this package. */
export function isArchiveError(value: unknown): value is ArchiveError {
  return value instanceof Error && value.name === 'ArchiveError' && 'code' in value
}

/** Something worth telling that does not stop the work: a warning while reading, a defect that `verify` found. */
export interface Finding {
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly message: string
  readonly dumpId?: number | undefined
  readonly offset?: number | undefined
  readonly file?: string | undefined
  readonly hint?: string | undefined
}

/** Receives findings as they come up. */
export type OnWarning = (finding: Finding) => void
