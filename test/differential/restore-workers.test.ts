import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filter, open, restore, type RestoreFailure, type RestoreProgress } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { fixture } from '../helpers/corpus.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { dropDatabase, inNewDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* Several sessions of one restore with a real server: what ends one ends all, and none is left behind. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-workers-'))
const server = servers.at(-1)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('restore() with jobs', () => {
  const alone = { query: async () => undefined, copyFrom: () => Promise.reject(new Error('no rows are expected')) }
  const another = async () => ({ ...alone, end: async () => undefined })

  test('refuses a target of one session, and one transaction', async () => {
    await using archive = await open(fixture('18/full-Fc.dump').file)
    await expect(restore(archive, alone, { jobs: 2 })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('one session only'),
    })
    await expect(restore(archive, { ...alone, another }, { jobs: 2, singleTransaction: true })).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('single transaction'),
    })
    await using old = await open(fixture('derived/v1.7-Fc.dump').file)
    await expect(restore(old, { ...alone, another }, { jobs: 2 })).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(restore(archive, alone, { jobs: 0 })).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('ends the sessions that were opened when others cannot be', async () => {
    await using archive = await open(fixture('18/full-Fc.dump').file)
    let ended = 0
    let asked = 0
    const target = {
      ...alone,
      another: async () => {
        if (++asked === 2) throw new Error('too many')
        return { ...alone, end: async () => void ended++ }
      },
    }
    await expect(restore(filter(archive, { schemaOnly: true }), target, { jobs: 4 })).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: 'Cannot open session 3 of 4: too many',
    })
    expect([asked, ended]).toEqual([3, 2])
  })
})

describe('what is called back and throws', () => {
  test.each(['onProgress', 'onMessage'])('ends all sessions: %s', async (callback) => {
    await using archive = await open(fixture('18/full-Fc.dump').file)
    let atWork = 0
    let most = 0
    let ended = 0
    const session = () => ({
      query: async () => {
        most = Math.max(most, ++atWork)
        await new Promise((resolve) => setTimeout(resolve, 2))
        atWork--
      },
      // it ends soon enough
      cancel: async () => undefined,
      copyFrom: () => Promise.reject(new Error('no rows are expected')),
    })
    const target = { ...session(), another: async () => ({ ...session(), end: async () => void ended++ }) }
    const no = new Error('no screen')
    const restored = restore(filter(archive, { schemaOnly: true }), target, {
      jobs: 3,
      ...(callback === 'onMessage'
        ? {
            // others are at work by then
            onMessage: (message) => {
              if (atWork > 1 && message.includes('launching')) throw no
            },
          }
        : {
            onProgress: ({ workers }) => {
              if (workers !== undefined) throw no
            },
          }),
    })
    await expect(restored).rejects.toBe(no)
    expect([atWork, ended]).toEqual([0, 2])
    expect(most).toBeGreaterThan(callback === 'onMessage' ? 1 : 0)
  })
})

describe('workers', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, uri } = server
  const file = join(folder, 'tables')

  beforeAll(async () => {
    const source = newDatabase(server)
    for (const name of ['a', 'b', 'c', 'd']) {
      ask([`CREATE TABLE ${name} (x int PRIMARY KEY)`, `INSERT INTO ${name} SELECT generate_series(1, 1000)`], source)
    }
    await run(server.pgDump, ['-Fc', '-d', database(source), '-f', file])
    dropDatabase(server, source)
  })

  const sessions = (name: string, what = 'true'): string =>
    ask([`SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND (${what})`]).trim()
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50))
  }

  /** A restore of the rows of four tables, of which two are locked by another session. */
  async function whileTwoWait(
    use: (restored: Promise<unknown>, name: string, abort: AbortController) => Promise<void>,
  ): Promise<void> {
    await inNewDatabase(server ?? fail(), async (name) => {
      await run(server?.pgRestore ?? '', ['-s', '-d', database(name), file])
      const other = await connectPg(uri(name))
      const target = await connectPg(uri(name))
      try {
        await other.query(Buffer.from('BEGIN; LOCK TABLE b; LOCK TABLE c'))
        await using archive = await open(file)
        const abort = new AbortController()
        const options = { jobs: 3, signal: abort.signal }
        const restored = restore(filter(archive, { dataOnly: true }), target, options)
        restored.catch(() => undefined)
        await until(() => sessions(name, "wait_event_type = 'Lock'") === '2')
        await use(restored, name, abort)
        // that of the target, and the one that holds the locks
        await until(() => sessions(name) === '2' || sessions(name) === '1')
      } finally {
        await target.end().catch(() => undefined)
        await other.end()
      }
      await until(() => sessions(name) === '0')
    })
  }

  test('hear the signal: statements that wait are cancelled, the others ended', async () => {
    await whileTwoWait(async (restored, name, abort) => {
      const reason = new Error('enough')
      abort.abort(reason)
      await expect(restored).rejects.toBe(reason)
      expect(sessions(name, "wait_event_type = 'Lock'")).toBe('0')
    })
  })

  test('end together when the connection of one is lost', async () => {
    await whileTwoWait(async (restored, name) => {
      const last = `SELECT max(pid) FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`
      ask([`SELECT pg_terminate_backend((${last}))`])
      await expect(restored).rejects.toMatchObject({ code: 'CONNECTION_LOST', dumpId: expect.any(Number) })
      expect(sessions(name, "wait_event_type = 'Lock'")).toBe('0')
    })
  })

  test('end together after the failure that was to be the last one, and roll back', async () => {
    await inNewDatabase(server, async (name) => {
      ask(['CREATE TABLE c (y text)'], name)
      const target = await connectPg(uri(name))
      try {
        await using archive = await open(file)
        const failures: RestoreFailure[] = []
        const onError = (failure: RestoreFailure) => {
          failures.push(failure)
          return failure.worker === undefined ? 'continue' : 'stop'
        }
        const result = await restore(archive, target, { jobs: 3, onError })
        expect(result).toMatchObject({ complete: false, failed: failures.length })
        expect(failures.at(-1)).toMatchObject({ worker: expect.any(Number), entry: { tag: 'c', desc: 'TABLE DATA' } })
        // ready for whatever comes next
        await target.query(Buffer.from('SELECT 1'))
        expect(sessions(name, "state <> 'idle'")).toBe('0')
        expect(sessions(name)).toBe('1')
      } finally {
        await target.end()
      }
    })
  })

  test('tell what each is doing', async () => {
    await inNewDatabase(server, async (name) => {
      const target = await connectPg(uri(name))
      try {
        await using archive = await open(file)
        const told: RestoreProgress[] = []
        const result = await restore(archive, target, { jobs: 3, onProgress: (progress) => told.push(progress) })
        expect(result).toMatchObject({ complete: true, failed: 0 })
        expect(told.at(-1)).toEqual({ bytes: result.bytes, entry: undefined })
        const together = told.filter(({ workers }) => workers !== undefined)
        expect(together.every(({ workers }) => workers?.length === 3)).toBe(true)
        expect(together.some(({ workers }) => workers?.filter((entry) => entry !== undefined).length === 3)).toBe(true)
        for (const { worker, workers, entry } of together) {
          if (worker !== undefined) expect(workers?.[worker - 1]).toBe(entry)
        }
      } finally {
        await target.end()
      }
    })
  })

  test('goes on in the database that it creates, with all sessions', async () => {
    const source = newDatabase(server)
    ask(['CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 9); CREATE INDEX ON t (a)'], source)
    const dump = join(folder, 'created')
    await run(server.pgDump, ['-Fc', '-C', '-d', database(source), '-f', dump])
    dropDatabase(server, source)
    const args = ['restore', '-q', '-C', '-j', '3', '-d', database('postgres'), dump]
    const { status, stderr } = await run(process.execPath, [cli, ...args])
    expect([status, stderr]).toEqual([0, ''])
    expect(ask(['SELECT count(*) FROM t'], source).trim()).toBe('9')
    dropDatabase(server, source)
  })

  test.each(['-v', '--spool'])(
    'pgdmp restore -j takes standard input, as it comes or whole first: %s',
    async (option) => {
      await inNewDatabase(server, async (name) => {
        const args = ['restore', '-q', option, '-j', '2', '-d', database(name), '-']
        const { status, stderr } = await run(process.execPath, [cli, ...args], { stdin: readFileSync(file) })
        expect([status, stderr]).toEqual([0, ''])
        expect(ask(['SELECT count(*) FROM d'], name).trim()).toBe('1000')
      })
    },
  )
})

function fail(): never {
  throw new Error('there is no server')
}
