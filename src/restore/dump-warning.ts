import type { ScriptContext } from '../sql/session.ts'
import type { TocEntry } from '../toc/types.ts'

/** pg_dump 7.x left its warnings in the archive. */
export function warnOfDump({ warn }: ScriptContext, hasSchema: boolean, entry: TocEntry): void {
  if (entry.desc !== 'WARNING') return
  const text = (hasSchema && entry.defn) || entry.copyStmt
  if (text) warn('WARNING_OF_DUMP', `warning from original dump file: ${text}`, entry)
}
