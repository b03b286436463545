import type { LexerOptions, Statement, Token } from '../sql/lexer.ts'
import { splitStatements } from '../sql/lexer.ts'
import { literalOf } from '../sql/literal.ts'
import type { QuoteRules } from '../sql/quote.ts'
import { StatementText } from '../sql/statement-text.ts'
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
    return literalOf(this.text, token, this.#rules.lexer, this.#rules.quote)?.value
  }
}

/** The statements of a definition, a byte string. */
export function statementsOf(text: string, rules: StatementRules): SqlStatement[] {
  const statements: SqlStatement[] = []
  for (const statement of splitStatements(text, rules.lexer)) statements.push(new SqlStatement(text, statement, rules))
  return statements
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
const longTypes: Readonly<Record<string, readonly string[]>> = {
  access: ['method'],
  default: ['privileges'],
  event: ['trigger'],
  foreign: ['table', 'data', 'schema'],
  large: ['object'],
  materialized: ['view'],
  operator: ['class', 'family'],
  text: ['search'],
  user: ['mapping'],
}

/** The words after those of {@link longTypes}. */
const thirdWords: Readonly<Record<string, readonly string[]>> = {
  'foreign data': ['wrapper'],
  'text search': ['configuration', 'dictionary', 'parser', 'template'],
}

/** Commands that name a type of object next. */
const withObject: ReadonlySet<string> = new Set(['create', 'alter', 'drop', 'import', 'refresh'])

const secondWords: Readonly<Record<string, string>> = {
  comment: 'on',
  security: 'label',
  reassign: 'owned',
  start: 'transaction',
}

function commandOf(statement: SqlStatement): string {
  const verb = statement.word(0)
  const second = secondWords[verb]
  if (second !== undefined && statement.word(1) === second) return `${verb} ${second}`.toUpperCase()
  if (!withObject.has(verb)) return verb.toUpperCase()
  let at = 1
  if (verb === 'create') while (modifiers.has(statement.word(at))) at++
  const type = [statement.word(at)]
  if (longTypes[type[0] ?? '']?.includes(statement.word(at + 1)) === true) {
    type.push(statement.word(at + 1))
    if (thirdWords[type.join(' ')]?.includes(statement.word(at + 2)) === true) type.push(statement.word(at + 2))
  }
  return `${verb} ${type.join(' ')}`.trimEnd().toUpperCase()
}
