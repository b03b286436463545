import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { open } from '../../../src/archive.ts'
import { pgliteTarget, type PGliteTarget } from '../../../src/restore/pglite.ts'
import { restore } from '../../../src/restore/restore.ts'
import { ServerError } from '../../../src/restore/target.ts'
import { fixture } from '../../helpers/corpus.ts'

let database: PGlite
let target: PGliteTarget
const notices: string[] = []

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1')
const run = (sql: string): Promise<void> => target.query(utf8(sql))

beforeAll(async () => {
  database = await PGlite.create()
  target = pgliteTarget(database, { onNotice: ({ message }) => void notices.push(message) })
})

afterAll(() => database.close())

beforeEach(async () => {
  await run("SET client_encoding = 'UTF8';\n")
  await run('DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET search_path = public')
})

/** Copies the pieces, and gives what went wrong. */
async function copy(pieces: readonly Uint8Array[], statement = 'COPY t FROM stdin;\n'): Promise<unknown> {
  try {
    const input = await target.copyFrom(utf8(statement))
    for (const piece of pieces) await input.write(piece)
    await input.end()
    return undefined
  } catch (error) {
    return error
  }
}

async function readBack(statement: string): Promise<string> {
  let text = ''
  await target.copyTo(utf8(statement), (bytes) => {
    text += new TextDecoder().decode(bytes)
  })
  return text
}

const one = async (sql: string): Promise<string | null | undefined> => (await target.rows(sql))[0]?.[0]

test('query() tells what the server refused, and the session goes on', async () => {
  const error = await target.query(utf8('SELECT 1; SELECT nothing FROM nowhere')).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ServerError)
  expect(error).toMatchObject({
    message: 'relation "nowhere" does not exist',
    severity: 'ERROR',
    sqlState: '42P01',
    position: 31,
  })
  expect(await target.rows("SELECT NULL, '', 'ü'")).toEqual([[null, '', 'ü']])
})

test('query() of a COPY that wants rows is an error, not the end of the process', async () => {
  await run('CREATE TABLE t (a integer)')
  await expect(run('COPY t FROM stdin; COPY t FROM stdin')).rejects.toThrow('COPY from stdin failed')
  expect(await one('SELECT count(*) FROM t')).toBe('0')
})

test('query() hands on notices', async () => {
  notices.length = 0
  await run("DO $$BEGIN RAISE NOTICE 'hear'; END$$")
  expect(notices).toEqual(['hear'])
})

test.each(['RESET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION DEFAULT'])(
  'query() is the first user again after %s, as on a server',
  async (reset) => {
    await run('DROP ROLE IF EXISTS "some body"; CREATE ROLE "some body"')
    await run('SET SESSION AUTHORIZATION "some body"')
    expect(await one('SELECT session_user')).toBe('some body')
    await run(`${reset};\n`)
    expect(await one('SELECT session_user')).toBe('postgres')
    await run(`SET SESSION AUTHORIZATION "some body";\nSELECT 1;\n${reset};\n`)
    expect(await one('SELECT session_user')).toBe('postgres')
    // said within a string, it is nothing
    await run(`SET SESSION AUTHORIZATION "some body"; SELECT '\n${reset};\n'`)
    expect(await one('SELECT session_user')).toBe('some body')
    await run(reset)
  },
)

test('copyFrom() takes rows up to the line that ends them, however they are cut', async () => {
  await run('CREATE TABLE t (a text)')
  const rows = utf8('one\ntwo \\\\.\n\\.\n\n\n')
  for (let cut = 0; cut <= rows.length; cut++) {
    expect(await copy([rows.slice(0, cut), rows.slice(cut)])).toBeUndefined()
    expect(await readBack('COPY t TO STDOUT')).toBe('one\ntwo \\\\.\n')
    await run('TRUNCATE t')
  }
})

test('copyFrom() tells what is wrong before it takes rows', async () => {
  await expect(target.copyFrom(utf8('COPY missing FROM stdin'))).rejects.toMatchObject({ sqlState: '42P01' })
  await expect(target.copyFrom(utf8('SELECT 1'))).rejects.toMatchObject({ sqlState: '42601' })
})

test('copyFrom() of more than one message takes all rows or none, and names the line in all of them', async () => {
  await run('CREATE TABLE t (a integer, b text)')
  const long = 'x'.repeat(1000)
  const rows = Array.from({ length: 5000 }, (_, index) => `${index}\t${long}\n`)
  const pieces = (lines: readonly string[]): Uint8Array[] => {
    const all = utf8(lines.join(''))
    return Array.from({ length: Math.ceil(all.length / 65_536) }, (_, at) => all.slice(at * 65_536, (at + 1) * 65_536))
  }
  const broken = [...rows.slice(0, 4500), 'none\tx\n', ...rows.slice(4500)]
  const error = await copy(pieces(broken))
  expect(error).toMatchObject({ sqlState: '22P02', context: 'COPY t, line 4501, column a: "none"' })
  expect(await one('SELECT count(*) FROM t')).toBe('0')
  expect(database.isInTransaction()).toBe(false)

  expect(await copy(pieces(rows))).toBeUndefined()
  expect(await target.rows('SELECT count(*), sum(a), min(length(b)) FROM t')).toEqual([['5000', '12497500', '1000']])
  expect(database.isInTransaction()).toBe(false)
})

test('copyFrom() leaves a transaction that was open to who began it', async () => {
  await run('CREATE TABLE t (a integer)')
  await run('BEGIN')
  expect(await copy([utf8('1\n')])).toBeUndefined()
  expect(database.isInTransaction()).toBe(true)
  await run('ROLLBACK')
  expect(await one('SELECT count(*) FROM t')).toBe('0')
})

test('abort() leaves no rows', async () => {
  await run('CREATE TABLE t (a text)')
  const input = await target.copyFrom(utf8('COPY t FROM stdin'))
  await input.write(utf8('row of some bytes\n'.repeat(300_000)))
  await input.abort('the data cannot be read')
  expect(await one('SELECT count(*) FROM t')).toBe('0')
  expect(database.isInTransaction()).toBe(false)
})

test('statements and rows in another encoding are converted', async () => {
  await run("SET client_encoding = 'LATIN1';\n")
  await target.query(latin1('CREATE TABLE "tür" (a text); INSERT INTO "tür" VALUES (\'é\')'))
  const input = await target.copyFrom(latin1('COPY "tür" FROM stdin'))
  await input.write(latin1('ß\n\\.\n'))
  await input.end()
  await run("SET client_encoding = 'UTF8';\n")
  expect(await readBack('COPY "tür" TO STDOUT')).toBe('é\nß\n')

  await run("SET client_encoding = 'WIN1251';\n")
  const bad = await target
    .query(Uint8Array.from([...utf8("SELECT '"), 0x98, ...utf8("'")]))
    .catch((error: unknown) => error)
  expect(bad).toMatchObject({ sqlState: '22P05', message: expect.stringContaining('0x98 in encoding "WIN1251"') })
})

test('an encoding that nobody here converts is refused by name', async () => {
  await expect(run("SET client_encoding = 'SJIS';\n")).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringContaining('SJIS'),
  })
})

test('restore() of an archive in LATIN1 leaves its text in UTF8', async () => {
  await run('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  await using archive = await open(fixture('15/latin1-Fc.dump').file)
  const { failed, failures } = await restore(archive, target, { noOwner: true })
  expect(failures.map(({ error }) => error.message)).toEqual([])
  expect(failed).toBe(0)
  const entry = archive.toc.find(({ desc }) => desc === 'TABLE DATA')
  if (entry === undefined) throw new Error('the fixture has no table')
  const stored = Buffer.from(await archive.data(entry).bytes())
    .toString('latin1')
    .split('\\.\n')[0]
  await run("SET client_encoding = 'UTF8';\n")
  const columns = (entry.copyStmt ?? '').replace(/ FROM stdin;\s*$/, ' TO STDOUT')
  expect(await readBack(columns)).toBe(stored)
})
