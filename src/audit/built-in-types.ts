import type { DefinitionStatement } from './types.ts'

/** Without what is in quotes of strings: there may be a dot, too. */
const qualified = /[\w"\u0080-\u00ff]\s*\.\s*["A-Za-z_\u0080-\u00ff]/

/** Whether the types in this text are all of the server's own: names of others have a schema before them in a dump. */
export function areBuiltIn(types: string): boolean {
  return !qualified.test(types.replaceAll(/'(?:[^']|'')*'/g, "''"))
}

/** `text AS integer` of CREATE CAST. */
export function castTypes(statement: DefinitionStatement): string {
  let close = 2
  while (close < statement.length && !(statement.mark(close) === ')' && statement.depth(close) === 0)) close++
  return statement.source(3, close)
}
