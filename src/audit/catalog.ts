import type { DumpId, TocEntry } from '../toc/types.ts'
import { derive, type ArchiveView } from '../view.ts'
import { labelOf } from './label.ts'
import type { Marks } from './marked-rule.ts'
import { ObjectsByName } from './objects-by-name.ts'
import type { PlainFacts } from './plain-facts.ts'
import { ConstraintIndex } from './plain-objects.ts'
import { PlainReader } from './plain-reader.ts'
import { readDefaultPrivileges, readGrant } from './read-grant.ts'
import { readFunction } from './read-function.ts'
import {
  integerAt,
  readIdentity,
  readIndex,
  readPolicy,
  readSequence,
  readView,
  type SequenceDraft,
} from './read-relation.ts'
import { RoleGatherer } from './read-roles.ts'
import { alteredTable, alterTable, attachedPartition, readTable } from './read-table.ts'
import { qualifiedName, readingOf, type Reading } from './reading.ts'
import { statementsOf, type SqlStatement } from './statement.ts'
import { addConstraint, changeColumn, columnOf, tableOf, type TableDraft } from './table-draft.ts'
import type {
  AuditCatalog,
  CatalogConstraint,
  CatalogExtension,
  CatalogFunction,
  CatalogGrant,
  CatalogIndex,
  CatalogPolicy,
  CatalogRole,
  CatalogSchema,
  CatalogTable,
  CatalogView,
  DefinitionStatement,
  QualifiedName,
} from './types.ts'

/** Who looks at definitions while the catalog is being read. */
export interface DefinitionReader {
  /** Receives every entry, before its definition is read. */
  entry?(entry: TocEntry): void
  definition(entry: TocEntry, statements: readonly DefinitionStatement[]): void
  /** Receives entries with plain definitions that are not marked. */
  plain(entry: TocEntry): void
  /** Which plain definitions have to be seen with their statements all the same; undefined among them: each. */
  readonly marks: readonly (Marks | undefined)[]
}

/** Of fewer entries the short way does not make up for what it takes to learn it (bench case audit). */
const MANY_ENTRIES = 5000

/** Entries without SQL of their own: numbers of large objects, texts that pg_restore makes something of. */
const withoutSql: ReadonlySet<string> = new Set(['BLOB METADATA'])

/**
 * Reads every definition of an archive once, in archive order, and keeps what rules ask about. What an entry creates
 * counts by its SQL, not by the entry's type.
 */
export class Catalog implements AuditCatalog {
  readonly entries: readonly TocEntry[]
  readonly tables: TableDraft[] = []
  readonly functions: CatalogFunction[] = []
  readonly indexes: CatalogIndex[] = []
  readonly sequences: SequenceDraft[] = []
  readonly views: CatalogView[] = []
  readonly policies: CatalogPolicy[] = []
  readonly grants: CatalogGrant[] = []
  readonly extensions: CatalogExtension[] = []
  readonly schemas: CatalogSchema[] = []
  readonly withoutStatement: TocEntry[] = []
  #roles: readonly CatalogRole[] = []
  readonly #view: ArchiveView
  readonly #reading: Reading
  readonly #gatherer: RoleGatherer
  readonly #byType = new Map<string, TocEntry[]>()
  readonly #tables = new ObjectsByName<TableDraft>()
  readonly #sequences = new ObjectsByName<SequenceDraft>()
  readonly #lexesAll: boolean
  /** Tables whose name no other table has. */
  #byName: ReadonlyMap<string, TableDraft | undefined> | undefined
  /** What concerns a table or sequence that has not come yet. */
  #late: (() => void)[] = []
  #authorization: string | undefined

  /** @param lexesAll reads no definition the short way; default: of an archive with few entries */
  constructor(
    view: ArchiveView,
    { lexesAll = view.toc.length < MANY_ENTRIES }: { readonly lexesAll?: boolean | undefined } = {},
  ) {
    this.#view = view
    this.#reading = readingOf(view)
    this.entries = view.toc
    this.#gatherer = new RoleGatherer(this.#reading, this.entries)
    this.#lexesAll = lexesAll
  }

  /** Every role that the archive names, with where: owners, grantees, policies, mappings, default privileges. */
  get roles(): readonly CatalogRole[] {
    return this.#roles
  }

  /** Reads all definitions: once, before anything is asked. */
  read(reader?: DefinitionReader): void {
    const plain = this.#plainReader(reader?.marks ?? [])
    for (const entry of this.entries) this.#entry(entry, plain, reader)
    const late = this.#late
    this.#late = []
    for (const again of late) again()
    for (const entry of this.ofType('TABLE DATA')) {
      const table = this.#tableOfRows(entry)
      if (table !== undefined) table.data = entry
    }
    this.#roles = this.#gatherer.roles()
  }

  #plainReader(marks: readonly (Marks | undefined)[]): PlainReader | undefined {
    const known = marks.filter((one) => one !== undefined)
    if (this.#lexesAll || known.length < marks.length) return undefined
    return new PlainReader(this.#reading, (entries) => sampleCatalog(this.#view, entries), this.#facts(), known)
  }

  ofType(desc: string): readonly TocEntry[] {
    return this.#byType.get(desc) ?? []
  }

  entry(dumpId: DumpId): TocEntry | undefined {
    return this.#view.entry(dumpId)
  }

  statements(entry: TocEntry): readonly SqlStatement[] {
    const desc = entry.raw.byteString('desc') ?? ''
    const text = withoutSql.has(desc) ? undefined : entry.raw.byteString('defn')
    return text == null || text === '' ? [] : statementsOf(text, this.#reading)
  }

  label(entry: TocEntry): string {
    return labelOf(this.#reading, entry)
  }

  quote(...names: readonly string[]): string {
    return this.#reading.quoteNames(...names)
  }

  decode(text: string): string {
    return this.#reading.decode(text)
  }

  table(schema: string, name: string): CatalogTable | undefined {
    return this.#tables.get(schema, name)
  }

  #tableOfRows({ namespace, tag }: TocEntry): TableDraft | undefined {
    const name = tag ?? ''
    if (namespace !== null) return this.#tables.get(namespace, name)
    // archives of before 1.6 do not say the schema, their definitions may
    this.#byName ??= onlyByName(this.tables)
    return this.#tables.get('', name) ?? this.#byName.get(name)
  }

  #entry(entry: TocEntry, plain: PlainReader | undefined, reader: DefinitionReader | undefined): void {
    const desc = entry.raw.byteString('desc') ?? ''
    const same = this.#byType.get(desc)
    if (same === undefined) this.#byType.set(desc, [entry])
    else same.push(entry)
    this.#gatherer.next()
    reader?.entry?.(entry)
    if (plain?.read(entry, desc) === true) {
      reader?.plain(entry)
      return
    }
    const text = withoutSql.has(desc) ? undefined : entry.raw.byteString('defn')
    if (text == null || text === '') return
    const statements = statementsOf(text, this.#reading)
    this.#authorization = undefined
    for (const statement of statements) {
      this.#gatherer.statement(statement)
      this.#statement(statement, entry, desc)
    }
    if (statements.length > 0) reader?.definition(entry, statements)
    else this.withoutStatement.push(entry)
  }

  /** Puts what plain definitions say where statements would have put it. */
  #facts(): PlainFacts {
    return {
      table: (entry, place, columns) => this.#table(tableOf(entry, place, columns)),
      constraint: (place, constraint) => {
        const table = this.#tables.get(place.schema, place.name)
        if (table !== undefined) this.#constraint(table, constraint)
        else this.#whenThere(this.#tables, place, (late) => this.#constraint(late, constraint))
      },
      columnDefault: (place, column, value) =>
        this.#whenThere(this.#tables, place, (table) =>
          changeColumn(table, column, (draft) => (draft.default = value)),
        ),
      partition: (child, parent) => this.#whenThere(this.#tables, child, (table) => (table.partitionOf = parent)),
      index: (index) => void this.indexes.push(index),
      sequence: (sequence) => this.#sequence(sequence),
      ownedBy: (place, column) => this.#whenThere(this.#sequences, place, (sequence) => (sequence.ownedBy = column)),
      sequenceValue: (place, value) => this.#whenThere(this.#sequences, place, (sequence) => (sequence.value = value)),
      grant: (grant) => void this.grants.push(grant),
      role: (role, as) => this.#gatherer.add(role, as),
    }
  }

  #constraint(table: TableDraft, constraint: CatalogConstraint): void {
    addConstraint(table, constraint)
    push(this.indexes, indexOf(table, constraint))
  }

  #statement(statement: SqlStatement, entry: TocEntry, desc: string): void {
    const reading = this.#reading
    switch (statement.command) {
      case 'CREATE TABLE':
      case 'CREATE FOREIGN TABLE':
        this.#table(readTable(reading, statement, entry))
        break
      case 'ALTER TABLE':
      case 'ALTER FOREIGN TABLE':
        this.#alterTable(statement, entry)
        break
      case 'CREATE INDEX':
        push(this.indexes, readIndex(reading, statement, entry))
        break
      case 'CREATE FUNCTION':
      case 'CREATE PROCEDURE':
      case 'CREATE AGGREGATE':
        push(this.functions, readFunction(reading, statement, entry))
        break
      case 'CREATE SEQUENCE':
        this.#sequence(readSequence(reading, statement, entry))
        break
      case 'ALTER SEQUENCE':
        this.#alterSequence(statement, entry)
        break
      case 'CREATE VIEW':
      case 'CREATE MATERIALIZED VIEW':
        push(this.views, readView(reading, statement, entry))
        break
      case 'CREATE POLICY':
        push(this.policies, readPolicy(reading, statement, entry))
        break
      case 'GRANT':
      case 'REVOKE':
        push(this.grants, readGrant(reading, statement, 0, entry, { grantor: this.#authorization }))
        break
      case 'ALTER DEFAULT PRIVILEGES':
        for (const grant of readDefaultPrivileges(reading, statement, entry)) this.grants.push(grant)
        break
      case 'CREATE EXTENSION':
        this.#extension(statement, entry)
        break
      case 'CREATE SCHEMA':
        this.#schema(statement, entry)
        break
      case 'SET':
      case 'RESET':
        this.#setAuthorization(statement)
        break
      case 'SELECT':
        if (desc === 'SEQUENCE SET') this.#setSequence(statement, entry)
        break
    }
  }

  #table(table: TableDraft | undefined): void {
    if (table === undefined) return
    this.tables.push(table)
    this.#tables.set(table)
  }

  #alterTable(statement: SqlStatement, entry: TocEntry): void {
    const found = alteredTable(this.#reading, statement, entry)
    if (found === undefined) return
    const { schema, name, next } = found
    const child = attachedPartition(this.#reading, statement, next, entry)
    if (child !== undefined) {
      this.#whenThere(this.#tables, child, (table) => (table.partitionOf = { schema, name }))
      return
    }
    this.#whenThere(this.#tables, found, (table) => {
      const added = alterTable(this.#reading, statement, next, table, entry)
      for (const constraint of added) push(this.indexes, indexOf(table, constraint))
      if (statement.find('identity', next) !== -1) this.#identity(statement, next, table, entry)
    })
  }

  #identity(statement: SqlStatement, at: number, table: TableDraft, entry: TocEntry): void {
    const place = statement.has(at, 'alter', 'column') ? at + 2 : at + 1
    const column = this.#reading.decode(statement.name(place) ?? '')
    const type = columnOf(table, column)?.type ?? 'bigint'
    const { schema, name } = table
    this.#sequence(readIdentity(this.#reading, statement, entry, { schema, name, column, type }))
  }

  #sequence(sequence: SequenceDraft | undefined): void {
    if (sequence === undefined) return
    this.sequences.push(sequence)
    this.#sequences.set(sequence)
  }

  #alterSequence(statement: SqlStatement, entry: TocEntry): void {
    const found = qualifiedName(this.#reading, statement, 2, entry)
    if (found === undefined) return
    // after the name, which may be the same word
    const owned = statement.find('owned', found.next)
    if (owned === -1) return
    const column = columnPath(this.#reading, statement, owned + 2)
    if (column === undefined) return
    const { schema = found.schema, ...rest } = column
    this.#whenThere(this.#sequences, found, (sequence) => (sequence.ownedBy = { schema, ...rest }))
  }

  /** `SELECT pg_catalog.setval('s.n', 42, true)` */
  #setSequence(statement: SqlStatement, entry: TocEntry): void {
    const place = { schema: entry.namespace ?? '', name: entry.tag ?? '' }
    for (let at = 0; at < statement.length; at++) {
      if (statement.mark(at) !== ',') continue
      const last = integerAt(statement, at + 1)
      if (last === undefined) return
      const isCalled = statement.word(statement.length - 2) !== 'false'
      this.#whenThere(this.#sequences, place, (sequence) => (sequence.value = { last, isCalled }))
      return
    }
  }

  #extension(statement: SqlStatement, entry: TocEntry): void {
    const at = statement.has(2, 'if', 'not', 'exists') ? 5 : 2
    const name = statement.name(at)
    if (name === undefined) return
    const inSchema = statement.find('schema', at + 1)
    const schema = inSchema === -1 ? undefined : statement.name(inSchema + 1)
    const { decode } = this.#reading
    this.extensions.push({ entry, name: decode(name), schema: schema === undefined ? undefined : decode(schema) })
  }

  #schema(statement: SqlStatement, entry: TocEntry): void {
    const at = statement.has(2, 'if', 'not', 'exists') ? 5 : 2
    const name = statement.name(statement.word(at) === 'authorization' ? at + 1 : at)
    if (name !== undefined) this.schemas.push({ entry, name: this.#reading.decode(name) })
  }

  #setAuthorization(statement: SqlStatement): void {
    if (!statement.has(1, 'session', 'authorization')) return
    const role = statement.word(0) === 'set' ? (statement.literal(3) ?? statement.name(3)) : undefined
    this.#authorization = role === undefined || statement.word(3) === 'default' ? undefined : this.#reading.decode(role)
  }

  #whenThere<T extends QualifiedName>(
    objects: ObjectsByName<T>,
    { schema, name }: QualifiedName,
    change: (object: T) => void,
  ): void {
    const object = objects.get(schema, name)
    if (object !== undefined) change(object)
    else {
      this.#late.push(() => {
        const there = objects.get(schema, name)
        if (there !== undefined) change(there)
      })
    }
  }
}

function onlyByName(tables: readonly TableDraft[]): ReadonlyMap<string, TableDraft | undefined> {
  const found = new Map<string, TableDraft | undefined>()
  for (const table of tables) found.set(table.name, found.has(table.name) ? undefined : table)
  return found
}

/** Entries that somebody made up, read as those of an archive are. */
function sampleCatalog(view: ArchiveView, entries: readonly TocEntry[]): Catalog {
  const catalog = new Catalog(derive(view, { toc: entries }), { lexesAll: true })
  catalog.read()
  return catalog
}

function push<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item)
}

/** The index that a constraint makes. */
function indexOf({ schema, name }: CatalogTable, constraint: CatalogConstraint): CatalogIndex | undefined {
  const { kind } = constraint
  if (kind !== 'primary key' && kind !== 'unique' && kind !== 'exclude') return undefined
  return new ConstraintIndex(schema, name, constraint)
}

/** `schema.table.column` or `table.column`. */
function columnPath(
  { decode }: Reading,
  statement: DefinitionStatement,
  from: number,
): { readonly schema?: string; readonly name: string; readonly column: string } | undefined {
  const parts: string[] = []
  for (let at = from; statement.isName(at); at += 2) {
    parts.push(decode(statement.name(at) ?? ''))
    if (statement.mark(at + 1) !== '.') break
  }
  const [column, name, schema] = parts.toReversed()
  if (name === undefined || column === undefined) return undefined
  return schema === undefined ? { name, column } : { schema, name, column }
}
