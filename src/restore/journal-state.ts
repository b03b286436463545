import { ArchiveError } from '../errors.ts'
import type { CreateDate } from '../toc/types.ts'

/** What a journal says of the archive, for people. */
export interface JournaledArchive {
  readonly database: string | null
  /** When it was dumped. */
  readonly created: CreateDate | null
  readonly entries: number
}

/** The database that a restore goes into, and whose it is. */
export interface JournaledPlace {
  readonly database: string
  readonly oid: string
  /** pg_control_system(); null where the server does not say. */
  readonly system: string | null
}

/** A failure of `--clean`, which is not tried again: what is dropped was made anew since. */
export interface JournaledFailure {
  /** Of its entry. */
  readonly place?: number
  readonly complaint: string
  readonly statement?: string
  readonly severity: string
  readonly sqlState: string
  readonly message: string
}

/** A line of a journal. The first one is {@link JournalHead}. */
export type JournalLine =
  /** In which database the marks of the restore are. */
  | ({ readonly event: 'place' } & JournaledPlace)
  /** A round begins, the first one or one that tries again what failed. */
  | { readonly event: 'round'; readonly round: number }
  /** What cannot be marked there: first that it will be done, then that it was or was not. */
  | { readonly event: 'doing' | 'done' | 'refused'; readonly step: string }
  | { readonly event: 'drops-failed'; readonly failures: readonly JournaledFailure[] }
  /** All has been tried, and this failed: the marks go. */
  | { readonly event: 'end'; readonly round: number; readonly open: readonly string[] }

/** The first line of a journal. */
export interface JournalHead {
  readonly pgdmp: typeof kind
  readonly version: 1
  /** Names the marks of this restore. */
  readonly run: string
  /** What {@link planDigest} gives. */
  readonly plan: string
  readonly archive: JournaledArchive
}

const kind = 'journal of a restore'
const begin = `{"pgdmp":"${kind}"`

/** What a journal says so far. */
export interface JournalState {
  readonly head: JournalHead
  readonly place: JournaledPlace | undefined
  /** The round that is going on or has ended; 0 before the first one. */
  readonly round: number
  /** Steps that are left from the round before; undefined in the first round: all. */
  readonly left: ReadonlySet<string> | undefined
  /** Steps that failed in a round that has ended. */
  readonly ended: ReadonlySet<string> | undefined
  readonly doing: ReadonlySet<string>
  readonly done: ReadonlySet<string>
  readonly dropsFailed: readonly JournaledFailure[]
}

/** The first line. */
export function journalHead(run: string, plan: string, archive: JournaledArchive): JournalHead {
  return { pgdmp: kind, version: 1, run, plan, archive }
}

/**
 * Reads a journal; a last line that was not written to its end does not count.
 * @returns undefined for one that has not begun
 * @throws ArchiveError BAD_JOURNAL
 */
export function parseJournal(text: string, name: string): JournalState | undefined {
  const end = text.lastIndexOf('\n') + 1
  const rest = text.slice(end, end + begin.length)
  if (end === 0) {
    // zeros are what a file system may leave of a line when the machine dies
    if (/^\0*$/.test(rest) || begin.startsWith(rest) || rest.startsWith(begin)) return undefined
    throw notAJournal(name, 1)
  }
  const lines = text.slice(0, end - 1).split('\n')
  const records = lines.map((line, index) => recordOf(line, name, index + 1))
  const [head, ...others] = records
  if (!isHead(head)) throw notAJournal(name, 1)
  return stateOf(
    head,
    others.map((record, index) => {
      if (isLine(record)) return record
      throw notAJournal(name, index + 2)
    }),
  )
}

/** One line for each. */
export function journalLines(lines: readonly (JournalHead | JournalLine)[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

function stateOf(head: JournalHead, lines: readonly JournalLine[]): JournalState {
  let place: JournaledPlace | undefined
  let round = 0
  let left: ReadonlySet<string> | undefined
  let ended: ReadonlySet<string> | undefined
  let dropsFailed: readonly JournaledFailure[] = []
  const doing = new Set<string>()
  const done = new Set<string>()
  for (const line of lines) {
    switch (line.event) {
      case 'place':
        place = { database: line.database, oid: line.oid, system: line.system }
        break
      case 'round':
        round = line.round
        left = ended ?? left
        ended = undefined
        dropsFailed = []
        doing.clear()
        done.clear()
        break
      case 'doing':
        doing.add(line.step)
        break
      case 'done':
        done.add(line.step)
        break
      case 'refused':
        doing.delete(line.step)
        break
      case 'drops-failed':
        dropsFailed = line.failures
        break
      case 'end':
        ended = new Set(line.open)
        break
      default:
        line satisfies never
    }
  }
  return { head, place, round, left, ended, doing, done, dropsFailed }
}

function recordOf(line: string, name: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw notAJournal(name, number, cause)
  }
}

function isHead(value: unknown): value is JournalHead {
  if (!isObject(value) || value['pgdmp'] !== kind || value['version'] !== 1) return false
  const { run, plan, archive } = value
  return typeof run === 'string' && /^[0-9a-f]{32}$/.test(run) && typeof plan === 'string' && isObject(archive)
}

const isString = (value: unknown): boolean => typeof value === 'string'
const isRound = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) > 0
const isListOf = (value: unknown, is: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(is)

const checks: Readonly<Record<JournalLine['event'], (line: Readonly<Record<string, unknown>>) => boolean>> = {
  place: ({ database, oid, system }) => isString(database) && isString(oid) && (system === null || isString(system)),
  round: ({ round }) => isRound(round),
  doing: ({ step }) => isString(step),
  done: ({ step }) => isString(step),
  refused: ({ step }) => isString(step),
  'drops-failed': ({ failures }) =>
    isListOf(
      failures,
      (each) => isObject(each) && ['complaint', 'severity', 'sqlState', 'message'].every((key) => isString(each[key])),
    ),
  end: ({ round, open }) => isRound(round) && isListOf(open, isString),
}

function isLine(value: unknown): value is JournalLine {
  if (!isObject(value)) return false
  const { event } = value
  // own keys only: a journal may say anything
  return typeof event === 'string' && Object.hasOwn(checks, event) && checks[event as JournalLine['event']](value)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function notAJournal(name: string, line: number, cause?: unknown): ArchiveError {
  return new ArchiveError('BAD_JOURNAL', `Cannot resume by "${name}": line ${line} is none of a journal`, {
    file: name,
    hint: 'Name the journal that an earlier restore has written, or a file that is not there yet',
    cause,
  })
}
