import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8ToByteString } from '../../src/bytes/byte-string.ts'
import { findRoles } from '../../src/sql/find-roles.ts'
import { findSchemas } from '../../src/sql/find-schemas.ts'
import { findDatabases, findTableAccessMethods, findTablespaces } from '../../src/sql/find-storage.ts'
import { fmtId, type QuoteRules } from '../../src/sql/quote.ts'
import { quotedKeywords } from '../../src/sql/keywords.ts'
import { renameInSql, type Renamer, type RenameRules } from '../../src/sql/rename.ts'

const rulesFor = (
  find: (found: Renamer) => void,
  names: ReadonlyMap<string, string>,
  { stdStrings = true, encoding = 'UTF8' } = {},
): RenameRules => ({
  lexer: { stdStrings, encoding },
  quote: quoteFor(encoding, stdStrings),
  quotesAll: false,
  rename: (name) => names.get(name),
  isWanted: (name) => names.has(name),
  find,
})

const quoteFor = (encoding = 'UTF8', stdStrings = true): QuoteRules => ({
  keywords: quotedKeywords(18),
  nameEncoding: encoding,
  literalEncoding: encoding,
  stdStrings,
  replacesInvalidCharacters: false,
})

/** Names as byte strings: any characters but NUL, none that mean everybody. */
const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((text) => !text.includes('\0') && text !== 'public' && !/\p{Surrogate}/u.test(text))
  .map(utf8ToByteString)

const words = `a b "a" 'a' "a""b" $$a$$ $x$ . , ; ( ) :: = * + -- /* */ ' " E'a\\' \\ grant revoke on to from granted by
  alter create drop comment policy user mapping for role schema if exists set search_path database tablespace default
  access method using table view materialized rule trigger function procedure as language sql c begin atomic end return
  select where join update into owner options regclass regrole old new column is nextval setval set_config
  security label server in`.split(/\s+/)

/** Text that looks a little like SQL. */
const sqlLike = fc.array(fc.constantFrom(...words), { maxLength: 60 }).map((tokens) => tokens.join(' '))

const finders = { findRoles, findSchemas, findTablespaces, findTableAccessMethods, findDatabases }

describe('renameInSql()', () => {
  test.each(Object.entries(finders))('%s takes any text, and changes nothing but the name', (_, find) => {
    fc.assert(
      fc.property(fc.oneof(sqlLike, fc.string({ unit: 'binary-ascii' })), fc.boolean(), (text, stdStrings) => {
        expect(renameInSql(text, rulesFor(find, new Map(), { stdStrings })).text).toBe(text)
        const renamed = renameInSql(text, rulesFor(find, new Map([['a', 'b']]), { stdStrings })).text
        const changed = [...text].map((char, at) => (renamed[at] === 'b' && /[aA]/.test(char) ? 'b' : char))
        expect(renamed).toBe(changed.join(''))
      }),
      { numRuns: 2000 },
    )
  })

  test('findRoles: any role becomes any other, and comes back', () => {
    fc.assert(
      fc.property(name, name, name, (role, next, other) => {
        fc.pre(role !== next && role !== other && next !== other)
        const quote = quoteFor()
        const sql = (who: string): string => {
          const id = fmtId(quote, who)
          return (
            `GRANT SELECT ON TABLE ${fmtId(quote, other)}.${id} TO ${id}, PUBLIC;\nSET SESSION AUTHORIZATION ${id};\n` +
            `CREATE POLICY ${fmtId(quote, role)} ON t TO ${id} USING (("x" = ${fmtId(quote, role)}));\n`
          )
        }
        const there = renameInSql(sql(role), rulesFor(findRoles, new Map([[role, next]]))).text
        const back = renameInSql(there, rulesFor(findRoles, new Map([[next, role]]))).text
        expect(back).toBe(sql(role))
        expect(there).toContain(` TO ${fmtId(quote, next)}, PUBLIC;`)
        expect(there).toContain(`TABLE ${fmtId(quote, other)}.${fmtId(quote, role)} TO`)
      }),
      { numRuns: 1000 },
    )
  })
})
