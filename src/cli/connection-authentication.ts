import type { ConnectionParameters } from '../libpq/connection-string.ts'
import { wrong } from '../libpq/error.ts'
import type { AuthenticationMethod, RequiredAuthentication } from '../restore/authentication.ts'
import { KEY_LENGTH, type ScramKeys } from '../restore/scram-keys.ts'

const methods: ReadonlySet<string> = new Set<AuthenticationMethod>([
  'password',
  'md5',
  'gss',
  'sspi',
  'scram-sha-256',
  'oauth',
])

function isMethod(name: string): name is AuthenticationMethod {
  return methods.has(name)
}

/**
 * What `require_auth` allows: the methods that it names, or all but those after a `!`; `none` is a server that asks for
 * nothing (pqConnectOptions2, fe-connect.c).
 * @returns undefined where everything is allowed
 * @throws ArchiveError USAGE in libpq's words
 */
export function requiredAuthentication(parameters: ConnectionParameters): RequiredAuthentication | undefined {
  const text = parameters.get('require_auth')
  if (text === undefined) return undefined
  // what is empty allows no request, as in libpq
  if (text === '') return { text, allowed: new Set(), mustAsk: false }
  const parts = text.split(',')
  const negated = text.startsWith('!')
  const named = new Set<string>()
  for (const part of parts) {
    if (part.startsWith('!') && !negated) {
      throw wrong(`negative require_auth method "${part}" cannot be mixed with non-negative methods`)
    }
    if (!part.startsWith('!') && negated) {
      throw wrong(`require_auth method "${part}" cannot be mixed with negative methods`)
    }
    const name = negated ? part.slice(1) : part
    if (name !== 'none' && !isMethod(name)) throw wrong(`invalid require_auth value: "${name}"`)
    if (named.has(name)) throw wrong(`require_auth method "${part}" is specified more than once`)
    named.add(name)
  }
  const allowed = new Set([...methods].filter(isMethod).filter((name) => named.has(name) !== negated))
  return { text, allowed, mustAsk: named.has('none') === negated }
}

const base64 = /^(?:[A-Za-z\d+/]{4})*(?:[A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/

/**
 * The keys that take the place of a password (pqConnectOptions2, fe-connect.c).
 * @throws ArchiveError USAGE in libpq's words
 */
export function scramKeys(parameters: ConnectionParameters): ScramKeys | undefined {
  const [clientKey, serverKey] = (['client', 'server'] as const).map((side) => {
    const text = parameters.get(`scram_${side}_key`)
    if (text === undefined) return undefined
    if (!base64.test(text)) throw wrong(`invalid SCRAM ${side} key`)
    const key = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
    if (key.length !== KEY_LENGTH) throw wrong(`invalid SCRAM ${side} key length: ${key.length}`)
    return key
  })
  return clientKey === undefined && serverKey === undefined ? undefined : { clientKey, serverKey }
}
