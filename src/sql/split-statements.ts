import { Lexer, type LexerOptions, type Token } from './lexer.ts'

/** One statement of a text. */
export interface Statement {
  /** First byte that is neither space nor comment. */
  readonly start: number
  /** After the last such byte before the semicolon. */
  readonly end: number
  /** After the semicolon; equals the text's length when there is none. */
  readonly after: number
  /** Tokens that are neither space nor comment, without the semicolon. */
  readonly tokens: readonly Token[]
}

/** Who splits a text into statements. */
export interface SplitOptions extends LexerOptions {
  /**
   * The way psql does it, which knows the end of an SQL-standard function body by counting words and is wrong where
   * BEGIN, CASE or END is a name. Default false: the way the server's parser does it.
   */
  readonly asPsql?: boolean
}

/**
 * Splits SQL into statements at semicolons outside of parentheses and of SQL-standard function bodies (BEGIN ATOMIC … END).
 * Text without a statement (comments only) gives none.
 */
export function* splitStatements(text: string, options: SplitOptions = {}): Generator<Statement, void, void> {
  const gathered = spare
  spare = []
  try {
    const lexer = new Lexer(text, options)
    const body = options.asPsql === true ? new CountedBody() : new ParsedBody()
    let parentheses = 0
    for (let at = 0; at < text.length;) {
      const code = text.charCodeAt(at)
      // blanks are a third of all tokens: none is made of them (bench case audit)
      if (code === 0x20 || code === 0x0a) {
        at++
        continue
      }
      const token = lexer.token(at)
      at = token.end
      if (token.kind === 'space' || token.kind === 'comment') continue
      const mark = token.kind === 'symbol' ? code : 0
      if (mark === semicolon && parentheses === 0) {
        if (body.depth === 0) {
          body.reset()
          if (gathered.length > 0) yield statement(take(gathered), token.end)
          continue
        }
        body.semicolon()
      } else if (mark === openParenthesis) {
        parentheses++
      } else if (mark === closeParenthesis && parentheses > 0) {
        parentheses--
      } else if (parentheses === 0 && body.listens) {
        body.token(token.kind === 'word' ? text.slice(token.start, token.end).toLowerCase() : '')
      }
      gathered.push(token)
    }
    if (gathered.length > 0) yield statement(take(gathered), text.length)
  } finally {
    // what was not given away, where a text cannot be read to its end
    gathered.length = 0
    spare = gathered
  }
}

/**
 * Tokens of the statement that is being read, for who splits next: an array that has grown once need not be copied
 * several times as it grows anew (bench case audit).
 */
let spare: Token[] = []

function take(gathered: Token[]): Token[] {
  const tokens = gathered.slice()
  gathered.length = 0
  return tokens
}

const semicolon = 0x3b
const openParenthesis = 0x28
const closeParenthesis = 0x29

function statement(tokens: readonly Token[], after: number): Statement {
  return { start: tokens[0]?.start ?? after, end: tokens.at(-1)?.end ?? after, after, tokens }
}

/** Whether these are the first words of CREATE [OR REPLACE] FUNCTION or PROCEDURE. */
function definesRoutine([first, second, third, fourth]: readonly string[]): boolean {
  if (first !== 'create') return false
  const type = second === 'or' && third === 'replace' ? fourth : second
  return type === 'function' || type === 'procedure'
}

/** Depth of BEGIN ATOMIC … END: the END is that which begins a statement (routine_body_stmt_list, gram.y). */
class ParsedBody {
  depth = 0
  /** First words of the statement, within a body of the statement there. */
  #words: string[] = []
  #last = ''

  /** Whether further tokens of the statement can tell anything. */
  get listens(): boolean {
    return this.#words.length < 4 || definesRoutine(this.#words)
  }

  reset(): void {
    this.depth = 0
    this.#words = []
    this.#last = ''
  }

  /** One within a body. */
  semicolon(): void {
    this.#words = []
    this.#last = ''
  }

  /** A word in lower case; empty for any other token. */
  token(word: string): void {
    const isFirst = this.#words.length === 0
    if (this.#words.length < 4) this.#words.push(word)
    if (word === 'atomic' && this.#last === 'begin' && definesRoutine(this.#words)) {
      this.depth++
      this.semicolon()
      return
    }
    if (word === 'end' && isFirst && this.depth > 0) this.depth--
    this.#last = word
  }
}

/** Depth of BEGIN … END within CREATE FUNCTION, as psql counts it (psqlscan.l). */
class CountedBody {
  depth = 0
  #words: string[] = []

  /** Whether further tokens of the statement can tell anything. */
  get listens(): boolean {
    return this.#words.length < 4 || definesRoutine(this.#words)
  }

  reset(): void {
    this.depth = 0
    this.#words = []
  }

  semicolon(): void {
    // one is as good as the other
  }

  token(word: string): void {
    if (word === '') return
    if (this.#words.length < 4) this.#words.push(word)
    if (!definesRoutine(this.#words)) return
    if (word === 'begin') this.depth++
    else if (word === 'case' && this.depth > 0) this.depth++
    else if (word === 'end' && this.depth > 0) this.depth--
  }
}
