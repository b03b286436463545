import type { Writable } from 'node:stream'

/**
 * A connection to a database that `restore` fills. SQL and rows are bytes in the encoding of the archive, which the
 * restore itself announces to the server (`SET client_encoding`): a target hands them on unchanged.
 */
export interface RestoreTarget {
  /**
   * Sends SQL as one message of the simple query protocol and waits for its end. What it answers is not needed.
   * @throws ServerError, or what drivers throw (`severity`, and the SQLSTATE as `code`), when the server refuses it;
   * anything else means that the connection is of no more use
   */
  query(sql: Uint8Array): Promise<void>
  /**
   * Sends several, each as `query` does, without waiting for the answer to one before the next is sent, and gives what
   * becomes of each, in their order: undefined, or the error. Whoever stops asking waits until the server has answered
   * all. A target that waits for each leaves it out.
   * @throws whatever means that the connection is of no more use
   */
  readonly queries?: ((sqls: readonly Uint8Array[]) => AsyncIterable<ServerError | undefined>) | undefined
  /**
   * Asks what checks before and after a restore want to know, which `restore` itself does not need. The session's
   * client encoding must be UTF8 then.
   * @throws ServerError, as `query`
   */
  readonly rows?: ((sql: string) => Promise<readonly ServerRow[]>) | undefined
  /**
   * Reads what a `COPY … TO STDOUT` gives, for proofs of what was restored: `onData` gets the bytes as they come, lent
   * for the call, and must not throw. Statement and rows are in the session's client encoding; rows in UTF8 where the
   * target itself converts from the archive's.
   * @throws ServerError, as `query`
   */
  readonly copyTo?: ((copyStatement: Uint8Array, onData: (bytes: Uint8Array) => void) => Promise<void>) | undefined
  /**
   * Sends a `COPY … FROM stdin` and waits until the server asks for rows. A stream will do, such as that of
   * pg-copy-streams: it must finish when the server has taken all rows, and be destroyed without them.
   * @throws ServerError, as `query`, when the server refuses it
   */
  copyFrom(copyStatement: Uint8Array): Promise<CopyInput | Writable> | Writable
  /**
   * Goes on in another database of the same server, in a new session; for `create`. A target that has only the one
   * database leaves it out.
   * @throws ArchiveError CONNECTION_FAILED, or anything that tells why it cannot
   */
  readonly connect?: ((database: string) => Promise<void>) | undefined
  /**
   * Makes the server give up what it was asked last and has not answered, which then rejects; resolves when the server
   * knows. Without it a restore that is aborted leaves what is running to the server, and the session as it is.
   */
  readonly cancel?: (() => Promise<void>) | undefined
  /**
   * Another session in the same database, as the same user; for `jobs`. What opens it ends it.
   * @throws ArchiveError CONNECTION_FAILED, or anything that tells why it cannot
   */
  readonly another?: (() => Promise<EndableTarget>) | undefined
}

/** A session that can be ended. */
export interface EndableTarget extends RestoreTarget {
  /** Ends the connection. */
  end(): Promise<void>
}

/** A row as the server prints its values; null is NULL. */
export type ServerRow = readonly (string | null)[]

/** Takes the rows of one COPY, which is over with {@link CopyInput.end} or {@link CopyInput.abort}. */
export interface CopyInput {
  /**
   * Resolves when more can be taken: that is the back-pressure. The chunk is lent until then.
   * @throws ServerError when the server ended the COPY; nothing more may be written
   */
  write(chunk: Uint8Array): Promise<void>
  /** Resolves when the server has taken all rows. @throws ServerError when it refuses them */
  end(): Promise<void>
  /** Tells the server to forget what it got (CopyFail), and waits until it has. */
  abort(reason: string): Promise<void>
}

/** The fields of an ErrorResponse that a restore looks at. */
export interface ServerErrorFields {
  /** `ERROR`, `FATAL`, `PANIC`, in the server's language. */
  readonly severity?: string | undefined
  /** SQLSTATE, five characters. */
  readonly sqlState?: string | undefined
  readonly detail?: string | undefined
  readonly hint?: string | undefined
  /** The server's CONTEXT lines. */
  readonly context?: string | undefined
  /** Place in the statement, in characters from 1. */
  readonly position?: number | undefined
  /** A statement that the server made itself, and the place in it. */
  readonly internalQuery?: string | undefined
  readonly internalPosition?: number | undefined
}

/** What a server says when it refuses something. The session goes on. */
export class ServerError extends Error implements ServerErrorFields {
  override readonly name = 'ServerError'
  readonly severity: string
  readonly sqlState: string
  readonly detail: string | undefined
  readonly hint: string | undefined
  readonly context: string | undefined
  readonly position: number | undefined
  readonly internalQuery: string | undefined
  readonly internalPosition: number | undefined

  constructor(message: string, fields: ServerErrorFields = {}) {
    super(message)
    this.severity = fields.severity ?? 'ERROR'
    this.sqlState = fields.sqlState ?? 'XX000'
    this.detail = fields.detail
    this.hint = fields.hint
    this.context = fields.context
    this.position = fields.position
    this.internalQuery = fields.internalQuery
    this.internalPosition = fields.internalPosition
  }
}

/** Whether `value` is a {@link ServerError}, also one from another copy of this package. */
export function isServerError(value: unknown): value is ServerError {
  return value instanceof Error && value.name === 'ServerError' && 'sqlState' in value
}

/** FATAL and PANIC are written in the server's language; class 57P is of operator intervention. */
export function endsSession({ severity, sqlState }: ServerError): boolean {
  return severity === 'FATAL' || severity === 'PANIC' || sqlState === '57P01' || sqlState === '57P02'
}
