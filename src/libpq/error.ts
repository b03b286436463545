import { ArchiveError } from '../errors.ts'

/** What libpq refuses of a connection's parameters, in its words. */
export function wrong(text: string): ArchiveError {
  return new ArchiveError('USAGE', text, { details: { pgRestore: text } })
}
