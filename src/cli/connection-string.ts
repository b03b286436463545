import { wrong } from './libpq-error.ts'

/** Connection parameters by libpq's names. */
export type ConnectionParameters = Map<string, string>

/** libpq's parameters and the variables that give them a value (PQconninfoOptions, fe-connect.c). */
const parameters: Readonly<Record<string, string | null>> = {
  service: 'PGSERVICE',
  servicefile: 'PGSERVICEFILE',
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
    if (!isParameter(name)) throw wrong(`invalid connection option "${name}"`)
    found.set(name, value)
  }
  return found
}

/** conninfo_uri_parse_options, fe-connect.c: it knows several hosts, which URL() does not. */
function parseUri(uri: string): ConnectionParameters {
  const found: ConnectionParameters = new Map()
  const [, rest = ''] = /^postgres(?:ql)?:\/\/(.*)$/s.exec(uri) ?? []
  const [, authority = '', path = '', query] = /^([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(rest) ?? []
  const at = authority.indexOf('@')
  if (at !== -1) {
    const [user = '', password] = splitFirst(authority.slice(0, at), ':')
    if (user !== '') found.set('user', percentDecoded(user))
    if (password) found.set('password', percentDecoded(password, true))
  }
  const hosts: string[] = []
  const ports: string[] = []
  for (const place of authority.slice(at + 1).split(',')) {
    const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(place)
    if (place.startsWith('[') && bracketed === null) {
      const what = place.includes(']')
        ? 'unexpected character after "]" of IPv6 host address in URI'
        : 'end of string reached when looking for matching "]" in IPv6 host address in URI'
      throw wrong(`${what}: "${withoutPassword(uri)}"`)
    }
    const [host = '', port = ''] = bracketed === null ? splitFirst(place, ':') : [bracketed[1], bracketed[2]]
    hosts.push(percentDecoded(host))
    ports.push(percentDecoded(port))
  }
  if (hosts.some((host) => host !== '')) found.set('host', hosts.join(','))
  if (ports.some((port) => port !== '')) found.set('port', ports.join(','))
  if (path !== '') found.set('dbname', percentDecoded(path))
  for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
    const [name = '', value] = splitFirst(pair, '=')
    if (value === undefined) throw wrong(`missing key/value separator "=" in URI query parameter: "${name}"`)
    addUriParameter(found, percentDecoded(name), percentDecoded(value, name.endsWith('password')))
  }
  return found
}

function addUriParameter(found: ConnectionParameters, name: string, value: string): void {
  // as JDBC writes it
  if (name === 'ssl' && value === 'true') found.set('sslmode', 'require')
  else if (isParameter(name)) found.set(name, value)
  else throw wrong(`invalid URI query parameter: "${name}"`)
}

function splitFirst(text: string, separator: string): readonly [string, string | undefined] {
  const at = text.indexOf(separator)
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)]
}

/** A URI as messages may show it, which end up in logs. */
function withoutPassword(uri: string): string {
  return uri.replace(/^([^/]*\/\/[^/?@:]*):[^/?@]*@/, '$1:***@').replaceAll(/(password=)[^&]*/g, '$1***')
}

function percentDecoded(text: string, secret = false): string {
  const shown = secret ? '***' : text
  const bad = /%(?![0-9a-f]{2})/i.exec(text)
  if (bad !== null) throw wrong(`invalid percent-encoded token: "${shown}"`)
  if (text.includes('%00')) throw wrong(`forbidden value %00 in percent-encoded value: "${shown}"`)
  try {
    return decodeURIComponent(text)
  } catch {
    // bytes that are no UTF-8
    return Buffer.from(
      text.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
      'latin1',
    ).toString()
  }
}
