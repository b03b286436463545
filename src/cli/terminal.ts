import type { Finding } from '../index.ts'
import { isSystemError, strerror } from './strerror.ts'
import { printable } from './layout.ts'

/** The exit codes of pgdmp's own commands; the drop-in answers as pg_restore does. */
export const exit = {
  good: 0,
  /** Bad input, findings, loss. */
  bad: 1,
  usage: 2,
  /** There is nothing that could be read. */
  unreadable: 3,
} as const

/** What a command works with: the process, as far as commands may touch it. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted by SIGINT, SIGTERM, SIGHUP and by a closed standard output. */
  readonly signal: AbortSignal
}

/** `pgdmp: MESSAGE. HINT.`: one line, whatever the message holds. */
export function complain(terminal: Terminal, message: string, hint?: string): void {
  const line = hint === undefined ? message : `${sentence(message)} ${sentence(hint)}`
  terminal.stderr.write(`pgdmp: ${printable(line)}\n`)
}

function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`
}

const severities = { info: 'note', warning: 'warning', error: 'error' } as const

/** Prints what the library has to say besides. */
export function warn(terminal: Terminal, finding: Finding): void {
  complain(terminal, `${severities[finding.severity]}: ${finding.message}`, finding.hint)
}

/** What a program was about when a system call failed; all others are steps of opening a file. */
const verbs: Readonly<Record<string, string>> = {
  close: 'close',
  fsync: 'write',
  read: 'read',
  rename: 'rename',
  write: 'write',
}

/** The message of any error, with the operating system's errors in the C library's words. */
export function messageOf(error: unknown): string {
  if (isSystemError(error)) {
    const about = error.path === undefined ? '' : ` "${error.path}"`
    return `Cannot ${verbs[error.syscall ?? ''] ?? 'open'}${about}: ${strerror(error)}`
  }
  return error instanceof Error ? error.message : String(error)
}

/** The hint of an ArchiveError. */
export function hintOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('hint' in error)) return undefined
  return typeof error.hint === 'string' ? error.hint : undefined
}
