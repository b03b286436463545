import { tokenize, type LexerOptions, type Token } from '../sql/lexer.ts'

/** Deeper than this nobody puts parentheses by hand. */
const MOST_DEPTH = 50

/**
 * Whether an expression, as the server writes it, is true of every row: `true`, `NOT false`, `(1 = 1)`, `(x OR true)`,
 * `((x IS NULL) OR (x IS NOT NULL))`, `( SELECT true AS bool)`. Of what needs more than the words of it, it is not said.
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
  if (texts.includes('case')) return false
  return valueOf(texts, 0, texts.length, 0) === true
}

/** What `texts` from one place to before another say: true, false, or undefined for what depends on the row. */
function valueOf(texts: readonly string[], start: number, end: number, depth: number): boolean | undefined {
  const [from, to] = withoutParentheses(texts, start, end)
  if (depth > MOST_DEPTH || from >= to) return undefined
  if (texts[from] === 'select') return ofQuery(texts, from, to, depth)
  const any = partsBy(texts, from, to, 'or')
  if (any.length > 1) return isOneOrOther(any, texts) || together(any, texts, depth, true)
  // the AND of BETWEEN is none
  const all = texts.includes('between') ? [] : partsBy(texts, from, to, 'and')
  if (all.length > 1) return together(all, texts, depth, false)
  if (texts[from] === 'not') {
    const value = valueOf(texts, from + 1, to, depth + 1)
    return value === undefined ? undefined : !value
  }
  if (to - from === 1) return texts[from] === 'true' ? true : texts[from] === 'false' ? false : undefined
  return ofConstants(texts.slice(from, to)) ?? ofCoalesce(texts, from, to, depth)
}

/** `SELECT true AS bool`, of no table. */
function ofQuery(texts: readonly string[], from: number, to: number, depth: number): boolean | undefined {
  const end = texts[to - 2] === 'as' ? to - 2 : to
  if (texts.slice(from, end).some((text) => text === 'from' || text === 'where' || text === 'union')) return undefined
  return valueOf(texts, from + 1, end, depth + 1)
}

/** `COALESCE(true, x)`: what comes first and is not null. */
function ofCoalesce(texts: readonly string[], from: number, to: number, depth: number): boolean | undefined {
  if (texts[from] !== 'coalesce' || texts[from + 1] !== '(' || closes(texts, from + 1) !== to - 1) return undefined
  const [first] = partsBy(texts, from + 2, to - 1, ',')
  return first === undefined ? undefined : valueOf(texts, first[0], first[1], depth + 1)
}

/** `(x IS NULL) OR (x IS NOT NULL)` */
function isOneOrOther(parts: readonly (readonly [number, number])[], texts: readonly string[]): boolean {
  const isNull = new Set<string>()
  const isNotNull = new Set<string>()
  for (const [start, end] of parts) {
    const [from, to] = withoutParentheses(texts, start, end)
    const part = texts.slice(from, to).join(' ')
    const [, value, not] = /^(.*) is (not )?null$/s.exec(part) ?? []
    if (value !== undefined) (not === undefined ? isNull : isNotNull).add(value)
  }
  return [...isNull].some((value) => isNotNull.has(value))
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

/** A number, truth value or string, with the type that it is cast to. */
const constant = /^(?:-? ?\d+(?:\.\d+)?|true|false|'(?:[^']|'')*')(?: :: [\w" ]+)?$/

/** `1 = 1`, `1 < 2`, `true = true`, `'a'::text = 'a'::text`, `1 IS NOT NULL`, `'t'::boolean` */
function ofConstants(texts: readonly string[]): boolean | undefined {
  const isThere = /^(.*) is not null$/s.exec(texts.join(' '))?.[1]
  if (isThere !== undefined && constant.test(isThere)) return true
  const at = texts.findIndex((text) => text in compare)
  if (at === -1) return truthOf(texts)
  const [left, right] = [bare(texts.slice(0, at)), bare(texts.slice(at + 1))]
  if (!constant.test(left) || !constant.test(right)) return undefined
  const how = compare[texts[at] ?? '']
  if (left === right) return how?.(0)
  // of others than whole numbers the order is that of a type
  return /^-?\d+$/.test(left) && /^-?\d+$/.test(right) ? how?.(Number(left) - Number(right)) : undefined
}

const compare: Readonly<Record<string, (difference: number) => boolean>> = Object.assign(Object.create(null), {
  '=': (difference: number) => difference === 0,
  '<>': (difference: number) => difference !== 0,
  '<': (difference: number) => difference < 0,
  '<=': (difference: number) => difference <= 0,
  '>': (difference: number) => difference > 0,
  '>=': (difference: number) => difference >= 0,
})

function bare(texts: readonly string[]): string {
  const [from, to] = withoutParentheses(texts, 0, texts.length)
  return texts.slice(from, to).join(' ')
}

/** `'t'::boolean` */
function truthOf(texts: readonly string[]): boolean | undefined {
  const [, value] = /^'(t|true|y|yes|on|1|f|false|n|no|off|0)' :: bool(?:ean)?$/i.exec(texts.join(' ')) ?? []
  return value === undefined ? undefined : /^[ty1]|^on/i.test(value)
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
