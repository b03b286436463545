import { mostInGroup } from '../sql/large-object-group.ts'
import type { TocEntry } from '../toc/types.ts'
import { digestRecord, type FieldValue } from './digest-fields.ts'
import { DigestStore } from './digest-store.ts'
import { NumberIndex } from './number-index.ts'
import { NumberList } from './number-list.ts'
import { descOf, remarkDescs } from './ties.ts'

/** Digest of a large object. */
export interface ObjectDigest {
  /** Unsigned 32-bit OID. */
  readonly oid: number
  readonly digest: Uint8Array
}

/** What an entry remarks upon an object: a comment, a label or privileges. */
interface Remark {
  readonly desc: string
  readonly owner: Uint8Array | null
  readonly text: string
}

/** Oids are kept in text of up to this many digits. */
const oidPattern = /^\d{1,10}$/

/**
 * Gathers what entries say of large objects by OID. Releases cut that differently (one BLOB for each object, or BLOB
 * METADATA for a group), and pgdmp converts the one into the other, so it must not matter for a digest.
 *
 * There may be millions of them: only numbers are kept of each, and what entries say is read when it is digested.
 */
export class LargeObjectDigests {
  readonly #entries: readonly TocEntry[]
  /** 1 where an entry is about large objects alone. */
  readonly #taken: Uint8Array
  readonly #objects = new NumberIndex()
  /** By the object's place: position of the entry that declares it, + 1; before archive version 1.12 there is none. */
  readonly #makers = new NumberList()
  /** By the object's place: the number of its last remark, + 1. */
  readonly #lastRemarks = new NumberList()
  /** By the remark's number: position of its entry, and the number of the object's remark before, + 1. */
  readonly #remarkEntries = new NumberList()
  readonly #remarksBefore = new NumberList()
  #remarkCount = 0
  /** Digests of what the objects contain. */
  readonly #contents = new DigestStore()
  /** Those of objects that are there more than once, by place, from the second on. */
  readonly #moreContents = new Map<number, Uint8Array[]>()
  /** The entries that declare objects, and the position of each + 1. */
  readonly #declaring = new NumberIndex()
  readonly #positions = new NumberList()
  /** Groups whose privileges one entry tells: pg_dump writes no second one. */
  readonly #granted = new NumberIndex()

  constructor(entries: readonly TocEntry[]) {
    this.#entries = entries
    this.#taken = new Uint8Array(entries.length)
    for (const [position, entry] of entries.entries()) {
      const desc = descOf(entry)
      const isDeclared = (desc === 'BLOB' || desc === 'BLOB METADATA') && this.#declare(entry, desc, position)
      if (isDeclared || desc === 'BLOBS') this.#taken[position] = 1
    }
    if (this.#declaring.size === 0) return
    for (const [position, entry] of entries.entries()) {
      const desc = descOf(entry)
      if (remarkDescs.has(desc) && this.#remark(entry, desc, position)) this.#taken[position] = 1
    }
  }

  /** The entries that are not about large objects alone, or say more of them than pg_dump says. */
  others(): TocEntry[] {
    return this.#entries.filter((_, position) => this.#taken[position] === 0)
  }

  /** Takes the digest of an object's content. */
  addContent(oid: number, digest: Uint8Array): void {
    const place = this.#objects.add(oid)
    if (this.#contents.borrow(place) === undefined) return this.#contents.set(place, digest)
    const more = this.#moreContents.get(place)
    if (more === undefined) this.#moreContents.set(place, [digest])
    else more.push(digest)
  }

  get size(): number {
    return this.#objects.size
  }

  /** The digest of each object, by OID. */
  *digests(): Generator<ObjectDigest, void, void> {
    const oids = Uint32Array.from(this.#objects.keys()).sort()
    for (const oid of oids) yield { oid, digest: this.#digest(oid) }
  }

  #digest(oid: number): Uint8Array {
    const place = this.#objects.placeOf(oid)
    const maker = this.#makers.at(place) - 1
    const owner = maker < 0 ? null : (this.#entries[maker]?.raw.bytes('owner') ?? null)
    const remarks = this.#remarksOf(place, oid)
    const values: FieldValue[] = [oid, maker < 0 ? null : 'declared', owner, remarks.length]
    for (const { desc, owner: remarkOwner, text } of remarks) values.push(desc, remarkOwner, text)
    const content = this.#contents.borrow(place)
    const contents = content === undefined ? [] : [content, ...(this.#moreContents.get(place) ?? [])]
    return digestRecord('pgdmp large object 1', [...values, contents.length, ...contents])
  }

  /** In an order of its own: groups come in another one than objects. */
  #remarksOf(place: number, oid: number): readonly Remark[] {
    const remarks: Remark[] = []
    for (let number = this.#lastRemarks.at(place); number > 0; number = this.#remarksBefore.at(number - 1)) {
      const entry = this.#entries[this.#remarkEntries.at(number - 1)]
      if (entry === undefined) continue
      const desc = descOf(entry)
      remarks.push({ desc, owner: entry.raw.bytes('owner') ?? null, text: textOf(entry, desc, oid) })
    }
    // of equal ones, the first that came comes first
    return remarks.reverse().sort((a, b) => compare(a.desc, b.desc) || compare(a.text, b.text))
  }

  #declare(entry: TocEntry, desc: string, position: number): boolean {
    const oids = desc === 'BLOB' ? oidOfBlob(entry) : oidsOfGroup(entry)
    if (oids === undefined || entry.dependencies.length > 0) return false
    this.#positions.set(this.#declaring.add(entry.dumpId), position + 1)
    for (const oid of oids) this.#makers.set(this.#objects.add(oid), position + 1)
    return true
  }

  /** Takes a remark if it is on objects that an entry declares, and is what pg_dump says of them. */
  #remark(entry: TocEntry, desc: string, position: number): boolean {
    const [maker, ...more] = entry.dependencies
    if (maker === undefined || more.length > 0) return false
    const makerAt = this.#positions.at(this.#declaring.placeOf(maker))
    const declaring = this.#entries[makerAt - 1]
    if (declaring === undefined) return false
    const tag = entry.raw.byteString('tag') ?? ''
    const one = /^LARGE OBJECT (\d{1,10})$/.exec(tag)?.[1]
    if (one === undefined) return this.#remarkOnGroup(entry, desc, position, declaring)
    const place = this.#objects.placeOf(Number(one))
    if (place < 0 || this.#makers.at(place) !== makerAt) return false
    if (desc === 'ACL' && !isAclOf(entry, one)) return false
    this.#put(place, position)
    return true
  }

  /** The privileges of a group. */
  #remarkOnGroup(entry: TocEntry, desc: string, position: number, declaring: TocEntry): boolean {
    if (desc !== 'ACL' || !(entry.raw.byteString('tag') ?? '').startsWith('LARGE OBJECTS ')) return false
    const oids = oidsOf(declaring) ?? []
    // or a few bytes of archive would make a thousand remarks, and the next ones a thousand more
    if (!isAclOf(entry, String(oids[0])) || this.#granted.has(declaring.dumpId)) return false
    this.#granted.add(declaring.dumpId)
    for (const oid of oids) this.#put(this.#objects.add(oid), position)
    return true
  }

  #put(place: number, position: number): void {
    const number = this.#remarkCount++
    this.#remarkEntries.set(number, position)
    this.#remarksBefore.set(number, this.#lastRemarks.at(place))
    this.#lastRemarks.set(place, number + 1)
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function oidsOf(entry: TocEntry): readonly number[] | undefined {
  return descOf(entry) === 'BLOB' ? oidOfBlob(entry) : oidsOfGroup(entry)
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
  // pg_dump writes no larger ones, and what is said of one would be repeated for each object
  if (defn.length > mostInGroup * 11) return undefined
  // no group is repeated: that would fail on definitions of many megabytes
  if (!/^\d/.test(defn) || !defn.endsWith('\n') || /[^\d\n]|\n\n|\d{11}/.test(defn)) return undefined
  const oids = defn.trimEnd().split('\n').map(Number)
  return oids.length > mostInGroup ? undefined : oids
}

/** Whether privileges name no other object than this one, which is the first of its group. */
function isAclOf({ raw }: TocEntry, oid: string): boolean {
  let isNamed = false
  for (const [, named] of (raw.byteString('defn') ?? '').matchAll(namedObject)) {
    if (named === undefined) continue
    if (named !== oid) return false
    isNamed = true
  }
  return isNamed
}

/** A remark in the words of one object: the privileges of a group name its first one. */
function textOf(entry: TocEntry, desc: string, oid: number): string {
  const text = entry.raw.byteString('defn') ?? ''
  if (desc !== 'ACL') return text
  return text.replaceAll(namedObject, (all, found?: string) => (found === undefined ? all : ` OBJECT ${oid} `))
}

/** A quoted name (or a part of it, up to a doubled quote), or the object of a command on a large object. */
const namedObject = /"[^"]*"|(?<=\bLARGE) OBJECT (\d+) /g
