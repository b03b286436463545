import { describe, expect, test } from 'vitest'
import { compileRegex } from '../../src/ops/regex.ts'
import { Random } from '../fuzz/random.ts'
import { servers, withoutServers } from '../helpers/servers.ts'

/*
 * Regular expressions as patterns hold them, compared with what the servers match. What psql makes of a pattern
 * (patternToSQLRegex) has a group around it and anchors. What is a letter depends on a database's locale: there it is
 * what Unicode says.
 */

const seed = Number(process.env['PGDMP_SEED'] ?? 20_261_127)
const count = Number(process.env['PGDMP_PATTERNS'] ?? 400)

const atoms = ['a', 'b', 'ab', '.', '[ab]', '[^a]', '[[:alpha:]_]', '[[.-.]a]', '_', 'ä', '1', '{', ']', '}', String.raw`\.`, String.raw`\d`, String.raw`\w`, String.raw`\s`, String.raw`\my`, String.raw`\y`, String.raw`\m`, '^', String.raw`\x61`, String.raw`\u0062`, String.raw`\-`, String.raw`[\w]`, '()'] // prettier-ignore
const bounds = ['', '', '', '*', '+', '?', '{2}', '{1,}', '{0,2}', '{0}', '{256}', '{3,1}']
const characters = ['a', 'b', 'ab', '_', 'ä', '1', '-', '.', ' ', '{', '}', ']', 'y']

function regexOf(random: Random, depth: number): string {
  const pieces = Array.from({ length: random.below(4) }, () => {
    const inner = depth > 0 && random.below(3) === 0 ? `(${regexOf(random, depth - 1)})` : random.pick(atoms)
    return `${inner}${random.pick(bounds)}`
  })
  return `${pieces.join('')}${depth > 0 && random.below(4) === 0 ? `|${regexOf(random, depth - 1)}` : ''}`
}

/** References to groups that match something. */
const referring = [
  String.raw`(a|b)\2`,
  String.raw`(a|b)+\2`,
  String.raw`(.*)_\2`,
  String.raw`((a)|b)+\3`,
  String.raw`(a+)(b+)\3\2`,
  String.raw`(a)()()()()()()()()(b)\11`,
  String.raw`(a*)*\2b`,
  String.raw`(|a)+\2b`,
  String.raw`(a*)+\2b`,
  String.raw`((a*)*b)*\3`,
  String.raw`(a|b)\1`,
  String.raw`\2(a)`,
  String.raw`(a\2)`,
  String.raw`a\12`,
  String.raw`a\0`,
  String.raw`a\141`,
  String.raw`(.)(.)\3\2`,
]

function ours(regex: string, texts: readonly string[]): string {
  try {
    const matches = compileRegex(regex)
    return texts.map((text) => (matches(text) ? 't' : 'f')).join('')
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return 'refused'
  }
}

if (servers.length === 0) test('patterns, as servers match them', ({ skip }) => skip(withoutServers))

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

describe.each(servers)('regular expressions, as server $major matches them', ({ ask }) => {
  test(`of seed ${seed}`, { timeout: 60_000 }, () => {
    const random = new Random(seed)
    const regexes = [...Array.from({ length: count }, () => regexOf(random, 2)), ...referring]
    const texts = ['', ...Array.from({ length: 40 }, () => Array.from({ length: 1 + random.below(5) }, () => random.pick(characters)).join(''))] // prettier-ignore
    const answer = ask([
      `CREATE FUNCTION pg_temp.matching(regex text, texts text[]) RETURNS text LANGUAGE plpgsql AS $$
       BEGIN
         RETURN (SELECT string_agg(CASE WHEN t ~ regex COLLATE "und-x-icu" THEN 't' ELSE 'f' END, '' ORDER BY n)
                 FROM unnest(texts) WITH ORDINALITY AS u (t, n));
       EXCEPTION WHEN invalid_regular_expression THEN RETURN 'refused';
       END $$`,
      `SELECT pg_temp.matching('^(' || regex || ')$', ARRAY[${texts.map(quoted).join(',')}])
       FROM unnest(ARRAY[${regexes.map(quoted).join(',')}]) WITH ORDINALITY AS u (regex, n) ORDER BY n`,
    ])
    const theirs = answer.trimEnd().split('\n')
    expect(theirs.length).toBe(regexes.length)
    const other = regexes.flatMap((regex, index) => {
      const found = ours(regex, texts)
      return found === theirs[index] ? [] : [{ regex, ours: found, theirs: theirs[index] }]
    })
    expect(other).toEqual([])
    expect(theirs.some((each) => each.includes('t'))).toBe(true)
  })
})
