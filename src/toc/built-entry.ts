import { decodeByteString } from '../bytes/byte-string.ts'
import { entryFields, inspectEntry, inspectSymbol, type InspectArguments } from './entry-fields.ts'
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

/**
 * A new entry.
 * @param encode text as bytes in the archive's encoding; throws what it cannot say
 */
export function buildEntry(fields: BuiltFields, encode: (text: string, field: TextField) => Uint8Array): TocEntry {
  const textOf = (field: TextField): string | null | undefined => {
    switch (field) {
      case 'tableoid':
      case 'oid':
        return String(fields.catalogId[field])
      case 'withOids':
        return 'false'
      default:
        return isText(field) ? fields[field] : undefined
    }
  }
  // what cannot be said is told now; the bytes are made when they are asked for, as there may be a million entries
  for (const field of texts) encodeField(field)
  function encodeField(field: TextField): Uint8Array | null | undefined {
    const text = textOf(field)
    return text == null ? text : encode(text, field)
  }
  const raw: RawTocEntry = {
    bytes: encodeField,
    byteString: (field) => {
      const bytes = encodeField(field)
      return bytes == null ? bytes : decodeByteString(bytes)
    },
  }
  const data: DataLocation = { state: fields.hadDumper ? 'not-set' : 'no-data' }
  const entry: TocEntry = { ...fields, data, raw }
  return Object.defineProperties(entry, {
    toJSON: { value: () => entryFields(entry) },
    [inspectSymbol]: { value: (...how: InspectArguments) => inspectEntry(entry, ...how) },
  })
}

function isText(field: TextField): field is (typeof texts)[number] {
  return (texts as readonly string[]).includes(field) // `includes` takes members only
}
