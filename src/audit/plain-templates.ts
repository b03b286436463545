import { encodeByteString, writeByteString } from '../bytes/byte-string.ts'
import { buildEntry } from '../toc/built-entry.ts'
import type { TocEntry } from '../toc/types.ts'
import { ByteTexts } from './byte-texts.ts'
import type { MarkTest } from './marked-rule.ts'
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

/** How samples are read, and what rules look for. */
export interface Sampling {
  readonly read: ReadSample
  readonly marks: MarkTest
}

/** An entry of a sample. */
export interface SampleEntry {
  readonly desc: string
  readonly tag: string
  readonly defn: string
}

/** More than that of one form are read each for itself: it is not worth while, and a stranger's might be without end. */
const MOST_TEMPLATES = 1024
const MOST_BYTES = 1024

/** What names of samples begin with: in a definition they would be taken for those that stand in its place. */
const ofSamples = /pgdmp_sample_/i

/** What a definition of one form says, but for its names. */
export interface Template<T> {
  readonly says: T
  /** The definition has strings or comments. */
  readonly hasStrings: boolean
  /** Rules look at it where it has strings; they may be in names or in what is put in. */
  readonly isMarkedWithStrings: boolean
}

/**
 * What is left of definitions of one form when their names are taken out, with what such a definition says. A new one is
 * read once, with other names put in, by the code that reads every definition; another one with the same rest says the
 * same of its own names.
 */
export class Templates<T> {
  readonly #rests = new ByteTexts()
  readonly #known: (Template<T> | undefined)[] = []
  readonly #scratch = new Uint8Array(MOST_BYTES)
  readonly #read: ReadSample
  readonly #marks: MarkTest
  readonly #samples: (rest: string) => readonly SampleEntry[]
  readonly #says: (found: AuditCatalog) => T | undefined

  /**
   * @param marks where rules have something to say: such definitions must be read themselves
   * @param samples the entries of a sample, the last of which has the definition
   * @param says what is to be kept of it; undefined where the definition says anything else
   */
  constructor(
    { read, marks }: Sampling,
    samples: (rest: string) => readonly SampleEntry[],
    says: (found: AuditCatalog) => T | undefined,
  ) {
    this.#read = read
    this.#marks = marks
    this.#samples = samples
    this.#says = says
  }

  /** What a definition with this rest says; undefined where it must be read itself. */
  find(bytes: Uint8Array, start: number, end: number): Template<T> | undefined {
    const known = this.#rests.find(bytes, start, end)
    if (known !== -1) return this.#known[known]
    if (this.#known.length >= MOST_TEMPLATES || end - start > MOST_BYTES) return undefined
    const number = this.#rests.add(bytes, start, end)
    if (number === -1) return undefined
    const template = this.#made(this.#rests.texts[number] ?? '')
    this.#known[number] = template
    return template
  }

  /** The same of a text. */
  findText(rest: string): Template<T> | undefined {
    if (rest.length > MOST_BYTES) return undefined
    const length = writeByteString(rest, this.#scratch, 0)
    return this.find(this.#scratch, 0, length)
  }

  #made(rest: string): Template<T> | undefined {
    const samples = this.#samples(rest)
    const defn = samples.at(-1)?.defn ?? ''
    if (ofSamples.test(rest) || this.#marks.isMarkedAnywhere(defn)) return undefined
    const entries = samples.map((fields, index) => sampleEntry(index + 1, fields))
    const last = entries.at(-1)
    if (last === undefined) return undefined
    const found = this.#read(entries)
    const statements = found.statements(last)
    // of others what comes second would have names of its own
    if (statements.length !== 1 && last.desc !== 'ACL') return undefined
    if (!surprisesIn(last, statements).next().done) return undefined
    const says = this.#says(found)
    if (says === undefined) return undefined
    return {
      says,
      hasStrings: this.#marks.hasStrings(defn),
      isMarkedWithStrings: this.#marks.isMarkedWithStrings(defn),
    }
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
