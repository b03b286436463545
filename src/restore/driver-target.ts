import type { Writable } from 'node:stream'
import { isServerError, ServerError, type CopyInput, type RestoreTarget } from './target.ts'

/** A target whose COPY is a {@link CopyInput}, and whose refusals are {@link ServerError}s. */
export interface UnderstoodTarget extends RestoreTarget {
  copyFrom(copyStatement: Uint8Array): Promise<CopyInput>
}

/** The same target, where it gives streams and errors as drivers do. */
export function understood(target: RestoreTarget): UnderstoodTarget {
  const { queries, rows, copyTo, cancel, connect } = target
  return {
    query: (sql) => said(() => target.query(sql)),
    copyFrom: (statement) => said(async () => inputOf(await target.copyFrom(statement))),
    ...(queries === undefined ? {} : { queries: (sqls) => answersOf(queries.call(target, sqls)) }),
    ...(rows === undefined ? {} : { rows: (sql) => said(() => rows.call(target, sql)) }),
    ...(copyTo === undefined
      ? {}
      : { copyTo: (statement, onData) => said(() => copyTo.call(target, statement, onData)) }),
    ...(connect === undefined ? {} : { connect: (database) => connect.call(target, database) }),
    ...(cancel === undefined ? {} : { cancel: () => cancel.call(target) }),
  }
}

async function said<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    throw ofServer(error)
  }
}

async function* answersOf(
  answers: AsyncIterable<ServerError | undefined>,
): AsyncGenerator<ServerError | undefined, void, void> {
  try {
    for await (const error of answers) {
      const refusal = ofServer(error)
      if (refusal !== undefined && !isServerError(refusal)) throw refusal
      yield refusal
    }
  } catch (error) {
    throw ofServer(error)
  }
}

/** What drivers make of an ErrorResponse has a severity, and the SQLSTATE as its code. */
function ofServer(error: unknown): unknown {
  if (isServerError(error) || !(error instanceof Error)) return error
  const { severity, code, detail, hint, where }: { readonly [key: string]: unknown } = { ...error }
  if (typeof severity !== 'string' || typeof code !== 'string' || !/^[\dA-Z]{5}$/.test(code)) return error
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
  const fields = { severity, sqlState: code, detail: text(detail), hint: text(hint), context: text(where) }
  return new ServerError(error.message, fields)
}

function inputOf(input: CopyInput | Writable): CopyInput {
  return 'abort' in input ? input : new WritableInput(input)
}

/** A COPY that a driver gives as a stream. */
class WritableInput implements CopyInput {
  readonly #stream: Writable
  #failure: unknown
  /** Called with the failure while something waits. */
  #waiting: ((failure: unknown) => void) | undefined

  constructor(stream: Writable) {
    this.#stream = stream
    // what comes later nobody wants to hear, and must not end the process
    stream.on('error', (error) => {
      this.#failure ??= ofServer(error)
      this.#waiting?.(this.#failure)
    })
  }

  async write(chunk: Uint8Array): Promise<void> {
    // a stream may keep it
    await this.#wait((done) => void this.#stream.write(new Uint8Array(chunk), done))
  }

  async end(): Promise<void> {
    await this.#wait((done) => void this.#stream.end(done))
  }

  async abort(reason: string): Promise<void> {
    if (this.#stream.closed) return
    await new Promise<void>((resolve) => {
      this.#stream.once('close', resolve)
      this.#stream.destroy(new Error(reason))
    })
  }

  async #wait(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      await new Promise<void>((resolve, reject) => {
        this.#waiting = reject
        start((error) => (error == null ? resolve() : reject(ofServer(error))))
      })
    } catch (error) {
      throw this.#failure ?? error
    } finally {
      this.#waiting = undefined
    }
  }
}
