import { ArchiveError } from '../errors.ts'
import type { JournalStore } from '../io/journal-file.ts'
import type { PreparedScript } from '../ops/prepare-script.ts'
import { isDatabase } from '../sql/drop.ts'
import type { TocEntry } from '../toc/types.ts'
import { JournalMarks, type JournalSession } from './journal-marks.ts'
import {
  journalHead,
  journalLines,
  parseJournal,
  type JournaledPlace,
  type JournalLine,
  type JournalState,
} from './journal-state.ts'
import type { RestoreFailure } from './failures.ts'
import { isServerError, ServerError } from './target.ts'

/** A part of the work on an entry that is done as a whole or not at all: `12:step:3`. */
export type StepId = string

/** The number of an entry in the archive's order, and which of its commands, its rows included. */
export function stepId(place: number, part: 'drop' | 'step' | 'rows' | 'storage', number: number): StepId {
  return `${place}:${part}:${number}`
}

/** All that --clean drops: dropped once, never again when a restore goes on. */
export const allDrops: StepId = 'drops'

/** What stores an object, once created otherwise, as the archive says, and that there is something to do so. */
export const storageStep = (place: number, number: number): StepId => stepId(place, 'storage', number)
const misplaced = (place: number, number: number): StepId => `${place}:misplaced:${number}`

const wholeEntry = (place: number): StepId => `${place}:whole`

/**
 * What of a restore is done, so that another run can go on where this one ended. What is done in the database is marked
 * there, in the transaction that does it, so that neither a lost connection nor a lost process leaves a doubt; the store
 * says whose marks those are, and what was done where no mark can be. See spec/restore.md.
 */
export class RestoreJournal {
  readonly #store: JournalStore
  readonly #prepared: PreparedScript
  readonly #plan: string
  readonly #places: ReadonlyMap<TocEntry, number>
  /** As it was when this run began; undefined: there was none. */
  readonly #before: JournalState | undefined
  readonly #run: string
  #round: number
  /** Steps that are left to do, where an earlier round left some; undefined: all. */
  #left: ReadonlySet<StepId> | undefined
  #leftPlaces: ReadonlySet<number> | undefined
  /** Steps that are done, by marks or by the store. */
  readonly #done: Set<StepId>
  /** Steps that failed in this run, or could not be tried. */
  readonly #failed = new Set<StepId>()
  /** Entries that are done as a whole, of which no mark says so yet. */
  readonly #unmarked = new Set<number>()
  #marks: JournalMarks | undefined
  #finished = false
  #writing: Promise<void> = Promise.resolve()

  private constructor(store: JournalStore, prepared: PreparedScript, plan: string, before: JournalState | undefined) {
    this.#store = store
    this.#prepared = prepared
    this.#plan = plan
    this.#places = new Map(prepared.filtered.allEntries.map((entry, place) => [entry, place]))
    this.#before = before
    this.#run = before?.head.run ?? newRun()
    this.#round = before?.round ?? 0
    this.#leave(before?.ended ?? before?.left)
    this.#done = new Set(before?.done)
  }

  /**
   * Reads what an earlier run has left.
   * @param plan what `planDigest` gives
   * @throws ArchiveError BAD_JOURNAL, JOURNAL_MISMATCH for one of another restore, USAGE
   */
  static async open(store: JournalStore, prepared: PreparedScript, plan: string): Promise<RestoreJournal> {
    checkOrder(prepared)
    const before = parseJournal(await store.read(), store.name)
    if (before !== undefined && before.head.plan !== plan) throw otherPlan(store, before)
    return new RestoreJournal(store, prepared, plan, before)
  }

  /** Whether an earlier run has begun the restore. */
  get resumes(): boolean {
    return this.#before !== undefined
  }

  /** Whether an earlier run has done all there is to do. */
  get finished(): boolean {
    return this.#finished
  }

  /** Whether marks can be made: the session is in the database that is restored. */
  get isInPlace(): boolean {
    return this.#marks !== undefined
  }

  placeOf(entry: TocEntry): number {
    return this.#places.get(entry) ?? -1
  }

  /** What failed when an earlier run of this round dropped objects. */
  get dropsFailed(): readonly RestoreFailure[] {
    if (this.#before?.round !== this.#round) return []
    const { allEntries } = this.#prepared.filtered
    return this.#before.dropsFailed.map(({ place, complaint, statement, severity, sqlState, message }) => ({
      stage: 'processing',
      entry: place === undefined ? undefined : allEntries[place],
      complaint,
      statement,
      error: new ServerError(message, { severity, sqlState }),
      fatal: false,
    }))
  }

  /** Keeps what failed when objects were dropped: it is not tried again. */
  async noteDropFailures(failures: readonly RestoreFailure[]): Promise<void> {
    if (failures.length === 0) return
    const kept = failures.map(({ entry, complaint, statement, error: { severity, sqlState, message } }) => ({
      ...(entry === undefined ? {} : { place: this.placeOf(entry) }),
      complaint,
      ...(statement === undefined ? {} : { statement }),
      severity,
      sqlState,
      message,
    }))
    await this.note({ event: 'drops-failed', failures: kept })
  }

  /** Whether the rows, or large objects, of an entry are there. */
  isLoaded(entry: TocEntry): boolean {
    const place = this.placeOf(entry)
    return this.isWhole(place) || this.isDone(stepId(place, 'rows', 0))
  }

  /** Begins a run, in the session that comes first. */
  async begin(session: JournalSession): Promise<void> {
    if (this.#before === undefined) {
      const { header, allEntries } = this.#prepared.filtered
      const { dbname, createDate } = header
      const archive = { database: dbname, created: createDate, entries: allEntries.length }
      await this.#store.append(journalLines([journalHead(this.#run, this.#plan, archive)]))
    }
    if (!createsDatabase(this.#prepared)) await this.arrive(session)
  }

  /**
   * The session that comes first is in the database that is restored: sees what is done there, and goes on from that.
   * @throws ArchiveError JOURNAL_MISMATCH for another database, JOURNAL_REFUSED when no marks can be made
   */
  async arrive(session: JournalSession): Promise<void> {
    if (this.#marks !== undefined) return await this.#marks.join(session)
    const marks = new JournalMarks(this.#run, this.#prepared.context.options.useSetSessionAuthorization)
    const place = await marks.placeOf(session)
    const known = this.#before?.place
    if (known === undefined) await this.note({ event: 'place', ...place })
    else if (!isSame(known, place)) {
      throw otherPlace(this.#store, known, place)
    }
    if (this.resumes) await marks.takeOver(session)
    else await marks.join(session)
    if (await marks.find(session, this.#round)) {
      // whatever the store says of its end: marks that are there were not lost
      if (this.#before?.ended !== undefined) this.#leave(this.#before.left)
      for (const step of await marks.read(session)) this.#done.add(step)
    } else {
      if (this.#before?.ended?.size === 0) {
        this.#finished = true
        return await marks.part(session)
      }
      await this.#beginRound(session, marks)
    }
    this.#marks = marks
  }

  async #beginRound(session: JournalSession, marks: JournalMarks): Promise<void> {
    if (this.#round === 0 || this.#before?.ended !== undefined) {
      this.#round++
      const done = [...this.#done].map((step): JournalLine => ({ event: 'done', step }))
      await this.#noteAll([{ event: 'round', round: this.#round }, ...done])
    }
    await marks.create(session, this.#round)
  }

  /** What gives up the lock of a session that goes on without the restore. */
  get partSql(): string | undefined {
    return this.#marks?.partSql
  }

  /** Another session of this run. */
  async join(session: JournalSession): Promise<void> {
    await this.#marks?.join(session)
  }

  isDone(step: StepId): boolean {
    return (this.#left !== undefined && !this.#left.has(step)) || this.#done.has(step)
  }

  /** Whether nothing is left to do of an entry. */
  isWhole(place: number): boolean {
    if (this.#leftPlaces !== undefined && !this.#leftPlaces.has(place)) return true
    return this.#done.has(wholeEntry(place))
  }

  /** Whether an earlier run was about to do this and may have done it. */
  wasBegun(step: StepId): boolean {
    return this.#before?.doing.has(step) === true
  }

  /** Begins with a semicolon: what makes a mark, in the transaction of what stands before; and what to call then. */
  mark(step: StepId, also: readonly StepId[] = []): { readonly sql: string; readonly made: () => void } {
    if (this.#marks === undefined) throw new Error('There are no marks yet')
    const places = [...this.#unmarked]
    return {
      sql: this.#marks.sqlOf([step, ...also, ...places.map(wholeEntry)]),
      made: () => {
        this.#done.add(step)
        for (const place of places) this.#unmarked.delete(place)
      },
    }
  }

  /** Marks that an entry's object is created, and stored otherwise than the archive says. */
  markMisplaced(step: StepId, place: number, numbers: readonly number[]): ReturnType<RestoreJournal['mark']> {
    return this.mark(
      step,
      numbers.map((number) => misplaced(place, number)),
    )
  }

  /** Whether an earlier run has created an object so. */
  isMisplaced(place: number, number: number): boolean {
    const step = storageStep(place, number)
    return !this.#done.has(step) && (this.#left?.has(step) === true || this.#done.has(misplaced(place, number)))
  }

  /** A step failed, or could not be tried: a later run will. */
  fail(step: StepId): void {
    this.#failed.add(step)
  }

  /** Nothing is left to do of an entry. */
  complete(place: number): void {
    if (!this.isWhole(place)) this.#unmarked.add(place)
  }

  /** Says something in the store. */
  async note(line: JournalLine): Promise<void> {
    await this.#noteAll([line])
  }

  /** All of them at once: an archive may have any number of steps. */
  async #noteAll(lines: readonly JournalLine[]): Promise<void> {
    const writing = this.#writing.then(() => this.#store.append(journalLines(lines)))
    this.#writing = writing.catch(() => undefined)
    await writing
    for (const line of lines) if (line.event === 'done') this.#done.add(line.step)
  }

  /** Everything has been tried: the marks go. @returns what the server said when they could not */
  async end(session: JournalSession): Promise<string | undefined> {
    const left = [...(this.#left ?? [])].filter((step) => !this.#done.has(step))
    await this.note({ event: 'end', round: this.#round, open: [...new Set([...left, ...this.#failed])] })
    try {
      await this.#marks?.remove(session)
      return undefined
    } catch (error) {
      if (!isServerError(error)) throw error
      await this.#marks?.part(session)
      return error.message
    }
  }

  #leave(left: ReadonlySet<StepId> | undefined): void {
    this.#left = left
    this.#leftPlaces = left === undefined ? undefined : new Set(Array.from(left, (step) => Number(step.split(':')[0])))
  }
}

function newRun(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Roles may differ in whether they may know the cluster. */
function isSame(known: JournaledPlace, found: JournaledPlace): boolean {
  if (known.oid !== found.oid || known.database !== found.database) return false
  return known.system === null || found.system === null || known.system === found.system
}

/** Whether the restore begins in another database than it ends in. */
function createsDatabase({ plan, filtered }: PreparedScript): boolean {
  for (const entry of plan.prints()) if (isDatabase(entry.desc) && filtered.parts(entry).schema) return true
  return false
}

/** What comes before the database would be done where no mark can be. */
function checkOrder(prepared: PreparedScript): void {
  if (!createsDatabase(prepared)) return
  const [first] = prepared.plan.prints()
  if (first === undefined || isDatabase(first.desc)) return
  throw new ArchiveError('UNSUPPORTED', 'Cannot keep a journal: the archive has entries before its database', {
    dumpId: first.dumpId,
    hint: 'Create the database, and restore into it without create (-C)',
  })
}

const beginAnew = 'or begin anew in an empty database, with a journal that is not there yet'

function otherPlan({ name }: JournalStore, { head }: JournalState): ArchiveError {
  const { database, entries } = head.archive
  return new ArchiveError(
    'JOURNAL_MISMATCH',
    `Cannot resume by "${name}": that restore is of another archive, or with other options (${entries} entries of database "${database ?? ''}")`,
    { file: name, hint: `Give the same archive and options, ${beginAnew}`, details: { archive: head.archive } },
  )
}

function otherPlace({ name }: JournalStore, known: JournaledPlace, found: JournaledPlace): ArchiveError {
  const what = known.database === found.database ? 'another database of that name' : `"${found.database}"`
  return new ArchiveError(
    'JOURNAL_MISMATCH',
    `Cannot resume by "${name}": that restore is into database "${known.database}", and this is ${what}`,
    { file: name, hint: `Connect to that one, ${beginAnew}`, details: { known, found } },
  )
}
