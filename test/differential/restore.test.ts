import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fixture } from '../helpers/corpus.ts'
import { partOf } from '../helpers/part.ts'
import { cli } from '../helpers/paths.ts'
import { withoutPath } from '../helpers/postgres.ts'
import { run } from '../helpers/process.ts'
import { archivesFor, compare, contentsOf, type Case } from '../helpers/restored-twice.ts'
import { ownServers, withoutServers, type Server } from '../helpers/servers.ts'

/*
 * An archive is restored twice into new databases of one server: by its own pg_restore, and by `pgdmp pg_restore -d`.
 * Both must say the same, end with the same status, and leave what pg_dump finds the same. The servers have none of
 * the roles that the archives name, so that many statements fail, but for the last tests.
 *
 * PGDMP_RESTORE_ARCHIVES is how many archives for each server, `all` or a number; they are chosen by a hash.
 */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-restore-'))
const timeout = 240_000
const wanted = process.env['PGDMP_RESTORE_ARCHIVES'] ?? '2'
const seed = process.env['PGDMP_RESTORE_SEED'] ?? '1'

const servers = ownServers()
/** Those that the archives name. */
const roles = ['alice', 'bob', 'readers', 'writers', 'Odd Role', 'rôle "quoted" \\ ü']
let count = 0

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function newDatabase(server: Server): string {
  const name = `pgdmp_restore_${process.pid}_${count++}`
  server.ask([`CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`])
  return name
}

function chosen<T>(archives: readonly T[]): readonly T[] {
  return wanted === 'all' ? archives : archives.slice(0, Number(wanted))
}

describe('pgdmp pg_restore -d', () => {
  if (servers.length === 0) test(withoutServers, ({ skip }) => skip(withoutServers))
  for (const server of servers) {
    test.each(chosen(archivesFor(server, seed)).map(({ path, file }) => [path, file]))(
      `${server.major}: %s as pg_restore`,
      async (_, file) => {
        const { contents } = await compare(server, file, [])
        expect(contents.length).toBeGreaterThan(400)
      },
      timeout,
    )
  }

  const { file } = fixture('15/full-Fc.dump')
  const newest = fixture('18/full-Fc.dump').file
  const list = join(folder, 'list')
  writeFileSync(list, '')

  const optionSets: readonly (readonly string[])[] = [
    ['-O', '-x', '-v'],
    ['--section=pre-data'],
    ['--section=pre-data', '--section=data', '--no-data-for-failed-tables'],
    ['-a', '--disable-triggers'],
    ['-s', '--no-tablespaces'],
    ['-t', 'many_rows'],
    ['-e'],
    ['-e', '-v'],
    ['--use-set-session-authorization', '-v'],
    ['-1'],
    ['--use-set-session-authorization'],
    ['--role=nobody_of_this_name'],
  ]
  /** What is tried of each: a part, another with each seed; everything where PGDMP_LIVE is `all`. */
  const cases: { readonly name: string; readonly perform: () => Promise<void> }[] = []
  const add = (name: string, perform: () => Promise<void>): void => void cases.push({ name, perform })

  for (const server of servers.filter(({ major }) => major === 15 || major === 18)) {
    for (const options of optionSets) {
      add(`${server.major}: ${options.join(' ')}`, async () => {
        await compare(server, server.major === 18 ? newest : file, options)
      })
    }

    add(`${server.major}: with -j, and refuses it where pg_restore does`, async () => {
      const custom = server.major === 18 ? newest : file
      // nothing is restored, so that the order in which connections do it does not show
      const none = ['-j', '4', '-t', 'none_of_this_name']
      expect((await compare(server, custom, none)).stderr).toBe('')
      const tar = fixture('13/latin1-Ft.tar').file
      const refused: readonly (readonly [string, readonly string[], Case?])[] = [
        [tar, none],
        [tar, [...none, '-v']],
        [custom, none, { stdin: true }],
        [custom, [...none, '-Fc'], { stdin: true }],
        [fixture('derived/v1.0-Fc.dump').file, none],
        [fixture('derived/v1.7-Fc.dump').file, none],
        [fixture('derived/v1.0-Fc.dump').file, none.slice(2)],
        [fixture('derived/v1.2-Fc.dump').file, [...none.slice(2), '-v']],
      ]
      for (const [archive, options, how] of refused) {
        const { status, stderr } = await compare(server, archive, options, how)
        expect([status, stderr]).toEqual([1, expect.stringMatching(/not supported/)])
      }
      // read through a pipe that has a name
      const options = [...none, '-Fc', '-d', server.database('postgres'), '/dev/stdin']
      const real = await run('/bin/sh', ['-c', 'cat "$0" | "$@"', custom, server.pgRestore, ...options])
      const dropIn = [process.execPath, cli, 'pg_restore', '--compat', server.version, ...options]
      const ours = await run('/bin/sh', ['-c', 'cat "$0" | "$@"', custom, ...dropIn])
      expect([ours.status, ours.stderr]).toEqual([real.status, withoutPath(real.stderr)])
      expect(ours.stderr).toContain('non-seekable')
    })

    add(
      `${server.major}: a transaction that cannot be committed, and rows that a deferred constraint refuses`,
      async () => {
        const source = newDatabase(server)
        const tables = `CREATE TABLE parent (id int PRIMARY KEY);
          CREATE TABLE child (p int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);`
        server.ask([tables, 'INSERT INTO parent VALUES (1)', 'INSERT INTO child VALUES (1)'], source)
        const dump = join(folder, `deferred-${server.major}`)
        await run(server.pgDump, ['-Fc', '-d', server.database(source), '-f', dump])
        const schema = `${dump}-schema`
        await run(server.pgDump, ['-Fc', '-s', '-d', server.database(source), '-f', schema])
        for (const options of [
          ['-a', '-t', 'child', '-1'],
          ['-a', '-t', 'child', '-1', '-v'],
          ['-a', '-t', 'child'],
        ]) {
          const { status, stderr } = await compare(server, dump, options, { prepare: schema })
          expect([status, stderr]).toEqual([1, expect.stringContaining('violates foreign key constraint')])
        }
      },
    )

    const transactions = server.major >= 17 ? [['-C', '--transaction-size=5']] : []
    for (const options of [['-C'], ['-C', '-v'], ['-C', '-c', '--if-exists'], ...transactions]) {
      add(`${server.major}: ${options.join(' ')}`, async () => {
        const source = newDatabase(server)
        const rows =
          'CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 9); CREATE VIEW v AS SELECT a FROM t'
        server.ask([rows], source)
        const dump = join(folder, `create-${server.major}`)
        await run(server.pgDump, ['-Fc', '-C', '-d', server.database(source), '-f', dump])
        const args = [...options, '-d', server.database('postgres'), dump]
        const outcomes: unknown[] = []
        for (const program of [[server.pgRestore], [process.execPath, cli, 'pg_restore', '--compat', server.version]]) {
          if (!options.includes('-c')) server.ask([`DROP DATABASE ${source}`])
          const { status, stderr } = await run(program[0] ?? '', [...program.slice(1), ...args])
          outcomes.push([status, withoutPath(stderr), await contentsOf(server, source)])
        }
        expect(outcomes[1]).toEqual(outcomes[0])
        expect(outcomes[1]).toEqual([0, expect.any(String), expect.stringContaining('COPY public.t')])
      })
    }

    if (server.major >= 17) {
      for (const options of [['--transaction-size=3'], ['--transaction-size=3', '-v', '-O', '-x']]) {
        add(`${server.major}: ${options.join(' ')}`, async () => {
          await compare(server, newest, options)
        })
      }
    }

    add(`${server.major}: into a database that is full, with and without --clean`, async () => {
      const archive = server.major === 18 ? newest : file
      const { stderr } = await compare(server, archive, [], { prepare: archive })
      expect(stderr).toContain('already exists')
      await compare(server, archive, ['--clean', '--if-exists'], { prepare: archive })
    })

    add(`${server.major}: from a pipe, and from a list`, async () => {
      const archive = server.major === 18 ? newest : file
      await compare(server, archive, ['-O'], { stdin: true })
      const { stdout } = await run(server.pgRestore, ['-l', archive])
      // every third entry, the last first
      const lines = stdout
        .toString('latin1')
        .split('\n')
        .filter((line) => /^\d+;/.test(line))
      const some = lines.filter((_, at) => at % 3 === 0).reverse()
      writeFileSync(list, some.join('\n'), 'latin1')
      await compare(server, archive, ['-L', list])
    })
  }

  for (const server of servers) {
    add(`${server.major}: -C into a database that takes no connections`, async () => {
      // the library of 13 does not say it
      const place = (stderr: string): string =>
        server.major < 14 ? stderr.replace(/connection to server at .*? failed: /, '') : stderr
      const source = newDatabase(server)
      server.ask(['CREATE TABLE t (a int)', `ALTER DATABASE ${source} CONNECTION LIMIT 0`], source)
      const dump = join(folder, `limited-${server.major}`)
      await run(server.pgDump, ['-Fc', '-C', '-d', server.database(source), '-f', dump])
      server.ask([`DROP DATABASE ${source}`])
      const user = `${source}_user`
      server.ask([`CREATE ROLE ${user} LOGIN CREATEDB PASSWORD 'one'`])
      const database = server.database('postgres').replace(/user=\S+ password=\S+/, `user=${user} password=one`)
      try {
        for (const options of [['-C'], ['-C', '-v'], ['-C', '-c', '--if-exists']]) {
          const args = [...options, '-d', database, dump]
          const real = await run(server.pgRestore, args)
          server.ask([`DROP DATABASE ${source}`])
          const ours = await run(process.execPath, [cli, 'pg_restore', '--compat', server.version, ...args])
          server.ask([`DROP DATABASE ${source}`])
          expect([ours.status, place(ours.stderr)]).toEqual([real.status, place(withoutPath(real.stderr))])
          expect(ours.stderr).toContain('too many connections')
        }
      } finally {
        server.ask([`DROP ROLE ${user}`])
      }
    })
  }

  for (const { name, perform } of partOf(cases, ({ name: its }) => its)) test(name, perform, timeout)

  test.each(
    servers.filter(({ major }) => major === 13 || major === 18).map((server) => [server.major, server] as const),
  )(
    '%s: where the roles exist',
    async (_, server) => {
      const archive = server.major === 18 ? newest : file
      for (const role of roles) server.ask([`CREATE ROLE "${role.replaceAll('"', '""')}"`])
      for (const options of [['--use-set-session-authorization'], ['--role=readers', '-v']]) {
        const { stderr } = await compare(server, archive, options)
        // 13 has no pg_database_owner
        expect(stderr).not.toMatch(/role "(?!pg_).*" does not exist/)
      }
    },
    timeout,
  )
})
