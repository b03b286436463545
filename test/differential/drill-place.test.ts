import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Archive } from '../../src/archive.ts'
import { drill } from '../../src/drill/drill.ts'
import type { DrillPlace } from '../../src/drill/place.ts'
import { serverPlace, type DrillConnection } from '../../src/drill/server-place.ts'
import type { Finding } from '../../src/errors.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { ServerError } from '../../src/restore/target.ts'
import { ownServers, withoutServers, type Server } from '../helpers/servers.ts'
import { archiveOf, created } from '../unit/drill/archive-of.ts'

/* What a drill leaves on a server, whatever happens there. */

const timeout = 60_000
const server = ownServers(1).at(0) as Server

const connect = async (database = 'postgres'): Promise<DrillConnection> => connectPg(server.parameters(database))

const drilled = (): string =>
  server.ask([
    `SELECT datname FROM pg_database WHERE datname LIKE 'pgdmp_drill_%'`,
    `SELECT rolname FROM pg_roles WHERE rolname LIKE 'drill %'`,
  ])

if (server === undefined) test('the places of a drill on a server', ({ skip }) => skip(withoutServers))

describe.skipIf(server === undefined)('on a server', () => {
  beforeAll(() => {
    server.ask([`CREATE ROLE nobody LOGIN PASSWORD 'nothing'`, 'CREATE DATABASE other'])
  })
  afterAll(() => expect(drilled()).toBe(''))

  test('what cannot be dropped is in the report, and all else is dropped', { timeout }, async () => {
    await using archive = await created({ owner: 'drill owner' })
    const report = await drill(archive, serverPlace(connect), {
      createRoles: true,
      onRestored: () =>
        void server.ask(['CREATE TABLE kept (a integer)', 'GRANT SELECT ON kept TO "drill owner"'], 'other'),
    })
    expect(report.problems.filter(({ status }) => status === 'failed')).toEqual([])
    expect(report.left).toMatch(/^Left on the server: role "drill owner" \(role "drill owner" cannot be dropped/)
    server.ask(['DROP TABLE kept'], 'other')
    expect(drilled().trim()).toBe('drill owner')
    server.ask(['DROP ROLE "drill owner"'])
  })

  test('what went wrong is told, and what is left beside it', { timeout }, async () => {
    const findings: Finding[] = []
    const place: DrillPlace = serverPlace(connect)
    const leaving: DrillPlace = {
      ...place,
      open: async (wanted) => {
        const opened = await place.open(wanted)
        const close = async (roles: readonly string[]): Promise<void> => {
          await opened.close(roles)
          throw new Error('Left on the server: something')
        }
        return { ...opened, close }
      },
    }
    await using archive = await created({})
    const onRestored = (): never => {
      throw new Error('the hook')
    }
    const options = { onRestored, onWarning: (finding: Finding) => void findings.push(finding) }
    await expect(drill(archive, leaving, options)).rejects.toThrow('the hook')
    expect(findings).toMatchObject([{ code: 'DRILL_LEFT', message: 'Left on the server: something' }])
  })

  test('a connection that is lost in the proof is told as such', { timeout }, async () => {
    await using archive = await created({})
    const onRestored = (): void => {
      const own = `datname LIKE 'pgdmp_drill_%'`
      server.ask([`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${own}`])
    }
    await expect(drill(archive, serverPlace(connect), { onRestored })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringMatching(/^Cannot drill further: the connection to the server is lost: /),
    })
  })

  test('a connection that was idle too long keeps nothing from being taken away', { timeout }, async () => {
    await using archive = await created({ owner: 'drill owner' })
    const report = await drill(archive, serverPlace(connect), {
      createRoles: true,
      onRestored: () => {
        const idle = `datname = 'postgres' AND state = 'idle'`
        server.ask([`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${idle}`], 'other')
      },
    })
    expect([report.left, drilled()]).toEqual([undefined, ''])
  })

  test.each(['CREATE DATABASE', 'CREATE ROLE'])('a lost answer to %s leaves nothing', { timeout }, async (what) => {
    /** The server does it, and nobody hears of it. */
    const deaf = async (database: string | undefined): Promise<DrillConnection> => {
      const connection = await connect(database)
      const lost = async <T>(sql: string, ask: () => Promise<T>): Promise<T> => {
        const answer = await ask()
        if (!sql.startsWith(what)) return answer
        await connection.end()
        throw new Error('Connection terminated')
      }
      return {
        query: (sql) => lost(new TextDecoder().decode(sql), () => connection.query(sql)),
        rows: (sql) => lost(sql, () => connection.rows(sql)),
        copyTo: (statement, onData) => connection.copyTo(statement, onData),
        copyFrom: (statement) => connection.copyFrom(statement),
        end: () => connection.end(),
      }
    }
    await using archive = await created({ owner: 'drill owner' })
    const findings: Finding[] = []
    const onWarning = (finding: Finding): void => void findings.push(finding)
    await expect(drill(archive, serverPlace(deaf), { createRoles: true, onWarning })).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
    })
    expect([findings, drilled()]).toEqual([[], ''])
  })

  test('a database that may not be created is told with what to do', { timeout }, async () => {
    const place = serverPlace(async (database = 'postgres') =>
      connectPg({ ...server.parameters(database), user: 'nobody', password: 'nothing' }),
    )
    await using archive = await created({})
    await expect(drill(archive, place)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: 'Cannot create a database to drill in: permission denied to create database',
      hint: 'Connect as a role with CREATEDB',
    })
  })

  test('statements that go ahead of the answers are reported as those that are waited for', { timeout }, async () => {
    const place = { namespace: 'public', owner: null, tag: 't' }
    const archive = (): Promise<Archive> =>
      archiveOf((writer) => {
        for (let at = 0; at < 150; at++) {
          const tag = `t${at}`
          const type = at % 10 === 3 ? 'nothing' : 'integer'
          const defn = `CREATE TABLE public.${tag} (a ${type});\n`
          const owner = at % 20 === 5 ? 'absent' : null
          const dropStmt = `DROP TABLE public.${tag};\n`
          const table = writer.addEntry({ ...place, desc: 'TABLE', tag, defn, dropStmt, owner })
          const silent = writer.addEntry({
            ...place,
            desc: 'FUNCTION',
            tag: `f${at}`,
            defn: '\n',
            dependencies: [table],
          })
          const view = `CREATE VIEW public.v${at} AS SELECT a FROM public.${tag};\n`
          writer.addEntry({ ...place, desc: 'VIEW', tag: `v${at}`, defn: view, dependencies: [table, silent] })
        }
      })
    /** Has no `queries`. */
    const patient = async (database: string | undefined): Promise<DrillConnection> => {
      const connection = await connect(database)
      return {
        query: (sql) => connection.query(sql),
        rows: (sql) => connection.rows(sql),
        copyTo: (statement, onData) => connection.copyTo(statement, onData),
        copyFrom: (statement) => connection.copyFrom(statement),
        end: () => connection.end(),
      }
    }
    const reportOf = async (connecting: typeof patient): Promise<object> => {
      await using one = await archive()
      const { time: _, seconds: _s, ...report } = await drill(one, serverPlace(connecting))
      return report
    }
    const report = await reportOf(connect)
    expect(report).toMatchObject({ verdict: 'failed', entries: { failed: 30, unproven: 8, proven: 412 } })
    expect(report).toEqual(await reportOf(patient))
  })

  test('releases that do not know WITH (FORCE) drop it all the same', { timeout }, async () => {
    const older = async (database: string | undefined): Promise<DrillConnection> => {
      const connection = await connect(database)
      const query = async (sql: Uint8Array): Promise<void> => {
        const text = new TextDecoder().decode(sql)
        if (text.includes('(FORCE)')) throw new ServerError('syntax error at or near "WITH"', { sqlState: '42601' })
        await connection.query(sql)
      }
      return {
        query,
        rows: (sql) => connection.rows(sql),
        copyTo: (statement, onData) => connection.copyTo(statement, onData),
        copyFrom: (statement) => connection.copyFrom(statement),
        end: () => connection.end(),
      }
    }
    await using archive = await created({})
    let watching: DrillConnection | undefined
    const onRestored = async (): Promise<void> => {
      const name = server.ask([`SELECT datname FROM pg_database WHERE datname LIKE 'pgdmp_drill_%'`]).trim()
      watching = await connect(name)
    }
    const report = await drill(archive, serverPlace(older), { onRestored })
    await watching?.end().catch(() => undefined)
    expect(report.left).toBeUndefined()
    expect(report.rows).toBe(2)
  })
})
