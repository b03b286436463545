import { encodeByteString } from '../bytes/byte-string.ts'
import type { Decode } from './encoding.ts'
import { entryFields, inspectEntry, inspectSymbol, type InspectArguments, type TocEntryFields } from './entry-fields.ts'
import type { DataLocation, DumpId, NumberField, RawTocEntry, Section, TextField, TocEntry } from './types.ts'

/** A field as a byte string; `null` is the stored NULL, `undefined` a field that the archive version does not have. */
export type FieldValue = string | null | undefined

/**
 * What an entry gets instead of what it has; what is not named stays. A function is called once, when someone asks for
 * the field, with the value it replaces.
 */
export interface EntryChanges {
  readonly fields?: { readonly [F in TextField]?: FieldValue | ((stored: FieldValue) => FieldValue) }
  readonly dumpId?: DumpId
  readonly hadDumper?: boolean
  readonly section?: Section
  readonly relkind?: string | undefined
  readonly dependencies?: readonly DumpId[]
  readonly data?: DataLocation
  /** Sets the fields `tableoid` and `oid` too. */
  readonly catalogId?: { readonly tableoid: number; readonly oid: number }
}

/**
 * An entry like another with some of it replaced; the other is not touched.
 *
 * @param decode how its strings are shown: `decoderFor(view.settings.encoding)`
 * @example
 * withFields(entry, { fields: { owner: 'bob', defn: (defn) => rewritten(defn) } }, decode)
 */
export function withFields(entry: TocEntry, changes: EntryChanges, decode: Decode): TocEntry {
  return new ChangedEntry(entry, changes, decode)
}

class ChangedEntry implements TocEntry, RawTocEntry {
  readonly #base: TocEntry
  readonly #changes: EntryChanges
  readonly #decode: Decode
  /** Changed fields that somebody asked for. */
  readonly #known = new Map<TextField, FieldValue>()

  constructor(base: TocEntry, changes: EntryChanges, decode: Decode) {
    this.#base = base
    this.#changes = changes
    this.#decode = decode
  }

  get dumpId(): DumpId {
    return this.#changes.dumpId ?? this.#base.dumpId
  }

  get hadDumper(): boolean {
    return this.#changes.hadDumper ?? this.#base.hadDumper
  }

  get catalogId(): { readonly tableoid: number; readonly oid: number } {
    return this.#changes.catalogId ?? this.#base.catalogId
  }

  get tag(): string | null {
    return this.#text('tag') ?? null
  }

  get desc(): string {
    return this.#text('desc') ?? ''
  }

  get section(): Section {
    return this.#changes.section ?? this.#base.section
  }

  get defn(): string | null {
    return this.#text('defn') ?? null
  }

  get dropStmt(): string | null {
    return this.#text('dropStmt') ?? null
  }

  get copyStmt(): string | null {
    return this.#text('copyStmt') ?? null
  }

  get namespace(): string | null {
    return this.#text('namespace') ?? null
  }

  get tablespace(): string | null | undefined {
    return this.#text('tablespace')
  }

  get tableam(): string | null | undefined {
    return this.#text('tableam')
  }

  get relkind(): string | undefined {
    return 'relkind' in this.#changes ? this.#changes.relkind : this.#base.relkind
  }

  get owner(): string | null {
    return this.#text('owner') ?? null
  }

  get dependencies(): readonly DumpId[] {
    return this.#changes.dependencies ?? this.#base.dependencies
  }

  get data(): DataLocation {
    return this.#changes.data ?? this.#base.data
  }

  get raw(): RawTocEntry {
    return this
  }

  bytes(field: TextField): Uint8Array | null | undefined {
    if (!this.#isChanged(field)) return this.#base.raw.bytes(field)
    const value = this.byteString(field)
    return typeof value === 'string' ? encodeByteString(value) : value
  }

  byteString(field: TextField): FieldValue {
    if (!this.#isChanged(field)) return this.#base.raw.byteString(field)
    if (!this.#known.has(field)) this.#known.set(field, this.#changed(field))
    return this.#known.get(field)
  }

  /** A number that was set goes by what it means, which is for a writer to turn into a number. */
  number(field: NumberField): number | undefined {
    return field in this.#changes ? undefined : this.#base.raw.number?.(field)
  }

  toJSON(): TocEntryFields {
    return entryFields(this)
  }

  [inspectSymbol](...how: InspectArguments): string {
    return inspectEntry(this, ...how)
  }

  #isChanged(field: TextField): boolean {
    const { fields, catalogId } = this.#changes
    if (fields !== undefined && field in fields) return true
    return catalogId !== undefined && (field === 'tableoid' || field === 'oid')
  }

  #changed(field: TextField): FieldValue {
    const { fields, catalogId } = this.#changes
    if (catalogId !== undefined && (field === 'tableoid' || field === 'oid')) return String(catalogId[field] >>> 0)
    const change = fields?.[field]
    return typeof change === 'function' ? change(this.#base.raw.byteString(field)) : change
  }

  #text(field: Exclude<TextField, 'tableoid' | 'oid' | 'withOids'>): string | null | undefined {
    if (!this.#isChanged(field)) return this.#base[field]
    const value = this.byteString(field)
    return typeof value === 'string' ? this.#decode(encodeByteString(value)) : value
  }
}
