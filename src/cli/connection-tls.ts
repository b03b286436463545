import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import { readIfThere } from './connection-files.ts'
import type { ConnectionParameters } from '../libpq/connection-string.ts'
import { wrong } from '../libpq/error.ts'

/** One way to try a server. */
export interface TlsAttempt {
  /** What node-postgres takes. */
  readonly ssl: false | ConnectionOptions
  /** Whether a server without TLS is asked again without. */
  readonly mayDoWithout: boolean
  /** The handshake begins at once, without asking for it (`sslnegotiation`). */
  readonly isDirect?: boolean | undefined
  /** Why the handshake cannot succeed, for a server that has TLS. */
  readonly complaint?: string | undefined
}

const modes: ReadonlySet<string> = new Set(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])

/** Releases of TLS by libpq's names for them, in lower case, the oldest first. */
const versions = new Map<string, SecureVersion>([
  ['tlsv1', 'TLSv1'],
  ['tlsv1.1', 'TLSv1.1'],
  ['tlsv1.2', 'TLSv1.2'],
  ['tlsv1.3', 'TLSv1.3'],
])

/** The releases of TLS that may be spoken (sslVerifyProtocolVersion, sslVerifyProtocolRange, fe-connect.c). */
function versionRange(parameters: ConnectionParameters): Pick<ConnectionOptions, 'minVersion' | 'maxVersion'> {
  const version = (name: string): SecureVersion | undefined => {
    const value = parameters.get(name)
    const known = value ? versions.get(value.toLowerCase()) : undefined
    if (value && known === undefined) throw wrong(`invalid "${name}" value: "${value}"`)
    return known
  }
  const minVersion = version('ssl_min_protocol_version') ?? 'TLSv1.2'
  const maxVersion = version('ssl_max_protocol_version')
  const order = [...versions.values()]
  if (maxVersion !== undefined && order.indexOf(minVersion) > order.indexOf(maxVersion)) {
    throw wrong('invalid SSL protocol version range')
  }
  return { minVersion, ...(maxVersion === undefined ? {} : { maxVersion }) }
}

/** Whether the server gets the certificate of the user. @throws ArchiveError USAGE for what is not enforced */
function sendsCertificate(parameters: ConnectionParameters): boolean {
  const mode = parameters.get('sslcertmode') || 'allow'
  if (mode === 'require') throw wrong('sslcertmode=require is not supported by pgdmp')
  if (mode !== 'allow' && mode !== 'disable') throw wrong(`invalid sslcertmode value: "${mode}"`)
  return mode === 'allow'
}

/** Whether the handshake begins at once. @throws ArchiveError USAGE in libpq's words */
function negotiatesDirectly(parameters: ConnectionParameters, mode: string): boolean {
  const value = parameters.get('sslnegotiation') || 'postgres'
  if (value !== 'postgres' && value !== 'direct') throw wrong(`invalid sslnegotiation value: "${value}"`)
  // a server before 17 would be asked without TLS then
  if (value === 'direct' && mode !== 'require' && !mode.startsWith('verify-')) {
    throw wrong(
      `weak sslmode "${mode}" may not be used with sslnegotiation=direct (use "require", "verify-ca", or "verify-full")`,
    )
  }
  return value === 'direct'
}

/**
 * What `sslmode` means: which connections to try in turn, and what is checked of the server's certificate
 * (connectOptions2, fe-connect.c; initialize_SSL, fe-secure-openssl.c).
 * @throws ArchiveError USAGE in libpq's words
 */
export async function tlsAttempts(
  parameters: ConnectionParameters,
  host: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<readonly TlsAttempt[]> {
  const mode = parameters.get('sslmode') ?? 'prefer'
  if (!modes.has(mode)) throw wrong(`invalid sslmode value: "${mode}"`)
  const isDirect = negotiatesDirectly(parameters, mode)
  versionRange(parameters)
  const certificate = sendsCertificate(parameters)
  const plain = { ssl: false, mayDoWithout: false } as const
  // there is no TLS on a socket
  if (mode === 'disable' || host.startsWith('/')) return [plain]
  const tls: TlsAttempt = {
    ...(await tlsOptions(parameters, mode, host, env, certificate)),
    mayDoWithout: false,
    isDirect,
  }
  if (mode === 'prefer') return [{ ssl: tls.ssl, mayDoWithout: true }, plain]
  if (mode === 'allow') return [plain, tls]
  return [tls]
}

async function tlsOptions(
  parameters: ConnectionParameters,
  mode: string,
  host: string,
  env: Readonly<Record<string, string | undefined>>,
  certificate: boolean,
): Promise<Pick<TlsAttempt, 'ssl' | 'complaint'>> {
  const folder = join(env['HOME'] ?? homedir(), '.postgresql')
  const named = (name: string, file: string): string => parameters.get(name) || join(folder, file)
  const rootFile = named('sslrootcert', 'root.crt')
  const system = rootFile === 'system'
  const root = system ? undefined : await readIfThere(rootFile)
  const verifies = mode.startsWith('verify-') || (mode === 'require' && root !== undefined)
  if (system && mode !== 'verify-full') {
    throw wrong(`weak sslmode "${mode}" may not be used with sslrootcert=system (use "verify-full")`)
  }
  const complaint =
    mode.startsWith('verify-') && root === undefined && !system
      ? `root certificate file "${rootFile}" does not exist\n${rootHint}`
      : undefined
  const cert = certificate ? await readIfThere(named('sslcert', 'postgresql.crt')) : undefined
  const key = cert === undefined ? undefined : await readIfThere(named('sslkey', 'postgresql.key'))
  if (cert !== undefined && key === undefined) {
    throw wrong(`certificate present, but not private key file "${named('sslkey', 'postgresql.key')}"`)
  }
  const passphrase = parameters.get('sslpassword')
  const ssl: ConnectionOptions = {
    ...versionRange(parameters),
    rejectUnauthorized: verifies,
    // without a root of one's own there is nothing to trust, rather than all that Node.js does
    ...(system ? {} : { ca: root ?? [] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    // verify-ca and require ask who signed the certificate, not for whom
    ...(mode === 'verify-full' ? { host } : { checkServerIdentity: () => undefined }),
  }
  return { ssl, complaint }
}

const rootHint =
  "Either provide the file, use the system's trusted roots with sslrootcert=system, or change sslmode to disable server certificate verification."
