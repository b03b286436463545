import { joinBytes } from '../bytes/join-bytes.ts'
import { ServerError, type CopyInput, type ServerErrorFields } from './target.ts'

/** Rows that go into one COPY: PGlite takes a message as a whole. */
const BYTES_PER_COPY = 4 * 1024 * 1024

const LINE_FEED = 0x0a
const BACKSLASH = 0x5c
const DOT = 0x2e

/** What {@link PGliteCopy} needs of its session. */
export interface CopySession {
  /** Whether a transaction is open. */
  readonly inTransaction: boolean
  command(sql: string): Promise<void>
  /** Runs the COPY with these rows, and gives their number. @throws ServerError */
  copy(rows: Uint8Array): Promise<number>
}

/**
 * The rows of one table as several COPYs, cut at the ends of rows. They are one to whoever looks: in a transaction of
 * their own where none is open.
 */
export class PGliteCopy implements CopyInput {
  readonly #session: CopySession
  #pieces: Uint8Array[] = []
  #bytes = 0
  /** A row ends in them, so that joining them is worth it. */
  #hasEnd = false
  /** Rows that PGlite has. */
  #rows = 0
  #ownTransaction = false
  /** `\.` came: nothing that follows is a row. */
  #ended = false
  #failure: Error | undefined

  constructor(session: CopySession) {
    this.#session = session
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#ended) return
    this.#pieces.push(chunk.slice())
    this.#bytes += chunk.length
    this.#hasEnd ||= chunk.includes(LINE_FEED)
    if (this.#bytes >= BYTES_PER_COPY && this.#hasEnd) await this.#send(this.#wholeRows())
  }

  async end(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const rows = joinBytes(this.#pieces)
    this.#pieces = []
    await this.#send(rows.subarray(0, endOfRows(rows) ?? rows.length))
    if (this.#ownTransaction) await this.#session.command('COMMIT')
  }

  async abort(): Promise<void> {
    this.#pieces = []
    if (this.#failure === undefined) await this.#giveUp()
  }

  /** All that has come but the beginning of the last row. */
  #wholeRows(): Uint8Array {
    const all = joinBytes(this.#pieces)
    const end = endOfRows(all)
    if (end !== undefined) this.#ended = true
    // `\` may be the beginning of the end
    const cut = end ?? all.lastIndexOf(LINE_FEED) + 1
    const rest = end === undefined ? all.slice(cut) : new Uint8Array(0)
    this.#pieces = rest.length > 0 ? [rest] : []
    this.#bytes = rest.length
    this.#hasEnd = false
    return all.subarray(0, cut)
  }

  async #send(rows: Uint8Array): Promise<void> {
    if (rows.length === 0) return
    try {
      if (!this.#session.inTransaction) {
        await this.#session.command('BEGIN')
        this.#ownTransaction = true
      }
      this.#rows += await this.#session.copy(rows)
    } catch (error) {
      this.#failure = error instanceof ServerError ? this.#placed(error) : toError(error)
      await this.#giveUp()
      throw this.#failure
    }
  }

  async #giveUp(): Promise<void> {
    if (this.#ownTransaction) await this.#session.command('ROLLBACK')
    this.#ownTransaction = false
  }

  /** The line that PGlite tells is one of the last COPY. */
  #placed(error: ServerError): ServerError {
    const fields: ServerErrorFields = error
    const context = error.context?.replace(
      /^(COPY .*?, line )(\d+)/,
      (_, before: string, line: string) => `${before}${Number(line) + this.#rows}`,
    )
    return new ServerError(error.message, { ...pick(fields), context })
  }
}

function pick(error: ServerErrorFields): ServerErrorFields {
  const { severity, sqlState, detail, hint, position, internalQuery, internalPosition } = error
  return { severity, sqlState, detail, hint, position, internalQuery, internalPosition }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

/** Where the line `\.` begins, which comes after the last row; bytes must begin with a row. */
export function endOfRows(bytes: Uint8Array): number | undefined {
  for (let at = bytes.indexOf(BACKSLASH); at >= 0; at = bytes.indexOf(BACKSLASH, at + 2)) {
    const next = bytes[at + 2]
    if (bytes[at + 1] !== DOT || (at > 0 && bytes[at - 1] !== LINE_FEED)) continue
    if (next === LINE_FEED || next === undefined) return at
  }
  return undefined
}
