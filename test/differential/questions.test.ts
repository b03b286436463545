import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkTarget, finish, open, type FinishOptions } from '../../src/index.ts'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { run } from '../helpers/process.ts'
import { dropDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* What is asked before and after a restore, while another session holds what it needs: signals, and lost connections. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-questions-'))
const server = servers.at(-1)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('questions', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, uri } = server
  const file = join(folder, 'two')
  let name = ''

  beforeAll(async () => {
    name = newDatabase(server)
    ask(['CREATE TABLE a (x int)', 'CREATE TABLE b (x int)'], name)
    await run(server.pgDump, ['-Fc', '-d', database(name), '-f', file])
  })
  afterAll(() => dropDatabase(server, name))

  const sessions = (what: string): string =>
    ask([`SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND (${what})`]).trim()
  const until = async (holds: () => boolean): Promise<void> => {
    for (let waited = 0; !holds(); waited++) {
      if (waited > 60) throw new Error('the sessions do not do what they should')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Asks until `waiting` sessions wait for `locked`. */
  async function whileLocked(
    locked: readonly string[],
    waiting: number,
    begin: (target: PgTarget) => Promise<unknown>,
    use: (asked: Promise<unknown>, target: PgTarget) => Promise<void>,
  ): Promise<void> {
    const other = await connectPg(uri(name))
    const target = await connectPg(uri(name))
    try {
      await other.query(Buffer.from(['BEGIN', ...locked.map((table) => `LOCK TABLE ${table}`)].join('; ')))
      const asked = begin(target)
      asked.catch(() => undefined)
      await until(() => sessions("wait_event_type = 'Lock'") === String(waiting))
      await use(asked, target)
      // none waits, or is left but that of the target and the one that holds the locks
      expect(sessions("wait_event_type = 'Lock'")).toBe('0')
      await until(() => Number(sessions('true')) <= 2)
    } finally {
      await target.end().catch(() => undefined)
      await other.end()
    }
    await until(() => sessions('true') === '0')
  }

  async function finishing(target: PgTarget, options: FinishOptions): Promise<void> {
    await using archive = await open(file)
    const data = archive.toc.filter(({ desc }) => desc === 'TABLE DATA')
    // to count waits for locks first
    const rows = new Map(data.map(({ dumpId }) => [dumpId, 0]))
    await finish(archive, target, { rows, jobs: 2, ...options })
  }

  test('finish() has the server give up what its sessions wait for when the signal comes', async () => {
    const abort = new AbortController()
    const { signal } = abort
    await whileLocked(
      ['a', 'b'],
      2,
      (target) => finishing(target, { signal }),
      async (asked, target) => {
        const reason = new Error('enough')
        abort.abort(reason)
        await expect(asked).rejects.toBe(reason)
        expect(await target.rows('SELECT 1')).toEqual([['1']])
      },
    )
  })

  test.each([
    ['another one’s', 'max'],
    ['that of the target', 'min'],
  ])('finish() ends all sessions, and says what to do, when a connection is lost: %s', async (_, which) => {
    await whileLocked(
      ['a', 'b'],
      2,
      (target) => finishing(target, {}),
      async (asked) => {
        const waiting = `FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`
        ask([
          `SELECT pg_terminate_backend((SELECT pid ${waiting} ORDER BY backend_start ${which === 'max' ? 'DESC' : ''} LIMIT 1))`,
        ])
        await expect(asked).rejects.toMatchObject({
          code: 'CONNECTION_LOST',
          message: expect.stringContaining('Cannot finish the restore: the connection to the server is lost'),
          hint: expect.stringContaining('What was restored stays'),
        })
      },
    )
  })

  test('finish() stops all sessions when what it calls back throws', async () => {
    await whileLocked(
      ['a'],
      // one is stopped as soon as the other has counted
      0,
      (target) =>
        finishing(target, {
          onProgress: () => {
            throw new Error('no screen')
          },
        }),
      async (asked) => {
        await expect(asked).rejects.toThrow('no screen')
      },
    )
  })

  test('checkTarget() hears the signal while the server is at work, and leaves the role', async () => {
    const abort = new AbortController()
    const { signal } = abort
    await whileLocked(
      ['pg_catalog.pg_conversion'],
      1,
      async (target) => {
        await using archive = await open(file)
        await checkTarget(archive, target, { signal, role: 'pg_monitor' })
      },
      async (asked, target) => {
        const reason = new Error('enough')
        abort.abort(reason)
        await expect(asked).rejects.toBe(reason)
        expect(await target.rows('SELECT current_user = session_user')).toEqual([['t']])
      },
    )
  })

  test('checkTarget() says that the connection is lost', async () => {
    await whileLocked(
      ['pg_catalog.pg_conversion'],
      1,
      async (target) => {
        await using archive = await open(file)
        await checkTarget(archive, target)
      },
      async (asked) => {
        const waiting = `FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`
        ask([`SELECT pg_terminate_backend(pid) ${waiting}`])
        await expect(asked).rejects.toMatchObject({
          code: 'CONNECTION_LOST',
          hint: 'Nothing was changed: check again',
        })
      },
    )
  })
})
