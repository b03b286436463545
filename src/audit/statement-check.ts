import { splitStatements, type LexerOptions } from '../sql/lexer.ts'
import { StatementText } from '../sql/statement-text.ts'
import type { TocEntry } from '../toc/types.ts'
import type { OwnNames } from './statement-pattern.ts'
import { copyStatement, statementsOf, type TagForm } from './statement-table.ts'

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
 * Looks at each statement that restoring an entry would run, to see whether entries of its type have such statements,
 * and whether it is about the entry's own object. Nothing is said of entries of unknown type.
 */
export function* surprisesOf(entry: TocEntry, lexer: LexerOptions): Generator<Surprise, void, void> {
  const desc = entry.raw.byteString('desc') ?? ''
  const allowed = statementsOf(desc)
  if (allowed === undefined) return
  const defn = entry.raw.byteString('defn') ?? ''
  if (desc === 'BLOB METADATA') yield* objectNumbers(defn)
  else {
    for (const statement of statementsIn(defn, lexer)) {
      yield* judge('defn', statement, allowed.defn, (names) => fits(allowed.tag, entry, names))
    }
  }
  for (const statement of statementsIn(entry.raw.byteString('dropStmt') ?? '', lexer)) {
    yield* judge('dropStmt', statement, allowed.dropStmt, (names) => fits(allowed.tag, entry, names))
  }
  for (const statement of statementsIn(entry.raw.byteString('copyStmt') ?? '', lexer)) {
    yield* judge('copyStmt', statement, [copyStatement], () => true)
  }
}

interface Found {
  readonly statement: StatementText
  readonly start: number
  readonly ended: boolean
}

function* statementsIn(text: string, lexer: LexerOptions): Generator<Found, void, void> {
  if (text === '') return
  for (const found of splitStatements(text, lexer)) {
    const ended = text.charAt(found.after - 1) === ';' && found.after > found.end
    yield { statement: new StatementText(text, found), start: found.start, ended }
  }
}

function* judge(
  field: Surprise['field'],
  { statement, start, ended }: Found,
  patterns: Iterable<{ match(statement: StatementText): OwnNames | undefined }>,
  isOwn: (names: OwnNames) => boolean,
): Generator<Surprise, void, void> {
  const command = commandOf(statement)
  if (!ended) yield { field, kind: 'unended', command, start }
  let matched = false
  for (const pattern of patterns) {
    const names = pattern.match(statement)
    if (names === undefined) continue
    if (isOwn(names)) return
    matched = true
  }
  yield { field, kind: matched ? 'object' : 'statement', command, start }
}

/** The words at the beginning, which name the command; names and marks end them. */
function commandOf(statement: StatementText): string {
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
function* objectNumbers(defn: string): Generator<Surprise, void, void> {
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
function fits(form: TagForm, entry: TocEntry, { schema, object, written = '', part }: OwnNames): boolean {
  if (form === 'none' || object === undefined) return true
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
    case 'grant':
      return granted(tag, object) || granted(tag, written)
  }
}

/** `TABLE a`, `COLUMN a.b`, `FUNCTION f(integer)`, and without the first word in archives of old. */
function granted(tag: string, object: string): boolean {
  if (tag === object || tag.startsWith(`${object}(`) || tag.startsWith(`COLUMN ${object}.`)) return true
  return tag.endsWith(` ${object}`) || tag.includes(` ${object}(`)
}
