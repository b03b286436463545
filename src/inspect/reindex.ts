import { Builder } from '../bytes/builder.ts'
import { aFunction, aSignal, checkOptions, resolveLimits } from '../check-options.ts'
import { ArchiveError, type OnWarning } from '../errors.ts'
import { blockLayout } from '../format/custom-blocks.ts'
import { missingBlock } from '../format/custom-errors.ts'
import { BlockIndex } from '../format/custom-index.ts'
import { detect, detectBytes } from '../format/detect.ts'
import { readToc } from '../format/read-toc.ts'
import { SecondToc } from '../format/second-toc.ts'
import { openPatchable, type PatchableFile } from '../io/patch.ts'
import { pullOver } from '../io/pull.ts'
import type { RandomAccess } from '../io/source.ts'
import type { LimitPreset, Limits } from '../limits.ts'
import type { ParsedToc } from '../toc/toc.ts'
import { featuresOf } from '../toc/version.ts'
import { layoutOf, writeHead } from '../toc/write-head.ts'
import { writeToc } from '../toc/write-toc.ts'

/** Options of {@link reindex}. */
export interface ReindexOptions {
  /** Changes to {@link defaultLimits}. */
  readonly limits?: LimitPreset | Partial<Limits> | undefined
  readonly onWarning?: OnWarning | undefined
  /** Ends the search for data; once something is being written, it is completed. */
  readonly signal?: AbortSignal | undefined
}

/** What {@link reindex} did. */
export interface ReindexResult {
  /** Number of entries that have got an offset. */
  readonly set: number
  /** An earlier run had been ended while it was writing, and was completed. */
  readonly completed: boolean
}

/**
 * Gives a custom archive that was written to a pipe the offsets that it lacks, in place: then `pg_restore -j` works, and
 * single tables are found at once. Every data block is passed over first, so that an archive that was cut short is
 * noticed. Only the table of contents is written, with as many bytes as before; a copy lies beside the archive until it
 * is on the disk (`ARCHIVE.pgdmp-patch`), with which a next run completes what a crash has interrupted.
 *
 * @example
 * const { set } = await reindex('nightly.dump')
 *
 * @throws ArchiveError USAGE (no regular file, no custom archive), UNSUPPORTED (version 1.6 or older), MISSING_BLOCK,
 *   BAD_BLOCK, UNEXPECTED_EOF, CHECKSUM_MISMATCH (the copy that an earlier run left does not fit), and what reading a TOC
 *   throws; file-system errors and `signal.reason` unwrapped
 */
export async function reindex(path: string | URL, options: ReindexOptions = {}): Promise<ReindexResult> {
  checkOptions('reindex', options, { limits: true, onWarning: aFunction, signal: aSignal })
  const { signal, onWarning = () => undefined } = options
  signal?.throwIfAborted()
  const file = await openPatchable(path)
  try {
    const { completed } = file
    await checkIsCustom(file)
    const patch = await findOffsets(file, { limits: resolveLimits('reindex', options.limits), onWarning, signal })
    if (patch.set > 0) await file.patch(patch.start, patch.before, patch.after)
    return { set: patch.set, completed }
  } finally {
    await file.close()
  }
}

async function checkIsCustom(file: PatchableFile): Promise<void> {
  const { kind } = detect(await file.read(0, detectBytes))
  if (kind === 'pgdmp') return
  throw new ArchiveError('USAGE', `Cannot set offsets in "${file.path}": only custom archives have them`, {
    file: file.path,
    hint: 'Nothing has to be done for directory and tar archives; write the content of a compressed file out first',
  })
}

/** The table of contents as it is and with the offsets that it lacks. */
export interface TocPatch {
  /** Number of offsets that were missing. */
  readonly set: number
  readonly start: number
  readonly before: Uint8Array
  readonly after: Uint8Array
}

/** What there is to read of a custom archive. */
type NamedSource = RandomAccess & { readonly path: string }

/** Finds the offsets that the table of contents of a custom archive lacks. @throws ArchiveError as {@link reindex} */
export async function findOffsets(
  file: NamedSource,
  { limits, onWarning, signal }: { limits: Limits; onWarning: OnWarning; signal: AbortSignal | undefined },
): Promise<TocPatch> {
  const pull = pullOver(file, { signal })
  let parsed: ParsedToc
  let end: number
  try {
    parsed = await readToc(pull, { format: 'custom', limits, onWarning })
    end = pull.position
  } finally {
    await pull.close()
  }
  return await offsetsOf(file, parsed, end, signal)
}

async function offsetsOf(
  file: NamedSource,
  { header, toc }: ParsedToc,
  end: number,
  signal: AbortSignal | undefined,
): Promise<TocPatch> {
  const start = writeHead(header).length
  const before = await file.read(start, end - start)
  const after = before.slice()
  const missing = toc.flatMap((entry, index) => (entry.hadDumper && entry.data.state === 'not-set' ? [index] : []))
  if (missing.length === 0) return { set: 0, start, before, after }
  if (!featuresOf(header.version).offsets) {
    const { major, minor } = header.version
    throw new ArchiveError(
      'UNSUPPORTED',
      `Cannot set offsets in "${file.path}": archive version is ${major}.${minor}, must be 1.7 or newer`,
      { file: file.path, hint: 'Convert the archive, which brings it to a version that has them' },
    )
  }
  const { offsets } = writeToc(toc, header, () => ({ kind: 'stored' }))
  const blocks = blockLayout(header, file.size, new SecondToc(header, () => toc))
  const index = new BlockIndex(end, blocks, (from) => pullOver(file, { start: from, signal }))
  try {
    await index.scan(signal)
    for (const at of missing) {
      const dumpId = toc[at]?.dumpId ?? 0
      const block = await index.find(dumpId)
      if (block === undefined) throw missingBlock(dumpId, true)
      const builder = new Builder(layoutOf(header))
      builder.writeOffset('set', block.offset)
      after.set(builder.bytes(), offsets[at])
    }
  } finally {
    await index.close()
  }
  return { set: missing.length, start, before, after }
}
