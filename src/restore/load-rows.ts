import { encodeByteString } from '../bytes/byte-string.ts'
import type { ChunkSource } from '../io/chunks.ts'
import type { SqlGatherer } from '../ops/sql-gather.ts'
import { storesData } from '../ops/sql-plan.ts'
import type { TocEntry } from '../toc/types.ts'
import type { Conversation } from './conversation.ts'
import type { Command } from './session.ts'
import { isServerError, type CopyInput } from './target.ts'

/** What {@link loadRows} needs of the session it works in. */
export interface RowsSession {
  readonly conversation: Conversation
  /** With nothing in it. */
  readonly gatherer: SqlGatherer
  /** Hands the data of the entry to `use`, which may leave some of them. */
  read(use: (source: ChunkSource) => Promise<void>): Promise<void>
  /** So many bytes have gone to the server. */
  sent(bytes: number): void
  refused(error: unknown, command: Command): Promise<void>
}

/** Loads the rows of a TABLE DATA entry by its COPY statement. */
export async function loadRows(entry: TocEntry, copyStmt: string, session: RowsSession): Promise<void> {
  const { conversation } = session
  let input: CopyInput
  try {
    input = await conversation.ask(() => conversation.target.copyFrom(encodeByteString(copyStmt)))
  } catch (error) {
    return await session.refused(error, { sql: copyStmt })
  }
  try {
    if (storesData(entry)) await session.read((source) => send(source, input, session))
    await conversation.ask(() => input.end())
  } catch (error) {
    if (!isServerError(error)) {
      if (!conversation.lost) await input.abort('the data cannot be read').catch(() => undefined)
      throw error
    }
    await session.refused(error, { sql: '', complaint: `COPY failed for table "${entry.raw.byteString('tag') ?? ''}"` })
  }
}

async function send(source: ChunkSource, input: CopyInput, session: RowsSession): Promise<void> {
  const { conversation, gatherer, sent } = session
  const write = async (chunk: Uint8Array): Promise<void> => {
    await conversation.ask(() => input.write(chunk))
    sent(chunk.length)
  }
  try {
    for await (const chunk of gatherer.data(source)) await write(chunk)
    for (const chunk of gatherer.flush()) await write(chunk)
  } finally {
    // what was gathered of a failed COPY belongs nowhere
    gatherer.forget()
  }
}
