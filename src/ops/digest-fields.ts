import { encodeByteString, writeByteString } from '../bytes/byte-string.ts'
import { createSha256, type Hash } from '../codec/sha256.ts'
import type { ArchiveHeader, TextField, TocEntry } from '../toc/types.ts'

/** A value of a record: bytes, a byte string, a number (as decimal text), or NULL. */
export type FieldValue = Uint8Array | string | number | null

/** Bytes before a value: 0 for NULL, else 1 and the length. */
const PREFIX_BYTES = 9
/** Values of a record are gathered up to this much: to tell the hash of each of them takes longer than to hash it. */
const GATHER_BYTES = 16 * 1024

/** Buffers that no record uses: there is one for each that is begun within another. */
const idle: Uint8Array[] = []

/**
 * The digest of a record (spec/digest.md): its name, then its values, each with its length, so that no two records
 * give the same bytes.
 */
export function digestRecord(name: string, values: Iterable<FieldValue>): Uint8Array {
  const record = new RecordDigest(name)
  for (const value of values) record.put(value)
  return record.end()
}

/** The same for values that come one by one. */
export class RecordDigest {
  readonly #hash: Hash = createSha256()
  readonly #gathered = idle.pop() ?? new Uint8Array(GATHER_BYTES)
  #end = 0

  constructor(name: string) {
    this.put(name)
  }

  put(value: FieldValue): void {
    const known = typeof value === 'number' ? String(value) : value
    const length = known === null ? 0 : known.length
    if (this.#end + PREFIX_BYTES + length > GATHER_BYTES) this.#flush()
    const gathered = this.#gathered
    if (known === null) {
      gathered[this.#end++] = 0
      return
    }
    gathered[this.#end] = 1
    for (let at = this.#end + PREFIX_BYTES - 1, left = length; at > this.#end; at--, left = Math.floor(left / 256)) {
      gathered[at] = left % 256
    }
    this.#end += PREFIX_BYTES
    if (length > GATHER_BYTES - PREFIX_BYTES) {
      this.#flush()
      this.#hash.update(typeof known === 'string' ? encodeByteString(known) : known)
      return
    }
    if (typeof known === 'string') writeByteString(known, gathered, this.#end)
    else gathered.set(known, this.#end)
    this.#end += length
  }

  /** The digest, once: nothing may follow. */
  end(): Uint8Array {
    this.#flush()
    idle.push(this.#gathered)
    return this.#hash.digest()
  }

  #flush(): void {
    this.#hash.update(this.#gathered.subarray(0, this.#end))
    this.#end = 0
  }
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
