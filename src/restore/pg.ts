import type { Client, ClientConfig } from 'pg'
import type { CopyStreamQuery } from 'pg-copy-streams'
import { cancelQuery, connectClient, connectionOf, databaseOf, ignore, loadPg } from './pg-client.ts'
import {
  afterError,
  asServerError,
  PgCopy,
  queryMessage,
  serverErrorOf,
  type DataRow,
  type Submittable,
} from './pg-copy.ts'
import { isOrdinary, SentQueries } from './pg-sent-queries.ts'
import { keepServerTexts } from './server-texts.ts'
import type { CopyInput, EndableTarget, ServerError, ServerRow } from './target.ts'

/** A {@link RestoreTarget} over node-postgres. */
export interface PgTarget extends EndableTarget {
  /** The client of the moment: another one after `connect`. */
  readonly client: Client
  queries(sqls: readonly Uint8Array[]): AsyncIterable<ServerError | undefined>
  rows(sql: string): Promise<readonly ServerRow[]>
  copyTo(copyStatement: Uint8Array, onData: (bytes: Uint8Array) => void): Promise<void>
  copyFrom(copyStatement: Uint8Array): Promise<CopyInput>
}

/** Options of {@link pgTarget}. */
export interface PgTargetOptions {
  /** Connects once more, to a database of the same server; without it `create` and `jobs` are not possible. */
  readonly connect?: (database: string) => Promise<Client>
  /** Receives the server's notices and warnings. */
  readonly onNotice?: (notice: ServerError) => void
}

/**
 * A target over a connected client of node-postgres, which nothing else may use meanwhile. Not a pool: a session of a
 * restore is one connection.
 *
 * @example
 * const client = new Client('postgres://localhost/copy')
 * await client.connect()
 * await restore(archive, pgTarget(client))
 */
export function pgTarget(client: Client, options: PgTargetOptions = {}): PgTarget {
  return new NodePostgres(client, options)
}

/** Options of {@link connectPg}. */
export interface ConnectPgOptions extends Omit<PgTargetOptions, 'connect'> {
  /** Gives up connecting. */
  readonly signal?: AbortSignal
}

/**
 * Connects with node-postgres, and again for another database where `create` asks for it, and for each of `jobs`.
 *
 * @param config what `new Client()` of `pg` takes
 * @throws ArchiveError UNSUPPORTED when `pg` or `pg-copy-streams` is not installed; `signal.reason`; what `pg` throws
 * when it cannot connect
 */
export async function connectPg(
  config: string | ClientConfig,
  { signal, ...options }: ConnectPgOptions = {},
): Promise<PgTarget> {
  const whole: ClientConfig = typeof config === 'string' ? { connectionString: config } : config
  const first = await connectClient(whole, { signal })
  const connect = (database: string): Promise<Client> => connectClient(whole, { database, signal })
  return pgTarget(first, { ...options, connect })
}

class NodePostgres implements PgTarget {
  #client: Client
  readonly #options: PgTargetOptions
  /** What is being answered of what was sent together. */
  #sent: SentQueries | undefined
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

  get connect(): ((database: string) => Promise<void>) | undefined {
    const { connect } = this.#options
    if (connect === undefined) return undefined
    return async (database) => {
      await this.#client.end()
      this.#ended = undefined
      this.#client = await connect(database)
      this.#watch(this.#client)
    }
  }

  get another(): (() => Promise<PgTarget>) | undefined {
    const { connect } = this.#options
    if (connect === undefined) return undefined
    return async () => pgTarget(await connect(databaseOf(this.#client)), this.#options)
  }

  async query(sql: Uint8Array): Promise<void> {
    await this.#ask(sql, ignore)
  }

  async *queries(sqls: readonly Uint8Array[]): AsyncGenerator<ServerError | undefined, void, void> {
    if (this.#ended !== undefined) throw this.#ended
    const sent = new SentQueries(this.#client, sqls, this.#endings)
    this.#sent = sent
    try {
      for (let at = 0; at < sqls.length; at++) {
        const { error, notices } = await sent.answer()
        for (const notice of notices) this.#options.onNotice?.(notice)
        if (error !== undefined && !isOrdinary(error)) throw error
        yield error
      }
    } finally {
      await sent.over()
      this.#sent = undefined
    }
  }

  async rows(sql: string): Promise<readonly ServerRow[]> {
    const rows: ServerRow[] = []
    await this.#ask(new TextEncoder().encode(sql), ({ fields }) => void rows.push(fields))
    return rows
  }

  async copyTo(copyStatement: Uint8Array, onData: (bytes: Uint8Array) => void): Promise<void> {
    await this.#ask(copyStatement, ignore, onData)
  }

  async #ask(
    sql: Uint8Array,
    onRow: (row: DataRow) => void,
    onCopyData: (bytes: Uint8Array) => void = ignore,
  ): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended
    const client = this.#client
    await new Promise<void>((resolve, reject) => {
      let failure: Error | undefined
      const done = (): void => (failure === undefined ? resolve() : reject(failure))
      const query: Submittable = {
        submit: (connection) => void connection.stream.write(queryMessage(sql)),
        handleRowDescription: ignore,
        handleDataRow: onRow,
        handlePortalSuspended: ignore,
        handleEmptyQuery: ignore,
        handleCommandComplete: ignore,
        handleCopyData: ({ chunk }) => onCopyData(chunk),
        handleCopyInResponse: (connection) => connection.sendCopyFail('there are no rows'),
        handleReadyForQuery: done,
        handleError: (error) => {
          failure = asServerError(error)
          // the server says that it is ready after an error, too, but not who ends the connection
          if (isOrdinary(failure)) afterError(client, done, this.#endings)
          else done()
        },
      }
      // node-postgres takes whatever has `submit`; its types know of queries only
      client.query(query as unknown as CopyStreamQuery)
    })
  }

  async copyFrom(copyStatement: Uint8Array): Promise<CopyInput> {
    if (this.#ended !== undefined) throw this.#ended
    const { from } = await loadPg()
    const stream = from(new TextDecoder().decode(copyStatement))
    const input = new PgCopy(stream, this.#client, this.#endings)
    await input.start(copyStatement)
    return input
  }

  async cancel(): Promise<void> {
    await cancelQuery(this.#client)
  }

  async end(): Promise<void> {
    await this.#client.end()
  }

  /** Called when the connection ends while something waits. */
  readonly #endings = new Set<() => void>()

  #watch(client: Client): void {
    keepServerTexts(connectionOf(client))
    client.on('error', (error) => {
      this.#ended ??= asServerError(error)
    })
    client.on('end', () => {
      if (client !== this.#client) return
      this.#ended ??= new Error('Connection terminated')
      for (const ending of this.#endings) ending()
    })
    client.on('notice', (response) => {
      const notice = serverErrorOf(response)
      if (this.#sent === undefined) this.#options.onNotice?.(notice)
      else this.#sent.note(notice)
    })
  }
}
