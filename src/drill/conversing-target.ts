import { Conversation } from '../restore/conversation.ts'
import type { DrillTarget } from './place.ts'

/** A target until it is disposed of. */
export interface ConversingTarget extends DrillTarget, Disposable {}

/** The same target, which hears the signal while it waits, and tells the end of its connection as CONNECTION_LOST. */
export function conversing(target: DrillTarget, signal?: AbortSignal): ConversingTarget {
  const conversation = new Conversation(target, signal, () => ({
    message: 'Cannot drill further',
    hint: 'Nothing is proven: drill again',
  }))
  return {
    query: (sql) => conversation.ask(() => conversation.target.query(sql)),
    rows: (sql) => conversation.ask(() => target.rows(sql)),
    copyTo: (statement, onData) => conversation.ask(() => target.copyTo(statement, onData)),
    async copyFrom(statement) {
      const input = await conversation.ask(() => conversation.target.copyFrom(statement))
      return {
        write: (chunk) => conversation.ask(() => input.write(chunk)),
        end: () => conversation.ask(() => input.end()),
        abort: (reason) => input.abort(reason),
      }
    },
    [Symbol.dispose]: () => conversation.close(),
  }
}
