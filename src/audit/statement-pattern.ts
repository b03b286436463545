import { holdsConstants } from './constants.ts'
import { isSpelled } from './spelled.ts'
import type { DefinitionStatement } from './types.ts'

/** What a pattern looks at. */
export type MatchedStatement = Pick<
  DefinitionStatement,
  'text' | 'tokens' | 'length' | 'word' | 'mark' | 'kind' | 'name' | 'isName' | 'isString' | 'literal'
>

/** Names that a statement was found to have where its pattern has `@` and `&`. */
export interface OwnNames {
  /** Of the `@`. */
  schema?: string | undefined
  object?: string | undefined
  /** The same as written, with its quotes. */
  written?: string | undefined
  /** Of the `&`. */
  part?: string | undefined
}

/**
 * What a statement may look like, in words:
 *
 * | in a pattern | stands for |
 * | --- | --- |
 * | `WORD`, `a.b` | these words, in any case |
 * | `A\|B` | one of these words |
 * | `@` | the name of the entry's own object, with a schema or without |
 * | `&` | a second name of its own: a constraint, a trigger |
 * | `#` | any name, with a schema or without |
 * | `'` | a string |
 * | `'word'` | the string of this word |
 * | `'@'` | a string that holds the name of the entry's own object, as SQL writes it |
 * | `0` | a number |
 * | `(`, `)` | these marks |
 * | `()` | a pair of parentheses with anything in it |
 * | `(')` | one with constants only: no function is called, nothing is asked |
 * | `*` | anything, up to the next word of the pattern outside of parentheses |
 * | `~` | the same without a comma: one expression, one action |
 * | `[…]` | perhaps |
 * | `{…}` | as often as it is there |
 * | `<…;…>` | one of these |
 */
export interface StatementPattern {
  readonly source: string
  /** The names in the statement, or undefined where it looks otherwise. */
  match(statement: MatchedStatement): OwnNames | undefined
}

type Next = (at: number) => boolean

interface Run {
  readonly statement: MatchedStatement
  readonly names: OwnNames
}

/** Matches at a place, and asks what follows whether the place after it will do. */
type Node = (run: Run, at: number, next: Next) => boolean

/** Reads a pattern: those of the table are read once. */
export function statementPattern(source: string): StatementPattern {
  const parts = source.match(/\(\)|\('\)|'(?:\w+|@)'|[[\]{}<>;@&#'*~=,.0()]|::|[\w|]+/g) ?? []
  const reader = new PatternReader(parts)
  const first = reader.sequence([])
  return {
    source,
    match(statement) {
      const run: Run = { statement, names: {} }
      return first(run, 0, (at) => at === statement.length) ? run.names : undefined
    },
  }
}

/** The place after all repetitions. None is given back, and no call lies within another: a list may be of any length. */
function afterAll(inner: Node, run: Run, from: number): number {
  let at = from
  for (;;) {
    let end = at
    inner(run, at, (after) => {
      end = after
      return true
    })
    if (end === at) return at
    at = end
  }
}

class PatternReader {
  readonly #parts: readonly string[]
  #at = 0

  constructor(parts: readonly string[]) {
    this.#parts = parts
  }

  /** Up to one of these marks, which is left. */
  sequence(until: readonly string[]): Node {
    const nodes: Node[] = []
    for (;;) {
      const part = this.#parts[this.#at]
      if (part === undefined || until.includes(part)) break
      this.#at++
      nodes.push(this.#node(part))
    }
    return nodes.reduceRight<Node>(
      (rest, node) => (run, at, next) => node(run, at, (after) => rest(run, after, next)),
      (_run, at, next) => next(at),
    )
  }

  #node(part: string): Node {
    switch (part) {
      case '[': {
        const inner = this.#inner(']')
        return (run, at, next) => inner(run, at, next) || next(at)
      }
      case '{': {
        const inner = this.#inner('}')
        return (run, at, next) => next(afterAll(inner, run, at))
      }
      case '<': {
        const choices: Node[] = []
        do choices.push(this.sequence([';', '>']))
        while (this.#parts[this.#at++] === ';')
        return (run, at, next) => choices.some((choice) => choice(run, at, next))
      }
      case '@':
        return own
      case '&':
        return ownPart
      case '#':
        return name
      case "'":
        return ({ statement }, at, next) => statement.isString(at) && next(at + 1)
      case "'@'":
        return ownInString
      case '0':
        return number
      case '()':
        return group
      case "(')":
        return ({ statement }, at, next) => {
          const end = afterGroup(statement, at)
          return holdsConstants(statement, at, end) && next(end)
        }
      case '*':
        return this.#anything(false)
      case '~':
        return this.#anything(true)
      case '=':
      case '::':
      case ',':
      case '.':
      case '(':
      case ')':
        return ({ statement }, at, next) => statement.mark(at) === part && next(at + 1)
      default:
        return part.startsWith("'") ? string(part.slice(1, -1)) : words(part)
    }
  }

  #inner(end: string): Node {
    const inner = this.sequence([end])
    this.#at++
    return inner
  }

  /**
   * To the first place of the words that follow in the pattern, or to the last where nothing else follows: never tried
   * again, so that it takes time linear in the length of the statement.
   */
  #anything(single: boolean): Node {
    const following: ReadonlySet<string>[] = []
    for (let part = this.#parts[this.#at]; part !== undefined && /^[A-Za-z_|]+$/.test(part);) {
      following.push(choicesOf(part))
      part = this.#parts[this.#at + following.length]
    }
    const closes = this.#at + following.length === this.#parts.length
    return ({ statement }, at, next) => {
      const end = closes ? statement.length - following.length : statement.length
      for (let place = at; place < end; place = afterGroup(statement, place)) {
        if (single && statement.mark(place) === ',') return false
        if (!closes && following.length > 0 && follow(statement, place, following)) return next(place)
      }
      return (closes || following.length === 0) && end >= at && next(end)
    }
  }
}

const own: Node = (run, at, next) => qualified(run, at, next, true)
const name: Node = (run, at, next) => qualified(run, at, next, false)

function qualified({ statement, names }: Run, at: number, next: Next, owned: boolean): boolean {
  if (!statement.isName(at)) return false
  let end = at
  while (statement.mark(end + 1) === '.' && statement.isName(end + 2)) end += 2
  if (owned) {
    names.object = statement.name(end)
    const token = statement.tokens[end]
    names.written = token === undefined ? undefined : statement.text.slice(token.start, token.end)
    names.schema = end >= at + 2 ? statement.name(end - 2) : undefined
  }
  return next(end + 1)
}

const ownPart: Node = ({ statement, names }, at, next) => {
  if (!statement.isName(at)) return false
  names.part = statement.name(at)
  return next(at + 1)
}

/** `schema.name` or `name`, the way pg_dump quotes it. */
const writtenName = /^(?:([a-z_][a-z0-9_]*|"(?:[^"]|"")+")\.)?([a-z_][a-z0-9_]*|"(?:[^"]|"")+")$/

const ownInString: Node = ({ statement, names }, at, next) => {
  const token = statement.tokens[at]
  const [, schema, object] = writtenName.exec(statement.literal(at) ?? '') ?? []
  if (object === undefined || token === undefined || isSpelled(statement.text, token, {})) return false
  names.schema = schema === undefined ? undefined : withoutQuotes(schema)
  names.object = withoutQuotes(object)
  names.written = object
  return next(at + 1)
}

function withoutQuotes(written: string): string {
  return written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written
}

const number: Node = ({ statement }, at, next) => {
  const start = /^[+-]$/.test(statement.mark(at)) ? at + 1 : at
  return statement.kind(start) === 'number' && next(start + 1)
}

const group: Node = ({ statement }, at, next) => statement.mark(at) === '(' && next(afterGroup(statement, at))

function words(part: string): Node {
  if (part.includes('|')) {
    const wanted = choicesOf(part)
    return ({ statement }, at, next) => wanted.has(statement.word(at)) && next(at + 1)
  }
  // most differ in length, which is seen sooner than a word is looked up (bench case audit)
  const wanted = part.toLowerCase()
  return ({ statement }, at, next) => statement.word(at) === wanted && next(at + 1)
}

/** `A|B`, in lower case as words are asked for. */
function choicesOf(part: string): ReadonlySet<string> {
  return new Set(part.toLowerCase().split('|'))
}

function follow(statement: MatchedStatement, at: number, wanted: readonly ReadonlySet<string>[]): boolean {
  for (let index = 0; index < wanted.length; index++) {
    if (wanted[index]?.has(statement.word(at + index)) !== true) return false
  }
  return true
}

function string(value: string): Node {
  return ({ statement }, at, next) => statement.literal(at) === value && next(at + 1)
}

/** The place after a token, or after a whole pair of parentheses or brackets. */
function afterGroup(statement: MatchedStatement, at: number): number {
  const first = statement.mark(at)
  if (first !== '(' && first !== '[') return at + 1
  let open = 0
  for (let place = at; place < statement.length; place++) {
    const mark = statement.mark(place)
    if (mark === '(' || mark === '[') open++
    else if ((mark === ')' || mark === ']') && --open === 0) return place + 1
  }
  return statement.length
}
