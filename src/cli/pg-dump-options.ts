import { closest, ArchiveError } from '../index.ts'
import { getopt, type OptionTable } from './getopt.ts'
import { byteStringOf, textOf } from './pg-restore-options.ts'

/** An option of a command that runs pg_dump. */
export interface ProgramOption {
  readonly name: string
  readonly short?: string
  readonly argument?: true
}

/**
 * Options of pg_dump 13 to 18 about what is dumped and how it is written into an archive. What such an option means is
 * pg_dump's business: they are handed on as they are.
 */
export const contentOptions = [
  { name: 'data-only', short: 'a' },
  { name: 'large-objects', short: 'b' },
  { name: 'blobs' },
  { name: 'no-large-objects', short: 'B' },
  { name: 'no-blobs' },
  { name: 'extension', short: 'e', argument: true },
  { name: 'encoding', short: 'E', argument: true },
  { name: 'schema', short: 'n', argument: true },
  { name: 'exclude-schema', short: 'N', argument: true },
  { name: 'schema-only', short: 's' },
  { name: 'table', short: 't', argument: true },
  { name: 'exclude-table', short: 'T', argument: true },
  { name: 'no-privileges', short: 'x' },
  { name: 'no-acl' },
  { name: 'column-inserts' },
  { name: 'attribute-inserts' },
  { name: 'disable-dollar-quoting' },
  { name: 'enable-row-security' },
  { name: 'exclude-extension', argument: true },
  { name: 'exclude-table-and-children', argument: true },
  { name: 'exclude-table-data', argument: true },
  { name: 'exclude-table-data-and-children', argument: true },
  { name: 'extra-float-digits', argument: true },
  { name: 'filter', argument: true },
  { name: 'include-foreign-data', argument: true },
  { name: 'inserts' },
  { name: 'load-via-partition-root' },
  { name: 'lock-wait-timeout', argument: true },
  { name: 'no-comments' },
  { name: 'no-data' },
  { name: 'no-policies' },
  { name: 'no-publications' },
  { name: 'no-schema' },
  { name: 'no-security-labels' },
  { name: 'no-statistics' },
  { name: 'no-subscriptions' },
  { name: 'no-synchronized-snapshots' },
  { name: 'no-toast-compression' },
  { name: 'no-unlogged-table-data' },
  { name: 'on-conflict-do-nothing' },
  { name: 'quote-all-identifiers' },
  { name: 'rows-per-insert', argument: true },
  { name: 'section', argument: true },
  { name: 'sequence-data' },
  { name: 'serializable-deferrable' },
  { name: 'snapshot', argument: true },
  { name: 'statistics' },
  { name: 'statistics-only' },
  { name: 'strict-names' },
  { name: 'table-and-children', argument: true },
] as const satisfies readonly ProgramOption[]

/** One option of a command line. */
export interface GivenOption {
  readonly name: string
  readonly value: string
}

/** What a command line has. */
export interface ProgramCommandLine {
  readonly options: readonly GivenOption[]
  readonly operands: readonly string[]
  /** What stands behind `--`: options of a newer pg_dump. */
  readonly rest: readonly string[]
}

/**
 * Reads the arguments of a command as getopt_long(3) does.
 * @returns null when `--help` was given
 * @throws ArchiveError USAGE
 */
export function parseProgramOptions(
  command: string,
  options: readonly ProgramOption[],
  args: readonly string[],
): ProgramCommandLine | null {
  const table = tableOf([...options, { name: 'help', short: '?' }])
  const end = args.indexOf('--')
  const steps = getopt((end === -1 ? args : args.slice(0, end)).map(byteStringOf), table)
  const given: GivenOption[] = []
  let step = steps.next()
  for (; step.done !== true; step = steps.next()) {
    if (step.value.kind === 'complaint') {
      const text = textOf(step.value.text)
      throw new ArchiveError('USAGE', `${command}: ${text}`, { hint: nearOption(command, text, table) })
    }
    const { id, value } = step.value
    if (id === 'help') return null
    given.push({ name: id, value: textOf(value) })
  }
  return { options: given, operands: step.value.map(textOf), rest: end === -1 ? [] : args.slice(end + 1) }
}

function tableOf(options: readonly ProgramOption[]): OptionTable<string> {
  return {
    long: options.map(({ name, argument }) => ({ name, id: name, argument: argument === true })),
    short: new Map(
      options.flatMap(({ name, short, argument }) =>
        short === undefined ? [] : [[short, { id: name, argument: argument === true }]],
      ),
    ),
  }
}

function nearOption(command: string, complaint: string, table: OptionTable<string>): string {
  const given = /^unrecognized option '--([^=']*)/.exec(complaint)?.[1]
  const names = table.long.map(({ name }) => name)
  const near = given === undefined ? undefined : closest(given, names)
  return near === undefined ? `Try "pgdmp ${command} --help"` : `Did you mean "--${near}"?`
}

const byName: ReadonlyMap<string, ProgramOption> = new Map(contentOptions.map((option) => [option.name, option]))

/** An option about the content as pg_dump takes it: by its letter, which has kept where names have changed. */
export function contentArguments({ name, value }: GivenOption): readonly string[] {
  const option = byName.get(name)
  if (option === undefined) return []
  const { short, argument } = option
  if (short === undefined) return [argument === true ? `--${name}=${value}` : `--${name}`]
  return argument === true ? [`-${short}`, value] : [`-${short}`]
}
