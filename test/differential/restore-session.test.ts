import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect as dial, createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { filter, open, restore } from '../../src/index.ts'
import { connectPg } from '../../src/restore/pg.ts'
import { fixture } from '../helpers/corpus.ts'
import { cutting } from '../helpers/cutting-proxy.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { inNewDatabase, servers, withoutServers } from '../helpers/servers.ts'

/* The session of a restore with a real server: what is no COPY, signals, connections that fail, and their remains. */

const folder = mkdtempSync(join(tmpdir(), 'pgdmp-session-'))
const server = servers.at(-1)
const listeners: TcpServer[] = []
afterAll(() => {
  for (const listener of listeners) listener.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The port of a listener, which tells of each connection. */
async function listen(onSocket: (socket: Socket) => void): Promise<number> {
  const listener = createServer(onSocket)
  listeners.push(listener)
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  // of a listening TCP server
  return (listener.address() as AddressInfo).port
}

/** Resolves when a socket has gone, to true; to false when it has not within two seconds. */
function gone(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(true))
    setTimeout(() => resolve(false), 2000).unref()
  })
}

const seconds = 60_000

describe('a session', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, database, uri } = server
  const { host, port, user, password } = server.parameters('postgres')

  /** An archive of a table with rows. */
  const tableArchive = async (): Promise<string> => {
    const file = join(folder, 'table')
    await inNewDatabase(server, async (name) => {
      ask(['CREATE TABLE t (a int)', 'INSERT INTO t SELECT generate_series(1, 100)'], name)
      await run(server.pgDump, ['-Fc', '-d', database(name), '-f', file])
    })
    return file
  }

  /** Runs `use` while another session holds the table. */
  async function whileLocked(name: string, use: () => Promise<void>): Promise<void> {
    const other = await connectPg(uri(name))
    try {
      await other.query(Buffer.from('BEGIN; LOCK TABLE t'))
      await use()
    } finally {
      await other.end()
    }
  }

  /** Resolves when a session waits for a lock. */
  async function untilWaiting(name: string): Promise<void> {
    const waiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`
    while (ask([waiting]).trim() === '0') await new Promise((resolve) => setTimeout(resolve, 50))
  }

  test(
    'takes a statement that asks for no rows for a failure, and goes on',
    async () => {
      await inNewDatabase(server, async (name) => {
        ask(['CREATE TABLE t (a int)'], name)
        const target = await connectPg(uri(name))
        try {
          for (const sql of ['SELECT 1', ';', "COPY t FROM '/dev/null'", 'COPY t TO STDOUT', 'SELECT 1; SELECT 2']) {
            await expect(target.copyFrom(Buffer.from(sql))).rejects.toMatchObject({
              name: 'ServerError',
              sqlState: '42601',
              message: 'the statement of the archive asks for no rows',
            })
            await target.query(Buffer.from('SELECT 1'))
          }
          await expect(target.copyFrom(Buffer.from('SELECT 1/0'))).rejects.toMatchObject({ sqlState: '22012' })
          const after = await target.copyFrom(Buffer.from('SELECT 1; COPY t FROM STDIN'))
          await after.write(new Uint8Array())
          await after.write(Buffer.from('1\n'))
          await after.end()
          const two = await target.copyFrom(Buffer.from('COPY t FROM STDIN; COPY t FROM STDIN'))
          await expect(two.end()).rejects.toMatchObject({ name: 'ServerError', sqlState: '57014' })
          await target.query(Buffer.from('SELECT 1'))
        } finally {
          await target.end()
        }
        expect(ask(['SELECT count(*) FROM t'], name).trim()).toBe('1')
      })
    },
    seconds,
  )

  test('ends a COPY without its rows when all that the server says to it comes at once', async () => {
    await inNewDatabase(server, async (name) => {
      ask(['CREATE TABLE t (a int)'], name)
      const target = await connectPg(uri(name))
      try {
        const input = await target.copyFrom(Buffer.from('COPY t FROM STDIN'))
        await input.write(Buffer.from('1\n'))
        const aborted = input.abort('enough')
        // the error and the word that the session is ready
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
        await aborted
        await target.query(Buffer.from('SELECT 1'))
      } finally {
        await target.end()
      }
      expect(ask(['SELECT count(*) FROM t'], name).trim()).toBe('0')
    })
  })

  test(
    'hears the signal while a statement waits, and is of use afterwards',
    async () => {
      const file = await tableArchive()
      await inNewDatabase(server, async (name) => {
        ask(['CREATE TABLE t (a int)'], name)
        await whileLocked(name, async () => {
          const target = await connectPg(uri(name))
          try {
            await using archive = await open(file)
            const abort = new AbortController()
            const restored = restore(filter(archive, { dataOnly: true }), target, {
              singleTransaction: true,
              signal: abort.signal,
            })
            const reason = new Error('enough')
            void untilWaiting(name).then(() => abort.abort(reason))
            await expect(restored).rejects.toBe(reason)
            await target.query(Buffer.from('SELECT 1'))
            const state = `SELECT state FROM pg_stat_activity WHERE datname = '${name}' AND query = 'SELECT 1'`
            expect(ask([state]).trim()).toBe('idle')
          } finally {
            await target.end()
          }
        })
      })
    },
    seconds,
  )

  test.each([['restore'], ['pg_restore']])(
    'pgdmp %s ends with 130 on SIGINT while a statement waits',
    async (command) => {
      const file = await tableArchive()
      await inNewDatabase(server, async (name) => {
        ask(['CREATE TABLE t (a int)'], name)
        await whileLocked(name, async () => {
          const child = spawn(process.execPath, [cli, command, '-a', '-d', database(name), file], { stdio: 'ignore' })
          const ended = new Promise((resolve) => child.on('exit', (code) => resolve(code)))
          await untilWaiting(name)
          child.kill('SIGINT')
          const late = new Promise((resolve) => setTimeout(resolve, 8000, 'does not end'))
          const status = await Promise.race([ended, late])
          child.kill('SIGKILL')
          expect(status).toBe(130)
          const left = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND wait_event_type = 'Lock'`
          expect(ask([left]).trim()).toBe('0')
        })
      })
    },
    seconds,
  )

  test(
    'tells as such that its connection is lost before anything is restored',
    async () => {
      const file = await tableArchive()
      await inNewDatabase(server, async (name) => {
        // before the first question: until then it connects, and says what holds for the session
        const proxy = await cutting({ host, port }, { direction: 'up', message: 7, which: 'one' })
        const place = `postgresql://${user}:${password}@127.0.0.1:${proxy.port}/${name}?sslmode=disable`
        const { status, stderr } = await run(process.execPath, [cli, 'restore', '-d', place, file])
        expect([status, stderr]).toEqual([
          1,
          expect.stringMatching(/^pgdmp: Cannot begin: the connection to the server is lost: .*try again\.$/m),
        ])
        await proxy.close()
      })
    },
    seconds,
  )

  test('hears the signal while it connects, and closes the socket', async () => {
    let closed: Promise<boolean> | undefined
    const silent = await listen((socket) => {
      closed = gone(socket)
      socket.resume()
    })
    const abort = new AbortController()
    const { signal } = abort
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 300)
    await expect(connectPg({ host: '127.0.0.1', port: silent, user: 'u' }, { signal })).rejects.toBe(reason)
    expect(await closed).toBe(true)
  })

  test('leaves no connection behind that failed, nor a second one', async () => {
    const sockets: Promise<boolean>[] = []
    const proxy = await listen((socket) => {
      sockets.push(gone(socket))
      const there = dial(port, host)
      there.on('error', () => undefined)
      socket.pipe(there).pipe(socket)
    })
    let asked = 0
    const config = {
      host: '127.0.0.1',
      port: proxy,
      user,
      database: 'postgres',
      password: () => {
        if (++asked !== 2) throw new Error('none is known')
        return password
      },
    }
    await expect(connectPg(config)).rejects.toThrow('none is known')
    expect(await sockets[0]).toBe(true)
    const target = await connectPg(config)
    await expect(target.connect?.('postgres')).rejects.toThrow('none is known')
    expect(await Promise.all(sockets)).toEqual([true, true, true])
  })

  test('keeps what else a connection string says for the second connection', async () => {
    const target = await connectPg(`${uri('postgres')}?application_name=mine&options=-c%20work_mem%3D5MB`)
    try {
      await target.connect?.('template1')
      const { rows } = await target.client.query(
        "SELECT current_database() AS database, current_setting('application_name') AS name, current_setting('work_mem') AS memory",
      )
      expect(rows).toEqual([{ database: 'template1', name: 'mine', memory: '5MB' }])
    } finally {
      await target.end()
    }
  })

  test('gives the rows of a question, and goes on after one that is refused', async () => {
    const target = await connectPg(uri('postgres'))
    try {
      expect(await target.rows?.("SELECT n, nullif(n, 2), 'ä' FROM generate_series(1, 2) AS n")).toEqual([
        ['1', '1', 'ä'],
        ['2', null, 'ä'],
      ])
      await expect(target.rows?.('SELECT 1 / (3 - n) FROM generate_series(1, 3) AS n')).rejects.toMatchObject({
        name: 'ServerError',
        sqlState: '22012',
      })
      expect(await target.rows?.('SELECT 1 WHERE false')).toEqual([])
    } finally {
      await target.end()
    }
  })

  test(
    'goes on in a database whose name has letters of the archive’s encoding',
    async () => {
      const name = `pgdmp_größe_${process.pid}`
      const options = ['-C', '--database-name', name, '-O', '-d', database('postgres')]
      try {
        const { status, stderr } = await run(process.execPath, [
          cli,
          'restore',
          ...options,
          fixture('18/latin1-Fc.dump').file,
        ])
        // a server whose databases have several encodings does not know the name again in this one (ALTER DATABASE)
        expect([status, stderr]).toEqual([1, expect.stringContaining('the server refused 1 statement')])
        expect(ask([`SELECT count(*) FROM "Größe"."Straße"`], name).trim()).toBe('3')
      } finally {
        ask([`DROP DATABASE IF EXISTS "${name}"`])
      }
    },
    seconds,
  )

  test(
    'says which entry it was when the new database cannot be reached',
    async () => {
      const source = `pgdmp_limited_${process.pid}`
      const role = `${source}_user`
      const dump = join(folder, 'limited')
      ask([`CREATE DATABASE ${source} CONNECTION LIMIT 0`, `CREATE ROLE ${role} LOGIN CREATEDB PASSWORD 'one'`])
      try {
        await run(server.pgDump, ['-Fc', '-C', '-d', database(source), '-f', dump])
        ask([`DROP DATABASE ${source}`])
        const target = await connectPg(`postgresql://${role}:one@${host}:${port}/postgres`)
        await using archive = await open(dump)
        await expect(restore(filter(archive, { create: true }), target)).rejects.toMatchObject({
          code: 'CONNECTION_FAILED',
          dumpId: archive.toc.find(({ desc }) => desc === 'DATABASE PROPERTIES')?.dumpId,
          hint: expect.stringContaining('without create'),
          message: expect.stringContaining('too many connections'),
        })
      } finally {
        ask([`DROP DATABASE IF EXISTS ${source}`, `DROP ROLE ${role}`])
      }
    },
    seconds,
  )

  test(
    'says before anything is restored that pg-copy-streams is not installed',
    async () => {
      const file = await tableArchive()
      const hooks = join(folder, 'hooks.mjs')
      writeFileSync(
        hooks,
        `export async function resolve(name, context, next) {
          if (name !== 'pg-copy-streams') return await next(name, context)
          throw Object.assign(new Error('it is not there'), { code: 'ERR_MODULE_NOT_FOUND' })
        }`,
      )
      const without = join(folder, 'without.mjs')
      writeFileSync(without, `import { register } from 'node:module'\nregister(${JSON.stringify(`file://${hooks}`)})`)
      await inNewDatabase(server, async (name) => {
        const args = ['--import', without, cli, 'restore', '-d', database(name), file]
        const { status, stderr } = await run(process.execPath, args)
        expect([status, stderr]).toEqual([1, expect.stringContaining('the package pg-copy-streams is not installed')])
        expect(ask([`SELECT count(*) FROM pg_class WHERE relname = 't'`], name).trim()).toBe('0')
      })
    },
    seconds,
  )

  test(
    'writes a log that only its owner reads, and never onto the archive',
    async () => {
      const file = await tableArchive()
      const directory = join(folder, 'table.dir')
      await inNewDatabase(server, async (name) => {
        await run(server.pgDump, ['-Fd', '-d', database(name), '-f', directory])
        const log = join(folder, 'log')
        const pgdmp = (...args: string[]) => run(process.execPath, [cli, 'restore', '-d', database(name), ...args])
        expect(await pgdmp('--log', log, file)).toMatchObject({ status: 0 })
        expect((await run('stat', ['-c', '%a', log])).stdout.toString().trim()).toBe('600')
        writeFileSync(log, 'x'.repeat(100_000))
        await pgdmp('--log', log, file)
        expect(readFileSync(log, 'utf8')).toMatch(/^\{/)
        const link = join(folder, 'link')
        symlinkSync(file, link)
        const before = readFileSync(file)
        for (const [path, archive] of [
          [file, file],
          [link, file],
          [join(directory, 'toc.dat'), directory],
          [join(directory, 'new'), directory],
        ] as const) {
          const { status, stderr } = await pgdmp('--log', path, archive)
          expect([status, stderr]).toEqual([2, expect.stringContaining('belongs to the archive')])
        }
        expect(readFileSync(file).equals(before)).toBe(true)
        expect((await run('ls', [directory])).stdout.toString()).not.toContain('new')
      })
    },
    seconds,
  )
})
