import { filter, formatNumber, loadTimeZone, toSql } from '../index.ts'
import type { Finding } from '../index.ts'
import { parseCommandLine, scriptOptions, selectionFrom, selectionOptions, type CommandSyntax } from './command-line.ts'
import { sqlHelp } from './help.ts'
import { openArchive, openOptions } from './input.ts'
import { refuseArchive, writeStream, writeText } from './output.ts'
import { labelOf, partsDone } from './parts-done.ts'
import { sqlOptionsOf } from './pg-restore-selection.ts'
import { Progress } from './progress.ts'
import { applyRewrites, reportRewrites, rewriteOptions, rewritesFrom } from './rewrite-options.ts'
import { complain, exit, warn, type Terminal } from './terminal.ts'

const syntax: CommandSyntax = {
  name: 'sql',
  own: [
    ...openOptions.own,
    ...selectionOptions.own,
    ...rewriteOptions.own,
    'compat',
    'target-version',
    'no-restrict',
    'safe',
    'quiet',
  ],
  restore: [...openOptions.restore, ...selectionOptions.restore, ...scriptOptions, 'file', 'jobs', 'restrict-key'],
}

/** `pgdmp sql`: the archive as an SQL script. */
export async function sql(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, sqlHelp)
    return exit.good
  }
  const quiet = line.own('quiet').length > 0
  const workers = line.options.given.has('jobs') ? { workers: line.options.jobs } : {}
  const selection = await selectionFrom(terminal, line)
  const rewrites = await rewritesFrom(terminal, line)
  await using archive = await openArchive(terminal, line, { ...workers, quiet })
  const file = line.value('file')
  await refuseArchive(file, line.archive, archive)
  // A script that goes to the terminal shows by itself how far it is.
  const onScreen = (file === undefined || file === '-') && terminal.stdout.isTTY
  const progress = quiet || onScreen || !terminal.stderr.isTTY ? undefined : new Progress(terminal.stderr)
  let lost = 0
  const hints = new Set<string>()
  const onWarning = (finding: Finding) => {
    if (finding.severity === 'error') lost++
    progress?.done()
    if (quiet) return
    const { hint, ...rest } = finding
    // Many findings may share one hint.
    warn(terminal, hint === undefined || hints.has(hint) ? rest : finding)
    if (hint !== undefined) hints.add(hint)
  }
  const compat = line.own('compat').at(-1)
  const targetVersion = line.own('target-version').at(-1)
  const common = { ...(compat === undefined ? {} : { compat }), onWarning }
  const view = applyRewrites(filter(archive, selection, common), rewrites, common)
  const parts =
    progress === undefined
      ? () => undefined
      : await partsDone(archive, view.toc, (entry) => view.parts(entry).data, terminal.signal)
  const stream = toSql(view, {
    ...sqlOptionsOf(line.options),
    ...common,
    ...(line.own('safe').length > 0 ? { safe: true } : {}),
    ...(line.own('no-restrict').length > 0 ? { restrictKey: false } : {}),
    ...(targetVersion === undefined ? {} : { targetVersion }),
    timeZone: await loadTimeZone(terminal.env['TZ']),
    signal: terminal.signal,
    ...(quiet || line.options.verbosity === 0 ? {} : { onMessage: (message: string) => complain(terminal, message) }),
    ...(progress === undefined
      ? {}
      : { onProgress: ({ bytes, entry }) => progress.update(bytes, parts(entry), labelOf(view, entry)) }),
  })
  try {
    await writeStream(terminal, file, stream)
  } finally {
    progress?.done()
  }
  if (!quiet) reportRewrites(terminal, view)
  if (lost === 0) return exit.good
  complain(
    terminal,
    `${formatNumber(lost)} of the statements cannot be said in SQL of PostgreSQL ${targetVersion ?? ''}`,
  )
  return exit.bad
}
