import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { contentsOf } from '../helpers/contents.ts'
import { partOf } from '../helpers/part.ts'
import { cli, root } from '../helpers/paths.ts'
import { run, shellQuote } from '../helpers/process.ts'
import {
  dropDatabase,
  inNewDatabase,
  newDatabase,
  serverOf,
  servers,
  withoutServers,
  type Server,
} from '../helpers/servers.ts'

/*
 * What the command writes is restored by the real pg_restore into a database of its own release, and what is there then
 * must be what pg_restore makes of the archive that went in.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-restored-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const timeout = 120_000
const newest = servers.at(-1)
const id = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** The role in the scripts gets a name that no other test takes, or takes away. */
const role = `pgdmp_restored_${process.pid}`
const otherRole = `pgdmp restored "Ö\\ä" ${process.pid}`

let count = 0
const fileName = (ending: string): string => join(folder, `${count++}.${ending}`)

/** Runs the command as users do. */
async function pgdmp(...args: string[]): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const { status, stderr } = await run(process.execPath, [cli, ...args], { timeout })
  return { status, stderr }
}

/** The archive as another, at a new path. */
async function converted(input: string, ...options: string[]): Promise<string> {
  const output = fileName('converted')
  expect(await pgdmp('convert', ...options, input, output)).toEqual({ status: 0, stderr: expect.any(String) })
  return output
}

async function dump(server: Server, database: string, options: readonly string[], tools = server): Promise<string> {
  const file = fileName('dump')
  const { status, stderr } = await run(tools.pgDump, [...options, '-f', file, '-d', server.database(database)])
  expect([status, stderr]).toEqual([0, ''])
  return file
}

/** Databases that are there, by name. */
const made = new Map<string, Server>()

/** A database made by scripts of these tests, with large objects besides. */
function filledDatabase(server: Server, scripts: readonly string[], before: readonly string[] = []): string {
  const name = newDatabase(server)
  made.set(name, server)
  const script = scripts.map((path) => readFileSync(join(root, path), 'utf8').replaceAll('pgdmp_rich', role)).join('\n')
  if (before.length > 0) server.ask(before, name)
  const file = fileName('sql')
  writeFileSync(file, script)
  const args = ['-Xq', '-v', 'ON_ERROR_STOP=1', '-f', file, '-d', server.database(name)]
  execFileSync(server.psql, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  server.ask(largeObjects, name)
  return name
}

const largeObjects = [
  `SELECT lo_from_bytea(5001, decode(repeat('00ff0a5c', 50000), 'hex')), lo_from_bytea(5002, '')`,
  `SELECT lo_from_bytea(n, convert_to(repeat(n::text, n - 6000), 'UTF8')) FROM generate_series(6001, 6030) n`,
  `ALTER LARGE OBJECT 6002 OWNER TO ${role}`,
  `COMMENT ON LARGE OBJECT 5002 IS 'it''s empty'`,
  `GRANT SELECT ON LARGE OBJECT 6004, 6005 TO ${role}`,
]

/** All that is in a database, in the words of the newest release, so that those of two releases can be compared. */
async function contents(server: Server, database: string): Promise<Map<string, string>> {
  const found = await contentsOf(await dump(server, database, ['-Fc', '-Z0'], newest), server, database)
  for (const name of found.keys()) if (ofRelease.test(name)) found.delete(name)
  return found
}

/** Owner and privileges of the schema public depend on the release, and so does the text of a view, which shows its rows. */
const ofRelease = /^(?:SCHEMA|ACL|COMMENT) {2}(?:SCHEMA )?public$|^RULE .* _RETURN$/s

/** Has the server's own pg_restore restore an archive; nothing may go wrong. */
async function restore(server: Server, archive: string, database: string, options: readonly string[]): Promise<void> {
  const args = ['--exit-on-error', ...options, '-d', server.database(database), archive]
  const { status, stderr } = await run(server.pgRestore, args, { timeout })
  expect([status, stderr]).toEqual([0, ''])
}

async function restored(server: Server, archive: string, ...options: string[]): Promise<Map<string, string>> {
  return inNewDatabase(server, async (database) => {
    await restore(server, archive, database, options)
    return contents(server, database)
  })
}

const sorted = (map: ReadonlyMap<string, string>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1))

/** Of the schema shop: the table item, what is its own, what it refers to, and what that needs. */
const partOfItem: readonly string[] = `ACL  SCHEMA shop
ACL shop COLUMN item.note
ACL shop TABLE item
COMMENT shop COLUMN item.twice
COMMENT shop CONSTRAINT item_note_check ON item
COMMENT shop TABLE item
CONSTRAINT shop item item_sold_id_key
CONSTRAINT shop sale sale_pkey
DEFAULT shop sale id
DOMAIN shop price
ENCODING  ENCODING
FK CONSTRAINT shop item item_sold_fkey
FUNCTION shop touch()
INDEX shop first_note
INDEX shop item_price_idx
POLICY shop item mine
PUBLICATION  sales
PUBLICATION TABLE shop sales item
ROW SECURITY shop item
SCHEMA  shop
SEARCHPATH  SEARCHPATH
SEQUENCE OWNED BY shop sale_id_seq
SEQUENCE SET shop item_id_seq
SEQUENCE SET shop sale_id_seq
SEQUENCE shop item_id_seq
SEQUENCE shop sale_id_seq
STATISTICS shop both
STDSTRINGS  STDSTRINGS
TABLE DATA shop item
TABLE DATA shop sale
TABLE shop item
TABLE shop sale
TRIGGER shop item touch
TYPE shop state`.split('\n')

if (servers.length === 0) test('what is written restores', ({ skip }) => skip(withoutServers))

beforeAll(() => {
  for (const server of servers) server.ask([`CREATE ROLE ${role}`])
})
afterAll(() => {
  for (const [name, server] of made) dropDatabase(server, name)
  for (const server of servers) server.ask([`DROP ROLE ${role}`])
})

/** A database, a dump of it, and what is there when that has been restored. */
interface Source {
  readonly database: string
  readonly archive: string
  readonly wanted: readonly [name: string, value: string][]
}

/** How the archive is dumped, how it is converted, how it is restored. */
type Way = readonly [dumped: string, converted: string, restored: string]

const conversions: readonly Way[] = [
  ['-Fc', '-F d -Z none', '-j 4'],
  ['-Fd', '-F c -Z gzip:9', '-j 4'],
  ['-Fc', '-F t', ''],
  ['-Ft', '-F c', ''],
]
const newerConversions: readonly Way[] = [
  ['-Fc -Z lz4', '-F d -Z zstd:3', '-j 4'],
  ['-Fd -Z zstd', '-F c -Z lz4', ''],
]
const formats = ['c', 'd']
const words = (text: string): string[] => text.split(' ').filter((word) => word !== '')

// Servers at a time, but the tests of one in turn: they rename its role.
describe.concurrent.each(servers)('pg_restore of $version', (server) => {
  let whole: Source
  let shop: Source
  /** Of partitioned tables that are referred to, two of pg_restore's own jobs may each wait for the other for ever. */
  const sourceFor = (restoring: string): Source => (restoring.includes('-j') ? shop : whole)

  const sourceOf = async (...scripts: string[]): Promise<Source> => {
    const database = filledDatabase(server, scripts)
    const archive = await dump(server, database, ['-Fc'])
    return { database, archive, wanted: sorted(await restored(server, archive)) }
  }
  beforeAll(async () => {
    whole = await sourceOf('test/postgres/rich.sql', 'test/differential/ordinary.sql')
    shop = await sourceOf('test/differential/ordinary.sql')
  })

  const possible = server.major < 16 ? conversions : [...conversions, ...newerConversions]
  test.sequential.each(partOf(possible, (conversion) => `${server.major} ${conversion.join(' ')}`))(
    'restores pg_dump %s converted with %s, given %s',
    { timeout },
    async (dumped, convert, restoring) => {
      const { database, wanted } = sourceFor(restoring)
      const file = await converted(await dump(server, database, words(dumped)), ...words(convert))
      expect(sorted(await restored(server, file, ...words(restoring)))).toEqual(wanted)
    },
  )

  test.sequential('restores what pgdmp passes on in a pipe', { timeout }, async () => {
    const found = await inNewDatabase(server, async (database) => {
      const pipe = [
        [server.pgDump, '-Fc', '-d', server.database(whole.database)],
        [process.execPath, cli, 'convert', '-Z', 'none', '-', '-'],
        [server.pgRestore, '--exit-on-error', '-d', server.database(database)],
      ]
      const command = pipe.map((args) => shellQuote(args)).join(' | ')
      const { status, stderr } = await run('bash', ['-c', `set -o pipefail; ${command}`], { timeout })
      expect([status, stderr]).toEqual([0, ''])
      return contents(server, database)
    })
    expect(sorted(found)).toEqual(whole.wanted)
  })

  test.sequential.each(partOf(['convert --reindex', 'reindex'], (how) => `${server.major} ${how}`, 2))(
    'restores with -j 4 what went to a pipe, after %s',
    { timeout },
    async (how) => {
      const { stdout } = await run(server.pgDump, ['-Fc', '-d', server.database(shop.database)])
      let file = fileName('pipe')
      writeFileSync(file, stdout)
      if (how === 'reindex') {
        expect(await pgdmp('reindex', file)).toEqual({
          status: 0,
          stderr: expect.stringMatching(/: \d+ offsets set\n$/),
        })
      } else {
        file = await converted(file, '--reindex')
      }
      expect(await pgdmp('reindex', file)).toEqual({ status: 0, stderr: expect.stringContaining('nothing to do') })
      expect(sorted(await restored(server, file, '-j', '4'))).toEqual(shop.wanted)
    },
  )

  test.sequential.each(partOf(formats, (format) => `${server.major} ${format}`, 2))(
    'restores a table with all it needs and all that is its own, with -F %s',
    { timeout },
    async (format) => {
      const selection = ['-n', 'shop', '-t', 'item', '--with-dependencies', '--with-dependents']
      const file = await converted(whole.archive, '-F', format, ...selection)
      const found = await restored(server, file, '-j', '4')
      expect([...found.keys()].sort()).toEqual(partOfItem)
      expect(sorted(found)).toEqual(whole.wanted.filter(([name]) => partOfItem.includes(name)))
    },
  )

  const renamed = [
    ['-F c', ''],
    ['-F d', '-j 4'],
  ] as const
  test.sequential.each(partOf(renamed, ([format]) => `${server.major} renamed ${format}`, 2))(
    'restores with another role in place of one that is gone, with %s, given %s',
    { timeout },
    async (format, restoring) => {
      const { archive, wanted } = sourceFor(restoring)
      const file = await converted(archive, ...words(format), '--map-owner', `${role}=${otherRole}`)
      const found = await inNewDatabase(server, async (database) => {
        server.ask([`ALTER ROLE ${role} RENAME TO ${id(otherRole)}`])
        try {
          await restore(server, file, database, words(restoring))
        } finally {
          // The server maps the name back, wherever it keeps it.
          server.ask([`ALTER ROLE ${id(otherRole)} RENAME TO ${role}`])
        }
        return contents(server, database)
      })
      expect(sorted(found)).toEqual(wanted)
    },
  )
})

describe.each([17, 18].flatMap((major) => serverOf(major) ?? []))('a dump of $version, downgraded', (origin) => {
  const older = servers.filter(({ major }) => major < origin.major)
  let source = ''
  let wanted = new Map<string, string>()

  beforeAll(async () => {
    source = filledDatabase(origin, ['test/differential/ordinary.sql'])
    wanted = await contents(origin, source)
  })

  describe.each(older)('is restored by $version', (server) => {
    const target = ['--target-version', String(server.major)]

    const ways = [
      ['-Fc -Z lz4', '-F c'],
      ['-Fd -Z zstd', '-F d'],
    ] as const
    test.each(partOf(ways, ([dumped]) => `${origin.major} ${server.major} ${dumped}`, 2))(
      'whole, dumped with %s, with %s',
      { timeout },
      async (dumped, convert) => {
        const file = await converted(await dump(origin, source, words(dumped)), ...words(convert), ...target)
        expect(sorted(await restored(server, file, '-j', '4'))).toEqual(sorted(wanted))
      },
    )

    if (origin.major < 18) return
    test('but for what the command lists', { timeout }, async () => {
      const newer = filledDatabase(origin, ['test/differential/newer-features.sql'], ['CREATE EXTENSION btree_gist'])
      const file = await dump(origin, newer, ['-Fc'])
      const output = fileName('converted')
      const { status, stderr } = await pgdmp('convert', ...target, file, output)
      expect([status, stderr]).toEqual([1, expect.stringMatching(/\d+ things are lost\. /)])
      expect((await pgdmp('convert', '--force', '--allow-loss', ...target, file, output)).status).toBe(0)
      const whole = await contents(origin, newer)
      const found = await restored(server, output, '-j', '4')
      const told = stderr.replaceAll('"', '')
      const different = [...whole].filter(([name, value]) => found.get(name) !== value).map(([name]) => name)
      expect(different.length).toBeGreaterThan(0)
      expect(different.filter((name) => !told.includes(`: ${name}: `))).toEqual([])
      expect([...found.keys()].filter((name) => !whole.has(name))).toEqual([])
    })
  })
})
