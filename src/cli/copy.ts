import { ArchiveError, open, type ServerError } from '../index.ts'
import type { PgTarget } from '../restore/pg.ts'
import { parseCommandLine, scriptOptions, type CommandLine, type CommandSyntax } from './command-line.ts'
import { connectDatabase, connectionParameters } from './connection.ts'
import { copyHelp } from './copy-help.ts'
import { askFacts, findSource, type DumpSource, type ServerFacts } from './dump-source.ts'
import { choosePgDump, findPgDumps } from './find-pg-dump.ts'
import { limitOptions, limitsFrom } from './limits-option.ts'
import { writeText } from './output.ts'
import { askPassword } from './password-prompt.ts'
import {
  contentArguments,
  contentOptions,
  parseProgramOptions,
  type GivenOption,
  type ProgramCommandLine,
  type ProgramOption,
} from './pg-dump-options.ts'
import { Program } from './program.ts'
import { runRestore } from './restore-run.ts'
import { rewriteOptions } from './rewrite-options.ts'
import { complain, exit, warn, type Terminal } from './terminal.ts'

/** The part of a restore in it. */
const targetSyntax: CommandSyntax = {
  name: 'copy',
  own: [
    ...limitOptions,
    ...rewriteOptions.own,
    'target-version',
    'on-error',
    'log',
    'quiet',
    'no-check',
    'create-roles',
    'finish',
    'progress',
  ],
  restore: [...scriptOptions, 'create', 'data-only', 'jobs', 'no-data-for-failed-tables'],
}

/** Options of the target; what they mean is found out by the parser of `pgdmp restore`. */
const targetOptions = [
  { name: 'clean', short: 'c' },
  { name: 'create', short: 'C' },
  { name: 'create-roles' },
  { name: 'database-name', argument: true },
  { name: 'disable-triggers' },
  { name: 'finish' },
  { name: 'if-exists' },
  { name: 'jobs', short: 'j', argument: true },
  { name: 'limit', argument: true },
  { name: 'limits', argument: true },
  { name: 'log', argument: true },
  { name: 'map-access-method', argument: true },
  { name: 'map-file', argument: true },
  { name: 'map-owner', argument: true },
  { name: 'map-schema', argument: true },
  { name: 'map-tablespace', argument: true },
  { name: 'no-check' },
  { name: 'no-data-for-failed-tables' },
  { name: 'no-owner', short: 'O' },
  { name: 'no-table-access-method' },
  { name: 'no-tablespaces' },
  { name: 'on-error', argument: true },
  { name: 'owner', argument: true },
  { name: 'progress', argument: true },
  { name: 'quiet', short: 'q' },
  { name: 'single-transaction', short: '1' },
  { name: 'strict' },
  { name: 'superuser', short: 'S', argument: true },
  { name: 'target-version', argument: true },
  { name: 'to-role', argument: true },
  { name: 'transaction-size', argument: true },
  { name: 'use-set-session-authorization' },
  { name: 'verbose', short: 'v' },
] as const satisfies readonly ProgramOption[]

/** Of the options about the content those that a restore has to know as well. */
const onBothSides: ReadonlySet<string> = new Set(['data-only', 'enable-row-security', 'verbose'])

const options: readonly ProgramOption[] = [
  ...contentOptions,
  ...targetOptions,
  { name: 'from', argument: true },
  { name: 'to', argument: true },
  { name: 'from-role', argument: true },
  { name: 'pg-dump', argument: true },
  { name: 'no-password', short: 'w' },
]

/** `pgdmp copy`: one database into another, without a file between them. */
export async function copy(terminal: Terminal, args: readonly string[]): Promise<number> {
  const parsed = parseProgramOptions('copy', options, args)
  if (parsed === null) {
    await writeText(terminal, undefined, copyHelp)
    return exit.good
  }
  const given = new Map(parsed.options.map(({ name, value }) => [name, value]))
  const [operand] = parsed.operands
  if (operand !== undefined) throw new ArchiveError('USAGE', `copy: "${operand}" is neither --from nor --to`)
  const [from, to] = [databaseOf(given, 'from'), databaseOf(given, 'to')]
  const line = await parseCommandLine(terminal, targetSyntax, [...targetArguments(parsed.options), '--', '-'])
  // --help is not among them
  if (line === null) return exit.good
  const quiet = line.own('quiet').length > 0
  const never = given.has('no-password')
  const found = await findPgDumps(terminal, given.get('pg-dump'))
  if (found.length === 0) choosePgDump(found, undefined)
  const source = await findSource(terminal, {
    dbname: from,
    password: never ? 'never' : undefined,
    prompt: 'Password for the source: ',
  })
  // what cannot be asked cannot be told from the target
  if (source.facts === undefined) throw source.refusal
  const pgDump = choosePgDump(found, source.facts.version)
  const target = await connectTarget(terminal, line, to, { never, quiet })
  let program: Program | undefined
  try {
    const facts = await askFacts(terminal, target)
    refuseSame(source.facts, facts, line)
    return await runRestore(terminal, line, {
      open: () => {
        program = new Program(terminal, { file: pgDump.path, ...dumpArguments(source, parsed, given) })
        return open(program, {
          limits: limitsFrom(line),
          onWarning: quiet ? () => undefined : warn.bind(undefined, terminal),
          signal: terminal.signal,
        })
      },
      connect: async () => Object.assign(target, { [Symbol.asyncDispose]: async () => undefined }),
      end: async () => await program?.finish(),
    })
  } finally {
    await program?.stop()
    // a server that is gone is no reason to fail at the end
    await target.end().catch(() => undefined)
  }
}

function databaseOf(given: ReadonlyMap<string, string>, name: 'from' | 'to'): string {
  const value = given.get(name)
  if (value !== undefined && value !== '') return value
  const what = name === 'from' ? 'source' : 'target'
  throw new ArchiveError('USAGE', `copy: the ${what} is missing`, {
    hint: `Name it: --${name} NAME, or --${name} postgres://user@host/name`,
  })
}

const takingArgument: ReadonlySet<string> = new Set(
  targetOptions.flatMap((option) => ('argument' in option ? [option.name] : [])),
)
const ofTarget: ReadonlySet<string> = new Set(targetOptions.map(({ name }) => name))

function targetArguments(given: readonly GivenOption[]): readonly string[] {
  return given
    .filter(({ name }) => ofTarget.has(name) || onBothSides.has(name))
    .map(({ name, value }) => {
      const own = name === 'to-role' ? 'role' : name
      return takingArgument.has(name) ? `--${own}=${value}` : `--${own}`
    })
}

function dumpArguments(
  { args, env }: DumpSource,
  { options: given, rest }: ProgramCommandLine,
  values: ReadonlyMap<string, string>,
): { readonly args: readonly string[]; readonly env: DumpSource['env'] } {
  const role = values.get('from-role')
  return {
    args: [
      ...args,
      // nothing is gained by compressing for a pipe
      '--format=custom',
      '--compress=0',
      ...(role === undefined ? [] : [`--role=${role}`]),
      ...given.flatMap((option) => contentArguments(option)),
      ...(values.has('verbose') ? ['--verbose'] : []),
      ...rest,
    ],
    env,
  }
}

async function connectTarget(
  terminal: Terminal,
  line: CommandLine,
  dbname: string,
  { never, quiet }: { readonly never: boolean; readonly quiet: boolean },
): Promise<PgTarget> {
  return await connectDatabase(terminal, await connectionParameters({ dbname }, terminal.env), {
    applicationName: 'pgdmp',
    endures: true,
    askPassword: never ? undefined : () => askPassword(terminal, 'Password for the target: '),
    onNotice: ({ severity, message }: ServerError) => {
      if (!quiet && line.options.verbosity > 0) complain(terminal, `${severity.toLowerCase()}: ${message}`)
    },
  })
}

/** A copy onto itself would fill a database with what it has, or with --clean empty it first. */
function refuseSame(source: ServerFacts, target: ServerFacts, line: CommandLine): void {
  if (source.run !== target.run) return
  const isSame = line.options.given.has('create')
    ? (line.own('database-name').at(-1) ?? source.dbname) === source.dbname
    : source.oid === target.oid
  if (!isSame) return
  throw new ArchiveError('USAGE', `copy: source and target are the same database "${source.dbname}" of one server`, {
    hint: line.options.given.has('create') ? 'Give it another name: --database-name NAME' : 'Name another target',
  })
}
