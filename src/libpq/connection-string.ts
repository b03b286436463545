import { encodeByteString, utf8ToByteString } from '../bytes/byte-string.ts'
import { wrong } from './error.ts'

/** Connection parameters by libpq's names. */
export type ConnectionParameters = Map<string, string>

/** libpq's parameters and the variables that give them a value (PQconninfoOptions, fe-connect.c). */
const parameters: Readonly<Record<string, string | null>> = {
  service: 'PGSERVICE',
  user: 'PGUSER',
  password: 'PGPASSWORD',
  passfile: 'PGPASSFILE',
  channel_binding: 'PGCHANNELBINDING',
  connect_timeout: 'PGCONNECT_TIMEOUT',
  dbname: 'PGDATABASE',
  host: 'PGHOST',
  hostaddr: 'PGHOSTADDR',
  port: 'PGPORT',
  client_encoding: 'PGCLIENTENCODING',
  options: 'PGOPTIONS',
  application_name: 'PGAPPNAME',
  fallback_application_name: null,
  keepalives: null,
  keepalives_idle: null,
  keepalives_interval: null,
  keepalives_count: null,
  tcp_user_timeout: null,
  sslmode: 'PGSSLMODE',
  sslnegotiation: 'PGSSLNEGOTIATION',
  sslcompression: 'PGSSLCOMPRESSION',
  sslcert: 'PGSSLCERT',
  sslkey: 'PGSSLKEY',
  sslcertmode: 'PGSSLCERTMODE',
  sslpassword: null,
  sslrootcert: 'PGSSLROOTCERT',
  sslcrl: 'PGSSLCRL',
  sslcrldir: 'PGSSLCRLDIR',
  sslsni: 'PGSSLSNI',
  requirepeer: 'PGREQUIREPEER',
  require_auth: 'PGREQUIREAUTH',
  min_protocol_version: 'PGMINPROTOCOLVERSION',
  max_protocol_version: 'PGMAXPROTOCOLVERSION',
  ssl_min_protocol_version: 'PGSSLMINPROTOCOLVERSION',
  ssl_max_protocol_version: 'PGSSLMAXPROTOCOLVERSION',
  gssencmode: 'PGGSSENCMODE',
  krbsrvname: 'PGKRBSRVNAME',
  gsslib: 'PGGSSLIB',
  gssdelegation: 'PGGSSDELEGATION',
  replication: null,
  target_session_attrs: 'PGTARGETSESSIONATTRS',
  load_balance_hosts: 'PGLOADBALANCEHOSTS',
  scram_client_key: null,
  scram_server_key: null,
  sslkeylogfile: null,
  oauth_issuer: null,
  oauth_client_id: null,
  oauth_client_secret: null,
  oauth_scope: null,
}

/** Whether libpq has a parameter of this name. */
export function isParameter(name: string): boolean {
  return Object.hasOwn(parameters, name)
}

/** Gives parameters without a value that of their variable. */
export function addEnvironment(into: ConnectionParameters, env: Readonly<Record<string, string | undefined>>): void {
  for (const [name, variable] of Object.entries(parameters)) {
    const value = variable === null ? undefined : env[variable]
    if (value !== undefined && !into.has(name)) into.set(name, value)
  }
}

/** What isspace() of C takes for white space; JavaScript's `\s` takes more. */
const space = /[ \t\n\v\f\r]/

/** A text without white space at its ends. */
export function trimSpace(text: string): string {
  return text.replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '')
}

/** Whether `-d` is more than a database's name (recognized_connection_string, fe-connect.c). */
export function isConnectionString(text: string): boolean {
  return isUri(text) || text.includes('=')
}

function isUri(text: string): boolean {
  return /^postgres(?:ql)?:\/\//.test(text)
}

/**
 * The parameters of a connection string, as `key=value` or URI.
 * @throws ArchiveError USAGE in libpq's words
 */
export function parseConnectionString(text: string): ConnectionParameters {
  return isUri(text) ? parseUri(text) : parseKeywords(text)
}

/** conninfo_parse, fe-connect.c */
function parseKeywords(text: string): ConnectionParameters {
  const found: ConnectionParameters = new Map()
  let at = 0
  const skipSpace = (): void => {
    while (space.test(text.charAt(at))) at++
  }
  for (skipSpace(); at < text.length; skipSpace()) {
    const start = at
    while (at < text.length && text.charAt(at) !== '=' && !space.test(text.charAt(at))) at++
    const name = text.slice(start, at)
    skipSpace()
    if (text.charAt(at) !== '=') throw wrong(`missing "=" after "${name}" in connection info string`)
    at++
    skipSpace()
    let value = ''
    const quoted = text.charAt(at) === "'"
    if (quoted) at++
    for (;;) {
      const char = text.charAt(at)
      if (char === '') {
        if (quoted) throw wrong('unterminated quoted string in connection info string')
        break
      }
      if (quoted ? char === "'" : space.test(char)) {
        at++
        break
      }
      if (char === '\\') at++
      value += text.charAt(at++)
    }
    if (!store(found, name, value)) throw wrong(`invalid connection option "${name}"`)
  }
  return found
}

/** conninfo_storeval, fe-connect.c; false for a name that libpq does not have. */
function store(found: ConnectionParameters, name: string, value: string): boolean {
  // older than sslmode
  if (name === 'requiressl') found.set('sslmode', value.startsWith('1') ? 'require' : 'prefer')
  else if (isParameter(name)) found.set(name, value)
  else return false
  return true
}

/** conninfo_uri_parse_options, fe-connect.c: it knows several hosts, which URL() does not. */
function parseUri(uri: string): ConnectionParameters {
  const found: ConnectionParameters = new Map()
  const start = uri.indexOf('://') + 3
  // what is before an @ may have any character but a slash, a question mark included
  const at = /^[^@/]*@/.test(uri.slice(start)) ? uri.indexOf('@', start) : -1
  if (at !== -1) {
    const [user = '', password] = splitFirst(uri.slice(start, at), ':')
    if (user !== '') found.set('user', percentDecoded(user))
    if (password) found.set('password', percentDecoded(password, true))
  }
  const begin = at === -1 ? start : at + 1
  const { hosts, ports, end } = placesOfUri(uri, begin)
  if (hosts !== '') found.set('host', percentDecoded(hosts))
  if (ports !== '') found.set('port', percentDecoded(ports))
  const [path = '', query = ''] = splitFirst(uri.slice(end), '?')
  if (path.length > 1) found.set('dbname', percentDecoded(path.slice(1)))
  // the last may end with its separator
  for (const pair of query.replace(/&$/, '').split('&')) if (query !== '') addUriParameter(found, pair)
  return found
}

interface UriPlaces {
  readonly hosts: string
  readonly ports: string
  /** Where the path or the parameters begin. */
  readonly end: number
}

/** The servers of a URI, separated by commas. */
function placesOfUri(uri: string, begin: number): UriPlaces {
  const hosts: string[] = []
  const ports: string[] = []
  for (let at = begin; ; at++) {
    const isBracketed = uri.charAt(at) === '['
    const host = isBracketed ? addressInBrackets(uri, at) : (/^[^:/?,]*/.exec(uri.slice(at))?.[0] ?? '')
    hosts.push(host)
    at += host.length + (isBracketed ? 2 : 0)
    const port = /^:([^/?,]*)/.exec(uri.slice(at))
    ports.push(port?.[1] ?? '')
    at += port?.[0].length ?? 0
    if (uri.charAt(at) !== ',') return { hosts: hosts.join(','), ports: ports.join(','), end: at }
  }
}

function addressInBrackets(uri: string, at: number): string {
  const close = uri.indexOf(']', at)
  if (close === -1) {
    const what = 'end of string reached when looking for matching "]" in IPv6 host address in URI'
    throw wrong(`${what}: "${withoutPassword(uri)}"`)
  }
  if (close === at + 1) throw wrong(`IPv6 host address may not be empty in URI: "${withoutPassword(uri)}"`)
  const next = uri.charAt(close + 1)
  if (!/^[:/?,]?$/.test(next)) {
    const what = `unexpected character "${next}" at position ${close + 2} in URI (expected ":" or "/")`
    throw wrong(`${what}: "${withoutPassword(uri)}"`)
  }
  return uri.slice(at + 1, close)
}

/** conninfo_uri_parse_params, fe-connect.c */
function addUriParameter(found: ConnectionParameters, pair: string): void {
  const [keyword = '', text] = splitFirst(pair, '=')
  if (text === undefined) throw wrong(`missing key/value separator "=" in URI query parameter: "${keyword}"`)
  if (text.includes('=')) throw wrong(`extra key/value separator "=" in URI query parameter: "${keyword}"`)
  const [name, value] = [percentDecoded(keyword), percentDecoded(text, isSecret(keyword))]
  // as JDBC writes it
  if (name === 'ssl' && value === 'true') found.set('sslmode', 'require')
  else if (!store(found, name, value)) throw wrong(`invalid URI query parameter: "${name}"`)
}

/** Parameters that others must not read. */
export function isSecret(name: string): boolean {
  return /password$|^scram_.*_key$|_secret$/.test(name)
}

function splitFirst(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** A URI as messages may show it, which end up in logs. */
function withoutPassword(uri: string): string {
  return uri.replace(/^([^/]*\/\/[^/@:]*):[^/@]*@/, '$1:***@').replaceAll(/((?:password|_key|_secret)=)[^&]*/g, '$1***')
}

/** conninfo_uri_decode, fe-connect.c; spaces around are left out. */
function percentDecoded(whole: string, secret = false): string {
  const text = trimSpace(whole)
  if (space.test(text)) {
    throw wrong(`unexpected spaces found in "${secret ? '***' : whole}", use percent-encoded spaces (%20) instead`)
  }
  const shown = secret ? '***' : text
  const bad = /%(?![0-9a-f]{2})/i.exec(text)
  if (bad !== null) throw wrong(`invalid percent-encoded token: "${shown}"`)
  if (text.includes('%00')) throw wrong(`forbidden value %00 in percent-encoded value: "${shown}"`)
  try {
    return decodeURIComponent(text)
  } catch {
    // bytes that are no UTF-8
    const bytes = utf8ToByteString(text).replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    )
    return new TextDecoder().decode(encodeByteString(bytes))
  }
}
