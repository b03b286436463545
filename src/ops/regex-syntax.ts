/** Tests one character, given as a string of one code point. */
export type CharacterTest = (character: string) => boolean

/** A regular expression, taken apart. */
export type RegexNode =
  | { readonly kind: 'character'; readonly test: CharacterTest }
  | { readonly kind: 'sequence'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly parts: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly of: RegexNode; readonly min: number; readonly max: number }
  | { readonly kind: 'group'; readonly number: number; readonly of: RegexNode }
  /** What the group matched, once more. */
  | { readonly kind: 'again'; readonly group: number }
  | { readonly kind: 'place'; readonly place: Place }

/** A place between characters: the begin of the text, the begin of a word, an edge of a word. */
export type Place = 'text-start' | 'word-start' | 'word-edge'

/** Repetitions that can be written (DUPMAX, regex/regguts.h). */
const mostRepetitions = 255

const wordCharacter = /^[\p{L}\p{N}_]$/u

export function isWordCharacter(character: string | undefined): boolean {
  return character !== undefined && wordCharacter.test(character)
}

/** Character escapes. */
const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  e: '\u001b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Escapes that stand for a place; upper-case ones cannot be written, a pattern's letters being lower-cased. */
const places: Readonly<Record<string, Place>> = { m: 'word-start', y: 'word-edge' }

/** Members of the named classes (`[:alpha:]`), to stand within brackets of a RegExp. */
const bracketClasses: Readonly<Record<string, string>> = {
  alpha: String.raw`\p{L}`,
  alnum: String.raw`\p{L}\p{N}`,
  word: String.raw`\p{L}\p{N}_`,
  digit: String.raw`\p{Nd}`,
  upper: String.raw`\p{Lu}`,
  lower: String.raw`\p{Ll}`,
  space: String.raw`\s`,
  blank: String.raw` \t`,
  punct: String.raw`!-\/:-@\[-\x60{-~`,
  xdigit: '0-9A-Fa-f',
  cntrl: String.raw`\p{Cc}`,
  graph: String.raw`\p{L}\p{N}\p{P}\p{S}`,
  print: String.raw`\p{L}\p{N}\p{P}\p{S} `,
}

const shorthands: Readonly<Record<string, string>> = { w: 'word', d: 'digit', s: 'space' }

/**
 * Takes a regular expression of PostgreSQL apart (regex/regc_lex.c, regcomp.c: parse, parsebranch, parseqatom), as far
 * as one can be written in a pattern, where `?` and `$` stand for other things. As in psql a group is around the whole,
 * so that the first one in it is number 2.
 * @throws SyntaxError
 */
export function parseRegex(regex: string): { readonly node: RegexNode; readonly refersBack: boolean } {
  const parser = new RegexParser(regex)
  return { node: parser.parse(), refersBack: parser.refersBack }
}

class RegexParser {
  refersBack = false
  readonly #regex: string
  #at = 0
  #groups = 1
  readonly #closed = new Set<number>()

  constructor(regex: string) {
    this.#regex = regex
  }

  parse(): RegexNode {
    const node = this.#choice()
    if (this.#at < this.#regex.length) throw new SyntaxError('a parenthesis is closed that was not opened')
    return node
  }

  #choice(): RegexNode {
    const parts = [this.#sequence()]
    while (this.#take('|')) parts.push(this.#sequence())
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts }
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = []
    while (this.#at < this.#regex.length && !'|)'.includes(this.#regex.charAt(this.#at))) parts.push(this.#piece())
    return { kind: 'sequence', parts }
  }

  #piece(): RegexNode {
    const atom = this.#atom()
    const bounds = this.#bounds()
    if (bounds === undefined) return atom
    if (atom.kind === 'place') throw new SyntaxError('a place cannot be repeated')
    if (this.#bounds() !== undefined) throw new SyntaxError('nothing to repeat')
    return { kind: 'repeat', of: atom, ...bounds }
  }

  #atom(): RegexNode {
    const regex = this.#regex
    const unit = regex.charAt(this.#at)
    if ('*+?'.includes(unit) || this.#boundAt() !== undefined) throw new SyntaxError(`nothing to repeat with ${unit}`)
    const character = String.fromCodePoint(regex.codePointAt(this.#at) ?? 0)
    this.#at += character.length
    switch (unit) {
      case '(':
        return this.#group()
      case '[':
        return this.#brackets()
      case '\\':
        return this.#escape()
      case '^':
        return { kind: 'place', place: 'text-start' }
      case '.':
        return { kind: 'character', test: () => true }
      default:
        return literal(character)
    }
  }

  #group(): RegexNode {
    const number = ++this.#groups
    const of = this.#choice()
    if (!this.#take(')')) throw new SyntaxError(`a parenthesis is not closed in ${this.#regex}`)
    this.#closed.add(number)
    return { kind: 'group', number, of }
  }

  /** `*`, `+`, `?` or `{m,n}`. */
  #bounds(): { readonly min: number; readonly max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    const bound = this.#boundAt()
    if (bound === undefined) return undefined
    this.#at += bound[0].length
    const min = Number(bound[1])
    const max = bound[2] === undefined ? min : bound[3] === '' ? Infinity : Number(bound[3])
    if (min > mostRepetitions || (max !== Infinity && max > mostRepetitions) || min > max) {
      throw new SyntaxError(`${bound[0]} is no number of repetitions, must be 0 to ${mostRepetitions}`)
    }
    return { min, max }
  }

  /** A brace without a digit behind it is a character. */
  #boundAt(): RegExpExecArray | undefined {
    if (this.#regex.charAt(this.#at) !== '{' || !/\d/.test(this.#regex.charAt(this.#at + 1))) return undefined
    const bound = /^\{(\d+)(,(\d*))?\}/.exec(this.#regex.slice(this.#at, this.#at + 100))
    if (bound === null) throw new SyntaxError('a brace begins a number of repetitions, and is not closed')
    return bound
  }

  /** What follows a backslash. */
  #escape(): RegexNode {
    const back = /^[1-9]\d*/.exec(this.#regex.slice(this.#at))?.[0]
    if (back !== undefined && (back.length === 1 || this.#closed.has(Number(back)))) {
      this.#at += back.length
      if (!this.#closed.has(Number(back))) throw new SyntaxError(`there is no group ${back} before \\${back}`)
      this.refersBack = true
      return { kind: 'again', group: Number(back) }
    }
    const place = places[this.#regex.charAt(this.#at)]
    if (place !== undefined) {
      this.#at++
      return { kind: 'place', place }
    }
    const members = this.#classEscape()
    return members === undefined ? literal(this.#characterEscape()) : { kind: 'character', test: oneOf(members) }
  }

  #classEscape(): string | undefined {
    const members = bracketClasses[shorthands[this.#regex.charAt(this.#at)] ?? '']
    if (members !== undefined) this.#at++
    return members
  }

  #characterEscape(): string {
    const rest = this.#regex.slice(this.#at)
    if (rest === '') throw new SyntaxError('it ends with a backslash')
    const code = /^(?:x([\da-f]{1,255})|u([\da-f]{4}))/.exec(rest)
    const octal = code === null ? /^[0-7]{1,3}/.exec(rest)?.[0] : undefined
    if (code !== null || octal !== undefined) {
      this.#at += (code?.[0] ?? octal ?? '').length
      const value = octal === undefined ? Number.parseInt(code?.[1] ?? code?.[2] ?? '', 16) : Number.parseInt(octal, 8)
      if (value > 0x10ffff) throw new SyntaxError(`there is no character ${value.toString(16)}`)
      return String.fromCodePoint(value)
    }
    const character = String.fromCodePoint(rest.codePointAt(0) ?? 0)
    this.#at += character.length
    const escape = escapes[character]
    if (escape !== undefined) return escape
    if (/[a-z\d]/.test(character)) throw new SyntaxError(`\\${character} is not an escape`)
    return character
  }

  #brackets(): RegexNode {
    let members = this.#take('^') ? '^' : ''
    for (let first = true; first || this.#regex.charAt(this.#at) !== ']'; first = false) {
      const rest = this.#regex.slice(this.#at)
      if (rest === '') throw new SyntaxError('a bracket is not closed')
      const named = /^\[([:.=])(.+?)\1\]/u.exec(rest)
      if (named !== null) {
        members += bracketItem(named[1] ?? '', named[2] ?? '')
        this.#at += named[0].length
      } else if (this.#take('\\')) {
        members += this.#classEscape() ?? escapeMember(this.#characterEscape())
      } else {
        const character = String.fromCodePoint(rest.codePointAt(0) ?? 0)
        members += character === '-' ? '-' : escapeMember(character)
        this.#at += character.length
      }
    }
    this.#at++
    return { kind: 'character', test: oneOf(members) }
  }

  #take(unit: string): boolean {
    if (this.#regex.charAt(this.#at) !== unit) return false
    this.#at++
    return true
  }
}

function literal(character: string): RegexNode {
  return { kind: 'character', test: (other) => other === character }
}

/** @throws SyntaxError for ranges that are none */
function oneOf(members: string): CharacterTest {
  const compiled = new RegExp(`^[${members}]$`, 'su')
  return (character) => compiled.test(character)
}

function bracketItem(mark: string, name: string): string {
  if (mark !== ':') return escapeMember(name)
  const members = bracketClasses[name]
  if (members === undefined) throw new SyntaxError(`[:${name}:] is not a character class`)
  return members
}

function escapeMember(text: string): string {
  return text.replaceAll(/[\^\\[\]-]/g, String.raw`\$&`)
}
