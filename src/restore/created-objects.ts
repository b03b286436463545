import { qualifiedName, type Reading } from '../audit/reading.ts'
import type { SqlStatement } from '../audit/statement.ts'
import type { QualifiedName } from '../audit/types.ts'
import type { TocEntry } from '../toc/types.ts'

/** An object that a statement creates, or would. */
export interface CreatedObject {
  readonly key: string
  /** `relation app.t` */
  readonly name: string
  /** The object with which it goes when that is dropped: the table of an index, the publication of a table in it. */
  readonly of?: string
}

export const keyOf = (kind: string, ...names: readonly string[]): string => [kind, ...names].join('\0')

/** Types of `CREATE type name` whose objects are in a schema, by the kind of their key. */
const inSchema: ReadonlyMap<string, string> = new Map([
  ['TABLE', 'relation'],
  ['FOREIGN TABLE', 'relation'],
  ['VIEW', 'relation'],
  ['MATERIALIZED VIEW', 'relation'],
  ['SEQUENCE', 'relation'],
  ['TYPE', 'type'],
  ['DOMAIN', 'type'],
  ['COLLATION', 'collation'],
  ['CONVERSION', 'conversion'],
  ['STATISTICS', 'statistics'],
  ['TEXT SEARCH CONFIGURATION', 'text search configuration'],
  ['TEXT SEARCH DICTIONARY', 'text search dictionary'],
  ['TEXT SEARCH PARSER', 'text search parser'],
  ['TEXT SEARCH TEMPLATE', 'text search template'],
])

/** The same of objects that are in no schema. */
const inDatabase: ReadonlyMap<string, string> = new Map([
  ['SCHEMA', 'schema'],
  ['EVENT TRIGGER', 'event trigger'],
  ['FOREIGN DATA WRAPPER', 'foreign-data wrapper'],
  ['SERVER', 'server'],
  ['PUBLICATION', 'publication'],
  ['SUBSCRIPTION', 'subscription'],
  ['ACCESS METHOD', 'access method'],
  ['LANGUAGE', 'language'],
])

const onTable: ReadonlySet<string> = new Set(['TRIGGER', 'RULE', 'POLICY'])

const routines: ReadonlySet<string> = new Set(['FUNCTION', 'PROCEDURE', 'AGGREGATE'])

const largeObject = /^\s*SELECT pg_catalog\.lo_create\('(\d+)'\);\s*$/

/** The large object that a command of an entry creates. */
export function createdLargeObject(sql: string): CreatedObject | undefined {
  const oid = largeObject.exec(sql)?.[1]
  return oid === undefined ? undefined : { key: keyOf('large object', oid), name: `large object ${oid}` }
}

/** What a statement cannot create where it is there: empty for all that does not mind, such as OR REPLACE. */
export function createdObjects(reading: Reading, statement: SqlStatement, entry: TocEntry): readonly CreatedObject[] {
  const { command } = statement
  if (command === 'ALTER TABLE') return added(reading, statement, entry)
  if (command === 'ALTER DOMAIN') return addedToDomain(reading, statement, entry)
  if (command === 'ALTER PUBLICATION') return published(reading, statement, entry)
  if (!command.startsWith('CREATE ')) return []
  const type = command.slice('CREATE '.length)
  let at = afterType(statement, type)
  if (at === -1 || statement.has(1, 'or', 'replace')) return []
  if (statement.has(at, 'if', 'not', 'exists')) at += 3
  if (routines.has(type)) return routine(entry, type)
  if (type === 'CAST') return cast(reading, statement, at)
  if (type === 'OPERATOR') return operator(reading, statement, at, entry)
  if (type === 'INDEX') return index(reading, statement, at, entry)
  if (type === 'TRANSFORM' || type === 'USER MAPPING') return ofTwo(reading, statement, type, at)
  const kind = inDatabase.get(type)
  if (kind !== undefined) {
    // CREATE SCHEMA AUTHORIZATION name
    const name = statement.name(statement.word(at) === 'authorization' && type === 'SCHEMA' ? at + 1 : at)
    return name === undefined ? [] : [object(kind, reading.decode(name))]
  }
  const found = qualifiedName(reading, statement, at, entry)
  if (found === undefined) return []
  if (onTable.has(type)) return partOfTable(reading, statement, type, found, entry)
  if (type === 'OPERATOR CLASS' || type === 'OPERATOR FAMILY') {
    const using = statement.find('using', found.next)
    return [object(type.toLowerCase(), found.schema, found.name, reading.decode(statement.name(using + 1) ?? ''))]
  }
  const ofSchema = inSchema.get(type)
  return ofSchema === undefined ? [] : [object(ofSchema, found.schema, found.name)]
}

function object(kind: string, ...names: readonly string[]): CreatedObject {
  return { key: keyOf(kind, ...names), name: `${kind} ${names.join('.')}` }
}

/** An object that goes with its table. */
function partOf(table: QualifiedName, kind: string, ...names: readonly string[]): CreatedObject {
  return { ...object(kind, ...names), of: keyOf('relation', table.schema, table.name) }
}

/** The place after `CREATE … type`. */
function afterType(statement: SqlStatement, type: string): number {
  const words = type.toLowerCase().split(' ')
  for (let at = 1; at < 5; at++) if (statement.has(at, ...words)) return at + words.length
  return -1
}

/** The tag is as the server writes a signature: `f(integer, text)`. */
function routine(entry: TocEntry, type: string): readonly CreatedObject[] {
  const desc = entry.desc
  if (desc !== type || entry.tag === null) return []
  return [object('routine', entry.namespace ?? '', entry.tag)]
}

function cast(reading: Reading, statement: SqlStatement, open: number): readonly CreatedObject[] {
  const as = statement.tokens.findIndex(
    (_, at) => at > open && statement.word(at) === 'as' && statement.depth(at) === 1,
  )
  const close = statement.tokens.findIndex(
    (_, at) => at > as && statement.mark(at) === ')' && statement.depth(at) === 0,
  )
  if (as === -1 || close === -1) return []
  const [from, to] = [statement.source(open + 1, as), statement.source(as + 1, close)].map(reading.decode)
  return [object('cast', `${from} AS ${to}`)]
}

function operator(reading: Reading, statement: SqlStatement, at: number, entry: TocEntry): readonly CreatedObject[] {
  const qualified = statement.mark(at + 1) === '.'
  const schema = qualified ? reading.decode(statement.name(at) ?? '') : (entry.namespace ?? '')
  const sides = ['leftarg', 'rightarg'].map((side) => {
    const place = statement.tokens.findIndex((_, of) => statement.word(of) === side && statement.mark(of + 1) === '=')
    if (place === -1) return 'NONE'
    let end = place + 2
    for (; end < statement.length && statement.depth(end) > 0; end++) {
      if (statement.mark(end) === ',' && statement.depth(end) === 1) break
    }
    return reading.decode(statement.source(place + 2, end))
  })
  return [object('operator', schema, `${statement.mark(qualified ? at + 2 : at)}(${sides.join(',')})`)]
}

function index(reading: Reading, statement: SqlStatement, at: number, entry: TocEntry): readonly CreatedObject[] {
  const start = statement.word(at) === 'concurrently' ? at + 1 : at
  const name = statement.word(start) === 'on' ? undefined : statement.name(start)
  const on = statement.find('on', start)
  if (name === undefined || on === -1) return []
  const table = qualifiedName(reading, statement, statement.word(on + 1) === 'only' ? on + 2 : on + 1, entry)
  return table === undefined ? [] : [partOf(table, 'relation', table.schema, reading.decode(name))]
}

function partOfTable(
  reading: Reading,
  statement: SqlStatement,
  type: string,
  { name, next }: { readonly name: string; readonly next: number },
  entry: TocEntry,
): readonly CreatedObject[] {
  const word = type === 'RULE' ? 'to' : 'on'
  const place = statement.find(word, next)
  const table = place === -1 ? undefined : qualifiedName(reading, statement, place + 1, entry)
  return table === undefined ? [] : [partOf(table, type.toLowerCase(), table.schema, table.name, name)]
}

/** `CREATE TRANSFORM FOR type LANGUAGE l`, `CREATE USER MAPPING FOR user SERVER s` */
function ofTwo(reading: Reading, statement: SqlStatement, type: string, at: number): readonly CreatedObject[] {
  const second = statement.find(type === 'TRANSFORM' ? 'language' : 'server', at)
  if (statement.word(at) !== 'for' || second === -1) return []
  const isUser = type === 'USER MAPPING'
  const first = isUser ? (statement.name(at + 1) ?? '') : statement.source(at + 1, second)
  return [object(type.toLowerCase(), reading.decode(first), reading.decode(statement.name(second + 1) ?? ''))]
}

/** `ALTER TABLE [ONLY] t ADD CONSTRAINT c …`, `ALTER TABLE t ALTER COLUMN c ADD GENERATED … (SEQUENCE NAME s.n …)` */
function added(reading: Reading, statement: SqlStatement, entry: TocEntry): readonly CreatedObject[] {
  const at = statement.word(2) === 'only' ? 3 : 2
  const table = qualifiedName(reading, statement, at, entry)
  if (table === undefined) return []
  if (statement.has(table.next, 'alter', 'column') && statement.has(table.next + 3, 'add', 'generated')) {
    for (let place = table.next + 5; place < statement.length; place++) {
      if (!statement.has(place, 'sequence', 'name')) continue
      const sequence = qualifiedName(reading, statement, place + 2, entry)
      return sequence === undefined ? [] : [partOf(table, 'relation', sequence.schema, sequence.name)]
    }
  }
  if (!statement.has(table.next, 'add', 'constraint')) return []
  const name = reading.decode(statement.name(table.next + 2) ?? '')
  const constraint = partOf(table, 'constraint', table.schema, table.name, name)
  const kind = table.next + 3
  // the same NOT NULL twice is none too many
  if (statement.has(kind, 'not', 'null')) return []
  if (statement.has(kind, 'primary', 'key')) {
    const primaryKey = { ...constraint, key: keyOf('primary key', table.schema, table.name) }
    return [constraint, primaryKey, partOf(table, 'relation', table.schema, name)]
  }
  return statement.has(kind, 'unique|exclude')
    ? [constraint, partOf(table, 'relation', table.schema, name)]
    : [constraint]
}

/** `ALTER DOMAIN d ADD CONSTRAINT c …` */
function addedToDomain(reading: Reading, statement: SqlStatement, entry: TocEntry): readonly CreatedObject[] {
  const domain = qualifiedName(reading, statement, 2, entry)
  if (domain === undefined || !statement.has(domain.next, 'add', 'constraint')) return []
  const { schema, name } = domain
  const constraint = reading.decode(statement.name(domain.next + 2) ?? '')
  return [{ ...object('domain constraint', schema, name, constraint), of: keyOf('type', schema, name) }]
}

/** `ALTER PUBLICATION p ADD TABLE [ONLY] t`, `… ADD TABLES IN SCHEMA s` */
function published(reading: Reading, statement: SqlStatement, entry: TocEntry): readonly CreatedObject[] {
  const publication = reading.decode(statement.name(2) ?? '')
  if (statement.has(3, 'add', 'tables', 'in', 'schema')) {
    const schema = object('publication of schema', publication, reading.decode(statement.name(7) ?? ''))
    return [{ ...schema, of: keyOf('publication', publication) }]
  }
  if (!statement.has(3, 'add', 'table')) return []
  const table = qualifiedName(reading, statement, statement.word(5) === 'only' ? 6 : 5, entry)
  if (table === undefined) return []
  const member = object('publication of table', publication, table.schema, table.name)
  return [{ ...member, of: keyOf('publication', publication) }]
}
