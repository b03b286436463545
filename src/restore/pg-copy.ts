import type { Client, Connection, DatabaseError } from 'pg'
import type { CopyStreamQuery } from 'pg-copy-streams'
import { serverErrorFrom } from './backend-messages.ts'
import { connectionOf, ignore } from './pg-client.ts'
import { bodyOf } from './server-texts.ts'
import { ServerError, type CopyInput } from './target.ts'

/** What node-postgres calls while the query is the one that is answered (Query, pg/lib/query.js). */
export interface Submittable {
  submit(connection: Connection): void
  handleRowDescription(): void
  handleDataRow(row: DataRow): void
  handlePortalSuspended(): void
  handleEmptyQuery(): void
  handleCommandComplete(): void
  handleCopyInResponse(connection: CopyConnection): void
  handleCopyData(message: { readonly chunk: Uint8Array }): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

/** What pg-protocol makes of a DataRow. */
export interface DataRow {
  readonly fields: readonly (string | null)[]
}

export interface CopyConnection extends Connection {
  sendCopyFail(reason: string): void
}

/** Bytes of rows in a message: the server reads a message as a whole before it looks at it. Bench case "restore gzip". */
const MESSAGE_BYTES = 32 * 1024

/** One COPY through pg-copy-streams. */
export class PgCopy implements CopyInput {
  readonly #stream: CopyStreamQuery
  readonly #client: Client
  readonly #endings: Set<() => void>
  #failure: Error | undefined
  /** What waits for the stream. */
  #waiting: ((error: Error) => void) | undefined

  constructor(stream: CopyStreamQuery, client: Client, endings: Set<() => void>) {
    this.#stream = stream
    this.#client = client
    this.#endings = endings
  }

  async start(copyStatement: Uint8Array): Promise<void> {
    // node-postgres calls these of whatever it is given as a query
    const query = this.#stream as unknown as Submittable & { connection: Connection }
    query.submit = (connection) => {
      query.connection = connection
      connection.stream.write(queryMessage(copyStatement))
    }
    this.#stream.on('error', (error) => {
      this.#failure ??= asServerError(error)
      const fail = (): void => this.#waiting?.(this.#failure ?? error)
      if (this.#failure instanceof ServerError) afterError(this.#client, fail, this.#endings)
      else fail()
    })
    // what is asked of a query and CopyStreamQuery does not know: whatever the archive holds may be sent as a COPY
    query.handleRowDescription = ignore
    query.handleDataRow = ignore
    query.handlePortalSuspended = ignore
    query.handleEmptyQuery = ignore
    query.handleCopyData = ignore
    await this.#wait((done) => {
      const ready = query.handleCopyInResponse.bind(query)
      const over = query.handleReadyForQuery.bind(query)
      let asked = false
      query.handleCopyInResponse = (connection) => {
        // a second COPY of the same message has no rows
        if (asked) return connection.sendCopyFail('there are no rows')
        asked = true
        ready(connection)
        done()
      }
      query.handleReadyForQuery = () => {
        if (asked) return over()
        // syntax_error
        this.#failure = new ServerError('the statement of the archive asks for no rows', { sqlState: '42601' })
        this.#waiting?.(this.#failure)
      }
      this.#client.query(this.#stream)
    })
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0) return
    const { stream } = connectionOf(this.#client)
    await this.#wait((done) => {
      stream.cork()
      for (let at = 0; at < chunk.length; at += MESSAGE_BYTES) {
        const rows = chunk.subarray(at, at + MESSAGE_BYTES)
        stream.write(copyDataHeader(rows.length))
        stream.write(rows, at + rows.length === chunk.length ? done : undefined)
      }
      stream.uncork()
    })
  }

  async end(): Promise<void> {
    await this.#wait((done) => void this.#stream.end(done))
  }

  async abort(reason: string): Promise<void> {
    if (this.#failure !== undefined) return
    await new Promise<void>((resolve) => {
      // the stream tells of the error when the server may have been ready for long
      afterError(this.#client, resolve, this.#endings)
      this.#failure = new Error(reason)
      this.#stream.destroy(this.#failure)
    })
  }

  /** Until it is done, or the COPY has failed. */
  async #wait(begin: (done: () => void) => void): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = reject
        begin(resolve)
      })
    } finally {
      this.#waiting = undefined
    }
  }
}

/** Calls back when the server is ready again after an error, or gone. */
export function afterError(client: Client, done: () => void, endings: Set<() => void>): void {
  const connection = connectionOf(client)
  const once = (): void => {
    endings.delete(once)
    connection.removeListener('readyForQuery', once)
    done()
  }
  endings.add(once)
  connection.once('readyForQuery', once)
}

/** CopyData ('d'): 1 byte  type, 4 bytes  length, rows. */
function copyDataHeader(length: number): Uint8Array {
  const header = new Uint8Array(5)
  header[0] = 0x64
  new DataView(header.buffer).setUint32(1, 4 + length)
  return header
}

/** Query ('Q'): 1 byte  type, 4 bytes  length, SQL, 1 byte  zero. */
export function queryMessage(sql: Uint8Array): Uint8Array {
  const message = new Uint8Array(6 + sql.length)
  message[0] = 0x51
  new DataView(message.buffer).setUint32(1, 5 + sql.length)
  message.set(sql, 5)
  return message
}

/** An error of the server's as one of ours; any other as it is. */
export function asServerError(error: Error): Error {
  const isOfServer = 'severity' in error && 'code' in error
  // what has both is what pg-protocol makes of an ErrorResponse
  return isOfServer ? serverErrorOf(error as DatabaseError) : error
}

/** What pg-protocol makes of an ErrorResponse or a NoticeResponse. */
type Response = { readonly [K in keyof DatabaseError]?: DatabaseError[K] | undefined }

export function serverErrorOf(response: Response): ServerError {
  const said = bodyOf(response)
  if (said !== undefined) return serverErrorFrom(said.body, said.decode, 'S')
  const { message = '', severity, code, detail, hint, where, position, internalQuery, internalPosition } = response
  return new ServerError(message, {
    severity,
    sqlState: code,
    detail,
    hint,
    context: where,
    position: position === undefined ? undefined : Number(position),
    internalQuery,
    internalPosition: internalPosition === undefined ? undefined : Number(internalPosition),
  })
}
