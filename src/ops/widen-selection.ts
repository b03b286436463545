import type { OnWarning } from '../errors.ts'
import type { CompatRules } from '../sql/compat.ts'
import type { LexerOptions } from '../sql/lexer.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { Decisions } from './decisions.ts'
import type { NameMatchers } from './names.ts'
import { createDecision, isSelective, reqSpecial, type Required } from './required.ts'
import type { Selection, SelectionReason } from './selection.ts'
import { describe, descOf } from './ties.ts'
import { Widening } from './widen.ts'

/** What {@link widenSelection} needs to know of the filter that it is a part of. */
export interface WidenedFilter {
  readonly selection: Selection
  readonly names: NameMatchers
  readonly rules: CompatRules
  readonly entries: readonly TocEntry[]
  /** What a list file makes of the entries; undefined without one. */
  readonly arranged: { readonly order: readonly number[]; isWanted(dumpId: DumpId): boolean } | undefined
  /** Whether the entry can be had from the view that is filtered, and is not excluded by other options. */
  isAvailable(entry: TocEntry): boolean
  readonly lexer: LexerOptions
  readonly onWarning: OnWarning
}

/** The entries that are left when `withDependencies` and `withDependents` have widened what names and list select. */
export interface WidenedSelection {
  /** Whether the entry is in question at all. */
  isWanted(entry: TocEntry): boolean
  /** The last word on an entry that all other options want: left-out links go, and what is odd gets reported. */
  settle(entry: TocEntry, required: Required): Required
  reason(entry: TocEntry): SelectionReason | undefined
  /** Places of the entries in the order to take them in; undefined for that of the archive. */
  readonly order: readonly number[] | undefined
}

/** Whether there is anything to widen: without names and list everything is selected. */
export function widens({ withDependencies, withDependents, list }: Selection, names: NameMatchers): boolean {
  return (withDependencies === true || withDependents === true) && (isSelective(names) || list !== undefined)
}

/** No name is asked for. */
export const noNames: NameMatchers = {
  schemas: undefined,
  excludeSchemas: undefined,
  tables: undefined,
  indexes: undefined,
  functions: undefined,
  triggers: undefined,
}

/**
 * Names and list say what is wanted, dependencies and dependents widen that, and only then do the other options (parts,
 * sections, kinds of entries, excluded tables) take away from the whole.
 */
export function widenSelection(filter: WidenedFilter): WidenedSelection {
  const { selection, names, entries, arranged, onWarning } = filter
  const isExcluded = (entry: TocEntry): boolean => names.excludeSchemas?.test(entry) ?? false
  const selected = selectedByName(filter)
  const widening = new Widening({
    entries,
    selected,
    withDependencies: selection.withDependencies === true,
    withDependents: selection.withDependents === true,
    isBarred: (entry) => isExcluded(entry) || !filter.isAvailable(entry),
    lexer: filter.lexer,
  })
  return {
    isWanted: (entry) => widening.reason(entry) !== undefined,
    settle(entry, required) {
      const reason = widening.reason(entry)
      if (reason?.why === 'left-out') {
        warnLeftOut(entry, reason.of, onWarning)
        return 0
      }
      const lacking = widening.lacks(entry)
      if (lacking !== undefined && isExcluded(lacking)) {
        onWarning({
          code: 'NEEDS_EXCLUDED',
          severity: 'warning',
          message: `${describe(entry)} needs ${describe(lacking)}, whose schema is excluded`,
          dumpId: entry.dumpId,
          hint: 'Exclude it too, or restore it where that exists',
        })
      }
      return required
    },
    reason: (entry) => widening.reason(entry),
    order: arranged === undefined ? undefined : placeAll(entries, arranged, widening),
  }
}

/** What names and list alone select, whatever its parts and section. */
export function selectedByName({
  selection,
  names,
  rules,
  entries,
  arranged,
  isAvailable,
}: WidenedFilter): Set<TocEntry> {
  const decisions = new Decisions(entries.length, () => entries)
  const decide = createDecision({
    // statistics follow their relation even where the release took them for ordinary entries
    selection: { create: selection.create === true, statistics: true },
    names,
    rules,
    isWanted: arranged?.isWanted,
    entry: (dumpId) => decisions.entry(dumpId),
    decided: (dumpId) => decisions.get(dumpId),
  })
  const selected = new Set<TocEntry>()
  for (const place of arranged?.order ?? entries.keys()) {
    const entry = entries[place]
    if (entry === undefined) continue
    const required = decide(entry, 'pre-data')
    decisions.set(place, required)
    if (required === reqSpecial || (required !== 0 && isAvailable(entry))) selected.add(entry)
  }
  return selected
}

const reported: ReadonlySet<string> = new Set([
  'FK CONSTRAINT',
  'PUBLICATION TABLE',
  'PUBLICATION TABLES IN SCHEMA',
  'SUBSCRIPTION TABLE',
  'TABLE ATTACH',
])

/** Tells of a link that is left out, unless it says nothing about what is kept. */
export function warnLeftOut(entry: TocEntry, missing: TocEntry | undefined, onWarning: OnWarning): void {
  if (missing === undefined || !reported.has(descOf(entry))) return
  onWarning({
    code: descOf(entry) === 'FK CONSTRAINT' ? 'FOREIGN_KEY_LEFT_OUT' : 'LINK_LEFT_OUT',
    severity: 'warning',
    message: `${describe(entry)} is left out: ${describe(missing)} is not selected`,
    dumpId: entry.dumpId,
    hint: 'Select that too, or take what is needed along (withDependencies)',
  })
}

/**
 * A list keeps its order. What comes along for a listed entry that needs it stands before it, all else after the list;
 * what is not wanted stays in front, as it does without widening.
 */
function placeAll(
  entries: readonly TocEntry[],
  { order, isWanted }: { readonly order: readonly number[]; isWanted(dumpId: DumpId): boolean },
  widening: Widening,
): number[] {
  const places = new Map(entries.map((entry, place) => [entry, place]))
  const isAdded = (entry: TocEntry): boolean => {
    const why = widening.reason(entry)?.why
    return why === 'dependency' || why === 'dependent'
  }
  const placed = new Set<TocEntry>()
  const placeWithNeeds = (first: TocEntry): void => {
    const path = [{ entry: first, needs: widening.needs(first).values() }]
    const begun = new Set([first])
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.needs.next()
      if (next.done === true) {
        placed.add(top.entry)
        path.pop()
      } else if (isAdded(next.value) && !placed.has(next.value) && !begun.has(next.value)) {
        begun.add(next.value)
        path.push({ entry: next.value, needs: widening.needs(next.value).values() })
      }
    }
  }
  const inOrder = order.flatMap((place) => entries[place] ?? [])
  for (const entry of inOrder) if (isWanted(entry.dumpId)) placeWithNeeds(entry)
  for (const entry of inOrder) if (isAdded(entry) && !placed.has(entry)) placeWithNeeds(entry)
  const taken = Array.from(placed, (entry) => places.get(entry) ?? 0)
  const isTaken = new Set(taken)
  return [...order.filter((place) => !isTaken.has(place)), ...taken]
}
