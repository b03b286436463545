import { ArchiveError, compatRules, open, standardInput, type Archive } from '../index.ts'
import { useCallingThread } from '../io/calling-thread.ts'
import { parseBytes, type CommandLine, type OwnOptionId } from './command-line.ts'
import { limitOptions, limitsFrom } from './limits-option.ts'
import { archiveFormat, byteStringOf, type RestoreOptionId } from './pg-restore-options.ts'
import { isSystemError, strerror } from './strerror.ts'
import { warn, type Terminal } from './terminal.ts'

/** Options about how to open an archive, the same for every command. */
export const openOptions = {
  own: [...limitOptions, 'spool', 'max-buffer'],
  restore: ['format'],
} as const satisfies { own: readonly OwnOptionId[]; restore: readonly RestoreOptionId[] }

/** Opens the archive of a command line. @throws ArchiveError USAGE for a bad option, and what `open` throws */
export async function openArchive(
  terminal: Terminal,
  line: CommandLine,
  options: { readonly workers?: number; readonly quiet?: boolean; readonly format?: string | undefined } = {},
): Promise<Archive> {
  const format = 'format' in options ? options.format : line.value('format')
  const known = format === undefined ? undefined : archiveFormat(byteStringOf(format), compatRules())
  const maxBuffer = line.own('max-buffer').at(-1)
  if (line.archive === null && terminal.stdin.isTTY) {
    throw new ArchiveError('USAGE', 'standard input is a terminal, must be an archive', {
      hint: 'Give the path of an archive, or redirect one: < nightly.dump',
    })
  }
  useCallingThread()
  try {
    return await open(line.archive ?? (await standardInput(terminal.stdin)), {
      ...(known === undefined ? {} : { format: known }),
      ...(maxBuffer === undefined ? {} : { maxBufferBytes: parseBytes('--max-buffer', maxBuffer) }),
      ...(options.workers === undefined ? {} : { workers: options.workers }),
      limits: limitsFrom(line),
      spool: line.own('spool').length > 0,
      onWarning: options.quiet === true ? () => undefined : warn.bind(undefined, terminal),
      signal: terminal.signal,
    })
  } catch (error) {
    if (!isSystemError(error) || line.archive === null) throw error
    const name = error.path ?? line.archive
    throw new ArchiveError('NOT_AN_ARCHIVE', `Cannot open "${name}": ${strerror(error)}`, { cause: error, file: name })
  }
}
