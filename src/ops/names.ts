import { decodeByteString, isAscii, utf8ToByteString } from '../bytes/byte-string.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import { compilePattern, type NamePattern, type PatternKind } from './pattern.ts'
import type { Name, Selection, UnmatchedName } from './selection.ts'

/** Compares entries with the names of one option, and remembers which names matched anything. */
export interface NameMatcher {
  test(entry: TocEntry): boolean
  /** Names that no entry matched, in the order given. */
  unmatched(): string[]
}

/** The matchers of a selection; undefined where no name was given. */
export interface NameMatchers {
  readonly schemas: NameMatcher | undefined
  readonly excludeSchemas: NameMatcher | undefined
  readonly tables: NameMatcher | undefined
  readonly indexes: NameMatcher | undefined
  readonly functions: NameMatcher | undefined
  readonly triggers: NameMatcher | undefined
}

/** What matchers need to know of the archive. */
export interface NameContext {
  readonly encoding: string
  entry(dumpId: DumpId): TocEntry | undefined
}

/** @throws ArchiveError USAGE for a pattern that cannot be read */
export function createMatchers(selection: Selection, context: NameContext): NameMatchers {
  const exact = (names: readonly Name[] | undefined, field: NameField): NameMatcher | undefined =>
    isNone(names) ? undefined : new ExactNames(names, field, context.encoding)
  const pattern = (names: readonly Name[] | undefined, kind: PatternKind): NamePattern[] | undefined =>
    isNone(names) ? undefined : names.map((name) => compilePattern(nameText(name), kind))
  if (selection.match !== 'pattern') {
    return {
      schemas: exact(selection.schemas, 'namespace'),
      excludeSchemas: exact(selection.excludeSchemas, 'namespace'),
      tables: exact(selection.tables, 'tag'),
      indexes: exact(selection.indexes, 'tag'),
      functions: exact(selection.functions, 'tag'),
      triggers: exact(selection.triggers, 'tag'),
    }
  }
  return {
    schemas: patternMatcher(pattern(selection.schemas, 'schema'), schemaOf),
    excludeSchemas: patternMatcher(pattern(selection.excludeSchemas, 'schema'), schemaOf),
    tables: patternMatcher(pattern(selection.tables, 'name'), tagOf),
    indexes: patternMatcher(pattern(selection.indexes, 'name'), tagOf),
    functions: patternMatcher(pattern(selection.functions, 'function'), tagOf),
    triggers: patternMatcher(pattern(selection.triggers, 'name'), (entry) => triggerOf(entry, context)),
  }
}

/** Names to include that matched nothing, in the order of StrictNamesCheck (pg_backup_archiver.c). */
export function unmatchedNames(matchers: NameMatchers): UnmatchedName[] {
  const of = (kind: UnmatchedName['kind'], matcher: NameMatcher | undefined): UnmatchedName[] =>
    matcher === undefined ? [] : matcher.unmatched().map((name) => ({ kind, name }))
  return [
    ...of('schema', matchers.schemas),
    ...of('table', matchers.tables),
    ...of('index', matchers.indexes),
    ...of('function', matchers.functions),
    ...of('trigger', matchers.triggers),
  ]
}

function isNone(names: readonly Name[] | undefined): names is undefined {
  return names === undefined || names.length === 0
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function nameText(name: Name): string {
  return typeof name === 'string' ? name : utf8.decode(name)
}

type NameField = 'tag' | 'namespace'

/**
 * Names compared as bytes, or as decoded text where bytes cannot tell. A name given twice is found at its first place
 * only, so that its second counts as unmatched, as in simple_list.c.
 */
class ExactNames implements NameMatcher {
  readonly #names: readonly Name[]
  readonly #field: NameField
  readonly #byBytes = new Map<string, number>()
  readonly #byText = new Map<string, number>()
  readonly #touched: Uint8Array

  constructor(names: readonly Name[], field: NameField, encoding: string) {
    this.#names = names
    this.#field = field
    this.#touched = new Uint8Array(names.length)
    for (const [index, name] of names.entries()) {
      if (typeof name !== 'string') addOnce(this.#byBytes, decodeByteString(name), index)
      // U+FFFD may stand for bytes that are no UTF-8
      else if (isAscii(name) || (encoding === 'UTF8' && !name.includes('\uFFFD'))) {
        addOnce(this.#byBytes, utf8ToByteString(name), index)
      } else addOnce(this.#byText, name, index)
    }
  }

  test(entry: TocEntry): boolean {
    const bytes = entry.raw.byteString(this.#field) ?? null
    if (bytes === null) return false
    let index = this.#byBytes.get(bytes)
    if (index === undefined && this.#byText.size > 0 && !isAscii(bytes)) {
      index = this.#byText.get(entry[this.#field] ?? '')
    }
    if (index === undefined) return false
    this.#touched[index] = 1
    return true
  }

  unmatched(): string[] {
    return this.#names.filter((_, index) => this.#touched[index] === 0).map(nameText)
  }
}

function addOnce(map: Map<string, number>, key: string, index: number): void {
  if (!map.has(key)) map.set(key, index)
}

/** What of an entry a pattern may match: a schema, where the pattern has one, and a name. */
type Candidate = readonly [schema: string | null, name: string]

/** @param candidatesOf read once for all patterns, since names are decoded each time they are asked for */
function patternMatcher(
  patterns: readonly NamePattern[] | undefined,
  candidatesOf: (entry: TocEntry) => readonly Candidate[],
): NameMatcher | undefined {
  if (patterns === undefined) return undefined
  const touched = new Uint8Array(patterns.length)
  return {
    test(entry) {
      const candidates = candidatesOf(entry)
      let found = false
      for (const [index, pattern] of patterns.entries()) {
        if (found && touched[index] === 1) continue
        if (!candidates.some(([schema, name]) => pattern.matches(schema, name))) continue
        found = true
        touched[index] = 1
      }
      return found
    },
    unmatched: () => patterns.filter((_, index) => touched[index] === 0).map((pattern) => pattern.source),
  }
}

function schemaOf({ namespace }: TocEntry): readonly Candidate[] {
  return namespace === null ? [] : [[null, namespace]]
}

function tagOf({ namespace, tag }: TocEntry): readonly Candidate[] {
  return tag === null ? [] : [[namespace, tag]]
}

/** The tag of a trigger is `table trigger`; only the entry of the table tells where the name begins. */
function triggerOf({ namespace, tag, dependencies }: TocEntry, context: NameContext): readonly Candidate[] {
  if (tag === null) return []
  const found: Candidate[] = [[namespace, tag]]
  for (const dumpId of dependencies) {
    const table = context.entry(dumpId)
    if (table === undefined || table.tag === null || table.namespace !== namespace) continue
    if (tag.startsWith(`${table.tag} `)) found.push([namespace, tag.slice(table.tag.length + 1)])
  }
  return found
}
