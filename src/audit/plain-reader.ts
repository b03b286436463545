import { copyOf, decodeByteString } from '../bytes/byte-string.ts'
import { emptySpan, locate } from '../ops/span.ts'
import { mixedEncodings } from '../sql/lexer.ts'
import type { TocEntry } from '../toc/types.ts'
import { MarkTest, type Marks } from './marked-rule.ts'
import { PlainColumns, withoutStrings } from './plain-columns.ts'
import type { PlainFacts } from './plain-facts.ts'
import { PlainForms } from './plain-forms.ts'
import { nameFlag, PlainNames } from './plain-names.ts'
import { PlainGrant, PlainIndex, PlainConstraint } from './plain-objects.ts'
import type { ReadSample, Template, Templates } from './plain-templates.ts'
import type { Reading } from './reading.ts'
import { mayNameRole } from './read-roles.ts'
import { SpanReader } from './span-reader.ts'
import type { QualifiedName } from './types.ts'

const isValue = /^(-?\d{1,18}), (true|false)\);\n$/
/** Definitions that are not read by their rest, of any names. */
const bare = [
  'ALTER SEQUENCE a.b OWNED BY a.b.c;\n',
  'ALTER INDEX a.b ATTACH PARTITION a.b;\n',
  "SELECT pg_catalog.setval('a.b', 1, true);\n",
] as const
const commented = ['TABLE ', 'COLUMN ', 'INDEX ', 'SEQUENCE ', 'VIEW ', 'TYPE '] as const

/** Longer ones are few, and not to be given to regular expressions that go back. */
const MOST_BYTES = 65_536
/** A rest of that length is none of the known ones. */
const MOST_REST = 1024

const QUOTE = 0x27
const BACKSLASH = 0x5c
const BLANK = 0x20
const AT = 0x40
const CLOSE = 0x29
const OPEN = 0x28

/**
 * Reads plain definitions: those that are what pg_dump writes for most of its entries, about the entry's own object, with
 * names that need no quotes. They are cut into their names and the rest, and the rest is one of a few, each of which is
 * read as SQL once (see {@link Templates}): so most definitions of a large archive need not be, nor be made strings.
 * Where rules have something to say of a definition, by its names or its strings, it is not taken for plain.
 */
export class PlainReader {
  readonly #facts: PlainFacts
  readonly #isSure: boolean
  readonly #marks: MarkTest
  readonly #names: PlainNames
  readonly #columns: PlainColumns
  readonly #forms: PlainForms
  readonly #isBareMarked: boolean
  /** What is left of the definition. */
  readonly #text = new SpanReader()
  readonly #tag = new SpanReader()
  readonly #schemaSpan = emptySpan()
  readonly #schemaBytes = new Uint8Array(64)
  #schemaLength = -1
  #schema = ''
  #schemaFlags = 0
  /** The entry's name, or that of its table or sequence. */
  readonly #own = emptySpan()
  /** Of what belongs to a table, its own name. */
  readonly #part = emptySpan()
  readonly #otherSchema = emptySpan()
  readonly #other = emptySpan()
  readonly #column = emptySpan()
  readonly #rest = new Uint8Array(MOST_REST)

  /** @param marks what the rules look for that may have something to say of plain definitions */
  constructor({ lexer, quote }: Reading, read: ReadSample, facts: PlainFacts, marks: readonly Marks[]) {
    this.#facts = facts
    // in these a quote or backslash may be the second byte of a character
    this.#isSure = !mixedEncodings.has(lexer.encoding ?? '')
    // of an ACL it is told which roles it names
    const access = new MarkTest(marks)
    this.#marks = new MarkTest([...marks, { anywhere: mayNameRole }])
    this.#names = new PlainNames(quote.keywords, access)
    const sampling = { read, marks: this.#marks }
    this.#columns = new PlainColumns(sampling, this.#names)
    this.#forms = new PlainForms(sampling, access)
    this.#isBareMarked = bare.some((text) => this.#marks.isMarked(text))
  }

  /** Whether the definition is plain: then what it says has been told. */
  read(entry: TocEntry, desc: string): boolean {
    const { raw } = entry
    const text = this.#text
    if (!locate(raw, 'defn', text) || text.end - text.start > MOST_BYTES) return false
    if (!locate(raw, 'namespace', this.#schemaSpan) || !this.#isPlainSchema()) return false
    if (!locate(raw, 'tag', this.#own)) return false
    switch (desc) {
      case 'TABLE':
        return this.#table(entry)
      case 'CONSTRAINT':
        return this.#constraint(entry)
      case 'FK CONSTRAINT':
        return this.#foreignKey(entry)
      case 'DEFAULT':
        return this.#default()
      case 'TRIGGER':
        return this.#trigger()
      case 'INDEX':
        return this.#index(entry)
      case 'ACL':
        return this.#access(entry)
      case 'COMMENT':
        return this.#comment()
      case 'SEQUENCE':
        return this.#sequence(entry)
      case 'SEQUENCE OWNED BY':
        return this.#ownedBy()
      case 'SEQUENCE SET':
        return this.#sequenceValue()
      case 'TABLE ATTACH':
        return this.#attachTable()
      case 'INDEX ATTACH':
        return this.#attachIndex()
      default:
        return false
    }
  }

  /** Entries of one schema mostly come one after the other. */
  #isPlainSchema(): boolean {
    const { bytes, start, end } = this.#schemaSpan
    const known = this.#schemaBytes
    let same = end - start === this.#schemaLength
    for (let at = 0; same && at < this.#schemaLength; at++) same = known[at] === bytes[start + at]
    if (!same) {
      this.#schemaFlags = this.#isSure ? this.#names.flagsOf(this.#schemaSpan) : 0
      this.#schemaLength = this.#schemaFlags === 0 ? -1 : end - start
      if (this.#schemaFlags === 0) return false
      known.set(bytes.subarray(start, end))
      this.#schema = decodeByteString(bytes, start, end)
    }
    return true
  }

  /**
   * Whether rules may have something to say of names, in a definition with or without strings.
   * @param marked the flag of names that are marked by themselves
   */
  #isMarked(flags: number, hasStrings: boolean, marked: number = nameFlag.marked | nameFlag.role): boolean {
    return ((flags | this.#schemaFlags) & (hasStrings ? marked | nameFlag.markedWithStrings : marked)) !== 0
  }

  /** Whether a definition with these names is one of that form, of which rules have nothing to say. */
  #isQuiet({ hasStrings, isMarkedWithStrings }: Template<unknown>, flags: number, marked?: number): boolean {
    return !isMarkedWithStrings || !hasStrings ? !this.#isMarked(flags, hasStrings, marked) : false
  }

  /** The template of what is left of the definition. */
  #left<T>(templates: Templates<T>): Template<T> | undefined {
    const { bytes, start, end } = this.#text
    return templates.find(bytes, start, end)
  }

  /** Goes over the name of the schema and what comes after it, a name too. */
  #saysOwn(): boolean {
    return this.#text.has(this.#schemaSpan) && this.#text.says('.') && this.#text.has(this.#own)
  }

  /** Goes over `schema.name`, another one. */
  #overOther(): boolean {
    const text = this.#text
    return text.overName(this.#otherSchema) && text.says('.') && text.overName(this.#other)
  }

  /** Cuts the tag of what belongs to a table at its blank. */
  #cutTag(): boolean {
    const { bytes, start, end } = this.#own
    const blank = bytes.indexOf(BLANK, start)
    if (blank === -1 || blank >= end) return false
    this.#own.end = blank
    this.#part.bytes = bytes
    this.#part.start = blank + 1
    this.#part.end = end
    return true
  }

  #table(entry: TocEntry): boolean {
    const text = this.#text
    if (!text.says('CREATE TABLE ') || !this.#saysOwn() || !text.says(' (\n    ') || !text.endsWith('\n);\n'))
      return false
    const name = this.#names.find(this.#own)
    if (name === -1) return false
    text.end -= '\n);\n'.length
    const columns = this.#columns.read(text)
    if (columns === undefined) return false
    const { hasStrings, isMarkedWithStrings } = this.#columns
    if ((hasStrings && isMarkedWithStrings) || this.#isMarked(this.#names.flags(name), hasStrings)) return false
    this.#facts.table(entry, { schema: this.#schema, name: this.#names.text(name) }, columns)
    return true
  }

  /** Goes over `ALTER TABLE ONLY … ADD CONSTRAINT … `; gives the number of the table's name, −1 where it is something else. */
  #ofConstraint(): number {
    const text = this.#text
    if (!this.#cutTag() || !text.says('ALTER TABLE ONLY ') || !this.#saysOwn()) return -1
    if (!text.says('\n    ADD CONSTRAINT ') || !text.has(this.#part) || !text.says(' ')) return -1
    return this.#names.find(this.#own)
  }

  #constraint(entry: TocEntry): boolean {
    const table = this.#ofConstraint()
    const flags = table === -1 ? 0 : this.#names.flagsOf(this.#part)
    const known = flags === 0 ? undefined : this.#left(this.#forms.constraints)
    if (known === undefined || !this.#isQuiet(known, flags | this.#names.flags(table))) return false
    this.#facts.constraint(this.#placeOf(table), new PlainConstraint(entry, known.says, undefined))
    return true
  }

  #foreignKey(entry: TocEntry): boolean {
    const text = this.#text
    const table = this.#ofConstraint()
    const flags = table === -1 ? 0 : this.#names.flagsOf(this.#part)
    const from = text.start
    if (flags === 0 || !text.says('FOREIGN KEY (') || !text.upTo(CLOSE, OPEN)) return false
    if (!text.says(') REFERENCES ')) return false
    const before = text.start
    if (!this.#overOther()) return false
    const otherSchema = this.#names.find(this.#otherSchema)
    const other = this.#names.find(this.#other)
    if (otherSchema === -1 || other === -1) return false
    const length = this.#joined(from, before)
    if (length === -1) return false
    const known = this.#forms.foreignKeys.find(this.#rest, 0, length)
    if (known === undefined) return false
    const all = flags | this.#names.flags(table) | this.#names.flags(otherSchema) | this.#names.flags(other)
    if (!this.#isQuiet(known, all)) return false
    const { columns = [] } = known.says.references ?? {}
    const references = { schema: this.#names.text(otherSchema), name: this.#names.text(other), columns }
    this.#facts.constraint(this.#placeOf(table), new PlainConstraint(entry, known.says, references))
    return true
  }

  /** Makes the rest of the text before a name, `@`, and what comes after it; −1 where there would be another one. */
  #joined(from: number, before: number): number {
    const { bytes, start, end } = this.#text
    const length = before - from + 1 + end - start
    if (length > MOST_REST) return -1
    const rest = this.#rest
    for (let at = from; at < before; at++) {
      if (bytes[at] === AT) return -1
      rest[at - from] = bytes[at] ?? 0
    }
    const place = before - from
    rest[place] = AT
    for (let at = start; at < end; at++) {
      if (bytes[at] === AT) return -1
      rest[place + 1 + at - start] = bytes[at] ?? 0
    }
    return length
  }

  /** Makes the rest of what is left, with `@` for the own object; −1 where that would not be clear. */
  #withoutOwn(): number {
    const text = this.#text
    const { bytes, end } = text
    if (end - text.start > MOST_REST) return -1
    const rest = this.#rest
    let length = 0
    for (let at = text.start; at < end; at++) {
      const code = bytes[at] ?? 0
      if (code === AT) return -1
      rest[length++] = code
      if (code !== BLANK) continue
      text.start = at + 1
      if (!this.#saysOwn() || bytes[text.start] !== BLANK || text.isOver) continue
      rest[length++] = AT
      at = text.start - 1
    }
    return length
  }

  #default(): boolean {
    const text = this.#text
    if (!this.#cutTag() || !text.says('ALTER TABLE ONLY ') || !this.#saysOwn()) return false
    if (!text.says(' ALTER COLUMN ') || !text.has(this.#part) || !text.says(' SET DEFAULT ')) return false
    const table = this.#names.find(this.#own)
    const column = table === -1 ? -1 : this.#names.find(this.#part)
    if (column === -1) return false
    const rest = decodeByteString(text.bytes, text.start, text.end)
    const plain = withoutStrings(rest)
    const known = plain === undefined ? undefined : this.#forms.defaults.findText(plain)
    if (known === undefined || plain !== `${known.says};\n`) return false
    if (!this.#isQuiet(known, this.#names.flags(table) | this.#names.flags(column))) return false
    if (known.hasStrings && (this.#marks.isMarkedAnywhere(rest) || this.#marks.isMarkedWithStrings(rest))) return false
    this.#facts.columnDefault(this.#placeOf(table), this.#names.text(column), copyOf(rest.slice(0, -';\n'.length)))
    return true
  }

  #trigger(): boolean {
    const text = this.#text
    if (!this.#cutTag() || !text.says('CREATE TRIGGER ') || !text.has(this.#part) || !text.says(' ')) return false
    const table = this.#names.find(this.#own)
    const flags = table === -1 ? 0 : this.#names.flagsOf(this.#part)
    const length = flags === 0 ? -1 : this.#withoutOwn()
    const known = length === -1 ? undefined : this.#forms.triggers.find(this.#rest, 0, length)
    return known !== undefined && this.#isQuiet(known, flags | this.#names.flags(table))
  }

  #index(entry: TocEntry): boolean {
    const text = this.#text
    if (!text.says('CREATE ')) return false
    const unique = text.says('UNIQUE ')
    if (!text.says('INDEX ') || !text.has(this.#own) || !text.says(' ON ')) return false
    const only = text.says('ONLY ')
    if (!this.#overOther() || !text.says(' ')) return false
    const flags = this.#names.flagsOf(this.#own)
    const table = flags === 0 ? -1 : this.#names.find(this.#other)
    const schema = table === -1 ? -1 : this.#names.find(this.#otherSchema)
    if (schema === -1) return false
    const { indexes, uniqueIndexes, onlyIndexes, uniqueOnlyIndexes } = this.#forms
    const templates = only ? (unique ? uniqueOnlyIndexes : onlyIndexes) : unique ? uniqueIndexes : indexes
    const known = this.#left(templates)
    if (known === undefined) return false
    if (!this.#isQuiet(known, flags | this.#names.flags(table) | this.#names.flags(schema))) return false
    this.#facts.index(new PlainIndex(entry, known.says, this.#names.text(schema), this.#names.text(table)))
    return true
  }

  #access(entry: TocEntry): boolean {
    const own = this.#own
    const ofTable = this.#ofType(own, 'TABLE ')
    if (!ofTable && !this.#ofType(own, 'SEQUENCE ')) return false
    const name = this.#names.find(own)
    if (name === -1 || this.#isMarked(this.#names.flags(name), false, nameFlag.marked)) return false
    const length = this.#withoutOwn()
    if (length === -1) return false
    const { tableAccess, sequenceAccess } = this.#forms
    const known = (ofTable ? tableAccess : sequenceAccess).find(this.#rest, 0, length)
    if (known === undefined || known.hasStrings) return false
    for (const grant of known.says.grants) {
      this.#facts.grant(new PlainGrant(entry, grant, this.#schema, this.#names.text(name)))
    }
    for (const [role, as] of known.says.roles) this.#facts.role(role, as)
    return true
  }

  /** Takes the type from the beginning of a tag. */
  #ofType(span: ReturnType<typeof emptySpan>, type: string): boolean {
    if (span.end - span.start <= type.length) return false
    for (let at = 0; at < type.length; at++) if (span.bytes[span.start + at] !== type.charCodeAt(at)) return false
    span.start += type.length
    return true
  }

  /** `COMMENT ON TABLE s.t IS '…'` of the object that the tag names. */
  #comment(): boolean {
    const text = this.#text
    const { start } = text
    if (!text.says('COMMENT ON ')) return false
    const type = commented.find((one) => text.says(one))
    if (type === undefined || !this.#ofType(this.#own, type) || !this.#saysOwn()) return false
    const tag = this.#tag.read(this.#own)
    if (!tag.overName(this.#other) || this.#names.find(this.#other) === -1) return false
    if (tag.says('.') && (!tag.overName(this.#column) || this.#names.find(this.#column) === -1)) return false
    if (!tag.isOver) return false
    if (!text.says(" IS '") || !text.endsWith("';\n")) return false
    const { bytes, end } = text
    const last = end - "';\n".length
    for (let at = text.start; at < last; at++) {
      if (bytes[at] === BACKSLASH) return false
      if (bytes[at] === QUOTE && (bytes[++at] !== QUOTE || at === last)) return false
    }
    const whole = decodeByteString(bytes, start, end)
    return !this.#marks.isMarkedAnywhere(whole) && !this.#marks.isMarkedWithStrings(whole)
  }

  #sequence(entry: TocEntry): boolean {
    const text = this.#text
    if (!text.says('CREATE SEQUENCE ') || !this.#saysOwn() || !text.says('\n')) return false
    const name = this.#names.find(this.#own)
    const known = name === -1 ? undefined : this.#left(this.#forms.sequences)
    if (known === undefined || !this.#isQuiet(known, this.#names.flags(name))) return false
    const { type, increment, min, max, cycle, ownedBy, identity, value } = known.says
    const place = this.#placeOf(name)
    this.#facts.sequence({ entry, ...place, type, increment, max, min, cycle, ownedBy, identity, value })
    return true
  }

  #ownedBy(): boolean {
    const text = this.#text
    if (this.#isBareMarked) return false
    if (!text.says('ALTER SEQUENCE ') || !this.#saysOwn() || !text.says(' OWNED BY ') || !this.#overOther())
      return false
    if (!text.says('.') || !text.overName(this.#column) || !text.says(';\n') || !text.isOver) return false
    const names = [this.#own, this.#otherSchema, this.#other, this.#column].map((span) => this.#names.find(span))
    const [name = -1, schema = -1, table = -1, column = -1] = names
    if (names.includes(-1) || this.#isMarked(this.#flagsOf(names), false)) return false
    const place = { schema: this.#names.text(schema), name: this.#names.text(table) }
    this.#facts.ownedBy(this.#placeOf(name), { ...place, column: this.#names.text(column) })
    return true
  }

  #sequenceValue(): boolean {
    const text = this.#text
    if (this.#isBareMarked) return false
    if (!text.says("SELECT pg_catalog.setval('") || !this.#saysOwn() || !text.says("', ")) return false
    const name = this.#names.find(this.#own)
    if (name === -1 || this.#isMarked(this.#names.flags(name), true) || text.end - text.start > 40) return false
    const [, last, isCalled] = isValue.exec(decodeByteString(text.bytes, text.start, text.end)) ?? []
    if (last === undefined) return false
    this.#facts.sequenceValue(this.#placeOf(name), { last: BigInt(last), isCalled: isCalled === 'true' })
    return true
  }

  #attachTable(): boolean {
    const text = this.#text
    if (!text.says('ALTER TABLE ONLY ') || !this.#overOther() || !text.says(' ATTACH PARTITION ')) return false
    if (!this.#saysOwn() || !text.says(' ')) return false
    const names = [this.#own, this.#otherSchema, this.#other].map((span) => this.#names.find(span))
    if (names.includes(-1)) return false
    const rest = decodeByteString(text.bytes, text.start, text.end)
    const plain = withoutStrings(rest)
    const known = plain === undefined ? undefined : this.#forms.partitions.findText(plain)
    if (known === undefined || !this.#isQuiet(known, this.#flagsOf(names))) return false
    if (known.hasStrings && (this.#marks.isMarkedAnywhere(rest) || this.#marks.isMarkedWithStrings(rest))) return false
    const [name = -1, schema = -1, parent = -1] = names
    this.#facts.partition(this.#placeOf(name), { schema: this.#names.text(schema), name: this.#names.text(parent) })
    return true
  }

  #attachIndex(): boolean {
    const text = this.#text
    if (this.#isBareMarked) return false
    if (!text.says('ALTER INDEX ') || !this.#overOther() || !text.says(' ATTACH PARTITION ')) return false
    if (!this.#saysOwn() || !text.says(';\n') || !text.isOver) return false
    const names = [this.#own, this.#otherSchema, this.#other].map((span) => this.#names.find(span))
    return !names.includes(-1) && !this.#isMarked(this.#flagsOf(names), false)
  }

  #placeOf(name: number): QualifiedName {
    return { schema: this.#schema, name: this.#names.text(name) }
  }

  #flagsOf(names: readonly number[]): number {
    let flags = 0
    for (const name of names) flags |= this.#names.flags(name)
    return flags
  }
}
