import type { Algorithm } from './codec/codec.ts'
import { ArchiveError } from './errors.ts'
import { openWriter, type CompressionSettings } from './format/open-writer.ts'
import { checkDataCame, checkDataIds } from './format/write-errors.ts'
import { holdsData, type FormatWriter } from './format/writer.ts'
import { writeVerbatim } from './format/write-verbatim.ts'
import { DataOrder } from './format/data-order.ts'
import { EntryCopier, type CopyCounts } from './format/entry-copier.ts'
import { decoderFor } from './toc/encoding.ts'
import { withFields } from './toc/changed-entry.ts'
import type { ByteStream } from './io/byte-stream.ts'
import { refuseOutputWithin } from './io/output-place.ts'
import type { ArchiveOutput } from './io/output.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveVersion, DumpId, TocEntry } from './toc/types.ts'
import { checkWritableVersion, featuresOf, isSameVersion, writtenVersion } from './toc/version.ts'
import { formatByteOf, headerCompression } from './toc/write-head.ts'
import type { ArchiveView, DataOptions } from './view.ts'

/** How to write a view as an archive; what is not given stays as it is in the view. */
export interface WriteViewOptions {
  readonly format?: ArchiveFormat | undefined
  /** With a level, data are compressed again even if the method stays. */
  readonly compression?: CompressionSettings | undefined
  /** 1.12 to 1.16; default the view's, or the oldest of these, or 1.15 for lz4 and zstd. */
  readonly archiveVersion?: ArchiveVersion | undefined
  /** What to do with an output that exists; default `refuse`. */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  /**
   * Set the offsets of a custom archive that has none even if nothing else changes. Without it such an archive is copied
   * byte for byte.
   */
  readonly reindex?: boolean | undefined
  /** Gives the text of a tar archive's restore.sql for the view; without it there is no such member. */
  readonly restoreScript?: ((view: ArchiveView) => ByteStream) | undefined
  /** Tar: time of members that are not copied with their header, in seconds since 1970; default now. */
  readonly mtime?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called before the data of each entry. */
  readonly onEntry?: ((entry: TocEntry) => void) | undefined
  /** Told how many bytes each write has. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

/** What {@link writeView} has written. */
export interface WriteViewResult {
  readonly format: ArchiveFormat
  readonly version: ArchiveVersion
  readonly compression: Algorithm
  /** The output has the same bytes as the input: nothing had to change. */
  readonly verbatim: boolean
  /** How the streams of data came over; all 0 when the whole was copied. */
  readonly streams: CopyCounts
}

/**
 * Writes any view as an archive. What is not asked to change does not change: the whole archive is copied byte for byte
 * if that is what the view shows, entries keep their bytes, and data whose compression stays are copied as they are
 * stored (gzip data between a custom archive and files: the same deflate data in another wrapping). Archives older than
 * 1.12, or with integers of another size than 4 bytes, are written as 1.12 or newer.
 *
 * @throws ArchiveError USAGE, UNSUPPORTED (compression that the version cannot have), CODEC_UNAVAILABLE,
 *   DUPLICATE_DUMP_ID, DATA_OUT_OF_ORDER (neither input nor output can go back, and their orders differ), MISSING_BLOCK,
 *   and what reading the view's data throws; the output does not appear then
 */
export async function writeView(
  view: ArchiveView,
  output: ArchiveOutput,
  options: WriteViewOptions = {},
): Promise<WriteViewResult> {
  options.signal?.throwIfAborted()
  const plan = planWriting(view, options)
  const { format, header, compression } = plan
  const { directory } = view.storage ?? {}
  if (directory !== undefined) await refuseOutputWithin(output, directory)
  const writer = await openWriter(output, {
    format,
    compression,
    overwrite: options.overwrite,
    mtime: options.mtime,
    limits: view.limits,
    signal: options.signal,
    onBytes: options.onBytes,
  })
  const result = { format, version: header.version, compression: compression.method }
  try {
    const copied = isUnchanged(view, plan, options)
      ? await view.storage?.verbatim({ signal: options.signal })
      : undefined
    if (copied !== undefined) {
      await writeVerbatim(writer, copied)
      return { ...result, verbatim: true, streams: { copied: 0, rewrapped: 0, compressed: 0 } }
    }
    const streams = await writeEntries(view, writer, plan, options)
    return { ...result, verbatim: false, streams }
  } catch (error) {
    await writer.abort(error)
    throw error
  }
}

/** What is to be written. */
interface WritePlan {
  readonly format: ArchiveFormat
  readonly compression: CompressionSettings
  readonly header: ArchiveHeader
  /** Data that have the wanted method are compressed again. */
  readonly recompress: boolean
}

function planWriting(view: ArchiveView, options: WriteViewOptions): WritePlan {
  const { header } = view
  const format = options.format ?? header.format
  const compression = options.compression ?? { method: format === 'tar' ? 'none' : knownMethod(header) }
  const version = options.archiveVersion ?? writtenVersion(header.version, compression.method)
  checkWritableVersion(version)
  const changed = compression.level !== undefined || compression.long !== undefined
  const recompress = changed && compression.method === header.compression.algorithm
  return { format, compression, header: headerOf(header, format, version, compression), recompress }
}

/** @throws ArchiveError UNSUPPORTED_COMPRESSION */
function knownMethod({ compression }: ArchiveHeader): Algorithm {
  if (compression.algorithm !== 'unknown') return compression.algorithm
  throw new ArchiveError(
    'UNSUPPORTED_COMPRESSION',
    `Cannot write the archive: its header names compression algorithm ${compression.stored}, which is not known`,
  )
}

function headerOf(
  header: ArchiveHeader,
  format: ArchiveFormat,
  version: ArchiveVersion,
  { method, level }: CompressionSettings,
): ArchiveHeader {
  const sameKind = featuresOf(header.version).compression === featuresOf(version).compression
  const same = sameKind && header.compression.algorithm === method && level === undefined
  return {
    ...header,
    version,
    intSize: 4,
    offSize: header.intSize === 4 && featuresOf(header.version).offsets ? header.offSize : 8,
    format,
    formatByte: formatByteOf[format],
    compression: same ? header.compression : headerCompression(method, version, level ?? null),
  }
}

/** Whether the output is to have the same bytes as the input. */
function isUnchanged(view: ArchiveView, { format, header, recompress }: WritePlan, options: WriteViewOptions): boolean {
  const { storage } = view
  if (storage === undefined || storage.format !== format || recompress) return false
  if (view.header !== storage.header || view.toc.length !== storage.toc.length) return false
  if (!sameHeader(header, storage.header) || (options.reindex === true && format === 'custom')) return false
  return view.toc.every((entry, index) => entry === storage.toc[index])
}

function sameHeader(a: ArchiveHeader, b: ArchiveHeader): boolean {
  return (
    isSameVersion(a.version, b.version) &&
    a.intSize === b.intSize &&
    a.offSize === b.offSize &&
    a.compression.stored === b.compression.stored
  )
}

async function writeEntries(
  view: ArchiveView,
  writer: FormatWriter,
  plan: WritePlan,
  { restoreScript, onEntry, signal }: WriteViewOptions,
): Promise<CopyCounts> {
  const toc = withDumpIds(view)
  checkDataIds(toc)
  const forwardOnly = view.storage?.seekable === false
  const order = new DataOrder(writer.inOrder ? toc : [])
  if (forwardOnly) order.checkAll(view.storage?.toc ?? [])
  const script = restoreScript === undefined ? undefined : () => restoreScript(view).borrow()
  await writer.begin({ header: plan.header, toc, restoreScript: script })
  const copier = new EntryCopier(writer, sourceMethods(view), plan.recompress)
  const dataOptions: DataOptions = signal === undefined ? {} : { signal }
  const written = new Map<TocEntry, TocEntry>()
  for (const [index, entry] of toc.entries()) {
    const shown = view.toc[index]
    if (shown !== undefined && holdsData(entry)) written.set(shown, entry)
  }
  if (forwardOnly) {
    const came = new Set<TocEntry>()
    for await (const block of view.blocks(dataOptions)) {
      const entry = block.entry === undefined ? undefined : written.get(block.entry)
      if (entry === undefined) continue
      order.pass(entry)
      came.add(entry)
      onEntry?.(entry)
      if (block.kind === 'data') await copier.data(entry, block.data)
      else await copier.largeObjects(entry, block.objects)
    }
    checkDataCame(toc, came)
  } else {
    if (!copier.copies) view.plan(view.toc.filter(holdsData))
    for (const [shown, entry] of written) {
      signal?.throwIfAborted()
      onEntry?.(entry)
      if (entry.desc === 'BLOBS') await copier.largeObjects(entry, view.largeObjects(shown, dataOptions))
      else await copier.data(entry, view.data(shown, dataOptions))
    }
  }
  signal?.throwIfAborted()
  await writer.finish()
  return copier.counts
}

/** What the archive below a view says of its compression, and in what container. */
function sourceMethods({ header, storage }: ArchiveView): { format: ArchiveFormat; algorithm: Algorithm | 'unknown' } {
  const stored = storage?.header ?? header
  return { format: storage?.format ?? header.format, algorithm: stored.compression.algorithm }
}

/**
 * The entries, with dependencies on dump ids: before 1.8 they are on OIDs. What is not in the archive is left out, as a
 * reader would take it for the id of something else.
 */
function withDumpIds(view: ArchiveView): readonly TocEntry[] {
  if (featuresOf(view.header.version).tableoid) return view.toc
  const byOid = new Map<number, DumpId>()
  for (const { catalogId, dumpId, hadDumper } of view.toc) {
    if (catalogId.oid !== 0 && !hadDumper && !byOid.has(catalogId.oid)) byOid.set(catalogId.oid, dumpId)
  }
  const decode = decoderFor(view.settings.encoding)
  return view.toc.map((entry) => {
    if (entry.dependencies.length === 0) return entry
    const dependencies = entry.dependencies.flatMap((oid) => byOid.get(oid) ?? [])
    return withFields(entry, { dependencies }, decode)
  })
}
