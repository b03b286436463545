import { eachSetting } from './find-settings.ts'
import type { Renamer } from './rename.ts'

const tablespaceSettings: ReadonlySet<string> = new Set(['default_tablespace', 'temp_tablespaces'])

/** Finds tablespaces: `TABLESPACE name`, `TABLESPACE = name`, and the parameters that name them. */
export function findTablespaces(found: Renamer): void {
  const { statement } = found
  eachSetting(found, (parameter, at) => {
    if (tablespaceSettings.has(parameter)) found.nameOrLiteral(at)
  })
  for (let at = 1; at < statement.length; at++) {
    if (statement.word(at) !== 'tablespace') continue
    const name = statement.mark(at + 1) === '=' ? at + 2 : at + 1
    if (statement.depth(at) === 0 && statement.word(name) !== 'default') found.name(name)
  }
}

/**
 * Finds the table access methods that tables use: `SET ACCESS METHOD name`, `USING name` of CREATE TABLE and CREATE
 * MATERIALIZED VIEW, and the parameter that names one. What defines or comments on the method itself is left out.
 */
export function findTableAccessMethods(found: Renamer): void {
  const { statement } = found
  eachSetting(found, (parameter, at) => {
    if (parameter === 'default_table_access_method') found.nameOrLiteral(at)
  })
  if (statement.has(0, 'alter', 'table|materialized')) {
    for (let at = 2; at < statement.length; at++) {
      if (statement.has(at, 'set', 'access', 'method')) accessMethod(found, at + 3)
    }
  }
  if (statement.has(0, 'create') && (statement.has(1, 'table|materialized') || statement.has(2, 'table'))) {
    const as = statement.find('as')
    const using = statement.find('using', 2, as === -1 ? statement.length : as)
    if (using !== -1) accessMethod(found, using + 1)
  }
}

function accessMethod(found: Renamer, at: number): void {
  if (found.statement.word(at) !== 'default') found.name(at)
}

/** Finds databases: after DATABASE where that is the type of what a statement is about, and `datname = 'name'`. */
export function findDatabases(found: Renamer): void {
  const { statement } = found
  for (let at = 1; at < statement.length; at++) {
    if (statement.mark(at + 1) === '=' && statement.name(at) === 'datname') found.literal(at + 2)
    if (statement.word(at) !== 'database' || statement.depth(at) > 0) continue
    if (at > 1 && !statement.has(at - 1, 'on|in')) continue
    found.name(statement.has(at + 1, 'if', 'exists') ? at + 3 : at + 1)
  }
}
