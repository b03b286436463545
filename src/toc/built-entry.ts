import { decodeByteString } from '../bytes/byte-string.ts'
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
  const stored = new Map<TextField, Uint8Array | null>()
  for (const field of texts) {
    const text = fields[field]
    stored.set(field, text === null ? null : encode(text, field))
  }
  stored.set('tableoid', encode(String(fields.catalogId.tableoid), 'tableoid'))
  stored.set('oid', encode(String(fields.catalogId.oid), 'oid'))
  stored.set('withOids', encode('false', 'withOids'))
  const raw: RawTocEntry = {
    bytes: (field) => stored.get(field),
    byteString: (field) => {
      const bytes = stored.get(field)
      return bytes == null ? bytes : decodeByteString(bytes)
    },
  }
  const data: DataLocation = { state: fields.hadDumper ? 'not-set' : 'no-data' }
  return { ...fields, data, raw }
}
