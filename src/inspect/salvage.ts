import {
  aBoolean,
  aCompression,
  aFunction,
  anArchiveFormat,
  checkOptions,
  resolveLimits,
  type OptionKinds,
  writingKinds,
} from '../check-options.ts'
import { ArchiveError, type Finding } from '../errors.ts'
import { refuseOutputOver, refuseOutputWithin } from '../io/output-place.ts'
import type { ArchiveInput } from '../io/input.ts'
import type { ArchiveOutput } from '../io/output.ts'
import { bytesSource } from '../io/source.ts'
import type { LimitPreset, Limits } from '../limits.ts'
import { convert } from '../ops/convert.ts'
import type { Compression } from '../ops/conversion-target.ts'
import { withFields } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { ArchiveFormat, ArchiveHeader, ArchiveVersion, DumpId, TocEntry } from '../toc/types.ts'
import { featuresOf } from '../toc/version.ts'
import { assess, type Judging, type Kept } from './salvage-assess.ts'
import { adopt, DumpIds, isSoundSetting, lenientSettings, lostSettings } from './salvage-entries.ts'
import { filesOfDirectory, type FoundFiles } from './salvage-files.ts'
import { entriesWithData, gatherCustom, gatherFiles, oidsOf, type Gathered } from './salvage-gather.ts'
import { openInput, type OpenedInput } from './salvage-input.ts'
import { mendedEntries, mendedHeader, placed } from './salvage-mend.ts'
import { makersOfUndeclared, ownObjects, ownersOfObjects, withoutContent, withSoundObjects } from './salvage-objects.ts'
import type { Break } from './salvage-payload.ts'
import {
  reportOf,
  reportOfLost,
  reportOfObject,
  type LostLargeObject,
  type SalvagedEntry,
  type SalvageReport,
} from './salvage-report.ts'
import { algorithmOfFiles, headerOf } from './salvage-header.ts'
import { madeHeader } from './salvage-toc-head.ts'
import { findToc, tocOfFiles, type FoundToc } from './salvage-toc.ts'
import { salvagedView } from './salvage-view.ts'
import { declaresObjects, expectedOids } from './verify-objects.ts'

/** Options of {@link salvage}. */
export interface SalvageOptions {
  /** Container of the damaged archive; found out where its beginning is left. */
  readonly inputFormat?: ArchiveFormat | undefined
  /** Container of the new archive; default that of the damaged one. */
  readonly format?: ArchiveFormat | undefined
  /** Compression of the new archive; default that of the damaged one. */
  readonly compression?: Compression | undefined
  /** 1.12 to 1.16; default that of the damaged archive, or the oldest of these. */
  readonly archiveVersion?: ArchiveVersion | undefined
  /** Leave out all data of a damaged stream, since any of them may be wrong; default keep what looks right, and say so. */
  readonly certainOnly?: boolean | undefined
  /** Keep large objects up to where they are cut; default keep whole ones only. */
  readonly cutLargeObjects?: boolean | undefined
  /** What to do with an output that exists; default `refuse`. The damaged archive itself is never replaced. */
  readonly overwrite?: 'replace' | 'refuse' | undefined
  /** A preset by name, or changes to {@link defaultLimits}. */
  readonly limits?: LimitPreset | Partial<Limits> | undefined
  readonly signal?: AbortSignal | undefined
  /** Told of the damage outside of data as it is found. */
  readonly onWarning?: ((finding: Finding) => void) | undefined
  /** Called with each entry as its data have been looked at, and as they are written. */
  readonly onProgress?:
    | ((progress: {
        readonly phase: 'reading' | 'writing'
        readonly entry: DumpId | undefined
        readonly bytes: number
      }) => void)
    | undefined
}

const optionKinds: OptionKinds<SalvageOptions> = {
  ...writingKinds,
  inputFormat: anArchiveFormat,
  compression: aCompression,
  certainOnly: aBoolean,
  cutLargeObjects: aBoolean,
  limits: true,
  onWarning: aFunction,
  onProgress: aFunction,
}

/**
 * Writes what is whole of a damaged or truncated archive as a new archive: entries, rows up to the last complete one of a
 * table that is cut, large objects; and tells what is lost. The damaged archive is read twice and never changed. What
 * is kept, and why, is in spec/salvage.md.
 *
 * @param input the damaged archive; a stream is copied to a temporary file first
 * @param output a path, or for custom and tar archives a Writable or WritableStream; it appears when it is whole
 * @example
 * const report = await salvage('broken.dump', 'saved.dump')
 * for (const entry of report.entries) if (entry.state !== 'whole') console.log(entry.tag, entry.rowsKept, entry.reason)
 *
 * @throws ArchiveError NOT_AN_ARCHIVE (nothing to save), PLAIN_SQL, USAGE (the output exists, or is the input),
 *   CODEC_UNAVAILABLE; file-system errors and `signal.reason` unwrapped
 */
export async function salvage(
  input: ArchiveInput,
  output: ArchiveOutput,
  options: SalvageOptions = {},
): Promise<SalvageReport> {
  checkOptions('salvage', options, optionKinds)
  const { signal } = options
  signal?.throwIfAborted()
  const limits = resolveLimits('salvage', options.limits)
  const opened = await openInput(input, { format: options.inputFormat, limits, signal })
  try {
    if (opened.path !== undefined) {
      await refuseOutputOver(output, opened.path)
      if (opened.input.format === 'directory') await refuseOutputWithin(output, opened.path)
    }
    return await new Salvaging(opened, limits, options).run(output)
  } finally {
    await opened.release()
  }
}

class Salvaging {
  readonly #opened: OpenedInput
  readonly #limits: Limits
  readonly #options: SalvageOptions
  readonly #signal: AbortSignal | undefined
  readonly #findings: Finding[] = []
  readonly #entries: SalvagedEntry[] = []
  readonly #objects: LostLargeObject[] = []
  #isAllTaken = true

  constructor(opened: OpenedInput, limits: Limits, options: SalvageOptions) {
    this.#opened = opened
    this.#limits = limits
    this.#options = options
    this.#signal = options.signal
  }

  async run(output: ArchiveOutput): Promise<SalvageReport> {
    const { input } = this.#opened
    this.#tell(this.#opened.breaks)
    const files =
      input.format === 'directory'
        ? await filesOfDirectory(input.dir)
        : input.format === 'tar'
          ? input.files
          : undefined
    const found = await this.#toc(files)
    const toc = found === undefined ? undefined : withSoundObjects(found)
    this.#tell(toc?.breaks ?? [{ kind: 'damaged', offset: 0, reason: 'there is no table of contents' }])
    const told = toc?.header ?? madeHeader(input.format)
    const gathered =
      files !== undefined
        ? await gatherFiles(files, toc, algorithmOfFiles(files, toc), this.#limits, this.#signal)
        : await gatherCustom(
            input.format === 'custom' ? input.source : bytesSource(new Uint8Array(0)),
            toc,
            told,
            this.#signal,
          )
    this.#tell(gathered.breaks)
    const header = this.#mendedHeader(headerOf(told, toc, gathered.algorithm))
    const { entries, kept } = await this.#keep(header, toc, gathered)
    if (entries.length === 0 || (toc?.entries.length ?? 0) + kept.size === 0) throw this.#nothing()
    const settings = lenientSettings(entries)
    const signal = this.#signal
    const view = salvagedView({ header, settings, limits: this.#limits, toc: entries, kept, signal })
    const { onProgress } = this.#options
    const result = await convert(view, output, {
      format: this.#options.format ?? input.format,
      ...(this.#options.compression === undefined ? {} : { compression: this.#options.compression }),
      archiveVersion: this.#options.archiveVersion,
      overwrite: this.#options.overwrite,
      signal,
      onWarning: (finding) => this.#warn(finding),
      ...(onProgress === undefined
        ? {}
        : { onProgress: ({ bytes, entry }) => onProgress({ phase: 'writing', entry, bytes }) }),
    })
    const lost = toc === undefined ? undefined : lostEntries(toc)
    const isTaken = this.#isAllTaken && gathered.breaks.every(({ isLeft }) => isLeft !== true)
    const whole =
      isTaken && this.#entries.every(({ state }) => state === 'whole') && this.#objects.length === 0 && lost === 0
    return {
      inputFormat: input.format,
      format: result.format,
      compression: result.compression,
      whole,
      entriesWritten: result.entries,
      entriesLost: lost,
      entries: this.#entries,
      largeObjects: this.#objects,
      findings: this.#findings,
      bytes: result.bytes,
    }
  }

  async #toc(files: FoundFiles | undefined): Promise<FoundToc | undefined> {
    const { input } = this.#opened
    const search = { format: input.format, limits: this.#limits, signal: this.#signal }
    if (input.format === 'custom') return await findToc({ ...search, source: input.source })
    return files === undefined ? undefined : await tocOfFiles(files, search)
  }

  /** What of all that was found goes into the new archive. */
  async #keep(
    header: ArchiveHeader,
    toc: FoundToc | undefined,
    gathered: Gathered,
  ): Promise<{ readonly entries: readonly TocEntry[]; readonly kept: ReadonlyMap<TocEntry, Kept> }> {
    const found = (toc?.entries ?? []).filter((entry) => this.#isUsable(entry))
    const tocWhole = toc !== undefined && toc.breaks.length === 0
    const ids = new DumpIds(
      found.map(({ dumpId }) => dumpId),
      gathered.strays.flatMap(({ dumpId }) => dumpId ?? []),
    )
    const judging = this.#judging(found, tocWhole)
    const kept = new Map<TocEntry, Kept>()
    const gone = new Set<TocEntry>()
    const withData = new Set(entriesWithData(found))
    const owners = ownersOfObjects(found, gathered.data, header.version)
    for (const entry of found) {
      if (!withData.has(entry)) continue
      this.#signal?.throwIfAborted()
      if (await this.#keepEntry(entry, found, header.version, gathered, owners, judging, kept)) continue
      gone.add(entry)
    }
    const made: TocEntry[] = []
    for (const stray of gathered.strays) {
      const adopted = await adopt(stray, ids, header.version, judging, oidsOf([...found, ...made]))
      if (adopted === undefined) {
        const { dumpId } = stray
        const reason = `data of the dump id ${dumpId ?? 'unknown'} are lost, and so is their entry`
        this.#tell([{ kind: 'damaged', offset: 0, reason, dumpId }])
        continue
      }
      for (const each of adopted.entries) made.push(each)
      kept.set(adopted.owner, adopted.kept)
      this.#report(adopted.owner, adopted.kept, true)
    }
    const left = withoutDependencies(
      found.filter((entry) => !gone.has(entry)),
      gone,
      kept,
      header,
    )
    // where nothing declares any, it is a part of an archive that does not
    if (!tocWhole || found.some(declaresObjects)) {
      for (const each of makersOfUndeclared([...found, ...made], ids, header.version, kept)) made.push(each)
    }
    if (!tocWhole) {
      const empty = withoutContent(found, ids, kept)
      for (const { entry, lost } of empty)
        for (const object of lost) this.#objects.push(reportOfObject(entry.dumpId, object))
      for (const { entry } of empty) made.push(entry)
    }
    const isUtf8 = [...kept.values()].every((each) => each.kind !== 'rows' || each.isUtf8)
    const settings =
      tocWhole || !featuresOf(header.version).tableoid ? [] : lostSettings(found, ids, isUtf8 ? 'UTF8' : 'SQL_ASCII')
    const entries = this.#mended(placed(left, made), kept, header)
    return { entries: entries.length === 0 ? [] : [...settings, ...entries], kept }
  }

  #mendedHeader(header: ArchiveHeader): ArchiveHeader {
    const mended = mendedHeader(header)
    if (mended !== header) {
      const reason = 'the versions in the header have control characters: they are left out'
      this.#tell([{ kind: 'damaged', offset: 0, reason }])
    }
    return mended
  }

  #mended(entries: readonly TocEntry[], kept: Map<TocEntry, Kept>, header: ArchiveHeader): readonly TocEntry[] {
    const mended = mendedEntries(entries, header, lenientSettings(entries).encoding)
    return entries.map((each, index) => {
      const change = mended[index]
      if (change === undefined) return each
      const { entry, was, what } = change
      const { dumpId } = entry
      for (const text of what) {
        this.#tell([{ kind: 'damaged', offset: 0, reason: `TOC entry ${dumpId} is damaged: ${text}`, dumpId }])
      }
      move(kept, was, entry)
      return entry
    })
  }

  /** Looks at an entry's data; false when nothing of them is kept. */
  async #keepEntry(
    entry: TocEntry,
    entries: readonly TocEntry[],
    version: ArchiveVersion,
    gathered: Gathered,
    owners: ReadonlyMap<number, DumpId>,
    judging: Judging,
    kept: Map<TocEntry, Kept>,
  ): Promise<boolean> {
    this.#options.onProgress?.({ phase: 'reading', entry: entry.dumpId, bytes: 0 })
    const data = ownObjects(entry, gathered.data.get(entry), owners)
    const expected = expectedOids(entry, entries, version).filter((oid) => owners.get(oid) === entry.dumpId)
    if (data === undefined || (data.kind === 'objects') !== (entry.desc === 'BLOBS')) {
      const why = gathered.missing.get(entry) ?? { offset: 0, reason: 'the data found for it are of another kind' }
      this.#entries.push(reportOfLost(entry, why))
      const broken: Break = { kind: 'cut', offset: why.offset, reason: why.reason }
      const objects = expected.map((oid) => ({ oid, payload: undefined, bytes: 0, state: 'lost' as const, broken }))
      for (const object of objects) this.#objects.push(reportOfObject(entry.dumpId, object))
      if (objects.length === 0) return false
      kept.set(entry, { kind: 'objects', state: 'lost', objects, bytes: 0, broken })
      return true
    }
    const found = await assess(entry, data, expected, judging)
    // of what is not whole its report tells
    if (data.kind === 'objects' && data.broken !== undefined && found.broken === undefined) {
      this.#tell([{ ...data.broken, dumpId: entry.dumpId }])
    }
    this.#report(entry, found, false)
    // objects that other entries create get empty contents
    if (found.state === 'lost' && !(found.kind === 'objects' && expected.length > 0)) return false
    kept.set(entry, found)
    return true
  }

  #judging(entries: readonly TocEntry[], tocWhole: boolean): Judging {
    return {
      settings: lenientSettings(entries, tocWhole ? 'none-lost' : 'lost'),
      encodingKnown: entries.some(({ raw }) => raw.byteString('desc') === 'ENCODING'),
      limits: this.#limits,
      signal: this.#signal,
      certainOnly: this.#options.certainOnly === true,
      cutObjects: this.#options.cutLargeObjects === true,
    }
  }

  #isUsable(entry: TocEntry): boolean {
    if (isSoundSetting(entry)) return true
    this.#tell([
      {
        kind: 'damaged',
        offset: 0,
        reason: `TOC entry ${entry.dumpId} (${entry.desc}) says nothing that can be understood`,
        dumpId: entry.dumpId,
      },
    ])
    return false
  }

  #report(entry: TocEntry, kept: Kept, made: boolean): void {
    this.#entries.push(reportOf(entry, kept, made))
    if (kept.kind !== 'objects') return this.#leave(kept.excess, `the data of entry ${entry.dumpId}`, entry)
    for (const object of kept.objects) {
      this.#leave(object.excess, `large object ${object.oid}`, entry)
      if (object.state !== 'whole') this.#objects.push(reportOfObject(entry.dumpId, object))
    }
  }

  /** What stands behind a stream that is whole is nothing that pg_restore would get past. */
  #leave(excess: Break | undefined, what: string, { dumpId }: TocEntry): void {
    if (excess === undefined) return
    this.#isAllTaken = false
    this.#tell([{ ...excess, reason: `behind the compressed stream of ${what} are bytes that are left out`, dumpId }])
  }

  #tell(breaks: readonly Break[]): void {
    for (const { kind, offset, reason, hint, dumpId } of breaks) {
      const code = kind === 'cut' ? 'CUT' : 'DAMAGED'
      const where = offset === 0 && dumpId !== undefined ? {} : { offset }
      this.#warn({
        code,
        severity: 'error',
        message: reason,
        ...where,
        ...(dumpId === undefined ? {} : { dumpId }),
        ...(hint === undefined ? {} : { hint }),
      })
    }
  }

  #warn(finding: Finding): void {
    this.#findings.push(finding)
    this.#options.onWarning?.(finding)
  }

  #nothing(): ArchiveError {
    const { path } = this.#opened
    const what = path === undefined ? 'the input' : `"${path}"`
    return new ArchiveError('NOT_AN_ARCHIVE', `Cannot salvage ${what}: there is nothing of an archive in it`, {
      file: path,
      hint: 'Look for another copy of the archive',
    })
  }
}

/** Entries that are not there; undefined where nobody knows how many there were. */
function lostEntries({ expected, entries, breaks }: FoundToc): number | undefined {
  if (expected === undefined) return breaks.length === 0 ? 0 : undefined
  return Math.max(0, expected - entries.length)
}

/** Entries that depend on those that are gone depend on what these depend on. */
function withoutDependencies(
  entries: readonly TocEntry[],
  gone: ReadonlySet<TocEntry>,
  kept: Map<TocEntry, Kept>,
  { version }: ArchiveHeader,
): readonly TocEntry[] {
  if (gone.size === 0 || !featuresOf(version).tableoid) return entries
  const left = new Map([...gone].map((entry) => [entry.dumpId, entry]))
  const decode = decoderFor(lenientSettings(entries).encoding)
  return entries.map((entry) => {
    if (!entry.dependencies.some((id) => left.has(id))) return entry
    const ids = new Set(entry.dependencies.flatMap((id) => left.get(id)?.dependencies ?? [id]))
    const changed = withFields(entry, { dependencies: [...ids].filter((id) => !left.has(id)) }, decode)
    move(kept, entry, changed)
    return changed
  })
}

function move(kept: Map<TocEntry, Kept>, from: TocEntry, to: TocEntry): void {
  const data = kept.get(from)
  if (data === undefined || from === to) return
  kept.delete(from)
  kept.set(to, data)
}
