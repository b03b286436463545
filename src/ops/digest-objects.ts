import type { DumpId, TocEntry } from '../toc/types.ts'
import { digestRecord, type FieldValue } from './digest-fields.ts'
import { descOf, remarkDescs } from './ties.ts'

/** What an archive says of one large object, however its entries are cut. */
interface ObjectState {
  /** An entry creates it; before archive version 1.12 its content alone does. */
  isDeclared: boolean
  owner: Uint8Array | null
  /** Comments, labels and privileges: desc, owner, statements. */
  readonly remarks: { readonly desc: string; readonly owner: Uint8Array | null; readonly text: string }[]
  /** Digests of what it contains: one, none without data. */
  readonly contents: Uint8Array[]
}

/** Digest of a large object. */
export interface ObjectDigest {
  /** Unsigned 32-bit OID. */
  readonly oid: number
  readonly digest: Uint8Array
}

/** Oids are kept in text of up to this many digits. */
const oidPattern = /^\d{1,10}$/

/**
 * Gathers what entries say of large objects by OID. Releases cut that differently (one BLOB for each object, or BLOB
 * METADATA for a group), and pgdmp converts the one into the other, so it must not matter for a digest.
 */
export class LargeObjectDigests {
  readonly #objects = new Map<number, ObjectState>()
  /** The OIDs that a BLOB or BLOB METADATA entry declares. */
  readonly #declared = new Map<DumpId, readonly number[]>()
  readonly #taken = new Set<TocEntry>()

  constructor(entries: readonly TocEntry[]) {
    for (const entry of entries) {
      const desc = descOf(entry)
      const isDeclared = (desc === 'BLOB' || desc === 'BLOB METADATA') && this.#declare(entry, desc)
      if (isDeclared || desc === 'BLOBS') this.#taken.add(entry)
    }
    if (this.#declared.size === 0) return
    for (const entry of entries) {
      const desc = descOf(entry)
      if (remarkDescs.has(desc) && this.#remark(entry, desc)) this.#taken.add(entry)
    }
  }

  /** Whether an entry is about large objects alone, and says of them what pg_dump says. */
  has(entry: TocEntry): boolean {
    return this.#taken.has(entry)
  }

  /** Takes the digest of an object's content. */
  addContent(oid: number, digest: Uint8Array): void {
    this.#object(oid).contents.push(digest)
  }

  /** The digest of each object, by OID. */
  digests(): ObjectDigest[] {
    const oids = Array.from(this.#objects.keys()).sort((a, b) => a - b)
    return oids.map((oid) => ({ oid, digest: this.#digest(oid, this.#object(oid)) }))
  }

  #digest(oid: number, { isDeclared, owner, remarks, contents }: ObjectState): Uint8Array {
    // groups come in another order than objects
    const sorted = remarks.toSorted((a, b) => compare(a.desc, b.desc) || compare(a.text, b.text))
    const values: FieldValue[] = [oid, isDeclared ? 'declared' : null, owner, sorted.length]
    for (const { desc, owner: remarkOwner, text } of sorted) values.push(desc, remarkOwner, text)
    return digestRecord('pgdmp large object 1', [...values, contents.length, ...contents])
  }

  #declare(entry: TocEntry, desc: string): boolean {
    const oids = desc === 'BLOB' ? oidOfBlob(entry) : oidsOfGroup(entry)
    if (oids === undefined || entry.dependencies.length > 0) return false
    this.#declared.set(entry.dumpId, oids)
    for (const oid of oids) {
      const object = this.#object(oid)
      object.isDeclared = true
      object.owner = entry.raw.bytes('owner') ?? null
    }
    return true
  }

  #remark(entry: TocEntry, desc: string): boolean {
    const { dependencies, raw } = entry
    const declared = dependencies.length === 1 ? this.#declared.get(dependencies[0] ?? 0) : undefined
    if (declared === undefined) return false
    const tag = raw.byteString('tag') ?? ''
    const one = /^LARGE OBJECT (\d{1,10})$/.exec(tag)?.[1]
    const oids = one === undefined ? declared : [Number(one)]
    if (one === undefined && !(desc === 'ACL' && tag.startsWith('LARGE OBJECTS '))) return false
    if (!oids.every((oid) => declared.includes(oid))) return false
    const textOf = desc === 'ACL' ? aclTextOf(entry, oids) : () => raw.byteString('defn') ?? ''
    if (textOf === undefined) return false
    for (const oid of oids) {
      this.#object(oid).remarks.push({ desc, owner: raw.bytes('owner') ?? null, text: textOf(oid) })
    }
    return true
  }

  #object(oid: number): ObjectState {
    let object = this.#objects.get(oid)
    if (object === undefined) {
      object = { isDeclared: false, owner: null, remarks: [], contents: [] }
      this.#objects.set(oid, object)
    }
    return object
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The object of a BLOB entry that says no more than pg_dump does. */
function oidOfBlob({ raw }: TocEntry): number[] | undefined {
  const tag = raw.byteString('tag') ?? ''
  if (!oidPattern.test(tag)) return undefined
  const isUsual =
    raw.byteString('defn') === `SELECT pg_catalog.lo_create('${tag}');\n` &&
    raw.byteString('dropStmt') === `SELECT pg_catalog.lo_unlink('${tag}');\n`
  return isUsual ? [Number(tag)] : undefined
}

/** The objects of a BLOB METADATA entry: its definition has one a line. */
function oidsOfGroup({ raw }: TocEntry): number[] | undefined {
  const defn = raw.byteString('defn') ?? ''
  // no group is repeated: that would fail on definitions of many megabytes
  if (!/^\d/.test(defn) || !defn.endsWith('\n') || /[^\d\n]|\n\n|\d{11}/.test(defn)) return undefined
  return defn.trimEnd().split('\n').map(Number)
}

/** The privileges of each object: those of a group name its first one. */
function aclTextOf({ raw }: TocEntry, oids: readonly number[]): ((oid: number) => string) | undefined {
  const text = raw.byteString('defn') ?? ''
  const first = String(oids[0])
  const named = Array.from(text.matchAll(namedObject), (match) => match[1]).filter((oid) => oid !== undefined)
  if (named.length === 0 || named.some((oid) => oid !== first)) return undefined
  return (oid) => text.replaceAll(namedObject, (all, found?: string) => (found === undefined ? all : ` OBJECT ${oid} `))
}

/** A quoted name (or a part of it, up to a doubled quote), or the object of a command on a large object. */
const namedObject = /"[^"]*"|(?<=\bLARGE) OBJECT (\d+) /g
