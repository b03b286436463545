import type { Client, Connection } from 'pg'

/* What the client refuses while the server asks who connects, whatever the server would say (pg_fe_sendauth, fe-auth.c). */

export class ClientRefusal extends Error {}

/** What a server may ask for, by the names of libpq's `require_auth`. */
export type AuthenticationMethod = 'password' | 'md5' | 'gss' | 'sspi' | 'scram-sha-256' | 'oauth'

/** How the server may find out who connects. */
export interface RequiredAuthentication {
  /** As it was given, for messages. */
  readonly text: string
  readonly allowed: ReadonlySet<AuthenticationMethod>
  /** Whether a server that asks for nothing is refused. */
  readonly mustAsk: boolean
}

/** What node-postgres has and its types do not tell. */
interface ClientInside {
  readonly connection: Connection
  readonly enableChannelBinding: boolean
  password: unknown
}

function inside(client: Client): ClientInside {
  return client as unknown as ClientInside
}

function unmet({ text }: RequiredAuthentication, reason: string): ClientRefusal {
  return new ClientRefusal(`authentication method requirement "${text}" failed: ${reason}`)
}

/** AUTH_REQ_KRB5, _GSS, _SSPI (protocol.h): what node-postgres has no answer to. */
const unanswered: Readonly<Record<number, { readonly name: string; readonly method?: AuthenticationMethod }>> = {
  2: { name: 'Kerberos 5' },
  7: { name: 'GSSAPI', method: 'gss' },
  9: { name: 'SSPI', method: 'sspi' },
}

/** Why the client ends a connection on which the server asks for what node-postgres has no answer to. */
export function refusalOf(request: number, required: RequiredAuthentication | undefined): ClientRefusal {
  const { name, method } = unanswered[request] ?? {}
  if (required !== undefined && (method === undefined || !required.allowed.has(method))) {
    const what = method === undefined ? 'an unknown authentication type' : `${name} authentication`
    return unmet(required, `server requested ${what}`)
  }
  return new ClientRefusal(
    name === undefined
      ? `authentication method ${request} not supported`
      : `${name} authentication is not supported by pgdmp`,
  )
}

/**
 * Sees to it that nothing but what is allowed is answered, and that the server has asked; gives what says, once there is
 * a connection, that the server has said that it takes the user (check_expected_areq, fe-auth.c; pg_SASL_init).
 */
export function watchRequests(client: Client, required: RequiredAuthentication): () => void {
  const { connection, enableChannelBinding } = inside(client)
  const { allowed, mustAsk } = required
  const incomplete = (): ClientRefusal => unmet(required, 'server did not complete authentication')
  let finished = false
  let taken = false
  // these come before node-postgres' own: what is thrown ends the connection, and nothing is answered
  const answerOnly = (event: string, method: AuthenticationMethod, what: string): void => {
    connection.on(event, () => {
      if (!allowed.has(method)) throw unmet(required, `server requested ${what}`)
      finished = true
    })
  }
  answerOnly('authenticationCleartextPassword', 'password', 'a cleartext password')
  answerOnly('authenticationMD5Password', 'md5', 'a hashed password')
  connection.on('authenticationSASL', ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
    if (allowed.has('scram-sha-256')) return
    // of the mechanisms of SASL, OAuth may be allowed
    if (!allowed.has('oauth')) throw unmet(required, 'server requested SASL authentication')
    const binds = enableChannelBinding && 'getPeerCertificate' in connection.stream
    const mechanism = binds && mechanisms.includes('SCRAM-SHA-256-PLUS') ? 'SCRAM-SHA-256-PLUS' : 'SCRAM-SHA-256'
    if (mechanisms.includes(mechanism)) throw unmet(required, `server requested ${mechanism} authentication`)
  })
  // node-postgres ends the connection where the server does not prove that it knows the password
  connection.on('authenticationSASLFinal', () => (finished = true))
  connection.on('authenticationOk', () => {
    if (mustAsk && !finished) throw incomplete()
    taken = true
  })
  return () => {
    if (!taken) throw incomplete()
  }
}

/**
 * Sees to it that no password is sent without channel binding; gives what says, once there is a connection, whether the
 * server proved itself with it (check_expected_areq, fe-auth.c).
 */
export function watchBinding(client: Client): () => void {
  const { connection } = inside(client)
  let refusal: string | undefined = "channel binding required but not supported by server's authentication request"
  let proven = false
  connection.once('authenticationSASL', ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
    if (!('getPeerCertificate' in connection.stream)) refusal = 'channel binding required, but SSL not in use'
    else if (mechanisms.includes('SCRAM-SHA-256-PLUS')) refusal = undefined
    else {
      refusal =
        'channel binding is required, but server did not offer an authentication method that supports channel binding'
    }
  })
  connection.once('authenticationSASLFinal', () => {
    proven = refusal === undefined
  })
  const { password } = inside(client)
  inside(client).password = async (): Promise<unknown> => {
    if (refusal !== undefined) throw new ClientRefusal(refusal)
    const given: unknown = typeof password === 'function' ? await password() : password
    return given ?? undefined
  }
  return () => {
    if (proven) return
    throw new ClientRefusal('channel binding required, but server authenticated client without channel binding')
  }
}
