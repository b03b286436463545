import { eachCast, leaveColumns } from './find-casts.ts'
import { eachSetting } from './find-settings.ts'
import type { Token } from './lexer.ts'
import { isStatisticsCall } from './mentions.ts'
import type { Renamer } from './rename.ts'
import type { StatementText } from './statement-text.ts'

/**
 * Finds the schemas of a statement: names of schemas, the left part of qualified names, search paths, and constants that
 * a cast or a function makes the name of an object (spec/rewrite.md).
 */
export function findSchemas(found: Renamer): void {
  schemaNames(found)
  searchPaths(found)
  objectConstants(found)
  qualifiedNames(found)
  leaveColumns(found, schemaTypes)
}

/** `SCHEMA name` where it is no column of that name. */
function schemaNames(found: Renamer): void {
  const { statement } = found
  for (let at = 1; at < statement.length; at++) {
    if (statement.word(at) !== 'schema' || statement.depth(at) > 0 || !takesSchema(statement, at)) continue
    let name = at + 1
    if (statement.has(name, 'if')) name += statement.has(name, 'if', 'not') ? 3 : 2
    if (statement.word(name) === 'authorization') name++
    for (; statement.isName(name); name += 2) {
      found.name(name)
      if (statement.mark(name + 1) !== ',') break
    }
  }
}

function takesSchema(statement: StatementText, at: number): boolean {
  if (at === 1) return statement.has(0, 'create|alter|drop')
  const before = statement.word(at - 1)
  switch (statement.word(0)) {
    case 'comment':
    case 'security':
    case 'grant':
    case 'revoke':
      return before === 'on'
    case 'alter':
      return before === 'in' || before === 'set'
    case 'create':
      // an extension names its schema with WITH or without
      return before === 'in' || statement.word(1) === 'extension'
    default:
      return false
  }
}

/** Parts of a list of names: every name of it. */
const everyName = (): boolean => true

function searchPaths(found: Renamer): void {
  const { statement } = found
  eachSetting(found, (parameter, at) => {
    if (parameter === 'search_path') found.nameOrLiteral(at)
    else if (parameter === 'default_text_search_config') found.path(at, isQualifier)
  })
  for (let at = 0; at < statement.length; at++) {
    if (statement.mark(at + 1) !== '(' || statement.name(at) !== 'set_config') continue
    if (found.literalAt(at + 2)?.value === 'search_path') found.path(at + 4, everyName)
  }
}

/** Types whose constants are qualified names of objects, with types in parentheses or not. */
const objectTypes: ReadonlySet<string> = new Set([
  'regclass',
  'regcollation',
  'regconfig',
  'regdictionary',
  'regoper',
  'regoperator',
  'regproc',
  'regprocedure',
  'regtype',
])

/** Types whose values are schemas, or begin with one. */
export const schemaTypes: ReadonlySet<string> = new Set([...objectTypes, 'regnamespace'])

/** Functions whose first argument is a constant that names a relation. */
const relationFunctions: ReadonlySet<string> = new Set(['nextval', 'setval', 'currval', 'pg_get_serial_sequence'])

function objectConstants(found: Renamer): void {
  const { statement } = found
  eachCast(found, (type, at) => {
    if (objectTypes.has(type)) found.path(at, isQualifier)
    else if (type === 'regnamespace') found.path(at, everyName)
  })
  const isStatistics = isStatisticsCall(statement)
  for (let at = 2; at < statement.length; at++) {
    if (!statement.isString(at) || found.isSettled(at)) continue
    const isArgument = statement.mark(at - 1) === '(' && relationFunctions.has(statement.name(at - 2) ?? '')
    if (isArgument) found.path(at, isQualifier)
    else if (isStatistics && isSchemaArgument(found, at)) found.literal(at)
  }
}

/** The value after the name `'schemaname'` in the arguments of pg_restore_relation_stats and its like: name, value, … */
function isSchemaArgument(found: Renamer, at: number): boolean {
  if (found.statement.mark(at - 1) !== ',') return false
  const parameter = found.literalAt(at - 2)?.value
  if (parameter === undefined || !/^(?:\w+_)?schemaname$/.test(parameter)) return false
  // a table may be called "schemaname", too
  return commasBefore(found.statement, at) % 2 === 1
}

/** Number of commas before a place within its parentheses. */
function commasBefore(statement: StatementText, from: number): number {
  const depth = statement.depth(from)
  let commas = 0
  for (let at = from - 1; at >= 0 && statement.depth(at) >= depth; at--) {
    if (statement.depth(at) === depth && statement.mark(at) === ',') commas++
  }
  return commas
}

/** The first part of a qualified name. */
function isQualifier(tokens: readonly Token[], index: number, text: string): boolean {
  const markAt = (place: number): string => text.charAt(tokens[place]?.start ?? text.length)
  return markAt(index + 1) === '.' && markAt(index - 1) !== '.'
}

function qualifiedNames(found: Renamer): void {
  const { statement } = found
  let ranges: RangeNames | undefined
  for (let at = 0; at < statement.length; at++) {
    if (statement.mark(at + 1) !== '.' || !isChainStart(found, at) || !found.isRenamed(at)) continue
    if (isColumnOfTable(statement, at) || isWholeRow(statement, at)) continue
    ranges ??= new RangeNames(found)
    const name = statement.name(at) ?? ''
    if (!ranges.mayBe(name, at) || isObjectPlace(statement, at) || isColumnType(found, at)) found.name(at)
    else if (isColumnPlace(statement, at)) found.settle(at)
    else found.leave(at, name, 'ambiguous')
  }
}

function isChainStart({ statement }: Renamer, at: number): boolean {
  return statement.isName(at) && statement.mark(at - 1) !== '.'
}

/** `table.column` of two parts, as archives with a search path have it. */
function isColumnOfTable(statement: StatementText, at: number): boolean {
  if (statement.mark(at + 3) === '.') return false
  if (statement.word(at - 1) === 'column') return statement.has(0, 'comment|security')
  return statement.has(at - 2, 'owned', 'by')
}

/** `name.*` is all columns of a table, unless it is the operator `*` of a schema. */
function isWholeRow(statement: StatementText, at: number): boolean {
  if (statement.mark(at + 2) !== '*') return false
  const before = statement.kind(at - 1) === 'number' || statement.mark(at - 1) === '(' ? at - 2 : at - 1
  return statement.word(before) !== 'operator'
}

/**
 * Names that a table may go by in the queries of a statement. A name that is none of them can only be a schema: whatever
 * a query calls a table, it has to say so first.
 */
class RangeNames {
  readonly #names = new Set<string>()
  /** Place from which on the statement holds queries. */
  readonly #queriesFrom: number

  constructor(found: Renamer) {
    const { statement } = found
    this.#queriesFrom = queriesFrom(statement)
    if (this.#queriesFrom >= statement.length) return
    if (statement.has(statement.afterCreate, 'rule|trigger') || statement.has(1, 'constraint', 'trigger')) {
      this.#names.add('old').add('new')
    }
    const says = (word: string): boolean => statement.tokens.some((_, at) => statement.word(at) === word)
    if (says('returning')) this.#names.add('old').add('new')
    if (says('conflict')) this.#names.add('excluded')
    const joinsNamed = says('using')
    for (let at = 0; at < statement.length; at++) {
      if (!found.isRenamed(at) || found.isSettled(at) || statement.mark(at + 1) === '.') continue
      // AS names a column of the result; a table only after JOIN … USING (…), INSERT INTO, and WITH (OLD …)
      if (statement.word(at - 1) === 'as' && !joinsNamed && !isTargetAlias(statement, at)) continue
      this.#names.add(statement.name(at) ?? '')
    }
  }

  /** Whether the name at this place may be that of a table. */
  mayBe(name: string, at: number): boolean {
    return at >= this.#queriesFrom && this.#names.has(name)
  }
}

/** `INTO table AS name`, and from 18 on `RETURNING WITH (OLD AS name, NEW AS name)`. */
function isTargetAlias(statement: StatementText, at: number): boolean {
  const target = statement.mark(at - 3) === '.' ? at - 4 : at - 2
  return statement.word(target - 1) === 'into' || statement.has(at - 2, 'old|new')
}

/** Statements without queries name tables by their schema only. */
function queriesFrom(statement: StatementText): number {
  const { afterCreate } = statement
  if (statement.definesRoutine) return statement.bodyStart
  if (statement.has(0, 'select|insert|update|delete|with|merge|values')) return 0
  if (afterCreate === 0) return statement.has(1, 'policy') ? 0 : statement.length
  const isQuery = ['view', 'rule', 'policy', 'trigger'].includes(firstObjectWord(statement))
  return isQuery ? 0 : statement.length
}

const adjectives: ReadonlySet<string> = new Set([
  'temp',
  'temporary',
  'recursive',
  'materialized',
  'constraint',
  'local',
])

function firstObjectWord(statement: StatementText): string {
  let at = statement.afterCreate
  while (adjectives.has(statement.word(at))) at++
  return statement.word(at)
}

/** Words after which an object is named, never a column. */
const beforeObjects: ReadonlySet<string> = new Set([
  'collate',
  'exists',
  'function',
  'into',
  'join',
  'lateral',
  'materialized',
  'on',
  'only',
  'procedure',
  'references',
  'rule',
  'table',
  'update',
  'using',
  'view',
])

/** Words after which an expression begins. */
const beforeExpressions: ReadonlySet<string> = new Set([
  'all',
  'and',
  'between',
  'by',
  'case',
  'distinct',
  'else',
  'from',
  'having',
  'ilike',
  'in',
  'like',
  'limit',
  'not',
  'offset',
  'or',
  'return',
  'returning',
  'select',
  'then',
  'to',
  'when',
  'where',
])

/**
 * Whether a qualified name that is no object's stands where an expression begins: then it is a column, because what an
 * expression takes from a schema are functions and types.
 */
function isColumnPlace(statement: StatementText, at: number): boolean {
  const mark = statement.mark(at - 1)
  // what ends in a parenthesis is a value, unless it is an operator: OPERATOR(s.=)
  if (mark === ')') return statement.word(at - 6) === 'operator'
  return (mark !== '' && mark !== ']') || beforeExpressions.has(statement.word(at - 1))
}

/** Functions with FROM among their arguments. */
const fromFunctions: ReadonlySet<string> = new Set(['extract', 'overlay', 'position', 'substring', 'trim'])

/** Whether what stands around a qualified name shows that it is no column of a table. */
function isObjectPlace(statement: StatementText, at: number): boolean {
  // a function, a type, an operator
  if (statement.mark(at + 3) === '(' || statement.mark(at - 1) === '::') return true
  if (statement.mark(at + 2) !== '' && statement.mark(at + 2) !== '*') return true
  if (statement.mark(at - 1) === '(' && statement.word(at - 2) === 'operator') return true
  if (beforeObjects.has(statement.word(at - 1)) || isJsonType(statement, at)) return true
  if (statement.has(at - 1, 'to') && statement.has(statement.afterCreate, 'rule')) return true
  return isFromItem(statement, at)
}

/** Words that take an expression, though a column may be called so: `XMLSERIALIZE(CONTENT x …)`, `XMLROOT(…, VERSION x)`. */
const xmlWords: ReadonlySet<string> = new Set(['content', 'document', 'version'])

/** After the name of a column in the list of those of a function: `COLUMNS a type PATH …, b type`, `f() AS t(a type)`. */
function isColumnType({ statement, rules }: Renamer, at: number): boolean {
  const column = at - 1
  const word = statement.word(column)
  if (!statement.isName(column) || rules.quote.keywords.has(word) || xmlWords.has(word)) return false
  return ['(', ','].includes(statement.mark(column - 1)) || statement.word(column - 1) === 'columns'
}

/** `JSON_VALUE(… RETURNING type)` and its like. */
function isJsonType(statement: StatementText, at: number): boolean {
  return statement.word(at - 1) === 'returning' && functionAround(statement, at).startsWith('json_')
}

/** In the list after FROM, in parentheses of joins or not. */
function isFromItem(statement: StatementText, at: number): boolean {
  let before = at - 1
  while (statement.mark(before) === '(') before--
  if (statement.word(before) === 'join') return true
  if (statement.mark(before) === ',') before = clauseBefore(statement, before)
  if (statement.word(before) !== 'from' || statement.word(before - 1) === 'distinct') return false
  return !fromFunctions.has(functionAround(statement, before))
}

const clauses: ReadonlySet<string> = new Set([
  'by',
  'from',
  'having',
  'on',
  'returning',
  'select',
  'set',
  'using',
  'values',
  'when',
  'where',
  'window',
])

/** The word that begins the clause that a comma stands in. */
function clauseBefore(statement: StatementText, comma: number): number {
  const depth = statement.depth(comma)
  for (let at = comma - 1; at >= 0; at--) {
    if (statement.depth(at) < depth) return -1
    if (statement.depth(at) === depth && clauses.has(statement.word(at))) return at
  }
  return -1
}

/** The word before the parenthesis that a place lies in. */
function functionAround(statement: StatementText, from: number): string {
  const depth = statement.depth(from)
  for (let at = from - 1; at >= 0; at--) {
    if (statement.depth(at) < depth) return statement.name(at - 1) ?? ''
  }
  return ''
}
