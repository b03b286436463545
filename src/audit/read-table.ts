import type { TocEntry } from '../toc/types.ts'
import {
  closing,
  listElements,
  namesInList,
  qualifiedName,
  qualifiedNames,
  type NameAt,
  type Reading,
} from './reading.ts'
import {
  addConstraint,
  changeColumn,
  setNotNull,
  tableOf,
  withOne,
  type ColumnDraft,
  type TableDraft,
} from './table-draft.ts'
import type { CatalogConstraint, DefinitionStatement, QualifiedName } from './types.ts'

/** CREATE [FOREIGN] TABLE. */
export function readTable(reading: Reading, statement: DefinitionStatement, entry: TocEntry): TableDraft | undefined {
  let at = wordIndex(statement, 'table') + 1
  if (at === 0) return undefined
  const modifier = statement.word(1)
  if (statement.has(at, 'if', 'not', 'exists')) at += 3
  const found = qualifiedName(reading, statement, at, entry)
  if (found === undefined) return undefined
  const table = tableOf(entry, { schema: found.schema, name: found.name }, [], modifier === 'foreign')
  table.unlogged = modifier === 'unlogged'
  at = found.next
  if (statement.has(at, 'partition', 'of')) {
    const parent = qualifiedName(reading, statement, at + 2, entry)
    table.partitionOf = nameOnly(parent)
    at = parent?.next ?? at + 2
  } else if (statement.has(at, 'of')) {
    at = qualifiedName(reading, statement, at + 1, entry)?.next ?? at + 1
  }
  if (statement.mark(at) === '(') {
    const { elements, next } = listElements(statement, at)
    for (const [from, to] of elements) readElement(reading, statement, from, to, table)
    at = next
  }
  const inherits = statement.find('inherits', at)
  if (inherits !== -1) table.inherits = [...qualifiedNames(reading, statement, inherits + 2, entry).names]
  const partition = statement.find('partition', at)
  table.partitioned = partition !== -1 && statement.word(partition + 1) === 'by'
  return table
}

function wordIndex(statement: DefinitionStatement, word: string): number {
  for (let at = 1; at < 5; at++) if (statement.word(at) === word) return at
  return -1
}

function nameOnly(found: NameAt | undefined): QualifiedName | undefined {
  return found && { schema: found.schema, name: found.name }
}

/** A column, a constraint or LIKE. */
function readElement(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  to: number,
  table: TableDraft,
): void {
  if (statement.word(from) === 'like') return
  const constraint = readConstraint(reading, statement, from, to, table.entry)
  if (constraint === undefined) return readColumn(reading, statement, from, to, table)
  table.constraints = withOne(table.constraints, constraint)
  setNotNull(table, constraint)
}

/** Words that end the type of a column. */
const afterType: ReadonlySet<string> = new Set([
  'collate',
  'not',
  'null',
  'default',
  'constraint',
  'primary',
  'unique',
  'check',
  'references',
  'generated',
  'options',
  'storage',
  'compression',
  'deferrable',
])

/** Those of them that nothing belongs to: the next word may begin the next constraint. */
const single: ReadonlySet<string> = new Set(['null', 'unique', 'deferrable', 'options'])

/** The place of the first word of `words` at the depth of `from`, outside of brackets. */
function findWord(
  statement: DefinitionStatement,
  words: ReadonlySet<string>,
  from: number,
  to: number,
  depth: number,
): number {
  for (let at = from; at < to; at++) {
    if (words.has(statement.word(at)) && statement.depth(at) === depth) return at
  }
  return to
}

function readColumn(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  to: number,
  table: TableDraft,
): void {
  const name = statement.name(from)
  if (name === undefined) return
  const depth = statement.depth(from)
  const ofTyped = statement.has(from + 1, 'with', 'options')
  let at = findWord(statement, afterType, from + 1, to, depth)
  const column: ColumnDraft = {
    name: reading.decode(name),
    type: ofTyped ? '' : statement.source(from + 1, at),
    collation: undefined,
    notNull: false,
    default: undefined,
    identity: undefined,
    generated: undefined,
  }
  table.columns.push(column)
  while (at < to) {
    // a name before it belongs to the constraint
    const word = statement.word(at)
    const named = word === 'constraint' ? statement.name(at + 1) : undefined
    const start = word === 'constraint' ? at + 2 : at
    const next = findWord(statement, afterType, start + (single.has(statement.word(start)) ? 1 : 2), to, depth)
    if (word === 'default') column.default = statement.source(at + 1, next)
    else if (word === 'generated') readGenerated(statement, at, next, column)
    else if (word === 'collate') column.collation = statement.source(at + 1, next)
    else if (statement.has(start, 'not', 'null')) {
      column.notNull = true
      if (named !== undefined) pushColumnConstraint(table, column, reading.decode(named), 'not null')
    } else if (statement.has(start, 'primary', 'key')) {
      column.notNull = true
      pushColumnConstraint(table, column, optionalName(reading, named), 'primary key')
    } else if (statement.has(start, 'unique')) {
      pushColumnConstraint(table, column, optionalName(reading, named), 'unique')
    } else if (statement.has(start, 'check|references')) {
      const constraint = readConstraint(reading, statement, at, next, table.entry)
      if (constraint !== undefined) {
        table.constraints = withOne(
          table.constraints,
          constraint.kind === 'foreign key' ? { ...constraint, columns: [column.name] } : constraint,
        )
      }
    }
    at = next
  }
}

function optionalName(reading: Reading, name: string | undefined): string | undefined {
  return name === undefined ? undefined : reading.decode(name)
}

function pushColumnConstraint(
  table: TableDraft,
  column: ColumnDraft,
  name: string | undefined,
  kind: 'not null' | 'primary key' | 'unique',
): void {
  const rest = { references: undefined, ...noFlags, entry: table.entry }
  table.constraints = withOne(table.constraints, { name, kind, columns: [column.name], ...rest })
}

/** GENERATED ALWAYS AS (…) [STORED | VIRTUAL], GENERATED … AS IDENTITY. */
function readGenerated(statement: DefinitionStatement, at: number, to: number, column: ColumnDraft): void {
  const always = statement.word(at + 1) === 'always'
  const as = statement.word(at + 2) === 'as' ? at + 2 : at + 3
  if (statement.word(as + 1) === 'identity') {
    column.identity = always ? 'always' : 'by default'
    column.notNull = true
    return
  }
  if (statement.mark(as + 1) !== '(') return
  const close = closing(statement, as + 1)
  column.default = statement.source(as + 2, Math.min(close, to))
  column.generated = statement.word(close + 1) === 'stored' ? 'stored' : 'virtual'
}

/** A constraint of a table, from its name or first word on; undefined for anything else. */
export function readConstraint(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  to: number,
  entry: TocEntry,
): CatalogConstraint | undefined {
  let at = from
  let name: string | undefined
  if (statement.word(at) === 'constraint') {
    name = optionalName(reading, statement.name(at + 1))
    at += 2
  }
  const body = constraintBody(reading, statement, at, to, entry)
  if (body === undefined) return undefined
  const flags = flagsAfter(statement, at, to)
  return { name, ...body, ...flags, entry }
}

type ConstraintBody = Pick<CatalogConstraint, 'kind' | 'columns' | 'references'>

function constraintBody(
  reading: Reading,
  statement: DefinitionStatement,
  at: number,
  to: number,
  entry: TocEntry,
): ConstraintBody | undefined {
  const references = undefined
  const columnsFrom = (from: number): readonly string[] => {
    const open = openParenthesis(statement, from, to)
    return open === -1 ? [] : namesInList(reading, statement, open).names
  }
  if (statement.has(at, 'primary', 'key')) return { kind: 'primary key', columns: columnsFrom(at + 2), references }
  if (statement.has(at, 'unique')) return { kind: 'unique', columns: columnsFrom(at + 1), references }
  if (statement.has(at, 'check') && statement.mark(at + 1) === '(') return { kind: 'check', columns: [], references }
  if (statement.has(at, 'not', 'null')) {
    const column = statement.name(at + 2)
    return { kind: 'not null', columns: column === undefined ? [] : [reading.decode(column)], references }
  }
  if (statement.has(at, 'exclude') && (statement.word(at + 1) === 'using' || statement.mark(at + 1) === '(')) {
    const open = openParenthesis(statement, at, to)
    const elements = open === -1 ? [] : listElements(statement, open).elements
    return { kind: 'exclude', columns: elements.map(([first, end]) => statement.source(first, end)), references }
  }
  if (statement.has(at, 'foreign', 'key')) {
    const { names, next } = namesInList(reading, statement, at + 2)
    return { kind: 'foreign key', columns: names, references: referenced(reading, statement, next, entry) }
  }
  if (statement.has(at, 'references')) {
    return { kind: 'foreign key', columns: [], references: referenced(reading, statement, at, entry) }
  }
  return undefined
}

function referenced(
  reading: Reading,
  statement: DefinitionStatement,
  at: number,
  entry: TocEntry,
): CatalogConstraint['references'] {
  const table = qualifiedName(reading, statement, at + 1, entry)
  if (table === undefined) return undefined
  const columns = statement.mark(table.next) === '(' ? namesInList(reading, statement, table.next).names : []
  return { schema: table.schema, name: table.name, columns }
}

function openParenthesis(statement: DefinitionStatement, from: number, to: number): number {
  for (let at = from; at < to; at++) if (statement.mark(at) === '(') return at
  return -1
}

type Flags = Pick<CatalogConstraint, 'notValid' | 'notEnforced' | 'deferrable' | 'nullsNotDistinct' | 'matchFull'>

const noFlags: Flags = {
  notValid: false,
  notEnforced: false,
  deferrable: false,
  nullsNotDistinct: false,
  matchFull: false,
}

function flagsAfter(statement: DefinitionStatement, from: number, to: number): Flags {
  const depth = statement.depth(from)
  const flags: { -readonly [Key in keyof Flags]: boolean } = { ...noFlags }
  for (let at = from; at < to; at++) {
    if (statement.depth(at) !== depth) continue
    const word = statement.word(at)
    if (word === 'deferrable') flags.deferrable = statement.word(at - 1) !== 'not'
    if (word === 'nulls' && statement.has(at + 1, 'not', 'distinct')) flags.nullsNotDistinct = true
    if (word === 'match' && statement.word(at + 1) === 'full') flags.matchFull = true
    if (word !== 'not') continue
    if (statement.word(at + 1) === 'valid') flags.notValid = true
    if (statement.word(at + 1) === 'enforced') flags.notEnforced = true
  }
  return flags
}

/** ALTER [FOREIGN] TABLE: the table it is about, and the place of its first action. */
export function alteredTable(reading: Reading, statement: DefinitionStatement, entry: TocEntry): NameAt | undefined {
  let at = wordIndex(statement, 'table') + 1
  if (at === 0) return undefined
  if (statement.has(at, 'if', 'exists')) at += 2
  if (statement.has(at, 'only')) at++
  return qualifiedName(reading, statement, at, entry)
}

/**
 * Does to a table what the actions of an ALTER TABLE from place `at` on say, as far as the catalog tells of it.
 * @returns constraints added
 */
export function alterTable(
  reading: Reading,
  statement: DefinitionStatement,
  from: number,
  table: TableDraft,
  entry: TocEntry,
): readonly CatalogConstraint[] {
  const added: CatalogConstraint[] = []
  for (const [at, to] of actions(statement, from)) {
    if (statement.has(at, 'add')) {
      const constraint = readConstraint(reading, statement, at + 1, to, entry)
      if (constraint === undefined) continue
      addConstraint(table, constraint)
      added.push(constraint)
    } else if (statement.has(at, 'alter')) {
      alterColumn(reading, statement, statement.word(at + 1) === 'column' ? at + 2 : at + 1, to, table)
    } else if (statement.has(at, 'enable|disable', 'row', 'level', 'security')) {
      table.rowSecurity = statement.word(at) === 'enable'
    } else if (statement.has(at, 'force', 'row', 'level', 'security')) {
      table.forceRowSecurity = true
    } else if (statement.has(at, 'no', 'force', 'row', 'level', 'security')) {
      table.forceRowSecurity = false
    } else if (statement.has(at, 'inherit')) {
      const parent = nameOnly(qualifiedName(reading, statement, at + 1, entry))
      if (parent !== undefined) table.inherits = withOne(table.inherits, parent)
    }
  }
  return added
}

/** The actions of an ALTER TABLE, as places [from, to). */
function actions(statement: DefinitionStatement, first: number): readonly (readonly [number, number])[] {
  const found: [number, number][] = []
  let from = first
  let brackets = 0
  for (let at = first; at < statement.length; at++) {
    const mark = statement.mark(at)
    if (mark === '[') brackets++
    else if (mark === ']') brackets--
    else if (mark === ',' && brackets === 0 && statement.depth(at) === 0) {
      found.push([from, at])
      from = at + 1
    }
  }
  found.push([from, statement.length])
  return found
}

function alterColumn(
  reading: Reading,
  statement: DefinitionStatement,
  at: number,
  to: number,
  table: TableDraft,
): void {
  const name = statement.name(at)
  if (name === undefined) return
  changeColumn(table, reading.decode(name), (column) => {
    if (statement.has(at + 1, 'set', 'default')) column.default = statement.source(at + 3, to)
    else if (statement.has(at + 1, 'set', 'not', 'null')) column.notNull = true
    else if (statement.has(at + 1, 'add', 'generated')) readGenerated(statement, at + 2, to, column)
  })
}

/** `ATTACH PARTITION child` at the first action: the child. */
export function attachedPartition(
  reading: Reading,
  statement: DefinitionStatement,
  at: number,
  entry: TocEntry,
): QualifiedName | undefined {
  if (!statement.has(at, 'attach', 'partition')) return undefined
  return nameOnly(qualifiedName(reading, statement, at + 2, entry))
}
