import { encodeByteString } from '../bytes/byte-string.ts'
import { ArchiveError, isArchiveError } from '../errors.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { understood, type UnderstoodTarget } from './driver-target.ts'
import { endsSession, isServerError, type RestoreTarget, type ServerError } from './target.ts'

/** Milliseconds that a statement has to end once it was cancelled. */
const CANCEL_PATIENCE = 5000

/** Milliseconds that one of several statements has to end before it is cancelled again. */
const CANCEL_AGAIN = 200

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

  /**
   * Says several things at once and gives the answers, in their order; the target must have `queries`.
   * @throws as {@link Conversation.ask}
   */
  async *askAll(sqls: readonly Uint8Array[]): AsyncGenerator<ServerError | undefined, void, void> {
    const answers = this.target.queries?.(sqls)[Symbol.asyncIterator]()
    if (answers === undefined) return
    let over = false
    try {
      for (;;) {
        const { done, value } = await this.ask(async () => {
          const answer = await answers.next()
          if (answer.done !== true && answer.value !== undefined && endsSession(answer.value)) throw answer.value
          return answer
        })
        over = done === true
        if (done === true) return
        this.#signal?.throwIfAborted()
        yield value
      }
    } finally {
      if (!over && !this.#lost) await this.#abandon(answers)
    }
  }

  /** Has the server come to the end of what it was told, without doing it. */
  async #abandon(answers: AsyncIterator<unknown>): Promise<void> {
    const patience = performance.now() + CANCEL_PATIENCE
    const next = (): Promise<boolean> =>
      answers.next().then(
        ({ done }) => done === true,
        () => {
          this.#lost = true
          return true
        },
      )
    let answer = next()
    while (performance.now() < patience) {
      await this.target.cancel?.().catch(() => undefined)
      let timer: ReturnType<typeof setTimeout> | undefined
      const later = new Promise<undefined>((resolve) => {
        timer = setTimeout(() => resolve(undefined), CANCEL_AGAIN)
      })
      const over = await Promise.race([answer, later])
      clearTimeout(timer)
      if (over === true) return
      if (over === false) answer = next()
    }
    this.#lost = true
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

  /**
   * Goes on in the database of an entry.
   * @param hint what to do when it cannot be reached
   * @throws ArchiveError USAGE, CONNECTION_FAILED, the reason of the signal
   */
  async connect(entry: TocEntry, hint: string): Promise<void> {
    if (this.target.connect === undefined) throw oneDatabaseOnly(entry)
    try {
      await this.target.connect(entry.tag ?? '')
    } catch (error) {
      // the session before is closed
      this.#lost = true
      this.#signal?.throwIfAborted()
      throw notConnected(entry, error, hint)
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

/** What to do when a database that was created cannot be reached. */
export const restoreIntoIt =
  'What comes before it was restored. With the database there and reachable, restore into it without create'

/** The database of an entry cannot be reached. */
function notConnected({ tag, dumpId }: TocEntry, cause: unknown, hint: string): ArchiveError {
  const why = whyNotConnected(cause)
  return new ArchiveError('CONNECTION_FAILED', `Cannot connect to database "${tag ?? ''}": ${why}`, {
    dumpId,
    hint,
    details: { pgRestore: why },
    cause,
  })
}

/** The target cannot go on in the database of an entry. */
function oneDatabaseOnly({ tag, dumpId }: TocEntry): ArchiveError {
  return new ArchiveError('USAGE', `Cannot restore database "${tag ?? ''}": the target has one database only`, {
    dumpId,
    hint: 'Connect to the database and restore without create',
  })
}
