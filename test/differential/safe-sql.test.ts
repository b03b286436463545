import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { findUnsafeSql, open, toSql, type SqlOptions } from '../../src/index.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers, type Server } from '../helpers/servers.ts'
import { copyEnd, dataBlock, tocBytes, concat, type BuiltEntry } from '../unit/format/build-archive.ts'

/*
 * Scripts of hostile archives are fed to the real psql. What it does besides sending them shows in a file that it makes:
 * each script tries to run `touch` by a command of psql's own.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-safe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An entry of a hostile archive: SQL, or a COPY statement and rows. */
type Part = string | { readonly copyStmt: string | null; readonly data: string } | BuiltEntry

interface Shape {
  readonly name: string
  readonly parts: readonly Part[]
  readonly options?: SqlOptions
}

const touch = String.raw`\! touch @`
const quoted = (text: string): string => `SELECT '${text}';\n`

function archiveOf(parts: readonly Part[], mark: string): Uint8Array {
  const marked = (text: string): string => text.replaceAll('@', mark)
  const blocks: Uint8Array[] = []
  const settings = parts.includes(off) ? [] : [on]
  const entries = [...settings, ...parts].map((part, at): BuiltEntry => {
    const dumpId = at + 1
    if (typeof part === 'string') return { dumpId, desc: 'TABLE', defn: marked(part), copyStmt: null, offset: null }
    if (!('data' in part)) {
      const { desc = '', tag = 't', defn = '' } = part
      const { dumpId: ownId } = part
      return { dumpId: ownId, tag, desc: marked(desc), defn: marked(defn), copyStmt: null, offset: null }
    }
    blocks.push(dataBlock(dumpId, marked(part.data)))
    return { dumpId, desc: 'TABLE DATA', copyStmt: part.copyStmt === null ? null : marked(part.copyStmt) }
  })
  return concat(tocBytes(entries), ...blocks)
}

const table = 'CREATE TEMPORARY TABLE t (x text);\n'
const copy = 'COPY t (x) FROM stdin;\n'
const setting = (desc: string, defn: string): BuiltEntry => ({ dumpId: 900 + desc.length, desc, tag: desc, defn })
const sjis = setting('ENCODING', "SET client_encoding = 'SJIS';\n")
const sjisAlias = setting('ENCODING', "SET client_encoding = 'ms-kanji';\n")
const on = setting('STDSTRINGS', "SET standard_conforming_strings = 'on';\n")
const off = setting('STDSTRINGS', "SET standard_conforming_strings = 'off';\n")
/** In UTF-8 a character, in SJIS one and the first half of another. */
const half = '\u0081'

/** What some release of psql takes for a command of its own. */
const attacks: readonly Shape[] = [
  { name: 'a line of its own', parts: [`${touch}\n`] },
  { name: 'behind a statement', parts: [`SELECT 1; ${touch}\n`] },
  { name: 'within a statement', parts: [`SELECT 1 ${touch}\n;\n`] },
  { name: 'an argument in back quotes', parts: ['\\echo `touch @`\n'] },
  { name: 'output to a program', parts: [`\\o |touch @\nSELECT 1;\n`] },
  { name: 'a key word in back quotes', parts: ['SELECT 1;\n\\unrestrict `touch @`\n'] },
  { name: 'behind a comment', parts: [`/* a /* b */ c */ ${touch}\n`] },
  { name: 'behind a comment that a carriage return ends', parts: [`-- a\r${touch}\n`] },
  { name: 'behind an escape that a plain string does not have', parts: [`SELECT 'a\\' ${touch}\n;\n`] },
  { name: 'behind an escaped string', parts: [`SELECT E'a\\'b' ${touch}\n;\n`] },
  { name: 'behind a name', parts: [`SELECT 1 AS "a""b" ${touch}\n;\n`] },
  { name: 'behind a dollar quote', parts: [`SELECT $a$ $b$ $a$ ${touch}\n;\n`] },
  { name: 'a dollar that is part of a name', parts: [`SELECT 1 AS a$$ ${touch}\n;SELECT 1 AS b$$;\n`] },
  { name: 'letters behind a parameter', parts: [`SELECT $1a$$ ${touch}\n$$;\n`] },
  { name: 'letters behind a number', parts: [`SELECT 1a$$ ${touch}\n$$;\n`] },
  { name: 'an exponent that is a prefix', parts: [`SELECT 1e'\\' ${touch}\n';\n`, quoted(touch)] },
  { name: 'a string that the next entry ends', parts: ["SELECT 'a\n", `SELECT '\n${touch}\n';\n`] },
  { name: 'a comment that the next entry ends', parts: ['/*\n', `SELECT '*/\n${touch}\n';\n`] },
  {
    name: 'rows behind a statement that does not end',
    parts: [table, 'SELECT 1', { copyStmt: copy, data: `${touch}\n${copyEnd}` }],
  },
  {
    name: 'rows behind a parenthesis',
    parts: [table, 'SELECT (1;\n', { copyStmt: copy, data: `a\\\n${touch}\n${copyEnd}` }],
  },
  { name: 'text behind the end of rows', parts: [table, { copyStmt: copy, data: `a\n\\.\n${touch}\n${copyEnd}` }] },
  {
    name: 'text behind an end of rows in DOS lines',
    parts: [table, { copyStmt: copy, data: `a\n\\.\r\n${touch}\n${copyEnd}` }],
  },
  {
    name: 'rows of a COPY that fails',
    parts: [{ copyStmt: 'COPY no_such_table (x) FROM stdin;\n', data: `${touch}\n${copyEnd}` }],
  },
  { name: 'rows of no COPY', parts: [{ copyStmt: 'SELECT 1;\n', data: `${touch}\n${copyEnd}` }] },
  { name: 'statements instead of rows', parts: [{ copyStmt: null, data: `SELECT 1;\n${touch}\n\n` }] },
  {
    name: 'a COPY statement with more',
    parts: [table, { copyStmt: `SELECT 1; ${touch}\n${copy}`, data: `a\n${copyEnd}` }],
  },
  {
    name: 'a COPY that takes quoted text for rows',
    parts: [`${table}COPY t FROM stdin;\n`, quoted(`\n\\.\n${touch}\n`)],
  },
  {
    name: 'a COPY within a parenthesis',
    parts: [`${table}SELECT 1; COPY t FROM stdin;\n`, quoted(`\n\\.\n${touch}\n`)],
  },
  {
    name: 'strings change their kind',
    parts: ['SET standard_conforming_strings = off;\n', `SELECT 'a\\', ' ${touch}\n';\n`],
  },
  {
    name: 'strings change their kind by a function',
    parts: [`SELECT set_config('standard_conforming_strings', 'off', false);\n`, `SELECT 'a\\', ' ${touch}\n';\n`],
  },
  {
    name: 'strings change their kind in a block',
    parts: [`DO $$ BEGIN SET standard_conforming_strings = off; END $$;\n`, `SELECT 'a\\', ' ${touch}\n';\n`],
  },
  { name: 'an archive whose strings have escapes', parts: [off, `SELECT 'a\\'', ${touch}\n;\n`] },
  { name: 'a character that takes in a quote', parts: [sjis, `SELECT '${half}', ' ${touch}\n';\n`] },
  { name: 'the same by another name of the encoding', parts: [sjisAlias, `SELECT '${half}', ' ${touch}\n';\n`] },
  { name: 'the encoding changes', parts: ["SET client_encoding = 'SJIS';\n", `SELECT '${half}', ' ${touch}\n';\n`] },
  {
    name: 'the encoding changes by its other name',
    parts: ["SET NAMES 'SJIS';\n", `SELECT '${half}', ' ${touch}\n';\n`],
  },
  {
    name: 'a value of a variable',
    parts: [`DO $$ BEGIN RAISE EXCEPTION E'\\\\! touch @ \\n'; END $$;\n`, 'SELECT :LAST_ERROR_MESSAGE\n;\n'],
  },
  {
    name: 'a value of a variable in a slice',
    parts: [
      `DO $$ BEGIN RAISE EXCEPTION E'\\\\! touch @ \\n'; END $$;\n`,
      'SELECT (ARRAY[1])[1:LAST_ERROR_MESSAGE\n];\n',
    ],
  },
  {
    name: 'a NUL',
    parts: [
      `SELECT 'a\0';
SELECT ' ${touch}
';
`,
    ],
  },
  {
    name: 'a type with a line break',
    parts: [{ dumpId: 5, desc: `TABLE\n${touch}\n`, defn: 'SELECT 1;\n' }],
    options: { asPgRestore: true },
  },
  { name: 'a drop', parts: [{ dumpId: 5, desc: 'FUNCTION', defn: `SELECT 1; ${touch}\n` }], options: { clean: true } },
  { name: 'a search path', parts: [setting('SEARCHPATH', `SELECT 1;\n${touch}\n`), 'SELECT 1;\n'] },
]

/** The same text where psql only sends it. */
const harmless: readonly Shape[] = [
  { name: 'a string', parts: [quoted(touch)] },
  { name: 'a string over lines', parts: [quoted(`\n${touch}\n`)] },
  { name: 'a string with an escape and a quote', parts: [`SELECT E'\\'\n${touch}\n';\n`] },
  { name: 'a dollar quote', parts: [`SELECT $a$\n${touch}\n$$ $b$ ' " $a$;\n`] },
  { name: 'a name', parts: [`SELECT 1 AS "\n${touch}\n";\n`] },
  { name: 'comments', parts: [`-- ${touch}\n/* /* \n${touch}\n*/ ${touch} */ SELECT 1;\n`] },
  { name: 'rows', parts: [table, { copyStmt: copy, data: `\\${touch}\n\\\\.\n\\N\n${copyEnd}` }] },
  { name: 'statements instead of rows', parts: [{ copyStmt: null, data: `INSERT INTO t VALUES ('${touch}');\n\n` }] },
  { name: 'a function', parts: [`CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS $_$ SELECT $1 $_$;\n`] },
  { name: 'a rule', parts: [`CREATE RULE r AS ON INSERT TO t DO ALSO ( SELECT 1; SELECT 2; );\n`] },
  {
    name: 'slices and casts',
    parts: ["SELECT (ARRAY[1,2])[1:2], '1'::int, (ARRAY[1])[1:n] FROM (SELECT 1 AS n) x;\n"],
  },
  { name: 'a type with a line break', parts: [{ dumpId: 5, desc: `TABLE\n${touch}\n`, defn: 'SELECT 1;\n' }] },
  {
    name: 'characters that take in quotes',
    parts: [sjis, `SELECT 'a${half}' ${touch}\n', '${half}' ${touch}\n';\n`],
  },
  { name: 'a character that ends in a backslash', parts: [sjis, `SELECT '${half}\\', '${touch}';\n`] },
]

let count = 0

async function runsIn(server: Server, { parts, options }: Shape): Promise<boolean> {
  const mark = join(folder, `mark-${count++}`)
  await using archive = await open(archiveOf(parts, mark))
  const script = `${mark}.sql`
  const text = await toSql(archive, { ...options, restrictKey: false }).bytes()
  writeFileSync(script, text)
  const args = ['-X', '-q', '-o', '/dev/null', '-d', server.database('postgres'), '-f', script]
  await run(server.psql, args, { env: { PGCLIENTENCODING: 'UTF8' } })
  return existsSync(mark)
}

async function refusal({ parts, options }: Shape): Promise<unknown> {
  await using archive = await open(archiveOf(parts, '/nowhere'))
  try {
    await toSql(archive, { ...options, safe: true }).bytes()
    return undefined
  } catch (error) {
    return error
  }
}

async function findings({ parts, options }: Shape): Promise<string[]> {
  await using archive = await open(archiveOf(parts, '/nowhere'))
  const messages: string[] = []
  for await (const { message } of findUnsafeSql(archive, options)) messages.push(message)
  return messages
}

if (servers.length === 0) test('what safe writes is only sent', ({ skip }) => skip(withoutServers))

describe.skipIf(servers.length === 0)('psql', () => {
  test.each(attacks)('runs a command for $name, and safe refuses to write it', { timeout: 60_000 }, async (shape) => {
    const ran = await Promise.all(servers.map((server) => runsIn(server, shape)))
    expect(await refusal(shape)).toMatchObject({ code: 'UNSAFE_SQL' })
    expect(await findings(shape)).not.toEqual([])
    expect(ran).toContain(true)
  })

  test.each(harmless)('runs nothing for $name, and safe writes it', { timeout: 60_000 }, async (shape) => {
    const ran = await Promise.all(servers.map((server) => runsIn(server, shape)))
    expect(await refusal(shape)).toBeUndefined()
    expect(await findings(shape)).toEqual([])
    expect(ran).not.toContain(true)
  })

  test('runs nothing of what safe writes, whatever it is put together from', { timeout: 600_000 }, async () => {
    let seed = Number(process.env['PGDMP_SEED'] ?? 20_261_127)
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    const pieces = [
      "'",
      "''",
      "E'",
      "e'",
      "B'",
      "x'",
      "U&'",
      "N'",
      '"',
      'U&"',
      '$$',
      '$a$',
      '$1',
      '$',
      '1',
      '1e',
      '0x',
      'a',
      'a$',
    ].concat([
      '--',
      '/*',
      '*/',
      '\n',
      '\r',
      ' ',
      ';',
      '(',
      ')',
      '\\',
      "\\'",
      ':',
      '::',
      ':=',
      `\n${touch}\n`,
      `${touch}\n`,
      half,
      'SELECT',
      ',',
    ])
    let written = 0
    const runs = Number(process.env['PGDMP_SAFE_RUNS'] ?? 400)
    for (let at = 0; at < runs; at++) {
      const off_ = random(4) === 0 ? [off] : []
      const text = Array.from({ length: 4 + random(12) }, () => pieces[random(pieces.length)]).join('')
      const closing = ["';\n", '";\n', '$$;\n', '$a$;\n', '*/;\n', ';\n'][random(6)] ?? ''
      const shape = { name: text, parts: [...off_, `SELECT ${text}${closing}`] }
      if ((await refusal(shape)) !== undefined || !text.includes('touch')) continue
      written++
      for (const server of servers) expect([text, await runsIn(server, shape)]).toEqual([text, false])
    }
    expect(written).toBeGreaterThan(5)
  })
})
