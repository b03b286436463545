import type { PeerCertificate } from 'node:tls'
import type { TlsAttempt } from './connection-tls.ts'
import { isSystemError, strerror, type SystemError } from './strerror.ts'

/** One server to try. */
export interface Place {
  readonly host: string
  readonly hostaddr: string | undefined
  readonly port: string
}

/** connectFailureMessage, fe-connect.c */
export function failureText(
  error: unknown,
  { host, hostaddr, port }: Place,
  { complaint, ssl }: TlsAttempt,
  address?: string,
): string {
  const isSocket = host.startsWith('/')
  const shown = hostaddr ?? host
  const where = isSocket
    ? `on socket "${host}/.s.PGSQL.${port}"`
    : `at "${shown}"${addressOf(error, shown, address)}, port ${port}`
  if (isSystemError(error) && error.syscall === 'getaddrinfo') {
    return `could not translate host name "${host}" to address: Name or service not known`
  }
  const aboutTls =
    isSystemError(error) || hasNoTls(error)
      ? undefined
      : (complaint ?? certificateText(error, host, ssl !== false && ssl.ca === undefined))
  const said =
    serverText(error) ?? closedText(error) ?? aboutTls ?? (isSystemError(error) ? networkText(error) : wordOf(error))
  const hint = isSystemError(error) && /ECONNREFUSED|ENOENT/.test(error.code ?? '') ? question(isSocket) : ''
  return `connection to server ${where} failed: ${said}${hint}`
}

/** strerror(3) of what connecting may end with. */
const networkTexts: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
}

function networkText(error: SystemError): string {
  return networkTexts[error.code ?? ''] ?? strerror(error)
}

/** The other side ended the connection without a word (pqReadData, fe-misc.c). */
function closedText(error: unknown): string | undefined {
  const isReset = isSystemError(error) && /^(?:ECONNRESET|EPIPE)$/.test(error.code)
  if (!isReset && !(error instanceof Error && error.message.startsWith('Connection terminated'))) return undefined
  return 'server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally\n\tbefore or while processing the request.'
}

/** Whether it is of no use to say who connects: nobody there, a name without address, no answer in time, or not yet. */
export function mayTryNext(error: unknown): boolean {
  if (isSystemError(error))
    return error.syscall === 'getaddrinfo' || (error.syscall === 'connect' && closedText(error) === undefined)
  // ERRCODE_CANNOT_CONNECT_NOW
  if (serverText(error) !== undefined) return error instanceof Error && 'code' in error && error.code === '57P03'
  return error instanceof Error && error.message.includes('timeout expired')
}

/** Whether TLS was not to be had, or the handshake failed: not that the connection ended before it. */
export function isAboutTls(error: unknown): boolean {
  if (hasNoTls(error)) return true
  if (!(error instanceof Error) || closedText(error) !== undefined) return false
  if (error.message.includes('before secure TLS connection')) return true
  return (
    'code' in error &&
    typeof error.code === 'string' &&
    (/^ERR_(?:SSL|TLS)_/.test(error.code) || isVerification(error.code))
  )
}

export function hasNoTls(error: unknown): boolean {
  return error instanceof Error && error.message.includes('does not support SSL')
}

function question(isSocket: boolean): string {
  return isSocket
    ? '\n\tIs the server running locally and accepting connections on that socket?'
    : '\n\tIs the server running on that host and accepting TCP/IP connections?'
}

function addressOf(error: unknown, shown: string, known = shown): string {
  const address = error instanceof Error && 'address' in error ? String(error.address) : known
  return address === shown ? '' : ` (${address})`
}

/** What is wrong with the certificate that a server shows (open_client_SSL, fe-secure-openssl.c). */
function certificateText(error: unknown, host: string, isOfSystem: boolean): string | undefined {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return undefined
  if (error.code === 'ERR_TLS_CERT_ALTNAME_INVALID' && 'cert' in error) {
    // what Node.js gives with this code
    const [first = '', ...others] = namesOf(error.cert as PeerCertificate)
    const count = others.length
    const more = count === 0 ? '' : ` (and ${count} other name${count === 1 ? '' : 's'})`
    return `server certificate for "${first}"${more} does not match host name "${host}"`
  }
  if (!isVerification(error.code)) return undefined
  return `SSL error: certificate verify failed${isOfSystem ? `: ${error.message}` : ''}`
}

/** The codes that Node.js has of OpenSSL for a certificate that is not trusted. */
function isVerification(code: string): boolean {
  return /^(?:CERT|CRL|DEPTH_ZERO|ERROR_IN_(?:CERT|CRL)|HOSTNAME|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|SELF_SIGNED|UNABLE_TO)_/.test(
    `${code}_`,
  )
}

/** pgtls_verify_peer_name_matches_certificate_guts: the common name where there is no other. */
function namesOf({ subject, subjectaltname }: PeerCertificate): readonly string[] {
  const names = subjectaltname?.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, '')) ?? []
  return names.length > 0 ? names : [subject.CN].flat().filter((name) => name !== undefined)
}

export function serverText(error: unknown): string | undefined {
  if (!(error instanceof Error && 'severity' in error && typeof error.severity === 'string')) return undefined
  const part = (label: string, value: unknown): string => (typeof value === 'string' ? `\n${label}:  ${value}` : '')
  const { detail, hint } = { detail: undefined, hint: undefined, ...error }
  return `${error.severity}:  ${error.message}${part('DETAIL', detail)}${part('HINT', hint)}`
}

function wordOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  if (hasNoTls(error)) return 'server does not support SSL, but SSL was required'
  if (text.includes('before secure TLS connection')) return 'SSL error: unexpected eof while reading'
  if (/timeout expired/.test(text)) return 'timeout expired'
  if (text.endsWith('server signature does not match')) return 'incorrect server signature'
  if (text.startsWith('SASL: Only mechanism'))
    return "none of the server's SASL authentication mechanisms are supported"
  return text
}
