import { aFunction, checkArgument, checkOptions } from '../check-options.ts'
import type { Finding, OnWarning } from '../errors.ts'
import { isMissingRole } from '../sql/predefined-roles.ts'
import { parseTarget, TargetAdapter, type TargetLack } from '../sql/target.ts'
import { withFields, type EntryChanges } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf, newestReadBy } from '../toc/version.ts'
import type { ArchiveView } from '../view.ts'
import { mapEntries } from './map-entries.ts'
import { aTargetVersion } from './options.ts'
import { everyEntry } from './rewrite.ts'
import type { FilteredView } from './selection.ts'
import { separateLargeObjects } from './separate-objects.ts'
import { dataDescs, descOf, describe, remarkDescs } from './ties.ts'

/** Options of {@link downgrade}. */
export interface DowngradeOptions {
  /** The PostgreSQL release that is to read and take the archive: `'9.6'`, `'13'`, … `'18'`. */
  readonly targetVersion: string
  /**
   * Receives each loss (code TARGET_LACKS, severity `error`), one finding for all planner statistics (severity `info`), and
   * what the target allows that the server of the archive did not (TARGET_ALLOWS, `warning`), when the entries of the view
   * are first asked for.
   */
  readonly onWarning?: OnWarning
}

/** What the target cannot have, and what became of it. */
export interface DowngradeLoss {
  /**
   * | kind | |
   * | --- | --- |
   * | left-out | the target lacks what the entry needs; it is not in the view |
   * | dependent | nor is this one, which depends on such an entry |
   * | changed | the entry is there, but for what `note` says |
   * | statistics | planner statistics, which ANALYZE makes anew: not counted as a loss |
   */
  readonly kind: 'left-out' | 'dependent' | 'changed' | 'statistics'
  readonly dumpId: DumpId
  readonly desc: string
  readonly namespace: string | null
  readonly tag: string | null
  /** What the target lacks, to follow "PostgreSQL 13 has no". */
  readonly feature: string
  /** What becomes of the entry, as a clause. */
  readonly note: string
  /** Dump id of the entry that a `dependent` one goes with. */
  readonly of?: DumpId
}

/** What a downgraded view knows besides. */
export interface Downgraded {
  /** Everything that the target cannot have, in the order of the entries. Reads all definitions. */
  losses(): readonly DowngradeLoss[]
}

/** First server that can restore planner statistics. */
const RESTORES_STATISTICS = 18

/**
 * The archive as an older release can read and restore it:
 *
 * - Large objects are laid out as the release's archives have them ({@link separateLargeObjects}).
 * - Definitions are written in the SQL of the release where that means the same, as `toSql` does with `targetVersion`.
 * - What the release lacks is left out, together with what depends on it, and listed in {@link Downgraded.losses}.
 *   Nothing changes without being listed.
 *
 * Archive version and compression are up to who writes the view: `convert` with the same `targetVersion` chooses those
 * that the release reads. Bodies of functions are strings and stay as they are, whatever SQL is in them.
 *
 * @example
 * const old = downgrade(archive, { targetVersion: '13' })
 * for (const { kind, desc, tag, feature } of old.losses()) console.log(`${kind}: ${desc} ${tag}: no ${feature}`)
 *
 * @throws ArchiveError USAGE for a release that is not known; BAD_TOC, LIMIT_EXCEEDED for large objects that cannot be
 *   laid out
 */
export function downgrade<V extends ArchiveView>(
  view: V,
  options: DowngradeOptions,
): (V extends FilteredView ? FilteredView : ArchiveView) & Downgraded {
  checkOptions('downgrade', options, { targetVersion: aTargetVersion, onWarning: aFunction })
  const { targetVersion, onWarning } = options
  checkArgument('downgrade', 'targetVersion', targetVersion, aTargetVersion)
  const version = parseTarget(targetVersion)
  const base = featuresOf(newestReadBy(version)).relkindAndBlobGroups ? view : separateLargeObjects(view)
  const judgement = new Judgement(base, version, onWarning)
  const mapped = mapEntries(base, (entry) => judgement.of(entry))
  const downgraded = Object.assign(mapped, { losses: () => judgement.losses })
  // mapEntries keeps a filtered view filtered, which its overloads cannot say of a type parameter
  const kept: unknown = downgraded
  return kept as (V extends FilteredView ? FilteredView : ArchiveView) & Downgraded
}

/** Whether a view came out of {@link downgrade}. */
export function isDowngraded(view: ArchiveView): view is ArchiveView & Downgraded {
  return 'losses' in view
}

const gone: readonly TocEntry[] = []

/** What becomes of each entry: decided for all at once, when somebody first asks. */
class Judgement {
  readonly #view: ArchiveView
  readonly #version: number
  readonly #onWarning: OnWarning | undefined
  #outcomes: Outcomes | undefined

  constructor(view: ArchiveView, version: number, onWarning: OnWarning | undefined) {
    this.#view = view
    this.#version = version
    this.#onWarning = onWarning
  }

  get losses(): readonly DowngradeLoss[] {
    return this.#decided().losses
  }

  of(entry: TocEntry): TocEntry | readonly TocEntry[] {
    const { leftOut, changed } = this.#decided()
    return leftOut.has(entry) ? gone : (changed.get(entry) ?? entry)
  }

  #decided(): Outcomes {
    if (this.#outcomes !== undefined) return this.#outcomes
    const outcomes = new Outcomes(this.#view, this.#version, this.#onWarning)
    this.#outcomes = outcomes
    outcomes.report(this.#version, this.#onWarning)
    return outcomes
  }
}

/** `error`: the target refuses the entry. */
type Lack = TargetLack & Pick<Finding, 'severity'>

class Outcomes {
  readonly leftOut = new Set<TocEntry>()
  readonly changed = new Map<TocEntry, TocEntry>()
  readonly losses: readonly DowngradeLoss[]
  readonly #version: number
  readonly #losses = new Map<TocEntry, DowngradeLoss[]>()

  constructor(view: ArchiveView, version: number, onWarning: OnWarning | undefined) {
    this.#version = version
    const decode = decoderFor(view.settings.encoding)
    let lacks: Lack[] = []
    const adapter = new TargetAdapter(version, view.header.remoteVersion, view.settings, (finding, lack) => {
      if (lack === undefined) onWarning?.(finding)
      else lacks.push({ ...lack, severity: finding.severity })
    })
    const changes = new Map<TocEntry, EntryChanges>()
    for (const entry of view.toc) {
      lacks = []
      const change = this.#judge(entry, adapter, lacks)
      if (change !== undefined) changes.set(entry, change)
    }
    this.#leaveOutDependents(view.toc)
    const missing = new Set(Array.from(this.leftOut, ({ dumpId }) => dumpId))
    for (const entry of everyEntry(view)) {
      if (this.leftOut.has(entry)) continue
      const change = changes.get(entry) ?? {}
      const loses = missing.size > 0 && entry.dependencies.some((id) => missing.has(id))
      const dependencies = loses ? { dependencies: entry.dependencies.filter((id) => !missing.has(id)) } : {}
      const all = { ...change, ...dependencies }
      if (Object.keys(all).length > 0) this.changed.set(entry, withFields(entry, all, decode))
    }
    this.losses = view.toc.flatMap((entry) => this.#losses.get(entry) ?? [])
  }

  report(version: number, onWarning: OnWarning | undefined): void {
    if (onWarning === undefined) return
    let statistics = 0
    for (const { kind, dumpId, desc, namespace, tag, feature, note } of this.losses) {
      if (kind === 'statistics') {
        statistics++
        continue
      }
      const name = describe({ desc, namespace, tag })
      const message = `PostgreSQL ${version} has no ${feature}: ${name}: ${note}`
      onWarning({ code: 'TARGET_LACKS', severity: 'error', dumpId, message })
    }
    if (statistics === 0) return
    const message = `PostgreSQL ${version} cannot restore planner statistics: those of ${statistics} relation${statistics === 1 ? ' is' : 's are'} left out`
    onWarning({ code: 'TARGET_LACKS', severity: 'info', message, hint: 'Run ANALYZE after the restore' })
  }

  /** Looks at one entry alone. `lacks` is filled meanwhile. */
  #judge(entry: TocEntry, adapter: TargetAdapter, lacks: readonly Lack[]): EntryChanges | undefined {
    if (descOf(entry) === 'STATISTICS DATA' && this.#version < RESTORES_STATISTICS) {
      this.leftOut.add(entry)
      this.#lose(entry, 'statistics', 'functions to restore planner statistics', 'it is left out')
      return undefined
    }
    const fields: NonNullable<EntryChanges['fields']> = {
      ...this.#definition(entry, adapter, lacks),
      ...storage(entry, adapter),
      ...this.#owner(entry),
    }
    const isOut = this.leftOut.has(entry)
    for (const { severity, feature, note } of lacks) {
      if (severity === 'error') this.#lose(entry, 'left-out', feature, 'it is left out')
      else if (isOut && !lacks.some((other) => other.severity === 'error')) this.#lose(entry, 'left-out', feature, note)
      else if (!isOut) this.#lose(entry, 'changed', feature, note)
    }
    return isOut || Object.keys(fields).length === 0 ? undefined : { fields }
  }

  /** The definition in the target's words; an entry that the target refuses, or of which nothing is left, goes. */
  #definition(entry: TocEntry, adapter: TargetAdapter, lacks: readonly Lack[]): NonNullable<EntryChanges['fields']> {
    const defn = entry.raw.byteString('defn') ?? ''
    const adapted = adapter.adapt(entry, defn)
    const isRefused = lacks.some(({ severity }) => severity === 'error')
    if (isRefused || (adapted === '' && defn !== '' && !entry.hadDumper)) {
      this.leftOut.add(entry)
      return {}
    }
    return adapted === defn ? {} : { defn: adapted }
  }

  #owner(entry: TocEntry): NonNullable<EntryChanges['fields']> {
    const owner = entry.raw.byteString('owner') ?? ''
    if (!isMissingRole(owner, this.#version) || this.leftOut.has(entry)) return {}
    // pg_restore sets the owner of what has a drop command
    if (entry.raw.byteString('dropStmt')) {
      this.#lose(entry, 'changed', `role ${owner}`, 'it belongs to the role that restores it')
    }
    return { owner: '' }
  }

  #lose(entry: TocEntry, kind: DowngradeLoss['kind'], feature: string, note: string, of?: DumpId): void {
    const { dumpId, desc, namespace, tag } = entry
    const loss = { kind, dumpId, desc, namespace, tag, feature, note, ...(of === undefined ? {} : { of }) }
    const known = this.#losses.get(entry)
    if (known === undefined) this.#losses.set(entry, [loss])
    else if (!known.some((other) => other.feature === feature && other.note === note)) known.push(loss)
  }

  #leaveOutDependents(entries: readonly TocEntry[]): void {
    const causes = [...this.leftOut].filter(({ desc }) => !remarkDescs.has(desc) && desc !== 'STATISTICS DATA')
    if (causes.length === 0) return
    const dependents = new Map<DumpId, TocEntry[]>()
    for (const entry of entries) {
      for (const id of entry.dependencies) {
        const known = dependents.get(id)
        if (known === undefined) dependents.set(id, [entry])
        else known.push(entry)
      }
    }
    for (const cause of causes) {
      for (const entry of dependents.get(cause.dumpId) ?? []) {
        if (this.leftOut.has(entry) || isOrderOnly(entry, cause)) continue
        this.leftOut.add(entry)
        const feature = this.#losses.get(cause)?.[0]?.feature ?? ''
        // what was changed about it is of no interest any more
        this.#losses.delete(entry)
        this.#lose(entry, 'dependent', feature, `it is left out with ${describe(cause)}, which it needs`, cause.dumpId)
        if (!remarkDescs.has(descOf(entry))) causes.push(entry)
      }
    }
  }
}

/** Rows come after the rows that their foreign keys name (getTableDataFKConstraints, pg_dump.c), and do without them. */
function isOrderOnly(entry: TocEntry, needed: TocEntry): boolean {
  return dataDescs.has(descOf(entry)) && dataDescs.has(descOf(needed))
}

const PARTITIONED_TABLE = 'p'

function storage(entry: TocEntry, adapter: TargetAdapter): NonNullable<EntryChanges['fields']> {
  const accessMethod = entry.raw.byteString('tableam')
  if (!accessMethod) return {}
  const takes =
    entry.relkind === PARTITIONED_TABLE
      ? adapter.takesAccessMethodOfPartitioned(entry, accessMethod)
      : adapter.takesAccessMethod(entry, accessMethod)
  return takes ? {} : { tableam: null }
}
