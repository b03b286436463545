import { aBoolean, aCompression, aFunction, checkOptions, type OptionKinds, writingKinds } from '../check-options.ts'
import type { Algorithm } from '../codec/codec.ts'
import type { Finding, OnWarning } from '../errors.ts'
import type { ArchiveOutput } from '../io/output.ts'
import type { ArchiveFormat, ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf, isOlder } from '../toc/version.ts'
import type { ArchiveView } from '../view.ts'
import { writeView } from '../write-view.ts'
import { archiveEntries } from './archive-entries.ts'
import { checkLargeObjects, conversionTarget, lossesOf, noticesOf, type ConversionWishes } from './conversion-target.ts'
import { downgrade, isDowngraded, type DowngradeLoss } from './downgrade.ts'
import { isFiltered } from './filter.ts'
import { groupLargeObjects } from './group-objects.ts'
import { withObjectEntries } from './object-entries.ts'
import { aTargetVersion } from './options.ts'
import { restoreScript } from './restore-script.ts'
import type { SelectionReason } from './selection.ts'
import { separateLargeObjects } from './separate-objects.ts'

/** Options of {@link convert}. With `targetVersion` the view is written as {@link downgrade} shows it. */
export interface ConvertOptions extends ConversionWishes {
  /** What to do with an output that exists; default `refuse`. */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  /**
   * Give a custom archive the offsets that it lacks, where nothing else changes: such an archive is otherwise copied
   * byte for byte. Anything else that is written to a file has them in any case.
   */
  readonly reindex?: boolean | undefined
  /** Tar: write restore.sql (default), or leave it out. */
  readonly restoreScript?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Receives what is lost (severity `error`) and what changes without being asked for (`info`), before anything is
   * written.
   */
  readonly onWarning?: OnWarning | undefined
  /** Called as data goes out: bytes written so far, and the dump id of the entry whose data are being written. */
  readonly onProgress?: ((progress: { readonly bytes: number; readonly entry: DumpId | undefined }) => void) | undefined
}

const convertOptionKinds: OptionKinds<ConvertOptions> = {
  ...writingKinds,
  compression: aCompression,
  targetVersion: aTargetVersion,
  reindex: aBoolean,
  restoreScript: aBoolean,
  onWarning: aFunction,
  onProgress: aFunction,
}

/** An entry that a selection left out. */
export interface DroppedEntry {
  readonly entry: TocEntry
  /** Why, where the selection knows more than that nothing selects it. */
  readonly reason?: SelectionReason
}

/** What {@link convert} did. */
export interface ConvertResult {
  readonly format: ArchiveFormat
  readonly compression: Algorithm
  readonly archiveVersion: ArchiveVersion
  /** The output has the bytes of the input: nothing had to change. */
  readonly verbatim: boolean
  /** Number of entries written. */
  readonly entries: number
  /** Entries that the selection of a filtered view left out; what a downgrade took is in `losses`. */
  readonly dropped: readonly DroppedEntry[]
  /**
   * What the release that the archive is for cannot have, and what became of it: of `targetVersion`, and of a view that
   * {@link downgrade} made. Entries that were left out and entries that were changed, each with the reason.
   */
  readonly losses: readonly DowngradeLoss[]
  /** Bytes written. */
  readonly bytes: number
  /**
   * Streams of data (of tables and of large objects) by how they came over, all 0 when the whole was copied: as they were
   * stored, the same deflate data in another wrapping, or decompressed and compressed again.
   */
  readonly streams: { readonly copied: number; readonly rewrapped: number; readonly compressed: number }
  /** All that `onWarning` was told. */
  readonly warnings: readonly Finding[]
}

/**
 * Writes a view as an archive: another format, compression or version, or a part of it, or with other names, as the view
 * shows it. What is not asked to change does not change. An unchanged archive is copied byte for byte; data whose
 * compression stays are copied as they are stored.
 *
 * Of a filtered view the output holds what was selected, and is a valid archive: dependencies on entries that are left
 * out lead on to what those depend on. To keep the database's own entries, as pg_dump does, select with `create`.
 *
 * The output appears when it is whole; on an error there is nothing. On forward-only input data come in archive order,
 * which a tar archive or an output that cannot go back must then have, too.
 *
 * @param output a path, or for custom and tar archives a Writable or WritableStream
 * @example
 * await convert(filter(archive, { schemas: ['app'], create: true }), 'app.dump', {
 *   format: 'custom',
 *   compression: { method: 'zstd', level: 7 },
 * })
 *
 * @throws ArchiveError USAGE (the output exists, or options that exclude each other or do not fit the archive),
 *   DUPLICATE_DUMP_ID, DATA_OUT_OF_ORDER, CODEC_UNAVAILABLE, UNSUPPORTED_COMPRESSION, and what reading data throws;
 *   file-system errors and `signal.reason` unwrapped
 */
export async function convert(
  view: ArchiveView,
  output: ArchiveOutput,
  options: ConvertOptions = {},
): Promise<ConvertResult> {
  checkOptions('convert', options, convertOptionKinds)
  const { signal, onProgress } = options
  signal?.throwIfAborted()
  const target = conversionTarget(view.header, options)
  const warnings: Finding[] = []
  const warn = (finding: Finding): void => {
    warnings.push(finding)
    options.onWarning?.(finding)
  }
  const { targetVersion } = options
  const wanted = targetVersion === undefined ? view : downgrade(view, { targetVersion, onWarning: warn })
  const hasGroups = (version: ArchiveVersion): boolean => featuresOf(version).relkindAndBlobGroups
  // a custom archive holds as many as there are: one that is copied keeps them
  const isLowered = isOlder(target.archiveVersion, view.header.version)
  const mayHaveGroups = hasGroups(view.header.version) || target.format !== 'custom' || isLowered
  const separates = mayHaveGroups && !hasGroups(target.archiveVersion)
  const laidOut = separates ? separateLargeObjects(wanted) : wanted
  const separate = await withObjectEntries(archiveEntries(laidOut), signal)
  // in a tar archive of 1.16 pg_restore looks for groups
  const isSuchTar = view.header.format === 'tar' && hasGroups(view.header.version)
  const groups = target.format === 'tar' && hasGroups(target.archiveVersion) && !isSuchTar
  const whole = groups ? await groupLargeObjects(separate, { signal }) : separate
  checkLargeObjects(whole, target)
  noticesOf(view, target).forEach(warn)
  lossesOf(whole.toc, view.header, target.archiveVersion).forEach(warn)
  let bytes = 0
  let current: DumpId | undefined
  const written = await writeView(whole, output, {
    ...target,
    overwrite: options.overwrite,
    reindex: options.reindex,
    restoreScript:
      options.restoreScript === false
        ? undefined
        : (shown) => restoreScript(shown, signal === undefined ? {} : { signal }),
    signal,
    onEntry: ({ dumpId }) => {
      current = dumpId
    },
    onBytes: (count) => {
      bytes += count
      onProgress?.({ bytes, entry: current })
    },
  })
  return {
    format: written.format,
    compression: written.compression,
    archiveVersion: written.version,
    verbatim: written.verbatim,
    entries: whole.toc.length,
    dropped: droppedFrom(view),
    losses: lossesIn(view, wanted),
    bytes,
    streams: written.streams,
    warnings,
  }
}

/** Of the view that was handed in, and of what was made of it for `targetVersion`. */
function lossesIn(view: ArchiveView, wanted: ArchiveView): readonly DowngradeLoss[] {
  const views = view === wanted ? [view] : [view, wanted]
  return views.flatMap((each) => (isDowngraded(each) ? each.losses() : []))
}

function droppedFrom(view: ArchiveView): DroppedEntry[] {
  if (!isFiltered(view)) return []
  const kept = new Set(view.toc)
  return view.allEntries
    .filter((entry) => !kept.has(entry))
    .map((entry) => {
      const reason = view.reason(entry)
      return reason === undefined ? { entry } : { entry, reason }
    })
}
