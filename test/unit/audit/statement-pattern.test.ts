import { describe, expect, it } from 'vitest'
import { statementPattern, type MatchedStatement } from '../../../src/audit/statement-pattern.ts'
import { statementsOf } from '../../../src/audit/statement.ts'
import { compatRules } from '../../../src/sql/compat.ts'
import { quoteRules } from '../../../src/sql/quote.ts'

const rules = { lexer: {}, quote: quoteRules(compatRules(), 'UTF8', true) }

const statementOf = (sql: string) => {
  const [statement] = statementsOf(sql, rules)
  if (statement === undefined) throw new Error('No statement')
  return statement
}

const match = (pattern: string, sql: string) => statementPattern(pattern).match(statementOf(sql))

/** How often a pattern asks for a token. */
function questionsOf(pattern: string, sql: string): number {
  let count = 0
  const counted = new Proxy<MatchedStatement>(statementOf(sql), {
    get(statement, key) {
      const value: unknown = Reflect.get(statement, key, statement)
      if (typeof value !== 'function') return value
      return (...args: readonly unknown[]): unknown => {
        count++
        return Reflect.apply(value, statement, args)
      }
    },
  })
  statementPattern(pattern).match(counted)
  return count
}

describe('statementPattern()', () => {
  it.each([
    ['DROP TABLE @', 'drop table a', true],
    ['DROP TABLE @', 'DROP TABLE a, b', false],
    ['DROP TABLE|VIEW @ [CASCADE]', 'DROP VIEW s.a CASCADE', true],
    ['A {B #}', 'A B x B y.z', true],
    ['A <B ; C 0> D', 'A C -1 D', true],
    ['A <B ; C 0> D', 'A C D', false],
    ['A = 1', 'A = B', false],
    ['SET ~', 'SET f(1, 2), 3', false],
    ['SET ~', 'SET f(1, 2) + ARRAY[1, 2]', true],
    ['AS * WITH NO DATA', 'AS WITH a AS (SELECT 1) SELECT 2 WITH NO DATA', true],
    ['AS * WITH NO DATA', 'AS SELECT 2 WITH DATA', false],
    ['A * ON # ()', 'A (ON) "on" ON t (ON)', true],
    ["IS <';NULL>", "IS 'x'", true],
    ["F (')", "F ('a'::pg_catalog.regclass, 1, true, ARRAY['b'], 'c'::character varying(10))", true],
    ["F (')", 'F (evil(1))', false],
    ["F (')", "F ((SELECT 'a'))", false],
    ["F (')", 'F (1, "evil" (2))', false],
    ["F (')", "F ('t'::boolean AND public.evil())", false],
    ["F (')", "F ('t'::x OPERATOR(public.+) 1)", false],
    ["F (')", "F ('t'::public.checked)", false],
    ["F (')", 'F (1 + 1)', false],
    ["F (')", 'F (current_user)', false],
    ["F (')", "F ('a' 'b')", false],
    ["F (')", "F ('a',)", false],
    ["F (')", "F (VALUES (1, -2::smallint), (NULL, '{a}'::pg_catalog.text[]))", true],
    ["F (')", "F ('x'::timestamp(3) without time zone, '1'::\"char\", 'y'::integer[3], (1, (2, 3)))", true],
    ["F ( 'word' , ' )", "F('word', '')", true],
    ["F ( 'word' , ' )", "F('role', 'postgres')", false],
    ["F ( 'word' )", "F('word', 1)", false],
    ["F ( '@' )", "F(E'a\\x62')", false],
    ["F ( '@' )", "F('a.b.c')", false],
    ["F ( '@' )", "F('A')", false],
    ['A {, #} END', 'A, b, c END', true],
    ['A {, #} END', 'A, b, END', false],
    ['x.y = v.z', 'x.y = v.z', true],
    ['x.y', '"x"."y"', false],
  ])('%s: %s is %s', (pattern, sql, expected) => {
    expect(match(pattern, sql) !== undefined).toBe(expected)
  })

  it('matches lists of any length, and refuses parentheses of any depth', () => {
    expect(match('A {, #}', `A${', b'.repeat(100_000)}`)).toEqual({})
    expect(match("F (')", `F (${'('.repeat(100_000)}1${')'.repeat(100_000)})`)).toBe(undefined)
  })

  it('tells the names', () => {
    expect(match('ALTER TABLE @ DROP CONSTRAINT &', 'ALTER TABLE s."T" DROP CONSTRAINT c')).toEqual({
      schema: 's',
      object: 'T',
      written: '"T"',
      part: 'c',
    })
  })

  it.each([
    ["F ( '@' , 0 )", `F('"Sch 0"."Seq ""Q"""', 1)`, { schema: 'Sch 0', object: 'Seq "Q"' }],
    ["F ( '@' , 0 )", "F('seq', 1)", { schema: undefined, object: 'seq' }],
    ["F ( '@' , 0 )", "F('s.it''s', 1)", undefined],
    ["F ( '@' , 0 )", `F('s."it''s"', 1)`, { schema: 's', object: "it's" }],
  ])('%s tells the name in the string of %s', (pattern, sql, names) => {
    const found = match(pattern, sql)
    expect(found && { schema: found.schema, object: found.object }).toEqual(names)
  })

  it.each([
    ['A * ON # * ON # * NEVER', 'ON x '],
    ['A {, #} NEVER', ', x '],
    ['A {, #} [WITH ()]', ', x.y '],
    ["A {B = '} ~ NEVER", "B = 'x' "],
    ["A (')", '('],
    ["A (')", "('x', "],
    ['A [()] [()] {()} ~', '(x '],
  ])('asks no more than the length of a statement allows: %s of many %s', (pattern, part) => {
    const few = questionsOf(pattern, `A ${part.repeat(1_000)}`)
    const many = questionsOf(pattern, `A ${part.repeat(4_000)}`)
    expect(few).toBeGreaterThan(0)
    expect(many / few).toBeLessThan(8)
  })
})
