import { aString, checkAllOptions, checkArgument, checkOptions, listOf } from '../check-options.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import { compatRules, type CompatRules } from '../sql/compat.ts'
import type { DumpId, Section, TocEntry } from '../toc/types.ts'
import { derive, type ArchiveView, type DataBlock, type DataOptions } from '../view.ts'
import { Decisions } from './decisions.ts'
import { createExclusion } from './exclude.ts'
import { looseLinks } from './loose-links.ts'
import { createMatchers, unmatchedNames, type NameMatchers } from './names.ts'
import { compatOptionKinds, type CompatOptions } from './options.ts'
import { createDecision, isSelective, reqData, reqSchema, reqSpecial, reqStats, type Required } from './required.ts'
import { selectionKinds } from './selection.ts'
import type { EntryParts, FilteredView, ListLine, ListSelection, Selection, SelectionReason } from './selection.ts'
import { checkStrictNames, warnUnmatchedNames } from './unmatched.ts'
import { noNames, widens, widenSelection, type WidenedFilter } from './widen-selection.ts'

/**
 * Selects entries the way pg_restore does with the same options (spec/selection.md), and more where
 * {@link Selection} says so. Does no I/O. Filtering a filtered view narrows it: parts can only go away.
 *
 * An archive that was never filtered holds all it stores, the database's own entry included; what pg_restore would
 * restore or list without options is `filter(archive, {})`.
 *
 * @example
 * const app = filter(archive, { schemas: ['app'], excludeTableData: ['app.event_log_*'] })
 *
 * @throws ArchiveError USAGE (options that exclude each other, bad patterns), BAD_LIST (a list that names an entry that
 * is not there), NAME_NOT_FOUND (with `strictNames`; see {@link checkStrictNames})
 */
export function filter(view: ArchiveView, selection: Selection, options: CompatOptions = {}): FilteredView {
  checkAllOptions('filter', selection, selectionKinds)
  checkOptions('filter', options, compatOptionKinds)
  return select(view, selection, options)
}

function select(view: ArchiveView, selection: Selection, options: CompatOptions): FilteredView {
  const onWarning = options.onWarning ?? ignore
  const rules = compatRules(options.compat)
  checkSelection(selection)
  const before = isFiltered(view) ? view : undefined
  const allEntries = (): readonly TocEntry[] => before?.allEntries ?? view.toc
  // without an object for each entry where the view can count them
  const count = before === undefined && view.scan !== undefined ? view.storedEntryCount : allEntries().length
  const decisions = new Decisions(count, allEntries)
  const arranged = selection.list === undefined ? undefined : arrange(decisions, selection.list, rules, onWarning)
  const matching = { encoding: view.settings.encoding, entry: (dumpId: DumpId) => decisions.entry(dumpId) }
  const names = createMatchers(selection, matching)
  const exclusion = excludesTables(selection) ? createExclusion(selection, decisions.entries, onWarning) : undefined
  const named = (matchers: NameMatchers): WidenedFilter => ({
    selection,
    names: matchers,
    rules,
    entries: decisions.entries,
    arranged,
    isAvailable: (entry) =>
      exclusion?.removes(entry) !== true && (before === undefined || bitsOf(before.parts(entry)) !== 0),
    lexer: view.settings,
    onWarning,
  })
  const widened = widens(selection, names) ? widenSelection(named(names)) : undefined
  const completes =
    widened === undefined && selection.list === undefined && selection.completeLinks === true && isSelective(names)
  // with matchers of its own: a name counts as found when the decision itself compares it
  const loose = completes ? looseLinks(named(createMatchers(selection, matching))) : undefined
  const decideByRules = createDecision({
    selection,
    names: widened === undefined ? names : noNames,
    rules,
    isWanted: widened === undefined ? arranged?.isWanted : undefined,
    entry: (dumpId) => decisions.entry(dumpId),
    decided: (dumpId) => decisions.get(dumpId),
  })
  const decide = (entry: TocEntry, section: Section): Required => {
    if (widened?.isWanted(entry) === false || loose?.has(entry) === true) return 0
    let required = decideByRules(entry, section)
    if (required !== 0 && before !== undefined) required &= bitsOf(before.parts(entry)) | reqSpecial
    if (required !== 0 && exclusion !== undefined) required = exclusion.apply(entry, required)
    return required === 0 || widened === undefined ? required : widened.settle(entry, required)
  }
  const order = widened?.order ?? arranged?.order
  const ordered = order?.flatMap((index) => decisions.entries[index] ?? [])
  const inOrder = (): readonly TocEntry[] => ordered ?? decisions.entries
  // an exclusion, a widened selection, and the decisions of a filtered view know entries by identity
  const byIdentity = before !== undefined || exclusion !== undefined || widened !== undefined || loose !== undefined
  const scan = byIdentity || order !== undefined ? undefined : view.scan
  decideAll(scan?.bind(view) ?? visitorOf(inOrder()), decide, (place, required) => {
    decisions.set(order?.[place] ?? place, required)
  })
  let kept: readonly TocEntry[] | undefined
  const filtered = derive(view, {
    base: view,
    selection,
    release: rules.release,
    get toc(): readonly TocEntry[] {
      kept ??= inOrder().filter((_, place) => decisions.at(order?.[place] ?? place) !== 0)
      return kept
    },
    get allEntries(): readonly TocEntry[] {
      return inOrder()
    },
    ...(scan === undefined ? {} : { scan: scanKept(scan.bind(view), decisions) }),
    unmatched: unmatchedNames(names),
    parts: (entry: TocEntry) => decisions.parts(entry),
    reason: (entry: TocEntry): SelectionReason | undefined => {
      const missing = loose?.get(entry)
      if (missing !== undefined) return { why: 'left-out', of: missing }
      if (widened === undefined) return decisions.get(entry.dumpId) === 0 ? undefined : { why: 'selected' }
      return widened.reason(entry) ?? widened.reason(decisions.entry(entry.dumpId) ?? entry)
    },
    blocks: (blockOptions?: DataOptions) => wantedBlocks(view, decisions, blockOptions),
  })
  if (selection.strictNames === true) checkStrictNames(filtered)
  else if (options.onWarning !== undefined) warnUnmatchedNames(filtered, onWarning)
  return filtered
}

/** Whether a view came out of {@link filter}, so that it knows the parts of its entries. */
export function isFiltered(view: ArchiveView): view is FilteredView {
  return 'parts' in view && 'allEntries' in view
}

/** The view itself when it is filtered, or what pg_restore selects of it without options. */
export function asFiltered(view: ArchiveView, options: CompatOptions = {}): FilteredView {
  return isFiltered(view) ? view : select(view, {}, options)
}

function ignore(): void {}

/** Calls with each entry and its place, in order; the entry may be another one after the call. */
type Scan<Rest extends unknown[] = []> = (visit: (entry: TocEntry, place: number, ...rest: Rest) => void) => void

function visitorOf(entries: readonly TocEntry[]): Scan {
  return (visit) => entries.forEach((entry, place) => visit(entry, place))
}

/** Visits what a filter left, each entry with its parts. */
function scanKept(scan: Scan, decisions: Decisions): Scan<[EntryParts]> {
  return (visit) => {
    let place = 0
    scan((entry, index) => {
      if (decisions.at(index) !== 0) visit(entry, place++, decisions.partsAt(index))
    })
  }
}

function excludesTables({ excludeTables = [], excludeTableData = [] }: Selection): boolean {
  return excludeTables.length + excludeTableData.length > 0
}

/** Pairs of options that pg_restore refuses, in the order in which it looks, as it writes them. */
const conflicts: readonly (readonly [keyof Selection, string, keyof Selection, string])[] = [
  ['schemaOnly', '-s/--schema-only', 'dataOnly', '-a/--data-only'],
  ['schemaOnly', '-s/--schema-only', 'statisticsOnly', '--statistics-only'],
  ['dataOnly', '-a/--data-only', 'statisticsOnly', '--statistics-only'],
  ['dataOnly', '-a/--data-only', 'noData', '--no-data'],
  ['schemaOnly', '-s/--schema-only', 'noSchema', '--no-schema'],
  ['statisticsOnly', '--statistics-only', 'noStatistics', '--no-statistics'],
  ['statistics', '--statistics', 'noStatistics', '--no-statistics'],
  ['dataOnly', '-a/--data-only', 'statistics', '--statistics'],
  ['schemaOnly', '-s/--schema-only', 'statistics', '--statistics'],
]

const sectionNames: readonly string[] = ['pre-data', 'data', 'post-data']
const someSections = listOf(aString, `an array of ${sectionNames.join(', ')}`)

/** Callers in JavaScript get an answer for what the types forbid. */
function checkSelection(selection: Selection): void {
  const { sections } = selection
  if (sections !== undefined) checkArgument('filter', 'sections', sections, someSections)
  const unknown = sections?.find((section) => !sectionNames.includes(section))
  if (unknown !== undefined) {
    throw new ArchiveError(
      'USAGE',
      `Cannot filter: section is ${JSON.stringify(unknown)}, must be ${sectionNames.join(', ')}`,
      {
        details: { pgRestore: `unrecognized section name: "${unknown}"` },
      },
    )
  }
  checkConflicts(selection)
}

function checkConflicts(selection: Selection): void {
  for (const [first, firstFlag, second, secondFlag] of conflicts) {
    if (selection[first] !== true || selection[second] !== true) continue
    throw new ArchiveError('USAGE', `Cannot filter with both ${first} and ${second}: they exclude each other`, {
      details: {
        options: [first, second],
        pgRestore: `options ${firstFlag} and ${secondFlag} cannot be used together`,
      },
    })
  }
}

/** What a list file makes of the entries. */
interface Arrangement {
  /** Places of the entries in the order to take them in. */
  readonly order: readonly number[]
  isWanted(dumpId: DumpId): boolean
}

/** Puts the entries of a list at the end, in its order (SortTocFromFile, pg_backup_archiver.c). */
function arrange(
  decisions: Decisions,
  list: ListSelection | readonly DumpId[],
  rules: CompatRules,
  onWarning: OnWarning,
): Arrangement {
  const isListed = new Uint8Array(decisions.entries.length)
  const listed: number[] = []
  for (const line of linesOf(list, rules)) {
    const id = line.id ?? 0
    const index = decisions.indexOf(id)
    if (id <= 0 || id > decisions.maxDumpId || isListed[index] === 1) {
      onWarning({ code: 'LIST_LINE_IGNORED', severity: 'warning', message: `line ignored: ${line.text}` })
      continue
    }
    if (index < 0) throw badList(line, id)
    isListed[index] = 1
    listed.push(index)
  }
  const order: number[] = []
  for (let index = 0; index < isListed.length; index++) if (isListed[index] === 0) order.push(index)
  return { order: order.concat(listed), isWanted: (dumpId) => isListed[decisions.indexOf(dumpId)] === 1 }
}

function* linesOf(list: ListSelection | readonly DumpId[], rules: CompatRules): Iterable<ListLine> {
  if (!('lines' in list)) {
    for (const [index, id] of list.entries()) yield { line: index + 1, id, text: String(id) }
    return
  }
  yield* rules.readsLongListLines ? list.lines : (list.shortLines ?? list.lines)
}

function badList(line: ListLine, id: DumpId): ArchiveError {
  return new ArchiveError(
    'BAD_LIST',
    `Cannot use the list: line ${line.line} names entry ${id}, which the archive does not have`,
    {
      dumpId: id,
      hint: 'Make the list from this archive, or remove the line',
      details: { line: line.line, text: line.text, pgRestore: `could not find entry for ID ${id}` },
    },
  )
}

/** Marks every entry in this order (ProcessArchiveRestoreOptions). */
function decideAll(
  scan: Scan,
  decide: (entry: TocEntry, section: Section) => Required,
  set: (place: number, required: Required) => void,
): void {
  let section: Section = 'pre-data'
  scan((entry, place) => {
    const own = entry.section
    if (own !== 'none') section = own
    set(place, decide(entry, section))
  })
}

function bitsOf(parts: EntryParts): Required {
  return (parts.schema ? reqSchema : 0) | (parts.data ? reqData : 0) | (parts.statistics ? reqStats : 0)
}

async function* wantedBlocks(
  view: ArchiveView,
  decisions: Decisions,
  options: DataOptions | undefined,
): AsyncIterable<DataBlock> {
  for await (const block of view.blocks(options)) {
    if (block.entry !== undefined && decisions.parts(block.entry).data) yield block
  }
}
