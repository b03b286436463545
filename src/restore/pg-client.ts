import type { Client, ClientConfig, Connection } from 'pg'
import { ArchiveError } from '../errors.ts'
import { refusalOf, watchBinding, watchRequests, type RequiredAuthentication } from './authentication.ts'
import { undisturbed } from './questions.ts'
import { proveWithKeys, type ScramKeys } from './scram-keys.ts'

/** What node-postgres has and its types do not tell. */
interface ClientInside {
  readonly connection: Connection
  readonly connectionParameters: { database: string | null | undefined }
  /** Both from BackendKeyData; null before. */
  readonly processID: number | null
  readonly secretKey: number | null
  password: unknown
}

/** How {@link connectClient} connects, besides what `pg` takes. */
export interface ClientOptions {
  /** Instead of the database of the configuration, wherever that names it. */
  readonly database?: string | undefined
  /** Nothing but SCRAM with channel binding is taken (channel_binding=require of libpq). */
  readonly requireChannelBinding?: boolean | undefined
  /** How the server may find out who connects (require_auth of libpq). */
  readonly requiredAuthentication?: RequiredAuthentication | undefined
  /** Instead of a password (scram_client_key and scram_server_key of libpq). */
  readonly scramKeys?: ScramKeys | undefined
  /** No timeout of the role or the database ends the session, or what it does. */
  readonly endures?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Told how far connecting came. */
  readonly reached?: Reached | undefined
}

/** How far a connection came. */
export interface Reached {
  /** The address of the server, where it has one. */
  address?: string | undefined
  /** The server has taken the user. */
  authenticated?: boolean | undefined
}

/** Loads what connects to servers. @throws ArchiveError UNSUPPORTED when a package is not installed */
export async function loadPg() {
  const { Client: PgClient } = await load('pg', () => import('pg').then((module) => module.default))
  const { from } = await load('pg-copy-streams', () => import('pg-copy-streams').then((module) => module.default))
  return { Client: PgClient, from }
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

/** The connection of a client. */
export function connectionOf(client: Client): Connection {
  return inside(client).connection
}

/** The database that a client is connected to. */
export function databaseOf(client: Client): string {
  const { database } = inside(client).connectionParameters
  // PostgreSQL's own default
  return database || client.user || ''
}

function inside(client: Client): ClientInside {
  return client as unknown as ClientInside
}

/**
 * A client that is connected; one that cannot connect, or is not to any more, leaves no socket behind.
 * @throws ClientRefusal, `signal.reason`, and what `pg` throws
 */
export async function connectClient(config: ClientConfig, options: ClientOptions = {}): Promise<Client> {
  const { database, requireChannelBinding, requiredAuthentication, scramKeys, endures, signal, reached = {} } = options
  const { Client: PgClient } = await loadPg()
  signal?.throwIfAborted()
  const client = new PgClient(config)
  watchAnswers(client, reached, requiredAuthentication)
  // a connection string would win over `config.database`
  if (database !== undefined) inside(client).connectionParameters.database = database
  if (scramKeys !== undefined) proveWithKeys(client, scramKeys)
  const checkRequests = requiredAuthentication === undefined ? ignore : watchRequests(client, requiredAuthentication)
  const checkBinding = requireChannelBinding === true ? watchBinding(client) : ignore
  const destroy = (): void => void connectionOf(client).stream.destroy()
  signal?.addEventListener('abort', destroy)
  // the first error is that of connect(); of others nobody wants to hear
  client.on('error', ignore)
  try {
    await client.connect()
    checkRequests()
    checkBinding()
    if (endures === true) for (const sql of undisturbed) await client.query(sql)
    client.off('error', ignore)
    return client
  } catch (error) {
    void client.end().catch(ignore)
    destroy()
    signal?.throwIfAborted()
    throw error
  } finally {
    signal?.removeEventListener('abort', destroy)
  }
}

/**
 * Notes how far a client comes, and has a message that node-postgres cannot take apart end the connection: it throws
 * where nobody catches.
 */
function watchAnswers(client: Client, reached: Reached, required: RequiredAuthentication | undefined): void {
  const connection = connectionOf(client) as GuardedConnection
  connection.once('authenticationOk', () => (reached.authenticated = true))
  connection.once('connect', () => (reached.address = connection.stream.remoteAddress))
  const attach = connection.attachListeners.bind(connection)
  connection.attachListeners = (stream) => {
    const before = new Set(stream.listeners('data'))
    attach(stream)
    for (const listener of stream.listeners('data')) {
      if (before.has(listener)) continue
      stream.off('data', listener)
      stream.on('data', (chunk: Uint8Array) => {
        try {
          Reflect.apply(listener, stream, [chunk])
        } catch (error) {
          const method = /authenticationOk message type (\d+)/.exec(String(error))?.[1]
          stream.destroy(method === undefined ? (error as Error) : refusalOf(Number(method), required))
        }
      })
    }
  }
}

interface GuardedConnection extends Connection {
  attachListeners(stream: SocketOf): void
  readonly stream: SocketOf
}

type SocketOf = Connection['stream'] & {
  readonly remoteAddress?: string
  listeners(event: 'data'): ((chunk: Uint8Array) => void)[]
}

/**
 * Asks the server to give up the statement that is running (CancelRequest, on a connection of its own, as PQcancel
 * does); resolves when the server has been asked, or cannot be.
 */
export async function cancelQuery(client: Client): Promise<void> {
  const { processID, secretKey } = inside(client)
  if (processID === null || secretKey === null) return
  const { host, port } = client
  // the class of this client, of whichever copy of node-postgres
  const PgClient = client.constructor as new (config: ClientConfig) => Client
  const connection = connectionOf(new PgClient({ host, port, ssl: false })) as CancelConnection
  await new Promise<void>((resolve) => {
    connection.on('error', () => resolve())
    connection.on('end', () => resolve())
    connection.on('connect', () => connection.cancel(processID, secretKey))
    if (host.startsWith('/')) connection.connect(`${host}/.s.PGSQL.${port}`)
    else connection.connect(port, host)
  })
  connection.stream.destroy()
}

interface CancelConnection extends Connection {
  connect(portOrPath: number | string, host?: string): void
  cancel(processID: number, secretKey: number): void
}

export function ignore(): void {}
