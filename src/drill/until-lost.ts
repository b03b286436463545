import { ArchiveError, isArchiveError } from '../errors.ts'
import { endsSession, isServerError } from '../restore/target.ts'
import type { DrillTarget } from './place.ts'

/** The same target, which tells the end of its connection as an ArchiveError CONNECTION_LOST. */
export function untilLost(target: DrillTarget): DrillTarget {
  return {
    query: (sql) => answered(() => target.query(sql)),
    rows: (sql) => answered(() => target.rows(sql)),
    copyTo: (statement, onData) => answered(() => target.copyTo(statement, onData)),
    async copyFrom(statement) {
      const input = await answered(() => target.copyFrom(statement))
      return {
        write: (chunk) => answered(() => input.write(chunk)),
        end: () => answered(() => input.end()),
        abort: (reason) => answered(() => input.abort(reason)),
      }
    },
  }
}

/** Whatever is no word of the server means that there is no connection any more. */
async function answered<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (error) {
    if (isArchiveError(error) || (isServerError(error) && !endsSession(error))) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw new ArchiveError('CONNECTION_LOST', `Cannot drill further: the connection to the database is lost: ${why}`, {
      hint: 'Nothing is proven: drill again',
      cause: error,
    })
  }
}
