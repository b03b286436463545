import type { Client, Connection } from 'pg'

/** What proves a password by SCRAM-SHA-256 without being it, each 32 bytes (RFC 5802; `scram_client_key` of libpq). */
export interface ScramKeys {
  /** Proves to the server who connects; without it the password does. */
  readonly clientKey?: Uint8Array<ArrayBuffer> | undefined
  /** Proves to the client that the server knows the password; without it the password does. */
  readonly serverKey?: Uint8Array<ArrayBuffer> | undefined
}

/** What node-postgres has and its types do not tell. */
interface ClientInside {
  readonly connection: Connection & {
    sendSASLInitialResponseMessage(mechanism: string, response: string): void
    sendSCRAMClientFinalMessage(response: string): void
  }
  readonly saslSession: { serverSignature: string } | null
  password: unknown
}

/** Takes the place of a password that is not there: what is made of it is not sent. */
const NO_PASSWORD = 'none'

/**
 * Has a client prove itself, and the server to it, with keys (calculate_client_proof, verify_server_signature,
 * fe-auth-scram.c). node-postgres leads the conversation; of its last message the proof is replaced.
 */
export function proveWithKeys(client: Client, { clientKey, serverKey }: ScramKeys): void {
  const inside = client as unknown as ClientInside
  const { connection, password } = inside
  let isScram = false
  let clientFirst = ''
  let serverFirst = ''
  connection.once('authenticationSASL', () => (isScram = true))
  connection.once('authenticationSASLContinue', ({ data }: { readonly data: string }) => (serverFirst = data))
  // no password is asked for where none is needed
  inside.password = async (): Promise<unknown> => {
    if (isScram && clientKey !== undefined) return NO_PASSWORD
    return typeof password === 'function' ? await password() : password
  }
  const sendFirst = connection.sendSASLInitialResponseMessage.bind(connection)
  connection.sendSASLInitialResponseMessage = (mechanism, response) => {
    clientFirst = response.replace(/^[^,]*,[^,]*,/, '')
    sendFirst(mechanism, response)
  }
  const sendFinal = connection.sendSCRAMClientFinalMessage.bind(connection)
  const replaceProof = async (response: string): Promise<string> => {
    const withoutProof = response.slice(0, response.lastIndexOf(',p='))
    const message = `${clientFirst},${serverFirst},${withoutProof}`
    const { saslSession } = inside
    // without the password there is nothing else that a server could prove itself by
    if (saslSession !== null && (serverKey ?? clientKey) !== undefined) {
      saslSession.serverSignature = base64(await hmac(serverKey ?? new Uint8Array(KEY_LENGTH), message))
    }
    if (clientKey === undefined) return response
    const signature = await hmac(await sha256(clientKey), message)
    return `${withoutProof},p=${base64(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))}`
  }
  connection.sendSCRAMClientFinalMessage = (response) => {
    replaceProof(response).then(sendFinal, (error: unknown) => connection.emit('error', error))
  }
}

/** Of a key, bytes (SCRAM_MAX_KEY_LEN, scram-common.h). */
export const KEY_LENGTH = 32

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}

async function hmac(key: Uint8Array<ArrayBuffer>, text: string): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, new TextEncoder().encode(text)))
}
