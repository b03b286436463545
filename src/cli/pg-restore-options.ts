import type { CompatRules } from '../index.ts'
import { getopt, type OptionTable } from './getopt.ts'

interface OptionRow {
  readonly name: string
  readonly short?: string
  readonly argument?: true
  /** The option that this one is another name of. */
  readonly same?: string
}

/** `cmdopts` of pg_restore.c:main, in its order: the order shows in getopt's list of possibilities. */
const rows = [
  { name: 'clean', short: 'c' },
  { name: 'create', short: 'C' },
  { name: 'data-only', short: 'a' },
  { name: 'dbname', short: 'd', argument: true },
  { name: 'exit-on-error', short: 'e' },
  { name: 'exclude-schema', short: 'N', argument: true },
  { name: 'file', short: 'f', argument: true },
  { name: 'format', short: 'F', argument: true },
  { name: 'function', short: 'P', argument: true },
  { name: 'host', short: 'h', argument: true },
  { name: 'index', short: 'I', argument: true },
  { name: 'jobs', short: 'j', argument: true },
  { name: 'list', short: 'l' },
  { name: 'no-privileges', short: 'x' },
  { name: 'no-acl', same: 'no-privileges' },
  { name: 'no-owner', short: 'O' },
  { name: 'no-reconnect', short: 'R' },
  { name: 'port', short: 'p', argument: true },
  { name: 'no-password', short: 'w' },
  { name: 'password', short: 'W' },
  { name: 'schema', short: 'n', argument: true },
  { name: 'schema-only', short: 's' },
  { name: 'superuser', short: 'S', argument: true },
  { name: 'table', short: 't', argument: true },
  { name: 'trigger', short: 'T', argument: true },
  { name: 'use-list', short: 'L', argument: true },
  { name: 'username', short: 'U', argument: true },
  { name: 'verbose', short: 'v' },
  { name: 'single-transaction', short: '1' },
  { name: 'disable-triggers' },
  { name: 'enable-row-security' },
  { name: 'if-exists' },
  { name: 'no-data-for-failed-tables' },
  { name: 'no-table-access-method' },
  { name: 'no-tablespaces' },
  { name: 'role', argument: true },
  { name: 'section', argument: true },
  { name: 'strict-names' },
  { name: 'transaction-size', argument: true },
  { name: 'use-set-session-authorization' },
  { name: 'no-comments' },
  { name: 'no-data' },
  { name: 'no-policies' },
  { name: 'no-publications' },
  { name: 'no-schema' },
  { name: 'no-security-labels' },
  { name: 'no-subscriptions' },
  { name: 'no-statistics' },
  { name: 'statistics' },
  { name: 'statistics-only' },
  { name: 'filter', argument: true },
  { name: 'restrict-key', argument: true },
] as const satisfies readonly OptionRow[]

/** An option of pg_restore, by its long name. */
export type RestoreOptionId = Exclude<(typeof rows)[number]['name'], 'no-acl'>

/** The options that pg_restore of a release knows. */
export function restoreOptionTable(rules: CompatRules): OptionTable<RestoreOptionId> {
  const known: readonly OptionRow[] = rows.filter((row) => rules.hasOption(row.name))
  const parsed = known.map((row) => ({
    name: row.name,
    short: row.short,
    // The names in `rows` without the one synonym are the ids.
    id: (row.same ?? row.name) as RestoreOptionId,
    argument: row.argument === true,
  }))
  return {
    long: parsed,
    short: new Map(parsed.flatMap((option) => (option.short === undefined ? [] : [[option.short, option]]))),
  }
}

/** What pg_restore says of a command line that it refuses, with status 1. */
export interface Complaint {
  readonly text: string
  /** Followed by `Try "pg_restore --help" for more information.` */
  readonly hint: boolean
}

/** The options given so far. Values are byte strings (one UTF-16 unit for each byte). */
export interface GivenOptions {
  /** Options that were given, those with a value included. */
  readonly given: Set<RestoreOptionId>
  /** The last value of each. */
  readonly values: Map<RestoreOptionId, string>
  /** All values of -n -N -P -I -T -t and --section. */
  readonly names: Map<RestoreOptionId, string[]>
  /** -j, as a C int. */
  jobs: number
  transactionSize: number
  /** How often -v was given. */
  verbosity: number
}

/** No options yet. */
export function noOptions(): GivenOptions {
  return { given: new Set(), values: new Map(), names: new Map(), jobs: 1, transactionSize: 0, verbosity: 0 }
}

/** Adds to a list of names, as -n and its like do. */
export function addName(options: GivenOptions, id: RestoreOptionId, name: string): void {
  const names = options.names.get(id)
  if (names === undefined) options.names.set(id, [name])
  else names.push(name)
}

const INT_MAX = 2_147_483_647
const sections = new Set(['pre-data', 'data', 'post-data'])

/**
 * Takes in one option (the switch in pg_restore.c:main), `--filter` excepted, which needs a file.
 * @returns a complaint when its value is unusable at once
 */
export function addOption(
  options: GivenOptions,
  id: Exclude<RestoreOptionId, 'filter'>,
  value: string,
  rules: CompatRules,
): Complaint | undefined {
  switch (id) {
    case 'verbose':
      options.verbosity++
      break
    case 'schema':
    case 'exclude-schema':
    case 'function':
    case 'index':
    case 'trigger':
    case 'table':
      addName(options, id, value)
      break
    case 'section':
      if (!sections.has(value)) return { text: `unrecognized section name: "${value}"`, hint: true }
      addName(options, id, value)
      break
    case 'jobs': {
      if (!rules.checksJobsRange) {
        options.jobs = atoi(value)
        break
      }
      const jobs = parseInteger(value, '-j/--jobs')
      if (typeof jobs === 'string') return { text: jobs, hint: false }
      options.jobs = jobs
      break
    }
    case 'transaction-size': {
      const size = parseInteger(value, '--transaction-size')
      if (typeof size === 'string') return { text: size, hint: false }
      options.transactionSize = size
      break
    }
    case 'format':
    case 'superuser':
      // An empty value counts as not given and leaves an earlier one alone.
      if (value === '') return undefined
      options.values.set(id, value)
      break
    default:
      options.values.set(id, value)
  }
  options.given.add(id)
  return undefined
}

/** strtol(3) in base 10 on a 64-bit machine, with what it leaves over. */
function strtol(text: string): { value: bigint; rest: string } {
  const match = /^[ \t\n\v\f\r]*([+-]?\d+)/.exec(text)
  if (match?.[1] === undefined) return { value: 0n, rest: text }
  const value = BigInt(match[1].replace('+', ''))
  const max = 2n ** 63n - 1n
  const clamped = value > max ? max : value < -max - 1n ? -max - 1n : value
  return { value: clamped, rest: text.slice(match[0].length) }
}

function atoi(text: string): number {
  return Number(BigInt.asIntN(32, strtol(text).value))
}

/** option_parse_int, option_utils.c, for the range from 1 up: the number, or the complaint. */
function parseInteger(text: string, option: string): number | string {
  const { value, rest } = strtol(text)
  if (!/^[ \t\n\v\f\r]*$/.test(rest)) return `invalid value "${text}" for option ${option}`
  if (value < 1n || value > BigInt(INT_MAX)) return `${option} must be in range 1..${INT_MAX}`
  return Number(value)
}

function together(first: string, second: string): Complaint {
  return { text: `options ${first} and ${second} cannot be used together`, hint: false }
}

const [dbname, file, schemaOnly, dataOnly] = ['-d/--dbname', '-f/--file', '-s/--schema-only', '-a/--data-only'] as const
const [create, clean, singleTransaction] = ['-C/--create', '-c/--clean', '-1/--single-transaction'] as const

/** Pairs that exclude each other, in pg_restore's order; those of the 18 are unknown to older releases anyway. */
const exclusive = [
  ['schema-only', 'data-only', schemaOnly, dataOnly],
  ['schema-only', 'statistics-only', schemaOnly, '--statistics-only'],
  ['data-only', 'statistics-only', dataOnly, '--statistics-only'],
  ['data-only', 'no-data', dataOnly, '--no-data'],
  ['schema-only', 'no-schema', schemaOnly, '--no-schema'],
  ['statistics-only', 'no-statistics', '--statistics-only', '--no-statistics'],
  ['statistics', 'no-statistics', '--statistics', '--no-statistics'],
  ['data-only', 'statistics', dataOnly, '--statistics'],
  ['schema-only', 'statistics', schemaOnly, '--statistics'],
  ['clean', 'data-only', clean, dataOnly],
  ['single-transaction', 'transaction-size', singleTransaction, '--transaction-size'],
  ['create', 'single-transaction', create, singleTransaction],
] as const satisfies readonly (readonly [RestoreOptionId, RestoreOptionId, string, string])[]

/** The checks of pg_restore.c:main on where output goes, between the operands and the other options. */
export function checkTarget(options: GivenOptions, rules: CompatRules): Complaint | undefined {
  const { given, values } = options
  if (!given.has('dbname') && !given.has('file') && !given.has('list')) {
    return { text: `one of ${dbname} and ${file} must be specified`, hint: false }
  }
  if (given.has('dbname')) {
    if (given.has('file')) return { ...together(dbname, file), hint: true }
    if (given.has('restrict-key')) return together(dbname, '--restrict-key')
    return undefined
  }
  return rules.hasOption('restrict-key') ? checkRestrictKey(values.get('restrict-key')) : undefined
}

/** valid_restrict_key, dumputils.c; a key is made up when none is given. */
export function checkRestrictKey(key: string | undefined): Complaint | undefined {
  if (key === undefined || /^[A-Za-z0-9]+$/.test(key)) return undefined
  return { text: 'invalid restrict key', hint: false }
}

/** The checks of pg_restore.c:main for options that contradict each other, in its order. */
export function checkConflicts(options: GivenOptions, rules: CompatRules): Complaint | undefined {
  const { given, jobs } = options
  for (const [first, second, firstName, secondName] of exclusive) {
    if (given.has(first) && given.has(second)) return together(firstName, secondName)
  }
  if (!rules.checksJobsRange && jobs <= 0) return { text: 'invalid number of parallel jobs', hint: false }
  if (given.has('single-transaction') && jobs > 1) {
    return { text: 'cannot specify both --single-transaction and multiple jobs', hint: false }
  }
  if (given.has('if-exists') && !given.has('clean')) {
    return { text: `option --if-exists requires option ${clean}`, hint: false }
  }
  const format = options.values.get('format')
  return format === undefined || archiveFormat(format, rules) !== undefined ? undefined : badFormat(format, rules)
}

/** The container that a value of `-F` means, undefined when pg_restore of that release refuses it. */
export function archiveFormat(value: string, rules: CompatRules): 'custom' | 'directory' | 'tar' | undefined {
  const wanted = value.toLowerCase()
  const names = ['custom', 'directory', 'tar'] as const
  if (!rules.formatIsWord) return names.find((name) => name.charAt(0) === wanted.charAt(0))
  return names.find((name) => name === wanted || name.charAt(0) === wanted)
}

function badFormat(value: string, rules: CompatRules): Complaint {
  const plain = rules.knowsPlainFormat && ['p', 'plain'].includes(value.toLowerCase())
  const text = plain
    ? `archive format "${value}" is not supported; please use psql`
    : `unrecognized archive format "${value}"; please specify "c", "d", or "t"`
  return { text, hint: false }
}

/** The bytes of a byte string. */
export function bytesOf(value: string): Uint8Array {
  return Buffer.from(value, 'latin1')
}

/** The text of a byte string that holds UTF-8. */
export function textOf(value: string): string {
  return Buffer.from(value, 'latin1').toString('utf8')
}

/** The byte string of a text: its UTF-8. */
export function byteStringOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** What the command line came to. */
export type ParsedArguments =
  | { readonly options: GivenOptions; readonly archive: string | undefined }
  /** What goes to stderr, as a byte string; the status is 1. */
  | { readonly refusal: string }

/** How {@link parseArguments} gets at what lies outside the arguments. */
export interface ArgumentEnvironment {
  readonly posixlyCorrect: boolean
  /** Reads a filter file into the options' names; gives what goes to stderr when it is bad. */
  readonly readFilter: (fileName: string, options: GivenOptions) => Promise<string | undefined>
}

/**
 * Reads the command line of pg_restore (pg_restore.c:main, up to OpenArchive): same order of checks, same words.
 *
 * @param args byte strings, without the program's name
 */
export async function parseArguments(
  args: readonly string[],
  rules: CompatRules,
  environment: ArgumentEnvironment,
): Promise<ParsedArguments> {
  const options = noOptions()
  const steps = getopt(args, restoreOptionTable(rules), environment)
  let step = steps.next()
  for (; !step.done; step = steps.next()) {
    const { value } = step
    if (value.kind === 'complaint') return { refusal: `pg_restore: ${value.text}\n${usageHint(rules)}` }
    if (value.id === 'filter') {
      const refusal = await environment.readFilter(value.value, options)
      if (refusal !== undefined) return { refusal }
      continue
    }
    const complaint = addOption(options, value.id, value.value, rules)
    if (complaint !== undefined) return { refusal: refusalText(complaint, rules) }
  }
  const [archive, extra] = step.value
  const complaint =
    extra === undefined
      ? (checkTarget(options, rules) ?? checkConflicts(options, rules))
      : { text: `too many command-line arguments (first is "${extra}")`, hint: true }
  return complaint === undefined ? { options, archive } : { refusal: refusalText(complaint, rules) }
}

function refusalText(complaint: Complaint, rules: CompatRules): string {
  return `pg_restore: error: ${complaint.text}\n${complaint.hint ? usageHint(rules) : ''}`
}

function usageHint(rules: CompatRules): string {
  const hint = 'Try "pg_restore --help" for more information.\n'
  return rules.prefixesHints ? `pg_restore: hint: ${hint}` : hint
}
