import type { Token } from '../sql/lexer.ts'
import type { DumpId, TocEntry } from '../toc/types.ts'
import type { ArchiveView } from '../view.ts'
import type { TargetProfile } from './target.ts'

/** How much a finding matters, the worst first. */
export type AuditSeverity = 'error' | 'warning' | 'notice' | 'info'

/** What a rule is about: spec/audit-rules.md has one chapter for each. */
export type AuditCategory = 'security' | 'restorability' | 'target' | 'hygiene'

/** One rule of an audit. Register your own with {@link AuditOptions.rules}. */
export interface AuditRule {
  /** Lower-case words joined by hyphens, unique: `security-definer-search-path`. */
  readonly id: string
  readonly severity: AuditSeverity
  readonly category: AuditCategory
  /** What the rule looks for, one line without a final period. */
  readonly message: string
  /** Why it matters, in sentences. */
  readonly explanation: string
  /** What to do about it, in sentences. */
  readonly fix: string
  /** Pages of PostgreSQL's documentation (or of a target's). */
  readonly links: readonly string[]
  /** Which `AuditOptions` it needs: rows are read for `data` only, a target profile must be chosen for `target`. */
  readonly needs?: 'data' | 'target'
  /** Off until a configuration or option turns it on. */
  readonly optional?: boolean
  /**
   * Looks at the statements of one definition, as every definition is read, in archive order. For rules that look at
   * the SQL of any entry: nothing is lexed twice for them. The catalog is not complete yet; the statements must not be
   * kept.
   */
  definition?(entry: TocEntry, statements: readonly DefinitionStatement[], context: AuditContext): void
  /** Looks at the whole archive, once, when the catalog is complete. */
  check?(context: AuditContext): void
}

/** What a rule says of one object. */
export interface RuleFinding {
  /** The entry concerned, or undefined for the archive as a whole. */
  readonly entry?: TocEntry | undefined
  /** Replaces the name of the entry: a column, a role, a grantee. Part of the identity of a finding. */
  readonly object?: string | undefined
  /** What is found, one line without a final period; names are shown as they are and made harmless on output. */
  readonly message: string
  /** What to do here, where it can be said more exactly than by the rule: often the statement to run. */
  readonly fix?: string | undefined
  /** Graver or milder than the rule's own. */
  readonly severity?: AuditSeverity | undefined
  /** Position in the entry's definition, in bytes. */
  readonly position?: number | undefined
}

/** What a rule works with. */
export interface AuditContext {
  readonly view: ArchiveView
  readonly catalog: AuditCatalog
  /** The target profile, if one was chosen. */
  readonly target: TargetProfile | undefined
  /** What reading the rows gave, with `data: true`. */
  readonly data: AuditData | undefined
  report(finding: RuleFinding): void
}

/**
 * One statement of a definition, to be asked about its tokens by their place: what is not there answers with nothing.
 * Texts are byte strings (see RawTocEntry.byteString): the same as the text wherever that is ASCII.
 */
export interface DefinitionStatement {
  /** The whole definition; tokens count in it. */
  readonly text: string
  /** Tokens that are neither space nor comment, without the semicolon. */
  readonly tokens: readonly Token[]
  readonly start: number
  readonly end: number
  /**
   * Leading key words in upper case that name the command: `CREATE FUNCTION`, `CREATE TABLE`, `ALTER TABLE`,
   * `ALTER DEFAULT PRIVILEGES`, `GRANT`, `COMMENT ON`, `SELECT`, …; modifiers such as OR REPLACE, UNLOGGED, UNIQUE,
   * TEMPORARY are left out.
   */
  readonly command: string
  /** Number of tokens. */
  readonly length: number
  /** Place of the body of a routine written in SQL (`BEGIN ATOMIC …`, `RETURN …`); `length` where there is none. */
  readonly bodyStart: number
  /** An unquoted word in lower case; empty for any other token. */
  word(at: number): string
  /** The text of a symbol or operator; empty for any other token. */
  mark(at: number): string
  kind(at: number): Token['kind'] | undefined
  /** What a word or quoted name stands for; a word folded to lower case. */
  name(at: number): string | undefined
  isName(at: number): boolean
  /** The value of a string constant; undefined for other tokens and for bit strings. */
  literal(at: number): string | undefined
  isString(at: number): boolean
  /** Number of parentheses open at the token; the parentheses themselves lie outside. */
  depth(at: number): number
  /** Whether the words follow each other from `at` on; `a|b` is either of two. */
  has(at: number, ...words: readonly string[]): boolean
  /** Place of the first such word outside of parentheses, from `from` on and before `to`; −1 when there is none. */
  find(word: string, from?: number, to?: number): number
  /** The text of tokens [from, to), with what lies between them. */
  source(from: number, to?: number): string
}

/**
 * What an archive creates, as its definitions say, whatever entry they stand in. Names are decoded, without quotes;
 * expressions, types and bodies are byte strings as written.
 */
export interface AuditCatalog {
  readonly entries: readonly TocEntry[]
  /** Entries of one type, in order: `ofType('TABLE')`. */
  ofType(desc: string): readonly TocEntry[]
  entry(dumpId: DumpId): TocEntry | undefined
  /** The statements of an entry's definition, read anew each time; empty where it has none. */
  statements(entry: TocEntry): readonly DefinitionStatement[]
  /** Entries whose definition holds no statement, but comments: {@link AuditRule.definition} is not called for them. */
  readonly withoutStatement: readonly TocEntry[]
  /** `schema.name` as it is quoted in SQL, or the tag for what is in no schema. */
  label(entry: TocEntry): string
  /** A name, or `schema.name`, quoted as in SQL where it must be. */
  quote(...names: readonly string[]): string
  /** A byte string as text. */
  decode(text: string): string
  readonly tables: readonly CatalogTable[]
  table(schema: string, name: string): CatalogTable | undefined
  readonly functions: readonly CatalogFunction[]
  readonly indexes: readonly CatalogIndex[]
  readonly sequences: readonly CatalogSequence[]
  readonly views: readonly CatalogView[]
  readonly policies: readonly CatalogPolicy[]
  readonly grants: readonly CatalogGrant[]
  readonly extensions: readonly CatalogExtension[]
  readonly schemas: readonly CatalogSchema[]
  /** Every role that the archive names, with where: owners, grantees, policies, mappings, default privileges. */
  readonly roles: readonly CatalogRole[]
}

/** A schema that the archive creates. */
export interface CatalogSchema {
  readonly entry: TocEntry
  readonly name: string
}

/** A table, foreign or partitioned table. */
export interface CatalogTable {
  readonly entry: TocEntry
  readonly schema: string
  readonly name: string
  readonly columns: readonly CatalogColumn[]
  readonly constraints: readonly CatalogConstraint[]
  readonly unlogged: boolean
  /** The table that this one is a partition of. */
  readonly partitionOf: QualifiedName | undefined
  readonly partitioned: boolean
  readonly inherits: readonly QualifiedName[]
  readonly foreign: boolean
  readonly rowSecurity: boolean
  readonly forceRowSecurity: boolean
  /** The TABLE DATA entry. */
  readonly data: TocEntry | undefined
}

/** A name with its schema, decoded. */
export interface QualifiedName {
  readonly schema: string
  readonly name: string
}

/** A column, as CREATE TABLE says, with defaults and identities that other entries add. */
export interface CatalogColumn {
  readonly name: string
  /** As written: `timestamp without time zone`, `numeric(10,2)`, `public.mood`. */
  readonly type: string
  /** As written: `public.ci`, `pg_catalog."C"`; undefined where it is that of the type. */
  readonly collation: string | undefined
  readonly notNull: boolean
  /** Expression, as a byte string. */
  readonly default: string | undefined
  readonly identity: 'always' | 'by default' | undefined
  readonly generated: 'stored' | 'virtual' | undefined
}

/** A constraint of a table, whether within CREATE TABLE or added by an entry of its own. */
export interface CatalogConstraint {
  readonly name: string | undefined
  readonly kind: 'primary key' | 'unique' | 'foreign key' | 'check' | 'exclude' | 'not null'
  /** Empty for a check constraint; of an exclusion constraint the elements as written. */
  readonly columns: readonly string[]
  /** Of a foreign key: the table, `[schema, name]`, and columns referred to. */
  readonly references: (QualifiedName & { readonly columns: readonly string[] }) | undefined
  readonly notValid: boolean
  readonly notEnforced: boolean
  readonly deferrable: boolean
  /** UNIQUE NULLS NOT DISTINCT. */
  readonly nullsNotDistinct: boolean
  /** Of a foreign key: all of its columns are null or none. */
  readonly matchFull: boolean
  readonly entry: TocEntry
}

/** A function, procedure or aggregate. */
export interface CatalogFunction {
  readonly entry: TocEntry
  readonly kind: 'function' | 'procedure' | 'aggregate'
  readonly schema: string
  readonly name: string
  /** The arguments as written, without the parentheses. */
  readonly arguments: string
  /** The type of the result as written; empty for procedures. */
  readonly returns: string
  /** Decoded; empty for an aggregate. */
  readonly language: string
  readonly securityDefiner: boolean
  /** `SET name TO value` clauses: name in lower case, value as written. */
  readonly settings: ReadonlyMap<string, string>
  /** The source text without its quotes, as a byte string; undefined for C and for SQL-standard bodies. */
  readonly body: string | undefined
  /** Position of the body in the definition; of one in SQL (`BEGIN ATOMIC`, `RETURN`) too. */
  readonly bodyPosition: number | undefined
  /** The object file, of a function in C. */
  readonly objectFile: string | undefined
  readonly leakproof: boolean
}

/** An index, or the index of a constraint. */
export interface CatalogIndex {
  readonly entry: TocEntry
  readonly name: string
  readonly schema: string
  readonly table: string
  readonly method: string
  readonly unique: boolean
  /** UNIQUE … NULLS NOT DISTINCT. */
  readonly nullsNotDistinct: boolean
  /** The constraint that it belongs to. */
  readonly constraint: CatalogConstraint | undefined
  /** Columns and expressions, as written with their order and operator class. */
  readonly keys: readonly string[]
  readonly include: readonly string[]
  readonly where: string | undefined
  /** CREATE INDEX … ON ONLY, as for partitioned tables. */
  readonly only: boolean
}

/** A sequence, with what its SEQUENCE SET entry sets. */
export interface CatalogSequence {
  readonly entry: TocEntry
  readonly schema: string
  readonly name: string
  /** `smallint`, `integer` or `bigint`. */
  readonly type: string
  readonly increment: bigint
  readonly max: bigint
  readonly min: bigint
  readonly cycle: boolean
  /** The column that owns it. */
  readonly ownedBy: (QualifiedName & { readonly column: string }) | undefined
  readonly identity: boolean
  readonly value: { readonly last: bigint; readonly isCalled: boolean } | undefined
}

/** A view or materialized view. */
export interface CatalogView {
  readonly entry: TocEntry
  readonly schema: string
  readonly name: string
  readonly materialized: boolean
  readonly options: ReadonlyMap<string, string>
  /** The query, as a byte string. */
  readonly query: string
}

/** A row security policy. */
export interface CatalogPolicy {
  readonly entry: TocEntry
  readonly schema: string
  readonly table: string
  readonly name: string
  readonly command: string
  readonly permissive: boolean
  /** Spelled as {@link CatalogGrant.grantees}. */
  readonly roles: readonly string[]
  readonly using: string | undefined
  readonly check: string | undefined
}

/** One GRANT or REVOKE, or one of ALTER DEFAULT PRIVILEGES. */
export interface CatalogGrant {
  readonly entry: TocEntry
  readonly grant: boolean
  readonly privileges: readonly string[]
  /** `TABLE`, `SCHEMA`, `FUNCTION`, … as in the statement; of default privileges `TABLES`, … */
  readonly objectType: string
  /** The object as written; empty for default privileges. */
  readonly object: string
  /** Schema of the object, undefined where it is in none. */
  readonly schema: string | undefined
  /** Name of the (first) object without quotes; undefined for default privileges. */
  readonly name: string | undefined
  /** Role names without quotes; `PUBLIC` in capitals is everybody, and a role of that name is `"PUBLIC"` with quotes. */
  readonly grantees: readonly string[]
  readonly grantOption: boolean
  /** `SET SESSION AUTHORIZATION` around it, or GRANTED BY. */
  readonly grantor: string | undefined
  /** Of ALTER DEFAULT PRIVILEGES: FOR ROLE, IN SCHEMA. */
  readonly defaults: { readonly role: string | undefined; readonly schema: string | undefined } | undefined
}

/** An extension the archive creates. */
export interface CatalogExtension {
  readonly entry: TocEntry
  readonly name: string
  readonly schema: string | undefined
}

/** A role that must be there before the archive is restored. */
export interface CatalogRole {
  readonly name: string
  readonly uses: readonly {
    readonly entry: TocEntry
    readonly as: 'owner' | 'grantee' | 'grantor' | 'policy' | 'mapping' | 'defaults' | 'other'
  }[]
}

/** What the rows of an archive say: see `auditData`. */
export interface AuditData {
  /** Rows of a TABLE DATA entry; undefined where they could not be counted. */
  rowCount(entry: TocEntry): number | undefined
  /** The highest value (of a falling sequence the lowest) of a column that a sequence serves, where it is beyond its own. */
  readonly behind: readonly {
    readonly sequence: CatalogSequence
    /** Of several columns that it serves the one that has come farthest. */
    readonly column: QualifiedName & { readonly column: string }
    /** None that the sequence never gives. */
    readonly reached: bigint
  }[]
  /** Rows that repeat the key of another. */
  readonly duplicates: readonly ConstraintViolation[]
  /** Rows that refer to a row that is not there. */
  readonly orphans: readonly ConstraintViolation[]
  /** Checks that were not made. */
  readonly leftOut: readonly { readonly entry: TocEntry; readonly what: string; readonly why: string }[]
}

/** Rows that break a constraint. */
export interface ConstraintViolation {
  readonly table: CatalogTable
  readonly constraint: CatalogConstraint
  /** TABLE DATA with the first of the rows. */
  readonly entry: TocEntry
  /** Place of the first of the rows in it, from 1. */
  readonly row: number
  readonly count: number
}

/** One finding of an audit. */
export interface AuditFinding {
  readonly rule: string
  readonly severity: AuditSeverity
  readonly category: AuditCategory
  readonly message: string
  readonly fix: string
  readonly dumpId: DumpId | undefined
  readonly desc: string | undefined
  /** Name of the object; the same in every dump of the same database. */
  readonly object: string
  readonly position: number | undefined
  /** Identity across dumps, for baselines: rule, type and name of the object, hashed. */
  readonly fingerprint: string
}
