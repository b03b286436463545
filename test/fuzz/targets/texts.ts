import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { compilePattern } from '../../../src/ops/pattern.ts'
import { parseFilter, parseList, parseNameMap } from '../../../src/index.ts'
import { arrayElements } from '../../../src/sql/array-literal.ts'
import { identifierOf, tokenize } from '../../../src/sql/lexer.ts'
import { splitStatements } from '../../../src/sql/split-statements.ts'
import { posixZone } from '../../../src/time/posix-zone.ts'
import { parseTzif } from '../../../src/time/tzif.ts'
import { attemptNow, bytesOf, textOf, type FuzzTarget } from '../target.ts'

const encodings = ['UTF8', 'SQL_ASCII', 'SJIS', 'BIG5', 'GBK', 'GB18030', 'JOHAB', 'UHC', 'SHIFT_JIS_2004']

/** The first byte chooses the encoding and what a backslash means. */
function sql(input: Uint8Array): void {
  const first = input[0] ?? 0
  const options = { encoding: encodings[first % encodings.length] ?? 'UTF8', stdStrings: first < 128 }
  const text = textOf(input.subarray(1))
  let at = 0
  for (const token of tokenize(text, options)) {
    if (token.start !== at || token.end <= at)
      throw new Error(`A token goes from ${token.start} to ${token.end}, not from ${at} on`)
    if (!token.closed && token.end !== text.length)
      throw new Error(`An open token ends at ${token.end} of ${text.length}`)
    if (token.kind === 'word' || token.kind === 'name') attemptNow(() => identifierOf(text, token))
    at = token.end
  }
  if (at !== text.length) throw new Error(`The tokens end at ${at} of ${text.length}`)
  let after = 0
  for (const statement of splitStatements(text, options)) {
    if (statement.start < after || statement.end < statement.start || statement.after < statement.end) {
      throw new Error(`A statement goes from ${statement.start} to ${statement.end} and ${statement.after}`)
    }
    after = statement.after
  }
}

function listFile(input: Uint8Array): void {
  for (const lines of Object.values(parseList(input))) {
    let before = 0
    for (const { line } of lines) {
      if (line <= before) throw new Error(`Line ${line} follows line ${before}`)
      before = line
    }
  }
}

function stored(root: string, name: string): Uint8Array {
  return gunzipSync(readFileSync(join(root, 'test/fixtures/corpus', name))).subarray(0, 8000)
}

const filterFile = `# comment
include table orders
exclude schema "a b" # why
include function "f""(integer, text)"
exclude table_data x*.y?
`

export const textTargets: readonly FuzzTarget[] = [
  {
    name: 'sql-lexer',
    seeds: (root) => [
      Uint8Array.of(0, ...stored(root, 'derived/small-Fc.sql-17.gz')),
      bytesOf(`\0SELECT U&"d\\0061t" UESCAPE '!', E'a\\'b', $q$ $$ ; $q$, 1.5e3 -- c\n/* a /* b */ c */;`),
      bytesOf("\x82SELECT 'a\\'b', \x83\\, '\x83\\'; CREATE FUNCTION f() BEGIN ATOMIC SELECT 1; END; \\. x"),
    ],
    tokens: [
      "'",
      '"',
      '$$',
      '$a$',
      "E'",
      'U&"',
      "U&'",
      "B'",
      "X'",
      "N'",
      '/*',
      '*/',
      '--',
      '\n',
      ';',
      '\\',
      '\\\\',
      "''",
      '""',
      '::',
      '$1',
      '0x',
      '1e',
      '..',
      '\x83\\',
      '\x81\x30\x81\x30',
      'BEGIN ATOMIC',
      'END',
      'CASE',
      '(',
      ')',
      '@-',
      '+-',
    ],
    maxBytes: 32_768,
    run: sql,
  },
  {
    name: 'list-file',
    seeds: (root) => [
      stored(root, 'derived/small-Fc.list-17.gz'),
      bytesOf('; c\n12; 1259 16384 TABLE a b\n 3\n-4;\n0x5\n\0\n6;'),
    ],
    tokens: [
      ';',
      '\n',
      '\0',
      '12; 1259 16384 TABLE a b\n',
      '99999999999',
      '-1',
      '+7',
      ' ',
      '\r\n',
      '\t',
      'x'.repeat(99),
    ],
    maxBytes: 65_536,
    run: listFile,
  },
  {
    name: 'filter-file',
    seeds: () => [bytesOf(filterFile)],
    tokens: [
      'include',
      'exclude',
      ' table ',
      ' schema ',
      ' function ',
      ' index ',
      ' trigger ',
      ' extension ',
      '"',
      '""',
      '#',
      '\n',
      '\r\n',
      '.',
      '*',
      '(',
      '\0',
    ],
    maxBytes: 65_536,
    run: (input) => {
      for (const compat of ['17', '18'] as const) {
        const asBytes = attemptNow(() => parseFilter(input, { compat }))
        if ('code' in asBytes) continue
        for (const names of Object.values(asBytes.value)) {
          for (const name of names) if (name.length > 1024) attemptNow(() => compilePattern(String(name)))
        }
      }
    },
  },
  {
    name: 'name-map',
    seeds: () => [bytesOf('# who\nalice = bob\n"Odd ""name""" = carol\n\n x=y \n')],
    tokens: ['=', '"', '""', '\n', '#', ' ', '\xef\xbb\xbf', 'alice=bob\n', '\r\n'],
    maxBytes: 65_536,
    run: (input) => void attemptNow(() => parseNameMap(input)),
  },
  {
    name: 'pattern',
    seeds: () => ['a.b', '"A.b".c*', 'a|b', '(a)+?', '[a-c]x{2}', 'f(integer, text)', '\\d+', 'a$'].map(bytesOf),
    tokens: [
      '*',
      '?',
      '.',
      '"',
      '""',
      '|',
      '(',
      ')',
      '[',
      ']',
      '{2}',
      '+',
      '\\',
      '$',
      '^',
      '[[:alpha:]]',
      '(?:',
      '(?=',
      '(?<!',
      '\\m',
      '\\1',
      '***=',
      '{99999}',
    ],
    maxBytes: 40,
    run: (input) => {
      const text = textOf(input)
      for (const kind of ['name', 'schema', 'function'] as const) {
        // a short name: some patterns take exponential time, and it is their author who waits
        attemptNow(() => compilePattern(text, kind).matches('a', 'f(int)'))
      }
    },
  },
  {
    name: 'array-literal',
    seeds: () => ['{}', '{1,2}', '{"a b","c\\"d",NULL}', '{{1},{2}}'].map(bytesOf),
    tokens: ['{', '}', ',', '"', '\\', 'NULL', ' '],
    maxBytes: 65_536,
    run: (input) => void attemptNow(() => arrayElements(textOf(input), 'SJIS')),
  },
  {
    name: 'time-zone',
    seeds: (root) => [
      readFileSync(join(root, 'test/fixtures/zoneinfo/Europe/Berlin')),
      ...['CET-1CEST,M3.5.0,M10.5.0/3', '<-03>3<-02>,M3.5.0/-2,J300/24:00:00', 'EST5EDT,0/0,365'].map(bytesOf),
    ],
    tokens: ['TZif', 'TZif2', 'CET-1CEST,M3.5.0,M10.5.0/3', '<', '>', ',M', ',J', '/', ':', '\n', '167:59:59'],
    maxBytes: 8192,
    run: (input) => {
      attemptNow(() => parseTzif(input))
      attemptNow(() => posixZone(textOf(input)))
    },
  },
]
