import { existsSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { Client, ClientConfig } from 'pg'
import { ArchiveError, isArchiveError, type ServerError } from '../index.ts'
import { pgTarget, type PgTarget } from '../restore/pg.ts'
import { ClientRefusal } from '../restore/authentication.ts'
import { connectClient, type Reached } from '../restore/pg-client.ts'
import { requiredAuthentication, scramKeys } from './connection-authentication.ts'
import { failureText, hasNoTls, isAboutTls, mayTryNext, serverText, type Place } from './connection-failure.ts'
import { addService, passwordFromFile } from './connection-files.ts'
import { keepalives, wholeNumber } from './connection-socket.ts'
import { balancesHosts, sessionAttributes, shuffled, unfit, type SessionAttributes } from './connection-session.ts'
import {
  addEnvironment,
  isConnectionString,
  isSecret,
  parseConnectionString,
  trimSpace,
  type ConnectionParameters,
} from '../libpq/connection-string.ts'
import { tlsAttempts, type TlsAttempt } from './connection-tls.ts'
import { wrong } from '../libpq/error.ts'
import type { Terminal } from './terminal.ts'

/** What the options of a command say of the connection. */
export interface GivenConnection {
  /** A name, `key=value` or a URI. */
  readonly dbname: string
  readonly host?: string | undefined
  readonly port?: string | undefined
  readonly user?: string | undefined
  /** Instead of what is looked up. */
  readonly password?: string | undefined
}

/**
 * All parameters of a connection, as libpq finds them: options, the string, the service, the environment, defaults
 * (conninfo_array_parse, conninfo_add_defaults, fe-connect.c).
 * @throws ArchiveError USAGE in libpq's words
 */
export async function connectionParameters(
  given: GivenConnection,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ConnectionParameters> {
  const found: ConnectionParameters = new Map()
  // what is empty is not given (conninfo_array_parse)
  if (given.host) found.set('host', given.host)
  if (given.port) found.set('port', given.port)
  if (given.user) found.set('user', given.user)
  if (given.password) found.set('password', given.password)
  if (isConnectionString(given.dbname)) {
    for (const [name, value] of parseConnectionString(given.dbname)) found.set(name, value)
  } else if (given.dbname !== '') {
    found.set('dbname', given.dbname)
  }
  await addService(found, env)
  addEnvironment(found, env)
  if (!found.has('sslmode')) {
    // the variable is older than PGSSLMODE
    if (env['PGREQUIRESSL']?.startsWith('1') === true) found.set('sslmode', 'require')
    else if (found.get('sslrootcert') === 'system') found.set('sslmode', 'verify-full')
  }
  addSettings(found, env)
  if (!found.get('user')) found.set('user', ownName())
  if (!found.get('dbname')) found.set('dbname', found.get('user') ?? '')
  return found
}

/** Variables that set something of the session (EnvironmentOptions, fe-connect.c), which goes before PGOPTIONS. */
const settings = [
  ['PGDATESTYLE', 'datestyle'],
  ['PGTZ', 'timezone'],
  ['PGGEQO', 'geqo'],
] as const

function addSettings(into: ConnectionParameters, env: Readonly<Record<string, string | undefined>>): void {
  for (const [variable, name] of settings) {
    const value = env[variable]
    if (value === undefined || value.toLowerCase() === 'default') continue
    const setting = `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`
    into.set('options', [into.get('options'), setting].filter((part) => part).join(' '))
  }
}

/** pg_fe_getusername, fe-auth.c */
function ownName(): string {
  try {
    return userInfo().username
  } catch {
    throw wrong(`local user with ID ${process.getuid?.() ?? -1} does not exist`)
  }
}

/** Where libpq looks for a server when no host is named: Debian's folder, then PostgreSQL's own. */
const socketFolders = ['/var/run/postgresql', '/tmp']

function defaultHost(port: string): string {
  const found = socketFolders.find((folder) => existsSync(join(folder, `.s.PGSQL.${port}`)))
  return found ?? (process.platform === 'win32' ? 'localhost' : '/var/run/postgresql')
}

function placesOf(parameters: ConnectionParameters): readonly Place[] {
  const list = (name: string): readonly string[] => (parameters.get(name) ?? '').split(',')
  const [hosts, addresses, ports] = [list('host'), list('hostaddr'), list('port')]
  const count = parameters.get('hostaddr') ? addresses.length : hosts.length
  if (parameters.get('hostaddr') && parameters.get('host') && hosts.length !== addresses.length) {
    throw wrong(`could not match ${hosts.length} host names to ${addresses.length} hostaddr values`)
  }
  if (ports.length > 1 && ports.length !== count) {
    throw wrong(`could not match ${ports.length} port numbers to ${count} hosts`)
  }
  return Array.from({ length: count }, (_, at) => {
    const port = (ports.length > 1 ? ports[at] : ports[0]) || '5432'
    const number = Number(trimSpace(port))
    if (!/^[+-]?\d+$/.test(trimSpace(port)) || Math.abs(number) > 0x7fffffff)
      throw wrong(`invalid integer value "${port}" for connection option "port"`)
    if (number < 1 || number > 65535) throw wrong(`invalid port number: "${port}"`)
    const hostaddr = addresses[at] || undefined
    // as inet_aton() takes it, or IPv6
    if (hostaddr !== undefined && !/^[\da-fx.]*\d$|:/i.test(hostaddr)) {
      throw wrong(`could not parse network address "${hostaddr}": Name or service not known`)
    }
    // Node.js 20 gives such names a length that no other program does
    if (hosts[at]?.startsWith('@') === true) throw wrong(`host=${hosts[at]} is not supported by pgdmp`)
    return { host: hosts[at] || hostaddr || defaultHost(port), hostaddr, port }
  })
}

/** The servers to try in turn, and what each has to be: where a standby is preferred, any of them after all. */
function placesToTry(parameters: ConnectionParameters): readonly (readonly [Place, SessionAttributes])[] {
  const known = placesOf(parameters)
  const wanted = sessionAttributes(parameters)
  const places = balancesHosts(parameters) ? shuffled(known) : known
  const pass = (as: SessionAttributes) => places.map((place) => [place, as] as const)
  return wanted === 'prefer-standby' ? [...pass(wanted), ...pass('any')] : pass(wanted)
}

/** What {@link connectDatabase} is told besides the parameters. */
export interface ConnectOptions {
  readonly applicationName: string
  readonly onNotice?: (notice: ServerError) => void
  /** Called for each connection that is made. */
  readonly onConnect?: () => void
  /** No timeout of the role or the database ends the session, which may have to wait for input or for other sessions. */
  readonly endures?: boolean
  /** Asks for a password, once; undefined: never. */
  readonly askPassword?: (() => Promise<string>) | undefined
}

/**
 * Connects as libpq does: every host in turn, with TLS as `sslmode` says, with the password of the parameters or the
 * password file.
 * @throws ArchiveError CONNECTION_FAILED with libpq's words as `details.pgRestore`
 */
export async function connectDatabase(
  terminal: Terminal,
  parameters: ConnectionParameters,
  options: ConnectOptions,
): Promise<PgTarget> {
  const { onNotice, onConnect } = options
  refuseUnsupported(parameters)
  sayWhereItRuns()
  const required = {
    requireChannelBinding: channelBinding(parameters) === 'require',
    requiredAuthentication: requiredAuthentication(parameters),
    scramKeys: scramKeys(parameters),
    endures: options.endures,
  }
  const { signal } = terminal
  const failures: string[] = []
  let asked: string | undefined
  places: for (const [place, wanted] of placesToTry(parameters)) {
    if (parameters.get('requirepeer') && place.host.startsWith('/')) refuse(parameters, 'requirepeer')
    const given = parameters.get('password')
    const ofFile = given ? undefined : await passwordOf(terminal, parameters, place)
    attempts: for (const tls of await tlsAttempts(parameters, place.host, terminal.env)) {
      for (;;) {
        const reached: Reached = {}
        try {
          const config = configOf(parameters, place, tls, options, asked ?? (given || ofFile?.password))
          const first = await connectClient(config, { ...required, signal, reached })
          let complaint: string | undefined = ''
          try {
            complaint = await unfit(first, wanted)
          } finally {
            if (complaint !== undefined) await first.end()
          }
          if (complaint !== undefined) {
            failures.push(failureText(new Error(complaint), place, tls, reached.address))
            continue places
          }
          const connect = async (database: string): Promise<Client> => {
            const again: Reached = {}
            try {
              const next = await connectClient(config, { database, ...required, signal, reached: again })
              onConnect?.()
              return next
            } catch (error) {
              signal.throwIfAborted()
              throw isArchiveError(error) ? error : failed([failureText(error, place, tls, again.address)], error)
            }
          }
          onConnect?.()
          return pgTarget(first, { connect, ...(onNotice === undefined ? {} : { onNotice }) })
        } catch (error) {
          signal.throwIfAborted()
          if (isArchiveError(error)) throw error
          if (error instanceof NoPassword && asked === undefined && options.askPassword !== undefined) {
            asked = await options.askPassword()
            continue
          }
          // the same server is asked without TLS then, which is no failure
          const goesOnWithout = tls.mayDoWithout && hasNoTls(error)
          if (!goesOnWithout) {
            const file = asked === undefined && isWrongPassword(error) ? ofFile?.file : undefined
            const about = file === undefined ? '' : `\npassword retrieved from file "${file}"`
            failures.push(failureText(error, place, tls, reached.address) + about)
          }
          if (reached.authenticated !== true && mayTryNext(error)) continue places
          // whatever the next server may say, or this one otherwise
          if (!mayTryOtherwise(error, reached)) throw failed(failures, error)
          continue attempts
        }
      }
    }
    // this server has answered
    throw failed(failures)
  }
  throw failed(failures)
}

/** Whether a server that refuses with TLS may not do so without, and the other way round (CONNECTION_FAILED, fe-connect.c). */
function mayTryOtherwise(error: unknown, { authenticated }: Reached): boolean {
  if (error instanceof ClientRefusal || authenticated === true) return false
  return serverText(error) !== undefined || isAboutTls(error)
}

function isWrongPassword(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '28P01'
}

/**
 * node-postgres looks whether it runs at Cloudflare's. Where there is no `navigator`, before Node.js 21, it makes a Response to
 * see, for which Node.js loads its HTTP client: more than all else that is loaded to connect. Bench case "restore gzip".
 */
function sayWhereItRuns(): void {
  if (globalThis.navigator !== undefined) return
  Object.defineProperty(globalThis, 'navigator', {
    value: { userAgent: 'Node.js' },
    configurable: true,
    writable: true,
  })
}

/** What libpq says in several lines. */
function inOneLine(text: string): string {
  return text
    .replaceAll(/\n\t(?=[a-z])/g, ' ')
    .replaceAll(/\n(?=[a-z])/g, ', ')
    .replaceAll(/\.?\n\s*(?:(?:DETAIL|HINT): +)?/g, '. ')
    .replace(/\.$/, '')
}

function failed(failures: readonly string[], cause?: unknown): ArchiveError {
  const text = failures.join('\n')
  return new ArchiveError('CONNECTION_FAILED', `Cannot connect: ${failures.map(inOneLine).join('; ')}`, {
    details: { pgRestore: text },
    cause,
  })
}

/** The server asks for a password, and there is none. */
class NoPassword extends ClientRefusal {
  constructor() {
    super('fe_sendauth: no password supplied')
  }
}

function channelBinding(parameters: ConnectionParameters): string {
  const value = parameters.get('channel_binding') || 'prefer'
  if (value === 'require' || value === 'prefer' || value === 'disable') return value
  throw wrong(`invalid channel_binding value: "${value}"`)
}

/** What node-postgres cannot do, and what would be less safe without. */
function refuseUnsupported(parameters: ConnectionParameters): void {
  const mode = parameters.get('gssencmode') || 'prefer'
  if (!/^(?:disable|prefer|require)$/.test(mode)) throw wrong(`invalid gssencmode value: "${mode}"`)
  checkProtocolVersions(parameters)
  refuse(parameters, 'gssencmode', 'require')
  refuse(parameters, 'sslcrl')
  refuse(parameters, 'sslcrldir')
  refuse(parameters, 'replication')
  // node-postgres always names the server
  refuse(parameters, 'sslsni', '0')
}

/** Refuses a parameter with these values, or any. */
function refuse(parameters: ConnectionParameters, name: string, ...values: readonly string[]): void {
  const value = parameters.get(name)
  if (value === undefined || value === '' || (values.length > 0 && !values.includes(value))) return
  throw wrong(`${name}${isSecret(name) ? '' : `=${value}`} is not supported by pgdmp`)
}

/** What is spoken is 3.0 (pqParseProtocolVersion, fe-connect.c). */
function checkProtocolVersions(parameters: ConnectionParameters): void {
  const known = new Set(['3.0', '3.2', 'latest'])
  const [min, max] = (['min_protocol_version', 'max_protocol_version'] as const).map((name) => {
    const value = parameters.get(name) || '3.0'
    if (!known.has(value)) throw wrong(`invalid ${name} value: "${value}"`)
    return value === 'latest' ? '3.2' : value
  })
  if (min === '3.0') return
  // without a maximum it is the minimum
  if (max === '3.0' && parameters.get('max_protocol_version')) {
    throw wrong('"min_protocol_version" is greater than "max_protocol_version"')
  }
  refuse(parameters, 'min_protocol_version')
}

/** What the password file has for a server. */
async function passwordOf(
  terminal: Terminal,
  parameters: ConnectionParameters,
  { host, port }: Place,
): Promise<{ readonly password: string; readonly file: string } | undefined> {
  const file = parameters.get('passfile') || join(terminal.env['HOME'] ?? homedir(), '.pgpass')
  const password = await passwordFromFile(
    file,
    {
      host: socketFolders.includes(host) ? 'localhost' : host,
      port,
      dbname: parameters.get('dbname') ?? '',
      user: parameters.get('user') ?? '',
    },
    (warning) => void terminal.stderr.write(`${warning}\n`),
  )
  return password ? { password, file } : undefined
}

function configOf(
  parameters: ConnectionParameters,
  { host, hostaddr, port }: Place,
  tls: TlsAttempt,
  { applicationName }: ConnectOptions,
  password: string | undefined,
): ClientConfig {
  const text = (name: string): string => parameters.get(name) ?? ''
  const isSocket = host.startsWith('/')
  const alive = isSocket ? {} : keepalives(parameters)
  if (!isSocket) wholeNumber(parameters, 'tcp_user_timeout')
  const seconds = wholeNumber(parameters, 'connect_timeout') ?? 0
  return {
    host: hostaddr ?? host,
    port: Number(port),
    user: text('user'),
    database: text('dbname'),
    // a function: node-postgres looks for no password itself, and calls it when the server wants one
    password: () => {
      if (!password) throw new NoPassword()
      return password
    },
    ssl: isSocket ? false : tls.ssl,
    // said in any case: node-postgres would take it from the environment
    sslnegotiation: !isSocket && tls.isDirect === true ? 'direct' : 'postgres',
    application_name: text('application_name') || applicationName,
    ...(text('options') === '' ? {} : { options: text('options') }),
    ...alive,
    ...(seconds > 0 ? { connectionTimeoutMillis: Math.max(2, seconds) * 1000 } : {}),
    enableChannelBinding: tls.ssl !== false && channelBinding(parameters) !== 'disable',
  }
}
