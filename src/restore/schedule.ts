import type { DumpId, TocEntry } from '../toc/types.ts'
import { EntryLocks } from './entry-locks.ts'
import { ReadyEntries } from './ready-entries.ts'
import { actsUponRows, dataBelow, dataIdsOf, mostBelow } from './table-data.ts'

/** What a {@link RestoreSchedule} goes by. */
export interface ScheduleInput {
  /** All entries of the archive in the order of the restore: those that are not wanted link others. */
  readonly entries: readonly TocEntry[]
  /** The pass of an entry, from 0. */
  readonly passOf: (entry: TocEntry) => number
  /** Number of passes. */
  readonly passes: number
  /** Bytes of an entry's data as stored; 0 where that is not known. */
  readonly bytesOf: (entry: TocEntry) => number
  /**
   * Of input that cannot go back: what has to come in order, one after the other. Absent: nothing.
   */
  readonly comesInOrder?: (entry: TocEntry) => boolean
  /** Archives before 1.11 do not say that comments on large objects come after the objects. */
  readonly commentsFollowObjects: boolean
}

/** Where an entry is on its way. */
const state = { pending: 0, ready: 1, running: 2, done: 3 } as const

const none: readonly DumpId[] = []

/**
 * Which entry may be restored when, by several sessions (restore_toc_entries_prefork, restore_toc_entries_parallel,
 * pop_next_work_item, reduce_dependencies, pg_backup_archiver.c): none before what it depends on, no two at a time of
 * which one locks out the other, the largest first. Entries are told by their place in the list.
 */
export class RestoreSchedule {
  readonly #entries: readonly TocEntry[]
  readonly #input: ScheduleInput
  readonly #places = new Map<DumpId, number>()
  readonly #states: Uint8Array
  /** Dependencies of each entry that are not restored yet. */
  readonly #open: Int32Array
  /** Who depends on an entry: from `#dependentsFrom[place]` on, to where those of the next begin. */
  readonly #dependentsFrom: Int32Array
  readonly #dependents: Int32Array
  /** Of entries whose dependencies are not those of the archive. */
  readonly #repointed = new Map<number, readonly DumpId[]>()
  /** What an entry locks so that no other may use it meanwhile; most lock nothing. */
  readonly #locks = new Map<number, ReadonlySet<DumpId>>()
  readonly #ready: ReadyEntries
  /** What running entries use, and who waits for it. */
  readonly #inUse = new EntryLocks({
    usedBy: (place) => this.#dependenciesOf(place),
    lockedBy: (place) => this.#locks.get(place),
  })
  /** What comes in order and is not done. */
  readonly #inOrder: Set<number>
  #pass = -1

  constructor(input: ScheduleInput) {
    const { entries } = input
    this.#input = input
    this.#entries = entries
    for (const [place, { dumpId }] of entries.entries()) this.#places.set(dumpId, place)
    const { comesInOrder = () => false } = input
    this.#inOrder = new Set(entries.flatMap((entry, place) => (comesInOrder(entry) ? [place] : [])))
    this.#states = new Uint8Array(entries.length)
    const bytes = Float64Array.from(entries, (entry) => input.bytesOf(entry))
    this.#ready = new ReadyEntries(entries, bytes)
    this.#repoint(bytes)
    if (input.commentsFollowObjects) this.#linkComments()
    this.#open = new Int32Array(entries.length)
    this.#dependentsFrom = new Int32Array(entries.length + 1)
    this.#dependents = this.#link()
    for (const place of entries.keys()) this.#findLocks(place)
  }

  /**
   * The entries that one session restores before the others begin, in order: definitions, and what comes before the
   * first data without belonging to a section. Each counts as restored when the next is asked for.
   */
  *beforeOthers(): Generator<number, void, void> {
    let passedData = false
    for (const [place, entry] of this.#entries.entries()) {
      const { section } = entry
      if (section === 'data' || section === 'post-data') passedData = true
      if (section !== 'pre-data' && passedData) continue
      if (this.#input.passOf(entry) !== 0) continue
      yield place
      this.#finish(place)
    }
  }

  /** Goes on to the next pass, the first included; false when there is none. */
  nextPass(): boolean {
    if (this.#pass + 1 >= this.#input.passes) return false
    this.#pass++
    for (const place of this.#entries.keys()) this.#makeReady(place)
    return true
  }

  /** An entry that may be restored now, which then counts as running; undefined when there is none at the moment. */
  next(): number | undefined {
    const first = this.#nextInOrder()
    if (first !== undefined) return first
    for (let place = this.#ready.take(); place !== undefined; place = this.#ready.take()) {
      const obstacle = this.#inUse.obstacleOf(place)
      if (obstacle === undefined) return this.#give(place)
      for (const other of this.#inUse.wait(place, obstacle)) this.#ready.add(other)
    }
    return undefined
  }

  /** What the input holds next; nothing while what it held before is not done. */
  #nextInOrder(): number | undefined {
    const [place] = this.#inOrder
    if (place === undefined || this.#states[place] !== state.ready || this.#inUse.obstacleOf(place) !== undefined) {
      return undefined
    }
    return this.#give(place)
  }

  #give(place: number): number {
    this.#states[place] = state.running
    this.#inUse.take(place)
    return place
  }

  /** An entry has been restored: what depends on it, or waits for its locks, may be now. */
  done(place: number): void {
    this.#inOrder.delete(place)
    for (const waiting of this.#inUse.release(place)) this.#ready.add(waiting)
    for (const dependent of this.#finish(place)) this.#makeReady(dependent)
  }

  /**
   * What cannot be reached, as entries that depend on each other, and what comes in order behind such an entry; to be
   * asked when nothing else is left.
   */
  *unreached(): Generator<number, void, void> {
    for (const [place, reached] of this.#states.entries()) {
      if (reached === state.pending || reached === state.ready) yield place
    }
  }

  /** Counts an entry off those that depend on it, which are given. */
  #finish(place: number): Int32Array {
    this.#states[place] = state.done
    const dependents = this.#dependents.subarray(this.#dependentsFrom[place], this.#dependentsFrom[place + 1])
    for (const dependent of dependents) this.#open[dependent] = (this.#open[dependent] ?? 0) - 1
    return dependents
  }

  #makeReady(place: number): void {
    const entry = this.#entries[place]
    if (entry === undefined || this.#states[place] !== state.pending || this.#open[place] !== 0) return
    if (this.#input.passOf(entry) !== this.#pass) return
    this.#states[place] = state.ready
    if (!this.#inOrder.has(place)) this.#ready.add(place)
  }

  #dependenciesOf(place: number): readonly DumpId[] {
    return this.#repointed.get(place) ?? this.#entries[place]?.dependencies ?? none
  }

  /**
   * What comes after a table comes after its rows, and is as urgent as they are many (repoint_table_dependencies). What
   * acts upon rows of a partitioned table comes after those of its partitions, too: pg_restore leaves that to chance.
   */
  #repoint(bytes: Float64Array): void {
    const dataIds = dataIdsOf(this.#entries)
    // what is more than that is left to chance, as pg_restore leaves all of it
    let room = mostBelow(this.#entries)
    const below = dataBelow(this.#entries, dataIds)
    for (const [place, entry] of this.#entries.entries()) {
      const { section, dependencies } = entry
      if (section !== 'post-data') continue
      const rows = dependencies.map((dumpId) => dataIds.get(dumpId))
      const found = actsUponRows(entry) ? [...new Set(dependencies)].map((dumpId) => below.get(dumpId) ?? none) : []
      const size = found.reduce((sum, { length }) => sum + length, 0)
      const more = size > room ? none : found.flat()
      room -= more.length
      if (more.length === 0 && rows.every((dataId) => dataId === undefined)) continue
      for (const dataId of [...rows, ...more]) {
        const dataBytes = dataId === undefined ? 0 : (bytes[this.#places.get(dataId) ?? -1] ?? 0)
        bytes[place] = Math.max(bytes[place] ?? 0, dataBytes)
      }
      this.#repointed.set(place, [...dependencies.map((dumpId, at) => rows[at] ?? dumpId), ...more])
    }
  }

  /** Such archives have one of either (fix_dependencies, pg_backup_archiver.c). */
  #linkComments(): void {
    const comments = this.#entries.findIndex(
      ({ desc, dependencies }) => desc === 'BLOB COMMENTS' && dependencies.length === 0,
    )
    const objects = this.#entries.find(({ desc }) => desc === 'BLOBS')
    if (comments >= 0 && objects !== undefined) this.#repointed.set(comments, [objects.dumpId])
  }

  /** Counts what each entry depends on, and finds who depends on it; an archive may lack what its entries name. */
  #link(): Int32Array {
    const from = this.#dependentsFrom
    for (const place of this.#entries.keys()) {
      for (const target of this.#targetsOf(place)) from[target + 1] = (from[target + 1] ?? 0) + 1
    }
    for (let place = 0; place < this.#entries.length; place++) {
      from[place + 1] = (from[place + 1] ?? 0) + (from[place] ?? 0)
    }
    const dependents = new Int32Array(from[this.#entries.length] ?? 0)
    const next = from.slice()
    for (const place of this.#entries.keys()) {
      for (const target of this.#targetsOf(place)) {
        this.#open[place] = (this.#open[place] ?? 0) + 1
        const at = next[target] ?? 0
        dependents[at] = place
        next[target] = at + 1
      }
    }
    return dependents
  }

  *#targetsOf(place: number): Generator<number, void, void> {
    for (const dumpId of this.#dependenciesOf(place)) {
      const target = this.#places.get(dumpId)
      if (target !== undefined) yield target
    }
  }

  /** Most of what comes after the data alters its tables; a plain index does not (identify_locking_dependencies). */
  #findLocks(place: number): void {
    const entry = this.#entries[place]
    if (entry?.section !== 'post-data' || entry.desc === 'INDEX') return
    const locked = this.#dependenciesOf(place).filter((dumpId) => {
      const desc = this.#entries[this.#places.get(dumpId) ?? -1]?.desc
      return desc === 'TABLE' || desc === 'TABLE DATA'
    })
    if (locked.length > 0) this.#locks.set(place, new Set(locked))
  }
}
