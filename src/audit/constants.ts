import type { DefinitionStatement } from './types.ts'

type Asked = Pick<DefinitionStatement, 'word' | 'mark' | 'kind' | 'name' | 'isName' | 'isString'>

/** Deeper than anything that pg_dump writes. */
const DEEPEST = 4

const plainWords: ReadonlySet<string> = new Set(['true', 'false', 'null'])

/** Words that go on with the name of a type: `character varying`, `timestamp with time zone`. */
const typeWords: ReadonlySet<string> = new Set(['varying', 'precision', 'with', 'without', 'time', 'zone'])

/**
 * Whether the parenthesis at `open`, which ends before `end`, has constants only, with casts or without: strings,
 * numbers, `true`, `false`, `null`, arrays and rows of these. No function is called and no operator applied, which may
 * be anybody's function.
 */
export function holdsConstants(statement: Asked, open: number, end: number): boolean {
  return statement.mark(open) === '(' && new ConstantReader(statement).list(open, ')', 0) === end
}

class ConstantReader {
  readonly #statement: Asked

  constructor(statement: Asked) {
    this.#statement = statement
  }

  /** The place after the list that begins at `open`; undefined where something else stands in it. */
  list(open: number, close: ')' | ']', depth: number): number | undefined {
    const statement = this.#statement
    if (depth > DEEPEST) return undefined
    let at = open + 1
    if (statement.mark(at) === close) return at + 1
    if (statement.word(at) === 'values') at++
    for (;;) {
      const after = this.#constant(at, depth)
      if (after === undefined) return undefined
      const mark = statement.mark(after)
      if (mark === close) return after + 1
      if (mark !== ',') return undefined
      at = after + 1
    }
  }

  #constant(at: number, depth: number): number | undefined {
    const statement = this.#statement
    let after: number | undefined
    if (statement.mark(at) === '(') after = this.list(at, ')', depth + 1)
    else if (statement.word(at) === 'array' && statement.mark(at + 1) === '[') after = this.list(at + 1, ']', depth + 1)
    else after = this.#plain(at)
    while (after !== undefined && statement.mark(after) === '::') after = this.#type(after + 1)
    return after
  }

  #plain(at: number): number | undefined {
    const statement = this.#statement
    if (statement.isString(at) || plainWords.has(statement.word(at))) return at + 1
    const number = /^[+-]$/.test(statement.mark(at)) ? at + 1 : at
    return statement.kind(number) === 'number' ? number + 1 : undefined
  }

  /** One of the server's own, for a type of somebody's may check values by a function: `integer`, `pg_catalog.regclass`, `character varying(10)`, `timestamp(3) with time zone`, `text[]` */
  #type(from: number): number | undefined {
    const statement = this.#statement
    if (!statement.isName(from)) return undefined
    let at = from + 1
    if (statement.mark(at) === '.') {
      if (statement.name(from) !== 'pg_catalog' || !statement.isName(at + 1)) return undefined
      at += 2
    }
    at = this.#afterTypeWords(at)
    if (statement.mark(at) === '(') {
      at++
      while (statement.kind(at) === 'number' && statement.mark(at + 1) === ',') at += 2
      if (statement.kind(at) !== 'number' || statement.mark(at + 1) !== ')') return undefined
      at = this.#afterTypeWords(at + 2)
    }
    while (statement.mark(at) === '[') {
      if (statement.kind(at + 1) === 'number') at++
      if (statement.mark(at + 1) !== ']') return undefined
      at += 2
    }
    return at
  }

  #afterTypeWords(from: number): number {
    let at = from
    while (typeWords.has(this.#statement.word(at))) at++
    return at
  }
}
