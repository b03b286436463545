import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from './helpers/corpus.ts'
import { cli, root, shipped } from './helpers/paths.ts'
import { run } from './helpers/process.ts'
import { inNewDatabase, servers, withoutServers, type Server } from './helpers/servers.ts'

const folder = join(root, 'examples')
const latin1 = fixture('18/latin1-Fc.dump').file
const full = fixture('18/full-Fc.dump').file

const scratch = mkdtempSync(join(tmpdir(), 'pgdmp-examples-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
const csv = join(scratch, 'cities.csv')
writeFileSync(csv, 'name,"Odd ""column""",population\r\nBerlin,"a, b\tand ""c""",3677472\r\nAtlantis,"",\r\n')
const made = join(scratch, 'cities.dump')
const converted = join(scratch, 'converted.dir')
const renamed = join(scratch, 'renamed.dump')

/** What each example is run with, and what it must print. */
const examples: Readonly<
  Record<string, { readonly args: readonly string[]; readonly stdin?: string; readonly prints: RegExp }>
> = {
  'audit.mjs': { args: [full], prints: /error password-in-options: [^]*\d+ errors, \d+ warnings\nroles: .*alice/ },
  'audit-rules.mjs': { args: [full], prints: /notice: plain\.\S+ has no comment\n/ },
  'convert-in-worker.mjs': { args: [full, converted], prints: /converted\.dir: \d{6} bytes\n$/ },
  'csv-to-archive.mjs': {
    args: [csv, 'city', made],
    prints: /restore it with pg_restore -d DATABASE \S+cities\.dump\n$/,
  },
  'demo.mjs': { args: [latin1], prints: /TABLE DATA Größe Straße postgres[^]*COPY "Größe"\."Straße"[^]*Try next/ },
  'filter-in-a-pipe.mjs': { args: ['Sch 1', 'plain'], stdin: full, prints: /^PGDMP/ },
  'from-a-pipe.mjs': { args: [], stdin: latin1, prints: /^Größe\.Straße\t3\n$/ },
  'large-objects.mjs': { args: [full], prints: /^100001\t1200000\n100002\t0\n/ },
  'list.mjs': {
    args: [latin1],
    prints: /; Archive created at [^]*; \d+ \d+ TABLE DATA Größe Straße postgres\n[^]*\n1\tTABLE DATA\n/,
  },
  'map-owners.mjs': {
    args: [full, renamed, 'alice=Al "B"', 'bob=alice', 'nobody=somebody'],
    prints: /renamed\.dump: \d+ entries\n[^]*Nothing says nobody\n$/,
  },
  'one-table.mjs': {
    args: [full, 'child'],
    prints: /CREATE TABLE "Sch 1"\."Parent Table"[^]*COPY plain\.child[^]*REFERENCES "Sch 1"\."Parent Table"\(code\)/,
  },
  'to-sql.mjs': {
    args: [latin1],
    prints: /DROP SCHEMA IF EXISTS "Gr.+?"[^]*CREATE TABLE[^]*\nCOPY [^]*-- PostgreSQL database dump complete\n/,
  },
  'who-owns-what.mjs': { args: [latin1], prints: /^postgres\t11 entries\n$/ },
}

/** What needs servers. */
const live = ['restore-with-pg.mjs', 'server-to-server.mjs', 'mask-a-column.mjs']
const server = servers.at(-1)

const lines = (name: string): number => readFileSync(join(folder, name), 'utf8').split('\n').length - 1

if (server === undefined) test(live.join(', '), ({ skip }) => skip(withoutServers))

describe.skipIf(server === undefined)('with a server', () => {
  const { ask, database, pgDump } = server ?? ({} as Server)
  const uri = (name: string): string => {
    const [, host, port, user, password] = /^host=(\S+) port=(\S+) user=(\S+) password=(\S+)/.exec(database(name)) ?? []
    return `postgres://${user}:${password}@${host}:${port}/${name}`
  }
  const node = async (name: string, args: readonly string[]) => {
    expect(lines(name)).toBeLessThan(40)
    const env = { PATH: `${dirname(pgDump)}${delimiter}${process.env['PATH'] ?? ''}` }
    const { status, stdout, stderr } = await run(process.execPath, [join(folder, name), ...args], { env })
    return [status, stdout.toString(), stderr]
  }

  test('server-to-server.mjs copies what it says', async () => {
    await inNewDatabase(server as Server, async (source) => {
      ask(['CREATE TABLE plain_one AS SELECT 1 AS a', 'CREATE TABLE secret_one AS TABLE plain_one'], source)
      await inNewDatabase(server as Server, async (target) => {
        const printed = await node('server-to-server.mjs', [uri(source), uri(target), 'secret_*', 'nobody=postgres'])
        expect(printed).toEqual([0, '7 bytes of data, 0 statements refused\n', ''])
        expect(ask(['SELECT count(*) FROM plain_one', 'SELECT count(*) FROM secret_one'], target)).toBe('1\n0\n')
      })
    })
  })

  test('mask-a-column.mjs copies all but the values of a column', async () => {
    await inNewDatabase(server as Server, async (source) => {
      const rows = String.raw`(1, 'ann@x', E'a\tb\\'), (2, NULL, 'ö'), (3, 'bob@x', NULL), (4, 'ann@x', E'\\.')`
      ask(
        [
          'CREATE TABLE people (id int PRIMARY KEY, email text, note text)',
          `INSERT INTO people VALUES ${rows}`,
          "INSERT INTO people SELECT i, 'p' || i || '@x', repeat('x', 500) FROM generate_series(5, 2000) i",
          'CREATE TABLE other AS SELECT id, email FROM people WHERE id = 1',
        ],
        source,
      )
      const notes = "SELECT md5(string_agg(id || coalesce(note, '-'), '' ORDER BY id)) FROM people"
      const before = ask([notes], source)
      await inNewDatabase(server as Server, async (target) => {
        const args = [uri(source), uri(target), 'public.people']
        const refused = await node('mask-a-column.mjs', [...args, 'mail'])
        expect(refused).toEqual([1, '', expect.stringContaining('There is no column mail')])
        const printed = await node('mask-a-column.mjs', [...args, 'email'])
        expect(printed).toEqual([0, '0 statements refused, pg_dump ended with status 0\n', ''])
        expect(ask([notes], target)).toBe(before)
        const emails =
          "SELECT count(*), count(email), count(DISTINCT email), count(*) FILTER (WHERE email ~ '@') FROM people"
        expect(ask([emails, 'SELECT email FROM other'], target)).toBe('2000|1999|1998|0\nann@x\n')
      })
    })
  })

  test('mask-a-column.mjs masks in a database of another encoding, too', async () => {
    await inNewDatabase(
      server as Server,
      async (source) => {
        ask(['CREATE TABLE größe (id int, straße text)', "INSERT INTO größe VALUES (1, 'Gänsemarkt')"], source)
        await inNewDatabase(server as Server, async (target) => {
          const printed = await node('mask-a-column.mjs', [uri(source), uri(target), 'public.größe', 'straße'])
          expect(printed).toEqual([0, '0 statements refused, pg_dump ended with status 0\n', ''])
          expect(ask([`SELECT straße ~ '^[0-9a-f]{64}$' FROM größe`], target)).toBe('t\n')
        })
      },
      'LATIN1',
    )
  })

  test('restore-with-pg.mjs restores, and says what is there', async () => {
    await inNewDatabase(server as Server, async (target) => {
      const printed = await node('restore-with-pg.mjs', [latin1, uri(target)])
      expect(printed).toEqual([0, '0 statements refused, 1 tables analyzed\n', ''])
      expect(ask(['SELECT count(*) FROM "Größe"."Straße"'], target)).toBe('3\n')
    })
  })
})

/** A workflow for GitHub Actions. */
const workflow = 'audit-in-github-actions.yml'

test(`${workflow} has commands that work as it says`, async () => {
  const text = readFileSync(join(folder, workflow), 'utf8')
  const place = mkdtempSync(join(scratch, 'repository-'))
  mkdirSync(join(place, 'backups'))
  copyFileSync(full, join(place, 'backups/app.dump'))
  const statuses: (number | null)[] = []
  for (const [, command = ''] of text.matchAll(/^ +run: (.+)$/gm)) {
    const [npx, yes, program, ...args] = command.split(' ')
    expect([npx, yes, program]).toEqual(['npx', '--yes', 'pgdmp'])
    const outcome = await run(process.execPath, [cli, ...args], { cwd: place })
    expect(outcome.stderr).toBe('')
    statuses.push(outcome.status)
  }
  // a report, whatever is in it; then the errors that the archive has
  expect(statuses).toEqual([0, 1])
  const [, report = ''] = /sarif_file: (\S+)/.exec(text) ?? []
  const { version, runs } = JSON.parse(readFileSync(join(place, report), 'utf8'))
  expect(version).toBe('2.1.0')
  expect(runs[0].results.length).toBeGreaterThan(10)
  expect(readFileSync(join(root, 'spec/audit.md'), 'utf8')).toContain(`(../examples/${workflow})`)
})

/** Tests of somebody's own. */
const ownTests = ['drill-in-vitest.test.mjs', 'restore-in-vitest.test.mjs']

test('archives are restored and drilled in tests of somebody', { timeout: 240_000 }, async () => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  // whoever copies them has no configuration like that of this package; one after the other takes less memory
  const config = join(scratch, 'vitest.config.mjs')
  writeFileSync(config, `export default { cacheDir: ${JSON.stringify(join(scratch, 'vite'))} }\n`)
  const args = ['run', '--root', folder, '--config', config, '--no-file-parallelism', '--hookTimeout=120000']
  const outcome = await run(process.execPath, [vitest, ...args, ...ownTests], {
    env: { BACKUP: latin1, VITEST: '', TMPDIR: scratch },
    timeout: 240_000,
  })
  expect(outcome.stdout.toString()).toMatch(/Tests .*2 passed/)
  expect(outcome.status).toBe(0)
  expect(readdirSync(scratch).filter((name) => name.startsWith('drill-'))).toEqual([])
  for (const name of ownTests) expect(lines(name)).toBeLessThan(40)
})

test('every example is run', () => {
  expect(readdirSync(folder).sort()).toEqual([...Object.keys(examples), ...live, ...ownTests, workflow].sort())
})

describe.each(Object.entries(examples))('%s', (name, { args, stdin, prints }) => {
  test('prints what it says', async () => {
    const input = stdin === undefined ? {} : { stdin: readFileSync(stdin) }
    const outcome = await run(process.execPath, [join(folder, name), ...args], input)
    expect({ status: outcome.status, stderr: outcome.stderr }).toEqual({ status: 0, stderr: '' })
    expect(outcome.stdout.toString()).toMatch(prints)
  })

  test('has no more than 40 lines', () => {
    expect(readFileSync(join(folder, name), 'utf8').split('\n').length).toBeLessThanOrEqual(41)
  })
})

test('csv-to-archive.mjs makes an archive of the rows', async () => {
  const { open, toSql } = await shipped()
  await using archive = await open(made)
  const sql = Buffer.from(await toSql(archive, { restrictKey: false }).bytes()).toString()
  expect(sql).toContain(
    'CREATE TABLE public."city" (\n    "name" text,\n    "Odd ""column""" text,\n    "population" text\n);\n',
  )
  expect(sql).toContain(
    'COPY public.city (name, "Odd ""column""", population) FROM stdin;\n' +
      'Berlin\ta, b\\tand "c"\t3677472\nAtlantis\t\t\\N\n\\.\n\n\n',
  )
})

test('convert-in-worker.mjs makes a directory with the same contents', async () => {
  const { digest, open } = await shipped()
  await using before = await open(full)
  await using after = await open(converted)
  expect(after.header.format).toBe('directory')
  expect((await digest(after)).sha256).toBe((await digest(before)).sha256)
})

test('filter-in-a-pipe.mjs leaves the schemas out, and nothing else', async () => {
  const { open } = await shipped()
  await using before = await open(full)
  const example = join(folder, 'filter-in-a-pipe.mjs')
  const { stdout } = await run(process.execPath, [example, 'Sch 1', 'plain'], { stdin: readFileSync(full) })
  await using after = await open(stdout)
  const left = new Set(['Sch 1', 'plain'])
  // As with pg_restore -N: what is about a schema comes only with the schema, and public has no entry.
  const kept = before.toc.filter(({ namespace, tag }) => !left.has(namespace ?? '') && tag !== 'SCHEMA public')
  expect(after.toc.map(({ dumpId }) => dumpId)).toEqual(kept.map(({ dumpId }) => dumpId))
})

test('map-owners.mjs gives what was of the old roles to the new ones', async () => {
  const { open } = await shipped()
  const ownedBy = async (file: string): Promise<Map<string, number>> => {
    await using archive = await open(file)
    const count = new Map<string, number>()
    for (const { owner } of archive.toc) count.set(owner ?? '', (count.get(owner ?? '') ?? 0) + 1)
    return count
  }
  const [before, after] = [await ownedBy(full), await ownedBy(renamed)]
  expect([after.get('Al "B"'), after.get('alice'), after.get('bob')]).toEqual([
    before.get('alice'),
    before.get('bob'),
    undefined,
  ])
})
