import { identifierOf, tokenize, type LexerOptions } from '../sql/lexer.ts'
import { fmtId } from '../sql/quote.ts'
import { renamedIdentifier, type RenameRules } from '../sql/rename.ts'
import type { FieldValue } from '../toc/changed-entry.ts'

/**
 * A tag of a type and a name, such as `SCHEMA app` of a COMMENT, with the name replaced. pg_dump writes the name quoted
 * where it must be; a name that is not quoted though it must be stands as it is.
 */
export function renameTagged(tag: FieldValue, type: string, rules: RenameRules): FieldValue {
  const prefix = `${type} `
  if (typeof tag !== 'string' || !tag.startsWith(prefix)) return tag
  const rest = tag.slice(prefix.length)
  const [token, more] = tokenize(rest, rules.lexer)
  if (token === undefined) return tag
  const isIdentifier = more === undefined && (token.kind === 'word' || token.kind === 'name')
  const isStored = !isIdentifier || (token.kind === 'word' && fmtId(rules.quote, rest) !== rest)
  const next = isStored ? rules.rename(rest) : renamedIdentifier(rest, token, rules)
  return next === undefined ? tag : prefix + next
}

/** The name in a DROP of a routine, as it stands at the start of the routine's tag. */
export function routineOf(dropStmt: FieldValue, lexer: LexerOptions): string | undefined {
  if (typeof dropStmt !== 'string') return undefined
  let name: string | undefined
  for (const token of tokenize(dropStmt, lexer)) {
    if (dropStmt.charAt(token.start) === '(' && token.kind === 'symbol') return name
    if (token.kind === 'word' || token.kind === 'name') name = identifierOf(dropStmt, token)
  }
  return undefined
}
