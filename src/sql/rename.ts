import { arrayElement, arrayElements } from './array-literal.ts'
import { isArrayCast } from './find-casts.ts'
import { identifierOf, tokenize, type LexerOptions, type Token } from './lexer.ts'
import { splitStatements } from './split-statements.ts'
import { literalOf, type Literal } from './literal.ts'
import { findMentions } from './mentions.ts'
import { fmtId, type QuoteRules } from './quote.ts'
import { nameOf, StatementText } from './statement-text.ts'
import { applyEdits } from './target.ts'
import type { Edit } from './target-judges.ts'

/** Names of one kind (roles, schemas, …) and what they become; all names are byte strings. */
export interface RenameRules {
  readonly lexer: LexerOptions
  readonly quote: QuoteRules
  /** The archive quotes every name (`--quote-all-identifiers`). */
  readonly quotesAll: boolean
  /** The new name; undefined for one that stays. */
  rename(name: string): string | undefined
  /** Names of this kind begin qualified names, as schemas do: a constant that begins with one and a dot mentions it. */
  readonly qualifies?: boolean
  /** Whether a name is worth telling about where it is not known to be one of this kind. */
  isWanted(name: string): boolean
  /** Tells the renamer which tokens of a statement are names of this kind. */
  find(found: Renamer): void
}

/** Why a mention of a name was left alone. */
export type UndecidedReason =
  /** The body of a routine in a string: nothing says what its words mean. */
  | 'function-body'
  /** A string constant that reads like the name: it may be one, or any other word. */
  | 'string'
  /** A qualified name that may begin with the schema or with a table of the same name. */
  | 'ambiguous'
  /** A column whose values are names, such as one of type regclass: the rows are not read. */
  | 'rows'

/** A place that mentions a name and was left alone. */
export interface Mention {
  /** The old name; null where it may be any. */
  readonly name: string | null
  readonly reason: UndecidedReason
  /** Offset in the text. */
  readonly at: number
}

/** A text with names replaced. */
export interface RenamedText {
  readonly text: string
  readonly mentions: readonly Mention[]
}

/** Replaces names in SQL, wherever they stand as names; everything else keeps its bytes. */
export function renameInSql(text: string, rules: RenameRules): RenamedText {
  const edits: Edit[] = []
  const mentions: Mention[] = []
  for (const statement of splitStatements(text, rules.lexer)) {
    const renamer = new Renamer(new StatementText(text, statement), rules)
    rules.find(renamer)
    findMentions(renamer)
    // a statement may have more than fit on the stack as arguments
    for (const edit of renamer.edits) edits.push(edit)
    for (const mention of renamer.mentions) mentions.push(mention)
  }
  return { text: edits.length === 0 ? text : applyEdits(text, edits), mentions }
}

/** Whether a token of a text that holds names as in SQL is one of the names meant. */
type IsName = (tokens: readonly Token[], index: number, value: string) => boolean

/** One statement in which names are being replaced. */
export class Renamer {
  readonly statement: StatementText
  readonly rules: RenameRules
  readonly edits: Edit[] = []
  readonly mentions: Mention[] = []
  /** Tokens of which it is known what they are: they are not looked at again. */
  readonly #settled = new Set<number>()

  constructor(statement: StatementText, rules: RenameRules) {
    this.statement = statement
    this.rules = rules
  }

  isSettled(at: number): boolean {
    return this.#settled.has(at)
  }

  /** The token is not to be looked at: it is known to be something else. */
  settle(at: number): void {
    this.#settled.add(at)
  }

  /** Whether the token stands for a name that is to be replaced. */
  isRenamed(at: number): boolean {
    const token = this.statement.tokens[at]
    if (token === undefined || !this.statement.isName(at)) return false
    const name = nameOf(this.statement.text, token, this.rules.quote)
    return name !== undefined && this.rules.rename(name) !== undefined
  }

  /** The token is such a name. */
  name(at: number): void {
    const token = this.statement.tokens[at]
    if (token === undefined || !this.statement.isName(at)) return
    this.settle(at)
    const text = renamedIdentifier(this.statement.text, token, this.rules)
    if (text !== undefined) this.edits.push({ start: token.start, end: token.end, text })
  }

  /** The token is such a name, or a string constant that holds one as it is. */
  nameOrLiteral(at: number): void {
    if (this.statement.isString(at)) this.literal(at)
    else this.name(at)
  }

  /** The token is a string constant that holds such a name as it is, without quotes. */
  literal(at: number): void {
    this.#rewrite(at, (value) => this.rules.rename(value))
  }

  /**
   * The token is a string constant in which names stand as in SQL, or an array of such; `isName` tells which of its
   * tokens are meant.
   */
  path(at: number, isName: IsName): void {
    const isArray = isArrayCast(this.statement, at)
    this.#rewrite(at, (value) => (isArray ? this.#inElements(value, isName) : this.#inPath(value, isName)))
  }

  #inPath(value: string, isName: IsName): string | undefined {
    const tokens = [...tokenize(value, this.rules.lexer)].filter(({ kind }) => kind !== 'space')
    const edits = tokens.flatMap((token, index) => {
      if (token.kind !== 'word' && token.kind !== 'name') return []
      // a constant that somebody wrote has no quotes even where all names have them, and key words mean nothing in it
      const rules = token.kind === 'word' ? { ...this.rules, quotesAll: false } : this.rules
      const text = isName(tokens, index, value) ? rewritten(identifierOf(value, token), token, rules) : undefined
      return text === undefined ? [] : [{ start: token.start, end: token.end, text }]
    })
    return edits.length === 0 ? undefined : applyEdits(value, edits)
  }

  #inElements(array: string, isName: IsName): string | undefined {
    const { encoding = 'UTF8' } = this.rules.lexer
    const edits = arrayElements(array, encoding).flatMap(({ value, start, end }) => {
      const renamed = this.#inPath(value, isName)
      return renamed === undefined ? [] : [{ start, end, text: arrayElement(renamed, encoding) }]
    })
    return edits.length === 0 ? undefined : applyEdits(array, edits)
  }

  /** The token mentions a name and is left alone. */
  leave(at: number, name: string | null, reason: UndecidedReason): void {
    this.settle(at)
    this.mentions.push({ name, reason, at: this.statement.tokens[at]?.start ?? 0 })
  }

  literalAt(at: number): Literal | undefined {
    const token = this.statement.tokens[at]
    if (token === undefined || token.kind !== 'string') return undefined
    return literalOf(this.statement.text, token, this.rules.lexer, this.rules.quote)
  }

  #rewrite(at: number, change: (value: string) => string | undefined): void {
    const token = this.statement.tokens[at]
    const literal = this.literalAt(at)
    if (token === undefined || literal === undefined) return
    this.settle(at)
    const value = change(literal.value)
    if (value !== undefined) this.edits.push({ start: token.start, end: token.end, text: literal.write(value) })
  }
}

/** The text to put in place of a name; undefined for one that stays as it is. */
export function renamedIdentifier(text: string, token: Token, rules: RenameRules): string | undefined {
  const stored = nameOf(text, token, rules.quote)
  return stored === undefined ? undefined : rewritten(stored, token, rules)
}

function rewritten(stored: string, token: Token, rules: RenameRules): string | undefined {
  const name = rules.rename(stored)
  if (name === undefined) return undefined
  // quotes that the old name did without are somebody's habit, and are kept
  const keepsQuotes = token.kind === 'name' && fmtId(rules.quote, stored) === stored
  return rules.quotesAll || keepsQuotes ? `"${name.replaceAll('"', '""')}"` : fmtId(rules.quote, name)
}
