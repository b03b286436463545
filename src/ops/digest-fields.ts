import { encodeByteString, writeByteString } from '../bytes/byte-string.ts'
import { createSha256, type Hash } from '../codec/sha256.ts'
import type { ArchiveHeader, TextField, TocEntry } from '../toc/types.ts'

/** A value of a record: bytes, a byte string, a number (as decimal text), or NULL. */
export type FieldValue = Uint8Array | string | number | null

/** Bytes before a value: 0 for NULL, else 1 and the length. */
const PREFIX_BYTES = 9
/** Values of a record are gathered up to this much: to tell the hash of each of them takes longer than to hash it. */
const GATHER_BYTES = 16 * 1024

/** What is gathered of the record under way; there is one at a time. */
const gathered = new Uint8Array(GATHER_BYTES)
const view = new DataView(gathered.buffer)

/**
 * The digest of a record (spec/digest.md): its name, then its values, each with its length, so that no two records
 * give the same bytes.
 */
export function digestRecord(name: string, values: Iterable<FieldValue>): Uint8Array {
  const hash = createSha256()
  let end = putValue(hash, name, 0)
  for (const value of values) end = putValue(hash, value, end)
  hash.update(gathered.subarray(0, end))
  return hash.digest()
}

/** Puts a value behind what is gathered up to `at`, and gives the end of it. */
function putValue(hash: Hash, value: FieldValue, at: number): number {
  const known = typeof value === 'number' ? String(value) : value
  const length = known === null ? 0 : known.length
  let end = at
  if (end + PREFIX_BYTES + length > GATHER_BYTES) {
    hash.update(gathered.subarray(0, end))
    end = 0
  }
  if (known === null) {
    gathered[end] = 0
    return end + 1
  }
  gathered[end] = 1
  view.setUint32(end + 1, Math.floor(length / 2 ** 32))
  view.setUint32(end + 5, length >>> 0)
  end += PREFIX_BYTES
  if (length > GATHER_BYTES - PREFIX_BYTES) {
    hash.update(gathered.subarray(0, end))
    hash.update(typeof known === 'string' ? encodeByteString(known) : known)
    return 0
  }
  if (typeof known === 'string') writeByteString(known, gathered, end)
  else gathered.set(known, end)
  return end + length
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
