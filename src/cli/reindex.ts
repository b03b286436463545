import { formatNumber, reindex as reindexArchive } from '../index.ts'
import { parseCommandLine, type CommandSyntax } from './command-line.ts'
import { reindexHelp } from './help.ts'
import { limitOptions, limitsFrom } from './limits-option.ts'
import { writeText } from './output.ts'
import { complain, exit, warn, type Terminal } from './terminal.ts'

const syntax: CommandSyntax = { name: 'reindex', own: [...limitOptions, 'quiet'], restore: [] }

/** `pgdmp reindex`: gives an archive the offsets that it lacks, in place. */
export async function reindex(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, reindexHelp)
    return exit.good
  }
  const quiet = line.own('quiet').length > 0
  // an archive by the name "-" is a file like any other here
  const { set, completed } = await reindexArchive(line.archive ?? '-', {
    limits: limitsFrom(line),
    ...(quiet ? {} : { onWarning: warn.bind(undefined, terminal) }),
    signal: terminal.signal,
  })
  if (quiet) return exit.good
  if (completed) complain(terminal, 'completed what an earlier run was ended in')
  if (set > 0) complain(terminal, `${formatNumber(set)} offsets set`)
  else if (!completed) complain(terminal, 'nothing to do: every entry with data has its offset')
  return exit.good
}
