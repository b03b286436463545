import {
  adaptTo,
  ArchiveError,
  compatRules,
  convert as convertArchive,
  filter,
  formatNumber,
  isFiltered,
  open,
} from '../index.ts'
import type {
  Archive,
  ArchiveFormat,
  ArchiveVersion,
  ArchiveView,
  ConvertOptions,
  ConvertResult,
  Finding,
} from '../index.ts'
import { parseCommandLine, selectionFrom, selectionOptions, selects, type CommandSyntax } from './command-line.ts'
import type { CommandLine } from './command-line.ts'
import { parseCompression } from './compression-option.ts'
import { digestOf } from './digest-of.ts'
import { convertHelp } from './help.ts'
import { openArchive, openOptions } from './input.ts'
import { formatBytes, printable } from './layout.ts'
import { namingOutput, writeText } from './output.ts'
import { labelOf, partsDone } from './parts-done.ts'
import { archiveFormat, byteStringOf } from './pg-restore-options.ts'
import { Progress } from './progress.ts'
import { applyRewrites, reportRewrites, rewriteOptions, rewritesFrom } from './rewrite-options.ts'
import { complain, exit, warn, type Terminal } from './terminal.ts'

const syntax: CommandSyntax = {
  name: 'convert',
  output: true,
  own: [
    ...openOptions.own,
    ...selectionOptions.own,
    ...rewriteOptions.own,
    'allow-loss',
    'archive-version',
    'compat',
    'compress',
    'digest',
    'for',
    'force',
    'input-format',
    'keep-links',
    'quiet',
    'reindex',
    'target-version',
  ],
  restore: [...openOptions.restore, ...selectionOptions.restore, 'jobs', 'verbose'],
}

/** `pgdmp convert`: the archive, or a part of it, as another archive. */
export async function convert(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, convertHelp)
    return exit.good
  }
  const wishes = wishesFrom(line)
  const inputFormat = line.own('input-format').at(-1)
  if (inputFormat !== undefined && formatFrom(inputFormat) === undefined) {
    throw new ArchiveError('USAGE', `--input-format: "${inputFormat}" is no format of archives`, {
      hint: 'Use "c", "d" or "t"',
    })
  }
  if (line.output === null && terminal.stdout.isTTY) {
    throw new ArchiveError('USAGE', 'standard output is a terminal, must be a file or a pipe', {
      hint: 'Give the path of the output, or redirect it: > new.dump',
    })
  }
  const wantsDigest = line.own('digest').length > 0
  if (wantsDigest && typeof line.output !== 'string') {
    throw new ArchiveError('USAGE', '--digest reads the output again, which standard output does not allow', {
      hint: 'Give the path of the output, or pipe it into "pgdmp info --digest -"',
    })
  }
  const quiet = line.own('quiet').length > 0
  const selection = selects(line) ? await selectionFrom(terminal, line) : undefined
  const rewrites = await rewritesFrom(terminal, line)
  await using archive = await openArchive(terminal, line, {
    ...(line.options.given.has('jobs') ? { workers: line.options.jobs } : {}),
    quiet,
    format: inputFormat,
  })
  const progress = quiet || !terminal.stderr.isTTY ? undefined : new Progress(terminal.stderr)
  let lost = 0
  const onWarning = (finding: Finding) => {
    if (finding.severity === 'error') lost++
    progress?.done()
    if (!quiet) warn(terminal, finding)
  }
  const compat = line.own('compat').at(-1)
  const common = { ...(compat === undefined ? {} : { compat }), onWarning }
  // as in pg_dump's archives, the database's own entries are there in case somebody restores with -C
  const completeLinks = line.own('keep-links').length === 0
  const selected =
    selection === undefined ? archive : filter(archive, { ...selection, create: true, completeLinks }, common)
  const rewritten = applyRewrites(selected, rewrites, common)
  const target = line.own('for').at(-1)
  const view = target === undefined ? rewritten : adaptTo(rewritten, { target, onWarning })
  const parts =
    progress === undefined ? () => undefined : await partsDone(archive, view.toc, holdsData(view), terminal.signal)
  let dropped = 0
  try {
    const writing = convertArchive(view, line.output ?? terminal.stdout, {
      ...wishes,
      onWarning,
      signal: terminal.signal,
      ...(progress === undefined
        ? {}
        : { onProgress: ({ bytes, entry }) => progress.update(bytes, parts(entry), labelOf(view, entry)) }),
    })
    const result = await namingOutput(line.output, writing)
    progress?.done()
    dropped = result.dropped.length
    if (!quiet) reportRewrites(terminal, view)
    if (!quiet && line.options.verbosity > 0) describe(terminal, result)
  } finally {
    progress?.done()
  }
  if (wantsDigest && typeof line.output === 'string') {
    // of a part, other entries may no longer name what is gone among what they depend on
    const isWhole = lost === 0 && dropped === 0 && wishes.targetVersion === undefined && target === undefined
    const expected = archive.seekable && isWhole ? view : undefined
    if (!(await showDigest(terminal, archive, expected, line.output, quiet))) lost++
  }
  if (lost === 0) return exit.good
  const allowed = line.own('allow-loss').length > 0
  if (!quiet) {
    const hint = allowed ? undefined : 'The output is there; --allow-loss takes that for success'
    const what = target === undefined ? 'lost' : `lost, or refused by ${target}`
    complain(terminal, lost === 1 ? `1 thing is ${what}` : `${formatNumber(lost)} things are ${what}`, hint)
  }
  return allowed ? exit.good : exit.bad
}

/** Reads what was written and prints its digest; false when it is not that of what should have been written. */
async function showDigest(
  terminal: Terminal,
  archive: Archive,
  expected: ArchiveView | undefined,
  output: string,
  quiet: boolean,
): Promise<boolean> {
  await using written = await open(output, { signal: terminal.signal, limits: archive.limits })
  const { sha256, content } = await digestOf(terminal, written, written, quiet)
  await writeText(terminal, undefined, `Digest      ${sha256}\nOf content  ${content}\n`)
  const before = expected === undefined ? undefined : await digestOf(terminal, archive, expected, quiet)
  if (before === undefined || before.sha256 === sha256) return true
  complain(terminal, `error: the content has changed, its digest was ${before.sha256}`)
  return false
}

function wishesFrom(line: CommandLine): ConvertOptions {
  const format = formatFrom(line.value('format'))
  const compression = line.own('compress').at(-1)
  const version = line.own('archive-version').at(-1)
  const targetVersion = line.own('target-version').at(-1)
  return {
    ...(format === undefined ? {} : { format }),
    ...(compression === undefined ? {} : { compression: parseCompression(compression) }),
    ...(version === undefined ? {} : { archiveVersion: parseVersion(version) }),
    ...(targetVersion === undefined ? {} : { targetVersion }),
    overwrite: line.own('force').length > 0 ? 'replace' : 'refuse',
    reindex: line.own('reindex').length > 0,
  }
}

function formatFrom(value: string | undefined): ArchiveFormat | undefined {
  return value === undefined ? undefined : archiveFormat(byteStringOf(value), compatRules())
}

function parseVersion(text: string): ArchiveVersion {
  const [, minor] = /^1\.(\d{1,2})(?:-0|\.0)?$/.exec(text) ?? []
  if (minor !== undefined) return { major: 1, minor: Number(minor), rev: 0 }
  throw new ArchiveError('USAGE', `--archive-version: "${text}" is no version of archives`, {
    hint: 'Use 1.12 to 1.16',
  })
}

function holdsData(view: ArchiveView): (entry: ArchiveView['toc'][number]) => boolean {
  return isFiltered(view) ? (entry) => view.parts(entry).data : () => true
}

/** What -v tells: every entry that is left out, and a summary. */
function describe(terminal: Terminal, result: ConvertResult): void {
  for (const { entry, reason } of result.dropped) {
    const { dumpId, desc, namespace, tag } = entry
    const why = reason?.of === undefined ? '' : `, it needs ${reason.of.desc} ${reason.of.tag ?? ''}`
    complain(terminal, printable(`left out: ${dumpId} ${desc} ${namespace || '-'} ${tag ?? ''}${why}`))
  }
  const { format, compression, archiveVersion, entries, bytes, streams, verbatim } = result
  const { copied, rewrapped, compressed } = streams
  const how = verbatim
    ? 'the archive was copied as it is'
    : `data copied as stored ${formatNumber(copied)}, wrapped anew ${formatNumber(rewrapped)}, compressed anew ${formatNumber(compressed)}`
  const version = `${archiveVersion.major}.${archiveVersion.minor}`
  complain(
    terminal,
    `${format} archive ${version}, ${compression}: ${formatNumber(entries)} entries, ${formatBytes(bytes)}; ${how}`,
  )
}
