import { createInterface } from 'node:readline/promises'
import { ArchiveError, failureCause } from '../index.ts'
import type { FailureDecision, RestoreFailure } from '../index.ts'
import type { CommandLine } from './command-line.ts'
import { complain, type Terminal } from './terminal.ts'

/** What is to be done about a failure. */
export type Decide = FailureDecision | ((failure: RestoreFailure) => FailureDecision | Promise<FailureDecision>)

/**
 * What a command line says of failures: -e, `--on-error`.
 * @throws ArchiveError USAGE for another value, and for `ask` where nobody can answer
 */
export function decisionFrom(terminal: Terminal, line: CommandLine): Decide {
  const value = line.own('on-error').at(-1) ?? (line.options.given.has('exit-on-error') ? 'stop' : 'continue')
  if (value === 'stop' || value === 'continue') return value
  if (value !== 'ask') {
    throw new ArchiveError('USAGE', `restore: --on-error is "${value}", must be stop, continue or ask`)
  }
  if (line.own('quiet').length > 0) {
    throw new ArchiveError('USAGE', 'restore: --on-error=ask and --quiet exclude each other', {
      hint: 'What is asked about has to be shown',
    })
  }
  const { given, transactionSize } = line.options
  if (given.has('single-transaction') || transactionSize > 0) {
    const option = transactionSize > 0 ? '--transaction-size' : '-1/--single-transaction'
    throw new ArchiveError('USAGE', `restore: --on-error=ask and ${option} exclude each other`, {
      hint: 'The first failure ends a transaction of several statements, whatever the answer',
    })
  }
  if (line.archive === null || !terminal.stdin.isTTY) {
    const why = line.archive === null ? 'the archive comes from standard input' : 'standard input is no terminal'
    throw new ArchiveError('USAGE', `restore: --on-error=ask has nobody to ask: ${why}`, {
      hint: 'Choose --on-error=stop or --on-error=continue',
    })
  }
  return askEach(terminal)
}

/** Asks for each failure, but for those like one that was answered with `a`. */
function askEach(terminal: Terminal): Decide {
  const skipped = new Set<string>()
  return async (failure) => {
    if (failure.fatal) return 'stop'
    const cause = failureCause(failure)
    if (skipped.has(cause)) return 'continue'
    for (;;) {
      const answer = await ask(terminal, `(c)ontinue, (s)top, continue with (a)ll like this? `)
      // the question stands in a line that nobody has ended
      if (answer === undefined) terminal.stderr.write('\n')
      if (answer === undefined || answer === 's' || answer === 'stop') return 'stop'
      if (answer === 'c' || answer === 'continue') return 'continue'
      if (answer === 'a' || answer === 'all') {
        skipped.add(cause)
        return 'continue'
      }
      complain(terminal, 'answer c, s or a')
    }
  }
}

/** A line that is typed; undefined at the end of input. */
async function ask(terminal: Terminal, question: string): Promise<string | undefined> {
  terminal.signal.throwIfAborted()
  // without modes of its own, so that Ctrl-C is a signal
  const reader = createInterface({ input: terminal.stdin, output: terminal.stderr, terminal: false })
  try {
    const ended = new Promise<undefined>((resolve) => reader.once('close', () => resolve(undefined)))
    const answer = await Promise.race([reader.question(question, { signal: terminal.signal }), ended])
    return answer?.trim().toLowerCase()
  } finally {
    reader.close()
  }
}
