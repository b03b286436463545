import { Conversation, type Whereabouts } from './conversation.ts'
import type { RestoreTarget, ServerRow } from './target.ts'

/**
 * What `rows` of a target does, and hears the signal.
 * @throws ServerError, ArchiveError CONNECTION_LOST, the reason of the signal
 */
export type Ask = (sql: string) => Promise<readonly ServerRow[]>

/** The questions that are asked in one session before or after a restore, until they are disposed of. */
export interface Questions extends Disposable {
  readonly ask: Ask
  /** Leaves the session as it was, signal or not. */
  undo(sql: string): Promise<void>
}

/** The questions of a target, or undefined for one that answers none. */
export function questionsOf(
  target: RestoreTarget,
  signal: AbortSignal | undefined,
  whereabouts: Whereabouts,
): Questions | undefined {
  const rows = target.rows?.bind(target)
  if (rows === undefined) return undefined
  const conversation = new Conversation(target, signal, () => whereabouts)
  return {
    ask: (sql) => conversation.ask(() => rows(sql)),
    undo: (sql) => conversation.undo(sql),
    [Symbol.dispose]: () => conversation.close(),
  }
}

/**
 * A session that finds nobody's functions and operators by the names of the system's own, whatever search path the owner
 * of the database has set: before any question in which there is more than a qualified function.
 */
const ownNamesOnly = "SELECT pg_catalog.set_config('search_path', '', false)"

/** A session that no timeout of a role or a database ends, as far as this release of the server has them. */
const noTimeouts = `SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings WHERE name IN ('statement_timeout',
  'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout')`

/** What makes a session one that nobody but the server's administrator can mislead or end: see the parts. */
export const undisturbed: readonly string[] = [
  ownNamesOnly,
  // that of the next may be too short already
  'SET statement_timeout = 0',
  noTimeouts,
]

/** The session as questions need it; a restore sets all of it anew. */
export async function prepareSession(ask: Ask): Promise<void> {
  for (const sql of undisturbed) await ask(sql)
  await ask(`SET client_encoding = 'UTF8'`)
}

/** A string constant, whatever standard_conforming_strings says. */
export function literal(text: string): string {
  const doubled = text.replaceAll("'", "''").replaceAll('\\', '\\\\')
  return doubled.includes('\\') ? `E'${doubled}'` : `'${doubled}'`
}

/** An array of text. */
export function textArray(texts: Iterable<string>): string {
  return `ARRAY[${Array.from(texts, literal).join(', ')}]::text[]`
}

/** A name, or one with its schema, whatever is in it. */
export function quoted(...parts: readonly string[]): string {
  return parts.map((part) => `"${part.replaceAll('"', '""')}"`).join('.')
}
