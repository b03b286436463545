import {
  ArchiveError,
  compatRules,
  formatNumber,
  isArchiveError,
  salvage as salvageArchive,
  standardInput,
} from '../index.ts'
import type { ArchiveFormat, Finding, SalvageOptions, SalvageReport } from '../index.ts'
import { useCallingThread } from '../io/calling-thread.ts'
import { parseCommandLine, type CommandLine, type CommandSyntax } from './command-line.ts'
import { parseCompression } from './compression-option.ts'
import { salvageHelp } from './help.ts'
import { limitOptions, limitsFrom } from './limits-option.ts'
import { formatBytes, printable } from './layout.ts'
import { namingOutput, writeText } from './output.ts'
import { archiveFormat, byteStringOf } from './pg-restore-options.ts'
import { Progress } from './progress.ts'
import { isSystemError } from './strerror.ts'
import { complain, exit, hintOf, messageOf, warn, type Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

const syntax: CommandSyntax = {
  name: 'salvage',
  output: true,
  own: [
    'archive-version',
    'certain-only',
    'compress',
    'cut-large-objects',
    'force',
    'input-format',
    'json',
    ...limitOptions,
    'quiet',
  ],
  restore: ['format', 'verbose'],
}

/** `pgdmp salvage`: what is whole of a broken archive, as a new one. */
export async function salvage(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, salvageHelp)
    return exit.good
  }
  const quiet = line.own('quiet').length > 0
  const json = line.own('json').length > 0
  checkStreams(terminal, line, json)
  const progress = quiet || !terminal.stderr.isTTY ? undefined : new Progress(terminal.stderr)
  const onWarning = (finding: Finding): void => {
    progress?.done()
    if (!quiet && !json) warn(terminal, finding)
  }
  let report: SalvageReport
  useCallingThread()
  try {
    const writing = salvageArchive(
      line.archive ?? (await standardInput(terminal.stdin)),
      line.output ?? terminal.stdout,
      {
        ...optionsFrom(line),
        signal: terminal.signal,
        onWarning,
        ...(progress === undefined
          ? {}
          : { onProgress: ({ bytes, phase }) => progress.update(bytes, undefined, phase) }),
      },
    )
    report = await namingOutput(line.output, writing)
  } catch (error) {
    progress?.done()
    return unreadable(terminal, line, error)
  }
  progress?.done()
  if (json) await writeText(terminal, undefined, `${jsonText(report, 2)}\n`)
  else if (!quiet) await describe(terminal, line, report)
  return report.whole ? exit.good : exit.bad
}

function checkStreams(terminal: Terminal, line: CommandLine, json: boolean): void {
  if (line.archive === null && terminal.stdin.isTTY) {
    throw new ArchiveError('USAGE', 'standard input is a terminal, must be an archive')
  }
  if (line.output !== null) return
  if (json) throw new ArchiveError('USAGE', '--json and the archive cannot both go to standard output')
  if (terminal.stdout.isTTY) {
    throw new ArchiveError('USAGE', 'standard output is a terminal, must be a file or a pipe', {
      hint: 'Give the path of the output, or redirect it: > saved.dump',
    })
  }
}

function optionsFrom(line: CommandLine): SalvageOptions {
  const format = formatFrom('--format', line.value('format'))
  const inputFormat = formatFrom('--input-format', line.own('input-format').at(-1))
  const compression = line.own('compress').at(-1)
  const version = line.own('archive-version').at(-1)
  return {
    ...(format === undefined ? {} : { format }),
    ...(inputFormat === undefined ? {} : { inputFormat }),
    ...(compression === undefined ? {} : { compression: parseCompression(compression) }),
    ...(version === undefined ? {} : { archiveVersion: parseVersion(version) }),
    certainOnly: line.own('certain-only').length > 0,
    cutLargeObjects: line.own('cut-large-objects').length > 0,
    limits: limitsFrom(line),
    overwrite: line.own('force').length > 0 ? 'replace' : 'refuse',
  }
}

function formatFrom(option: string, value: string | undefined): ArchiveFormat | undefined {
  if (value === undefined) return undefined
  const format = archiveFormat(byteStringOf(value), compatRules())
  if (format !== undefined) return format
  throw new ArchiveError('USAGE', `${option}: "${value}" is no format of archives`, { hint: 'Use "c", "d" or "t"' })
}

function parseVersion(text: string): NonNullable<SalvageOptions['archiveVersion']> {
  const [, minor] = /^1\.(\d{1,2})(?:-0|\.0)?$/.exec(text) ?? []
  if (minor !== undefined) return { major: 1, minor: Number(minor), rev: 0 }
  throw new ArchiveError('USAGE', `--archive-version: "${text}" is no version of archives`, {
    hint: 'Use 1.12 to 1.16',
  })
}

/** Nothing could be saved: says why. Anything that is not the archive's fault is left to the caller. */
function unreadable(terminal: Terminal, line: CommandLine, error: unknown): number {
  const isInput = isSystemError(error) && error.path !== undefined && error.path === line.archive
  if (terminal.signal.aborted || !((isArchiveError(error) && error.code !== 'USAGE') || isInput)) throw error
  complain(terminal, messageOf(error), hintOf(error))
  return exit.unreadable
}

/** What was lost, name by name; with -v also what is whole. */
async function describe(terminal: Terminal, line: CommandLine, report: SalvageReport): Promise<void> {
  const verbose = line.options.verbosity > 0
  const lines: string[] = []
  for (const entry of report.entries) {
    if (entry.state === 'whole' && !verbose) continue
    const { dumpId, desc, namespace, tag, state, rowsKept, bytesKept, rowsDropped } = entry
    const what = desc === 'BLOBS' ? 'large objects' : 'rows'
    const rows = rowsKept === null ? '' : `${formatNumber(rowsKept)} ${what}, `
    const dropped = rowsDropped === 0 ? '' : `, ${formatNumber(rowsDropped)} bad left out`
    const kept = state === 'lost' ? '' : `: ${rows}${formatBytes(bytesKept)} kept${dropped}`
    lines.push(`${state.padEnd(8)}  ${dumpId} ${desc} ${namespace || '-'} ${tag ?? ''}${kept}${whereAndWhy(entry)}`)
  }
  for (const object of report.largeObjects) {
    const kept = object.bytesKept === 0 ? '' : `: ${formatBytes(object.bytesKept)} kept`
    lines.push(
      `${object.state.padEnd(8)}  large object ${object.oid} of entry ${object.dumpId}${kept}${whereAndWhy(object)}`,
    )
  }
  const text = lines.map((each) => `${printable(each)}\n`).join('')
  // the archive itself goes to standard output
  if (line.output === null) terminal.stderr.write(text)
  else await writeText(terminal, undefined, text)
  complain(terminal, summaryOf(report))
}

function whereAndWhy({ offset, file, reason }: { offset?: number; file?: string; reason?: string }): string {
  if (reason === undefined) return ''
  const where = [file === undefined ? '' : ` in "${file}"`, offset === undefined ? '' : ` at offset ${offset}`].join('')
  return ` (damaged${where}: ${reason})`
}

function summaryOf({ whole, entries, entriesWritten, entriesLost, bytes, largeObjects }: SalvageReport): string {
  const count = (state: string): number => entries.filter((entry) => entry.state === state).length
  const written = `${formatNumber(entriesWritten)} entries, ${formatBytes(bytes)} written`
  if (whole) return `${written}; nothing is lost`
  const toc =
    entriesLost === 0
      ? ''
      : `, ${entriesLost === undefined ? 'an unknown number of' : formatNumber(entriesLost)} entries of the table of contents lost`
  const objects = largeObjects.length === 0 ? '' : `, ${formatNumber(largeObjects.length)} large objects lost or cut`
  return `${written}; data of ${formatNumber(count('whole'))} entries whole, ${formatNumber(count('partial'))} cut, ${formatNumber(count('doubtful'))} doubtful, ${formatNumber(count('lost'))} lost${objects}${toc}`
}
