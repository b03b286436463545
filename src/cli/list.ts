import { filter, list as listing, listBytes, listRecords, loadTimeZone } from '../index.ts'
import type { FilteredView } from '../index.ts'
import { parseCommandLine, selectionFrom, selectionOptions, type CommandSyntax } from './command-line.ts'
import { listHelp } from './help.ts'
import { openArchive, openOptions } from './input.ts'
import { printable } from './layout.ts'
import { writeText } from './output.ts'
import { applyRewrites, reportRewrites, rewriteOptions, rewritesFrom } from './rewrite-options.ts'
import { exit, warn, type Terminal } from './terminal.ts'
import { jsonText } from './json-text.ts'

const syntax: CommandSyntax = {
  name: 'list',
  own: [...openOptions.own, ...selectionOptions.own, ...rewriteOptions.own, 'json', 'ndjson', 'compat'],
  restore: [...openOptions.restore, ...selectionOptions.restore, 'file', 'verbose'],
}

/** `pgdmp list`: the table of contents, as pg_restore prints it or as JSON. */
export async function list(terminal: Terminal, args: readonly string[]): Promise<number> {
  const line = await parseCommandLine(terminal, syntax, args)
  if (line === null) {
    await writeText(terminal, undefined, listHelp)
    return exit.good
  }
  const compat = line.own('compat').at(-1)
  const common = { ...(compat === undefined ? {} : { compat }), onWarning: warn.bind(undefined, terminal) }
  const selection = await selectionFrom(terminal, line)
  const rewrites = await rewritesFrom(terminal, line)
  await using archive = await openArchive(terminal, line)
  const view = applyRewrites(filter(archive, selection, common), rewrites, common)
  const file = line.value('file')
  if (line.own('ndjson').length > 0) {
    await writeText(terminal, file, asLines(view))
  } else if (line.own('json').length > 0) {
    await writeText(terminal, file, asJson(view))
  } else {
    const timeZone = await loadTimeZone(terminal.env['TZ'])
    const options = { ...common, verbose: line.options.verbosity > 0, timeZone }
    const onScreen = (file === undefined || file === '-') && terminal.stdout.isTTY
    // The names in an archive are a stranger's: their control characters are for files, not for terminals.
    await writeText(terminal, file, onScreen ? screenLines(listing(view, options)) : [listBytes(view, options)])
  }
  reportRewrites(terminal, view)
  return exit.good
}

function* screenLines(text: string): Iterable<string> {
  for (const line of text.trimEnd().split('\n')) yield `${line.split('\t').map(printable).join('\t')}\n`
}

function* asLines(view: FilteredView): Iterable<string> {
  for (const record of listRecords(view)) yield `${jsonText(record)}\n`
}

/** The same document as `JSON.stringify(listJson(view))`, an entry a line, which no length of a string bounds. */
function* asJson(view: FilteredView): Iterable<string> {
  let separator = ''
  for (const record of listRecords(view)) {
    if ('header' in record) {
      yield `{"header":${jsonText(record.header)},\n"entries":[`
    } else {
      yield `${separator}\n${jsonText(record)}`
      separator = ','
    }
  }
  yield '\n]}\n'
}
