import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { open, type Archive } from '../../src/archive.ts'
import { convert } from '../../src/ops/convert.ts'
import { downgrade, type DowngradeLoss } from '../../src/ops/downgrade.ts'
import { groupLargeObjects } from '../../src/ops/group-objects.ts'
import { contentsOf, entryName } from '../helpers/contents.ts'
import { partOf } from '../helpers/part.ts'
import { cli, root } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, serverOf, servers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * Databases of 17 and 18 are dumped, downgraded and restored by the real pg_restore of older releases, which must find
 * nothing wrong; what is in the database then must be what was in the first one.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-downgrade-'))
const id = process.pid
const roles = ['pgdmp_rich', `pgdmp_down_a_${id}`, `pgdmp_down "b" ${id}`]
const identifier = (name: string): string => `"${name.replaceAll('"', '""')}"`
const [, first = '', second = ''] = roles.map(identifier)
const sources = [17, 18].flatMap((major) => serverOf(major) ?? [])
const olderThan = (source: Server): readonly Server[] => servers.filter(({ major }) => major < source.major)
const madeRoles: (readonly [Server, string])[] = []
const timeout = 300_000

if (sources.length === 0) test('a downgraded archive restores', ({ skip }) => skip(withoutServers))

beforeAll(() => {
  for (const server of servers) {
    for (const role of roles) {
      const known = server.ask([`SELECT count(*) FROM pg_roles WHERE rolname = '${role}'`]).trim() === '1'
      if (known) continue
      server.ask([`CREATE ROLE ${identifier(role)}`])
      madeRoles.push([server, role])
    }
  }
})

afterAll(() => {
  for (const [server, role] of madeRoles) server.ask([`DROP ROLE ${identifier(role)}`])
  rmSync(folder, { recursive: true, force: true })
})

/** Large objects in groups of every kind: of several owners, with grants or not. */
const largeObjects = [
  `SELECT lo_from_bytea(5001, decode(repeat('00ff0a5c', 50000), 'hex')), lo_from_bytea(5002, ''), lo_from_bytea(49, 'x')`,
  `SELECT lo_from_bytea(n, convert_to(repeat(n::text, n - 300000), 'UTF8')) FROM generate_series(300001, 300020) n`,
  `ALTER LARGE OBJECT 5001 OWNER TO ${second}`,
  `ALTER LARGE OBJECT 300002 OWNER TO ${first}`,
  `ALTER LARGE OBJECT 300003 OWNER TO ${first}`,
  `COMMENT ON LARGE OBJECT 5002 IS 'it''s empty'`,
  `GRANT SELECT ON LARGE OBJECT 300004, 300005, 300006 TO ${second}`,
  `GRANT ALL ON LARGE OBJECT 300004, 300005, 300006 TO PUBLIC`,
  `GRANT UPDATE ON LARGE OBJECT 300002, 300003, 300010 TO ${second} WITH GRANT OPTION`,
]

/** More than fit in one group. */
const manyObjects = [
  `SELECT lo_create(n) FROM generate_series(200001, 201205) n`,
  `COMMENT ON LARGE OBJECT 200700 IS E'GRANT ON LARGE OBJECT 1\\nTO nobody'`,
]

/** pg_restore of 17.11 and 18.6 itself stumbles over these where objects are in groups. */
const grantsOfGrantees = [`SET ROLE ${second}; GRANT UPDATE ON LARGE OBJECT 300002, 300003 TO pgdmp_rich; RESET ROLE`]

let count = 0

async function dump(server: Server, database: string, options: readonly string[], tools = server): Promise<string> {
  const file = join(folder, `${count++}.dump`)
  const { status, stderr } = await run(tools.pgDump, [...options, '-f', file, '-d', server.database(database)])
  expect([status, stderr]).toEqual([0, ''])
  return file
}

/** What the newest pg_dump finds in a database. */
async function contents(server: Server, database: string): Promise<Map<string, string>> {
  return contentsOf(await dump(server, database, ['-Fc', '-Z0'], servers.at(-1)), server, database)
}

/** Restores with the server's own pg_restore and looks at the result. */
async function restored(server: Server, file: string, options: readonly string[]): Promise<Map<string, string>> {
  let found = new Map<string, string>()
  await inNewDatabase(server, async (database) => {
    const args = ['--exit-on-error', ...options, '-d', server.database(database), file]
    const { status, stderr } = await run(server.pgRestore, args, { timeout })
    expect([status, stderr]).toEqual([0, ''])
    found = await contents(server, database)
  })
  return found
}

/** Owner and privileges of the schema public depend on the release, and so does the text of a view, which shows its rows. */
const isOther = /^(?:SCHEMA|ACL|COMMENT) {2}(?:SCHEMA )?public$|^RULE .* _RETURN$/s

function differences(
  wanted: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, string>,
  isAbsent: (name: string) => boolean = () => false,
  isChanged: (name: string) => boolean = () => false,
): { readonly name: string; readonly wanted: string | undefined; readonly found: string | undefined }[] {
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .filter((name) => !isOther.test(name))
    .filter((name) => {
      if (isAbsent(name)) return found.has(name)
      return isChanged(name) ? !found.has(name) : wanted.get(name) !== found.get(name)
    })
    .map((name) => ({ name, wanted: wanted.get(name), found: found.get(name) }))
}

/** Downgrades, restores, and compares what is not listed as lost. */
async function restores(
  { source, database, how, server, options }: Case,
  convertTo: (input: string, output: string, targetVersion: string) => Promise<void>,
): Promise<readonly DowngradeLoss[]> {
  const output = join(folder, `${count++}.out`)
  const targetVersion = String(server.major)
  const input = await dump(source, database, how)
  await convertTo(input, output, targetVersion)
  await using archive = await open(input)
  const losses = downgrade(archive, { targetVersion }).losses()
  const gone = namesOf(
    archive,
    losses.filter(({ kind }) => kind === 'left-out' || kind === 'dependent'),
  )
  const changed = namesOf(
    archive,
    losses.filter(({ kind }) => kind === 'changed'),
  )
  const found = await restored(server, output, options)
  const wanted = await contents(source, database)
  const different = differences(
    wanted,
    found,
    (name) => gone.has(name),
    (name) => changed.has(name),
  )
  expect(different).toEqual([])
  rmSync(output, { recursive: true })
  return losses
}

interface Case {
  readonly source: Server
  readonly database: string
  readonly how: readonly string[]
  readonly server: Server
  readonly options: readonly string[]
}

function namesOf(archive: Archive, losses: readonly DowngradeLoss[]): Set<string> {
  return new Set(losses.flatMap(({ dumpId }) => archive.entry(dumpId) ?? []).map(entryName))
}

/** As the library does it; every loss must have been told. */
async function byLibrary(input: string, output: string, targetVersion: string): Promise<void> {
  await using archive = await open(input)
  const { warnings, archiveVersion } = await convert(archive, output, { targetVersion })
  expect(archiveVersion.minor).toBe(Number(targetVersion) < 16 ? 14 : 16)
  const losses = downgrade(archive, { targetVersion }).losses()
  const lost = losses.filter(({ kind }) => kind !== 'statistics')
  expect(warnings.filter(({ severity }) => severity === 'error')).toHaveLength(lost.length)
  const statistics = warnings.filter(({ code, severity }) => code === 'TARGET_LACKS' && severity === 'info')
  expect(statistics).toHaveLength(lost.length === losses.length ? 0 : 1)
}

/** As the command does it, from a pipe. */
async function byCommand(input: string, output: string, targetVersion: string): Promise<void> {
  const args = ['convert', '--target-version', targetVersion, '-', output]
  const { status, stderr } = await run(process.execPath, [cli, ...args], { stdin: readFileSync(input), timeout })
  expect([status, stderr]).toEqual([0, expect.not.stringContaining('error')])
}

/** How a database is dumped, and how it is restored. */
const ways: readonly (readonly [string[], string[]])[] = [
  [['-Fc', '-Z', 'lz4'], []],
  [
    ['-Fc', '-Z', 'zstd'],
    ['-j', '4'],
  ],
  [['-Fc', '-Z', 'gzip', '--statistics'], ['-1']],
  [
    ['-Fd', '-Z', 'zstd', '-j', '2'],
    ['-j', '4'],
  ],
  [['-Ft', '--statistics'], []],
]

describe.each(sources)('downgrade() of a dump of $version', (source) => {
  const files = { ordinary: 'test/differential/ordinary.sql', rich: 'test/postgres/rich.sql' }
  const newer = 'test/differential/newer-features.sql'
  const nameOf = (kind: string): string => `pgdmp_down_${id}_${source.major}_${kind}`
  const made: string[] = []

  beforeAll(() => {
    const scripts = Object.entries({ ...files, ...(source.major === 18 ? { newer } : {}) })
    for (const [kind, file] of scripts) {
      const database = nameOf(kind)
      source.ask([`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
      made.push(database)
      if (kind === 'newer') source.ask(['CREATE EXTENSION btree_gist', ...newRoles], database)
      const args = ['-Xqf', join(root, file), '-d', source.database(database)]
      execFileSync(source.psql, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    }
    source.ask([...largeObjects, ...manyObjects, ...grantsOfGrantees, 'ANALYZE'], nameOf('ordinary'))
    source.ask(largeObjects, nameOf('rich'))
  })
  afterAll(() => {
    for (const database of made) source.ask([`DROP DATABASE ${database}`])
  })

  const statistics = source.major === 18
  // 17 keeps objects in groups, and its pg_restore stumbles over some grants of these
  for (const server of olderThan(source).filter(({ major }) => major < 17)) {
    const database = nameOf('ordinary')

    test.each(partOf(ways, (way) => `${source.major} ${server.major} ${way.join(' ')}`))(
      `restores all of it into ${server.version}, dumped with %j, restored with %j`,
      { timeout },
      async (wanted, options) => {
        const how = wanted.filter((option) => statistics || option !== '--statistics')
        const losses = await restores({ source, database, how, server, options }, byLibrary)
        expect(losses.filter(({ kind }) => kind !== 'statistics')).toEqual([])
        expect(losses.length > 0).toBe(how.includes('--statistics'))
      },
    )

    test(`restores all of it into ${server.version} by the command`, { timeout }, async () => {
      await restores({ source, database, how: ['-Fc', '-Z', 'lz4'], server, options: [] }, byCommand)
    })
  }

  for (const server of olderThan(source)) {
    const kinds = statistics ? ['rich', 'newer'] : ['rich']
    test.each(kinds)(`restores %s objects into ${server.version} but for what it lists`, { timeout }, async (kind) => {
      const database = nameOf(kind)
      // one after the other: pg_restore -j deadlocks with itself on such foreign keys now and then, on any archive
      const losses = await restores({ source, database, how: ['-Fc'], server, options: [] }, byLibrary)
      if (kind === 'newer') expect(losses).not.toEqual([])
    })
  }
})

describe.each([13, 15].flatMap((major) => serverOf(major) ?? []))(
  'groupLargeObjects() of a dump of $version',
  (source) => {
    const database = `pgdmp_down_${id}_${source.major}_single`
    const newer = servers.filter(({ major }) => major >= 17)

    beforeAll(() => {
      source.ask([`CREATE DATABASE ${database} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
      source.ask([...largeObjects, ...manyObjects, ...grantsOfGrantees], database)
    })
    afterAll(() => void source.ask([`DROP DATABASE ${database}`]))

    test.each(newer)('restores into $version, in each format', { timeout }, async (server) => {
      await using archive = await open(await dump(source, database, ['-Fc']))
      const wanted = await contents(source, database)
      const archiveVersion = { major: 1, minor: 16, rev: 0 }
      const grouped = await groupLargeObjects(archive)
      expect(grouped.toc.filter(({ desc }) => desc === 'BLOB METADATA').length).toBeLessThan(12)
      for (const format of ['custom', 'directory', 'tar'] as const) {
        const output = join(folder, `${count++}.out`)
        // for tar, groups are made without being asked for
        await convert(format === 'tar' ? archive : grouped, output, { format, archiveVersion })
        const options = format === 'tar' ? [] : ['-j', '4']
        expect(differences(wanted, await restored(server, output, options))).toEqual([])
      }
    })
  },
)

/** Grants and owners that only newer servers know. */
const newRoles = [
  'CREATE TABLE public.read_by_all (a integer)',
  `GRANT SELECT ON public.read_by_all TO pg_checkpoint, pg_maintain, ${first}`,
  'CREATE TABLE public.of_owner (a integer)',
  'ALTER TABLE public.of_owner OWNER TO pg_database_owner',
]
