import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectPg, type PgTarget } from '../../src/restore/pg.ts'
import { cli } from '../helpers/paths.ts'
import { run } from '../helpers/process.ts'
import { dropDatabase, newDatabase, servers, withoutServers } from '../helpers/servers.ts'
import { everywhere, random } from '../helpers/sweep.ts'

/* A dump and a copy that a signal ends, while pg_dump waits for a lock and while it sends rows. */

const server = servers.at(-1)
const folder = mkdtempSync(join(tmpdir(), 'pgdmp-signals-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const heard = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const

const dumps = [
  { name: 'a custom archive', args: ['dump', '-Fc'] },
  { name: 'a tar archive', args: ['dump', '-Ft'] },
  { name: 'a directory', args: ['dump', '-Fd', '-j', '2'] },
  { name: 'a copy', args: ['copy'] },
  { name: 'a copy in two sessions', args: ['copy', '-j', '2'] },
]

describe('a signal', () => {
  if (server === undefined) return test(withoutServers, ({ skip }) => skip(withoutServers))
  const { ask, uri } = server
  let source = ''
  let target = ''
  let admin: PgTarget
  beforeAll(async () => {
    source = newDatabase(server)
    target = newDatabase(server)
    const rows = 'SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 30000) g'
    const tables = ['a', 'b', 'c'].flatMap((name) => [
      `CREATE TABLE ${name} (x int, t text)`,
      `INSERT INTO ${name} ${rows}`,
    ])
    ask(['CREATE TABLE locked (x int)', ...tables], source)
    admin = await connectPg(uri('postgres'))
  })
  afterAll(async () => {
    await admin.end()
    for (const name of [source, target]) dropDatabase(server, name)
  })

  const sessions = async (): Promise<readonly string[]> => {
    const rows = await admin.rows(`SELECT application_name || ' ' || coalesce(wait_event, '') || ' ' || query
      FROM pg_stat_activity WHERE datname IN ('${source}', '${target}') AND application_name <> 'holder'`)
    return rows.map(([text]) => text ?? '')
  }

  const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
    const begin = Date.now()
    while (!(await holds())) {
      if (Date.now() - begin > 15_000) throw new Error(`not so after 15 s: ${what}; ${(await sessions()).join('; ')}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  const cases = dumps.flatMap((dump) => {
    const signals = everywhere ? heard : [random.pick(heard)]
    return [...signals, ['SIGKILL', null] as const].flatMap(([signal, status]) => {
      const waits = everywhere ? [true, false] : [signal === 'SIGKILL' || random.below(2) === 0]
      return waits.map((does) => [signal, dump.name, does, dump.args, status] as const)
    })
  })

  test.each(cases)(
    '%s ends %s and pg_dump, which waits: %s',
    { timeout: 60_000 },
    async (signal, _, waits, args, status) => {
      const place = mkdtempSync(join(folder, 'place-'))
      mkdirSync(join(place, 'out'))
      const output = join(place, 'out', 'made')
      const [verb = '', ...options] = args
      const places =
        verb === 'dump'
          ? ['-d', uri(source), '-f', output, '--globals']
          : ['--from', uri(source), '--to', uri(target), '--no-check']
      const command = [cli, verb, ...options, '--pg-dump', server.pgDump, ...places]
      const holder = await connectPg({ ...server.parameters(source), application_name: 'holder' })
      try {
        if (waits) await holder.query(Buffer.from('BEGIN; LOCK TABLE locked'))
        const child = spawn(process.execPath, command, { stdio: ['ignore', 'ignore', 'pipe'] })
        let said = ''
        child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
        const ended = new Promise((resolve) => child.on('close', (...how) => resolve(how)))
        const isThere = waits ? /^pg_dump relation/ : /^pg_dump .*COPY public\.[abc]/
        await until('pg_dump is at work', async () => (await sessions()).some((text) => isThere.test(text)))
        if (!waits) await new Promise((resolve) => setTimeout(resolve, random.below(60)))
        child.kill(signal)
        expect(await ended, said).toEqual(signal === 'SIGKILL' ? [null, signal] : [status, null])
        await until('all sessions have ended', async () => (await sessions()).length === 0)
        const left = readdirSync(join(place, 'out'))
        if (signal === 'SIGKILL') for (const name of left) expect(name).toMatch(/^\.pgdmp-.*\.tmp$/)
        else expect(left).toEqual([])
        if (waits) await holder.query(Buffer.from('COMMIT'))
        if (signal !== 'SIGKILL' || !args.includes('-Fd')) return
        // on Linux
        const { status: good, stderr } = await run(process.execPath, command)
        expect([good, stderr]).toEqual([0, ''])
        expect(readdirSync(join(place, 'out')).toSorted()).toEqual(['made', 'made.globals.sql', 'made.receipt.json'])
      } finally {
        await holder.end()
        if (verb === 'copy') ask(['DROP SCHEMA public CASCADE', 'CREATE SCHEMA public'], target)
        rmSync(place, { recursive: true })
      }
    },
  )
})
