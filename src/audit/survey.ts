import { emptySpan, locate } from '../ops/span.ts'
import type { ByteSpan, TextField, TocEntry } from '../toc/types.ts'
import { gatherOtherTexts, type OtherText } from './other-texts.ts'
import { isKnownType } from './statement-check.ts'

/** Where no byte of a name is such a one, rules have nothing to say of it. */
export const oddInName: RegExp = /[^ -~\u0080-\u00ff]|[;\\\u0080-\u009f\u00e2]|--|\/\*|\*\//

const mayBeginOdd = Uint8Array.from({ length: 256 }, (_, code) =>
  /[^ -~\u0080-\u00ff]|[;\\\u0080-\u009f\u00e2]|[-/*]/.test(String.fromCharCode(code)) ? 1 : 0,
)

/** Bytes of a definition that nobody reads any more. */
const OVERSIZED = 1024 * 1024

/** A name as a byte string, with the first entry that has it. */
export interface FoundName {
  readonly entry: TocEntry
  readonly field: TextField
  readonly text: string
}

/** What rules ask of each entry but not of its definition, all of it in the order of the archive. */
export interface Survey {
  /** Every name once, but of tags only those that are odd. */
  readonly names: readonly FoundName[]
  readonly otherTexts: readonly OtherText[]
  /** Of types that pg_dump does not write. */
  readonly ofUnknownType: readonly TocEntry[]
  /** In a schema whose name is the server's own to give, or looks so. */
  readonly inSystemSchema: readonly TocEntry[]
  readonly withTablespace: readonly TocEntry[]
  /** With another access method than heap. */
  readonly withAccessMethod: readonly TocEntry[]
  readonly withoutOwner: readonly TocEntry[]
  /** With a definition larger than 1 MiB. */
  readonly oversized: readonly TocEntry[]
  /** That should have data, and have none. */
  readonly withoutData: readonly TocEntry[]
  /** Of which the archive does not say where their data are. */
  readonly withoutPlace: number
}

const known = new WeakMap<readonly TocEntry[], Survey>()

/** What was found in these entries, when somebody has looked at each of them: {@link surveyorFor}. */
export function surveyOf(toc: readonly TocEntry[]): Survey {
  const survey = known.get(toc)
  if (survey !== undefined) return survey
  const look = surveyorFor(toc)
  for (const entry of toc) look(entry)
  return surveyOf(toc)
}

/**
 * Takes each of these entries, in order, for all rules: each of them going over very many would take longer than what it
 * does there, and to look at one when it has just been read takes half of what it takes later.
 */
export function surveyorFor(toc: readonly TocEntry[]): (entry: TocEntry) => void {
  const surveyor = new Surveyor()
  known.set(toc, surveyor)
  return (entry) => surveyor.look(entry)
}

/** Names of one field: many entries in a row have the same. */
class FieldNames {
  readonly #field: TextField
  readonly #known = new Set<string>()
  #last = ''

  constructor(field: TextField) {
    this.#field = field
  }

  add(entry: TocEntry, text: string, found: FoundName[]): void {
    if (text === this.#last || text === '') return
    this.#last = text
    if (this.#known.has(text)) return
    this.#known.add(text)
    found.push({ entry, field: this.#field, text })
  }
}

class Surveyor implements Survey {
  readonly names: FoundName[] = []
  readonly otherTexts: OtherText[] = []
  readonly ofUnknownType: TocEntry[] = []
  readonly inSystemSchema: TocEntry[] = []
  readonly withTablespace: TocEntry[] = []
  readonly withAccessMethod: TocEntry[] = []
  readonly withoutOwner: TocEntry[] = []
  readonly oversized: TocEntry[] = []
  readonly withoutData: TocEntry[] = []
  withoutPlace = 0
  readonly #tags = new FieldNames('tag')
  readonly #types = new FieldNames('desc')
  readonly #schemas = new FieldNames('namespace')
  readonly #tablespaces = new FieldNames('tablespace')
  readonly #accessMethods = new FieldNames('tableam')
  readonly #owners = new FieldNames('owner')
  readonly #span = emptySpan()
  readonly #knownTypes = new Map<string, boolean>()

  look(entry: TocEntry): void {
    const { raw } = entry
    const span = this.#span
    const { names } = this
    if (locate(raw, 'tag', span) && mayBeOdd(span)) {
      const tag = raw.byteString('tag') ?? ''
      if (oddInName.test(tag)) this.#tags.add(entry, tag, names)
    }
    const desc = raw.byteString('desc') ?? ''
    this.#types.add(entry, desc, names)
    let isKnown = this.#knownTypes.get(desc)
    if (isKnown === undefined) this.#knownTypes.set(desc, (isKnown = isKnownType(desc)))
    if (!isKnown) this.ofUnknownType.push(entry)
    const schema = raw.byteString('namespace') ?? ''
    this.#schemas.add(entry, schema, names)
    if (schema.startsWith('pg_') || schema === 'information_schema') this.inSystemSchema.push(entry)
    if (locate(raw, 'tablespace', span) && span.start !== span.end) {
      this.#tablespaces.add(entry, raw.byteString('tablespace') ?? '', names)
      this.withTablespace.push(entry)
    }
    if (locate(raw, 'tableam', span) && span.start !== span.end) {
      const method = raw.byteString('tableam') ?? ''
      this.#accessMethods.add(entry, method, names)
      if (method !== 'heap') this.withAccessMethod.push(entry)
    }
    const owner = raw.byteString('owner') ?? ''
    if (owner === '') this.withoutOwner.push(entry)
    else this.#owners.add(entry, owner, names)
    if (locate(raw, 'defn', span) && span.end - span.start >= OVERSIZED) this.oversized.push(entry)
    const { state } = entry.data
    if (state === 'not-set') this.withoutPlace++
    else if (state === 'no-data' && entry.hadDumper) this.withoutData.push(entry)
    gatherOtherTexts(entry, { desc, isKnown }, this.otherTexts)
  }
}

function mayBeOdd({ bytes, start, end }: ByteSpan): boolean {
  for (let at = start; at < end; at++) if (mayBeginOdd[bytes[at] ?? 0] === 1) return true
  return false
}
