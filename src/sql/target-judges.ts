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
export function findWords(words: readonly string[], sequence: readonly string[], from = 0): number {
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

/** The name at a place, in quotes or not: pg_dump may have been told to quote them all. */
function nameAt({ text, tokens, words }: StatementWords, at: number): string | undefined {
  return words[at] === '"' ? text.slice((tokens[at]?.start ?? 0) + 1, (tokens[at]?.end ?? 0) - 1) : words[at]
}

/** Whether a name from the list stands where `fits` says. */
function names(list: readonly string[], fits: (words: readonly string[], at: number) => boolean): Judge {
  const known = new Set(list)
  return (statement) => {
    const { words } = statement
    const found = words.some((_, at) => known.has(nameAt(statement, at) ?? '') && fits(words, at))
    return found ? refused : undefined
  }
}

/** Refuses statements with one of the settings, as `name =` anywhere. */
export function sets(...list: readonly string[]): Judge {
  return names(list, (words, at) => words[at + 1] === '=')
}

/** Refuses statements that use a built-in type: a name that no other schema stands in front of. */
export function builtIns(...list: readonly string[]): Judge {
  return names(list, (words, at) => {
    const before = words[at - 1]
    if (before === '.') return words[at - 2] === 'pg_catalog'
    // in quotes it is rather the name of a column where that may begin
    return words[at] !== '"' || (before !== '(' && before !== ',')
  })
}

/** Refuses statements that call one of the built-in functions. */
export function calls(...list: readonly string[]): Judge {
  return names(list, (words, at) => words[at + 1] === '(' && words[at - 1] !== '.')
}

/** Refuses statements with one of the constructs of SQL, which servers print in capitals: a function may have its name. */
export function constructs(...list: readonly string[]): Judge {
  const known = new Set(list)
  return ({ text, tokens, words }) => {
    const found = tokens.some(
      ({ start, end }, index) =>
        words[index + 1] === '(' && known.has(text.slice(start, end)) && words[index - 1] !== '.',
    )
    return found ? refused : undefined
  }
}

const blank = /[ \t\n]/

/** Removes tokens [from, to], with the blanks before them, or those behind when the last of them is a comma. */
export function removal({ text, tokens, words }: StatementWords, from: number, to: number): Edit {
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

export function replacement({ tokens }: StatementWords, at: number, text: string): Edit {
  return { start: tokens[at]?.start ?? 0, end: tokens[at]?.end ?? 0, text }
}

/** Says PROCEDURE for the word FUNCTION of a sequence. */
export function procedureIn(...sequence: readonly string[]): Judge {
  return (statement) => {
    const at = findWords(statement.words, sequence)
    return at === -1 ? undefined : { edits: [replacement(statement, at + sequence.indexOf('function'), 'PROCEDURE')] }
  }
}

export const indexStatistics: Judge = ({ words }) =>
  words[0] === 'alter' && findWords(words, ['column', '0', 'set', 'statistics']) !== -1
    ? { drop: true, note: 'the index goes by the statistics target of the database' }
    : undefined

export const statisticsTarget: Judge = ({ words }) =>
  words[0] === 'alter' && words.at(-3) === 'set' && words.at(-2) === 'statistics'
    ? { drop: true, note: 'it goes by the statistics target of its columns' }
    : undefined

export const publishedTruncations: Judge = (statement) => {
  const { words, tokens, text } = statement
  const at = findWords(words, ['publish', '=', "'"]) + 2
  const value = text.slice(tokens[at]?.start, tokens[at]?.end)
  if (at === 1 || !value.includes('truncate')) return undefined
  if (value === "'truncate'") return refused
  const kept = value.replace(/, truncate|truncate, /, '')
  return { edits: [replacement(statement, at, kept)], note: 'truncations are not published' }
}

export const classParameters: Judge = ({ words }) =>
  words.some((word, at) => {
    const before = words[at - 1] ?? ''
    return word === '(' && words[at + 2] === '=' && words[at + 3] === "'" && before !== 'with' && /^["\w]/.test(before)
  })
    ? refused
    : undefined

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

/** Names that servers give to constraints NOT NULL by themselves, and that children take over from their parents. */
const givenByServer = /_not_null\d*"?$/

/**
 * A column's constraint NOT NULL may have a name everywhere, which older servers forget. A constraint of the table names a
 * column that comes from a parent: before, pg_dump set that apart from CREATE TABLE (dumpTableSchema, pg_dump.c).
 */
export const notNullConstraint: Judge = (statement) => {
  const { words, tokens, text } = statement
  const source = (at: number): string => text.slice(tokens[at]?.start, tokens[at]?.end)
  const columns: string[] = []
  /** What goes: runs of elements that follow each other. */
  const runs: { readonly from: number; to: number }[] = []
  let found = false
  let named = false
  for (let at = findWords(words, ['not', 'null']); at !== -1; at = findWords(words, ['not', 'null'], at + 1)) {
    const hasName = words[at - 2] === 'constraint'
    const from = at - (hasName ? 2 : 0)
    const before = words[from - 1]
    const ofTable = before === '(' || before === ',' || before === 'add'
    const isLast = [',', ')', 'no', 'not', undefined].includes(words[at + 3])
    if (words[at + 2] === 'no') return refused
    if (ofTable && (hasName || isLast)) {
      if (words[0] !== 'create' || (words[at + 3] !== ',' && words[at + 3] !== ')')) return refused
      columns.push(source(at + 2))
      const run = runs.at(-1)
      if (run?.to === from - 2) run.to = at + 2
      else runs.push({ from, to: at + 2 })
    }
    found ||= hasName || runs.length > 0
    named ||= hasName && !givenByServer.test(source(at - 1))
  }
  if (!found) return undefined
  const edits = runs.map(({ from, to }) => elementRemoval(statement, from, to))
  const statements = columns.map((column) => setNotNull(statement, column))
  if (statements.length > 0) edits.push(addition(statement, statements))
  return named ? { edits, note: 'its constraints NOT NULL lose their names' } : { edits }
}

/** Removes elements of a list with the comma that is one too many then. */
function elementRemoval(statement: StatementWords, from: number, to: number): Edit {
  const { words } = statement
  if (words[to + 1] === ',') return removal(statement, from, to + 1)
  return removal(statement, words[from - 1] === ',' ? from - 1 : from, to)
}

function setNotNull({ words, tokens, text }: StatementWords, column: string): string {
  const name = words.indexOf('table') + 1
  const end = words[name + 1] === '.' ? name + 2 : name
  const table = text.slice(tokens[name]?.start, tokens[end]?.end)
  return `ALTER TABLE ONLY ${table} ALTER COLUMN ${column} SET NOT NULL`
}

/** Further statements behind this one. */
function addition({ tokens }: StatementWords, statements: readonly string[]): Edit {
  const end = tokens.at(-1)?.end ?? 0
  return { start: end, end, text: statements.map((statement) => `;\n\n${statement}`).join('') }
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

/** A number that the server keeps by itself: pg_dump from before it takes it for an option of the column. */
export const columnVersion: Judge = (statement) => {
  const setting = settingRemoval(statement, 'pg_attver')
  if (setting === undefined) return undefined
  return findWords(statement.words, ['(', 'pg_attver', '=', '0', ')']) === -1
    ? { edits: [setting.edit] }
    : { drop: true }
}

/** A built-in locale that came later than the provider. */
export const builtInLocale: Judge = (statement) => {
  const { words, text } = statement
  if (!words.includes('builtin')) return undefined
  const named = statement.tokens.some(({ start, end }) => text.slice(start, end) === "'PG_UNICODE_FAST'")
  return named ? refused : undefined
}

/** A scale that is negative or larger than the precision. */
export const numericScale: Judge = ({ words, tokens, text }) => {
  for (let at = findWords(words, ['numeric', '(', '0', ',']); at !== -1;) {
    const number = (index: number): number => Number(text.slice(tokens[index]?.start, tokens[index]?.end))
    if (words[at + 4] === '-' || number(at + 4) > number(at + 2)) return refused
    at = findWords(words, ['numeric', '(', '0', ','], at + 1)
  }
  return undefined
}

/** Parameters OUT of a procedure; INOUT is older. */
export const outParameter: Judge = ({ words }) =>
  words[0] === 'create' &&
  words[1] === 'procedure' &&
  words.some((word, at) => word === 'out' && /^[(,]$/.test(words[at - 1] ?? ''))
    ? refused
    : undefined

/** `CYCLE a, b SET c`; of a sequence CYCLE is followed by no SET. */
export const cycleClause: Judge = ({ words }) => {
  for (let at = words.indexOf('cycle'); at !== -1; at = words.indexOf('cycle', at + 1)) {
    let next = at + 2
    while (words[next] === ',') next += 2
    if (words[next] === 'set') return refused
  }
  return undefined
}

/** Operator classes of BRIN that summarize in another way than by one range. */
export const brinClasses: Judge = ({ words }) =>
  words.includes('brin') && words.some((word) => /_(?:minmax_multi|bloom)_ops$/.test(word)) ? refused : undefined

/** Names one of the roles, as grantee or in a policy. */
export function namesRole(roles: readonly string[]): Judge {
  const known = new Set(roles)
  const before = new Set(['to', 'from', 'role', ','])
  return ({ words }) => {
    const role = words.find((word, at) => known.has(word) && before.has(words[at - 1] ?? ''))
    if (role === undefined) return undefined
    return words[0] === 'create' ? refused : { drop: true, note: `its privileges for ${role} are left out` }
  }
}

/** Expressions are parentheses or calls, which stand between ON and FROM; those before are kinds. */
export const statisticsOnExpressions: Judge = ({ words }) => {
  const on = words.indexOf('on')
  return words[0] === 'create' && words.indexOf('(', on) !== -1 && words.indexOf('(', on) < words.indexOf('from', on)
    ? refused
    : undefined
}

/** Removes storage settings: the server then goes by its own. */
export function storageSettings(...list: readonly string[]): Judge {
  const known = new Set(list)
  return (statement) => {
    const { words } = statement
    const first = words.findIndex((word, at) => known.has(word) && words[at + 1] === '=')
    if (first === -1) return undefined
    const open = words.lastIndexOf('(', first)
    const settings = elementsOf(words, open)
    const gone = settings.filter(({ name }) => known.has(name))
    const note = `it does without ${gone.map(({ name }) => name).join(', ')}`
    const close = (settings.at(-1)?.to ?? open) + 1
    if (gone.length < settings.length) {
      const runs: { readonly from: number; to: number }[] = []
      for (const { from, to } of gone) {
        const run = runs.at(-1)
        if (run?.to === from - 2) run.to = to
        else runs.push({ from, to })
      }
      return { edits: runs.map(({ from, to }) => elementRemoval(statement, from, to)), note }
    }
    if (words[open - 1] === 'with') return { edits: [removal(statement, open - 1, close)], note }
    return words[0] === 'alter' ? { drop: true, note } : refused
  }
}

/** The settings between two parentheses; the name of `toast.a = 1` is `a`. */
function elementsOf(words: readonly string[], open: number): { name: string; from: number; to: number }[] {
  const elements: { name: string; from: number; to: number }[] = []
  for (let from = open + 1, at = from; at < words.length; at++) {
    if (words[at] !== ',' && words[at] !== ')') continue
    elements.push({ name: words[words.indexOf('=', from) - 1] ?? '', from, to: at - 1 })
    if (words[at] === ')') break
    from = at + 1
  }
  return elements
}
