import type { LexerOptions, Token } from '../sql/lexer.ts'
import { splitStatements, type Statement } from '../sql/split-statements.ts'
import { literalOf } from '../sql/literal.ts'
import type { QuoteRules } from '../sql/quote.ts'
import { StatementText } from '../sql/statement-text.ts'
import { isSpelled, spelledName, stringContent } from './spelled.ts'
import type { DefinitionStatement } from './types.ts'

/** How the SQL of an archive is read. */
export interface StatementRules {
  readonly lexer: LexerOptions
  readonly quote: QuoteRules
}

/** One statement of a definition. */
export class SqlStatement extends StatementText implements DefinitionStatement {
  readonly start: number
  readonly end: number
  readonly #rules: StatementRules
  #command: string | undefined

  constructor(text: string, statement: Statement, rules: StatementRules) {
    super(text, statement)
    this.start = statement.start
    this.end = statement.end
    this.#rules = rules
  }

  get command(): string {
    this.#command ??= commandOf(this)
    return this.#command
  }

  source(from: number, to: number = this.tokens.length): string {
    const last = this.tokens[Math.min(to, this.tokens.length) - 1]
    const first = this.tokens[from]
    return first === undefined || last === undefined ? '' : this.text.slice(first.start, last.end)
  }

  literal(at: number): string | undefined {
    const token: Token | undefined = this.tokens[at]
    if (token === undefined || token.kind !== 'string') return undefined
    const { lexer, quote } = this.#rules
    const value = literalOf(this.text, token, lexer, quote)?.value
    if (value !== undefined || !token.closed || !isSpelled(this.text, token, lexer)) return value
    return stringContent(this.text, this.tokens, at, lexer)
  }

  /** The same of a name that is given by the numbers of its characters. */
  override name(at: number): string | undefined {
    return spelledName(this.text, this.tokens, at) ?? super.name(at)
  }
}

/** The statements of a definition, a byte string. */
export function statementsOf(text: string, rules: StatementRules): SqlStatement[] {
  const statements: SqlStatement[] = []
  for (const statement of splitStatements(text, rules.lexer)) statements.push(new SqlStatement(text, statement, rules))
  return statements
}

/** `ALTER EXTENSION e ADD FUNCTION …`, which archives for pg_upgrade have of what belongs to extensions. */
export function addsToExtension(statement: DefinitionStatement): boolean {
  return statement.command === 'ALTER EXTENSION' && statement.word(3) === 'add'
}

/** Words between CREATE and the type of object. */
const modifiers: ReadonlySet<string> = new Set([
  'or',
  'replace',
  'temp',
  'temporary',
  'global',
  'local',
  'unlogged',
  'recursive',
  'unique',
  'constraint',
  'trusted',
  'procedural',
  'default',
])

/** Types of objects whose names are several words, by the first; the second may be any of these. */
const longTypes: ReadonlyMap<string, readonly string[]> = new Map([
  ['access', ['method']],
  ['default', ['privileges']],
  ['event', ['trigger']],
  ['foreign', ['table', 'data', 'schema']],
  ['large', ['object']],
  ['materialized', ['view']],
  ['operator', ['class', 'family']],
  ['text', ['search']],
  ['user', ['mapping']],
])

/** The words after those of {@link longTypes}. */
const thirdWords: ReadonlyMap<string, readonly string[]> = new Map([
  ['foreign data', ['wrapper']],
  ['text search', ['configuration', 'dictionary', 'parser', 'template']],
])

/** Commands that name a type of object next. */
const withObject: ReadonlySet<string> = new Set(['create', 'alter', 'drop', 'import', 'refresh'])

const secondWords: ReadonlyMap<string, string> = new Map([
  ['comment', 'on'],
  ['security', 'label'],
  ['reassign', 'owned'],
  ['start', 'transaction'],
])

function commandOf(statement: SqlStatement): string {
  const verb = statement.word(0)
  const second = secondWords.get(verb)
  if (second !== undefined && statement.word(1) === second) return `${verb} ${second}`.toUpperCase()
  if (!withObject.has(verb)) return verb.toUpperCase()
  let at = 1
  if (verb === 'create') while (modifiers.has(statement.word(at))) at++
  const type = statement.word(at)
  const isLong = longTypes.get(type)?.includes(statement.word(at + 1)) === true
  return isLong ? longCommand(statement, verb, at) : shortCommand(verb, type)
}

function longCommand(statement: SqlStatement, verb: string, at: number): string {
  const type = `${statement.word(at)} ${statement.word(at + 1)}`
  const third = statement.word(at + 2)
  return `${verb} ${type}${thirdWords.get(type)?.includes(third) === true ? ` ${third}` : ''}`.toUpperCase()
}

/** Made once each: every statement of an archive asks. */
const shortCommands = new Map<string, Map<string, string>>()

/** More than there are types of objects: words of a stranger's are not kept. */
const MOST_TYPES = 200

function shortCommand(verb: string, type: string): string {
  let byType = shortCommands.get(verb)
  if (byType === undefined) {
    byType = new Map()
    shortCommands.set(verb, byType)
  }
  let command = byType.get(type)
  if (command === undefined) {
    command = `${verb} ${type}`.trimEnd().toUpperCase()
    if (byType.size < MOST_TYPES) byType.set(type, command)
  }
  return command
}
