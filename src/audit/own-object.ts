import type { TocEntry } from '../toc/types.ts'
import type { MatchedStatement } from './statement-pattern.ts'

/** How entries whose tags are written as SQL, or made of several names, go by their object. */
const writtenTags = [
  'cast',
  'defaults',
  'label',
  'large object',
  'mapping',
  'operator',
  'remark',
  'statistics',
  'transform',
] as const

export type WrittenTag = (typeof writtenTags)[number]

export function isWritten(form: string): form is WrittenTag {
  return (writtenTags as readonly string[]).includes(form) // `includes` takes members only
}

/** Whether a statement is about the object that the entry's tag names. */
export function isOfTag(form: WrittenTag, entry: TocEntry, statement: MatchedStatement): boolean {
  const tag = entry.raw.byteString('tag') ?? ''
  const { length } = statement
  switch (form) {
    case 'remark':
      return isOfRemark(entry, source(statement, 2, length - 2))
    case 'label':
      return isOfLabel(entry, source(statement, 5, length - 2))
    case 'cast':
      return tag === `CAST ${source(statement, 2, endOfParentheses(statement, 2))}`
    case 'transform':
      return tag === source(statement, 1, firstParenthesis(statement))
    case 'operator':
      return isOfOperator(entry, statement)
    case 'mapping':
      return isOfMapping(tag, statement)
    case 'large object':
      // select pg_catalog . lo_create ( '42' )
      return statement.literal(5) === tag
    case 'defaults':
      return isOfDefaults(entry, statement)
    case 'statistics':
      return isOfStatistics(entry, statement)
  }
}

/** The text of tokens [from, to). */
function source({ text, tokens }: MatchedStatement, from: number, to: number): string {
  const [first, last] = [tokens[from], tokens[to - 1]]
  return first === undefined || last === undefined || to <= from ? '' : text.slice(first.start, last.end)
}

function firstParenthesis(statement: MatchedStatement): number {
  for (let at = 0; at < statement.length; at++) if (statement.mark(at) === '(') return at
  return statement.length
}

function endOfParentheses(statement: MatchedStatement, open: number): number {
  let depth = 0
  for (let at = open; at < statement.length; at++) {
    if (statement.mark(at) === '(') depth++
    else if (statement.mark(at) === ')' && --depth === 0) return at + 1
  }
  return statement.length
}

/** A name as it may be written. */
function writtenForms(name: string): readonly string[] {
  const quoted = `"${name.replaceAll('"', '""')}"`
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? [name, quoted] : [quoted]
}

/**
 * The tag is the object as written, without its schema (dumpComment, dumpSecLabel, pg_dump.c): `TABLE t`,
 * `TRIGGER a ON t`. Releases before 10.3 write no schema; before 11 the tag of a database is its name alone.
 */
function isOfRemark(entry: TocEntry, written: string): boolean {
  const tag = entry.raw.byteString('tag') ?? ''
  if (written === tag) return true
  const isDatabase = written.startsWith('DATABASE ')
  if (isDatabase && writtenForms(tag).includes(written.slice('DATABASE '.length))) return true
  const namespace = entry.raw.byteString('namespace')
  // archives before 1.6 do not say it
  if (namespace === undefined) return withoutSchema(written).includes(tag)
  if (namespace === null || namespace === '') return false
  for (const schema of writtenForms(namespace)) {
    const prefix = `${schema}.`
    const extra = written.length - prefix.length
    // only where the rest is as long as the tag can it be the tag, so that few places are tried
    if (extra !== tag.length) continue
    for (let at = written.indexOf(` ${prefix}`); at !== -1; at = written.indexOf(` ${prefix}`, at + 1)) {
      if (tag === written.slice(0, at + 1) + written.slice(at + 1 + prefix.length)) return true
    }
  }
  return false
}

/** The text without each of the names with a dot that come after a blank: a few, as only names are written. */
function withoutSchema(written: string): readonly string[] {
  const found = [...written.slice(0, 4096).matchAll(/ ((?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")\.)/g)].slice(0, 16)
  return found.map(
    ({ index, 1: prefix = '' }) => written.slice(0, index + 1) + written.slice(index + 1 + prefix.length),
  )
}

/** The labels of a table and of its columns are one entry (dumpTableSecLabel). */
function isOfLabel(entry: TocEntry, written: string): boolean {
  if (isOfRemark(entry, written)) return true
  const name = /^[A-Z ]+ ((?:"(?:[^"]|"")+"|[^ "]+))$/.exec(entry.raw.byteString('tag') ?? '')?.[1]
  if (name === undefined || !written.startsWith('COLUMN ')) return false
  const place = written.slice('COLUMN '.length)
  const schemas = writtenForms(entry.raw.byteString('namespace') ?? '')
  return ['', ...schemas.map((schema) => `${schema}.`)].some((schema) => place.startsWith(`${schema}${name}.`))
}

/** `CREATE OPERATOR s.=== (`, `DROP OPERATOR s.=== (a, b)` */
function isOfOperator(entry: TocEntry, statement: MatchedStatement): boolean {
  // to make it a member of an extension is said in other words
  if (statement.word(1) !== 'operator') return true
  const at = firstParenthesis(statement) - 1
  if (statement.mark(at) !== entry.raw.byteString('tag')) return false
  const schema = statement.mark(at - 1) === '.' ? statement.name(at - 2) : undefined
  const namespace = entry.raw.byteString('namespace')
  return schema === undefined || namespace === undefined || schema === namespace
}

/** `CREATE USER MAPPING FOR bob SERVER away`; its tag has the names without quotes. */
function isOfMapping(tag: string, statement: MatchedStatement): boolean {
  const at = statement.word(3) === 'if' ? 6 : 4
  return tag === `USER MAPPING ${statement.name(at) ?? ''} SERVER ${statement.name(at + 2) ?? ''}`
}

/** `ALTER DEFAULT PRIVILEGES FOR ROLE bob IN SCHEMA s GRANT … ON TABLES TO …` (dumpDefaultACL). */
function isOfDefaults(entry: TocEntry, statement: MatchedStatement): boolean {
  const owner = entry.raw.byteString('owner') ?? ''
  if (owner !== '' && statement.name(5) !== owner) return false
  const schema = statement.word(6) === 'in' && statement.word(7) === 'schema' ? statement.name(8) : undefined
  if ((schema ?? '') !== (entry.raw.byteString('namespace') ?? '')) return false
  const tag = entry.raw.byteString('tag') ?? ''
  for (let at = 6; at < statement.length; at++) {
    if (statement.word(at) !== 'on') continue
    const large = statement.word(at + 1) === 'large'
    const type = large ? 'LARGE OBJECTS' : statement.word(at + 1).toUpperCase()
    return tag.endsWith(` ${type}`)
  }
  return false
}

/** `…_stats('version', …, 'schemaname', 's', 'relname', 't', …)`, as a release of 18 writes it. */
function isOfStatistics(entry: TocEntry, statement: MatchedStatement): boolean {
  const expected = new Map([
    ['schemaname', entry.raw.byteString('namespace')],
    ['relname', entry.raw.byteString('tag')],
  ])
  for (let at = 0; at < statement.length; at++) {
    const name = statement.literal(at)
    // a value of a statistic may be the same word: its name comes before it
    if (name === undefined || !expected.has(name) || statement.mark(at + 1) !== ',') continue
    if (statement.literal(at + 2) !== expected.get(name)) return false
    expected.delete(name)
    if (expected.size === 0) return true
  }
  return true
}
