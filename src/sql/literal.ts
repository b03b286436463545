import type { LexerOptions, Token } from './lexer.ts'
import { charLength } from './multibyte.ts'
import { stringLiteral, type QuoteRules } from './quote.ts'

/** A string constant: what it holds, where that lies, and how to write another of the same form. */
export interface Literal {
  /** As a byte string. */
  readonly value: string
  /** Another value in the same form; the form without escapes where the value does not fit into dollar quotes. */
  write(value: string): string
}

/** What a backslash and a letter stand for. */
export const simpleEscapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' }

/**
 * Reads a token of kind string. Undefined for what no pg_dump writes: bit strings, `U&'…'`, and escapes by number,
 * which may make up characters of another encoding.
 */
export function literalOf(text: string, token: Token, lexer: LexerOptions, quote: QuoteRules): Literal | undefined {
  const source = text.slice(token.start, token.end)
  if (!token.closed) return undefined
  if (source.startsWith('$')) return dollarLiteral(source, quote)
  const open = source.indexOf("'")
  const prefix = source.slice(0, open)
  if (prefix !== '' && prefix.toLowerCase() !== 'e') return undefined
  const escapes = prefix !== '' || lexer.stdStrings === false
  const inner = source.slice(open + 1, -1)
  const value = escapes ? unescape(inner, lexer.encoding ?? 'UTF8') : inner.replaceAll("''", "'")
  if (value === undefined) return undefined
  const rules = escapes ? { ...quote, stdStrings: false } : quote
  return { value, write: (next) => `${prefix}${stringLiteral(rules, next)}` }
}

function dollarLiteral(source: string, quote: QuoteRules): Literal {
  const tag = source.slice(0, source.indexOf('$', 1) + 1)
  return {
    value: source.slice(tag.length, -tag.length),
    write: (next) => (`${next}$`.includes(tag) ? stringLiteral(quote, next) : `${tag}${next}${tag}`),
  }
}

function unescape(inner: string, encoding: string): string | undefined {
  let value = ''
  for (let at = 0; at < inner.length;) {
    const char = inner.charAt(at)
    if (char === "'") {
      value += char
      at += 2
    } else if (char === '\\') {
      const next = inner.charAt(at + 1)
      if (/[0-9xuU]/.test(next)) return undefined
      const length = charLength(encoding, inner, at + 1)
      value += simpleEscapes[next] ?? inner.slice(at + 1, at + 1 + length)
      at += 1 + length
    } else {
      const length = charLength(encoding, inner, at)
      value += inner.slice(at, at + length)
      at += length
    }
  }
  return value
}
