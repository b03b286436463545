import type { PreparedScript } from '../ops/prepare-script.ts'
import { isDatabase, putDrop } from '../sql/drop.ts'
import { putEntry } from '../sql/entry.ts'
import type { TocEntry } from '../toc/types.ts'
import { RestoreSession } from './session.ts'

/** A message that a restore will send, rows and large objects aside. */
export interface PlannedCommand {
  /** Undefined for what stands before the first entry. */
  readonly entry: TocEntry | undefined
  /** A byte string. */
  readonly sql: string
  readonly step: 'begin' | 'drop' | 'entry'
}

/** The rows of a table, or the content of large objects, that a restore will send. */
export interface PlannedData {
  readonly entry: TocEntry
  readonly step: 'data'
}

/** What a restore will send, in its order (as Restorer does it), with nothing read but the table of contents. */
export function* plannedCommands(prepared: PreparedScript): Generator<PlannedCommand | PlannedData, void, void> {
  const { plan, context, filtered } = prepared
  const session = new RestoreSession(context)
  const taken = function* (
    entry: TocEntry | undefined,
    step: PlannedCommand['step'],
  ): Generator<PlannedCommand, void, void> {
    for (const { sql } of session.takeCommands()) yield { entry, sql, step }
  }
  const rows = function* (entry: TocEntry): Generator<PlannedCommand | PlannedData, void, void> {
    const switchesTriggers = context.options.disableTriggers && entry.desc === 'TABLE DATA'
    if (switchesTriggers) {
      session.becomeUser(context.options.superuser)
      session.becomeOwner(entry)
      yield* taken(entry, 'entry')
    }
    yield { entry, step: 'data' }
    if (switchesTriggers) session.becomeUser(context.options.superuser)
  }
  session.setFixedState()
  yield* taken(undefined, 'begin')
  if (context.options.clean) {
    for (const entry of plan.drops()) {
      putDrop(session, entry)
      yield* taken(entry, 'drop')
    }
    session.forgetSchema()
  }
  for (const entry of plan.prints()) {
    const { schema, data, statistics } = filtered.parts(entry)
    if (schema) {
      putEntry(session, entry, '')
      yield* taken(entry, 'entry')
      if (isDatabase(entry.desc)) {
        session.startOver()
        yield* taken(entry, 'begin')
      }
    }
    if (data) {
      if (entry.hadDumper || !schema) putEntry(session, entry, 'Data for ')
      yield* taken(entry, 'entry')
      if (entry.hadDumper) yield* rows(entry)
    }
    if (statistics) putEntry(session, entry, 'Statistics for ')
    yield* taken(entry, 'entry')
  }
}
