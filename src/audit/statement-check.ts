import { tokenize } from '../sql/lexer.ts'
import { splitStatements } from '../sql/split-statements.ts'
import type { TocEntry } from '../toc/types.ts'
import type { MatchedStatement, OwnNames, StatementPattern } from './statement-pattern.ts'
import { isOfTag, isWritten } from './own-object.ts'
import { copyStatement, statementsOf, type TagForm } from './statement-table.ts'
import { SqlStatement, type StatementRules } from './statement.ts'

/** What a text of an entry holds beyond what entries of its type hold. */
export interface Surprise {
  readonly field: 'defn' | 'dropStmt' | 'copyStmt'
  /**
   * `statement`: entries of the type have no such statement. `object`: it is about another object than the entry.
   * `unended`: the text ends within a statement, which goes on in what is restored next.
   */
  readonly kind: 'statement' | 'object' | 'unended'
  /** First words of the statement, at most four, in capitals: `DROP TABLE`. */
  readonly command: string
  /** Where it begins in the text, in bytes. */
  readonly start: number
}

/** A type of entry that pg_dump does not write: what its definition does is for a person to judge. */
export function isKnownType(desc: string): boolean {
  return statementsOf(desc) !== undefined
}

/**
 * Looks at each statement of a definition, to see whether entries of its type have such statements, and whether it is
 * about the entry's own object. Nothing is said of entries of unknown type.
 */
export function* surprisesIn(
  entry: TocEntry,
  statements: readonly (MatchedStatement & { readonly start: number; readonly end: number })[],
): Generator<Surprise, void, void> {
  const allowed = statementsOf(entry.raw.byteString('desc') ?? '')
  const last = statements.at(-1)
  if (allowed === undefined || last === undefined) return
  const isOwn = (names: OwnNames, statement: MatchedStatement): boolean => fits(allowed.tag, entry, names, statement)
  for (const statement of statements) {
    const { start } = statement
    const ended = statement !== last || isEnded(last.text.slice(last.end))
    yield* judge('defn', { statement, start, ended }, allowed.defn, isOwn)
  }
}

/** Whether a semicolon is what comes next after the last token of a statement. */
function isEnded(rest: string): boolean {
  if (rest.startsWith(';')) return true
  for (const { kind, start } of tokenize(rest)) {
    if (kind !== 'space' && kind !== 'comment') return rest.charAt(start) === ';'
  }
  return false
}

/** The same of a command for --clean. */
export function* surprisesInDrop(
  entry: TocEntry,
  text: string,
  rules: StatementRules,
): Generator<Surprise, void, void> {
  const allowed = statementsOf(entry.raw.byteString('desc') ?? '')
  if (allowed === undefined) return
  for (const statement of statementsIn(text, rules)) {
    yield* judge('dropStmt', statement, allowed.dropStmt, (names, of) => fits(allowed.tag, entry, names, of))
  }
}

/** The same of the command that the rows of a table come after. */
export function* surprisesInCopy(
  entry: TocEntry,
  text: string,
  rules: StatementRules,
  isTarget: (names: OwnNames) => boolean,
): Generator<Surprise, void, void> {
  if (!isKnownType(entry.raw.byteString('desc') ?? '')) return
  for (const statement of statementsIn(text, rules)) yield* judge('copyStmt', statement, [copyStatement], isTarget)
}

/** The first words of each statement, for a type of which nothing is known. */
export function commandWordsOf(text: string, rules: StatementRules): string {
  const commands = [...statementsIn(text, rules)].map(({ statement }) => commandOf(statement) || 'what is no command')
  return [...new Set(commands)].slice(0, 5).join(', ')
}

interface Found {
  readonly statement: MatchedStatement
  readonly start: number
  readonly ended: boolean
}

function* statementsIn(text: string, rules: StatementRules): Generator<Found, void, void> {
  for (const found of splitStatements(text, rules.lexer)) {
    const ended = text.charAt(found.after - 1) === ';' && found.after > found.end
    yield { statement: new SqlStatement(text, found, rules), start: found.start, ended }
  }
}

function* judge(
  field: Surprise['field'],
  { statement, start, ended }: Found,
  patterns: readonly StatementPattern[],
  isOwn: (names: OwnNames, statement: MatchedStatement) => boolean,
): Generator<Surprise, void, void> {
  const command = commandOf(statement)
  if (!ended) yield { field, kind: 'unended', command, start }
  let matched = false
  for (const pattern of patterns) {
    const names = pattern.match(statement)
    if (names === undefined) continue
    if (isOwn(names, statement)) return
    matched = true
  }
  yield { field, kind: matched ? 'object' : 'statement', command, start }
}

/** The words at the beginning, which name the command; names and marks end them. */
function commandOf(statement: MatchedStatement): string {
  const words: string[] = []
  for (let at = 0; at < 4 && statement.word(at) !== ''; at++) words.push(statement.word(at).toUpperCase())
  // what comes last may be a name, which is for others to show
  const known = words.findIndex((word) => !commandWords.has(word))
  return words
    .slice(0, known === -1 ? words.length : Math.max(known, 1))
    .join(' ')
    .slice(0, 60)
}

const commandWords: ReadonlySet<string> = new Set(
  `ACCESS AGGREGATE ALTER ANALYZE AUTHORIZATION BEGIN CALL CAST CHECKPOINT CLUSTER COLLATION COLUMN COMMENT COMMIT CONSTRAINT
  CONVERSION COPY CREATE DATA DATABASE DEFAULT DELETE DO DOMAIN DROP EVENT EXECUTE EXTENSION FOREIGN FUNCTION GRANT GROUP
  IMPORT INDEX INSERT INTO LABEL LANGUAGE LARGE LISTEN LOAD LOCK MAPPING MATERIALIZED MERGE METHOD NOTIFY OBJECT OPERATOR OR
  OWNED POLICY PREPARE PRIVILEGES PROCEDURAL PROCEDURE PUBLICATION REASSIGN REFRESH REINDEX REPLACE RESET REVOKE ROLE
  ROLLBACK ROUTINE RULE SCHEMA SECURITY SELECT SEQUENCE SERVER SESSION SET STATISTICS SUBSCRIPTION SYSTEM TABLE TABLESPACE
  TEMP TEMPORARY TEXT TRANSFORM TRIGGER TRUNCATE TRUSTED TYPE UNIQUE UNLOGGED UPDATE USER VACUUM VALUES VIEW WITH WRAPPER`.split(
    /\s+/,
  ),
)

/** A definition of BLOB METADATA is no SQL: one number on each line, which commands are made of. */
export function* surprisesInNumbers(defn: string): Generator<Surprise, void, void> {
  for (let at = 0; at < defn.length;) {
    const end = defn.indexOf('\n', at)
    const line = defn.slice(at, end === -1 ? defn.length : end)
    if (!/^\d{1,10}$/.test(line) || Number(line) > 0xffff_ffff) {
      yield { field: 'defn', kind: 'statement', command: '', start: at }
    }
    at += line.length + 1
  }
}

/** Whether the names in a statement are those that the entry goes by. */
function fits(
  form: TagForm,
  entry: TocEntry,
  { schema, object, written = '', part }: OwnNames,
  statement: MatchedStatement,
): boolean {
  if (form === 'none') return true
  if (isWritten(form)) return isUpgrade(statement) || isOfTag(form, entry, statement)
  if (object === undefined) return form !== 'grant' || isOfLargeObject(entry, statement)
  const tag = entry.raw.byteString('tag') ?? ''
  // archives before 1.6 do not say
  const namespace = entry.raw.byteString('namespace')
  if (schema !== undefined && namespace !== undefined && schema !== namespace) return false
  switch (form) {
    case 'object':
      return tag === object
    case 'routine':
      return tag.startsWith(`${object}(`)
    case 'part':
      return part === undefined ? tag.startsWith(`${object} `) : tag === `${object} ${part}` || tag === part
    case 'member':
      return tag === `${part ?? ''} ${object}` || tag === object
    case 'grant':
      return granted(tag, object) || granted(tag, written)
  }
}

/** What `pg_dump --binary-upgrade` writes beside the definition: another rule tells of it. */
function isUpgrade(statement: MatchedStatement): boolean {
  return (
    statement.word(3).startsWith('binary_upgrade_') ||
    (statement.word(0) === 'alter' && statement.word(1) === 'extension')
  )
}

/** `GRANT … ON LARGE OBJECT 42 TO …`; SET SESSION AUTHORIZATION around it is of no object. */
function isOfLargeObject(entry: TocEntry, statement: MatchedStatement): boolean {
  const tag = entry.raw.byteString('tag') ?? ''
  for (let at = 2; at + 2 < statement.length; at++) {
    if (statement.word(at) !== 'large' || statement.word(at + 1) !== 'object') continue
    const token = statement.tokens[at + 2]
    const number = token === undefined ? '' : statement.text.slice(token.start, token.end)
    const [, first, last] = /^LARGE OBJECTS (\d+)\.\.(\d+)$/.exec(tag) ?? []
    if (first !== undefined) return Number(number) >= Number(first) && Number(number) <= Number(last)
    return tag === number || tag === `LARGE OBJECT ${number}`
  }
  return true
}

/** `TABLE a`, `COLUMN a.b`, `FUNCTION f(integer)`, and without the first word in archives of old. */
function granted(tag: string, object: string): boolean {
  if (tag === object || tag.startsWith(`${object}(`) || tag.startsWith(`COLUMN ${object}.`)) return true
  return tag.endsWith(` ${object}`) || tag.includes(` ${object}(`)
}
