import { ArchiveError } from '../errors.ts'
import { wildcardTest } from './wildcards.ts'

/** A psql-style pattern, ready to compare names with. */
export interface NamePattern {
  /** The pattern as given. */
  readonly source: string
  /** Whether the pattern covers a name; without a schema in the pattern any namespace will do. */
  matches(namespace: string | null, name: string): boolean
}

/** What a pattern is about: relations and the like, schemas (no dots), functions (`name(arguments)`). */
export type PatternKind = 'name' | 'schema' | 'function'

/**
 * Compiles a pattern as pg_dump's `-t` takes it (patternToSQLRegex, fe_utils/string_utils.c): `*` any characters, `?`
 * any character, `.` between schema and name, double quotes around what is meant literally, letters outside of quotes
 * lower-cased, `$` and `[]` literal, everything else a PostgreSQL regular expression, matched against the whole name.
 *
 * Unlike in psql, a pattern without schema looks in every schema: an archive has no search path. In a pattern for
 * functions regular expressions are off, and from the first `(` on the text is compared with the argument types as the
 * list shows them, `*` and `?` being wildcards; without `(` any arguments will do.
 *
 * @throws ArchiveError USAGE for a pattern with a database, too many dots, or no valid regular expression
 */
export function compilePattern(pattern: string, kind: PatternKind = 'name'): NamePattern {
  const parts = splitPattern(pattern, kind)
  if (parts.length > (kind === 'schema' ? 1 : 2)) throw tooManyParts(pattern, kind)
  const name = parts.at(-1) ?? ''
  const schema = parts.length === 2 ? parts[0] : undefined
  const nameTest = compileRegex(name, pattern)
  const schemaTest = schema === undefined ? anything : compileRegex(schema, pattern)
  return {
    source: pattern,
    matches: (namespace, value) =>
      (schema === undefined || (namespace !== null && schemaTest(namespace))) && nameTest(value),
  }
}

function tooManyParts(pattern: string, kind: PatternKind): ArchiveError {
  const most = kind === 'schema' ? 'a schema name alone' : 'at most a schema and a name'
  return new ArchiveError(
    'USAGE',
    `Cannot read pattern ${JSON.stringify(pattern)}: it has too many parts, must be ${most}`,
    {
      hint: 'An archive holds one database: leave its name out, and put names that contain dots in double quotes',
      details: { pattern },
    },
  )
}

const specials = '|*+?()[]{}.^$\\'

/** The regular expressions (PostgreSQL's kind, without anchors) of a pattern's parts. */
function splitPattern(pattern: string, kind: PatternKind): string[] {
  const literal = kind === 'function'
  const parts: string[] = []
  let part = ''
  let quoted = false
  for (let at = 0; at < pattern.length; at++) {
    const unit = pattern.charAt(at)
    if (unit === '"') {
      if (quoted && pattern.charAt(at + 1) === '"') {
        part += '"'
        at++
      } else quoted = !quoted
    } else if (literal && !quoted && unit === '(') {
      return [...parts, part + argumentsRegex(pattern.slice(at))]
    } else if (!quoted && unit === '*') part += '.*'
    else if (!quoted && unit === '?') part += '.'
    else if (!quoted && unit === '.') {
      parts.push(part)
      part = ''
    } else if (unit === '$' || ((quoted || literal) && specials.includes(unit))) part += `\\${unit}`
    else if (!quoted && unit === '[' && pattern.charAt(at + 1) === ']') part += '\\['
    else part += quoted ? unit : lowerCase(unit)
  }
  return [...parts, literal ? `${part}\\(.*\\)` : part]
}

/** The arguments are shown with quoted type names: quotes stay, and only what is outside of them is lower-cased. */
function argumentsRegex(text: string): string {
  let regex = ''
  let quoted = false
  for (const unit of text) {
    if (unit === '"') quoted = !quoted
    if (!quoted && unit === '*') regex += '.*'
    else if (!quoted && unit === '?') regex += '.'
    else if (specials.includes(unit)) regex += `\\${unit}`
    else regex += quoted ? unit : lowerCase(unit)
  }
  return regex
}

function lowerCase(unit: string): string {
  return unit >= 'A' && unit <= 'Z' ? unit.toLowerCase() : unit
}

function anything(): boolean {
  return true
}

function compileRegex(regex: string, pattern: string): (value: string) => boolean {
  if (regex === '.*') return anything
  if (/^[\w ]*$/.test(regex)) return (value) => value === regex
  const wildcards = wildcardTest(regex)
  if (wildcards !== undefined) return wildcards
  try {
    const compiled = new RegExp(`^(${translateRegex(regex)})$`, 'su')
    return (value) => compiled.test(value)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ArchiveError('USAGE', `Cannot read pattern ${JSON.stringify(pattern)}: ${why}`, {
      hint: 'Put characters that are meant literally in double quotes',
      details: { pattern },
      cause,
    })
  }
}

const wordCharacter = String.raw`[\p{L}\p{N}_]`

/** Character escapes of PostgreSQL's regular expressions that JavaScript writes in another way. */
const escapes: Readonly<Record<string, string>> = {
  a: String.raw`\x07`,
  b: String.raw`\x08`,
  e: String.raw`\x1b`,
}

/** Escapes that stand for a place; upper-case ones cannot be written, a pattern's letters being lower-cased. */
const places: Readonly<Record<string, string>> = {
  m: `(?<!${wordCharacter})(?=${wordCharacter})`,
  y: `(?:(?<!${wordCharacter})(?=${wordCharacter})|(?<=${wordCharacter})(?!${wordCharacter}))`,
}

/** Members of the named classes (`[:alpha:]`), to stand within brackets. */
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

/** A regular expression of PostgreSQL (regex/regc_lex.c) as a source for a RegExp with the flags `su`. */
function translateRegex(regex: string): string {
  let result = ''
  let at = 0
  while (at < regex.length) {
    const unit = regex.charAt(at)
    if (unit === '\\') {
      const [text, next] = translateEscape(regex, at + 1, false)
      result += text
      at = next
    } else if (unit === '[') {
      const [text, next] = translateBrackets(regex, at + 1)
      result += text
      at = next
    } else {
      const literal = unit === ']' || unit === '}' || (unit === '{' && !/^\d+(,\d*)?\}/.test(regex.slice(at + 1)))
      const bound = unit === '{' && !literal ? regex.slice(at, regex.indexOf('}', at) + 1) : unit
      result += literal ? `\\${unit}` : bound
      at += bound.length
    }
  }
  return result
}

/** What follows a backslash at `at - 1`, and where it ends. */
function translateEscape(regex: string, at: number, inBrackets: boolean): [string, number] {
  const unit = regex.charAt(at)
  if (unit === '') throw new SyntaxError('it ends with a backslash')
  const members = bracketClasses[shorthands[unit] ?? '']
  if (members !== undefined) return [inBrackets ? members : `[${members}]`, at + 1]
  const code = /^(?:x([\da-f]{1,255})|u([\da-f]{4}))/.exec(regex.slice(at))
  if (code !== null) {
    const value = Number.parseInt(code[1] ?? code[2] ?? '', 16)
    return [`\\u{${value.toString(16)}}`, at + code[0].length]
  }
  const escape = escapes[unit] ?? (inBrackets ? undefined : places[unit])
  if (escape !== undefined) return [escape, at + 1]
  // control characters, and back references, which count the group around the whole in both
  if (/[fnrtv\d]/.test(unit)) return [`\\${unit}`, at + 1]
  if (/[a-z]/.test(unit)) throw new SyntaxError(`\\${unit} is not an escape`)
  return [inBrackets ? escapeMember(unit) : escapeLiteral(unit), at + 1]
}

function translateBrackets(regex: string, start: number): [string, number] {
  let at = start
  let result = '['
  if (regex.charAt(at) === '^') {
    result += '^'
    at++
  }
  for (let first = true; first || regex.charAt(at) !== ']'; first = false) {
    const unit = regex.charAt(at)
    if (unit === '') throw new SyntaxError('a bracket is not closed')
    const named = /^\[([:.=])(.+?)\1\]/.exec(regex.slice(at))
    if (named !== null) {
      result += bracketItem(named[1] ?? '', named[2] ?? '')
      at += named[0].length
    } else if (unit === '\\') {
      const [text, next] = translateEscape(regex, at + 1, true)
      result += text
      at = next
    } else {
      result += unit === '-' ? '-' : escapeMember(unit)
      at++
    }
  }
  return [`${result}]`, at + 1]
}

function bracketItem(mark: string, name: string): string {
  if (mark !== ':') return escapeMember(name)
  const members = bracketClasses[name]
  if (members === undefined) throw new SyntaxError(`[:${name}:] is not a character class`)
  return members
}

function escapeLiteral(text: string): string {
  return text.replaceAll(/[\^$\\.*+?()[\]{}|/]/g, String.raw`\$&`)
}

function escapeMember(text: string): string {
  return text.replaceAll(/[\^\\[\]-]/g, String.raw`\$&`)
}
