import { encodeByteString } from '../bytes/byte-string.ts'
import { createSha256, type Hash } from '../codec/sha256.ts'
import type { ArchiveHeader, TextField, TocEntry } from '../toc/types.ts'

/** A value of a record: bytes, a byte string, a number (as decimal text), or NULL. */
export type FieldValue = Uint8Array | string | number | null

/** Bytes before a value: 0 for NULL, else 1 and the length. */
const PREFIX_BYTES = 9

/**
 * The digest of a record (spec/digest.md): its name, then its values, each with its length, so that no two records
 * give the same bytes.
 */
export function digestRecord(name: string, values: Iterable<FieldValue>): Uint8Array {
  const hash = createSha256()
  putValue(hash, name)
  for (const value of values) putValue(hash, value)
  return hash.digest()
}

function putValue(hash: Hash, value: FieldValue): void {
  if (value === null) {
    hash.update(Uint8Array.of(0))
    return
  }
  const bytes = value instanceof Uint8Array ? value : encodeByteString(String(value))
  const prefix = new Uint8Array(PREFIX_BYTES)
  prefix[0] = 1
  new DataView(prefix.buffer).setBigUint64(1, BigInt(bytes.length))
  hash.update(prefix)
  hash.update(bytes)
}

/** The record of an archive's header: who dumped what, and when; nothing about how it is stored. */
export function headerDigest({ raw, createDate }: ArchiveHeader): Uint8Array {
  const date = createDate === null ? null : Object.values(dateFields(createDate)).join(' ')
  return digestRecord('pgdmp header 1', [raw.dbname, raw.remoteVersion, raw.dumpVersion, date])
}

function dateFields({ year, month, day, hour, minute, second, isdst }: NonNullable<ArchiveHeader['createDate']>) {
  return { year, month, day, hour, minute, second, isdst }
}

/**
 * The record of an entry. What an archive version does not have counts as its default, and what only repeats the
 * definition (relkind) or says how data is stored does not count.
 *
 * @param data digest of its data; null without
 */
export function entryDigest(entry: TocEntry, data: Uint8Array | null): Uint8Array {
  const { dumpId, catalogId, section, dependencies, raw } = entry
  const field = (name: TextField): Uint8Array | null => raw.bytes(name) ?? null
  const tableam = raw.byteString('tableam') ?? ''
  return digestRecord('pgdmp entry 1', [
    dumpId,
    catalogId.tableoid,
    catalogId.oid,
    field('tag'),
    field('desc'),
    section,
    field('defn'),
    field('dropStmt'),
    field('copyStmt'),
    field('namespace'),
    field('tablespace'),
    tableam === '' || tableam === 'heap' ? null : field('tableam'),
    field('owner'),
    raw.byteString('withOids') === 'true' ? 'true' : 'false',
    dependencies.length,
    ...dependencies,
    data,
  ])
}
