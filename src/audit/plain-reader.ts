import { copyOf } from '../bytes/byte-string.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import type { TocEntry } from '../toc/types.ts'
import { PlainColumns, withoutStrings } from './plain-columns.ts'
import { PlainForms } from './plain-forms.ts'
import type { ReadSample } from './plain-templates.ts'
import type { Reading } from './reading.ts'
import type {
  CatalogColumn,
  CatalogConstraint,
  CatalogGrant,
  CatalogIndex,
  CatalogRole,
  CatalogSequence,
  QualifiedName,
} from './types.ts'

/** Takes what plain definitions say. */
export interface PlainFacts {
  table(entry: TocEntry, place: QualifiedName, columns: CatalogColumn[]): void
  constraint(table: QualifiedName, constraint: CatalogConstraint): void
  columnDefault(table: QualifiedName, column: string, value: string): void
  partition(child: QualifiedName, parent: QualifiedName): void
  index(index: CatalogIndex): void
  sequence(sequence: CatalogSequence): void
  ownedBy(sequence: QualifiedName, column: QualifiedName & { readonly column: string }): void
  sequenceValue(sequence: QualifiedName, value: { readonly last: bigint; readonly isCalled: boolean }): void
  grant(grant: CatalogGrant): void
  /** @param role that the definition names, a byte string */
  role(role: string, as: CatalogRole['uses'][number]['as']): void
}

/** Words that a reader of statements looks for where a name may stand, though names need no quotes for them. */
const looksElse: ReadonlySet<string> = new Set(['exclude', 'group', 'if', 'period'])

const plainName = /^[a-z_][a-z0-9_]*$/
const onTable = /(ONLY )?([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*) /y
const toTable = /^(FOREIGN KEY \([^()]*\) REFERENCES )([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)(\([^()]*\)[^()@]*)$/
const ofColumn = /([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*);\n$/y
const isValue = /(-?\d{1,18}), (true|false)\);\n$/y
const attaches = /^ALTER (?:INDEX|TABLE ONLY) ([a-z_][a-z0-9_]*)\.([a-z_][a-z0-9_]*) ATTACH PARTITION /
const isComment =
  /^COMMENT ON (?:TABLE|COLUMN|INDEX|SEQUENCE|VIEW|SCHEMA|TYPE) [a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*){0,2} IS '(?:[^'\\]|'')*';\n$/
const namesIs = /[ .]is[ .]/

/** Longer ones are few, and not to be given to regular expressions that go back. */
const MOST_BYTES = 65_536

/** What names of samples begin with: in a definition they would be taken for those that stand in its place. */
const ofSamples = /pgdmp_sample_/i

/**
 * Reads plain definitions: those that are what pg_dump writes for most of its entries, about the entry's own object, with
 * names that need no quotes. They are cut into their names and the rest, and the rest is one of a few, each of which is
 * read as SQL once (see {@link Templates}): so most definitions of a large archive need not be.
 */
export class PlainReader {
  readonly #facts: PlainFacts
  readonly #keywords: ReadonlyMap<string, unknown>
  readonly #isSure: boolean
  readonly #columns: PlainColumns
  readonly #forms: PlainForms
  #schema = ''
  #isSchema = false

  constructor({ lexer, quote }: Reading, read: ReadSample, facts: PlainFacts) {
    this.#facts = facts
    this.#keywords = quote.keywords
    // in these a quote or backslash may be the second byte of a character
    this.#isSure = !mixedEncodings.has(lexer.encoding ?? '')
    this.#columns = new PlainColumns(read, (name) => this.#isName(name))
    this.#forms = new PlainForms(read)
  }

  /** Whether the definition is plain: then what it says has been told. */
  read(entry: TocEntry, desc: string, text: string): boolean {
    if (text.length > MOST_BYTES || ofSamples.test(text)) return false
    const { raw } = entry
    const schema = raw.byteString('namespace') ?? ''
    if (schema !== this.#schema) {
      this.#schema = schema
      this.#isSchema = this.#isSure && this.#isName(schema)
    }
    if (!this.#isSchema) return false
    const tag = raw.byteString('tag') ?? ''
    switch (desc) {
      case 'TABLE':
        return this.#isName(tag) && this.#table(entry, schema, tag, text)
      case 'CONSTRAINT':
      case 'FK CONSTRAINT':
      case 'DEFAULT':
      case 'TRIGGER':
        return this.#ofTable(entry, desc, schema, tag, text)
      case 'INDEX':
        return this.#isName(tag) && this.#index(entry, tag, text)
      case 'ACL':
        return this.#access(entry, schema, tag, text)
      case 'COMMENT':
        return isComment.test(text) && !namesIs.test(text.slice(0, text.indexOf("'") - ' IS '.length + 1))
      case 'SEQUENCE':
        return this.#isName(tag) && this.#sequence(entry, schema, tag, text)
      case 'SEQUENCE OWNED BY':
        return this.#isName(tag) && this.#ownedBy(schema, tag, text)
      case 'SEQUENCE SET':
        return this.#isName(tag) && this.#sequenceValue(schema, tag, text)
      case 'TABLE ATTACH':
      case 'INDEX ATTACH':
        return this.#isName(tag) && this.#attach(desc, schema, tag, text)
      default:
        return false
    }
  }

  #isName(name: string): boolean {
    return plainName.test(name) && !this.#keywords.has(name) && !looksElse.has(name)
  }

  #table(entry: TocEntry, schema: string, name: string, text: string): boolean {
    const head = `CREATE TABLE ${schema}.${name} (\n    `
    if (!text.startsWith(head) || !text.endsWith('\n);\n')) return false
    const columns = this.#columns.read(text.slice(head.length, -'\n);\n'.length))
    if (columns === undefined) return false
    this.#facts.table(entry, { schema, name }, columns)
    return true
  }

  /** What belongs to a table, and has the name of it in its tag. */
  #ofTable(entry: TocEntry, desc: string, schema: string, tag: string, text: string): boolean {
    const blank = tag.indexOf(' ')
    const place = { schema, name: tag.slice(0, blank) }
    const name = tag.slice(blank + 1)
    if (blank === -1 || !this.#isName(place.name) || !this.#isName(name)) return false
    switch (desc) {
      case 'CONSTRAINT':
        return this.#constraint(entry, place, name, text)
      case 'FK CONSTRAINT':
        return this.#foreignKey(entry, place, name, text)
      case 'DEFAULT':
        return this.#default(place, name, text)
      default:
        return this.#trigger(place, name, text)
    }
  }

  #constraint(entry: TocEntry, place: QualifiedName, name: string, text: string): boolean {
    const rest = restOf(text, `ALTER TABLE ONLY ${place.schema}.${place.name}\n    ADD CONSTRAINT ${name} `)
    const known = rest && this.#forms.constraints.get(rest)
    if (!known) return false
    const { kind, columns, notValid, notEnforced, deferrable, nullsNotDistinct } = known
    const flags = { notValid, notEnforced, deferrable, nullsNotDistinct }
    this.#facts.constraint(place, { name, kind, columns, references: undefined, ...flags, entry })
    return true
  }

  #foreignKey(entry: TocEntry, place: QualifiedName, name: string, text: string): boolean {
    const rest = restOf(text, `ALTER TABLE ONLY ${place.schema}.${place.name}\n    ADD CONSTRAINT ${name} `)
    const [, before, otherSchema = '', other = '', after] = toTable.exec(rest ?? '') ?? []
    if (before === undefined || !this.#isName(otherSchema) || !this.#isName(other)) return false
    const known = this.#forms.foreignKeys.get(`${before}@${after ?? ''}`)
    if (known?.references === undefined) return false
    const { kind, columns, notValid, notEnforced, deferrable, nullsNotDistinct } = known
    const flags = { notValid, notEnforced, deferrable, nullsNotDistinct }
    const references = { schema: otherSchema, name: other, columns: known.references.columns }
    this.#facts.constraint(place, { name, kind, columns, references, ...flags, entry })
    return true
  }

  #default(place: QualifiedName, column: string, text: string): boolean {
    const rest = restOf(text, `ALTER TABLE ONLY ${place.schema}.${place.name} ALTER COLUMN ${column} SET DEFAULT `)
    const plain = rest && withoutStrings(rest)
    const known = plain && this.#forms.defaults.get(plain)
    if (!known || plain !== `${known};\n`) return false
    this.#facts.columnDefault(place, column, copyOf(rest.slice(0, -';\n'.length)))
    return true
  }

  #trigger({ schema, name }: QualifiedName, trigger: string, text: string): boolean {
    const rest = restOf(text, `CREATE TRIGGER ${trigger} `)
    const on = ` ON ${schema}.${name} `
    if (!rest?.includes(on) || rest.includes('@')) return false
    return this.#forms.triggers.get(rest.replace(on, ' ON @ ')) === true
  }

  #index(entry: TocEntry, name: string, text: string): boolean {
    const unique = text.startsWith('CREATE UNIQUE ')
    const head = `CREATE ${unique ? 'UNIQUE ' : ''}INDEX ${name} ON `
    onTable.lastIndex = head.length
    const [found, isOnly = '', schema = '', table = ''] = onTable.exec(text) ?? []
    if (found === undefined || !text.startsWith(head) || !this.#isName(schema) || !this.#isName(table)) return false
    const rest = text.slice(head.length + found.length)
    const known = this.#forms.indexes.get(`${unique ? 'UNIQUE ' : ''}INDEX ${isOnly}@ ${rest}`)
    if (known === undefined) return false
    const { method, nullsNotDistinct, constraint, keys, include, where, only } = known
    const shape = { method, unique, nullsNotDistinct, constraint, keys, include, where, only }
    this.#facts.index({ entry, name, schema, table, ...shape })
    return true
  }

  #access(entry: TocEntry, schema: string, tag: string, text: string): boolean {
    const blank = tag.indexOf(' ')
    const type = tag.slice(0, blank)
    const name = tag.slice(blank + 1)
    if ((type !== 'TABLE' && type !== 'SEQUENCE') || !this.#isName(name)) return false
    const on = ` ON ${type} ${schema}.${name} `
    if (!text.includes(on) || text.includes('@') || text.includes('"')) return false
    const known = this.#forms.access.get(text.replaceAll(on, ` ON ${type} @ `))
    if (known === undefined) return false
    const object = `${schema}.${name}`
    for (const { grant, privileges, objectType, grantees, grantOption, grantor } of known.grants) {
      const rest = { grantees, grantOption, grantor, defaults: undefined }
      this.#facts.grant({ entry, grant, privileges, objectType, object, schema, name, ...rest })
    }
    for (const [role, as] of known.roles) this.#facts.role(role, as)
    return true
  }

  #sequence(entry: TocEntry, schema: string, name: string, text: string): boolean {
    const rest = restOf(text, `CREATE SEQUENCE ${schema}.${name}\n`)
    const known = rest && this.#forms.sequences.get(rest)
    if (!known) return false
    const { type, increment, min, max, cycle, ownedBy, identity, value } = known
    this.#facts.sequence({ entry, schema, name, type, increment, max, min, cycle, ownedBy, identity, value })
    return true
  }

  #ownedBy(schema: string, name: string, text: string): boolean {
    const head = `ALTER SEQUENCE ${schema}.${name} OWNED BY `
    ofColumn.lastIndex = head.length
    const [, ofSchema = '', table = '', column = ''] = ofColumn.exec(text) ?? []
    if (!text.startsWith(head) || !this.#isName(ofSchema) || !this.#isName(table) || !this.#isName(column)) return false
    this.#facts.ownedBy({ schema, name }, { schema: ofSchema, name: table, column })
    return true
  }

  #sequenceValue(schema: string, name: string, text: string): boolean {
    const head = `SELECT pg_catalog.setval('${schema}.${name}', `
    isValue.lastIndex = head.length
    const [, last, isCalled] = isValue.exec(text) ?? []
    if (last === undefined || !text.startsWith(head)) return false
    this.#facts.sequenceValue({ schema, name }, { last: BigInt(last), isCalled: isCalled === 'true' })
    return true
  }

  #attach(desc: string, schema: string, name: string, text: string): boolean {
    const [head, ofSchema = '', of = ''] = attaches.exec(text) ?? []
    if (head === undefined || !this.#isName(ofSchema) || !this.#isName(of)) return false
    const rest = restOf(text, `${head}${schema}.${name}`)
    if (desc === 'INDEX ATTACH') return head.startsWith('ALTER INDEX ') && rest === ';\n'
    const plain = rest?.startsWith(' ') === true ? withoutStrings(rest.slice(1)) : undefined
    if (plain === undefined || head.startsWith('ALTER INDEX ')) return false
    if (this.#forms.partitions.get(plain) !== true) return false
    this.#facts.partition({ schema, name }, { schema: ofSchema, name: of })
    return true
  }
}

/** The text after this beginning; undefined where it has another. */
function restOf(text: string, head: string): string | undefined {
  return text.startsWith(head) ? text.slice(head.length) : undefined
}
