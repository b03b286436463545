import { charLength } from './multibyte.ts'

/**
 * Kind of a token:
 *
 * | kind | examples |
 * | --- | --- |
 * | space | blanks, tabs, line feeds |
 * | comment | `-- to the end of the line`, `/* nested *\/` |
 * | word | `SELECT`, `tbl_1`, `größe`: key words and plain names |
 * | name | `"Quoted"`, `U&"d\0061t"` |
 * | string | `'text'`, `E'\n'`, `B'01'`, `X'ff'`, `N'text'`, `U&'d\0061t'`, `$tag$text$tag$` |
 * | number | `12`, `1.5e3`, `0xff` |
 * | parameter | `$1` |
 * | operator | `+`, `<=`, `::`, `@@`, … |
 * | symbol | `( ) [ ] , ; . :` one at a time, and any byte that SQL has no use for, such as `\` |
 */
export type TokenKind =
  | 'space'
  | 'comment'
  | 'word'
  | 'name'
  | 'string'
  | 'number'
  | 'parameter'
  | 'operator'
  | 'symbol'

/** One token: the text from `start` up to `end`. Tokens follow each other without gaps. */
export interface Token {
  readonly kind: TokenKind
  readonly start: number
  readonly end: number
  /** False when the text ends within a string, quoted name or comment. */
  readonly closed: boolean
}

/** How to read SQL. */
export interface LexerOptions {
  /** `standard_conforming_strings`: without it, a backslash escapes in plain strings too. Default true. */
  readonly stdStrings?: boolean
  /** PostgreSQL's name of the encoding: in some a later byte of a character may look like a backslash. Default UTF8. */
  readonly encoding?: string
}

const space = /[ \t\n\r\f\v]+/y
const lineComment = /--[^\n\r]*/y
const number =
  /(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d[\d_]*)?)/y
const parameter = /\$\d+/y
const dollarQuote = /\$(?:[A-Za-z_\u0080-\u00ff][A-Za-z0-9_\u0080-\u00ff]*)?\$/y
const plainWord = /[A-Za-z_\u0080-\u00ff][A-Za-z0-9_$\u0080-\u00ff]*/y
const operatorChars = /[~!@#^&|`?+\-*/%<>=]+/y
const stringPrefix = /(?:[eEbBxXnN]|[uU]&)(?=')/y
const betweenStrings = /(?:[ \t\n\r\f\v]|--[^\n\r]*)*/y
const namePrefix = /[uU]&(?=")/y

/**
 * Reads SQL from a byte string, the way PostgreSQL's own scanner does (scan.l), but without judging it: every byte
 * belongs to some token. psql's backslash commands are not known here: a backslash outside quotes is a symbol.
 */
export function* tokenize(text: string, options: LexerOptions = {}): Generator<Token, void, void> {
  const lexer = new Lexer(text, options)
  for (let at = 0; at < text.length;) {
    const token = lexer.token(at)
    yield token
    at = token.end
  }
}

/** What the first character says of a token, where it says all: most of what SQL is made of need not be tried for all else. */
const firsts: readonly ('letter' | 'prefix' | 'symbol' | 'space' | 'digit' | 'string' | 'name' | undefined)[] =
  Array.from({ length: 128 }, (_, code) => {
    const char = String.fromCharCode(code)
    if ('(),;[]'.includes(char)) return 'symbol'
    if (' \t\n\r\f\v'.includes(char)) return 'space'
    if (char === "'") return 'string'
    if (char === '"') return 'name'
    if (/\d/.test(char)) return 'digit'
    // these may begin a string or name, too: B'', E'', N'', U&'', X''
    if (/[benux]/i.test(char)) return 'prefix'
    return /[A-Za-z_]/.test(char) ? 'letter' : undefined
  })

/** Reads one token after the other. */
export class Lexer {
  readonly #text: string
  readonly #stdStrings: boolean
  readonly #encoding: string
  /** Only in these may a later byte of a character be a backslash or other ASCII. */
  readonly #mixed: boolean
  /** The last string in single quotes: another one on a later line goes on with it, escapes and all. */
  #lastString = { end: -1, escapes: false, doubles: true }

  constructor(text: string, { stdStrings = true, encoding = 'UTF8' }: LexerOptions) {
    this.#text = text
    this.#stdStrings = stdStrings
    this.#encoding = encoding
    this.#mixed = mixedEncodings.has(encoding)
  }

  /** The token at a place; none starts within another. */
  token(at: number): Token {
    return this.#known(at) ?? this.#any(at)
  }

  #known(at: number): Token | undefined {
    switch (firsts[this.#text.charCodeAt(at)]) {
      case 'symbol':
        return { kind: 'symbol', start: at, end: at + 1, closed: true }
      case 'space':
        return this.#match(space, at, 'space')
      case 'letter':
        return this.#word(at)
      case 'prefix': {
        const next = this.#text.charCodeAt(at + 1)
        return next === 0x26 || next === 0x27 ? undefined : this.#word(at)
      }
      case 'digit':
        return this.#match(number, at, 'number')
      case 'string':
        return this.#string(at)
      case 'name':
        return this.#name(at)
      default:
        return undefined
    }
  }

  #any(at: number): Token {
    return (
      this.#match(space, at, 'space') ??
      this.#comment(at) ??
      this.#string(at) ??
      this.#name(at) ??
      this.#match(number, at, 'number') ??
      this.#dollar(at) ??
      this.#word(at) ??
      this.#operator(at) ?? { kind: 'symbol', start: at, end: at + 1, closed: true }
    )
  }

  #match(pattern: RegExp, at: number, kind: TokenKind): Token | undefined {
    pattern.lastIndex = at
    return pattern.test(this.#text) ? { kind, start: at, end: pattern.lastIndex, closed: true } : undefined
  }

  #comment(at: number): Token | undefined {
    const text = this.#text
    if (text.startsWith('--', at)) return this.#match(lineComment, at, 'comment')
    if (!text.startsWith('/*', at)) return undefined
    let depth = 1
    let end = at + 2
    while (depth > 0) {
      const close = text.indexOf('*/', end)
      if (close === -1) return { kind: 'comment', start: at, end: text.length, closed: false }
      const open = text.indexOf('/*', end)
      const nested = open !== -1 && open < close
      depth += nested ? 1 : -1
      end = (nested ? open : close) + 2
    }
    return { kind: 'comment', start: at, end, closed: true }
  }

  #string(at: number): Token | undefined {
    stringPrefix.lastIndex = at
    const prefixed = stringPrefix.test(this.#text)
    const quote = prefixed ? stringPrefix.lastIndex : at
    if (this.#text.charAt(quote) !== "'") return undefined
    const prefix = this.#text.charAt(at)
    const continues = !prefixed && this.#continuesString(at)
    const { escapes, doubles } = continues ? this.#lastString : this.#rulesOf(prefixed ? prefix : '')
    const token = this.#quoted('string', at, quote, { mark: "'", escapes, doubles })
    this.#lastString = { end: token.end, escapes, doubles }
    return token
  }

  /** What a backslash and a doubled quote are to a string with this prefix. */
  #rulesOf(prefix: string): { readonly escapes: boolean; readonly doubles: boolean } {
    const escapes = /^[eE]$/.test(prefix) || (!this.#stdStrings && /^[nN]?$/.test(prefix))
    return { escapes, doubles: !/^[bBxX]$/.test(prefix) }
  }

  /** Whether nothing but space with a line end, and comments to the end of the line, lie between (quotecontinue, scan.l). */
  #continuesString(at: number): boolean {
    const { end } = this.#lastString
    if (end === -1 || end === at) return false
    betweenStrings.lastIndex = end
    return betweenStrings.test(this.#text) && betweenStrings.lastIndex >= at && /[\n\r]/.test(this.#text.slice(end, at))
  }

  #name(at: number): Token | undefined {
    namePrefix.lastIndex = at
    const quote = namePrefix.test(this.#text) ? namePrefix.lastIndex : at
    return this.#text.charAt(quote) === '"'
      ? this.#quoted('name', at, quote, { mark: '"', escapes: false, doubles: true })
      : undefined
  }

  /** A doubled quote is two tokens' worth of quotes within one token. */
  #quoted(
    kind: TokenKind,
    start: number,
    quote: number,
    { mark, escapes, doubles }: { readonly mark: string; readonly escapes: boolean; readonly doubles: boolean },
  ): Token {
    const text = this.#text
    for (let at = quote + 1; at < text.length;) {
      const char = text.charAt(at)
      if (char === mark) {
        if (!doubles || text.charAt(at + 1) !== mark) return { kind, start, end: at + 1, closed: true }
        at += 2
      } else if (escapes && char === '\\') {
        at += 1 + this.#charLength(at + 1)
      } else {
        at += this.#charLength(at)
      }
    }
    return { kind, start, end: text.length, closed: false }
  }

  #dollar(at: number): Token | undefined {
    if (this.#text.charAt(at) !== '$') return undefined
    const numbered = this.#match(parameter, at, 'parameter')
    if (numbered !== undefined) return numbered
    dollarQuote.lastIndex = at
    const tag = dollarQuote.exec(this.#text)?.[0]
    if (tag === undefined) return undefined
    const close = this.#text.indexOf(tag, at + tag.length)
    const closed = close !== -1
    return { kind: 'string', start: at, end: closed ? close + tag.length : this.#text.length, closed }
  }

  #word(at: number): Token | undefined {
    if (!this.#mixed) return this.#match(plainWord, at, 'word')
    let end = at
    while (end < this.#text.length) {
      const length = this.#charLength(end)
      if (length === 1 && !/[A-Za-z_\u0080-\u00ff]/.test(this.#text.charAt(end))) {
        if (end === at || !/[0-9$]/.test(this.#text.charAt(end))) break
      }
      end += length
    }
    return end === at ? undefined : { kind: 'word', start: at, end: Math.min(end, this.#text.length), closed: true }
  }

  /** `::`, `:=`, `=>`, `..` and runs of operator characters, which end where a comment begins. */
  #operator(at: number): Token | undefined {
    const text = this.#text
    if (text.startsWith('::', at) || text.startsWith(':=', at) || text.startsWith('..', at)) {
      return { kind: 'operator', start: at, end: at + 2, closed: true }
    }
    operatorChars.lastIndex = at
    const run = operatorChars.exec(text)?.[0]
    if (run === undefined) return undefined
    const comment = run.search(/--|\/\*/)
    let length = comment > 0 ? comment : run.length
    // a sign at the end belongs to what follows, unless the operator has characters that standard SQL has no use for
    if (!/[~!@#^&|`?%]/.test(run.slice(0, length))) {
      while (length > 1 && /[+-]/.test(run.charAt(length - 1))) length--
    }
    return { kind: 'operator', start: at, end: at + length, closed: true }
  }

  #charLength(at: number): number {
    return this.#mixed ? charLength(this.#encoding, this.#text, at) : 1
  }
}

/** Encodings in which a later byte of a character may be below 128 (client encodings only). */
export const mixedEncodings: ReadonlySet<string> = new Set([
  'SJIS',
  'SHIFT_JIS_2004',
  'BIG5',
  'GBK',
  'UHC',
  'GB18030',
  'JOHAB',
])

const capital = /[A-Z]/
const capitals = /[A-Z]/g

/** What a token of kind name stands for: `"a""b"` is `a"b`. A word is folded to lower case as the server does (ASCII). */
export function identifierOf(text: string, token: Token): string {
  const source = text.slice(token.start, token.end)
  if (token.kind !== 'name') {
    return capital.test(source) ? source.replaceAll(capitals, (letter) => letter.toLowerCase()) : source
  }
  return source.slice(source.indexOf('"') + 1, token.closed ? -1 : undefined).replaceAll('""', '"')
}
