import type { Client, ClientConfig, Connection, DatabaseError } from 'pg'
import type { CopyStreamQuery } from 'pg-copy-streams'
import { ArchiveError } from '../errors.ts'
import { ServerError, type CopyInput, type RestoreTarget } from './target.ts'

/** A {@link RestoreTarget} over node-postgres. */
export interface PgTarget extends RestoreTarget {
  /** The client of the moment: another one after `connect`. */
  readonly client: Client
  /** Ends the connection. */
  end(): Promise<void>
}

/** Options of {@link pgTarget}. */
export interface PgTargetOptions {
  /** Connects to another database of the same server; without it `create` is not possible. */
  readonly connect?: (database: string) => Promise<Client>
  /** Receives the server's notices and warnings. */
  readonly onNotice?: (notice: ServerError) => void
}

/**
 * A target over a connected client of node-postgres, which nothing else may use meanwhile. Not a pool: a restore is
 * one session.
 *
 * @example
 * const client = new Client('postgres://localhost/copy')
 * await client.connect()
 * await restore(archive, pgTarget(client))
 */
export function pgTarget(client: Client, options: PgTargetOptions = {}): PgTarget {
  return new NodePostgres(client, options)
}

/**
 * Connects with node-postgres, and again for another database where `create` asks for it.
 *
 * @param config what `new Client()` of `pg` takes
 * @throws ArchiveError UNSUPPORTED when `pg` or `pg-copy-streams` is not installed; what `pg` throws when it
 * cannot connect
 */
export async function connectPg(
  config: string | ClientConfig,
  options: Omit<PgTargetOptions, 'connect'> = {},
): Promise<PgTarget> {
  const { Client: PgClient } = await load('pg', () => import('pg').then((module) => module.default))
  const whole: ClientConfig = typeof config === 'string' ? { connectionString: config } : config
  const first = new PgClient(whole)
  await first.connect()
  const connect = async (database: string): Promise<Client> => {
    const { host, port, ssl, user, password } = first
    const { connectionString: _, ...others } = whole
    const client = new PgClient({
      ...others,
      host,
      port,
      ssl,
      database,
      ...(user === undefined ? {} : { user }),
      ...(password ? { password } : {}),
    })
    await client.connect()
    return client
  }
  return pgTarget(first, { ...options, connect })
}

/** Loads an optional package. */
async function load<T>(name: string, importIt: () => Promise<T>): Promise<T> {
  try {
    return await importIt()
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ERR_MODULE_NOT_FOUND')) throw cause
    const what = `the package ${name} is not installed`
    const hint = 'Install what connects to servers: npm install pg pg-copy-streams'
    throw new ArchiveError('UNSUPPORTED', `Cannot connect to a server: ${what}`, {
      hint,
      details: { packages: ['pg', 'pg-copy-streams'], pgRestore: `${what}: npm install pg pg-copy-streams` },
      cause,
    })
  }
}

/** What node-postgres calls while the query is the one that is answered (Query, pg/lib/query.js). */
interface Submittable {
  submit(connection: Connection): void
  handleRowDescription(): void
  handleDataRow(): void
  handlePortalSuspended(): void
  handleEmptyQuery(): void
  handleCommandComplete(): void
  handleCopyInResponse(connection: CopyConnection): void
  handleCopyData(): void
  handleReadyForQuery(): void
  handleError(error: Error): void
}

interface CopyConnection extends Connection {
  sendCopyFail(reason: string): void
}

/** Chunks from this size on fill the socket's buffer, so that they have left when it is empty again. */
const COPIED_BYTES = 64 * 1024

class NodePostgres implements PgTarget {
  #client: Client
  readonly #options: PgTargetOptions
  /** The last thing that was heard of the connection when it ended. */
  #ended: Error | undefined

  constructor(client: Client, options: PgTargetOptions) {
    this.#client = client
    this.#options = options
    this.#watch(client)
  }

  get client(): Client {
    return this.#client
  }

  get connect(): ((database: Uint8Array) => Promise<void>) | undefined {
    const { connect } = this.#options
    if (connect === undefined) return undefined
    return async (database) => {
      await this.#client.end()
      this.#ended = undefined
      this.#client = await connect(new TextDecoder().decode(database))
      this.#watch(this.#client)
    }
  }

  async query(sql: Uint8Array): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended
    const client = this.#client
    await new Promise<void>((resolve, reject) => {
      let failure: Error | undefined
      const done = (): void => (failure === undefined ? resolve() : reject(failure))
      const query: Submittable = {
        submit: (connection) => void connection.stream.write(queryMessage(sql)),
        handleRowDescription: ignore,
        handleDataRow: ignore,
        handlePortalSuspended: ignore,
        handleEmptyQuery: ignore,
        handleCommandComplete: ignore,
        handleCopyData: ignore,
        handleCopyInResponse: (connection) => connection.sendCopyFail('there are no rows'),
        handleReadyForQuery: done,
        handleError: (error) => {
          failure = asServerError(error)
          // the server says that it is ready after an error, too, but not who ends the connection
          if (failure instanceof ServerError && failure.severity === 'ERROR') afterError(client, done, this.#endings)
          else done()
        },
      }
      // node-postgres takes whatever has `submit`; its types know of queries only
      client.query(query as unknown as CopyStreamQuery)
    })
  }

  async copyFrom(copyStatement: Uint8Array): Promise<CopyInput> {
    if (this.#ended !== undefined) throw this.#ended
    const { from } = await load('pg-copy-streams', () => import('pg-copy-streams').then((module) => module.default))
    const stream = from(new TextDecoder().decode(copyStatement))
    const input = new PgCopy(stream, this.#client, this.#endings)
    await input.start(copyStatement)
    return input
  }

  async end(): Promise<void> {
    await this.#client.end()
  }

  /** Called when the connection ends while something waits. */
  readonly #endings = new Set<() => void>()

  #watch(client: Client): void {
    client.on('error', (error) => {
      this.#ended ??= asServerError(error)
    })
    client.on('end', () => {
      if (client !== this.#client) return
      this.#ended ??= new Error('Connection terminated')
      for (const ending of this.#endings) ending()
    })
    client.on('notice', (notice) => {
      this.#options.onNotice?.(serverErrorOf(notice))
    })
  }
}

/** One COPY through pg-copy-streams. */
class PgCopy implements CopyInput {
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
    await this.#wait((done) => {
      const ready = query.handleCopyInResponse.bind(query)
      query.handleCopyInResponse = (connection) => {
        ready(connection)
        done()
      }
      this.#client.query(this.#stream)
    })
  }

  async write(chunk: Uint8Array): Promise<void> {
    const lasting = chunk.length < COPIED_BYTES ? chunk.slice() : chunk
    await this.#wait((done) => void this.#stream.write(lasting, () => done()))
  }

  async end(): Promise<void> {
    await this.#wait((done) => void this.#stream.end(done))
  }

  async abort(reason: string): Promise<void> {
    if (this.#failure !== undefined) return
    await this.#wait(() => void this.#stream.destroy(new Error(reason))).catch((error: unknown) => {
      if (!(error instanceof ServerError)) throw error
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
function afterError(client: Client, done: () => void, endings: Set<() => void>): void {
  const { connection } = client as unknown as { readonly connection: Connection }
  const once = (): void => {
    endings.delete(once)
    connection.removeListener('readyForQuery', once)
    done()
  }
  endings.add(once)
  connection.once('readyForQuery', once)
}

function ignore(): void {}

/** Query ('Q'): 1 byte  type, 4 bytes  length, SQL, 1 byte  zero. */
function queryMessage(sql: Uint8Array): Uint8Array {
  const message = new Uint8Array(6 + sql.length)
  message[0] = 0x51
  new DataView(message.buffer).setUint32(1, 5 + sql.length)
  message.set(sql, 5)
  return message
}

/** An error of the server's as one of ours; any other as it is. */
function asServerError(error: Error): Error {
  const isOfServer = 'severity' in error && 'code' in error
  // what has both is what pg-protocol makes of an ErrorResponse
  return isOfServer ? serverErrorOf(error as DatabaseError) : error
}

/** What pg-protocol makes of an ErrorResponse or a NoticeResponse. */
type Response = { readonly [K in keyof DatabaseError]?: DatabaseError[K] | undefined }

function serverErrorOf(response: Response): ServerError {
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
