import { renameInSql, type Renamer, type RenameRules } from '../../../src/sql/rename.ts'
import { quotedKeywords } from '../../../src/sql/keywords.ts'

/** What becomes of a definition, and what was left alone in it as `reason name`. */
export interface Renaming {
  readonly text: string
  readonly left: readonly string[]
}

/** Renames in a definition as it stands in an archive; all text is UTF-8 as byte strings. */
export function renaming(
  find: (found: Renamer) => void,
  map: Readonly<Record<string, string>>,
  changes: Partial<RenameRules> = {},
): (sql: string) => Renaming {
  const names = new Map(Object.entries(map))
  const { encoding = 'UTF8', stdStrings = true } = changes.lexer ?? {}
  const rules: RenameRules = {
    lexer: {},
    quote: {
      keywords: quotedKeywords(18),
      nameEncoding: encoding,
      literalEncoding: encoding,
      stdStrings,
      replacesInvalidCharacters: false,
    },
    quotesAll: false,
    rename: (name) => names.get(name),
    isWanted: (name) => names.has(name),
    find,
    ...changes,
  }
  return (sql) => {
    const { text, mentions } = renameInSql(sql, rules)
    return { text, left: mentions.map(({ reason, name }) => `${reason} ${name}`) }
  }
}
