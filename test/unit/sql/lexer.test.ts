import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { identifierOf, tokenize, type LexerOptions } from '../../../src/sql/lexer.ts'
import { splitStatements } from '../../../src/sql/split-statements.ts'

const seen = (text: string, options?: LexerOptions): string[] =>
  [...tokenize(text, options)]
    .filter(({ kind }) => kind !== 'space')
    .map(({ kind, start, end }) => `${kind} ${text.slice(start, end)}`)
const statements = (text: string): string[] =>
  [...splitStatements(text)].map(({ start, end }) => text.slice(start, end))

describe('tokenize()', () => {
  it.each<[string, string[]]>([
    ['SELECT a.b', ['word SELECT', 'word a', 'symbol .', 'word b']],
    ['"a""b" U&"d\\0061"', ['name "a""b"', 'name U&"d\\0061"']],
    [
      "'it''s' E'\\'' n'x' b'01' U&'d'",
      ["string 'it''s'", "string E'\\''", "string n'x'", "string b'01'", "string U&'d'"],
    ],
    ["'\\' 1", ["string '\\'", 'number 1']],
    ['$$a$b$ $$ $x$ $$ $x$ $1', ['string $$a$b$ $$', 'string $x$ $$ $x$', 'parameter $1']],
    ['a$b$c', ['word a$b$c']],
    ['-- x; y\n/* a /* b */ ; */ z', ['comment -- x; y', 'comment /* a /* b */ ; */', 'word z']],
    ['a::b := 1..2', ['word a', 'operator ::', 'word b', 'operator :=', 'number 1', 'operator ..', 'number 2']],
    ['1.5e-3 .5 0xFf 1_000', ['number 1.5e-3', 'number .5', 'number 0xFf', 'number 1_000']],
    [
      'a<=-1 @-b *--c',
      ['word a', 'operator <=', 'operator -', 'number 1', 'operator @-', 'word b', 'operator *', 'comment --c'],
    ],
    ['\\connect x', ['symbol \\', 'word connect', 'word x']],
    ['e', ['word e']],
  ])('reads %j', (text, expected) => {
    expect(seen(text)).toEqual(expected)
  })

  it('takes a backslash for an escape without standard_conforming_strings', () => {
    expect(seen("'\\'' x", { stdStrings: false })).toEqual(["string '\\''", 'word x'])
    expect(seen("b'\\' x", { stdStrings: false })).toEqual(["string b'\\'", 'word x'])
  })

  it('knows that a later byte of a character may look like a backslash', () => {
    expect(seen("'\u0083\\' x", { stdStrings: false, encoding: 'SJIS' })).toEqual(["string '\u0083\\'", 'word x'])
    expect(seen('\u0083|\u0083|a b', { encoding: 'SJIS' })).toEqual(['word \u0083|\u0083|a', 'word b'])
  })

  it.each(["'a", '"a', '/* a', '$x$ a', "E'\\"])('says that %j is not closed', (text) => {
    expect([...tokenize(text)].at(-1)).toMatchObject({ end: text.length, closed: false })
  })

  it('leaves no byte out, whatever the text', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '$',
      '$a$',
      '\\',
      '--',
      '/*',
      '*/',
      '\n',
      'a',
      'E',
      'U&',
      ';',
      '(',
      '1',
      '.',
      ':',
      '+',
      '\u00e9',
    )
    const options = fc.record({ stdStrings: fc.boolean(), encoding: fc.constantFrom('UTF8', 'SJIS', 'GB18030') })
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), options, (pieces, lexerOptions) => {
        const text = pieces.join('')
        let at = 0
        for (const { start, end } of tokenize(text, lexerOptions)) {
          expect(start).toBe(at)
          expect(end).toBeGreaterThan(start)
          at = end
        }
        expect(at).toBe(text.length)
      }),
    )
  })
})

describe('splitStatements()', () => {
  it('splits at semicolons outside of quotes, comments and parentheses', () => {
    expect(statements("-- c;\nSELECT ';', $$;$$; /* ; */ CREATE RULE r DO (a; b);\n\nlast")).toEqual([
      "SELECT ';', $$;$$",
      'CREATE RULE r DO (a; b)',
      'last',
    ])
  })

  it('keeps the body of an SQL-standard function together', () => {
    const body = 'CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN a THEN 1 END; SELECT 2; END'
    expect(statements(`${body};\nBEGIN; END;`)).toEqual([body, 'BEGIN', 'END'])
  })

  it('gives no statement for empty text and comments', () => {
    expect(statements(' ;; -- x\n')).toEqual([])
  })

  it('says where the semicolon ends', () => {
    expect([...splitStatements('a ; b')].map(({ after }) => after)).toEqual([3, 5])
  })
})

describe('identifierOf()', () => {
  it.each([
    ['Abc', 'abc'],
    ['"A""b"', 'A"b'],
    ['É', 'É'],
  ])('reads %s as %s', (text, expected) => {
    const [token] = tokenize(text)
    expect(token && identifierOf(text, token)).toBe(expected)
  })
})
