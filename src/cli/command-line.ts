import { ArchiveError, closest, compatRules, isArchiveError, parseFilter, parseList, readTextInput } from '../index.ts'
import type { CompatRules, Selection } from '../index.ts'
import { getopt, type LongOption, type OptionTable } from './getopt.ts'
import {
  addOption,
  byteStringOf,
  checkConflicts,
  checkRestrictKey,
  noOptions,
  restoreOptionTable,
  textOf,
  type GivenOptions,
  type RestoreOptionId,
} from './pg-restore-options.ts'
import { addFilter, selectionOf } from './pg-restore-selection.ts'
import { isSystemError, strerror } from './strerror.ts'
import type { Terminal } from './terminal.ts'

interface OwnOption {
  readonly name: string
  /** Where one of pg_restore's has the name and means something else. */
  readonly id?: string
  readonly short?: string
  readonly argument?: true
}

/** Options of pgdmp's own commands that pg_restore does not have. */
const ownOptions = [
  { name: 'help', short: '?' },
  { name: 'compat', argument: true },
  { name: 'limits', argument: true },
  { name: 'limit', argument: true },
  { name: 'safe' },
  { name: 'spool' },
  { name: 'quiet', short: 'q' },
  { name: 'json' },
  { name: 'ndjson' },
  { name: 'all' },
  { name: 'digest' },
  { name: 'patterns' },
  { name: 'exclude-table', argument: true },
  { name: 'exclude-table-data', argument: true },
  { name: 'with-dependencies' },
  { name: 'with-dependents' },
  { name: 'map-owner', argument: true },
  { name: 'owner', argument: true },
  { name: 'map-file', argument: true },
  { name: 'map-schema', argument: true },
  { name: 'map-tablespace', argument: true },
  { name: 'map-access-method', argument: true },
  { name: 'database-name', argument: true },
  { name: 'strict' },
  { name: 'target-version', argument: true },
  { name: 'no-restrict' },
  { name: 'max-buffer', argument: true },
  { name: 'input-format', argument: true },
  { name: 'keep-links' },
  { name: 'compress', short: 'Z', argument: true },
  { name: 'archive-version', argument: true },
  { name: 'force' },
  { name: 'reindex' },
  { name: 'allow-loss' },
  { name: 'quick' },
  { name: 'receipt', argument: true },
  { name: 'against', argument: true },
  { name: 'certain-only' },
  { name: 'cut-large-objects' },
  { name: 'format', id: 'report-format', argument: true },
  { name: 'fail-on', argument: true },
  { name: 'baseline', argument: true },
  { name: 'config', argument: true },
  { name: 'no-config' },
  { name: 'rules', argument: true },
  { name: 'rule', argument: true },
  { name: 'inline' },
  { name: 'inventory' },
  { name: 'list-rules' },
  { name: 'target', argument: true },
  { name: 'data' },
  { name: 'key-memory', argument: true },
  { name: 'roles-sql' },
  { name: 'post-restore' },
  { name: 'for', argument: true },
  { name: 'on-error', argument: true },
  { name: 'check' },
  { name: 'no-check' },
  { name: 'create-roles' },
  { name: 'finish' },
  { name: 'progress', argument: true },
  { name: 'log', argument: true },
  { name: 'into', argument: true },
  { name: 'check', id: 'check-file', argument: true },
  { name: 'keep' },
  { name: 'resume', argument: true },
] as const satisfies readonly OwnOption[]

type IdOf<T> = T extends { readonly id: infer Id } ? Id : T extends { readonly name: infer Name } ? Name : never

/** An option of pgdmp's own, by its long name. */
export type OwnOptionId = IdOf<(typeof ownOptions)[number]>

/** Options that select entries, the same for `list` and `sql`. */
export const selectionOptions = {
  own: ['patterns', 'exclude-table', 'exclude-table-data', 'with-dependencies', 'with-dependents'],
  restore: [
    'create',
    'data-only',
    'exclude-schema',
    'filter',
    'function',
    'index',
    'no-comments',
    'no-data',
    'no-policies',
    'no-privileges',
    'no-publications',
    'no-schema',
    'no-security-labels',
    'no-statistics',
    'no-subscriptions',
    'schema',
    'schema-only',
    'section',
    'statistics',
    'statistics-only',
    'strict-names',
    'table',
    'trigger',
    'use-list',
  ],
} as const satisfies { own: readonly OwnOptionId[]; restore: readonly RestoreOptionId[] }

/** Options of a script, the same whether it is written or sent to a server. */
export const scriptOptions = [
  'clean',
  'disable-triggers',
  'enable-row-security',
  'if-exists',
  'no-owner',
  'no-table-access-method',
  'no-tablespaces',
  'role',
  'single-transaction',
  'superuser',
  'transaction-size',
  'use-set-session-authorization',
  'verbose',
] as const satisfies readonly RestoreOptionId[]

/** Which options a command has. */
export interface CommandSyntax {
  readonly name: string
  readonly own: readonly OwnOptionId[]
  readonly restore: readonly RestoreOptionId[]
  /** A second operand says where the output goes. */
  readonly output?: true
}

/** The command line of one of pgdmp's own commands. */
export interface CommandLine {
  /** Path of the archive; null for standard input. */
  readonly archive: string | null
  /** Path of the output; null for standard output, undefined for commands without this operand. */
  readonly output: string | null | undefined
  readonly options: GivenOptions
  /** The last value of a pg_restore option, as text. */
  value(id: RestoreOptionId): string | undefined
  /** Values of an own option, empty ones for options without an argument. */
  own(id: OwnOptionId): readonly string[]
}

type AnyId = OwnOptionId | RestoreOptionId

/**
 * Reads the arguments of a command that takes several archives, `-` among them for standard input.
 * @returns null when `--help` was given
 * @throws ArchiveError USAGE
 */
export async function parseManyArchives(
  terminal: Terminal,
  syntax: CommandSyntax,
  args: readonly string[],
): Promise<{ readonly line: CommandLine; readonly archives: readonly string[] } | null> {
  const archives: string[] = []
  const line = await parseCommandLine(terminal, syntax, args, archives)
  return line === null ? null : { line, archives }
}

/**
 * Reads the arguments of a command.
 * @param several takes all archives, where a command may have more than one
 * @returns null when `--help` was given
 * @throws ArchiveError USAGE
 */
export async function parseCommandLine(
  terminal: Terminal,
  syntax: CommandSyntax,
  args: readonly string[],
  several?: string[],
): Promise<CommandLine | null> {
  const rules = compatRules()
  const options = noOptions()
  const own = new Map<OwnOptionId, string[]>()
  const table = optionTable(syntax, rules)
  const steps = getopt(args.map(byteStringOf), table, { posixlyCorrect: terminal.env['POSIXLY_CORRECT'] !== undefined })
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) {
    if (step.value.kind === 'complaint')
      throw wrong(syntax, textOf(step.value.text), nearOption(step.value.text, table))
    const { id, value } = step.value
    if (id === 'help') return null
    if (id === 'filter') await readFilterFile(terminal, textOf(value), options)
    else if (isOwn(id)) own.set(id, [...(own.get(id) ?? []), textOf(value)])
    else refuse(syntax, addOption(options, id, value, rules))
  }
  const [archive, ...others] = step.value.map(textOf)
  if (archive === undefined) {
    throw wrong(syntax, 'the archive is missing', `Give its path, or "-" for standard input`)
  }
  const output = syntax.output === true ? others.shift() : undefined
  if (syntax.output === true && output === undefined) {
    throw wrong(syntax, 'the output is missing', `Give its path, or "-" for standard output`)
  }
  several?.push(archive, ...others)
  const [extra] = others
  if (extra !== undefined && several === undefined) throw wrong(syntax, `there is one archive too many: "${extra}"`)
  refuse(syntax, checkRestrictKey(options.values.get('restrict-key')) ?? checkConflicts(options, rules))
  return {
    archive: archive === '-' ? null : archive,
    output: output === '-' ? null : output,
    options,
    value: (id) => optionalText(options.values.get(id)),
    own: (id) => own.get(id) ?? [],
  }
}

function optionalText(value: string | undefined): string | undefined {
  return value === undefined ? undefined : textOf(value)
}

const ownIds: ReadonlySet<string> = new Set(ownOptions.map((option) => ('id' in option ? option.id : option.name)))

function isOwn(id: AnyId): id is OwnOptionId {
  return ownIds.has(id)
}

function optionTable(syntax: CommandSyntax, rules: CompatRules): OptionTable<AnyId> {
  const restore = restoreOptionTable(rules)
  const wanted = new Set<AnyId>([...syntax.restore, ...syntax.own, 'help'])
  const own: readonly OwnOption[] = ownOptions
  const ownLong = own.map((option) => ({
    name: option.name,
    // The names in `ownOptions` are the ids, where those have none.
    id: (option.id ?? option.name) as OwnOptionId,
    argument: option.argument === true,
    short: option.short,
  }))
  const long: LongOption<AnyId>[] = [...restore.long, ...ownLong]
  const short = new Map<string, { readonly id: AnyId; readonly argument: boolean }>(restore.short)
  for (const option of ownLong) if (option.short !== undefined) short.set(option.short, option)
  return {
    long: long.filter((option) => wanted.has(option.id)),
    short: new Map([...short].filter(([, option]) => wanted.has(option.id))),
  }
}

function wrong(syntax: CommandSyntax, message: string, hint?: string): ArchiveError {
  return new ArchiveError('USAGE', `${syntax.name}: ${message}`, { hint: hint ?? `Try "pgdmp ${syntax.name} --help"` })
}

function refuse(syntax: CommandSyntax, complaint: { readonly text: string } | undefined): void {
  if (complaint !== undefined) throw wrong(syntax, textOf(complaint.text))
}

function nearOption(complaint: string, table: OptionTable<AnyId>): string | undefined {
  const given = /^unrecognized option '--([^=']*)/.exec(complaint)?.[1]
  if (given === undefined) return undefined
  const near = closest(
    given,
    table.long.map((option) => option.name),
  )
  return near === undefined ? undefined : `Did you mean "--${near}"?`
}

async function readFilterFile(terminal: Terminal, name: string, options: GivenOptions): Promise<void> {
  const text = await readText(terminal, 'filter file', name)
  addFilter(options, parseFilter(text, name === '-' ? {} : { fileName: name }))
}

/** Reads a file that an option names, `-` for standard input. */
export async function readText(terminal: Terminal, what: string, name: string): Promise<Uint8Array> {
  try {
    return await readTextInput(name === '-' ? terminal.stdin : name, { signal: terminal.signal })
  } catch (error) {
    if (isArchiveError(error) || !isSystemError(error)) throw error
    throw new ArchiveError('USAGE', `Cannot read ${what} "${name}": ${strerror(error)}`, { cause: error, file: name })
  }
}

/** The selection that a command line asks for. @throws ArchiveError USAGE for a list that cannot be read */
export async function selectionFrom(terminal: Terminal, line: CommandLine): Promise<Selection> {
  const listFile = line.value('use-list')
  const list = listFile === undefined ? {} : { list: parseList(await readText(terminal, 'list file', listFile)) }
  return {
    ...selectionOf(line.options),
    ...list,
    excludeTables: line.own('exclude-table'),
    excludeTableData: line.own('exclude-table-data'),
    withDependencies: line.own('with-dependencies').length > 0,
    withDependents: line.own('with-dependents').length > 0,
    match: line.own('patterns').length > 0 ? 'pattern' : 'exact',
  }
}

/** Whether a command line says anything about which entries to take, the database's own aside. */
export function selects({ options, own }: CommandLine): boolean {
  const { given, names } = options
  const isGiven = (id: RestoreOptionId): boolean => id !== 'create' && (given.has(id) || names.has(id))
  return selectionOptions.restore.some(isGiven) || selectionOptions.own.some((id) => own(id).length > 0)
}

const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Reads a number of bytes such as `65536`, `64M` or `64 MiB`. @throws ArchiveError USAGE */
export function parseBytes(option: string, text: string): number {
  const match = /^(\d+)\s*([kmg]?)(?:i?b)?$/i.exec(text.trim())
  const bytes = Number(match?.[1]) * (sizeUnits[match?.[2]?.toLowerCase() ?? ''] ?? 1)
  if (Number.isSafeInteger(bytes) && bytes > 0) return bytes
  throw new ArchiveError('USAGE', `${option}: "${text}" is no number of bytes`, {
    hint: 'Write for example 67108864, 65536K or 64M',
  })
}
