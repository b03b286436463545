import { expect, test } from 'vitest'
import { failureLines } from '../../../src/cli/failure-lines.ts'
import { ServerError } from '../../../src/index.ts'

const failure = {
  stage: 'processing',
  entry: undefined,
  complaint: 'could not set session user',
  statement: undefined,
  fatal: false,
} as const

const lines = (
  statement: string | undefined,
  fields: ConstructorParameters<typeof ServerError>[1],
): readonly string[] => failureLines({ ...failure, statement, error: new ServerError('no\nway', fields) }).split('\n')

test('failureLines() shows all that the server said, each in one line, and nothing that controls a terminal', () => {
  const fields = { sqlState: '42501', detail: 'a\n  b', hint: 'try \u001b[31m', context: 'COPY t, line 3: "x"' }
  expect(lines(undefined, fields)).toEqual([
    'pgdmp: could not set session user: no\\x0away [42501]',
    '  DETAIL: a b',
    '  HINT: try \\x1b[31m',
    '  CONTEXT: COPY t, line 3: "x"',
    '',
  ])
})

test.each([
  ['its beginning', 'SELECT\n\t1;', undefined, 'SELECT 1;'],
  ['the beginning of a long one', `SELECT ${'x'.repeat(500)}`, undefined, `SELECT ${'x'.repeat(93)}…`],
  ['the beginning of one with many blanks', `a${' '.repeat(500)}b`, undefined, 'a…'],
  [
    'what is around a place, counted by characters',
    `${'𝄞'.repeat(200)}here${'.'.repeat(99)}`,
    201,
    `…${'𝄞'.repeat(60)}here${'.'.repeat(36)}…`,
  ],
  ['the end, where that is the place', `${'x'.repeat(200)};`, 201, `…${'x'.repeat(60)};`],
  ['the beginning, where the place is in it', `SELECT ${'x'.repeat(70)} y`, 79, `SELECT ${'x'.repeat(70)} y`],
  ['all, where it ends before the place', 'SELECT', 900, 'SELECT'],
])('failureLines() shows of a statement %s', (_, statement, position, shown) => {
  expect(lines(statement, { sqlState: '42601', position })[1]).toBe(`  SQL: ${shown}`)
})
