import { aFunction, anyOf, checkOptions } from '../check-options.ts'
import { ArchiveError, type Finding, type OnWarning } from '../errors.ts'
import { downgrade } from '../ops/downgrade.ts'
import { mapEntries } from '../ops/map-entries.ts'
import type { FilteredView } from '../ops/selection.ts'
import { withFields } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { Catalog } from './catalog.ts'
import { targetProfile } from './find-profile.ts'
import { targetProblems } from './target-problems.ts'
import type { TargetProfile } from './target.ts'

/** Options of {@link adaptTo}. */
export interface AdaptOptions {
  /** Where the archive is to be restored: a profile, or its name such as `'supabase'`. */
  readonly target: string | TargetProfile
  /**
   * Receives what the target refuses still (code TARGET_LACKS, severity `error`), what it takes otherwise and what was
   * changed (`info`).
   */
  readonly onWarning?: OnWarning
}

/**
 * The archive with all changes that a target asks for and that lose nothing: what lies in tablespaces the target cannot
 * have lies in that of the database, and comments that it refuses on extensions, which bring their own, are left out. For
 * a target whose releases are all older than the archive's server it is what {@link downgrade} makes of it. What the target
 * refuses besides stays in the archive, and is reported.
 *
 * @example
 * const there = adaptTo(archive, { target: 'supabase', onWarning: ({ message }) => console.log(message) })
 * await convert(there, 'supabase.dump')
 *
 * @throws ArchiveError USAGE for a target that is not known
 */
export function adaptTo<V extends ArchiveView>(
  view: V,
  options: AdaptOptions,
): V extends FilteredView ? FilteredView : ArchiveView {
  checkOptions('adaptTo', options, {
    target: anyOf(
      'the name of a target or its profile',
      (value) => typeof value === 'string' || (typeof value === 'object' && value !== null),
    ),
    onWarning: aFunction,
  })
  // nobody is kept by types from leaving it out
  if ((options.target as unknown) === undefined) throw new ArchiveError('USAGE', 'Cannot adapt: no target is given')
  const profile = typeof options.target === 'string' ? targetProfile(options.target) : options.target
  const onWarning = options.onWarning ?? (() => undefined)
  const newest = profile.releases.at(-1)
  const source = Number.parseInt(view.header.remoteVersion ?? '', 10)
  const isNewer = newest !== undefined && source > newest
  const base: ArchiveView = isNewer ? downgrade(view, { targetVersion: String(newest), onWarning }) : view
  const catalog = new Catalog(base)
  catalog.read()
  const { direct, dependents } = targetProblems(catalog, profile)
  const dropped = new Set<TocEntry>()
  const moved = new Set<TocEntry>()
  for (const { entry, fact, detail } of direct) {
    const name = `${entry.desc} ${catalog.label(entry)}${detail === undefined ? '' : ` (${detail})`}`
    if (fact.lossless) {
      const isMoved = fact.about.kind === 'tablespaces'
      if (isMoved) moved.add(entry)
      else dropped.add(entry)
      const change = isMoved ? 'is put into the tablespace of the database' : 'is left out'
      onWarning(finding('info', entry, `${name} ${change}: ${profile.title}: ${fact.why}`))
    } else {
      const severity = fact.effect === 'fails' ? 'error' : 'info'
      onWarning(finding(severity, entry, `${profile.title}: ${name}: ${fact.why}`, fact.fix))
    }
  }
  for (const { entry, of } of dependents) {
    const needed = `${of.desc} ${catalog.label(of)}`
    const message = `${profile.title}: ${entry.desc} ${catalog.label(entry)} needs ${needed}, which fails there`
    onWarning(finding('error', entry, message))
  }
  const decode = decoderFor(base.settings.encoding)
  const adapted = mapEntries(base, (entry) => {
    if (dropped.has(entry)) return []
    return moved.has(entry) ? withFields(entry, { fields: { tablespace: '' } }, decode) : entry
  })
  // mapEntries keeps a filtered view filtered, which its overloads cannot say of a type parameter
  const kept: unknown = adapted
  return kept as V extends FilteredView ? FilteredView : ArchiveView
}

function finding(severity: Finding['severity'], { dumpId }: TocEntry, message: string, hint?: string): Finding {
  return { code: 'TARGET_LACKS', severity, dumpId, message, ...(hint === undefined ? {} : { hint }) }
}
