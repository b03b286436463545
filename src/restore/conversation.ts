import { encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError, isArchiveError } from '../errors.ts'
import type { DumpId } from '../toc/types.ts'
import { understood, type UnderstoodTarget } from './driver-target.ts'
import { endsSession, isServerError, type RestoreTarget } from './target.ts'

/** Milliseconds that a statement has to end once it was cancelled. */
const CANCEL_PATIENCE = 5000

/** What to do about it where there is a journal. */
export const resumeLater = 'Resume: the same restore with the same journal goes on where it stopped'

/** What is left in the database where the connection is lost. */
export function whatRemains(inOneTransaction: boolean, committing: boolean, hasJournal: boolean): string {
  if (hasJournal) return resumeLater
  if (!inOneTransaction) {
    return 'The database is INCOMPLETE: begin again with an empty one; a restore of an archive can go on where it stopped, with resume (--resume)'
  }
  return committing
    ? 'The connection was lost at the COMMIT: see whether the database has all that was restored, or nothing'
    : 'Nothing was restored: the transaction was rolled back'
}

/** What is going on, for whoever is told that a connection is lost. */
export interface Whereabouts {
  /** What cannot be done any more: `Cannot restore further`. */
  readonly message: string
  /** What became of the database, and what to do about it. */
  readonly hint: string
  readonly dumpId?: DumpId | undefined
  readonly details?: Readonly<Record<string, unknown>>
}

/** What is said to the server in one session, one thing at a time, and what ends it: a lost connection, or a signal. */
export class Conversation {
  readonly target: UnderstoodTarget
  readonly #signal: AbortSignal | undefined
  readonly #whereabouts: () => Whereabouts
  /** The session is of no more use. */
  #lost = false
  /** Called when the signal comes while the server is at work. */
  #interrupt: (() => void) | undefined
  readonly #heard = (): void => this.#interrupt?.()

  constructor(target: RestoreTarget, signal: AbortSignal | undefined, whereabouts: () => Whereabouts) {
    this.target = understood(target)
    this.#signal = signal
    this.#whereabouts = whereabouts
    signal?.addEventListener('abort', this.#heard)
  }

  get lost(): boolean {
    return this.#lost
  }

  /** Nothing more can be said. */
  giveUp(): void {
    this.#lost = true
  }

  /** Listens to the signal no longer. */
  close(): void {
    this.#signal?.removeEventListener('abort', this.#heard)
  }

  /**
   * Whatever is no word of the server means that there is no connection any more.
   * @throws ServerError, ArchiveError CONNECTION_LOST, the reason of the signal
   */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    this.#signal?.throwIfAborted()
    try {
      return await this.#answer(question())
    } catch (error) {
      this.#signal?.throwIfAborted()
      if (isServerError(error) && !endsSession(error)) throw error
      this.#lost = true
      if (isArchiveError(error)) throw error
      const why = error instanceof Error ? error.message : String(error)
      const { message, ...whereabouts } = this.#whereabouts()
      throw new ArchiveError('CONNECTION_LOST', `${message}: the connection to the server is lost: ${why}`, {
        ...whereabouts,
        cause: error,
      })
    }
  }

  /** What the server answers, which a signal makes it do soon. */
  async #answer<T>(answer: Promise<T>): Promise<T> {
    if (this.#signal === undefined) return await answer
    const { cancel } = this.target
    let timer: ReturnType<typeof setTimeout> | undefined
    const interrupted = new Promise<never>((_, reject) => {
      const giveUp = (): void => {
        this.#lost = true
        reject(new Error('the server does not answer'))
      }
      this.#interrupt = (): void => {
        if (cancel === undefined) return giveUp()
        timer = setTimeout(giveUp, CANCEL_PATIENCE)
        cancelled = cancel.call(this.target).catch(() => undefined)
      }
    })
    let cancelled: Promise<void> | undefined
    try {
      return await Promise.race([answer, interrupted])
    } finally {
      this.#interrupt = undefined
      // else it could cancel what comes next
      if (!this.#lost && cancelled !== undefined) await Promise.race([cancelled, interrupted]).catch(() => undefined)
      clearTimeout(timer)
    }
  }

  /** Says one thing more, signal or not, to leave the session as it was: without a word about how that went. */
  async undo(sql: string): Promise<void> {
    if (!this.#lost) await this.target.query(encodeByteString(sql)).catch(() => undefined)
  }
}

/** In the words of what could not connect. */
export function whyNotConnected(error: unknown): string {
  const said = isArchiveError(error) ? error.details?.['pgRestore'] : undefined
  if (typeof said === 'string') return said
  return error instanceof Error ? error.message : String(error)
}
