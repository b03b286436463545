import type { ByteStream } from '../io/byte-stream.ts'
import type { Limits } from '../limits.ts'
import type { Release } from '../sql/compat.ts'
import type { ArchiveHeader, ArchiveSettings, DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveStorage, ArchiveView, DataBlock, DataOptions, LargeObject } from '../view.ts'
import { isFiltered } from './filter.ts'
import { joinBlocks, type JoinedEntries } from './join-blocks.ts'
import type { EntryParts, FilteredView, Selection, SelectionReason, UnmatchedName } from './selection.ts'

/**
 * What becomes of an entry: another entry (see `withFields`), the same one, several, or none. Asked once for each entry
 * of the base, when somebody first needs it.
 */
export type EntryChange = (entry: TocEntry) => TocEntry | readonly TocEntry[]

/** What else differs in the view; absent: as in the base. Asked when somebody first needs it. */
export interface ViewChanges {
  readonly header?: () => ArchiveHeader
  readonly settings?: () => ArchiveSettings
  /** The changed entries in another order; leaves none out and adds none. */
  readonly arrange?: (entries: readonly TocEntry[]) => readonly TocEntry[]
  /**
   * The data of an entry of the base as the view shows them; undefined: as they are. Not asked about data that are wanted
   * as stored.
   */
  readonly data?: (entry: TocEntry, data: ByteStream) => ByteStream | undefined
  /** Entries of the base whose large objects are shown as those of the first, which alone becomes an entry. */
  readonly joins?: () => JoinedEntries | undefined
}

/**
 * A view with other entries over the same data: the base of every transformation that changes entries. A filtered view
 * stays one, and everything that is asked about an entry is asked of the base about the entry it was made from.
 */
export function mapEntries(view: FilteredView, change: EntryChange, changes?: ViewChanges): FilteredView
export function mapEntries(view: ArchiveView, change: EntryChange, changes?: ViewChanges): ArchiveView
export function mapEntries(view: ArchiveView, change: EntryChange, changes: ViewChanges = {}): ArchiveView {
  return mapView(view, new EntryMap(change), changes)
}

function mapView(view: ArchiveView, map: EntryMap, changes: ViewChanges): ArchiveView {
  return isFiltered(view) ? new MappedFilteredView(view, map, changes) : new MappedView(view, map, changes)
}

/** Entries and what became of them, in both directions, by identity: an archive may use a dump id twice. */
class EntryMap {
  readonly #change: EntryChange
  readonly #results = new Map<TocEntry, readonly TocEntry[]>()
  readonly #origins = new Map<TocEntry, TocEntry>()

  constructor(change: EntryChange) {
    this.#change = change
  }

  get(entry: TocEntry): readonly TocEntry[] {
    const known = this.#results.get(entry)
    if (known !== undefined) return known
    const changed = this.#change(entry)
    const result = isList(changed) ? changed : [changed]
    this.#results.set(entry, result)
    for (const one of result) if (one !== entry) this.#origins.set(one, entry)
    return result
  }

  /** The entry of the base that this one was made from: itself when it was not made here. */
  origin(entry: TocEntry): TocEntry {
    return this.#origins.get(entry) ?? entry
  }

  all(entries: readonly TocEntry[]): readonly TocEntry[] {
    return entries.flatMap((entry) => this.get(entry))
  }

  /** Of several entries made from one, the one that its data goes with. */
  holder(entry: TocEntry): TocEntry | undefined {
    const changed = this.get(entry)
    return changed.find(({ dumpId }) => dumpId === entry.dumpId) ?? changed[0]
  }
}

function isList(changed: TocEntry | readonly TocEntry[]): changed is readonly TocEntry[] {
  return Array.isArray(changed)
}

class MappedView implements ArchiveView {
  protected readonly inner: ArchiveView
  protected readonly map: EntryMap
  protected readonly changes: ViewChanges
  #header: ArchiveHeader | undefined
  #settings: ArchiveSettings | undefined
  #toc: readonly TocEntry[] | undefined
  #byId: ReadonlyMap<DumpId, TocEntry> | undefined

  constructor(inner: ArchiveView, map: EntryMap, changes: ViewChanges) {
    this.inner = inner
    this.map = map
    this.changes = changes
  }

  get header(): ArchiveHeader {
    this.#header ??= this.changes.header?.() ?? this.inner.header
    return this.#header
  }

  get settings(): ArchiveSettings {
    this.#settings ??= this.changes.settings?.() ?? this.inner.settings
    return this.#settings
  }

  get limits(): Limits {
    return this.inner.limits
  }

  get toc(): readonly TocEntry[] {
    this.#toc ??= this.arranged(this.inner.toc)
    return this.#toc
  }

  get storedEntryCount(): number {
    return this.inner.storedEntryCount + this.every().length - this.innerEntries().length
  }

  entry(dumpId: DumpId): TocEntry | undefined {
    const before = this.inner.entry(dumpId)
    const changed = before === undefined ? undefined : this.map.holder(before)
    if (changed?.dumpId === dumpId) return changed
    this.#byId ??= new Map(this.every().map((entry) => [entry.dumpId, entry]))
    return this.#byId.get(dumpId)
  }

  data(entry: TocEntry, options?: DataOptions): ByteStream {
    const origin = this.map.origin(entry)
    return this.#changed(origin, this.inner.data(origin, options), options)
  }

  /** A stream that changes has no stored form to be copied. */
  #changed(origin: TocEntry, data: ByteStream, options: DataOptions | undefined): ByteStream {
    return options?.raw === true ? data : (this.changes.data?.(origin, data) ?? data)
  }

  largeObjects(entry: TocEntry, options?: DataOptions): AsyncIterable<LargeObject> {
    const origin = this.map.origin(entry)
    const joined = this.changes.joins?.()
    return joined?.[0] === origin ? this.#readJoined(joined, options) : this.inner.largeObjects(origin, options)
  }

  async *#readJoined(joined: JoinedEntries, options?: DataOptions): AsyncGenerator<LargeObject, void, void> {
    for (const entry of joined) yield* this.inner.largeObjects(entry, options)
  }

  #blocks(options?: DataOptions): AsyncIterable<DataBlock> {
    const blocks = this.inner.blocks(options)
    const joined = this.changes.joins?.()
    if (joined === undefined) return blocks
    const canGoBack = this.inner.storage?.seekable !== false
    return joinBlocks(blocks, joined, canGoBack ? () => this.#readJoined(joined, options) : undefined)
  }

  async *blocks(options?: DataOptions): AsyncGenerator<DataBlock, void, void> {
    for await (const block of this.#blocks(options)) {
      if (block.entry === undefined) {
        yield block
        continue
      }
      const entry = this.map.holder(block.entry)
      if (entry === undefined) continue
      const { dumpId } = entry
      if (block.kind === 'large-objects') yield { ...block, entry, dumpId }
      else yield { ...block, entry, dumpId, data: this.#changed(block.entry, block.data, options) }
    }
  }

  plan(entries: readonly TocEntry[]): void {
    const joined = this.changes.joins?.()
    const origins = entries.map((entry) => this.map.origin(entry))
    this.inner.plan(
      joined === undefined ? origins : origins.flatMap((entry) => (entry === joined[0] ? joined : [entry])),
    )
  }

  get storage(): ArchiveStorage | undefined {
    return this.inner.storage
  }

  protected arranged(before: readonly TocEntry[]): readonly TocEntry[] {
    const entries = this.map.all(before)
    return this.changes.arrange?.(entries) ?? entries
  }

  /** All entries of the inner view, selected or not. */
  protected innerEntries(): readonly TocEntry[] {
    return this.inner.toc
  }

  protected every(): readonly TocEntry[] {
    return this.toc
  }
}

class MappedFilteredView extends MappedView implements FilteredView {
  readonly #filtered: FilteredView
  #base: ArchiveView | undefined
  #allEntries: readonly TocEntry[] | undefined

  constructor(inner: FilteredView, map: EntryMap, changes: ViewChanges) {
    super(inner, map, changes)
    this.#filtered = inner
  }

  get base(): ArchiveView {
    this.#base ??= mapView(this.#filtered.base, this.map, this.changes)
    return this.#base
  }

  get selection(): Selection {
    return this.#filtered.selection
  }

  get release(): Release {
    return this.#filtered.release
  }

  get unmatched(): readonly UnmatchedName[] {
    return this.#filtered.unmatched
  }

  get allEntries(): readonly TocEntry[] {
    this.#allEntries ??= this.arranged(this.#filtered.allEntries)
    return this.#allEntries
  }

  parts(entry: TocEntry): EntryParts {
    return this.#filtered.parts(this.map.origin(entry))
  }

  reason(entry: TocEntry): SelectionReason | undefined {
    const reason = this.#filtered.reason(this.map.origin(entry))
    const of = reason?.of === undefined ? undefined : this.map.holder(reason.of)
    return reason === undefined || of === undefined ? reason : { ...reason, of }
  }

  protected override innerEntries(): readonly TocEntry[] {
    return this.#filtered.allEntries
  }

  protected override every(): readonly TocEntry[] {
    return this.allEntries
  }
}
