import { tokenize, type LexerOptions } from '../sql/lexer.ts'
import type { TocEntry } from '../toc/types.ts'
import {
  dataDescs,
  dependenciesOf,
  descOf,
  entriesById,
  followsAny,
  followsOwn,
  ownRelation,
  relationDescs,
  remarkDescs,
  type EntriesById,
} from './ties.ts'

/** Entries that tie objects together: worth nothing without any of them. */
const linkDescs: ReadonlySet<string> = new Set([
  'FK CONSTRAINT',
  'PUBLICATION TABLE',
  'PUBLICATION TABLES IN SCHEMA',
  'SUBSCRIPTION TABLE',
  'TABLE ATTACH',
  'INDEX ATTACH',
  'SEQUENCE OWNED BY',
  'CAST',
])

/** Links that say how the objects of a database stand to each other: they come as soon as both are there. */
export const jointDescs: ReadonlySet<string> = new Set(['TABLE ATTACH', 'INDEX ATTACH', 'SEQUENCE OWNED BY'])

/** What has parts of its own. */
const ownerDescs: ReadonlySet<string> = new Set([...relationDescs, 'INDEX', 'CONSTRAINT'])

/** What a link may tie; what else it depends on (a schema, a function) is no end of it. */
const endDescs: ReadonlySet<string> = new Set([...ownerDescs, 'PUBLICATION', 'SUBSCRIPTION'])

/** Parts that pg_dump writes apart from a definition, but that belong to it. */
const ownParts: ReadonlySet<string> = new Set(['DEFAULT', 'CHECK CONSTRAINT'])

const tableDescs: ReadonlySet<string> = new Set(['TABLE', 'FOREIGN TABLE'])
const typeDescs: ReadonlySet<string> = new Set(['TYPE', 'DOMAIN'])
const domainDescs: ReadonlySet<string> = new Set(['DOMAIN'])
const sequenceDescs: ReadonlySet<string> = new Set(['SEQUENCE'])
const triggerDescs: ReadonlySet<string> = new Set(['TRIGGER'])

/** What the table of contents tells of how entries belong together, looked up from the object's side. */
export class ObjectTies {
  /** Entries that need all of their ends, in archive order. */
  readonly links: readonly TocEntry[]
  readonly #entries: readonly TocEntry[]
  readonly #lexer: LexerOptions
  readonly #byId: EntriesById
  /** Partitions that are attached by entries of their own, and their parents. */
  readonly #attached: ReadonlyMap<TocEntry, readonly TocEntry[]>
  readonly #remarks: ReadonlyMap<TocEntry, readonly TocEntry[]>
  readonly #ownersOf = new Map<TocEntry, TocEntry[]>()
  readonly #parts: ReadonlyMap<TocEntry, readonly TocEntry[]>
  readonly #classes: ReadonlyMap<TocEntry, readonly TocEntry[]>
  readonly #schemas: ReadonlyMap<string, TocEntry>
  readonly #accessMethods: ReadonlyMap<string, TocEntry>
  readonly #btreeGist: TocEntry | undefined
  /** Sequences that SEQUENCE OWNED BY ties to their table; that of an identity column is made by ALTER TABLE. */
  readonly #tied = new Set<TocEntry>()

  constructor(entries: readonly TocEntry[], lexer: LexerOptions) {
    this.#entries = entries
    this.#lexer = lexer
    const byId = entriesById(entries)
    this.#byId = byId
    const links: TocEntry[] = []
    const remarks = new Map<TocEntry, TocEntry[]>()
    const parts = new Map<TocEntry, TocEntry[]>()
    const classes = new Map<TocEntry, TocEntry[]>()
    this.#attached = this.#attachedTables()
    for (const entry of entries) {
      const desc = descOf(entry)
      if (this.isLink(entry)) links.push(entry)
      if (remarkDescs.has(desc)) for (const object of this.#subjects(entry)) append(remarks, object, entry)
      else for (const owner of this.#owners(entry, desc)) append(this.#ownersOf, entry, owner)
      if (desc === 'OPERATOR CLASS') for (const type of this.#ofDesc(entry, typeDescs)) append(classes, type, entry)
      if (desc === 'SEQUENCE OWNED BY') for (const sequence of dependenciesOf(entry, byId)) this.#tied.add(sequence)
    }
    for (const [entry, owners] of this.#ownersOf) for (const owner of owners) append(parts, owner, entry)
    this.links = links
    this.#remarks = remarks
    this.#parts = parts
    this.#classes = classes
    this.#schemas = byName(entries, 'SCHEMA')
    this.#accessMethods = byName(entries, 'ACCESS METHOD')
    this.#btreeGist = byName(entries, 'EXTENSION').get('btree_gist')
  }

  /** Comments, privileges and labels of an object. */
  remarks(entry: TocEntry): readonly TocEntry[] {
    return this.#remarks.get(entry) ?? []
  }

  /** What belongs to a relation, index or sequence. */
  parts(entry: TocEntry): readonly TocEntry[] {
    return this.#parts.get(entry) ?? []
  }

  /** What makes a type work where nothing names it: its operator classes. */
  ofType(entry: TocEntry): readonly TocEntry[] {
    return this.#classes.get(entry) ?? []
  }

  /** What an entry cannot be restored without. */
  needs(entry: TocEntry): readonly TocEntry[] {
    const needed = dependenciesOf(entry, this.#byId)
    const schema = this.#schemas.get(entry.raw.byteString('namespace') ?? '')
    if (schema !== undefined && !needed.includes(schema)) needed.push(schema)
    const method = this.#accessMethods.get(entry.raw.byteString('tableam') ?? '')
    if (method !== undefined && !needed.includes(method)) needed.push(method)
    if (this.#btreeGist !== undefined && needsBtreeGist(entry)) needed.push(this.#btreeGist)
    return needed
  }

  /** Whether an entry needs all of its ends. */
  isLink(entry: TocEntry): boolean {
    const desc = descOf(entry)
    return linkDescs.has(desc) || (desc === 'TRIGGER' && this.ends(entry).length > 0)
  }

  /** The objects that a link ties; none for what is no link. */
  ends(entry: TocEntry): readonly TocEntry[] {
    switch (descOf(entry)) {
      case 'CAST':
        return dependenciesOf(entry, this.#byId)
      case 'TRIGGER':
        // that of a partition comes with that of its parent: its entry only switches it on or off
        return this.#ofDesc(entry, triggerDescs)
      case 'SEQUENCE OWNED BY': {
        const sequences = this.#ofDesc(entry, sequenceDescs)
        // the entry names its sequence only, and that depends on its table
        return [...sequences, ...sequences.flatMap((sequence) => this.#ofDesc(sequence, relationDescs))]
      }
      default:
        return this.#ofDesc(entry, endDescs)
    }
  }

  /** Whether a part is what an object contains, not what it is: rows, values, and the partitions that hold them. */
  isContent(part: TocEntry): boolean {
    const desc = descOf(part)
    return dataDescs.has(desc) || desc === 'STATISTICS DATA' || tableDescs.has(desc)
  }

  /** Whether a part belongs to the definition of its object, though pg_dump writes it apart. */
  completes(part: TocEntry, object: TocEntry): boolean {
    const desc = descOf(part)
    if (ownParts.has(desc)) return true
    if (desc === 'SEQUENCE') return !this.#tied.has(part)
    // of a view that takes part in a cycle: the entry of the view itself has columns only
    return desc === 'RULE' && part.raw.byteString('tag') === `${object.raw.byteString('tag')} _RETURN`
  }

  /** Whether an entry needs what an object contains, not only what it is. */
  worksWith(entry: TocEntry, needed: TocEntry): boolean {
    if (remarkDescs.has(descOf(entry)) || this.#ownersOf.get(entry)?.includes(needed) === true) return false
    // tables need each other for columns alone: what checks rows has entries of its own
    return !(tableDescs.has(descOf(needed)) && tableDescs.has(descOf(entry)))
  }

  /** The objects that a remark is about; a column's privileges depend on its table's only for their order. */
  #subjects(entry: TocEntry): TocEntry[] {
    return dependenciesOf(entry, this.#byId).filter((object) => descOf(object) !== 'ACL')
  }

  /** The objects that an entry is a part of. */
  #owners(entry: TocEntry, desc: string): readonly TocEntry[] {
    if (desc === 'TABLE' || desc === 'FOREIGN TABLE') return this.#parents(entry)
    if (desc === 'TABLE ATTACH') return this.#ofDesc(entry, relationDescs)
    if (followsOwn.has(desc) || desc === 'FK CONSTRAINT') {
      const relation = ownRelation(entry, this.#byId)
      if (relation !== undefined) return [relation]
      return desc === 'CHECK CONSTRAINT' ? this.#ofDesc(entry, domainDescs) : []
    }
    return followsAny.has(desc) ? this.#ofDesc(entry, ownerDescs) : []
  }

  /** The table that a table is a partition of. */
  #parents(entry: TocEntry): readonly TocEntry[] {
    const known = this.#attached.get(entry)
    if (known !== undefined) return known
    const tables = this.#ofDesc(entry, tableDescs)
    // pg_dump before 14 attaches partitions in their own definition
    return tables.length > 0 && attaches(entry.raw.byteString('defn') ?? '', this.#lexer) ? tables : []
  }

  /** TABLE ATTACH depends on the partition, then on its parent. */
  #attachedTables(): Map<TocEntry, readonly TocEntry[]> {
    const attached = new Map<TocEntry, readonly TocEntry[]>()
    for (const entry of this.#entries) {
      if (descOf(entry) !== 'TABLE ATTACH') continue
      const [partition, ...parents] = this.#ofDesc(entry, tableDescs)
      if (partition !== undefined) attached.set(partition, parents)
    }
    return attached
  }

  #ofDesc(entry: TocEntry, descs: ReadonlySet<string>): TocEntry[] {
    return dependenciesOf(entry, this.#byId).filter((needed) => descs.has(descOf(needed)))
  }
}

/**
 * Exclusion constraints, and keys without overlaps, compare plain columns by operator classes that only the extension
 * btree_gist has; pg_dump knows what the index depends on, but writes the dependencies of the constraint.
 */
function needsBtreeGist(entry: TocEntry): boolean {
  if (descOf(entry) !== 'CONSTRAINT') return false
  return / EXCLUDE USING gist | WITHOUT OVERLAPS\)/.test(entry.raw.byteString('defn') ?? '')
}

function append(lists: Map<TocEntry, TocEntry[]>, key: TocEntry, entry: TocEntry): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [entry])
  else list.push(entry)
}

/** The entries of one type by their names as byte strings. */
function byName(entries: readonly TocEntry[], desc: string): Map<string, TocEntry> {
  const found = new Map<string, TocEntry>()
  for (const entry of entries) if (descOf(entry) === desc) found.set(entry.raw.byteString('tag') ?? '', entry)
  return found
}

/** Whether the definition of a table makes it a partition: ATTACH PARTITION, or PARTITION OF as before 11. */
function attaches(defn: string, lexer: LexerOptions): boolean {
  if (!defn.includes('PARTITION')) return false
  let before = ''
  for (const { kind, start, end } of tokenize(defn, lexer)) {
    if (kind === 'space' || kind === 'comment') continue
    const word = kind === 'word' ? defn.slice(start, end) : ''
    if ((before === 'ATTACH' && word === 'PARTITION') || (before === 'PARTITION' && word === 'OF')) return true
    before = word
  }
  return false
}
