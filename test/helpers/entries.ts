import { decodeByteString } from '../../src/bytes/byte-string.ts'
import { encodeByteString, utf8ToByteString } from '../../src/bytes/byte-string.ts'
import { defaultLimits } from '../../src/limits.ts'
import { decoderFor } from '../../src/toc/encoding.ts'
import type { ArchiveHeader, RawTocEntry, TextField, TocEntry } from '../../src/toc/types.ts'
import type { ArchiveView, DataBlock } from '../../src/view.ts'

/** What to say of an entry; strings are UTF-8, bytes are taken as they are. */
export interface EntryFields extends Partial<
  Omit<TocEntry, 'raw' | 'tag' | 'desc' | 'namespace' | 'owner' | 'defn' | 'tablespace' | 'tableam'>
> {
  readonly tag?: string | Uint8Array | null
  readonly desc?: string
  readonly namespace?: string | Uint8Array | null
  readonly owner?: string | Uint8Array | null
  readonly defn?: string | Uint8Array | null
  readonly tablespace?: string | null
  readonly tableam?: string | null
  readonly encoding?: string
}

/** An entry made by hand: a table with a definition in pre-data unless told otherwise. */
export function entryOf(dumpId: number, fields: EntryFields = {}): TocEntry {
  const { tag = `t${dumpId}`, desc = 'TABLE', namespace = 'public', owner = 'postgres', encoding = 'UTF8' } = fields
  const { defn = 'CREATE …;\n', dropStmt = null, copyStmt = null, tablespace, tableam } = fields
  const { catalogId = { tableoid: 1259, oid: 16384 + dumpId } } = fields
  const stored: Partial<Record<TextField, string | Uint8Array | null | undefined>> = {
    tag,
    desc,
    namespace,
    owner,
    defn,
    dropStmt,
    copyStmt,
    tablespace,
    tableam,
    withOids: 'false',
    tableoid: String(catalogId.tableoid),
    oid: String(catalogId.oid),
  }
  const bytes = (field: TextField): Uint8Array | null | undefined => {
    const value = stored[field]
    return typeof value === 'string' ? encodeByteString(utf8ToByteString(value)) : value
  }
  const decode = decoderFor(encoding)
  const text = (field: TextField): string | null => {
    const found = bytes(field)
    return found == null ? null : decode(found)
  }
  const raw: RawTocEntry = {
    bytes,
    byteString: (field) => {
      const found = bytes(field)
      return found == null ? found : decodeByteString(found)
    },
  }
  return {
    dumpId,
    hadDumper: fields.hadDumper ?? false,
    catalogId,
    tag: text('tag'),
    desc,
    section: fields.section ?? 'pre-data',
    defn: text('defn'),
    dropStmt,
    copyStmt,
    namespace: text('namespace'),
    tablespace,
    tableam,
    relkind: fields.relkind,
    owner: text('owner'),
    dependencies: fields.dependencies ?? [],
    data: fields.data ?? { state: 'no-data' },
    raw,
  }
}

/** A header as pg_dump 18 writes it. */
export const headerOf = (changes: Partial<ArchiveHeader> = {}): ArchiveHeader => ({
  version: { major: 1, minor: 16, rev: 0 },
  intSize: 4,
  offSize: 8,
  format: 'custom',
  formatByte: 1,
  compression: { algorithm: 'gzip', level: null, stored: 1 },
  createDate: { year: 2026, month: 11, day: 22, hour: 20, minute: 33, second: 6, isdst: 0 },
  dbname: 'app',
  remoteVersion: '18.6',
  dumpVersion: '18.6',
  raw: {
    dbname: encodeByteString('app'),
    remoteVersion: encodeByteString('18.6'),
    dumpVersion: encodeByteString('18.6'),
  },
  ...changes,
})

/** A view without data on entries made by hand; `blocks` gives the ids of what it would come across. */
export function viewOf(
  toc: readonly TocEntry[],
  changes: { readonly encoding?: string; readonly header?: ArchiveHeader; readonly blocks?: readonly DataBlock[] } = {},
): ArchiveView {
  const noData = (): never => {
    throw new Error('This view has no data')
  }
  return {
    header: changes.header ?? headerOf(),
    settings: { encoding: changes.encoding ?? 'UTF8', stdStrings: true, searchPath: null },
    limits: defaultLimits,
    toc,
    storedEntryCount: toc.length,
    entry: (dumpId) => toc.findLast((entry) => entry.dumpId === dumpId),
    data: noData,
    largeObjects: noData,
    async *blocks() {
      yield* changes.blocks ?? []
    },
    plan() {},
  }
}
