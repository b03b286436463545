import fc from 'fast-check'
import { loadModule, parseSync, scanSync } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { open } from '../../src/index.ts'
import { tokenize } from '../../src/sql/lexer.ts'
import { splitStatements } from '../../src/sql/split-statements.ts'
import { allArchives } from '../helpers/corpus.ts'

/** The parser of PostgreSQL 18, made of its own sources: it knows nothing of ours. */
beforeAll(loadModule)

const byteString = (text: string): string => Buffer.from(text).toString('latin1')

/** What the server takes for statements: from the first byte that is no space or comment to the last before `;`. */
function serverStatements(text: string): string[] | undefined {
  const bytes = byteString(text)
  let parsed
  try {
    parsed = parseSync(text)
  } catch {
    return undefined
  }
  return (parsed.stmts ?? []).map(({ stmt_location: start = 0, stmt_len: length = 0 }) =>
    bare(bytes.slice(start, length === 0 ? undefined : start + length)),
  )
}

/** Without space and comments around it, which the server counts in or not, as it happens. */
function bare(text: string): string {
  const tokens = [...tokenize(text)].filter(({ kind }) => kind !== 'space' && kind !== 'comment')
  return text.slice(tokens[0]?.start, tokens.at(-1)?.end)
}

const ours = (text: string): string[] => {
  const bytes = byteString(text)
  return [...splitStatements(bytes)].map(({ start, end }) => bytes.slice(start, end))
}

/** The N of N'…' is a token of its own to the server, and a part of the string here. */
function serverTokens(text: string): string[] | undefined {
  try {
    const { tokens } = scanSync(text)
    const isPrefix = (at: number): boolean => {
      const [token, next] = [tokens[at], tokens[at + 1]]
      return token?.text.toLowerCase() === 'n' && next?.start === token.end && next.text.startsWith("'")
    }
    return tokens.flatMap(({ start, end }, at) =>
      isPrefix(at) ? [] : [`${isPrefix(at - 1) ? start - 1 : start}-${end}`],
    )
  } catch {
    return undefined
  }
}

/** Strings that go on in a later line are one token to the server. */
function ourTokens(text: string): string[] {
  const bytes = byteString(text)
  const found: { start: number; end: number; string: boolean }[] = []
  for (const { kind, start, end } of tokenize(bytes)) {
    if (kind === 'space') continue
    const last = found.at(-1)
    const gap = last === undefined ? '' : bytes.slice(last.end, start)
    const plain = kind === 'string' && bytes.charAt(start) === "'"
    if (last?.string === true && plain && /^\s*[\n\r]\s*$/.test(gap)) last.end = end
    else found.push({ start, end, string: kind === 'string' && bytes.charAt(start) !== '$' })
  }
  return found.map(({ start, end }) => `${start}-${end}`)
}

const pieces =
  `' '' '' " "a" "a""b" U&"d\\0061" E'\\'' E'\\\\' U&'d\\0061' b'01' x'ff' n'a' $$ $$a;b$$ $a$ $a$'"$a$ $1 $x -- --a /* */ /*;*/ /*/**/*/
  ; ;; ( ) [ ] , . .. : :: := => < <= <> != + - * / % ^ & | @ @- *- <- -> ->> ~ # ? a A_b a$b größe é SELECT AS case end begin
  atomic 1 1. .5 1.5e3 1e 0xff 0b1 1_000 1..2 \\ e'a' E`.split(/\s+/)

describe('tokenize()', () => {
  it("finds the server's own tokens in any text that the server can read", () => {
    const text = fc
      .array(fc.tuple(fc.constantFrom(...pieces), fc.constantFrom('', ' ', '\n', '\t')), { maxLength: 14 })
      .map((parts) => parts.flat().join(''))
    let compared = 0
    fc.assert(
      fc.property(text, (sql) => {
        const expected = serverTokens(sql)
        if (expected === undefined) return
        compared++
        expect(ourTokens(sql)).toEqual(expected)
      }),
      { numRuns: 20_000 },
    )
    expect(compared).toBeGreaterThan(5_000)
  })
})

const name = fc.constantFrom('a', '"b;"', 'public.t', '"begin"', '"a""b"', 'größe', 'begin', 'x."end"')
const label = fc.constantFrom('x', 'case', 'end', 'begin', 'atomic', '"end"', 'select')
const literal = fc.constantFrom(
  "'a;b'",
  "'it''s'",
  "E'\\';'",
  '$$;$$',
  '$q$ $$;$$ $q$',
  '1',
  'NULL',
  "'a'\n'b'",
  "U&'d\\0061'",
)
const filler = fc.constantFrom(' ', '\n', ' /* ; /* ; */ */ ', ' -- ;\n', '\t')

const { expression, query } = fc.letrec<{ expression: string; query: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    literal,
    fc
      .tuple(tie('expression'), fc.constantFrom('+', '<=', '||', '::text ||', '@>-'), literal)
      .map((parts) => parts.join(' ')),
    fc
      .tuple(tie('expression'), tie('expression'), filler)
      .map(([a, b, gap]) => `CASE WHEN ${a} THEN${gap}${b} ELSE 1 END`),
    tie('query').map((inner) => `(${inner})`),
    fc.tuple(name, tie('expression')).map(([called, argument]) => `f${called.length}(${argument})`),
  ),
  query: fc
    .tuple(tie('expression'), fc.constantFrom(' AS ', ' '), label, filler)
    .map(([value, as, called, gap]) => `SELECT${gap}${value}${as}${called}`),
}))

const change = fc.oneof(
  query,
  fc.tuple(name, expression).map(([table, value]) => `INSERT INTO ${table} VALUES (${value})`),
  name.map((table) => `DELETE FROM ${table}`),
  expression.map((value) => `RETURN ${value}`),
)

const statement = fc.oneof(
  query,
  fc
    .tuple(name, fc.array(change, { maxLength: 3 }), filler, fc.boolean(), fc.constantFrom('FUNCTION', 'PROCEDURE'))
    .map(
      ([routine, body, gap, replaced, type]) =>
        `CREATE ${replaced ? 'OR REPLACE ' : ''}${type} ${routine}(a text DEFAULT ';') ${type === 'FUNCTION' ? 'RETURNS begin ' : ''}BEGIN${gap}ATOMIC ${body
          .map((part) => `${part};${gap}`)
          .join('')} END`,
    ),
  fc
    .tuple(name, literal)
    .map(
      ([routine, body]) => `CREATE FUNCTION ${routine}() RETURNS end LANGUAGE begin AS '${body.replaceAll("'", "''")}'`,
    ),
  fc
    .tuple(
      name,
      fc.array(
        change.filter((part) => !part.startsWith('RETURN')),
        { minLength: 1, maxLength: 3 },
      ),
      filler,
    )
    .map(([table, actions, gap]) => `CREATE RULE r AS ON UPDATE TO ${table} DO ALSO (${actions.join(`;${gap}`)})`),
  fc
    .tuple(name, filler)
    .map(([table, gap]) => `CREATE SCHEMA s${gap}CREATE TABLE t (a int)${gap}GRANT ALL ON ${table} TO bob`),
  fc.tuple(name, expression).map(([table, value]) => `ALTER TABLE ${table} ALTER c SET DEFAULT ${value}`),
  fc.tuple(name, query).map(([view, asked]) => `CREATE VIEW ${view} AS ${asked}`),
  fc.constant(''),
)

describe('splitStatements()', () => {
  it('splits where the server splits, whatever stands in quotes, comments, rules, schemas and bodies', () => {
    let compared = 0
    let several = 0
    const script = fc
      .array(fc.tuple(filler, statement, filler), { maxLength: 5 })
      .map((parts) => parts.map(([before, sql, after]) => `${before}${sql}${after}`).join(';'))
    fc.assert(
      fc.property(script, (sql) => {
        const expected = serverStatements(sql)
        if (expected === undefined) return
        compared++
        if (expected.length > 1) several++
        expect(ours(sql)).toEqual(expected)
      }),
      { numRuns: 6_000 },
    )
    expect(compared).toBeGreaterThan(2_000)
    expect(several).toBeGreaterThan(1_000)
  })

  it('splits the definitions of every archive where the server does', async () => {
    const seen = new Set<string>()
    const refused = new Set<string>()
    for (const { file } of allArchives()) {
      await using archive = await open(file)
      if (!archive.settings.stdStrings || archive.settings.encoding !== 'UTF8') continue
      for (const { desc, defn } of archive.toc) {
        if (defn === null || defn === '' || desc === 'BLOB METADATA' || seen.has(defn)) continue
        seen.add(defn)
        const expected = serverStatements(defn)
        if (expected === undefined) refused.add(defn)
        else expect(ours(defn)).toEqual(expected)
      }
    }
    expect(seen.size).toBeGreaterThan(800)
    expect([...refused]).toEqual([])
  })
})
