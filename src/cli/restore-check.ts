import { ArchiveError, checkTarget, createRoles, formatNumber, isServerError } from '../index.ts'
import type { CheckFinding, CheckReport, FilteredView, RestoreOptions, RestoreTarget } from '../index.ts'
import type { CommandLine, OwnOptionId } from './command-line.ts'
import { firstOf } from './layout.ts'
import { complain, exit, type Terminal } from './terminal.ts'

/** Options about what comes before a restore. */
export const checkOptions = ['check', 'no-check', 'create-roles'] as const satisfies readonly OwnOptionId[]

/** What a command line wants to be done before the restore. */
export interface CheckWishes {
  /** Nothing is restored. */
  readonly alone: boolean
  readonly check: boolean
  readonly createRoles: boolean
}

/**
 * @param resumes what an earlier run has restored is there, and would be taken for what is in the way
 * @throws ArchiveError USAGE for options that exclude each other
 */
export function checkWishes(line: CommandLine, resumes: boolean): CheckWishes {
  const given = (id: OwnOptionId): boolean => line.own(id).length > 0
  const exclusive: readonly (readonly [OwnOptionId, OwnOptionId])[] = [
    ['check', 'no-check'],
    ['check', 'create-roles'],
    ['check', 'resume'],
  ]
  const [first, second] = exclusive.find((pair) => pair.every(given)) ?? []
  if (first !== undefined) {
    throw new ArchiveError('USAGE', `restore: --${first} and --${second} exclude each other`)
  }
  const quiet = given('quiet')
  return {
    alone: given('check'),
    check: given('check') || !(given('no-check') || quiet || resumes),
    createRoles: given('create-roles'),
  }
}

/** What the commands of a restore have in common. */
export interface CheckRun {
  readonly terminal: Terminal
  readonly wishes: CheckWishes
  readonly quiet: boolean
  readonly log: (record: object) => void
}

/**
 * Creates roles where that is asked for, looks at the target, and says what will fail.
 * @returns the exit code where that is all there is to do
 */
export async function beforeRestore(
  { terminal, wishes, quiet, log }: CheckRun,
  view: FilteredView,
  target: RestoreTarget,
  options: RestoreOptions,
): Promise<number | undefined> {
  if (wishes.createRoles) {
    const { created } = await createRoles(view, target, options)
    log({ event: 'roles-created', created })
    if (!quiet && created.length > 0) complain(terminal, `created ${some(created, 'role')}, without login`)
  }
  if (!wishes.check) return undefined
  const report = await reportOf(terminal, wishes, view, target, options)
  if (report === undefined) return undefined
  log({ event: 'check', ...report })
  if (!quiet) tell(terminal, report)
  if (!wishes.alone) {
    if (report.server?.standby !== true) return undefined
    complain(terminal, 'Nothing was restored: the server is a standby')
    return exit.bad
  }
  return report.good ? exit.good : exit.bad
}

/** A check that comes along is no reason not to restore. */
async function reportOf(
  terminal: Terminal,
  { alone }: CheckWishes,
  view: FilteredView,
  target: RestoreTarget,
  options: RestoreOptions,
): Promise<CheckReport | undefined> {
  try {
    return await checkTarget(view, target, options)
  } catch (error) {
    if (alone || !isServerError(error)) throw error
    complain(terminal, `warning: the target cannot be checked: ${error.message}`)
    return undefined
  }
}

function tell(terminal: Terminal, { server, findings }: CheckReport): void {
  if (server === undefined) {
    complain(terminal, 'warning: the target cannot be checked: it answers no questions')
    return
  }
  const count = findings.filter(({ severity }) => severity === 'error').length
  const problems = count === 0 ? 'nothing in the way' : `${count} problem${count === 1 ? '' : 's'}`
  const { version, database, encoding, user, superuser } = server
  const who = `${user}${superuser ? ', a superuser' : ''}`
  complain(terminal, `check: PostgreSQL ${version}, database ${database} (${encoding}), as ${who}: ${problems}`)
  for (const finding of findings) complain(terminal, `${finding.severity}: ${lineOf(finding)}`, finding.hint)
}

function lineOf({ what, names, statements }: CheckFinding): string {
  const shown = names.length === 0 ? '' : `: ${formatNumber(names.length)} ${firstOf(names)}`
  return `${what}${shown}${statements === 0 ? '' : `, ${formatNumber(statements)} statement${statements === 1 ? '' : 's'}`}`
}

function some(names: readonly string[], what: string): string {
  return `${formatNumber(names.length)} ${what}${names.length === 1 ? '' : 's'} ${firstOf(names)}`
}
