import type { LexerOptions } from '../sql/lexer.ts'
import type { TocEntry } from '../toc/types.ts'
import { jointDescs, ObjectTies } from './object-ties.ts'
import type { SelectionReason } from './selection.ts'
import { descOf } from './ties.ts'

/** How `withDependencies` and `withDependents` widen what names and a list select. */
export interface WideningInput {
  /** Every entry there is, in archive order. */
  readonly entries: readonly TocEntry[]
  /** Entries that the selection names. */
  readonly selected: Iterable<TocEntry>
  readonly withDependencies: boolean
  readonly withDependents: boolean
  /** Whether an entry must not be added; those that are selected stay all the same. */
  isBarred(entry: TocEntry): boolean
  /** How to read definitions. */
  readonly lexer: LexerOptions
}

/** How much of an entry is wanted besides its definition: a set of bits. */
type Extent = number
/** What it contains, because something else works with that. */
const contents: Extent = 1
/** All that belongs to it. */
const dependents: Extent = 2

/** The selected entries and what comes with them. */
export class Widening {
  readonly #input: WideningInput
  readonly #ties: ObjectTies
  /** Why each entry is taken. */
  readonly #reasons = new Map<TocEntry, SelectionReason>()
  readonly #extents = new Map<TocEntry, Extent>()
  /** Entries whose ties have not been followed yet. */
  readonly #queue: TocEntry[] = []
  /** Links of entries with dependents that wait for their other end. */
  readonly #waiting = new Set<TocEntry>()
  readonly #barred = new Map<TocEntry, TocEntry>()

  constructor(input: WideningInput) {
    this.#input = input
    this.#ties = new ObjectTies(input.entries, input.lexer)
    for (const entry of input.selected) {
      this.#reasons.set(entry, { why: 'selected' })
      this.#extents.set(entry, dependents)
      this.#queue.push(entry)
    }
    do this.#followAll()
    while (this.#addLinks())
    this.#leaveOut()
  }

  /** Whether the entry is selected or comes along. */
  has(entry: TocEntry): boolean {
    const why = this.#reasons.get(entry)?.why
    return why !== undefined && why !== 'left-out'
  }

  /** Why the entry is taken, or what the link that is not taken would need; undefined for all others. */
  reason(entry: TocEntry): SelectionReason | undefined {
    return this.#reasons.get(entry)
  }

  /** Something that the entry needs and that is excluded. */
  lacks(entry: TocEntry): TocEntry | undefined {
    return this.#barred.get(entry)
  }

  /** What the entry needs, as far as it is taken, in archive order. */
  needs(entry: TocEntry): readonly TocEntry[] {
    return this.#ties.needs(entry).filter((needed) => this.has(needed))
  }

  #followAll(): void {
    const { withDependencies, withDependents } = this.#input
    for (let entry = this.#queue.pop(); entry !== undefined; entry = this.#queue.pop()) {
      const extent = this.#extents.get(entry) ?? 0
      for (const remark of this.#ties.remarks(entry)) this.#add(remark, { why: 'dependent', of: entry }, 0)
      if (withDependents && (extent & dependents) !== 0) this.#followParts(entry)
      if (withDependencies) this.#followNeeds(entry, extent)
    }
  }

  #followParts(entry: TocEntry): void {
    for (const part of this.#ties.parts(entry)) {
      if (jointDescs.has(descOf(part)) || (!this.#input.withDependencies && this.#ties.isLink(part))) {
        this.#waiting.add(part)
      } else this.#add(part, { why: 'dependent', of: entry }, dependents)
    }
  }

  #followNeeds(entry: TocEntry, extent: Extent): void {
    for (const needed of this.#ties.needs(entry)) {
      const extentNeeded = this.#ties.worksWith(entry, needed) ? contents : 0
      if (!this.#add(needed, { why: 'dependency', of: entry }, extentNeeded)) this.#barred.set(entry, needed)
    }
    const reason: SelectionReason = { why: 'dependent', of: entry }
    for (const part of this.#ties.parts(entry)) {
      if (this.#ties.completes(part, entry)) this.#add(part, reason, contents)
      else if ((extent & contents) !== 0 && this.#ties.isContent(part)) this.#add(part, reason, contents)
    }
    for (const extra of this.#ties.ofType(entry)) this.#add(extra, reason, 0)
  }

  /** @returns false when the entry must not come in */
  #add(entry: TocEntry, reason: SelectionReason, extent: Extent): boolean {
    const known = this.#reasons.has(entry)
    if (!known && this.#input.isBarred(entry)) return false
    const before = this.#extents.get(entry) ?? 0
    if (known && (before | extent) === before) return true
    if (!known) this.#reasons.set(entry, reason)
    this.#extents.set(entry, before | extent)
    this.#queue.push(entry)
    return true
  }

  /** Adds the links whose ends are all there by now. */
  #addLinks(): boolean {
    let added = false
    for (const link of this.#ties.links) {
      if (this.#reasons.has(link)) continue
      const desc = descOf(link)
      const wanted =
        jointDescs.has(desc) || this.#waiting.has(link) || (desc === 'CAST' && this.#input.withDependencies)
      if (!wanted) continue
      const ends = this.#ties.ends(link)
      const first = ends.find((end) => this.#reasons.has(end))
      if (first === undefined || !ends.every((end) => this.#reasons.has(end))) continue
      if (this.#add(link, { why: 'dependent', of: first }, this.#waiting.has(link) ? dependents : 0)) added = true
    }
    return added
  }

  /** Takes out the links that miss an end, and what is said about them. */
  #leaveOut(): void {
    for (const link of this.#ties.links) {
      if (descOf(link) === 'CAST' || !(this.#reasons.has(link) || this.#waiting.has(link))) continue
      const missing = this.#ties.ends(link).find((end) => !this.has(end))
      if (missing === undefined) continue
      this.#reasons.set(link, { why: 'left-out', of: missing })
      for (const remark of this.#ties.remarks(link)) this.#reasons.set(remark, { why: 'left-out', of: link })
    }
  }
}
