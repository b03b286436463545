import type { RestoreTarget, ServerRow } from '../index.ts'
import { questionsOf } from '../restore/questions.ts'
import type { Terminal } from './terminal.ts'

/**
 * Asks what a command wants to know of a server before it does anything there.
 * @returns nothing where the target answers no questions
 * @throws ServerError, ArchiveError CONNECTION_LOST, the reason of the signal
 */
export async function askServer(
  { signal }: Pick<Terminal, 'signal'>,
  target: RestoreTarget,
  sql: string,
): Promise<readonly ServerRow[]> {
  using questions = questionsOf(target, signal, { message: 'Cannot begin', hint: 'Nothing was done there: try again' })
  return (await questions?.ask(sql)) ?? []
}
