import { ArchiveError } from '../errors.ts'
import { compileRegex } from './regex.ts'
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
  const nameTest = testOf(name, pattern)
  const schemaTest = schema === undefined ? anything : testOf(schema, pattern)
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

function testOf(regex: string, pattern: string): (value: string) => boolean {
  if (regex === '.*') return anything
  if (/^[\w ]*$/.test(regex)) return (value) => value === regex
  const wildcards = wildcardTest(regex)
  if (wildcards !== undefined) return wildcards
  try {
    return compileRegex(regex)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ArchiveError('USAGE', `Cannot read pattern ${JSON.stringify(pattern)}: ${why}`, {
      hint: 'Put characters that are meant literally in double quotes',
      details: { pattern },
      cause,
    })
  }
}
