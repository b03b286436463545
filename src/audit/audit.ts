import { checkOptions } from '../check-options.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { chooseRules, type ChosenRule } from './choose-rules.ts'
import { StandingFinding } from './finding.ts'
import { InlineMarks } from './inline.ts'
import { inventoryOf } from './inventory.ts'
import { auditCategories, auditOptionKinds, auditSeverities, type AuditOptions, type Suppression } from './options.ts'
import { checkFinding, runRule } from './own-rules.ts'
import { marksOf } from './registry.ts'
import { suppressionFinder } from './suppress.ts'
import { surveyorFor } from './survey.ts'
import type { AppliedRule, AuditedArchive, AuditInventory, AuditReport, SuppressedFinding } from './report.ts'
import type { AuditContext, AuditFinding, AuditRule, AuditSeverity, RuleFinding } from './types.ts'

/**
 * Says what restoring an archive would do and what it would come across, by its table of contents alone: no server, and
 * none of the data.
 *
 * @example
 * const { findings } = await audit(archive, { settings: { hygiene: 'off' } })
 * for (const { severity, rule, message } of findings) console.log(severity, rule, message)
 *
 * @throws ArchiveError USAGE for a rule, setting or option that there is not
 */
export async function audit(view: ArchiveView, options: AuditOptions = {}): Promise<AuditReport> {
  return auditAs(view, options, {})
}

/** The same, with all definitions lexed or not: tests compare that with what is read the short way. */
export function auditAs(
  view: ArchiveView,
  options: AuditOptions,
  { lexesAll }: { readonly lexesAll?: boolean },
): AuditReport {
  checkOptions('audit', options, auditOptionKinds)
  const { signal } = options
  const chosen = chooseRules(options)
  const catalog = new Catalog(view, { lexesAll })
  const found = new Findings(catalog)
  const applied = chosen.map((one) => {
    const { id } = one.rule
    const report = (finding: RuleFinding): void => {
      if (one.isOwn) checkFinding(id, finding)
      found.add(one, finding)
    }
    const context: AuditContext = { view, catalog, target: options.target, data: options.data, report }
    return { rule: one.isOwn ? guarded(one.rule) : one.rule, context }
  })
  const readers = applied.filter(({ rule }) => rule.definition !== undefined)
  const inline = options.inline === true ? new InlineMarks((dumpId) => view.entry(dumpId)) : undefined
  const addMarks = (entry: TocEntry, text: string): void => inline?.add(entry, text, (bytes) => catalog.decode(bytes))
  catalog.read({
    entry: surveyorFor(view.toc),
    definition(entry, statements) {
      addMarks(entry, statements[0]?.text ?? '')
      for (const { rule, context } of readers) rule.definition?.(entry, statements, context)
    },
    plain: (entry) => {
      if (inline !== undefined) addMarks(entry, entry.raw.byteString('defn') ?? '')
    },
    marks: readers.map(({ rule }) => marksOf(rule)),
  })
  for (const { rule, context } of applied) {
    signal?.throwIfAborted()
    rule.check?.(context)
  }
  const { findings, suppressed, unused } = separate(sorted(found.all, chosen), options, inline)
  let inventory: AuditInventory | undefined
  return {
    findings,
    counts: countsOf(findings),
    suppressed,
    unusedSuppressions: unused.filter(({ rule }) => rule === '*' || chosen.some((one) => one.rule.id === rule)),
    rules: chosen.map(appliedRule),
    target: options.target?.name,
    // counted when somebody looks
    get inventory() {
      inventory ??= inventoryOf(catalog, {
        storedBytes: options.storedBytes,
        rows: (entry) => options.data?.rowCount(entry),
      })
      return inventory
    },
    archive: archiveOf(view),
  }
}

/** A rule of the caller's, which may fail. */
function guarded(rule: AuditRule): AuditRule {
  const { id } = rule
  return {
    ...rule,
    ...(rule.definition !== undefined && {
      definition: (entry, statements, context) => runRule(id, () => rule.definition?.(entry, statements, context)),
    }),
    ...(rule.check !== undefined && { check: (context) => runRule(id, () => rule.check?.(context)) }),
  }
}

function archiveOf({ header, settings, storedEntryCount }: ArchiveView): AuditedArchive {
  const { dbname, format, remoteVersion, dumpVersion } = header
  const versions = { serverVersion: remoteVersion, pgDumpVersion: dumpVersion }
  return { dbname, format, ...versions, encoding: settings.encoding, entries: storedEntryCount }
}

/** Makes findings that stand on their own of what rules say. */
class Findings {
  readonly all: AuditFinding[] = []
  readonly #catalog: Catalog
  /** How many there are of each object, by rule and type: of one rule mostly one type after the other. */
  readonly #counts = new Map<string, Map<string, number>>()
  #rule = ''
  #type: string | undefined
  #ofType = new Map<string, number>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  add(chosen: ChosenRule, said: RuleFinding): void {
    const { entry } = said
    const name = said.object ?? (entry === undefined ? '' : this.#catalog.label(entry))
    const counts = this.#countsOf(chosen.rule.id, entry?.desc)
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    this.all.push(new StandingFinding(chosen, said, name, count))
  }

  #countsOf(rule: string, type: string | undefined): Map<string, number> {
    if (rule === this.#rule && type === this.#type) return this.#ofType
    const kind = `${rule} ${type ?? ''}`
    let counts = this.#counts.get(kind)
    if (counts === undefined) {
      counts = new Map()
      this.#counts.set(kind, counts)
    }
    this.#rule = rule
    this.#type = type
    this.#ofType = counts
    return counts
  }
}

/** The order of a report; of findings alike, as they were found. */
function sorted(found: readonly AuditFinding[], chosen: readonly ChosenRule[]): AuditFinding[] {
  const places = new Map(chosen.map(({ rule }, index) => [rule.id, index]))
  const rank = ({ severity, category, rule }: AuditFinding): number =>
    (auditSeverities.indexOf(severity) * auditCategories.length + auditCategories.indexOf(category)) * 10_000 +
    (places.get(rule) ?? 0)
  const byRank = new Map<number, AuditFinding[]>()
  for (const finding of found) {
    const place = rank(finding)
    const same = byRank.get(place)
    if (same === undefined) byRank.set(place, [finding])
    else same.push(finding)
  }
  return [...byRank].sort(([a], [b]) => a - b).flatMap(([, findings]) => findings)
}

function separate(
  found: readonly AuditFinding[],
  { suppressions = [], baseline = [] }: AuditOptions,
  inline: InlineMarks | undefined,
): {
  readonly findings: readonly AuditFinding[]
  readonly suppressed: readonly SuppressedFinding[]
  readonly unused: readonly Suppression[]
} {
  const unused = new Set(suppressions)
  const find = suppressionFinder(suppressions)
  const known = new Set(baseline)
  const findings: AuditFinding[] = []
  const suppressed: SuppressedFinding[] = []
  for (const finding of found) {
    const suppression = find(finding)
    const inMark = inline?.find(finding)
    if (suppression !== undefined) {
      unused.delete(suppression)
      suppressed.push({ finding, by: 'options', reason: suppression.reason })
    } else if (inMark !== undefined) suppressed.push({ finding, by: 'archive', reason: inMark.reason })
    else if (known.size > 0 && known.has(finding.fingerprint))
      suppressed.push({ finding, by: 'baseline', reason: undefined })
    else findings.push(finding)
  }
  return { findings, suppressed, unused: [...unused] }
}

function countsOf(findings: readonly AuditFinding[]): Record<AuditSeverity, number> {
  const counts = { error: 0, warning: 0, notice: 0, info: 0 }
  for (const { severity } of findings) counts[severity]++
  return counts
}

function appliedRule({ rule, severity }: ChosenRule): AppliedRule {
  const { id, category, message, explanation, fix, links } = rule
  return { id, severity: severity ?? rule.severity, category, message, explanation, fix, links }
}
