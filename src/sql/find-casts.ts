import type { Renamer } from './rename.ts'
import type { StatementText } from './statement-text.ts'

/**
 * Calls `take` for each string constant with a cast behind it: `'s.t'::regclass`, `'s.t'::pg_catalog.regclass`, and by
 * way of text, as the server shows a cast that is to be made when the expression runs: `('s.t'::text)::regclass`.
 */
export function eachCast(found: Renamer, take: (type: string, at: number) => void): void {
  const { statement } = found
  for (let at = 0; at < statement.length; at++) {
    if (!statement.isString(at)) continue
    const first = castAfter(statement, at + 1)
    if (first === undefined) continue
    const outer = first.type === 'text' && isEnclosed(statement, at, first.after)
    const last = outer ? castAfter(statement, first.after + 1) : undefined
    take((last ?? first).type, at)
  }
}

/** The type in `::type` at a place, if it is one of the server's own, and the place after it. */
function castAfter(
  statement: StatementText,
  at: number,
): { readonly type: string; readonly after: number } | undefined {
  if (statement.mark(at) !== '::') return undefined
  const isQualified = statement.mark(at + 2) === '.'
  if (isQualified && statement.name(at + 1) !== 'pg_catalog') return undefined
  const place = isQualified ? at + 3 : at + 1
  const type = statement.name(place)
  return type === undefined ? undefined : { type, after: place + 1 }
}

function isEnclosed(statement: StatementText, from: number, to: number): boolean {
  return statement.mark(from - 1) === '(' && statement.mark(to) === ')'
}

/**
 * Whether a string constant is cast to an array: `'{a,b}'::name[]`, `'{}'::character varying(3)[]`; by way of text, too:
 * `('{a,b}'::text)::regrole[]`.
 */
export function isArrayCast(statement: StatementText, at: number): boolean {
  const after = afterType(statement, at + 1)
  if (after === undefined) return false
  if (statement.mark(after) === '[') return true
  const outer = isEnclosed(statement, at, after) ? afterType(statement, after + 1) : undefined
  return outer !== undefined && statement.mark(outer) === '['
}

/** The place after the type in `::type` at a place, brackets of an array left out. */
function afterType(statement: StatementText, at: number): number | undefined {
  if (statement.mark(at) !== '::') return undefined
  let after = at + 1
  while (statement.isName(after) || statement.mark(after) === '.') after++
  return statement.mark(after) === '(' ? after + 3 : after
}

/** Types whose constants are any text. */
const texts: ReadonlySet<string> = new Set([
  'bpchar',
  'char',
  'character',
  'citext',
  'cstring',
  'name',
  'text',
  'unknown',
  'varchar',
])

/** Whether a string constant is cast to a type that does not take any text, such as an enum. */
export function isTyped({ statement }: Renamer, at: number): boolean {
  return statement.mark(at + 1) === '::' && !texts.has(castAfter(statement, at + 1)?.type ?? '')
}

/** Reports the columns of a table whose values are names: `kind regclass`. */
export function leaveColumns(found: Renamer, types: ReadonlySet<string>): void {
  const { statement } = found
  if (!statement.has(statement.afterCreate, 'table|unlogged|foreign')) return
  for (let at = 3; at < statement.length; at++) {
    const isType = statement.depth(at) === 1 && statement.isName(at - 1) && types.has(statement.word(at))
    if (isType) found.leave(at, null, 'rows')
  }
}
