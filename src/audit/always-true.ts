import { tokenize, type LexerOptions, type Token } from '../sql/lexer.ts'

/** Deeper than this nobody puts parentheses by hand. */
const MOST_DEPTH = 50

/**
 * Whether an expression, as the server writes it, is true of every row: `true`, `NOT false`, `(1 = 1)`, `(x OR true)`.
 * Of what needs more than the words of it, it is not said.
 */
export function isAlwaysTrue(expression: string, lexer: LexerOptions): boolean {
  const tokens: Token[] = []
  for (const token of tokenize(expression, lexer)) {
    if (token.kind !== 'space' && token.kind !== 'comment') tokens.push(token)
  }
  const texts = tokens.map(({ start, end, kind }) => {
    const text = expression.slice(start, end)
    return kind === 'word' ? text.toLowerCase() : text
  })
  // these have an order of their own, in which words mean other things
  if (texts.includes('select') || texts.includes('case')) return false
  return valueOf(texts, 0, texts.length, 0) === true
}

/** What `texts` from one place to before another say: true, false, or undefined for what depends on the row. */
function valueOf(texts: readonly string[], start: number, end: number, depth: number): boolean | undefined {
  const [from, to] = withoutParentheses(texts, start, end)
  if (depth > MOST_DEPTH || from >= to) return undefined
  const any = partsBy(texts, from, to, 'or')
  if (any.length > 1) return together(any, texts, depth, true)
  // the AND of BETWEEN is none
  const all = texts.includes('between') ? [] : partsBy(texts, from, to, 'and')
  if (all.length > 1) return together(all, texts, depth, false)
  if (texts[from] === 'not') {
    const value = valueOf(texts, from + 1, to, depth + 1)
    return value === undefined ? undefined : !value
  }
  if (to - from === 1) return texts[from] === 'true' ? true : texts[from] === 'false' ? false : undefined
  return isSameConstant(texts.slice(from, to)) || undefined
}

/** OR is true where one is, AND false where one is false. */
function together(
  parts: readonly (readonly [number, number])[],
  texts: readonly string[],
  depth: number,
  decides: boolean,
): boolean | undefined {
  const values = new Set(parts.map(([from, to]) => valueOf(texts, from, to, depth + 1)))
  if (values.has(decides)) return decides
  return values.has(undefined) ? undefined : !decides
}

/** `1 = 1`, `'a'::text = 'a'::text` */
function isSameConstant(texts: readonly string[]): boolean {
  const equals = texts.indexOf('=')
  const left = texts.slice(0, equals)
  const right = texts.slice(equals + 1)
  if (equals === -1 || !/^(?:\d|')/.test(left[0] ?? '') || (left.length > 1 && left[1] !== '::')) return false
  return left.length === right.length && left.every((text, at) => text === right[at])
}

function withoutParentheses(texts: readonly string[], start: number, end: number): readonly [number, number] {
  let [from, to] = [start, end]
  while (to - from >= 2 && texts[from] === '(' && closes(texts, from) === to - 1) {
    from++
    to--
  }
  return [from, to]
}

function closes(texts: readonly string[], open: number): number {
  let depth = 0
  for (let at = open; at < texts.length; at++) {
    if (texts[at] === '(') depth++
    else if (texts[at] === ')' && --depth === 0) return at
  }
  return -1
}

function partsBy(texts: readonly string[], from: number, to: number, word: string): (readonly [number, number])[] {
  const parts: [number, number][] = []
  let depth = 0
  let first = from
  for (let at = from; at < to; at++) {
    if (texts[at] === '(') depth++
    else if (texts[at] === ')') depth--
    else if (depth === 0 && texts[at] === word) {
      parts.push([first, at])
      first = at + 1
    }
  }
  parts.push([first, to])
  return parts
}
