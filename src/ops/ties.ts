import type { DumpId, TocEntry } from '../toc/types.ts'

/** The type without decoding it: all that are looked for are ASCII. */
export function descOf(entry: TocEntry): string {
  return entry.raw.byteString('desc') ?? ''
}

/** An entry as messages name it: type, schema, name. */
export function describe(entry: Pick<TocEntry, 'desc' | 'namespace' | 'tag'>): string {
  const schema = entry.namespace === null ? '' : `${entry.namespace} `
  return `${entry.desc} ${schema}${entry.tag ?? ''}`
}

export const relationDescs: ReadonlySet<string> = new Set([
  'TABLE',
  'VIEW',
  'MATERIALIZED VIEW',
  'FOREIGN TABLE',
  'SEQUENCE',
])

/** What a relation contains: rows, the value of a sequence, the order to fill a materialized view. */
export const dataDescs: ReadonlySet<string> = new Set(['TABLE DATA', 'MATERIALIZED VIEW DATA', 'SEQUENCE SET'])

/** What is said about an object, and goes wherever it goes. */
export const remarkDescs: ReadonlySet<string> = new Set(['ACL', 'COMMENT', 'SECURITY LABEL'])

/** Goes with any of what it depends on. */
export const followsAny: ReadonlySet<string> = new Set([
  ...remarkDescs,
  'STATISTICS',
  'STATISTICS DATA',
  'TABLE ATTACH',
  'INDEX ATTACH',
  'PUBLICATION TABLE',
  'SUBSCRIPTION TABLE',
  'SEQUENCE',
  'SEQUENCE SET',
  'SEQUENCE OWNED BY',
  'FK CONSTRAINT',
])

/** Goes with the one relation that it is a part of, though it may depend on others; the tag begins with its name. */
export const followsOwn: ReadonlySet<string> = new Set([
  'TABLE DATA',
  'MATERIALIZED VIEW DATA',
  'INDEX',
  'CONSTRAINT',
  'CHECK CONSTRAINT',
  'DEFAULT',
  'TRIGGER',
  'RULE',
  'POLICY',
  'ROW SECURITY',
])

/** Entries by id; of several with one id the last. */
export type EntriesById = ReadonlyMap<DumpId, TocEntry>

export function entriesById(entries: readonly TocEntry[]): EntriesById {
  return new Map(entries.map((entry) => [entry.dumpId, entry]))
}

/** What an entry depends on, as far as it is in the archive. */
export function dependenciesOf(entry: TocEntry, byId: EntriesById): TocEntry[] {
  const found: TocEntry[] = []
  for (const dumpId of new Set(entry.dependencies)) {
    const needed = byId.get(dumpId)
    if (needed !== undefined && needed !== entry) found.push(needed)
  }
  return found
}

/** The relation that an entry is a part of: its tag is the relation's, or begins with it and a blank. */
export function ownRelation(entry: TocEntry, byId: EntriesById): TocEntry | undefined {
  const namespace = entry.raw.byteString('namespace')
  const tag = `${entry.raw.byteString('tag') ?? ''} `
  let first: TocEntry | undefined
  let best: TocEntry | undefined
  let longest = -1
  for (const dumpId of entry.dependencies) {
    const relation = byId.get(dumpId)
    if (relation === undefined || !relationDescs.has(descOf(relation))) continue
    first ??= relation
    const name = relation.raw.byteString('tag') ?? ''
    if (relation.raw.byteString('namespace') !== namespace || !tag.startsWith(`${name} `)) continue
    if (name.length <= longest) continue
    best = relation
    longest = name.length
  }
  return best ?? first
}
