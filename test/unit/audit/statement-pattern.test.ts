import { describe, expect, it } from 'vitest'
import { statementPattern } from '../../../src/audit/statement-pattern.ts'
import { splitStatements } from '../../../src/sql/split-statements.ts'
import { StatementText } from '../../../src/sql/statement-text.ts'

const match = (pattern: string, sql: string) => {
  const [statement] = splitStatements(sql)
  if (statement === undefined) throw new Error('No statement')
  return statementPattern(pattern).match(new StatementText(sql, statement))
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
    ['x.y = v.z', 'x.y = v.z', true],
    ['x.y', '"x"."y"', false],
  ])('%s: %s is %s', (pattern, sql, expected) => {
    expect(match(pattern, sql) !== undefined).toBe(expected)
  })

  it('tells the names', () => {
    expect(match('ALTER TABLE @ DROP CONSTRAINT &', 'ALTER TABLE s."T" DROP CONSTRAINT c')).toEqual({
      schema: 's',
      object: 'T',
      written: '"T"',
      part: 'c',
    })
  })

  it('takes time linear in the length of what it matches', () => {
    const long = `A ${'ON x '.repeat(50_000)}`
    const start = performance.now()
    match('A * ON # * ON # * NEVER', long)
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})
