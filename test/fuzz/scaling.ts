import { Builder } from '../../src/bytes/builder.ts'
import { Coverage } from './coverage.ts'
import { bytesOf } from './target.ts'
import { targets } from './targets/all.ts'

/*
 * What takes too long for its length: inputs that grow in one dimension, at one length and at twice the length. The
 * work is counted in blocks of code that run, so the result is the same on every machine. Prints a line of JSON a case.
 */

interface Case {
  readonly name: string
  readonly target: string
  readonly make: (size: number) => Uint8Array
  readonly size: number
}

interface Fields {
  readonly desc?: string
  readonly tag?: string
  readonly defn?: string
  readonly copyStmt?: string
  readonly dependencies?: readonly number[]
}

/** A custom archive of version 1.14 with these entries, without data. */
function archive(entries: readonly Fields[]): Uint8Array {
  const out = new Builder({ intSize: 4, offSize: 8, signByte: true })
  const str = (text: string | null): void => out.writeStr(text === null ? null : bytesOf(text))
  out.writeBytes(bytesOf('PGDMP\x01\x0e\x00\x04\x08\x01'))
  out.writeInt(0)
  for (const field of [0, 0, 12, 29, 1, 124, 0]) out.writeInt(field)
  for (const value of ['db', '15.18', '15.18']) str(value)
  out.writeInt(entries.length)
  for (const [index, { desc = 'TABLE', tag = 't', defn = '', copyStmt = '', dependencies = [] }] of entries.entries()) {
    out.writeInt(index + 1)
    out.writeInt(0)
    for (const value of ['0', '0', tag, desc]) str(value)
    out.writeInt(2)
    for (const value of [defn, '', copyStmt, 'app', null, null, 'bob', 'false']) str(value)
    for (const id of dependencies) str(String(id))
    str(null)
    out.writeOffset('no-data', 0)
  }
  return out.bytes()
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))
const one = (fields: Fields): Uint8Array => archive([fields])

const cases: readonly Case[] = [
  ...([
    ['entries', (size) => archive(times(size, (index) => ({ tag: `t${index}` })))],
    // from where what is kept of types, about a thousand of them, is full
    ['types', (size) => archive(times(size, (index) => ({ desc: `TYPE ${index}` })))],
    ['types of one hash', (size) => archive(times(size, (index) => ({ desc: [...index.toString(2).padStart(16, '0')].map((bit) => (bit === '0' ? 'Aa' : 'BB')).join('') })))],
    ['dependencies', (size) => one({ dependencies: times(size, (index) => index) })],
    ['a chain of dependencies', (size) => archive(times(size, (index) => ({ dependencies: [index + 2] })))],
    ['a circle of dependencies', (size) => archive(times(size, (index) => ({ dependencies: [((index + 1) % size) + 1] })))],
    ['a circle of tables that all need one', (size) => archive(times(size, (index) => ({ tag: `t${index}`, defn: 'SELECT 1;', dependencies: [((index + 1) % size) + 1, 1] })))],
    ['a chain of tables', (size) => archive(times(size, (index) => ({ tag: `t${size - index}`, defn: 'SELECT 1;', dependencies: [index + 2] })))],
    ['grants on one object', (size) => archive([{ desc: 'BLOB', tag: '5' }, ...times(size, () => ({ desc: 'ACL', tag: 'LARGE OBJECT 5', dependencies: [1], defn: 'GRANT ALL ON LARGE OBJECT 5 TO bob;\n' }))])],
    ['a definition of statements', (size) => one({ defn: 'ALTER TABLE app.t OWNER TO bob;\n'.repeat(size) })],
    ['a definition of names', (size) => one({ defn: `CREATE VIEW app.v AS SELECT ${'app.t.c, '.repeat(size)}1;\n` })],
    ['parentheses', (size) => one({ defn: `CREATE VIEW app.v AS SELECT ${'('.repeat(size)}app.f(1)${')'.repeat(size)};\n` })],
    ['dots', (size) => one({ defn: `CREATE VIEW app.v AS SELECT ${'a.'.repeat(size)}b;\n` })],
    ['a body that mentions', (size) => one({ desc: 'FUNCTION', tag: 'f()', defn: `CREATE FUNCTION app.f() RETURNS void LANGUAGE sql AS $$ ${'SELECT app.f(); '.repeat(size)} $$;\n` })],
    ['strings that read like names', (size) => one({ defn: `CREATE VIEW app.v AS SELECT ${times(size, (index) => `'app.t${index}', `).join('')}1;\n` })],
    ['roles', (size) => one({ desc: 'ACL', tag: 'TABLE t', defn: times(size, (index) => `GRANT ALL ON TABLE app.t TO r${index};\n`).join('') })],
    ['columns', (size) => one({ desc: 'TABLE DATA', copyStmt: `COPY app.t (${times(size, (index) => `c${index}`).join(', ')}) FROM stdin;\n` })],
    ['a long tag', (size) => one({ tag: 'app."x'.repeat(size) })],
  ] as const satisfies readonly (readonly [string, (size: number) => Uint8Array])[]).map(([name, make]) => ({ name, target: 'toc', make, size: name === 'types' ? 1600 : 400 })),
  ...([
    ['comments within comments', (size) => `/*${'/*'.repeat(size)}`],
    ['comments that close', (size) => `${'/*'.repeat(size)}${'*/'.repeat(size)}`],
    ['quotes', (size) => "'".repeat(size)],
    ['dollar quotes that stay open', (size) => times(size, (index) => `$a${index}$ `).join('')],
    ['dollars', (size) => '$'.repeat(size)],
    ['operators', (size) => '+-*/<>'.repeat(size)],
    ['backslashes', (size) => `E'${'\\'.repeat(size)}`],
    ['semicolons', (size) => ';'.repeat(size)],
    ['bodies', (size) => 'CREATE FUNCTION f() BEGIN ATOMIC '.repeat(size)],
    ['names in quotes', (size) => '"a""'.repeat(size)],
    ['strings on several lines', (size) => "'a'\n".repeat(size)],
  ] as const satisfies readonly (readonly [string, (size: number) => string])[]).map(([name, make]) => ({ name, target: 'sql-lexer', make: (size: number) => bytesOf(`\0${make(size)}`), size: 1000 })),
  { name: 'numbers', target: 'list-file', make: (size) => bytesOf('12; 3 4 TABLE a b\n'.repeat(size)), size: 1000 },
  { name: 'NULs', target: 'list-file', make: (size) => bytesOf('\0\n'.repeat(size)), size: 1000 },
  { name: 'one line', target: 'list-file', make: (size) => bytesOf('1 '.repeat(size)), size: 1000 },
  { name: 'items', target: 'filter-file', make: (size) => bytesOf('include table a\n'.repeat(size)), size: 1000 },
  { name: 'an open quote', target: 'filter-file', make: (size) => bytesOf(`include table "${'a\n'.repeat(size)}`), size: 1000 },
  { name: 'quotes', target: 'filter-file', make: (size) => bytesOf(`include table ${'""'.repeat(size)}`), size: 1000 },
  { name: 'pairs', target: 'name-map', make: (size) => bytesOf(times(size, (index) => `a${index}=b\n`).join('')), size: 1000 },
  { name: 'blanks', target: 'name-map', make: (size) => bytesOf(`a${' '.repeat(size)}=b`), size: 1000 },
  { name: 'quotes', target: 'name-map', make: (size) => bytesOf(`"${'""'.repeat(size)}`), size: 1000 },
  { name: 'braces', target: 'array-literal', make: (size) => bytesOf('{'.repeat(size)), size: 1000 },
  { name: 'members', target: 'array-literal', make: (size) => bytesOf(`{${'"a",'.repeat(size)}1}`), size: 1000 },
] // prettier-ignore

const coverage = new Coverage(import.meta.url)

async function measure({ target, make, size }: Case): Promise<{ work: number[]; ms: number[] }> {
  const run = targets.find(({ name }) => name === target)?.run
  if (run === undefined) throw new Error(`There is no target ${target}`)
  const measured: { work: number[]; ms: number[] } = { work: [], ms: [] }
  for (const factor of [1, 1, 2, 4]) {
    const input = make(size * factor)
    coverage.skip()
    const start = performance.now()
    await run(input)
    measured.ms.push(performance.now() - start)
    measured.work.push(coverage.work())
  }
  return measured
}

for (const each of cases) {
  const { work, ms } = await measure(each)
  console.log(
    JSON.stringify({ name: `${each.target}: ${each.name}`, work: work.slice(1), ms: ms.slice(1).map(Math.round) }),
  )
}
