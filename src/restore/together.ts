import { encodeByteString } from '../bytes/byte-string.ts'
import type { TocEntry } from '../toc/types.ts'
import type { Conversation } from './conversation.ts'
import { beginsTransaction, endsTransaction, type Command } from './session.ts'
import type { ServerError } from './target.ts'

/** Sent at most before the first is answered: enough for the server never to wait, and soon answered when it is to stop. */
const MOST_COMMANDS = 64
const MOST_BYTES = 256 * 1024

/** A COPY that asks for rows would take what comes next for them. Neither word can be written otherwise. */
const mayAskForRows = /copy[^]*stdin/i

/** What is said to the server without waiting for an answer to what was said before. */
interface Said {
  readonly sql: Uint8Array
  readonly command: () => Command
  readonly entry: TocEntry | undefined
  /** What waits for the answer. */
  readonly afterwards: (() => void)[]
}

/** What is told of the answers. */
export interface TogetherSide {
  /** The server is at this entry now. */
  at(entry: TocEntry | undefined): void
  /** Counts a failure. @throws what ends the restore */
  refused(error: ServerError, command: Command): Promise<void>
}

/**
 * Commands that are sent together, each as a message of its own, so that the server need not wait for the next one:
 * what becomes of one does not depend on that, and they are counted and told of in their order. bench/README.md has what
 * it brings for very many small tables.
 */
export class Together {
  readonly #conversation: Conversation
  readonly #side: TogetherSide
  #said: Said[] = []
  #bytes = 0

  constructor(conversation: Conversation, side: TogetherSide) {
    this.#conversation = conversation
    this.#side = side
  }

  /** Nothing waits to be sent. */
  get isEmpty(): boolean {
    return this.#said.length === 0
  }

  /** Whether a command may be sent with others: not one on which it depends whether others are sent. */
  takes({ sql, fatal }: Command): boolean {
    return fatal !== true && !beginsTransaction.test(sql) && !endsTransaction.test(sql) && !mayAskForRows.test(sql)
  }

  /** Sends a command with others, now or later. */
  async add(command: Command, entry: TocEntry | undefined): Promise<void> {
    await this.#add(encodeByteString(command.sql), () => command, entry)
  }

  /** The same of a statement; its bytes are lent until the next {@link Together.settle}. */
  async addStatement(sql: Uint8Array, command: () => Command, entry: TocEntry | undefined): Promise<void> {
    await this.#add(sql, command, entry)
  }

  async #add(sql: Uint8Array, command: () => Command, entry: TocEntry | undefined): Promise<void> {
    if (this.#said.length > 0 && this.#bytes + sql.length > MOST_BYTES) await this.settle()
    this.#said.push({ sql, command, entry, afterwards: [] })
    this.#bytes += sql.length
    if (this.#said.length === MOST_COMMANDS) await this.settle()
  }

  /** Does something when all that was added so far has been answered. */
  afterwards(what: () => void): void {
    const last = this.#said.at(-1)
    if (last === undefined) what()
    else last.afterwards.push(what)
  }

  /** Nothing of what waits will be sent. */
  forget(): void {
    this.#said = []
    this.#bytes = 0
  }

  /** Sends what waits, and waits for the answers. @throws what ends the restore */
  async settle(): Promise<void> {
    const said = this.#said
    if (said.length === 0) return
    this.forget()
    this.#side.at(said[0]?.entry)
    let at = 0
    for await (const error of this.#conversation.askAll(said.map(({ sql }) => sql))) {
      const { command, afterwards } = said[at++] ?? {}
      if (error !== undefined && command !== undefined) await this.#side.refused(error, command())
      for (const what of afterwards ?? []) what()
      const next = said[at]
      if (next !== undefined) this.#side.at(next.entry)
    }
  }
}
