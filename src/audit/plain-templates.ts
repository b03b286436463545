import { copyOf, encodeByteString } from '../bytes/byte-string.ts'
import { buildEntry } from '../toc/built-entry.ts'
import type { TocEntry } from '../toc/types.ts'
import { surprisesIn } from './statement-check.ts'
import type { AuditCatalog } from './types.ts'

/** Names in a sample, in place of those of an entry: no word of SQL. */
export const sample = {
  schema: 'pgdmp_sample_schema',
  name: 'pgdmp_sample_name',
  part: 'pgdmp_sample_part',
  otherSchema: 'pgdmp_sample_other_schema',
  other: 'pgdmp_sample_other',
} as const

/** Reads entries the way all entries are read. */
export type ReadSample = (entries: readonly TocEntry[]) => AuditCatalog

/** An entry of a sample. */
export interface SampleEntry {
  readonly desc: string
  readonly tag: string
  readonly defn: string
}

/** More than that of one form are read each for itself: it is not worth while, and a stranger's might be without end. */
const MOST_TEMPLATES = 1024
const MOST_BYTES = 1024

/**
 * What is left of definitions of one form when their names are taken out, with what such a definition says. A new one is
 * read once, with other names put in, by the code that reads every definition; another one with the same rest says the
 * same of its own names.
 */
export class Templates<T> {
  readonly #known = new Map<string, T | undefined>()
  readonly #read: ReadSample
  readonly #samples: (rest: string) => readonly SampleEntry[]
  readonly #says: (found: AuditCatalog) => T | undefined

  /**
   * @param samples the entries of a sample, the last of which has the definition
   * @param says what is to be kept of it; undefined where the definition says anything else
   */
  constructor(
    read: ReadSample,
    samples: (rest: string) => readonly SampleEntry[],
    says: (found: AuditCatalog) => T | undefined,
  ) {
    this.#read = read
    this.#samples = samples
    this.#says = says
  }

  /** What a definition with this rest says; undefined where it must be read itself. */
  get(rest: string): T | undefined {
    const known = this.#known.get(rest)
    if (known !== undefined || this.#known.size >= MOST_TEMPLATES || this.#known.has(rest)) return known
    if (rest.length > MOST_BYTES) return undefined
    const value = this.#made(rest)
    // a part of a definition would keep the whole of it in memory
    this.#known.set(copyOf(rest), value)
    return value
  }

  #made(rest: string): T | undefined {
    const entries = this.#samples(rest).map((fields, index) => sampleEntry(index + 1, fields))
    const last = entries.at(-1)
    if (last === undefined) return undefined
    const found = this.#read(entries)
    const statements = found.statements(last)
    // of others what comes second would have names of its own
    if (statements.length !== 1 && last.desc !== 'ACL') return undefined
    if (!surprisesIn(last, statements).next().done) return undefined
    return this.#says(found)
  }
}

function sampleEntry(dumpId: number, { desc, tag, defn }: SampleEntry): TocEntry {
  const none = { dropStmt: null, copyStmt: null, tablespace: null, tableam: null, owner: null, relkind: undefined }
  const rest = { catalogId: { tableoid: 0, oid: 0 }, hadDumper: false, section: 'pre-data', dependencies: [] } as const
  return buildEntry({ dumpId, desc, tag, defn, namespace: sample.schema, ...none, ...rest }, encodeByteString)
}

/** How many things of each kind a catalog has: a plain definition makes one, and nothing besides. */
export function countsIn(found: AuditCatalog): string {
  const { tables, functions, indexes, sequences, views, policies, grants, extensions, schemas, roles } = found
  const lists = { tables, functions, indexes, sequences, views, policies, grants, extensions, schemas, roles }
  return Object.entries(lists)
    .flatMap(([name, { length }]) => (length === 0 ? [] : `${name} ${length}`))
    .join(', ')
}
