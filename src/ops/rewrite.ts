import { aBoolean, aFunction, checkOptions, type OptionKinds } from '../check-options.ts'
import type { OnWarning } from '../errors.ts'
import type { ByteStream } from '../io/byte-stream.ts'
import { parseRelease, type Major } from '../sql/compat.ts'
import { fmtId, type QuoteRules } from '../sql/quote.ts'
import { quotedKeywords } from '../sql/keywords.ts'
import { renameInSql, type Renamer, type RenameRules } from '../sql/rename.ts'
import { withFields, type EntryChanges, type FieldValue } from '../toc/changed-entry.ts'
import { decoderFor } from '../toc/encoding.ts'
import type { ArchiveHeader, ArchiveSettings, TextField, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import { isFiltered } from './filter.ts'
import { mapEntries } from './map-entries.ts'
import type { NameKind, Names } from './rename-names.ts'
import type { FilteredView } from './selection.ts'
import { References, refuseUndecided, type UndecidedReference } from './undecided.ts'

/** Options of every rewriting verb. */
export interface RewriteOptions {
  /** Fail at once when a reference cannot be decided, instead of leaving it alone and reporting it. */
  readonly strict?: boolean
  /** Receives each undecided reference (code UNDECIDED_REFERENCE) when the definition it stands in is first read. */
  readonly onWarning?: OnWarning
}

/** All of {@link RewriteOptions}. */
export const rewriteOptionKinds: OptionKinds<RewriteOptions> = { strict: aBoolean, onWarning: aFunction }

/** What a rewritten view knows besides. */
export interface Rewritten {
  /**
   * Every undecided reference of the view's entries, in their order; first those of the rewritten view that this one was
   * made from, if it was (a filter between them forgets). Reads all definitions.
   */
  undecided(): readonly UndecidedReference[]
  /** Old names that were to be renamed and that no entry of the view has, in the same order. Reads all definitions. */
  unusedNames(): readonly string[]
}

/** Where the names of one kind are kept in entries, besides the SQL. */
export interface Rewriting {
  readonly names: Names
  readonly kind: NameKind
  readonly find: (found: Renamer) => void
  /** Types whose values are such names: what mentions one is looked at even if it says none of the names. */
  readonly types: ReadonlySet<string>
  /** Which fields of an entry change, and how. */
  fields(entry: TocEntry, change: FieldTools): NonNullable<EntryChanges['fields']>
  readonly header?: () => ArchiveHeader
  /** The data of an entry as they become; undefined for those that stay. */
  readonly data?: (entry: TocEntry, data: ByteStream) => ByteStream | undefined
  readonly settings?: (sql: (text: string) => string) => ArchiveSettings
}

/** How fields of one entry are changed. */
export interface FieldTools {
  /** The change of a field that holds SQL. */
  sql(field: 'defn' | 'dropStmt' | 'copyStmt'): (stored: FieldValue) => FieldValue
}

/**
 * A view with names replaced.
 * @throws ArchiveError UNDECIDED_REFERENCE with `strict`
 */
export function rewrite<V extends ArchiveView>(
  view: V,
  rewriting: Rewriting,
  options: RewriteOptions,
): (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten {
  checkOptions('rewrite', options, rewriteOptionKinds)
  const { strict = false, onWarning } = options
  const references = new References(rewriting.kind, rewriting.names, strict ? undefined : onWarning)
  const decode = decoderFor(view.settings.encoding)
  const sql = new SqlRewriter(view, rewriting)
  const change = (entry: TocEntry): TocEntry => {
    for (const { raw } of tablesLeftOut(view, entry)) {
      const { mentions } = sql.rename(raw.byteString('defn') ?? '')
      references.add(
        entry,
        'data',
        mentions.filter(({ reason }) => reason === 'rows').map((mention) => Object.assign({}, mention, { at: 0 })),
      )
    }
    const fields = rewriting.fields(entry, {
      sql: (field) => (stored) => {
        if (typeof stored !== 'string') return stored
        const { text, mentions } = sql.rename(stored)
        references.add(entry, field, mentions)
        return text
      },
    })
    return withFields(entry, { fields }, decode)
  }
  const mapped = mapEntries(view, change, {
    ...(rewriting.header === undefined ? {} : { header: rewriting.header }),
    ...(rewriting.data === undefined ? {} : { data: rewriting.data }),
    settings: () => rewriting.settings?.((text) => sql.rename(text).text) ?? view.settings,
  })
  const readAll = once(() => {
    for (const { raw } of mapped.toc) for (const field of renamedFields) raw.byteString(field)
  })
  const rewritten = Object.assign(mapped, {
    undecided: () => {
      readAll()
      return [...(isRewritten(view) ? view.undecided() : []), ...references.of(mapped.toc)]
    },
    unusedNames: () => {
      readAll()
      return [...(isRewritten(view) ? view.unusedNames() : []), ...rewriting.names.unused()]
    },
  })
  if (strict) {
    readAll()
    refuseUndecided(references.of(mapped.toc))
  }
  // mapEntries keeps a filtered view filtered, which its overloads cannot say of a type parameter
  const kept: unknown = rewritten
  return kept as (V extends FilteredView ? FilteredView : ArchiveView) & Rewritten
}

/** Fields that some rewriting changes. */
const renamedFields: readonly TextField[] = [
  'owner',
  'namespace',
  'tag',
  'tablespace',
  'tableam',
  'defn',
  'dropStmt',
  'copyStmt',
]

/** Tables whose rows are in a view while their definitions, which tell what the rows hold, are not. */
function tablesLeftOut(view: ArchiveView, { desc, dependencies }: TocEntry): readonly TocEntry[] {
  if (desc !== 'TABLE DATA' || !isFiltered(view)) return []
  return dependencies
    .flatMap((dumpId) => view.entry(dumpId) ?? [])
    .filter((table) => table.desc === 'TABLE' && !view.parts(table).schema)
}

/** Whether a view came out of a rewriting verb. */
export function isRewritten(view: ArchiveView): view is ArchiveView & Rewritten {
  return 'undecided' in view && 'unusedNames' in view
}

function once(action: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    action()
  }
}

/** The entries of the whole archive as far as the view knows them. */
export function everyEntry(view: ArchiveView): readonly TocEntry[] {
  return isFiltered(view) ? view.allEntries : view.toc
}

class SqlRewriter {
  readonly #view: ArchiveView
  readonly #rewriting: Rewriting
  #rules: RenameRules | undefined

  constructor(view: ArchiveView, rewriting: Rewriting) {
    this.#view = view
    this.#rewriting = rewriting
  }

  rename(text: string): ReturnType<typeof renameInSql> {
    if (!this.#rewriting.names.mayOccurIn(text) && !this.#mentionsType(text)) return { text, mentions: [] }
    this.#rules ??= renameRules(this.#view, this.#rewriting.names, this.#rewriting.find)
    return renameInSql(text, this.#rules)
  }

  #mentionsType(text: string): boolean {
    // the type of a column stands after its name, not after `::`
    for (const type of this.#rewriting.types) if (text.includes(` ${type}`)) return true
    return false
  }
}

/** How names of one kind are renamed in what a view holds. */
export function renameRules(view: ArchiveView, names: Names, find: (found: Renamer) => void): RenameRules {
  const { encoding, stdStrings } = view.settings
  const quote = quoteRulesOf(view)
  return {
    lexer: { encoding, stdStrings },
    quote,
    quotesAll: quotesAll(everyEntry(view), quote),
    rename: (name) => names.rename(name),
    qualifies: names.kind === 'schema',
    isWanted: (name) => names.isWanted(name),
    find,
  }
}

/** Quoting as the pg_dump that wrote the archive does it, so that a name put back is written as it was. */
function quoteRulesOf({ header, settings }: ArchiveView): QuoteRules {
  return {
    keywords: quotedKeywords(majorOf(header.dumpVersion)),
    nameEncoding: settings.encoding,
    literalEncoding: settings.encoding,
    stdStrings: settings.stdStrings,
    replacesInvalidCharacters: false,
  }
}

const oldest = 13

/** The major release that a version in a header names; the oldest or newest known of others. */
export function majorOf(version: string | null): Major {
  const newest = parseRelease().major
  const major = Number.parseInt(version ?? '', 10)
  if (Number.isNaN(major)) return newest
  // bounded to what Major has
  return Math.min(Math.max(major, oldest), newest) as Major
}

/** Whether names are quoted that need it not: the first entry tells whose schema is such a name. */
function quotesAll(entries: readonly TocEntry[], quote: QuoteRules): boolean {
  for (const { raw } of entries) {
    const schema = raw.byteString('namespace')
    if (!schema || fmtId(quote, schema) !== schema) continue
    const text = raw.byteString('dropStmt') || raw.byteString('copyStmt') || ''
    if (text.includes(` "${schema}".`)) return true
    if (text.includes(` ${schema}.`)) return false
  }
  return false
}
