import type { TocEntry } from '../toc/types.ts'
import { closing, listElements, optionsInList, qualifiedName, type Reading } from './reading.ts'
import type { CatalogIndex, CatalogPolicy, CatalogSequence, CatalogView, DefinitionStatement } from './types.ts'

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

/** A sequence while the archive is being read. */
export type SequenceDraft = Mutable<CatalogSequence>

/** CREATE INDEX. */
export function readIndex(reading: Reading, statement: DefinitionStatement, entry: TocEntry): CatalogIndex | undefined {
  const unique = statement.word(1) === 'unique'
  let at = unique ? 3 : 2
  if (statement.has(at, 'concurrently')) at++
  if (statement.has(at, 'if', 'not', 'exists')) at += 3
  let name = ''
  if (statement.word(at) !== 'on') {
    name = reading.decode(statement.name(at) ?? '')
    at++
  }
  if (statement.word(at) !== 'on') return undefined
  const only = statement.word(at + 1) === 'only' && statement.isName(at + 2)
  const table = qualifiedName(reading, statement, only ? at + 2 : at + 1, entry)
  if (table === undefined) return undefined
  at = table.next
  let method = 'btree'
  if (statement.word(at) === 'using') {
    method = reading.decode(statement.name(at + 1) ?? '')
    at += 2
  }
  const texts = (open: number): { readonly list: readonly string[]; readonly next: number } => {
    const { elements, next } = listElements(statement, open)
    return { list: elements.map(([from, to]) => statement.source(from, to)), next }
  }
  const keys = texts(at)
  at = keys.next
  let include: readonly string[] = []
  if (statement.word(at) === 'include') {
    const included = texts(at + 1)
    include = included.list
    at = included.next
  }
  const where = statement.find('where', at)
  return {
    entry,
    name,
    schema: table.schema,
    table: table.name,
    method,
    unique,
    nullsNotDistinct: statement.has(at, 'nulls', 'not', 'distinct'),
    constraint: undefined,
    keys: keys.list,
    include,
    where: where === -1 ? undefined : statement.source(where + 1),
    only,
  }
}

/** Largest and smallest values by type (sequence.c). */
const bigintRange: readonly [bigint, bigint] = [-9_223_372_036_854_775_808n, 9_223_372_036_854_775_807n]

const ranges: ReadonlyMap<string, readonly [bigint, bigint]> = new Map([
  ['smallint', [-32_768n, 32_767n]],
  ['integer', [-2_147_483_648n, 2_147_483_647n]],
  ['bigint', bigintRange],
])

const otherNames: ReadonlyMap<string, string> = new Map([
  ['int2', 'smallint'],
  ['int4', 'integer'],
  ['int', 'integer'],
])

/** CREATE SEQUENCE. */
export function readSequence(
  reading: Reading,
  statement: DefinitionStatement,
  entry: TocEntry,
): SequenceDraft | undefined {
  let at = 2
  if (statement.word(1) !== 'sequence') at++
  if (statement.has(at, 'if', 'not', 'exists')) at += 3
  const found = qualifiedName(reading, statement, at, entry)
  if (found === undefined) return undefined
  const options = sequenceOptions(statement, found.next, statement.length, 'bigint')
  const rest = { ownedBy: undefined, identity: false, value: undefined }
  return { entry, schema: found.schema, name: found.name, ...options, ...rest }
}

/**
 * `ALTER COLUMN c ADD GENERATED … AS IDENTITY ( SEQUENCE NAME s.n … )` of ALTER TABLE: the sequence.
 * @param type of the column, which is that of the sequence
 */
export function readIdentity(
  reading: Reading,
  statement: DefinitionStatement,
  entry: TocEntry,
  column: { readonly schema: string; readonly name: string; readonly column: string; readonly type: string },
): SequenceDraft | undefined {
  const at = statement.find('identity')
  if (at === -1 || statement.mark(at + 1) !== '(') return undefined
  const close = closing(statement, at + 1)
  const named = statement.has(at + 2, 'sequence', 'name') ? qualifiedName(reading, statement, at + 4, entry) : undefined
  if (named === undefined) return undefined
  const options = sequenceOptions(statement, named.next, close, column.type)
  const ownedBy = { schema: column.schema, name: column.name, column: column.column }
  return { entry, schema: named.schema, name: named.name, ...options, ownedBy, identity: true, value: undefined }
}

function sequenceOptions(
  statement: DefinitionStatement,
  from: number,
  to: number,
  columnType: string,
): Pick<CatalogSequence, 'increment' | 'max' | 'min' | 'cycle' | 'type'> {
  let type = columnType
  let increment = 1n
  let max: bigint | undefined
  let min: bigint | undefined
  let cycle = false
  for (let at = from; at < to; at++) {
    const no = statement.word(at - 1) === 'no'
    switch (statement.word(at)) {
      case 'as':
        type = statement.word(at + 1)
        break
      case 'increment':
        increment = integerAt(statement, statement.word(at + 1) === 'by' ? at + 2 : at + 1) ?? increment
        break
      case 'maxvalue':
        if (!no) max = integerAt(statement, at + 1)
        break
      case 'minvalue':
        if (!no) min = integerAt(statement, at + 1)
        break
      case 'cycle':
        cycle = !no
        break
    }
  }
  const known = otherNames.get(type) ?? type
  const [least, most] = ranges.get(known) ?? bigintRange
  const up = increment > 0n
  return { type: known, increment, max: max ?? (up ? most : -1n), min: min ?? (up ? 1n : least), cycle }
}

/** A whole number with a sign or without. */
export function integerAt(statement: DefinitionStatement, at: number): bigint | undefined {
  const negative = statement.mark(at) === '-'
  const place = negative || statement.mark(at) === '+' ? at + 1 : at
  const text = statement.source(place, place + 1)
  if (statement.kind(place) !== 'number' || !/^\d+$/.test(text)) return undefined
  return negative ? -BigInt(text) : BigInt(text)
}

/** CREATE [MATERIALIZED] VIEW. */
export function readView(reading: Reading, statement: DefinitionStatement, entry: TocEntry): CatalogView | undefined {
  let at = 1
  while (at < 6 && statement.word(at) !== 'view') at++
  const materialized = statement.word(at - 1) === 'materialized'
  at++
  if (statement.has(at, 'if', 'not', 'exists')) at += 3
  const found = qualifiedName(reading, statement, at, entry)
  if (found === undefined) return undefined
  at = found.next
  if (statement.mark(at) === '(') at = closing(statement, at) + 1
  let options: ReadonlyMap<string, string> = new Map()
  if (statement.word(at) === 'using') at += 2
  if (statement.word(at) === 'with' && statement.mark(at + 1) === '(') {
    const list = optionsInList(reading, statement, at + 1)
    options = list.options
    at = list.next
  }
  const as = statement.find('as', at)
  const query = as === -1 ? '' : statement.source(as + 1)
  return { entry, schema: found.schema, name: found.name, materialized, options, query }
}

/** CREATE POLICY. */
export function readPolicy(
  reading: Reading,
  statement: DefinitionStatement,
  entry: TocEntry,
): CatalogPolicy | undefined {
  const name = statement.name(2)
  if (name === undefined || statement.word(3) !== 'on') return undefined
  const table = qualifiedName(reading, statement, 4, entry)
  if (table === undefined) return undefined
  let permissive = true
  let command = 'ALL'
  const roles: string[] = []
  let using: string | undefined
  let check: string | undefined
  for (let at = table.next; at < statement.length; at++) {
    if (statement.depth(at) > 0) continue
    switch (statement.word(at)) {
      case 'as':
        permissive = statement.word(at + 1) !== 'restrictive'
        break
      case 'for':
        command = statement.word(at + 1).toUpperCase()
        break
      case 'to':
        at = readRoles(reading, statement, at + 1, roles) - 1
        break
      case 'using':
        using = statement.source(at + 2, closing(statement, at + 1))
        break
      case 'check':
        check = statement.source(at + 2, closing(statement, at + 1))
        break
    }
  }
  const { schema, name: tableName } = table
  const all = roles.length === 0 ? ['PUBLIC'] : roles
  return { entry, schema, table: tableName, name: reading.decode(name), permissive, command, roles: all, using, check }
}

/** Roles separated by commas, spelled as {@link spelledRole} does; gives the place after them. */
export function readRoles(reading: Reading, statement: DefinitionStatement, from: number, roles: string[]): number {
  return readNames(reading, statement, from, roles, (name, word) =>
    // the server takes even a quoted "public" for everybody
    name === 'public' || keywordRole.test(word) ? word.toUpperCase() || 'PUBLIC' : spelledRole(name),
  )
}

const keywordRole = /^current_(?:role|user)$|^session_user$/

/**
 * A role as reports and the catalog spell one that is named in privileges and policies: its name, where that is not how
 * they spell everybody (`PUBLIC`) or whoever runs the statement (`CURRENT_USER`, …). A role can have such a name, and is
 * spelled in quotes then: `"PUBLIC"`.
 */
export function spelledRole(name: string): string {
  return /^"*(?:PUBLIC|CURRENT_ROLE|CURRENT_USER|SESSION_USER)"*$/.test(name) ? `"${name.replaceAll('"', '""')}"` : name
}

/** Names separated by commas; gives the place after them. `word` is that of a key word, empty for a name in quotes. */
export function readNames(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  names: string[],
  spell: (name: string, word: string) => string = (name) => name,
): number {
  let at = from
  for (;;) {
    if (statement.word(at) === 'group' && statement.isName(at + 1)) at++
    const name = statement.name(at)
    if (name === undefined) return at
    names.push(spell(reading.decode(name), statement.word(at)))
    if (statement.mark(at + 1) !== ',') return at + 1
    at += 2
  }
}
