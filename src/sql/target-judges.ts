import type { Token } from './lexer.ts'

/** A statement as the rules see it. */
export interface StatementWords {
  /** The definition it stands in, a byte string. */
  readonly text: string
  readonly tokens: readonly Token[]
  /**
   * One for each token: a word in lower case, a symbol or operator as it is, `"` for a quoted name, `'` for a string,
   * `0` for a number. So what is quoted never looks like a key word.
   */
  readonly words: readonly string[]
}

/** Replaces the text [start, end) of the definition. */
export interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What a rule makes of a statement that the target would not take. */
export type Verdict =
  /** Something else that means the same on the target. `note`: what is lost all the same, if anything. */
  | { readonly edits: readonly Edit[]; readonly note?: string }
  /** The whole statement goes. `note`: what is lost with it, if anything. */
  | { readonly drop: true; readonly note?: string }
  /** Left as it is; the target refuses it. */
  | { readonly refuses: true }

/** Undefined when the statement does not use the feature that the judge knows. */
export type Judge = (statement: StatementWords) => Verdict | undefined

/** Index of the first place where `sequence` stands in the words, from `from` on; `*` stands for any one word. */
function findWords(words: readonly string[], sequence: readonly string[], from = 0): number {
  const last = words.length - sequence.length
  for (let at = from; at <= last; at++) {
    if (sequence.every((word, index) => word === '*' || words[at + index] === word)) return at
  }
  return -1
}

const refused: Verdict = { refuses: true }

/** Refuses statements in which the words stand anywhere, in this order and next to each other. */
export function uses(...phrases: readonly string[]): Judge {
  const sequences = phrases.map((phrase) => phrase.split(' '))
  return ({ words }) => (sequences.some((sequence) => findWords(words, sequence) !== -1) ? refused : undefined)
}

/** Refuses statements that begin with the words. */
export function begins(...phrases: readonly string[]): Judge {
  const sequences = phrases.map((phrase) => phrase.split(' '))
  return ({ words }) =>
    sequences.some((sequence) => sequence.every((word, index) => words[index] === word)) ? refused : undefined
}

/** Refuses statements with one of the settings, as `name =` anywhere. */
export function sets(...names: readonly string[]): Judge {
  const known = new Set(names)
  return ({ words }) => (words.some((word, index) => known.has(word) && words[index + 1] === '=') ? refused : undefined)
}

/** Refuses statements that use a built-in type or function: a word that no other schema stands in front of. */
export function builtIns(...list: readonly string[]): Judge {
  const known = new Set(list)
  return ({ words }) => {
    const found = words.some(
      (word, index) => known.has(word) && (words[index - 1] !== '.' || words[index - 2] === 'pg_catalog'),
    )
    return found ? refused : undefined
  }
}

/** Refuses statements that call one of the built-in functions. */
export function calls(...list: readonly string[]): Judge {
  const known = new Set(list)
  return ({ words }) => {
    const called = words.some((word, index) => known.has(word) && words[index + 1] === '(' && words[index - 1] !== '.')
    return called ? refused : undefined
  }
}

const blank = /[ \t\n]/

/** Removes tokens [from, to], with the blanks before them, or those behind when the last of them is a comma. */
function removal({ text, tokens, words }: StatementWords, from: number, to: number): Edit {
  let start = tokens[from]?.start ?? 0
  let end = tokens[to]?.end ?? start
  if (words[to] === ',') while (blank.test(text.charAt(end))) end++
  else while (blank.test(text.charAt(start - 1))) start--
  return { start, end, text: '' }
}

/** `name = value` with the comma that goes with it; undefined when it is not there. */
function settingRemoval(statement: StatementWords, name: string): { value: string; edit: Edit } | undefined {
  const { words, tokens, text } = statement
  const at = findWords(words, [name, '='])
  if (at === -1) return undefined
  let to = at + 2
  while (to + 1 < words.length && words[to + 1] !== ',' && words[to + 1] !== ')') to++
  const value = text.slice(tokens[at + 2]?.start, tokens[to]?.end)
  const after = words[to + 1] === ','
  const before = !after && words[at - 1] === ','
  return { value, edit: removal(statement, before ? at - 1 : at, after ? to + 1 : to) }
}

function replacement({ tokens }: StatementWords, at: number, text: string): Edit {
  return { start: tokens[at]?.start ?? 0, end: tokens[at]?.end ?? 0, text }
}

export const executeProcedure: Judge = (statement) => {
  const at = findWords(statement.words, ['execute', 'function'])
  return at === -1 ? undefined : { edits: [replacement(statement, at + 1, 'PROCEDURE')] }
}

export const columnCompression: Judge = ({ words }) => {
  const at = findWords(words, ['set', 'compression'])
  if (at === -1 || words[0] !== 'alter') return undefined
  return words[at + 2] === 'pglz' ? { drop: true } : { drop: true, note: 'the column is compressed with pglz' }
}

export const multirangeName: Judge = (statement) => {
  const setting = settingRemoval(statement, 'multirange_type_name')
  return setting && { edits: [setting.edit], note: `its multirange type ${setting.value} is not created` }
}

export const unloggedSequence: Judge = (statement) => {
  const { words } = statement
  if (words[0] === 'create' && words[1] === 'unlogged' && words[2] === 'sequence') {
    return { edits: [removal(statement, 1, 1)], note: 'the sequence is logged' }
  }
  if (words[0] !== 'alter' || words[1] !== 'sequence' || words.at(-2) !== 'set') return undefined
  if (words.at(-1) === 'logged') return { drop: true }
  return words.at(-1) === 'unlogged' ? { drop: true, note: 'the sequence is logged' } : undefined
}

export const sequenceType: Judge = (statement) => {
  const at = findWords(statement.words, ['as', '*'])
  if (at === -1 || statement.words[0] !== 'create' || statement.words[1] !== 'sequence') return undefined
  const note = statement.words[at + 1] === 'bigint' ? {} : { note: 'the sequence may grow to the largest bigint' }
  return { edits: [removal(statement, at, at + 1)], ...note }
}

/** A setting whose one value is what servers did before they knew it. */
export function settingWithDefault(name: string, isDefault: (value: string) => boolean): Judge {
  return (statement) => {
    const setting = settingRemoval(statement, name)
    if (setting === undefined) return undefined
    return isDefault(setting.value) ? { edits: [setting.edit] } : refused
  }
}

/** 16 and 17 apply in parallel what 14 and 15 apply after it has been spooled. */
export const parallelStreaming: Judge = (statement) => {
  const at = findWords(statement.words, ['streaming', '=', 'parallel'])
  return at === -1
    ? undefined
    : { edits: [replacement(statement, at + 2, 'on')], note: 'streaming is on, not parallel' }
}

export const streaming: Judge = (statement) => {
  const setting = settingRemoval(statement, 'streaming')
  return setting && { edits: [setting.edit], note: 'transactions are sent when they have ended' }
}

/** A column of the name is no PERIOD: another name follows that. */
export const periodForeignKey: Judge = ({ words }) => {
  const at = findWords(words, [',', 'period', '*'])
  const next = words[at + 2]
  return at === -1 || next === ')' || next === ',' ? undefined : refused
}

export const localeProvider: Judge = (statement) => {
  const { words } = statement
  const at = findWords(words, ['locale_provider', '=', '*'])
  if (at === -1) return undefined
  return words[at + 2] === 'libc' ? { edits: [removal(statement, at, at + 2)] } : refused
}

export const databaseLocale: Judge = (statement) => {
  const at = findWords(statement.words, ['locale', '=', "'"])
  if (at === -1) return undefined
  const { text, tokens } = statement
  const value = text.slice(tokens[at + 2]?.start, tokens[at + 2]?.end)
  const start = tokens[at]?.start ?? 0
  return { edits: [{ start, end: tokens[at + 2]?.end ?? start, text: `LC_COLLATE = ${value} LC_CTYPE = ${value}` }] }
}

/** MAINTAIN within the privileges of GRANT and REVOKE. */
export const maintainPrivilege: Judge = (statement) => {
  const { words } = statement
  const verb = words.findIndex((word) => word === 'grant' || word === 'revoke')
  const on = words.indexOf('on', verb)
  const at = words.indexOf('maintain', verb)
  if (verb === -1 || at === -1 || at > on) return undefined
  const note = 'the privilege MAINTAIN is left out'
  if (at - 1 === verb && at + 1 === on) return { drop: true, note }
  if (words[at - 1] === ',') return { edits: [removal(statement, at - 1, at)], note }
  return words[at + 1] === ',' ? { edits: [removal(statement, at, at + 1)], note } : refused
}

/** A column is virtual when nothing says STORED after the parentheses. */
export const virtualColumn: Judge = ({ words }) => {
  for (let at = findWords(words, ['generated', 'always', 'as', '(']); at !== -1;) {
    let depth = 0
    let end = at + 3
    for (; end < words.length; end++) {
      if (words[end] === '(') depth++
      if (words[end] === ')' && --depth === 0) break
    }
    if (words[end + 1] !== 'stored') return refused
    at = findWords(words, ['generated', 'always', 'as', '('], end)
  }
  return undefined
}

/** Only a named constraint of a column has words in front of NOT NULL that older servers take, too. */
export const notNullConstraint: Judge = ({ words }) => {
  if (findWords(words, ['not', 'null', 'no', 'inherit']) !== -1) return refused
  const at = findWords(words, ['constraint', '*', 'not', 'null'])
  if (at === -1) return undefined
  // NOT NULL of a table names its column; that of a column is followed by a comma, a clause or the end
  const before = words[at - 1]
  return before === '(' || before === ',' || before === 'add' ? refused : undefined
}

export const sqlBody: Judge = ({ words }) => {
  const isRoutine = words[1] === 'function' || words[1] === 'procedure'
  if (words[0] !== 'create' || !isRoutine) return undefined
  return findWords(words, ['begin', 'atomic']) !== -1 || words.includes('return') ? refused : undefined
}

export const publicationRows: Judge = ({ words }) => {
  if (words[0] === 'create' && words[1] === 'publication') return undefined
  return words.includes('where') || words.includes('(') ? refused : undefined
}

/** Bounds of partitions that 10 does not know. */
export const newPartitionBound: Judge = ({ words }) =>
  words.at(-1) === 'default' || words.includes('modulus') ? refused : undefined

export const plannerStatistics: Judge = () => ({ drop: true, note: 'run ANALYZE afterwards' })
