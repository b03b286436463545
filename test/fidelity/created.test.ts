import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { create, type ArchiveWriter, type CreateOptions } from '../../src/create.ts'
import { run } from '../helpers/process.ts'
import { servers, withoutServers, type Server } from '../helpers/servers.ts'

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-created-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const version = (minor: number): CreateOptions['archiveVersion'] => ({ major: 1, minor, rev: 0 })

/** What is created, and the oldest server that reads it. */
const kinds: readonly (readonly [name: string, options: CreateOptions, from: number])[] = [
  ['custom', {}, 13],
  ['custom-none-1.12', { compression: 'none', archiveVersion: version(12) }, 13],
  ['custom-gzip-9-1.13', { compression: { method: 'gzip', level: 9 }, archiveVersion: version(13) }, 13],
  ['directory', { format: 'directory' }, 13],
  ['directory-none', { format: 'directory', compression: 'none' }, 13],
  ['tar', { format: 'tar' }, 13],
  ['custom-lz4', { compression: 'lz4' }, 17],
  ['custom-zstd-1.16', { compression: { method: 'zstd', level: 9 }, archiveVersion: version(16) }, 17],
  [
    'directory-lz4-1.16',
    { format: 'directory', compression: { method: 'lz4', level: 9 }, archiveVersion: version(16) },
    17,
  ],
  ['directory-zstd', { format: 'directory', compression: 'zstd' }, 17],
  ['tar-1.16', { format: 'tar', archiveVersion: version(16) }, 17],
  ['custom-gzip-1.16', { archiveVersion: version(16) }, 17],
]

const texts = ['', 'plain', 'tab\there', 'back\\slash', 'line\nfeed\r\n', '\\.', '\\N', 'ünï 日本 🐘', '\b\f\v']

async function* rows(): AsyncGenerator<readonly (string | Uint8Array | null)[]> {
  for (const [index, text] of texts.entries()) yield [String(index), text, null]
  for (let index = 0; index < 20_000; index++) yield [String(1000 + index), Buffer.from(`row ${index}`), `${index / 3}`]
}

/** A schema, two tables of which one needs the other, a view, an index, comments, large objects. */
function fill(archive: ArchiveWriter): void {
  const schema = archive.addEntry({
    desc: 'SCHEMA',
    tag: 'Odd "s"',
    defn: 'CREATE SCHEMA "Odd ""s""";\n',
    dropStmt: 'DROP SCHEMA "Odd ""s""";\n',
  })
  const inSchema = { namespace: 'Odd "s"', owner: 'postgres' } as const
  const table = archive.addEntry({
    ...inSchema,
    desc: 'TABLE',
    tag: 'select',
    defn: 'CREATE TABLE "Odd ""s"""."select" (\n    id integer NOT NULL,\n    "Text" text,\n    n numeric\n);\n',
    dropStmt: 'DROP TABLE "Odd ""s"""."select";\n',
    dependencies: [schema],
  })
  const child = archive.addEntry({
    ...inSchema,
    desc: 'TABLE',
    tag: 'child',
    defn: 'CREATE TABLE "Odd ""s""".child (\n    id integer\n);\n',
    dependencies: [schema],
  })
  const data = archive.addEntry({
    ...inSchema,
    desc: 'TABLE DATA',
    tag: 'select',
    columns: ['id', 'Text', 'n'],
    data: rows(),
    dependencies: [table],
  })
  const childData = archive.addEntry({
    ...inSchema,
    desc: 'TABLE DATA',
    tag: 'child',
    copyStmt: 'COPY "Odd ""s""".child (id) FROM stdin;\n',
    data: [Buffer.from('0\n1'), Buffer.from('\n')],
    dependencies: [child],
  })
  archive.addLargeObjects(
    [
      { oid: 4_000_000_000, data: Buffer.from('high') },
      {
        oid: 90_001,
        data: (function* () {
          for (let part = 0; part < 40; part++) yield Buffer.alloc(5000, part)
        })(),
      },
      { oid: 90_002, data: [] },
    ],
    { owner: 'postgres' },
  )
  const key = archive.addEntry({
    ...inSchema,
    desc: 'CONSTRAINT',
    tag: 'select select_pkey',
    defn: 'ALTER TABLE ONLY "Odd ""s"""."select"\n    ADD CONSTRAINT select_pkey PRIMARY KEY (id);\n',
    dependencies: [table, data],
  })
  archive.addEntry({
    ...inSchema,
    desc: 'FK CONSTRAINT',
    tag: 'child child_id_fkey',
    defn: 'ALTER TABLE ONLY "Odd ""s""".child\n    ADD CONSTRAINT child_id_fkey FOREIGN KEY (id) REFERENCES "Odd ""s"""."select"(id);\n',
    dependencies: [child, key, childData],
  })
  archive.addEntry({
    ...inSchema,
    desc: 'COMMENT',
    tag: 'TABLE "select"',
    defn: `COMMENT ON TABLE "Odd ""s"""."select" IS 'what''s in it';\n`,
    dependencies: [table],
  })
}

const questions = [
  `SELECT md5(string_agg(id || ':' || coalesce("Text", '-') || ':' || coalesce(n::text, '-'), ',' ORDER BY id)) FROM "Odd ""s"""."select"`,
  `SELECT count(*), sum(id) FROM "Odd ""s""".child`,
  `SELECT string_agg(oid || ':' || pg_get_userbyid(lomowner) || ':' || md5(lo_get(oid)), ',' ORDER BY oid) FROM pg_largeobject_metadata`,
  `SELECT string_agg(conname, ',' ORDER BY conname) FROM pg_constraint WHERE connamespace = '"Odd ""s"""'::regnamespace AND contype IN ('p', 'f')`,
  `SELECT obj_description('"Odd ""s"""."select"'::regclass)`,
]

async function restored(server: Server, file: string, jobs: readonly string[]): Promise<string> {
  const database = `pgdmp_created_${server.major}_${process.pid}`
  server.ask([`DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8'`])
  try {
    const outcome = await run(server.pgRestore, ['-e', ...jobs, '-d', server.database(database), file])
    expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 0, stderr: '' })
    return server.ask(questions, database)
  } finally {
    server.ask([`DROP DATABASE ${database}`])
  }
}

if (servers.length === 0) test('what create() makes restores', ({ skip }) => skip(withoutServers))

describe.each(servers.length === 0 ? [] : ['real servers'])('create() restored by %s', () => {
  const answers = new Map<string, string>()
  test.each(kinds)('%s', async (name, options, from) => {
    const file = join(folder, name)
    const archive = await create(file, { dbname: 'created', ...options })
    fill(archive)
    await archive.finish()
    for (const server of servers.filter(({ major }) => major >= from)) {
      for (const jobs of options.format === 'tar' ? [[]] : [[], ['-j', '4']]) {
        answers.set(`${name} in ${server.major} ${jobs.join('')}`, await restored(server, file, jobs))
      }
    }
  })

  test('to the same in every way', () => {
    expect([...new Set(answers.values())]).toEqual([
      expect.stringMatching(
        /^[0-9a-f]{32}\n2\|1\n90001:postgres:[^\n]*,90002:postgres:[^\n]*,4000000000:postgres:[^\n]*\nchild_id_fkey,select_pkey\nwhat's in it\n$/,
      ),
    ])
  })
})
