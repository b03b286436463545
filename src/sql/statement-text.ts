import { identifierOf, type Token } from './lexer.ts'
import type { Statement } from './split-statements.ts'
import type { QuoteRules } from './quote.ts'

/** One statement, to be asked about its tokens by their place: what is not there answers with nothing. */
export class StatementText {
  readonly text: string
  readonly tokens: readonly Token[]
  // Taken out of the text once, and not before someone asks: most statements are looked at in a few places only.
  readonly #words: (string | undefined)[] = []
  #depths: readonly number[] | undefined
  #bodyStart: number | undefined

  constructor(text: string, { tokens }: Pick<Statement, 'tokens'>) {
    this.text = text
    this.tokens = tokens
  }

  /**
   * Place of the first token of a body written in SQL: `BEGIN ATOMIC …` or `RETURN …` of a routine; the number of
   * tokens where there is none.
   */
  get bodyStart(): number {
    this.#bodyStart ??= this.#findBody()
    return this.#bodyStart
  }

  get length(): number {
    return this.tokens.length
  }

  /** An unquoted word in lower case; empty for any other token. */
  word(at: number): string {
    const known = this.#words[at]
    if (known !== undefined) return known
    const token = this.tokens[at]
    if (token === undefined || token.kind !== 'word') return ''
    const word = this.text.slice(token.start, token.end).toLowerCase()
    this.#words[at] = word
    return word
  }

  /** The text of a symbol or operator; empty for any other token. */
  mark(at: number): string {
    const token = this.tokens[at]
    if (token === undefined || (token.kind !== 'symbol' && token.kind !== 'operator')) return ''
    return this.text.slice(token.start, token.end)
  }

  kind(at: number): Token['kind'] | undefined {
    return this.tokens[at]?.kind
  }

  /** Whether the token can be a name: a word, whatever it means elsewhere, or a quoted name. */
  isName(at: number): boolean {
    const kind = this.kind(at)
    return kind === 'word' || kind === 'name'
  }

  isString(at: number): boolean {
    return this.kind(at) === 'string'
  }

  /** What a word or quoted name stands for, as a byte string. */
  name(at: number): string | undefined {
    const token = this.tokens[at]
    return token !== undefined && this.isName(at) ? identifierOf(this.text, token) : undefined
  }

  /** Number of parentheses that are open at the token; the parentheses themselves lie outside. */
  depth(at: number): number {
    this.#depths ??= depthsOf(this.text, this.tokens)
    return this.#depths[at] ?? 0
  }

  /** Whether the words follow each other from `at` on; `a|b` is either of two. */
  has(at: number, ...words: readonly string[]): boolean {
    for (let index = 0; index < words.length; index++) {
      const word = this.word(at + index)
      const wanted = words[index] ?? ''
      if (word !== wanted && (word === '' || !isChoice(word, wanted))) return false
    }
    return true
  }

  /** Place of the first such word outside of parentheses, from `from` on and before `to`; −1 when there is none. */
  find(word: string, from = 0, to: number = this.length): number {
    for (let at = from; at < to; at++) if (this.word(at) === word && this.depth(at) === 0) return at
    return -1
  }

  /** Place after CREATE [OR REPLACE]; 0 for any other statement. */
  get afterCreate(): number {
    if (this.word(0) !== 'create') return 0
    return this.has(1, 'or', 'replace') ? 3 : 1
  }

  /** CREATE FUNCTION or PROCEDURE. */
  get definesRoutine(): boolean {
    return this.has(this.afterCreate, 'function|procedure') && this.afterCreate > 0
  }

  #findBody(): number {
    if (!this.definesRoutine) return this.length
    for (let at = 0; at < this.length; at++) {
      if (this.depth(at) > 0) continue
      if (this.has(at, 'begin', 'atomic') || this.word(at) === 'return') return at
    }
    return this.length
  }
}

/** Whether `a|b` has the word, which has no `|`. No list is made of them: statements are asked at every token. */
function isChoice(word: string, choices: string): boolean {
  for (let at = choices.indexOf(word); at !== -1; at = choices.indexOf(word, at + 1)) {
    const end = at + word.length
    if ((at === 0 || choices[at - 1] === '|') && (end === choices.length || choices[end] === '|')) return true
  }
  return false
}

function depthsOf(text: string, tokens: readonly Token[]): number[] {
  const depths: number[] = []
  let depth = 0
  for (const { kind, start } of tokens) {
    const mark = kind === 'symbol' ? text.charAt(start) : ''
    if (mark === ')' && depth > 0) depth--
    depths.push(depth)
    if (mark === '(') depth++
  }
  return depths
}

/** What a token of kind word or name stands for; undefined for a key word that names nothing without quotes. */
export function nameOf(text: string, token: Token, { keywords }: QuoteRules): string | undefined {
  const name = identifierOf(text, token)
  return token.kind === 'word' && keywords.get(name) === 'reserved' ? undefined : name
}
