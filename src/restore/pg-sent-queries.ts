import type { Client } from 'pg'
import type { CopyStreamQuery } from 'pg-copy-streams'
import { connectionOf, ignore } from './pg-client.ts'
import { afterError, asServerError, queryMessage, type Submittable } from './pg-copy.ts'
import { ServerError } from './target.ts'

/** What became of one of them. */
export interface Answer {
  readonly error: Error | undefined
  readonly notices: readonly ServerError[]
}

/** An error after which the server says that it is ready. */
export function isOrdinary(error: Error): error is ServerError {
  return error instanceof ServerError && error.severity === 'ERROR'
}

/**
 * Queries that were sent in one go. node-postgres sends one when the one before it has been answered; so the first sends
 * all of them, and each that follows takes the place of the one before as what is answered.
 */
export class SentQueries {
  readonly #client: Client
  readonly #sqls: readonly Uint8Array[]
  readonly #endings: Set<() => void>
  readonly #answers: Answer[] = []
  #given = 0
  #notices: ServerError[] = []
  /** No more answers come. */
  #failure: Error | undefined
  #wake: () => void = ignore

  constructor(client: Client, sqls: readonly Uint8Array[], endings: Set<() => void>) {
    this.#client = client
    this.#sqls = sqls
    this.#endings = endings
    this.#next()
  }

  /** The next answer. */
  async answer(): Promise<Answer> {
    for (;;) {
      const answer = this.#answers[this.#given]
      if (answer !== undefined) {
        this.#given++
        return answer
      }
      if (this.#failure !== undefined) return { error: this.#failure, notices: [] }
      await this.#change()
    }
  }

  /** Waits for all answers. */
  async over(): Promise<void> {
    while (this.#answers.length < this.#sqls.length && this.#failure === undefined) await this.#change()
  }

  /** A notice has come. */
  note(notice: ServerError): void {
    this.#notices.push(notice)
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  /** Makes the next one what is answered. */
  #next(): void {
    let failure: Error | undefined
    const isFirst = this.#answers.length === 0
    const done = (): void => this.#done(failure)
    const query: Submittable = {
      submit: ({ stream }) => {
        if (!isFirst) return
        stream.cork()
        for (const sql of this.#sqls) stream.write(queryMessage(sql))
        stream.uncork()
      },
      handleRowDescription: ignore,
      handleDataRow: ignore,
      handlePortalSuspended: ignore,
      handleEmptyQuery: ignore,
      handleCommandComplete: ignore,
      handleCopyData: ignore,
      handleCopyInResponse: (connection) => {
        // it takes for rows, and forgets, what was sent after it
        connection.stream.destroy(new Error('a statement that was sent with others asks for rows'))
      },
      handleReadyForQuery: done,
      handleError: (error) => {
        failure = asServerError(error)
        // the server says that it is ready after an error, too, but not who ends the connection
        if (isOrdinary(failure)) afterError(this.#client, done, this.#endings)
        else this.#fail(failure)
      },
    }
    // node-postgres takes whatever has `submit`; its types know of queries only
    this.#client.query(query as unknown as CopyStreamQuery)
  }

  #done(error: Error | undefined): void {
    if (this.#failure !== undefined) return
    this.#answers.push({ error, notices: this.#notices })
    this.#notices = []
    if (this.#answers.length < this.#sqls.length) {
      if (connectionOf(this.#client).stream.destroyed) this.#failure = new Error('Connection terminated')
      else this.#next()
    }
    this.#wake()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    this.#wake()
  }
}
