import type { Reading } from '../audit/reading.ts'
import type { SqlStatement } from '../audit/statement.ts'
import { findRoles } from '../sql/find-roles.ts'
import { findTableAccessMethods, findTablespaces } from '../sql/find-storage.ts'
import { Renamer } from '../sql/rename.ts'

/** Texts without any of these name nothing of the kind: most are not looked at. */
const may = {
  role: /role|owner|authorization|mapping|grant|revoke|policy|privileges|\b(?:user|group)\b/i,
  tablespace: /tablespace/i,
  accessMethod: /access|using/i,
} as const

const finders = { role: findRoles, tablespace: findTablespaces, accessMethod: findTableAccessMethods } as const

/** Names of one kind that a statement mentions, each once. */
export function namedIn(kind: keyof typeof finders, reading: Reading, statement: SqlStatement): readonly string[] {
  if (!may[kind].test(statement.text)) return []
  const names = new Set<string>()
  const rename = (name: string): undefined => void names.add(reading.decode(name))
  const find = finders[kind]
  const rules = { lexer: reading.lexer, quote: reading.quote, quotesAll: false, rename, isWanted: () => false, find }
  find(new Renamer(statement, rules))
  // default_tablespace = '' is that of the database
  names.delete('')
  return [...names]
}

/** A collation that a statement uses. */
export interface UsedCollation {
  readonly schema: string
  readonly name: string
}

/** What stands after COLLATE, where it says the schema, as pg_dump writes it. */
export function collationsIn(reading: Reading, statement: SqlStatement): readonly UsedCollation[] {
  if (!/collate/i.test(statement.text)) return []
  const found: UsedCollation[] = []
  for (let at = 1; at < statement.bodyStart; at++) {
    if (statement.word(at) !== 'collate' || statement.mark(at + 2) !== '.') continue
    const [schema, name] = [statement.name(at + 1), statement.name(at + 3)]
    if (schema !== undefined && name !== undefined)
      found.push({ schema: reading.decode(schema), name: reading.decode(name) })
  }
  return found
}

/** The value of `name = 'value'` or `name = word`, decoded; undefined where it is not there. */
export function optionIn(reading: Reading, statement: SqlStatement, name: string): string | undefined {
  for (let at = 1; at < statement.length; at++) {
    if (statement.word(at) !== name || statement.mark(at + 1) !== '=') continue
    const value = statement.literal(at + 2) ?? statement.name(at + 2)
    return value === undefined ? undefined : reading.decode(value)
  }
  return undefined
}

/** Locales of the operating system that CREATE COLLATION or CREATE DATABASE asks for. */
export function localesIn(reading: Reading, statement: SqlStatement): readonly string[] {
  const provider = optionIn(reading, statement, 'provider') ?? optionIn(reading, statement, 'locale_provider') ?? 'libc'
  if (provider !== 'libc') return []
  return ['locale', 'lc_collate', 'lc_ctype'].flatMap((name) => optionIn(reading, statement, name) ?? [])
}
