import { arrayElements } from './array-literal.ts'
import { isArrayCast, isTyped } from './find-casts.ts'
import { eachSetting } from './find-settings.ts'
import { tokenize } from './lexer.ts'
import type { Renamer, RenameRules } from './rename.ts'
import { nameOf, type StatementText } from './statement-text.ts'

/**
 * Looks through the string constants of a statement that nobody knew to be names, and reports those that read like one:
 * bodies of routines, and constants that are the name. Texts that no server reads as SQL are left out: comments, labels,
 * options of foreign objects, labels of enums, values of types that take no names and of the server's own settings, bounds
 * of partitions, planner statistics.
 */
export function findMentions(found: Renamer): void {
  const { statement } = found
  if (holdsOnlyText(statement)) return
  const skipped = optionStrings(statement)
  for (const at of serverSettings(found)) skipped.add(at)
  const bodies = bodyStrings(statement)
  for (let at = 0; at < statement.length; at++) {
    if (!statement.isString(at) || found.isSettled(at) || skipped.has(at) || isTyped(found, at)) continue
    const value = found.literalAt(at)?.value
    if (value === undefined) continue
    const isBody = bodies.has(at)
    const names = isBody
      ? namesInBody(value, languageOf(statement), found.rules)
      : namesOf(isArrayCast(statement, at) ? elementsOf(value, found.rules) : [value], found.rules)
    for (const name of names) found.leave(at, name, isBody ? 'function-body' : 'string')
  }
}

function holdsOnlyText(statement: StatementText): boolean {
  const { afterCreate } = statement
  return (
    statement.has(0, 'comment|security') ||
    statement.has(1, 'server|subscription') ||
    statement.has(1, 'user', 'mapping') ||
    statement.has(1, 'foreign', 'data', 'wrapper') ||
    (afterCreate > 0 && statement.has(afterCreate, 'type') && statement.find('enum') !== -1) ||
    statement.has(statement.find('attach'), 'attach', 'partition') ||
    isStatisticsCall(statement)
  )
}

/** `SELECT * FROM pg_catalog.pg_restore_…_stats(…)` */
export function isStatisticsCall(statement: StatementText): boolean {
  return statement.word(0) === 'select' && /^pg_restore_\w+_stats$/.test(statement.name(5) ?? '')
}

/** Places of strings within `OPTIONS (…)`: what they say is for another server. */
function optionStrings(statement: StatementText): Set<number> {
  const places = new Set<number>()
  for (let at = 0; at < statement.length; at++) {
    if (statement.word(at) !== 'options' || statement.mark(at + 1) !== '(') continue
    const depth = statement.depth(at)
    for (at += 2; at < statement.length && statement.depth(at) > depth; at++) {
      if (statement.isString(at)) places.add(at)
    }
  }
  return places
}

/** Values of the server's own parameters, of which is known which of them names what: those of others have a dot. */
function serverSettings(found: Renamer): readonly number[] {
  const places: number[] = []
  eachSetting(found, (parameter, at) => {
    if (!parameter.includes('.')) places.push(at)
  })
  return places
}

/** Places of the strings after AS in CREATE FUNCTION and CREATE PROCEDURE. */
function bodyStrings(statement: StatementText): ReadonlySet<number> {
  const places = new Set<number>()
  if (!statement.definesRoutine) return places
  for (let at = statement.find('as'); at !== -1; at = statement.find('as', at + 1)) {
    for (let string = at + 1; statement.isString(string); string += 2) {
      places.add(string)
      if (statement.mark(string + 1) !== ',') break
    }
  }
  return places
}

function languageOf(statement: StatementText): string {
  const language = statement.find('language')
  return language === -1 ? 'sql' : (statement.name(language + 1) ?? 'sql')
}

const none: ReadonlySet<string> = new Set()

function namesInBody(body: string, language: string, rules: RenameRules): ReadonlySet<string> {
  // of routines in C and of the server itself it is the name of a file or of a symbol
  if (language === 'c' || language === 'internal') return none
  return language === 'sql' || language === 'plpgsql' ? namesIn(body, rules) : wordsIn(body, rules)
}

const wordOrQuoted = /[A-Za-z_\u0080-\u00ff][\w$\u0080-\u00ff]*|"[^"\n]*"|'[^'\n]*'/g

/** Names that stand anywhere in a text of another language, whose strings and comments nobody knows. */
function wordsIn(text: string, rules: RenameRules): ReadonlySet<string> {
  const names = new Set<string>()
  const pattern = new RegExp(wordOrQuoted)
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [word] = match
    const quoted = word.startsWith('"') || word.startsWith("'")
    const candidates = quoted ? [word.slice(1, -1)] : [word, word.toLowerCase()]
    for (const name of candidates) if (rules.isWanted(name)) names.add(name)
    // there may be words within what was quoted
    if (quoted) pattern.lastIndex = match.index + 1
  }
  return names
}

function elementsOf(array: string, { lexer }: RenameRules): readonly string[] {
  return arrayElements(array, lexer.encoding ?? 'UTF8').map(({ value }) => value)
}

/** Names that constants are, or begin a qualified name with. */
function namesOf(values: readonly string[], rules: RenameRules): ReadonlySet<string> {
  const names = new Set<string>()
  for (const value of values) addNamesOf(value, rules, names)
  return names
}

function addNamesOf(value: string, rules: RenameRules, names: Set<string>): void {
  if (rules.isWanted(value)) names.add(value)
  const tokens = [...tokenize(value, rules.lexer)]
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== 'word' && token.kind !== 'name') continue
    const name = nameOf(value, token, rules.quote)
    const after = tokens[index + 1]
    const isQualifier = rules.qualifies === true && after !== undefined && value.charAt(after.start) === '.'
    if (name !== undefined && (isQualifier || tokens.length === 1) && rules.isWanted(name)) names.add(name)
  }
}

/** Strings within strings are looked into so many times: no code that anybody wrote goes deeper. */
const MAX_NESTING = 8

/** Names that stand anywhere in a text but its comments, in strings within it too. */
function namesIn(text: string, rules: RenameRules, nesting = 0): ReadonlySet<string> {
  const names = new Set<string>()
  for (const token of tokenize(text, rules.lexer)) {
    if (token.kind === 'word' || token.kind === 'name') {
      const name = nameOf(text, token, rules.quote)
      if (name !== undefined && rules.isWanted(name)) names.add(name)
    } else if (token.kind === 'string') {
      const inner = innerOf(text.slice(token.start, token.end))
      // the whole as a name with odd characters, and its words
      if (rules.isWanted(inner)) names.add(inner)
      if (nesting < MAX_NESTING) for (const name of namesIn(inner, rules, nesting + 1)) names.add(name)
    }
  }
  return names
}

/** A constant without its quotes, as far as it has both. */
function innerOf(source: string): string {
  const dollar = /^\$[^$]*\$/.exec(source)?.[0]
  if (dollar !== undefined) return source.slice(dollar.length, source.endsWith(dollar) ? -dollar.length : undefined)
  const open = source.indexOf("'") + 1
  return source.slice(open, source.endsWith("'") && source.length > open ? -1 : undefined).replaceAll("''", "'")
}
