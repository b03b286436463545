import { decodeByteString } from '../bytes/byte-string.ts'
import { entryFields, inspectEntry, inspectSymbol, type InspectArguments, type TocEntryFields } from './entry-fields.ts'
import type { DataLocation, DumpId, RawTocEntry, Section, TextField, TocEntry } from './types.ts'

/** Everything that an entry says; texts are null where the entry has NULL. */
export interface BuiltFields {
  readonly dumpId: DumpId
  readonly hadDumper: boolean
  readonly catalogId: { readonly tableoid: number; readonly oid: number }
  readonly tag: string | null
  readonly desc: string
  readonly section: Section
  readonly defn: string | null
  readonly dropStmt: string | null
  readonly copyStmt: string | null
  readonly namespace: string | null
  readonly tablespace: string | null
  readonly tableam: string | null
  /** Undefined: by the type of the entry. */
  readonly relkind: string | undefined
  readonly owner: string | null
  readonly dependencies: readonly DumpId[]
}

/** Texts of an entry that was not read from an archive. */
const texts = ['tag', 'desc', 'defn', 'dropStmt', 'copyStmt', 'namespace', 'tablespace', 'tableam', 'owner'] as const

/** Text of an entry as bytes in the archive's encoding; throws what it cannot say. One for all entries of an archive. */
export type EncodeField = (text: string, field: TextField, dumpId: DumpId) => Uint8Array

/** A new entry. @param encode as {@link EncodeField} */
export function buildEntry(fields: BuiltFields, encode: EncodeField): TocEntry {
  return new BuiltEntry(fields, encode)
}

/** There may be a million: an entry is its fields, of which the bytes are made whenever they are asked for. */
class BuiltEntry implements TocEntry, RawTocEntry {
  readonly #fields: BuiltFields
  readonly #encode: EncodeField

  constructor(fields: BuiltFields, encode: EncodeField) {
    this.#fields = fields
    this.#encode = encode
    // what cannot be said is told now
    for (const field of texts) this.bytes(field)
  }

  get dumpId(): DumpId {
    return this.#fields.dumpId
  }

  get hadDumper(): boolean {
    return this.#fields.hadDumper
  }

  get catalogId(): { readonly tableoid: number; readonly oid: number } {
    return this.#fields.catalogId
  }

  get tag(): string | null {
    return this.#fields.tag
  }

  get desc(): string {
    return this.#fields.desc
  }

  get section(): Section {
    return this.#fields.section
  }

  get defn(): string | null {
    return this.#fields.defn
  }

  get dropStmt(): string | null {
    return this.#fields.dropStmt
  }

  get copyStmt(): string | null {
    return this.#fields.copyStmt
  }

  get namespace(): string | null {
    return this.#fields.namespace
  }

  get tablespace(): string | null {
    return this.#fields.tablespace
  }

  get tableam(): string | null {
    return this.#fields.tableam
  }

  get relkind(): string | undefined {
    return this.#fields.relkind
  }

  get owner(): string | null {
    return this.#fields.owner
  }

  get dependencies(): readonly DumpId[] {
    return this.#fields.dependencies
  }

  get data(): DataLocation {
    return this.#fields.hadDumper ? notSet : noData
  }

  get raw(): RawTocEntry {
    return this
  }

  bytes(field: TextField): Uint8Array | null | undefined {
    const text = this.#textOf(field)
    return text == null ? text : this.#encode(text, field, this.#fields.dumpId)
  }

  byteString(field: TextField): string | null | undefined {
    const bytes = this.bytes(field)
    return bytes == null ? bytes : decodeByteString(bytes)
  }

  toJSON(): TocEntryFields {
    return entryFields(this)
  }

  [inspectSymbol](...how: InspectArguments): string {
    return inspectEntry(this, ...how)
  }

  #textOf(field: TextField): string | null | undefined {
    switch (field) {
      case 'tableoid':
      case 'oid':
        return String(this.#fields.catalogId[field])
      case 'withOids':
        return 'false'
      default:
        return isText(field) ? this.#fields[field] : undefined
    }
  }
}

const notSet: DataLocation = { state: 'not-set' }
const noData: DataLocation = { state: 'no-data' }

function isText(field: TextField): field is (typeof texts)[number] {
  return (texts as readonly string[]).includes(field) // `includes` takes members only
}
