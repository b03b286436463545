import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Archive, Finding, Selection, SqlOptions } from '../../src/index.ts'
import { allArchives, corpusRoot, withoutCorpus } from '../helpers/corpus.ts'
import { TargetAdapter } from '../../src/sql/target.ts'
import { contentsOf, entryName } from '../helpers/contents.ts'
import { entryOf } from '../helpers/entries.ts'
import { partOf } from '../helpers/part.ts'
import { shipped } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import type { Server } from '../helpers/servers.ts'
import { dropDatabase, inNewDatabase, otherServers, serverOf, servers, withoutServers } from '../helpers/servers.ts'

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-target-'))
/** What the archives take for granted, being no part of a database. */
const roles = ['alice', 'bob', 'Odd Role', 'rôle "quoted" \\ ü', 'readers', 'writers']
const tablespace = 'ks_space'
/** Commands that take away again what this test made, by server. */
const leftovers = new Map<Server, string[]>()

const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
const literal = (text: string): string => `E'${text.replaceAll(/['\\]/g, '\\$&')}'`

beforeAll(() => {
  for (const server of [...servers, ...otherServers]) {
    const made: string[] = []
    leftovers.set(server, made)
    for (const role of roles) {
      if (server.ask([`SELECT 1 FROM pg_roles WHERE rolname = ${literal(role)}`]) !== '') continue
      server.ask([`CREATE ROLE ${identifier(role)}`])
      made.unshift(`DROP ROLE ${identifier(role)}`)
    }
    if (server.ask([`SELECT 1 FROM pg_tablespace WHERE spcname = '${tablespace}'`]) !== '') continue
    // In place: no folder is needed that the server may write to
    server.ask(['SET allow_in_place_tablespaces = on', `CREATE TABLESPACE ${tablespace} LOCATION ''`])
    made.push(`DROP TABLESPACE ${tablespace}`)
  }
})

afterAll(() => {
  for (const [server, commands] of leftovers) for (const command of commands) server.ask([command])
  rmSync(scratch, { recursive: true })
})

let count = 0

interface Script {
  readonly file: string
  readonly text: string
  readonly findings: readonly Finding[]
}

/** The archive as SQL for the server, in a file. The labels belong to a provider that no package has. */
async function write(
  archive: Archive,
  target: number,
  selection: Selection,
  options: SqlOptions = {},
): Promise<Script> {
  const { filter, toSql } = await shipped()
  const findings: Finding[] = []
  const view = filter(archive, { ...selection, noSecurityLabels: true })
  const stream = toSql(view, {
    ...options,
    targetVersion: String(target),
    // what psql of 13.16 and older releases does not know
    ...(target <= 13 ? { restrictKey: false } : {}),
    onWarning: (finding) => findings.push(finding),
  })
  const bytes = await stream.bytes({ maxBytes: Infinity })
  const file = join(scratch, `${count++}.sql`)
  writeFileSync(file, bytes)
  return { file, text: Buffer.from(bytes).toString('latin1'), findings }
}

/** What psql says to the script: its status, and the number of each line that the server refuses. */
async function psql(
  server: Server,
  script: Script,
  database: string,
  ...options: string[]
): Promise<{ status: number | null; refused: number[]; stderr: string }> {
  const args = ['-X', '-q', ...options, '-f', script.file, '-d', server.database(database)]
  const { status, stderr } = await run(server.psql, args, { timeout: 120_000 })
  const refused = [...stderr.matchAll(/^psql:[^\n]*?\.sql:(\d+): (?:ERROR|FATAL|error): .*$/gm)].map((match) =>
    Number(match[1]),
  )
  return { status, refused, stderr }
}

/** The entries whose statements stand at these lines (from 1) of a verbose script. */
function entriesAt(script: Script, lines: readonly number[]): Set<number> {
  const entries = new Set<number>()
  const text = script.text.split('\n')
  for (const line of lines) {
    let at = line - 1
    while (at >= 0 && !/^-- TOC entry \d/.test(text[at] ?? '')) at--
    entries.add(Number(/\d+/.exec(text[at] ?? '')?.[0] ?? 0))
  }
  return entries
}

const errorsOf = (findings: readonly Finding[]): Set<number> =>
  new Set(findings.flatMap(({ severity, dumpId }) => (severity === 'error' && dumpId !== undefined ? [dumpId] : [])))

/** The entries and all that depends on them. */
function withDependents(archive: Archive, entries: ReadonlySet<number>): Set<number> {
  const found = new Set(entries)
  for (let size = -1; size !== found.size;) {
    size = found.size
    for (const { dumpId, dependencies } of archive.toc) if (dependencies.some((id) => found.has(id))) found.add(dumpId)
  }
  return found
}

const label = (archive: Archive, ids: Iterable<number>): string[] =>
  [...ids].map((id) => {
    const entry = archive.entry(id)
    return `${id} ${entry?.desc} ${entry?.namespace} ${entry?.tag}`
  })

/** A dump of a database by the newest pg_dump. */
async function dump(server: Server, database: string): Promise<string> {
  const file = join(scratch, `${count++}.dump`)
  const newest = servers.at(-1) ?? server
  const { status, stderr } = await run(newest.pgDump, ['-Fc', '-Z0', '-f', file, '-d', server.database(database)])
  expect([status, stderr]).toEqual([0, ''])
  return file
}

/** Archives of whole databases, one for each kind of content; containers and compressions make no difference here. */
const whole =
  /^(?:full-Fc|latin1-Fc|latin1-utf8-Fc|sqlascii-Fc|many_lo-Fc|inserts-Fc|plain-things-off-Fc|statistics-Fc)\.dump$/
/** Of these each server takes everything, as far as it takes what comes with every database. */
const ordinary = /\/(?:latin1|latin1-utf8|sqlascii|many_lo)-Fc/
const archives = allArchives().filter(
  ({ path, version }) => typeof version === 'number' && version >= 15 && whole.test(path.split('/')[1] ?? ''),
)
const proven = [13, 15, 17] as const
/** Releases that are tried where somebody put their programs beside the others and started their servers. */
const tried = [10, 11, 12, 14, 16] as const
const targets = [...proven, ...otherServers.map(({ major }) => major)]
const withoutOthers = `no server of ${tried.join(', ')}, whose packages are none of Debian's (PGDMP_POSTGRES, PGDMP_SERVERS)`
/** For tests that fill several databases, on machines that are busy with others. */
const timeout = 300_000

test.for(tried)('the server of %d', (major, { skip }) => {
  const server = serverOf(major)
  if (server === undefined) return skip(withoutOthers)
  expect(server.ask(['SHOW server_version'])).toMatch(new RegExp(`^${major}\\.`))
})

if (corpusRoot === undefined) test('the full corpus', (context) => context.skip(withoutCorpus))

describe.concurrent('toSql() with targetVersion', () => {
  const pairs = archives.flatMap((archive) =>
    targets.filter((major) => major <= 13 || !ordinary.test(archive.path)).map((target) => ({ archive, target })),
  )
  for (const { archive, target } of partOf(pairs, (pair) => `${pair.archive.path} ${pair.target}`)) {
    test(
      `restores ${archive.path} into an empty database of ${target}, but for what it reported`,
      { timeout },
      async (context) => {
        const server = serverOf(target)
        const own = serverOf(Number(archive.version))
        if (server === undefined || own === undefined) return context.skip(withoutServers)
        await restores(archive.file, own, server)
      },
    )
  }

  for (const target of targets) {
    test(
      `restores what is new in 18 into an empty database of ${target}, but for what it reported`,
      { timeout },
      async (context) => {
        const server = serverOf(target)
        const own = serverOf(18)
        if (server === undefined || own === undefined) return context.skip(withoutServers)
        await inNewDatabase(own, async (database) => {
          own.ask(['CREATE EXTENSION btree_gist', readFileSync(newerFeatures, 'utf8')], database)
          await restores(await dump(own, database), own, server)
        })
      },
    )
  }
})

/** Archives whose databases differ in how they are created. */
const created = archives.filter(({ path }) => /\/(?:full|latin1|sqlascii)-Fc/.test(path))

describe('toSql() with targetVersion and create', () => {
  for (const archive of created) {
    test.for(targets)(
      `makes the database of ${archive.path} on %d, or says why not`,
      { timeout },
      async (target, { skip }) => {
        const server = serverOf(target)
        if (server === undefined) return skip(withoutServers)
        await creates(archive.file, server)
      },
    )
  }
})

async function creates(file: string, server: Server): Promise<void> {
  const { open } = await shipped()
  await using archive = await open(file)
  const database = archive.toc.find(({ desc }) => desc === 'DATABASE')
  const name = database?.tag ?? ''
  const find = `SELECT datcollate || ' ' || pg_encoding_to_char(encoding) FROM pg_database WHERE datname = ${literal(name)}`
  expect(server.ask([find]), `the server has a database ${name} of its own`).toBe('')
  const all = await write(archive, server.major, { create: true, schemaOnly: true })
  const reported = errorsOf(all.findings)
  const isRefused = reported.has(database?.dumpId ?? 0)
  const leftOut = withDependents(archive, reported)
  // Without its database the rest would go to where psql is: then nothing but the refused statement is tried.
  const list = archive.toc
    .map(({ dumpId }) => dumpId)
    .filter((id) => (isRefused ? id === database?.dumpId : !leftOut.has(id)))
  const script = await write(archive, server.major, { create: true, schemaOnly: true, list })
  try {
    const outcome = await psql(server, script, 'postgres', '-v', 'ON_ERROR_STOP=1')
    expect([outcome.status, outcome.refused.length]).toEqual(isRefused ? [3, 1] : [0, 0])
    expect(server.ask([find]).trim()).toBe(isRefused ? '' : `C ${archive.settings.encoding}`)
  } finally {
    if (server.ask([find]) !== '') dropDatabase(server, name)
  }
}

test.for(targets)('no function is said to be missing that %d has', async (target, { skip }) => {
  const server = serverOf(target)
  const newest = serverOf(18)
  if (server === undefined || newest === undefined) return skip(withoutServers)
  const names = "SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
  const known = new Set(server.ask([names]).trim().split('\n'))
  const missing: string[] = []
  for (const name of newest.ask([names]).trim().split('\n')) {
    const adapter = new TargetAdapter(target, null, settings, () => missing.push(name))
    adapter.adapt(entryOf(1, { desc: 'VIEW' }), `CREATE VIEW s.v AS SELECT ${name}(1);\n`)
  }
  expect(missing).toContain('uuidv7')
  expect(missing.filter((name) => known.has(name))).toEqual([])
})

const settings = { encoding: 'UTF8', stdStrings: true, searchPath: null }

/** SQL of things that no fixture has. */
const newerFeatures = new URL('newer-features.sql', import.meta.url)

/** What the real pg_restore makes of an archive, by its path. */
const originals = new Map<string, Promise<Map<string, string>>>()

function originalOf(file: string, encoding: string, own: Server): Promise<Map<string, string>> {
  let contents = originals.get(file)
  if (contents === undefined) {
    contents = restoreOriginal(file, encoding, own)
    originals.set(file, contents)
  }
  return contents
}

async function restoreOriginal(file: string, encoding: string, own: Server): Promise<Map<string, string>> {
  let contents = new Map<string, string>()
  await inNewDatabase(
    own,
    async (database) => {
      const args = ['--no-security-labels', '--exit-on-error', '-d', own.database(database), file]
      const { status, stderr } = await run(own.pgRestore, args)
      expect([status, stderr]).toEqual([0, ''])
      contents = await contentsOf(await dump(own, database), own, database)
    },
    encoding,
  )
  return contents
}

async function restores(file: string, own: Server, server: Server): Promise<void> {
  const { open } = await shipped()
  await using archive = await open(file)
  const { encoding } = archive.settings
  const all = await write(archive, server.major, {})
  const reported = errorsOf(all.findings)
  const leftOut = withDependents(archive, reported)
  // Every refusal is reported, and every report is true. Without rows: psql takes those of a refused COPY for commands.
  const schema = await write(archive, server.major, { schemaOnly: true }, { verbose: true })
  await inNewDatabase(
    server,
    async (database) => {
      const { refused } = await psql(server, schema, database)
      const failed = entriesAt(schema, refused)
      expect(
        label(
          archive,
          [...failed].filter((id) => !leftOut.has(id)),
        ),
      ).toEqual([])
      expect(
        label(
          archive,
          [...reported].filter((id) => !failed.has(id)),
        ),
      ).toEqual([])
    },
    encoding,
  )
  // All the rest is accepted without an error, and is what it was.
  const list = archive.toc.map(({ dumpId }) => dumpId).filter((id) => !leftOut.has(id))
  const rest = reported.size === 0 ? all : await write(archive, server.major, { list })
  expect(rest.findings.filter(({ severity }) => severity === 'error')).toEqual([])
  await inNewDatabase(
    server,
    async (database) => {
      const outcome = await psql(server, rest, database, '-v', 'ON_ERROR_STOP=1')
      expect(outcome).toMatchObject({ status: 0, refused: [] })
      const restored = await contentsOf(await dump(server, database), server, database)
      const wanted = await originalOf(file, encoding, own)
      const told = all.findings.flatMap(({ dumpId, message }) => (dumpId === undefined ? [] : [{ dumpId, message }]))
      const goneByWord = told.filter(({ message }) => message.endsWith('left out'))
      const absent = namesOf(archive, [...leftOut, ...goneByWord.map(({ dumpId }) => dumpId)])
      // What it is instead was said; that it is there remains to be seen.
      const changed = namesOf(
        archive,
        told.map(({ dumpId }) => dumpId),
      )
      const differences = [...wanted]
        .filter(([name]) => !absent.has(name) && !isPublic.test(name))
        .filter(([name, value]) => (changed.has(name) ? !restored.has(name) : restored.get(name) !== value))
        .map(([name, value]) => ({ name, wanted: value, restored: restored.get(name) }))
      expect(differences).toEqual([])
      expect([...restored.keys()].filter((name) => !wanted.has(name) && !isPublic.test(name))).toEqual([])
    },
    encoding,
  )
  // Owner and privileges of the schema public depend on the server; they are reported where something is in it.
  const opens = server.major < 15 && archive.toc.some(({ namespace }) => namespace === 'public')
  expect(all.findings.filter(({ code }) => code === 'TARGET_ALLOWS')).toHaveLength(opens ? 1 : 0)
}

const isPublic = /^(?:SCHEMA|ACL|COMMENT) {2}(?:SCHEMA )?public$/

function namesOf(archive: Archive, ids: Iterable<number>): Set<string> {
  const found = [...ids].flatMap((id) => archive.entry(id) ?? [])
  // An archive of definitions alone has no rows, but a dump of what it makes has.
  const withRows = found.filter(({ desc }) => desc === 'TABLE').map((entry) => `TABLE DATA${entryName(entry).slice(5)}`)
  return new Set([...found.map(entryName), ...withRows])
}
