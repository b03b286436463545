import type { Client } from 'pg'
import type { ConnectionParameters } from '../libpq/connection-string.ts'
import { wrong } from '../libpq/error.ts'

/** What `target_session_attrs` asks of a server. */
export type SessionAttributes = 'any' | 'read-write' | 'read-only' | 'primary' | 'standby' | 'prefer-standby'

const attributes: ReadonlySet<string> = new Set<SessionAttributes>([
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
])

/** @throws ArchiveError USAGE in libpq's words */
export function sessionAttributes(parameters: ConnectionParameters): SessionAttributes {
  const value = parameters.get('target_session_attrs') || 'any'
  if (!isAttributes(value)) throw wrong(`invalid target_session_attrs value: "${value}"`)
  return value
}

function isAttributes(value: string): value is SessionAttributes {
  return attributes.has(value)
}

/**
 * Whether the places are tried in an order of chance (`load_balance_hosts`).
 * @throws ArchiveError USAGE in libpq's words
 */
export function balancesHosts(parameters: ConnectionParameters): boolean {
  const value = parameters.get('load_balance_hosts') || 'disable'
  if (value !== 'disable' && value !== 'random') throw wrong(`invalid load_balance_hosts value: "${value}"`)
  return value === 'random'
}

/** Items in an order of chance. */
export function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items]
  const order: T[] = []
  while (left.length > 0) order.push(...left.splice(Math.floor(Math.random() * left.length), 1))
  return order
}

/** Why a session is not what was asked for; undefined of one that is (CONNECTION_CHECK_TARGET, fe-connect.c). */
export async function unfit(client: Client, wanted: SessionAttributes): Promise<string | undefined> {
  if (wanted === 'any') return undefined
  // nothing of what the owner of the database may have is asked for: not even an operator
  const recovery = await client.query<{ recovers: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS recovers')
  const setting = await client.query<{ transaction_read_only: string }>('SHOW transaction_read_only')
  const recovers = recovery.rows[0]?.recovers === true
  const reads = setting.rows[0]?.transaction_read_only === 'on'
  if (wanted === 'read-write') return reads ? 'session is read-only' : undefined
  if (wanted === 'read-only') return reads ? undefined : 'session is not read-only'
  if (wanted === 'primary') return recovers ? 'server is in hot standby mode' : undefined
  return recovers ? undefined : 'server is not in hot standby mode'
}
