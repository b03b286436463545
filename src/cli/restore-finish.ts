import { finish, formatNumber } from '../index.ts'
import type { ArchiveView, FilteredView, FinishReport, RestoreTarget } from '../index.ts'
import { firstOf } from './layout.ts'
import { complain, type Terminal } from './terminal.ts'

/** What {@link afterRestore} needs. */
export interface FinishRun {
  readonly terminal: Terminal
  readonly quiet: boolean
  readonly log: (record: object) => void
  /** Rows of TABLE DATA entries by dump id; absent where not all are known. */
  readonly rows?: ReadonlyMap<number, number>
  readonly jobs?: number
  /** Default: the one that the target has after the restore. */
  readonly role?: string
}

/** Finishes a restore, and says what came of it. @returns whether all is well */
export async function afterRestore(
  { terminal, quiet, log, rows, jobs, role }: FinishRun,
  view: ArchiveView,
  target: RestoreTarget,
): Promise<boolean> {
  const report = await finish(view, target, {
    signal: terminal.signal,
    ...(rows !== undefined && { rows }),
    ...(jobs !== undefined && { jobs }),
    ...(role !== undefined && { role }),
  })
  log({ event: 'finish', ...report })
  if (!quiet || !report.good) for (const { text, hint } of linesOf(report)) complain(terminal, text, hint)
  return report.good
}

/** Reads rows that an earlier run of the restore has sent, so that they are counted, too. */
export async function readUncounted(
  view: FilteredView,
  rows: ReadonlyMap<number, number>,
  signal: AbortSignal,
): Promise<void> {
  for (const entry of view.toc) {
    if (entry.desc !== 'TABLE DATA' || rows.has(entry.dumpId) || !view.parts(entry).data) continue
    if (!entry.hadDumper || entry.data.state === 'no-data') continue
    // whoever reads is counted
    for await (const _ of view.data(entry, { signal }));
  }
}

function list(items: readonly string[]): string {
  return `${formatNumber(items.length)} ${firstOf(items)}`
}

interface Line {
  readonly text: string
  readonly hint?: string
}

function* linesOf(report: FinishReport): Generator<Line, void, void> {
  const { analyzed, counted, rows, sequences, validated, notValid } = report
  const same = counted === 0 ? '' : `, rows of ${formatNumber(counted - rows.length)} tables as in the archive`
  yield { text: `finish: analyzed ${formatNumber(analyzed)} tables${same}` }
  if (sequences.length > 0) {
    yield {
      text: `sequences that were behind their column, and were set: ${list(sequences.map(({ sequence }) => sequence))}`,
    }
  }
  if (validated.length > 0) yield { text: `constraints validated: ${list(validated)}` }
  if (notValid.length > 0)
    yield { text: `note: constraints that are not valid in the archive either: ${list(notValid)}` }
  if (rows.length > 0) {
    const shown = rows.map(({ table, expected, found }) => `${table}: ${found} instead of ${expected}`)
    yield {
      text: `error: tables with another number of rows than the archive: ${list(shown)}`,
      hint: 'See what failed above; rows that were there before, and triggers, make a difference, too',
    }
  }
  if (report.incomplete.length > 0) {
    yield {
      text: `error: tables whose rows were not all sent: ${list(report.incomplete)}`,
      hint: 'See what failed above',
    }
  }
  if (report.incompleteIndexes.length > 0) {
    yield { text: `note: indexes that not every partition of their table has: ${list(report.incompleteIndexes)}` }
  }
  const { invalidIndexes, unpopulated, disabledTriggers, refused } = report
  if (invalidIndexes.length > 0) {
    yield { text: `error: indexes that are not valid: ${list(invalidIndexes)}`, hint: 'REINDEX INDEX each of them' }
  }
  if (unpopulated.length > 0) {
    yield {
      text: `error: materialized views without their rows: ${list(unpopulated)}`,
      hint: 'REFRESH MATERIALIZED VIEW each of them',
    }
  }
  if (disabledTriggers.length > 0) {
    yield {
      text: `error: triggers that are off: ${list(disabledTriggers)}`,
      hint: 'ALTER TABLE … ENABLE TRIGGER ALL for each table',
    }
  }
  for (const { step, object, message, sqlState } of refused) {
    yield { text: `error: ${steps[step]} ${object}: ${message} [${sqlState}]` }
  }
}

const steps = {
  sequence: 'cannot look at sequence',
  rows: 'cannot count the rows of',
  constraint: 'cannot validate',
  analyze: 'cannot analyze',
} as const
