import { toHex } from '../codec/sha256.ts'
import type { ArchiveHeader, DumpId, TocEntry } from '../toc/types.ts'
import { digestRecord, RecordDigest, entryDigest, headerDigest } from './digest-fields.ts'
import type { LargeObjectDigests } from './digest-objects.ts'

/** What `digest` gives; every digest is SHA-256 in lower-case hexadecimal digits (spec/digest.md). */
export interface ArchiveDigest {
  /** Of header and content. */
  readonly sha256: string
  /** Of the header's database name, versions and date. */
  readonly header: string
  /** Of all entries and large objects: the same for two dumps of one state of a database, if pg_dump wrote the same. */
  readonly content: string
  /** Entries in the order of the view, those about large objects alone excepted. */
  readonly entries: readonly EntryDigest[]
  readonly largeObjects: {
    /** Of them all together. */
    readonly sha256: string
    /** By OID. */
    readonly objects: readonly { readonly oid: number; readonly sha256: string }[]
  }
}

/** The digest of one entry. */
export interface EntryDigest {
  readonly dumpId: DumpId
  /** Of its fields and its data. */
  readonly sha256: string
  /** Of its data alone, decompressed; null without. */
  readonly data: string | null
}

/**
 * The digest of an archive out of those of its parts.
 *
 * @param entries those that are not about large objects alone
 * @param data digests of data by dump id
 */
export function wholeDigest(
  headerRead: ArchiveHeader,
  entries: readonly TocEntry[],
  data: ReadonlyMap<DumpId, Uint8Array>,
  objects: LargeObjectDigests,
): ArchiveDigest {
  const contentRecord = new RecordDigest('pgdmp content 1')
  contentRecord.put(entries.length)
  const entryDigests = entries.map((entry) => {
    const ofData = data.get(entry.dumpId) ?? null
    const all = entryDigest(entry, ofData)
    contentRecord.put(all)
    return { dumpId: entry.dumpId, sha256: toHex(all), data: ofData === null ? null : toHex(ofData) }
  })
  const header = headerDigest(headerRead)
  const { largeObjects, listed } = digestObjects(objects)
  contentRecord.put(largeObjects)
  const content = contentRecord.end()
  return {
    sha256: toHex(digestRecord('pgdmp archive 1', [header, content])),
    header: toHex(header),
    content: toHex(content),
    entries: entryDigests,
    largeObjects: { sha256: toHex(largeObjects), objects: listed },
  }
}

function digestObjects(objects: LargeObjectDigests): {
  readonly largeObjects: Uint8Array
  readonly listed: ArchiveDigest['largeObjects']['objects']
} {
  const record = new RecordDigest('pgdmp large objects 1')
  record.put(objects.size)
  const listed: { oid: number; sha256: string }[] = []
  for (const { oid, digest } of objects.digests()) {
    record.put(digest)
    listed.push({ oid, sha256: toHex(digest) })
  }
  return { largeObjects: record.end(), listed }
}
