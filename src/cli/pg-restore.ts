import {
  ArchiveError,
  checkStrictNames,
  compatRules,
  filter,
  isArchiveError,
  listBytes,
  loadTimeZone,
  open,
  openSink,
  parseFilter,
  parseList,
  readTextInput,
  standardInput,
  toSql,
} from '../index.ts'
import type { Archive, ArchiveFormat, CompatRules, Finding, Sink, TimeZone, TocEntry } from '../index.ts'
import { useCallingThread } from '../io/calling-thread.ts'
import { decodingThreads } from './decoding-threads.ts'
import { pgRestoreHelp, pgRestoreVersion } from './help.ts'
import { archiveFormat, byteStringOf, bytesOf, parseArguments, textOf } from './pg-restore-options.ts'
import type { GivenOptions } from './pg-restore-options.ts'
import { addFilter, selectionOf, sqlOptionsOf } from './pg-restore-selection.ts'
import { isSystemError, strerror, type SystemError } from './strerror.ts'
import { messageOf, type Terminal } from './terminal.ts'
import { ClosedOutput, outputError, refuseArchive, writeText } from './output.ts'

/** What a run of the drop-in works with. */
interface Run {
  readonly terminal: Terminal
  readonly rules: CompatRules
  readonly options: GivenOptions
  /** As text; undefined for standard input. */
  readonly archive: string | undefined
  readonly stdinUsed: boolean
  readonly timeZone: TimeZone
}

/**
 * The drop-in for pg_restore: same output, same messages, same exit status, for `-l` and `-f`.
 *
 * Whose pg_restore it is, is said by `--compat VERSION` as the very first argument or by `PGDMP_COMPAT`.
 */
export async function pgRestore(terminal: Terminal, args: readonly string[]): Promise<number> {
  const { compat, rest } = takeCompat(terminal, args)
  const rules = compatRules(compat)
  if (rest[0] === '--help' || rest[0] === '-?') {
    await writeText(terminal, undefined, pgRestoreHelp(rules))
    return 0
  }
  if (rest[0] === '--version' || rest[0] === '-V') {
    await writeText(terminal, undefined, pgRestoreVersion(rules))
    return 0
  }
  let stdinUsed = false
  const parsed = await parseArguments(rest.map(byteStringOf), rules, {
    posixlyCorrect: terminal.env['POSIXLY_CORRECT'] !== undefined,
    readFilter: async (name, options) => {
      stdinUsed ||= name === '-'
      return await readFilter(terminal, rules, textOf(name), options)
    },
  })
  if ('refusal' in parsed) {
    terminal.stderr.write(bytesOf(parsed.refusal))
    return 1
  }
  const { options } = parsed
  try {
    const archive = parsed.archive === undefined ? undefined : textOf(parsed.archive)
    const timeZone = await loadTimeZone(terminal.env['TZ'])
    return await restore({ terminal, rules, options, archive, stdinUsed, timeZone })
  } catch (error) {
    if (terminal.signal.aborted || error instanceof ClosedOutput) throw error
    say(terminal, `error: ${fatalText(error, rules)}`)
    return 1
  }
}

/** Takes `--compat VERSION` or `--compat=VERSION` off the front; no release of pg_restore has such an option. */
function takeCompat(
  terminal: Terminal,
  args: readonly string[],
): { readonly compat: string | undefined; readonly rest: readonly string[] } {
  const [first, second, ...others] = args
  if (first === '--compat') {
    if (second === undefined) throw new ArchiveError('USAGE', 'pg_restore: --compat needs a release')
    return { compat: second, rest: others }
  }
  if (first?.startsWith('--compat=') === true) return { compat: first.slice('--compat='.length), rest: args.slice(1) }
  const variable = terminal.env['PGDMP_COMPAT']
  return { compat: variable === '' ? undefined : variable, rest: args }
}

/** Reads the file of `--filter` (read_restore_filters, pg_restore.c); gives what goes to stderr when it is bad. */
async function readFilter(
  terminal: Terminal,
  rules: CompatRules,
  name: string,
  options: GivenOptions,
): Promise<string | undefined> {
  const compat = rules.release
  try {
    const text = await readTextInput(name === '-' ? terminal.stdin : name, { signal: terminal.signal })
    addFilter(options, parseFilter(text, name === '-' ? { compat } : { compat, fileName: name }))
    return undefined
  } catch (error) {
    if (terminal.signal.aborted) throw error
    const text = isSystemError(error)
      ? `could not ${error.syscall === 'open' ? 'open' : 'read from'} filter file "${name}": ${strerror(error)}`
      : fatalText(error, rules)
    return byteStringOf(`pg_restore: error: ${text}\n`)
  }
}

/** pg_restore.c:main from OpenArchive on. */
async function restore(run: Run): Promise<number> {
  const { terminal, rules, options, timeZone } = run
  const { signal } = terminal
  const archive = await openArchive(run)
  try {
    const onWarning = ({ code, message }: Finding) => {
      // pg_restore has no word for it
      if (code !== 'NAME_UNMATCHED') say(terminal, `warning: ${message}`)
    }
    const compat = rules.release
    const selection = { ...selectionOf(options), ...(await readList(run)) }
    const listing = options.given.has('list')
    // A listing complains about names that match nothing only after it has been printed.
    const strictNames = options.given.has('strict-names')
    const view = filter(archive, { ...selection, strictNames: strictNames && !listing }, { compat, onWarning })
    if (listing) {
      const text = listBytes(view, { verbose: options.verbosity > 0, asPgRestore: true, timeZone, compat, onWarning })
      const chunks = [text]
      await write(run, archive, async () => chunks.pop() ?? null)
      if (strictNames) checkStrictNames(view)
      return 0
    }
    checkTableDataIds(archive)
    if (options.given.has('dbname')) {
      // what connects to a server is loaded where it is needed
      const { restoreIntoDatabase } = await import('./pg-restore-database.ts')
      const says = {
        say: (text: string) => say(terminal, text),
        sayBytes: (text: Uint8Array) => sayBytes(terminal, text),
        fatalText: (error: unknown) => fatalText(error, rules),
      }
      return await restoreIntoDatabase({ terminal, rules, options, archive: run.archive, ...says }, view)
    }
    const verbose = options.verbosity > 0
    const onMessage = (_: string, bytes: Uint8Array) => verbose && sayBytes(terminal, bytes)
    const sql = toSql(view, {
      ...sqlOptionsOf(options),
      asPgRestore: true,
      timeZone,
      compat,
      onWarning,
      onMessage,
      signal,
    }).borrow()
    try {
      await write(run, archive, () => sql.next())
    } finally {
      await sql.cancel()
    }
    return 0
  } finally {
    await archive.close()
  }
}

/**
 * buildTocEntryArrays, pg_backup_archiver.c: archives before 1.8 name OIDs where newer ones name dump ids, and
 * pg_restore takes the first of a TABLE DATA entry for its table. `pgdmp sql` prints such archives.
 */
function checkTableDataIds({ toc }: Archive): void {
  const maxDumpId = toc.reduce((max, { dumpId }) => Math.max(max, dumpId), 0)
  for (const entry of toc) {
    if (entry.desc !== 'TABLE DATA') continue
    const [table] = entry.dependencies
    if (table !== undefined && (table <= 0 || table > maxDumpId)) throw fatal('bad table dumpId for TABLE DATA item')
  }
}

/** OpenArchive, pg_backup_archiver.c */
async function openArchive(run: Run): Promise<Archive> {
  const { terminal, rules, options } = run
  const value = options.values.get('format')
  const format = value === undefined ? undefined : archiveFormat(value, rules)
  // With -F, an empty name means standard input as well.
  const path = run.archive === '' && format !== undefined ? undefined : run.archive
  const debug = rules.verboseTwice && options.verbosity > 1
  if (debug) {
    say(terminal, `allocating AH for ${path ?? '(stdio)'}, format ${formatNumbers[format ?? 'unknown']}`)
    if (format === undefined) say(terminal, 'attempting to ascertain archive format')
  }
  if (format === 'directory' && path === undefined) throw fatal('no output directory specified')
  const warn = ({ message }: Finding) => say(terminal, `warning: ${message}`)
  /** Warnings about entries: with a line for each entry, they come before the line of theirs. */
  const held: Finding[] = []
  const onWarning = (finding: Finding) => {
    if (finding.severity !== 'warning') return
    if (debug && finding.dumpId !== undefined) held.push(finding)
    else warn(finding)
  }
  try {
    const input = path ?? (run.stdinUsed ? nothing() : await standardInput(terminal.stdin))
    useCallingThread()
    const archive = await open(input, {
      ...(format === undefined ? {} : { format }),
      // pg_restore never goes back in a tar archive, and says so where the order of entries would need it.
      forwardOnly: 'tar',
      asPgRestore: true,
      onWarning,
      ...(options.given.has('dbname') && { workers: decodingThreads(options.jobs) }),
      ...(debug && { onPosition: (note: string) => sayBytes(terminal, bytesOf(note)) }),
      signal: terminal.signal,
    })
    const { major, minor } = archive.header.version
    if ((minor > 15 && !rules.readsVersion16) || (minor > 14 && !rules.readsVersion15)) {
      await archive.close()
      throw fatal(`unsupported version (${major}.${minor}) in file header`)
    }
    if (debug) {
      for (const [at, entry] of archive.toc.entries()) {
        while (held[0]?.dumpId === entry.dumpId) held.splice(0, 1).forEach(warn)
        sayBytes(terminal, readEntryText(at, entry))
      }
    }
    return archive
  } catch (error) {
    held.forEach(warn)
    throw path === undefined ? error : openError(error, path, format)
  }
}

/** ArchiveFormat, pg_backup.h */
const formatNumbers = { unknown: 0, custom: 1, tar: 3, directory: 5 } as const

function readEntryText(at: number, entry: TocEntry): Uint8Array {
  const [desc, tag] = [entry.raw.byteString('desc'), entry.raw.byteString('tag')]
  return bytesOf(`read TOC entry ${at} (ID ${entry.dumpId}) for ${desc ?? '(null)'} ${tag ?? '(null)'}`)
}

/** What pg_restore says of an archive that cannot be opened. */
function openError(error: unknown, path: string, format: ArchiveFormat | undefined): unknown {
  // With -Fd there is no look at the directory itself.
  const tocFile = `could not open input file "${path}/toc.dat"`
  if (format === 'directory' && isArchiveError(error) && error.code === 'NOT_AN_ARCHIVE' && error.file === 'toc.dat') {
    return fatal(`${tocFile}: No such file or directory`, error)
  }
  if (path === '') return fatal('could not open input file "": No such file or directory', error)
  if (!isSystemError(error)) return error
  if (error.syscall === 'read') return fatal(`could not read from input file: ${strerror(error)}`, error)
  if (format === 'directory') return fatal(`${tocFile}: ${strerror(error)}`, error)
  const file = format === 'tar' ? `TOC file "${path}" for input` : `input file "${path}"`
  return fatal(`could not open ${file}: ${strerror(error)}`, error)
}

/** What is left of standard input once a filter has been read from it. */
async function* nothing(): AsyncGenerator<Uint8Array, void, void> {}

async function readList({ terminal, options }: Run): Promise<{ list?: ReturnType<typeof parseList> }> {
  const file = options.values.get('use-list')
  if (file === undefined) return {}
  const name = textOf(file)
  try {
    return { list: parseList(await readTextInput(name, { signal: terminal.signal })) }
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.syscall === 'open') throw fatal(`could not open TOC file "${name}": ${strerror(error)}`)
    // SortTocFromFile takes an error while reading for the end of the file.
    return { list: parseList('') }
  }
}

/** Writes to standard output or to the file of `-f`, which, as pg_restore leaves it, keeps what came before an error. */
async function write(run: Run, archive: Archive, next: () => Promise<Uint8Array | null>): Promise<void> {
  let chunk = await next()
  // pg_restore's checks are over now, and it opens its output.
  const sink = await openOutput(run, archive)
  try {
    for (; chunk !== null; chunk = await next()) await sink.write(chunk)
    await sink.commit()
  } catch (error) {
    await sink.abort(error)
    throw isSystemError(error) && error.syscall === 'write' ? writeError(error, run) : error
  }
}

/** A reader of standard output that went away ends the run quietly. */
function writeError(error: SystemError, { rules, options }: Run): Error {
  const told = outputError(textOf(options.values.get('file') ?? '-'), error)
  const file = rules.writesToFile ? 'file' : 'output file'
  return told instanceof ClosedOutput ? told : fatal(`could not write to ${file}: ${strerror(error)}`, error)
}

async function openOutput({ terminal, options, archive: input }: Run, archive: Archive): Promise<Sink> {
  const file = textOf(options.values.get('file') ?? '-')
  if (file === '-') return await openSink(terminal.stdout, { signal: terminal.signal })
  // pg_restore overwrites what it is about to read
  await refuseArchive(file, input ?? null, archive)
  try {
    return await openSink(file, { direct: true, signal: terminal.signal })
  } catch (error) {
    if (!isSystemError(error)) throw error
    throw fatal(`could not open output file "${file}": ${strerror(error)}`, error)
  }
}

/** An error in pg_restore's words. */
function fatal(text: string, cause?: unknown): ArchiveError {
  return new ArchiveError('USAGE', text, { details: { pgRestore: text }, cause })
}

function fatalText(error: unknown, rules: CompatRules): string {
  const text = isArchiveError(error) ? error.details?.['pgRestore'] : undefined
  if (typeof text !== 'string') return messageOf(error)
  return rules.missesTarArchive ? text : text.replace('a valid tar archive', 'a valid archive')
}

/** pg_log_generic, logging.c */
function say(terminal: Terminal, message: string): void {
  sayBytes(terminal, Buffer.from(message))
}

function sayBytes(terminal: Terminal, message: Uint8Array): void {
  const end = message.at(-1) === 10 ? '' : '\n'
  terminal.stderr.write(Buffer.concat([Buffer.from('pg_restore: '), message, Buffer.from(end)]))
}
