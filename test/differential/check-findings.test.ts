import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { checkTarget, createRoles, filter, open, restore } from '../../src/index.ts'
import type { CheckFinding, RestoreFailure, RestoreOptions } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run, shellQuote } from '../helpers/process.ts'
import { inNewDatabase, ownServers, withoutServers, type Server } from '../helpers/servers.ts'

/* What a check tells of databases made for it, each beside what a restore then comes across. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-check-findings-'))
const servers = ownServers()
const timeout = 120_000

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An archive of a database that commands make; the roles that they made are gone. */
async function archiveOf(server: Server, commands: readonly string[], roles: readonly string[]): Promise<string> {
  const file = join(folder, `${server.major}-${Math.random()}.dump`)
  server.ask(roles.map((role) => `CREATE ROLE ${role}`))
  await inNewDatabase(server, async (name) => {
    server.ask(commands, name)
    execFileSync(server.pgDump, ['-Fc', '-f', file, '-d', server.database(name)])
  })
  if (roles.length > 0) server.ask(roles.map((role) => `DROP ROLE ${role.replace(/ SUPERUSER$/, '')}`))
  return file
}

async function connect(server: Server, database: string, user?: string): Promise<PgTarget> {
  const login = user === undefined ? {} : { user, password: 'of-a-test' }
  return await connectPg({ ...server.parameters(database), ...login })
}

/** What is told of one kind of problem. */
const namesOf = (findings: readonly CheckFinding[], what: string | RegExp): readonly string[] | undefined =>
  findings.find((finding) => (typeof what === 'string' ? finding.what === what : what.test(finding.what)))?.names

const failed = ({ error, entry }: RestoreFailure): string => `${entry?.desc} ${entry?.tag} [${error.sqlState}]`

describe.each(servers.map((server) => [server.major, server] as const))('%i: a check', (major, server) => {
  const { ask } = server

  test(
    'tells of owners who must be superusers, as roles that are created for it are not',
    async () => {
      const file = await archiveOf(
        server,
        [
          'CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$',
          'CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION f()',
          'ALTER EVENT TRIGGER et OWNER TO an_owner',
          'CREATE FOREIGN DATA WRAPPER fw',
          'ALTER FOREIGN DATA WRAPPER fw OWNER TO "AN owner"',
          `CREATE SUBSCRIPTION sub CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)`,
          'ALTER SUBSCRIPTION sub OWNER TO an_owner',
          'CREATE TABLE t (a integer)',
          'ALTER TABLE t OWNER TO an_owner',
        ],
        ['an_owner SUPERUSER', '"AN owner" SUPERUSER'],
      )
      await inNewDatabase(server, async (name) => {
        const target = await connect(server, name)
        try {
          await using archive = await open(file)
          const options: RestoreOptions = { compat: server.version }
          expect(await createRoles(archive, target, options)).toEqual({
            created: expect.arrayContaining(['an_owner', 'AN owner']),
          })
          const { findings } = await checkTarget(archive, target, options)
          const told = findings.find(({ what }) => what === 'owners who must be superusers, and are not')
          expect(told?.names).toHaveLength(2)
          const { failures, groups } = await restore(archive, target, options)
          const expected = ['FOREIGN DATA WRAPPER fw [42501]', 'EVENT TRIGGER et [42501]']
          if (major < 16) expected.splice(1, 0, 'SUBSCRIPTION sub [42501]')
          expect(failures.map(failed)).toEqual(expected)
          expect(told?.dumpIds.toSorted()).toEqual(failures.map(({ entry }) => entry?.dumpId).toSorted())
          expect(groups).toEqual([expect.objectContaining({ cause: told?.what, hint: told?.hint })])
        } finally {
          await target.end()
        }
      })
      ask(['DROP ROLE an_owner', 'DROP ROLE "AN owner"'])
    },
    timeout,
  )

  test(
    'by a role that is no superuser tells of owners of publications, and once of who granted a privilege',
    async () => {
      const file = await archiveOf(
        server,
        [
          'CREATE SCHEMA s',
          'CREATE TABLE s.t (a integer)',
          'CREATE PUBLICATION pub FOR TABLE s.t',
          'ALTER PUBLICATION pub OWNER TO an_owner',
          'GRANT SELECT ON s.t TO a_grantor WITH GRANT OPTION',
          'GRANT USAGE ON SCHEMA s TO a_grantor',
          'SET ROLE a_grantor; GRANT SELECT ON s.t TO a_grantee',
        ].flatMap((command) => (command.startsWith('SET ROLE') ? [`${command}; RESET ROLE`] : [command])),
        ['an_owner', 'a_grantor', 'a_grantee'],
      )
      ask(["CREATE ROLE a_maker LOGIN CREATEROLE PASSWORD 'of-a-test'"])
      await inNewDatabase(server, async (name) => {
        ask([`ALTER DATABASE ${name} OWNER TO a_maker`])
        const target = await connect(server, name, 'a_maker')
        try {
          await using archive = await open(file)
          // tables and their schema belong to who dumped
          const options: RestoreOptions = { compat: server.version }
          const view = filter(archive, {}, options)
          await createRoles(view, target, options)
          const { findings } = await checkTarget(view, target, options)
          expect(namesOf(findings, /^owners who may not create in the database/)).toEqual(['an_owner'])
          expect(namesOf(findings, /^users that only a superuser can become/)).toBeUndefined()
          expect(namesOf(findings, 'statements that take a superuser')).toEqual([
            expect.stringContaining('ACL s.TABLE t'),
          ])
          const { failures } = await restore(view, target, options)
          const told = new Set(findings.flatMap(({ severity, dumpIds }) => (severity === 'error' ? dumpIds : [])))
          const mine = failures.filter(({ entry }) => entry?.desc === 'PUBLICATION' || entry?.desc === 'ACL')
          expect(mine.length).toBeGreaterThan(1)
          expect(mine.filter(({ entry }) => !told.has(entry?.dumpId ?? 0))).toEqual([])
        } finally {
          await target.end()
          ask(['REASSIGN OWNED BY a_maker TO postgres; DROP OWNED BY a_maker, an_owner, a_grantor, a_grantee'], name)
        }
        ask([`ALTER DATABASE ${name} OWNER TO postgres`])
      })
      ask(['an_owner', 'a_grantor', 'a_grantee', 'a_maker'].map((role) => `DROP ROLE ${role}`))
    },
    timeout,
  )

  test(
    'tells of row-level security that keeps rows from tables that are there, where it does',
    async () => {
      const make = [
        'CREATE TABLE forced (a integer)',
        'ALTER TABLE forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY',
        'CREATE TABLE enabled (a integer)',
        'ALTER TABLE enabled ENABLE ROW LEVEL SECURITY',
        'CREATE TABLE plain (a integer)',
      ]
      const rows = ['forced', 'enabled', 'plain'].map((table) => `INSERT INTO ${table} VALUES (1)`)
      const file = await archiveOf(server, [...make, ...rows], [])
      ask(["CREATE ROLE a_loader LOGIN PASSWORD 'of-a-test'"])
      await inNewDatabase(server, async (name) => {
        ask([...make, 'ALTER TABLE forced OWNER TO a_loader', 'GRANT INSERT ON enabled, plain TO a_loader'], name)
        const target = await connect(server, name, 'a_loader')
        try {
          await using archive = await open(file)
          const view = filter(archive, { dataOnly: true }, { compat: server.version })
          for (const enableRowSecurity of [false, true]) {
            const options: RestoreOptions = { compat: server.version, enableRowSecurity }
            const { findings } = await checkTarget(view, target, options)
            const told = findings.find(({ what }) => what.startsWith('tables with row-level security'))
            expect(told?.names.toSorted()).toEqual(['public.enabled', 'public.forced'])
            const { failures } = await restore(view, target, options)
            expect(failures.map(({ entry }) => entry?.dumpId).toSorted()).toEqual(told?.dumpIds.toSorted())
          }
        } finally {
          await target.end()
          ask(['DROP OWNED BY a_loader'], name)
        }
      })
      ask(['DROP ROLE a_loader'])
    },
    timeout,
  )

  test(
    'notes event triggers that are there, and not those that are dropped, switched off, or meet no definitions',
    async () => {
      const make = [
        'CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$',
        'CREATE EVENT TRIGGER of_archive ON ddl_command_end EXECUTE FUNCTION f()',
      ]
      const file = await archiveOf(server, [...make, 'CREATE TABLE t AS SELECT 1 AS a'], [])
      const others = ['there', 'off'].map((trigger) =>
        make.join(';').replace('of_archive', trigger).replaceAll('f()', `${trigger}()`),
      )
      await inNewDatabase(server, async (name) => {
        ask([...make, ...others, 'ALTER EVENT TRIGGER off DISABLE'], name)
        const target = await connect(server, name)
        try {
          await using archive = await open(file)
          const told = async (options: RestoreOptions, dataOnly = false) => {
            const view = filter(archive, { dataOnly })
            const { findings } = await checkTarget(view, target, { compat: server.version, ...options })
            return findings.find(({ what }) => what.startsWith('event triggers'))
          }
          expect(await told({})).toMatchObject({ severity: 'note', names: ['of_archive', 'there'] })
          expect(await told({ clean: true })).toMatchObject({ names: ['there'] })
          expect(await told({}, true)).toBeUndefined()
        } finally {
          await target.end()
        }
      })
    },
    timeout,
  )
})

describe('a check', () => {
  const server = servers.at(-1)
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database } = server

  test(
    'tells of names that the encoding of the database does not have, and of all else',
    async () => {
      await inNewDatabase(
        server,
        async (name) => {
          const target = await connect(server, name)
          try {
            await using archive = await open(fixture('18/full-Fc.dump').file)
            const { findings, server: found } = await checkTarget(archive, target, { noOwner: true })
            expect(found).toMatchObject({ encoding: 'LATIN1' })
            expect(namesOf(findings, /^names that the encoding/)).toEqual(['Ünïcødé→スキーマ'])
            expect(namesOf(findings, /^roles that do not exist/)).toContain('alice')
          } finally {
            await target.end()
          }
        },
        'LATIN1',
      )
    },
    timeout,
  )

  test(
    'and a copy are not ended by timeouts of the database, whoever waits for whom',
    async () => {
      await inNewDatabase(server, async (name) => {
        const timeouts = [
          'statement_timeout',
          'lock_timeout',
          'idle_in_transaction_session_timeout',
          'idle_session_timeout',
        ]
        const settings = server.major < 14 ? timeouts.slice(0, 3) : timeouts
        ask(settings.map((setting) => `ALTER DATABASE ${name} SET ${setting} = 1500`))
        // the target waits as long as pg_dump takes to look at the source
        const slow = join(folder, 'pg_dump')
        const real = shellQuote([server.pgDump])
        writeFileSync(slow, `#!/bin/sh\n[ "$1" = --version ] || sleep 4\nexec ${real} "$@"\n`, { mode: 0o755 })
        await inNewDatabase(server, async (source) => {
          ask(['CREATE TABLE t AS SELECT 1 AS a'], source)
          const args = [cli, 'copy', '--pg-dump', slow, '--from', database(source), '--to', database(name)]
          const { status, stderr } = await run(process.execPath, args)
          expect([status, stderr]).toEqual([
            0,
            expect.stringMatching(/nothing in the way\n(?:.*\n)*.*restored \d+ entries/),
          ])
        })
      })
      await inNewDatabase(server, async (name) => {
        ask([`ALTER DATABASE ${name} SET statement_timeout = 1500`])
        const [holder, target] = [await connect(server, name), await connect(server, name)]
        try {
          await using archive = await open(fixture('18/full-Fc.dump').file)
          // what the check asks for waits for this session
          await holder.client.query('BEGIN; LOCK TABLE pg_catalog.pg_publication')
          const checking = checkTarget(archive, target)
          await wait(3000)
          await holder.client.query('ROLLBACK')
          expect((await checking).server).toMatchObject({ database: name })
        } finally {
          await target.end()
          await holder.end()
        }
      })
    },
    timeout,
  )

  test(
    'and all that comes before it call nothing that the owner of a database has put in the way',
    async () => {
      const traps = [
        'CREATE TABLE trapped (who text)',
        ...['text', 'name', 'oid'].flatMap((type) => [
          `CREATE FUNCTION trap(${type}, ${type}) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
             INSERT INTO public.trapped VALUES (current_user); RETURN true; END $$`,
          `CREATE OPERATOR = (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = trap)`,
        ]),
        'CREATE FUNCTION pg_is_in_recovery() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE $a$trapped$a$; END $$',
      ]
      await inNewDatabase(server, async (name) => {
        ask([...traps, `ALTER DATABASE ${name} SET search_path = public, pg_catalog`], name)
        // the trap works
        ask([`SELECT 'a'::text = 'b'::text`, 'INSERT INTO trapped SELECT $$never$$ WHERE false'], name)
        expect(ask(['SELECT count(*) FROM trapped'], name).trim()).toBe('1')
        ask(['TRUNCATE trapped'], name)
        const archive = fixture('18/latin1-Fc.dump').file
        const env = { PATH: `${dirname(server.pgDump)}${delimiter}${process.env['PATH'] ?? ''}` }
        const chosen = `${database(name)} target_session_attrs=read-write`
        await inNewDatabase(server, async (other) => {
          for (const args of [
            ['restore', '-O', '--create-roles', '--finish', '-j', '2', '-d', chosen, archive],
            ['pg_restore', '-O', '-a', '-d', chosen, archive],
            ['dump', '-T', 'trapped', '-d', database(name), '-f', join(folder, 'trapped.dump')],
            ['copy', '-T', 'trapped', '--from', database(name), '--to', database(other)],
            ['copy', '--clean', '--if-exists', '--from', database(other), '--to', database(name)],
            ['drill', '--into', database(name), archive],
          ]) {
            const { status, stderr } = await run(process.execPath, [cli, ...args], { env, timeout })
            expect([args[0], status, stderr]).toEqual([
              args[0],
              expect.any(Number),
              expect.not.stringContaining('trapped ['),
            ])
            expect([args[0], ask(['SELECT count(*) FROM trapped'], name).trim()]).toEqual([args[0], '0'])
          }
        })
      })
    },
    timeout,
  )

  test('says in one line which servers do not answer', async () => {
    const several = 'host=127.0.0.1,127.0.0.1 port=1,2'
    const { status, stderr } = await run(process.execPath, [
      cli,
      'restore',
      '-d',
      several,
      fixture('18/latin1-Fc.dump').file,
    ])
    const refused = (port: number): string =>
      `connection to server at "127.0.0.1", port ${port} failed: Connection refused. Is the server running on that host and accepting TCP/IP connections?`
    expect([status, stderr]).toEqual([1, `pgdmp: Cannot connect: ${refused(1)}; ${refused(2)}\n`])
  })
})
